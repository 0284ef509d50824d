"""The script behind docs/location_maps.md, at toy size."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from benchmarks_at_hand import BENCHMARKS, benchmark

PAGE = BENCHMARKS.parent / "docs" / "location_maps.md"


@pytest.fixture(scope="module")
def script():
    with benchmark("location_maps") as module:
        yield module


@pytest.fixture(scope="module")
def readings(script):
    return sys.modules[script.scores.__module__]


@pytest.fixture(scope="module")
def made(script):
    return script.crowds(1, 6, (4, 40))


def test_larger_crowds_have_more_of_the_same_people(script, made):
    small, large = made["4 people"], made["40 people"]
    assert [len(one) for one in large] == [40] * 6
    assert all(np.array_equal(one, other[:4]) for one, other in zip(small, large, strict=True))
    assert all(1 <= len(one) <= 60 for one in made[script.LIKE_JTA])
    for people in large:
        assert script.street.inside(script.street.project(people)).any(axis=1).all()
        assert people[..., 2].min() > 0.5


def test_closeness_by_hand(script):
    people = np.zeros((3, 2, 3)) + (0, 0, 10)
    people[1, :, 0] = 0.1  # 11.58 px aside
    people[2, :, 0] = 2.0
    assert script.street.close_share(people, 8) == pytest.approx(2 / 3)
    assert script.street.close_share(people, 4) == 0


def test_a_crowd_costs_location_maps_and_not_volumes(readings, made):
    maps = readings.Reading(32, radius=1)
    few, many = made["4 people"], made["40 people"]
    assert readings.scores(many, maps)[2] < readings.scores(few, maps)[2] - 5
    assert readings.scores(many, readings.volumes)[2] > 99


def test_only_coordinates_around_a_joint_cost_precision(readings, made):
    frames = made["40 people"]
    own = [
        readings.Reading(8),
        readings.Reading(32),
        readings.Reading(8, strict=True),
        readings.Reading(8, hidden=0.35),
    ]
    assert min(readings.scores(frames, read)[0] for read in own) > 99
    assert readings.scores(frames, readings.Reading(32, radius=1))[0] < 90


def test_what_is_read_is_exact_but_for_means(readings, made):
    frames = made["40 people"]
    for read in (readings.Reading(32, radius=1), readings.Reading(8, radius=5, strict=True)):
        assert readings.scores(frames, read, 0.4)[2] == readings.scores(frames, read, 1.2)[2]
    mean = readings.Reading(32, radius=1, overlap="mean")
    assert readings.scores(frames, mean, 1.2)[2] > readings.scores(frames, mean, 0.4)[2] + 2


def test_the_page_gets_its_tables_and_its_picture(script, made, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- table -->old<!-- end -->\n## b\n<!-- table -->\n\nold\n\n<!-- end -->\nc\n")
    rows = {name: frames[:1] for name, frames in made.items()}
    tables = [script.table_of_readings(rows["4 people"], []), script.table_of_crowds(rows)]
    for _ in range(2):
        script.put_tables(page, tables)
        assert page.read_text().count("<!-- table -->") == 2
    assert "old" not in page.read_text()
    assert all(table in page.read_text() for table in tables)
    assert all(line.count("|") == tables[0].partition("\n")[0].count("|") for line in tables[0].splitlines())
    with pytest.raises(SystemExit, match="2 places for tables, not 1"):
        script.put_tables(page, tables[:1])
    sizes = {name: frames for name, frames in rows.items() if name != script.LIKE_JTA}
    script.draw(tmp_path / "picture.png", sizes, {})
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_shows_the_readings_there_are(readings):
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| {read} |" in text for read in readings.READINGS)
