"""JTA: joints whoever they belong to, shares of each frame, and who counts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from people_tables import LABELLED, prediction_table, scored, truth_table, values

from mhbench.columns import JointFlag
from mhbench.errors import PredictionError
from mhbench.protocols.loading import load_protocol, with_options
from mhbench.skeletons import skeleton

TEST = load_protocol("jta/test")
JTA, LOCO = skeleton("jta_22"), skeleton("loco_14")
INSIDE = np.full((22, 2), 500.0)


def lone_joints(points):
    """People of one joint each, in JTA's 22, from rows (type of the 14, x, y, z)."""
    people = np.full((len(points), 22, 3), np.nan)
    for person, (kind, *position) in enumerate(points):
        people[person, JTA.index(LOCO.joints[int(kind)])] = position
    return list(people)


def shard(frames, **more):
    count = sum(len(people) for people in frames)
    pixels = np.repeat(INSIDE[None], count, axis=0).astype(np.float32)
    return truth_table("jta", "jta_22", frames, split="test", **{"joints2d": pixels, **more})


def as_people(points):
    people = np.full((len(points), 14, 3), np.nan)
    for person, (kind, *position) in enumerate(points):
        people[person, int(kind)] = position
    return list(people)


def loose(frames):
    points = np.array([one for points in frames for one in points], dtype=np.float64).reshape(-1, 4)
    return {
        "loose_start": np.concatenate([[0], np.cumsum([len(one) for one in frames])]).astype(np.int64),
        "loose": {
            "joint": points[:, 0].astype(np.int64),
            "position": points[:, 1:],
            "score": np.full(len(points), 0.7),
        },
    }


@pytest.fixture(scope="module")
def random_frames(golden):
    cases = json.loads((golden / "metrics_multi" / "loco_cases.json").read_text())
    frames = [case for case in cases["joint_matching"] if case["name"].startswith("random")]
    return frames, cases["mean_over_random_frames"]


def test_the_mean_over_frames_is_locos(random_frames):
    frames, expected = random_frames
    table = shard([lone_joints(one["points_true"]) for one in frames])
    given = prediction_table(table, "loco_14", [as_people(one["points_pred"]) for one in frames])
    numbers = values(scored(TEST, table, given), TEST)
    for distance, shares in expected.items():
        for ours, theirs in (("precision", "pr"), ("recall", "re"), ("f1", "f1")):
            assert numbers[f"{ours}.joint@{distance}m"] == pytest.approx(100 * shares[theirs], abs=1e-9)


def test_joints_without_people_score_like_those_of_people(random_frames):
    frames, expected = random_frames
    table = shard([lone_joints(one["points_true"]) for one in frames])
    peaks = loose([one["points_pred"] for one in frames])
    given = prediction_table(table, "loco_14", [[]] * len(frames), **peaks)
    numbers = values(scored(TEST, table, given), TEST)
    assert numbers["f1.joint@0.4m"] == pytest.approx(100 * expected["0.4"]["f1"], abs=1e-9)
    assert numbers["precision.joint@1.2m"] == pytest.approx(100 * expected["1.2"]["pr"], abs=1e-9)


def test_people_and_joints_without_people_add_up():
    table = shard([lone_joints([(0, 0, 0, 5), (1, 1, 0, 5)])])
    given = prediction_table(
        table, "loco_14", [as_people([(0, 0, 0, 5)])], **loose([[(1, 1, 0, 5), (2, 9, 0, 5)]])
    )
    numbers = values(scored(TEST, table, given), TEST)
    assert numbers["recall.joint@0.4m"] == 100.0
    assert numbers["precision.joint@0.4m"] == pytest.approx(200 / 3)


def test_only_people_hidden_by_others_in_every_joint_are_left_out():
    body = np.zeros((22, 3)) + (0.0, 0.0, 5.0)
    flags = np.full((3, 22), LABELLED)
    flags[0] |= int(JointFlag.OCCLUDED)
    flags[1] |= int(JointFlag.SELF_OCCLUDED)
    flags[2, :-1] |= int(JointFlag.OCCLUDED)
    table = shard([[body, body + 1, body + 2]], joint_flags=flags.astype(np.uint8))
    result = scored(TEST, table, prediction_table(table, "loco_14", [[]]))
    assert result.counts.true == 2
    assert result.counts.matched is None


@pytest.mark.parametrize(
    ("pixel", "counts"),
    [
        ((-0.9, 5.0), True),
        ((-1.0, 5.0), False),
        ((1920.9, 5.0), True),
        ((1921.0, 5.0), False),
        ((5.0, 1081.0), False),
    ],
)
def test_pixels_are_cut_to_integers_and_both_ends_are_inside(pixel, counts):
    table = shard([lone_joints([(0, 0, 0, 5)])], joints2d=np.full((1, 22, 2), pixel, dtype=np.float32))
    assert scored(TEST, table, prediction_table(table, "loco_14", [[]])).counts.true == int(counts)


def test_an_empty_frame_is_perfect_and_an_empty_side_is_nothing():
    table = shard([[], lone_joints([(0, 0, 0, 5)])])
    numbers = values(scored(TEST, table, prediction_table(table, "loco_14", [[], []])), TEST)
    assert numbers["f1.joint@0.4m"] == 50.0


def test_the_best_assignment_finds_a_second_choice():
    table = shard([lone_joints([(0, 0.0, 0, 5), (0, 0.3, 0, 5)])])
    # both true joints are nearest to the first prediction; only an assignment gives each its own
    given = prediction_table(table, "loco_14", [as_people([(0, 0.15, 0, 5), (0, 0.6, 0, 5)])])
    best = with_options(TEST, {"matching": "hungarian"})
    assert values(scored(TEST, table, given), TEST)["recall.joint@0.4m"] == 50.0
    assert values(scored(best, table, given), best)["recall.joint@0.4m"] == 100.0


def test_root_relative_files_are_refused():
    table = shard([[]])
    with pytest.raises(PredictionError, match="space"):
        scored(TEST, table, prediction_table(table, "loco_14", [[]], space="root"))
