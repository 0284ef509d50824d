"""The check of bodies after every item: units, left and right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mhbench.conversion.body_check import check_bodies
from mhbench.conversion.pipeline import convert
from mhbench.datasets import dataset
from mhbench.datasets.items import Selection
from mhbench.synthetic.raw import WRITERS, write_raw

IN_2D = {"crowdpose", "ochuman", "up3d"}  # data sets without 3D joints


@pytest.fixture(scope="module", params=[name for name in WRITERS if name not in IN_2D])
def table(request, tmp_path_factory):
    raw = tmp_path_factory.mktemp(request.param)
    write_raw(request.param, raw / "raw", frames=12, people=3, motion="walk", images=False)
    reader = dataset(request.param)
    item = reader.items(raw / "raw", Selection())[0]
    return reader.read(raw / "raw", item, Selection())[0]


def changed(table, factor):
    joints = table.persons["joints3d"] * np.array(factor, dtype=np.float32)
    return replace(table, persons={**table.persons, "joints3d": joints})


def test_bodies_of_every_data_set_look_like_bodies(table):
    check = check_bodies(table)
    assert check.warning == ""
    assert 1.0 < check.median_extent_m < 2.2
    assert check.mirrored <= 0.1 * check.judged


def test_millimetres_taken_for_metres_are_noticed(table):
    assert "unit" in check_bodies(changed(table, 1000)).warning


def test_mirrored_people_are_noticed_where_front_and_side_can_be_told(table):
    check = check_bodies(changed(table, (-1, 1, 1)))
    assert check.judged == 0 or check.mirrored >= 0.9 * check.judged


def test_the_check_is_stored_and_a_warning_printed(tmp_path, monkeypatch):
    monkeypatch.setattr("mhbench.conversion.body_check.PLAUSIBLE_EXTENT_M", (0.01, 0.02))
    write_raw("panoptic", tmp_path / "raw", frames=2, people=1, cameras=("00_16",), images=False)
    report = convert("panoptic", tmp_path / "raw", tmp_path / "shards", engine="serial", jobs=1)
    (result,) = report.results.values()
    assert result.bodies is not None
    assert "is the unit right?" in str(report)
