"""The worst frames: which they are, in what order, and what is said of them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mhbench.evaluation.worst_frames import WORST_FRAMES, frame_distances, worst_frames, worst_rows
from mhbench.scoring.scored import FrameCounts, PeopleCounts, Scored
from mhbench.scoring.statistics import Statistic, ratio

IDS = np.array([f"walk/0/{number}" for number in range(8)])
NOBODY = PeopleCounts(true=0, predicted=0)


def scored(**fields):
    return Scored(frames={"id": IDS}, measures=fields.pop("measures", {}), counts=NOBODY, joints=(), **fields)


def test_rows_come_worst_first_and_what_is_right_never():
    assert worst_rows(np.array([0.0, 3.0, 1.0, 3.0])) == [1, 3, 2]
    assert len(worst_rows(np.arange(1.0, 20.0))) == WORST_FRAMES


def test_a_miss_and_an_extra_cost_the_limit_of_the_matching():
    records = SimpleNamespace(
        matched=np.array([True, False, True, False]),
        missed=np.array([False, True, False, False]),
        false=np.array([False, False, False, True]),
        distance_m=np.array([0.1, np.nan, 0.2, np.nan]),
        frame=np.array([0, 0, 1, 2]),
        frame_count=4,
        frames={"id": IDS},
    )
    np.testing.assert_allclose(frame_distances(records, 0.5), [0.3, 0.2, 0.5, 0.0])
    protocol = SimpleNamespace(matching=SimpleNamespace(limit_m=0.5))
    found = worst_frames(scored(records=records), protocol)
    assert [(one.frame, one.about) for one in found] == [
        ("walk/0/2", "0 matched, 0 missed, 1 false"),
        ("walk/0/0", "1 matched at 100 mm, 1 missed, 0 false"),
        ("walk/0/1", "1 matched at 200 mm, 0 missed, 0 false"),
    ]


def test_of_equal_shares_more_people_are_worse():
    counts = np.array([[1, 1, 0], [2, 2, 0], [3, 0, 0], [0, 0, 0], [0, 0, 1]])
    found = worst_frames(scored(frame_counts=FrameCounts("within 1 m", counts)), None)
    assert [one.frame for one in found] == ["walk/0/4", "walk/0/1", "walk/0/0"]
    assert found[1].about == "2 found within 1 m, 2 missed, 0 false"


def test_frames_are_counted_from_their_predictions():
    made = FrameCounts.of(
        "", np.array([2, 0, 1]), np.array([0, 0, 2, 1]), np.array([True, False, True, False])
    )
    np.testing.assert_array_equal(made.counts, [[1, 1, 1], [0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    ("name", "finish", "parts", "expected"),
    [
        ("f1.joint@0.4m", ratio(100.0), [[1.0, 1.0], [0.25, 1.0], [0.5, 1.0]], ["1: 25.0 %", "2: 50.0 %"]),
        ("collisions.pairs", lambda sums: sums[..., 0], [[0.0], [3.0], [5.0]], ["2: 5", "1: 3"]),
        ("mpjpe", ratio(1.0), [[9.0, 1.0], [1.0, 1.0], [2.0, 1.0]], []),
    ],
)
def test_a_metric_with_a_value_of_each_frame_decides_where_nobody_is_counted(name, finish, parts, expected):
    measure = Statistic(name, "%", np.arange(3), np.array(parts), finish)
    frames = {"id": np.array(["0", "1", "2"])}
    made = Scored(frames=frames, measures={name: measure}, counts=NOBODY, joints=())
    found = worst_frames(made, None)
    assert [f"{one.frame}: {one.about.removeprefix(name + ' ')}" for one in found] == expected
