"""VoxelPose's AP over poses: by hand and against a plain loop over the sorted list."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mhbench.errors import PredictionError, ShapeError
from mhbench.metrics import pose_ap


def people(count, seed=0, joints=15):
    random = np.random.default_rng(seed)
    return random.uniform(-300, 300, (count, joints, 3)) + 3000 * np.arange(count)[:, None, None]


def plain_ap(entries, total, threshold):
    """entries: (score, distance, person) in file order."""
    taken, area, best = set(), [], 0
    for rank, (_, distance, person) in enumerate(sorted(entries, key=lambda entry: -entry[0]), start=1):
        hit = distance < threshold and person not in taken
        if hit:
            taken.add(person)
        area.append((len(taken) / (rank + 1e-5), hit))
    value = 0.0
    for precision, hit in reversed(area):
        best = max(best, precision)
        value += hit * best / (total + 1e-5)
    return 100 * value


def test_a_perfect_result_is_just_below_100():
    target = [people(2), people(1, seed=1)]
    score = pose_ap(target, target, [[0.9, 0.8], [0.7]])
    assert score.ap[25.0] == pytest.approx(100, abs=1e-3)
    assert score.ap[25.0] < 100
    assert (score.recall, score.mpjpe, score.people, score.hits) == (100, 0, 3, 3)


def test_thresholds_are_strict_and_a_person_is_hit_once():
    target = [people(1)]
    moved = target[0] + np.array([0.0, 0.0, 64.0])
    score = pose_ap(target, [np.concatenate([moved, target[0]])], [[0.9, 0.8]], thresholds_mm=(64.0, 65.0))
    # at 64 mm the better scored one is wrong and the other right; at 65 mm it takes the person
    assert score.ap[64.0] == pytest.approx(50, abs=1e-3)
    assert score.ap[65.0] == pytest.approx(100, abs=2e-3)
    assert score.mpjpe == pytest.approx(64)


def test_invisible_joints_are_not_measured():
    target = people(1)
    predicted = target.copy()
    predicted[0, 3] += 1000
    visible = np.ones((1, 15))
    visible[0, 3] = 0
    assert pose_ap([target], [predicted], [[1.0]], visible=[visible]).mpjpe == 0


def test_frames_without_people_are_skipped():
    score = pose_ap([np.zeros((0, 15, 3)), people(1)], [people(1), []], [[0.9], []])
    assert (score.ap[150.0], score.recall, score.people) == (0, 0, 1)
    assert math.isnan(score.mpjpe)
    nothing = pose_ap([[]], [people(1)], [[0.5]])
    assert (nothing.ap[25.0], nothing.recall) == (-1, -1)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_as_a_plain_loop_counts_and_whatever_the_order(seed):
    random = np.random.default_rng(seed)
    target, predicted, scores, entries, total = [], [], [], [], 0
    ranks = iter(random.permutation(100) / 100)
    for frame in range(5):
        true = people(random.integers(1, 4), seed=frame)
        chosen = random.integers(0, len(true), random.integers(0, 5))
        found = true[chosen] + random.normal(0, 40, (len(chosen), 15, 3))
        score = [float(next(ranks)) for _ in chosen]
        distance = np.linalg.norm(found - true[chosen], axis=-1).mean(axis=-1)
        entries += list(zip(score, distance, total + chosen, strict=True))
        total += len(true)
        target.append(true)
        predicted.append(found)
        scores.append(score)
    result = pose_ap(target, predicted, scores)
    for threshold, value in result.ap.items():
        assert value == pytest.approx(plain_ap(entries, total, threshold), abs=1e-9)
    order = random.permutation(5)
    again = pose_ap(
        [target[frame][::-1] for frame in order],
        [predicted[frame][::-1] for frame in order],
        [scores[frame][::-1] for frame in order],
    )
    assert again.ap == result.ap


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="1 frames of truth, 2 of predictions"):
        pose_ap([people(1)], [people(1), people(1)], [[1.0], [1.0]])
    joints = people(1).shape[1]
    with pytest.raises(ShapeError, match=r"predicted\[0\]"):  # as many numbers as `joints` people less one
        pose_ap([people(1)], [np.zeros((joints, joints - 1, 3))], [np.ones(joints - 1)])
    with pytest.raises(PredictionError, match="NaN"):
        pose_ap([people(1)], [people(1) * np.nan], [[1.0]])
    with pytest.raises(PredictionError, match="NaN"):
        pose_ap([people(1)], [people(1)], [[np.nan]])
