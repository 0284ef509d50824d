from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhbench.errors import ShapeError, UsageError
from mhbench.heatmaps import associate, associate_optimally, head_limits
from mhbench.heatmaps.association import HEAD_LIMITS, REFINER_LIMITS
from mhbench.skeletons import skeleton


def line(*detections):
    """Detections (type, x, confidence) on the x axis."""
    points = np.array([[kind, x, 0, 0] for kind, x, _ in detections], dtype=float)
    return points, np.array([confidence for _, _, confidence in detections], dtype=float)


def crowd(people=6, joints=14, seed=0):
    """People at least 3 m apart, every joint within 0.2 m of the head: nothing to confuse."""
    rng = np.random.default_rng(seed)
    heads = np.stack([3.0 * np.arange(people), np.zeros(people), np.full(people, 10.0)], axis=1)
    places = heads[:, None] + rng.uniform(-0.1, 0.1, (people, joints, 3))
    types = np.tile(np.arange(joints, dtype=float), people)
    points = np.column_stack([types, places.reshape(-1, 3)])
    return places, points, rng.uniform(0.5, 1, people * joints)


def test_the_golden_cases_of_the_published_rule(golden):
    content = json.loads((golden / "metrics_multi" / "loco_cases.json").read_text())["head_association"]
    assert tuple(content["max_head_distance_m"]) == HEAD_LIMITS
    for case in content["cases"]:
        people = associate(np.array(case["coords"], dtype=float), np.array(case["confidences"]))
        expected = np.array(case["expected"])
        hole = expected[..., 0] < 0
        assert np.array_equal(people.source < 0, hole)
        assert np.array_equal(people.joints[~hole], expected[~hole][:, 1:4])
        assert np.isnan(people.joints[hole]).all()
        assert np.array_equal(people.confidence, expected[..., 4])


def test_people_come_by_confidence_and_a_taken_detection_is_not_replaced():
    points, confidence = line((0, 0.0, 0.5), (0, 0.3, 0.9), (1, 0.2, 0.8), (1, -0.3, 0.7))
    people = associate(points, confidence, limits=(0, 0.5))
    assert people.joints[:, 0, 0].tolist() == [0.3, 0.0]
    assert people.source.tolist() == [[1, 2], [0, -1]]  # the nearest of the second is taken, its own is free


def test_the_limit_is_exclusive():
    points, confidence = line((0, 0.0, 1), (1, 0.5, 1))
    assert associate(points, confidence, limits=(0, 0.5)).source.tolist() == [[0, -1]]
    assert associate(points, confidence, limits=(0, 0.5001)).source.tolist() == [[0, 1]]


def test_an_exact_repetition_of_a_taken_detection_is_taken_too():
    points, confidence = line((0, 0.0, 0.9), (0, 0.1, 0.8), (1, 0.2, 0.7), (1, 0.2, 0.7))
    assert associate(points, confidence, limits=(0, 0.5)).source.tolist() == [[0, 2], [1, -1]]


def test_any_type_can_be_the_root():
    points, confidence = line((0, 0.2, 1), (1, 0.0, 1), (2, 0.3, 1))
    people = associate(points, confidence, root=1, limits=(0.5, 0, 0.2))
    assert people.source.tolist() == [[0, 1, -1]]


def test_the_viewers_rule_assigns_each_type_as_a_whole():
    # the first root is nearest to the detection that the second needs; both rules differ here
    points, confidence = line((0, 0.0, 0.9), (0, 0.4, 0.8), (1, 0.3, 1), (1, -0.35, 1))
    assert associate(points, confidence, limits=(0, 0.5)).source.tolist() == [[0, 2], [1, -1]]
    assert associate_optimally(points, confidence, limits=(0, 0.5)).source.tolist() == [[0, 3], [1, 2]]


def test_the_viewers_rule_keeps_pairs_below_one_and_a_half_limits():
    for x, kept in ((0.404, True), (0.406, False)):
        points, confidence = line((0, 0.0, 1), (1, x, 1))
        people = associate_optimally(points, confidence)
        assert bool(people.source[0, 1] == 1) is kept
    assert REFINER_LIMITS[1] * 1.5 == pytest.approx(0.405)


def test_the_viewers_rule_drops_the_earlier_of_two_duplicates():
    points, confidence = line((0, 0.0, 0.9), (0, 0.05, 0.2), (1, 0.1, 1), (1, 0.2, 1))
    people = associate_optimally(points, confidence)
    assert people.source[:, :2].tolist() == [[1, 2]]
    everyone = associate_optimally(points, confidence, duplicate_distance=-1)
    assert len(everyone.joints) == 2


@pytest.mark.parametrize("rule", [associate, associate_optimally])
@given(seed=st.integers(0, 10_000))
def test_separate_people_are_found_whatever_the_order(rule, seed):
    places, points, confidence = crowd(seed=seed)
    order = np.random.default_rng(seed).permutation(len(points))
    found = rule(points[order], confidence[order]).joints
    assert np.array_equal(found[np.argsort(found[:, 0, 0])], places)


@pytest.mark.parametrize("rule", [associate, associate_optimally])
def test_without_roots_there_is_nobody(rule):
    points, confidence = line((1, 0.0, 1))
    assert rule(points, confidence).joints.shape == (0, 14, 3)
    assert rule(np.zeros((0, 4)), np.zeros(0)).source.shape == (0, 14)
    alone = rule(*line((0, 0.0, 1)))
    assert alone.source.tolist() == [[0, *[-1] * 13]]


def test_the_limits_of_named_joints():
    assert head_limits(skeleton("loco_14").joints) == (0, HEAD_LIMITS)
    root, limits = head_limits(["neck", "nose", "left_shoulder", "right_hip", "left_ankle", "body_center"])
    assert (root, limits) == (0, (0, 0.5, 0.5, 1.5, 2.5, 1.5))
    assert head_limits(["left_toe", "head"]) == (1, (3.0, 0.0))
    with pytest.raises(UsageError, match="start a person"):
        head_limits(["left_hip", "right_hip"])


@pytest.mark.parametrize("name", ["panoptic_19", "h36m_32", "smpl_24", "jta_22", "mpi_28", "loco_14"])
def test_people_of_every_skeleton_with_a_head_or_neck_are_found(name):
    joints = skeleton(name).joints
    places, points, confidence = crowd(joints=len(joints))
    root, limits = head_limits(joints)
    found = associate(points, confidence, root=root, limits=limits).joints
    assert np.array_equal(found[np.argsort(found[:, 0, 0])], places)


def test_bad_detections_are_refused():
    points, confidence = line((0, 0.0, 1), (1, 0.1, 1))
    for shift in (14, 0.5, -2):
        with pytest.raises(ShapeError, match="type"):
            associate(points + np.array([shift, 0, 0, 0]), confidence)
    with pytest.raises(ShapeError, match="finite"):
        associate(points * np.nan, confidence)
    with pytest.raises(ShapeError, match="confidence"):
        associate(points, confidence[:1])
    with pytest.raises(UsageError, match="root"):
        associate(points, confidence, root=14)
