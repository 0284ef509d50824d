"""Joint F1: LoCO's own counts in metres and voxels, by hand, and against scipy for the optimal matching."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from mhbench.errors import ShapeError, UsageError
from mhbench.metrics import joint_f1
from mhbench.metrics.joint_detection import joint_counts, joint_f1_frames, joint_shares

# its association and back-projection are tested with the heatmaps
GOLDEN = ["loco_cases"]


def cases(golden, name):
    return json.loads((golden / "metrics_multi/loco_cases.json").read_text())[name]


@pytest.mark.parametrize("group", ["joint_matching", "voxel_matching"])
def test_counts_and_shares_of_loco(golden, group):
    for case in cases(golden, group):
        for threshold, expected in case["expected"].items():
            score = joint_f1(case["points_true"], case["points_pred"], threshold=float(threshold))
            assert (score.tp, score.fp, score.fn) == (expected["tp"], expected["fp"], expected["fn"])
            shares = (score.precision, score.recall, score.f1)
            assert shares == pytest.approx((expected["pr"], expected["re"], expected["f1"]), abs=1e-12)


def flat(frames):
    """Two point tables and two lists of offsets."""
    tables = []
    for side in zip(*frames, strict=True):
        points = [np.reshape(points, (-1, 4)) for points in side]
        tables.append((np.concatenate(points), np.append(0, np.cumsum([len(rows) for rows in points]))))
    (target, gt_start), (predicted, pred_start) = tables
    return target, predicted, gt_start, pred_start


def test_mean_over_frames_of_loco(golden):
    frames = [
        (case["points_true"], case["points_pred"])
        for case in cases(golden, "joint_matching")
        if case["name"].startswith("random")
    ]
    for threshold, expected in cases(golden, "mean_over_random_frames").items():
        scores = joint_f1_frames(*flat(frames), threshold=float(threshold))
        found = (scores.precision, scores.recall, scores.f1)
        assert found == pytest.approx((expected["pr"], expected["re"], expected["f1"]), abs=1e-12)


def test_who_loses_gets_no_second_choice():
    target = [[0, 0.0, 0, 0], [0, 0.3, 0, 0]]
    predicted = [[0, 0.2, 0, 0], [0, -0.3, 0, 0]]
    assert joint_f1(target, predicted, threshold=0.4).tp == 1
    assert joint_f1(target, predicted, threshold=0.4, matching="hungarian").tp == 2


def test_the_threshold_is_a_hit_and_types_never_mix():
    assert joint_f1([[0, 0.0, 0, 0]], [[0, 1.0, 0, 0]], threshold=1).f1 == 1
    assert joint_f1([[0, 0.0, 0, 0]], [[1, 0.0, 0, 0]], threshold=1).f1 == 0
    assert joint_f1([[0, 0.0, 0, 0]], [[0, np.nan, 0, 0]], threshold=1).fp == 1


def test_empty_sides():
    assert joint_f1([], [], threshold=1).f1 == 1
    assert joint_f1([[0, 0, 0, 0]], [], threshold=1).recall == 0
    np.testing.assert_array_equal(
        joint_shares([[0, 0, 0], [0, 2, 0], [1, 1, 1]]), [[1] * 3, [0] * 3, [0.5] * 3]
    )
    assert np.isnan(joint_f1_frames([], [], [0], [0], threshold=1).f1)


def random_frames(seed, frames=6):
    random = np.random.default_rng(seed)

    def side():
        count = random.integers(0, 30)
        return np.c_[random.integers(0, 3, count), random.uniform(0, 2, (count, 3))]

    return [(side(), side()) for _ in range(frames)]


@pytest.mark.parametrize("threshold", [0.4, 0.8])
def test_hungarian_finds_as_many_as_scipy(threshold):
    frames = random_frames(3)
    (counts,) = joint_counts(*flat(frames), thresholds=[threshold], matching="hungarian")
    for (target, predicted), (found, false, missed) in zip(frames, counts, strict=True):
        most = 0
        for kind in range(3):
            true, given_ = target[target[:, 0] == kind, 1:], predicted[predicted[:, 0] == kind, 1:]
            near = np.linalg.norm(true[:, None] - given_[None], axis=-1) <= threshold
            most += near[linear_sum_assignment(~near)].sum()
        assert found == most
        assert (found + false, found + missed) == (len(predicted), len(target))


@pytest.mark.parametrize("matching", ["reference", "hungarian"])
def test_thresholds_together_are_those_one_by_one(matching):
    frames, thresholds = random_frames(9), (0.4, 0.0, 1.2, 0.8)
    counts = joint_counts(*flat(frames), thresholds=thresholds, matching=matching)
    assert counts.shape == (4, len(frames), 3)
    for one, threshold in zip(counts, thresholds, strict=True):
        alone = [joint_f1(*frame, threshold=threshold, matching=matching) for frame in frames]
        assert one.tolist() == [[score.tp, score.fp, score.fn] for score in alone]
    found = counts[[1, 0, 3, 2], :, 0]
    assert np.all(np.diff(found, axis=0) >= 0)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["reference", "hungarian"]))
@settings(max_examples=20)
def test_order_and_rigid_motion_do_not_matter(seed, matching):
    random = np.random.default_rng(seed)
    ((target, predicted),) = random_frames(seed, frames=1)
    before = joint_f1(target, predicted, threshold=0.5, matching=matching)
    rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
    shift = random.normal(size=3)
    moved = []
    for points in (target, predicted):
        shuffled = random.permutation(points)
        moved.append(np.c_[shuffled[:, 0], shuffled[:, 1:] @ rotation.T + shift])
    assert joint_f1(*moved, threshold=0.5, matching=matching) == before


def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="matching is 'best'"):
        joint_f1([], [], threshold=1, matching="best")
    with pytest.raises(ShapeError, match="target_points"):
        joint_f1([[1.0, 2.0, 3.0]], [], threshold=1)
    with pytest.raises(ShapeError, match="no index"):
        joint_f1([[0.5, 2.0, 3.0, 1.0]], [], threshold=1)
    with pytest.raises(ShapeError, match="offsets end"):
        joint_f1_frames([[0, 0, 0, 0]], [], [0, 2], [0, 0], threshold=1)
