"""Association by usual distances: separates people who stand close, finds people whose head is missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhbench.heatmaps.body_association import LEAST_SPREAD, associate_by_body, body_distances
from mhbench.running.ground_truth import trunk_first
from mhbench.skeletons import skeleton
from mhbench.synthetic.scenes import scene

ORDER = trunk_first("panoptic_19")


@pytest.fixture(scope="module")
def crowd():
    return scene(frames=12, people=6, motion="crowd", seed=1, absences=False).joints("panoptic_19")


def detections(people, kept=None):
    """All joints of the people as a shuffled list of detections, and whose each is."""
    person, joint = np.nonzero(np.isfinite(people[..., 0]) if kept is None else kept)
    order = np.random.default_rng(0).permutation(len(person))
    points = np.column_stack([joint, people[person, joint]])[order]
    return points, person[order]


def test_people_in_a_crowd_are_hardly_ever_mixed():
    strangers = joints = 0
    for motion, seed in (("walk", 0), ("walk", 2), ("crowd", 1), ("crowd", 5)):
        bodies = scene(frames=6, people=6, motion=motion, seed=seed, absences=False).joints("panoptic_19")
        distances = body_distances([bodies.reshape(-1, 19, 3)])
        for people in bodies:
            points, owner = detections(people)
            found = associate_by_body(points, np.ones(len(points)), distances, ORDER)
            assert len(found.joints) == len(people)
            for row in found.source:
                strangers += (row >= 0).sum() - np.bincount(owner[row[row >= 0]]).max()
            joints += len(points)
    assert strangers < 0.01 * joints


def test_people_without_a_head_in_the_image_are_found(crowd):
    distances = body_distances([crowd.reshape(-1, 19, 3)])
    people = crowd[0]
    kept = np.ones(people.shape[:2], dtype=bool)
    kept[2, list(skeleton("panoptic_19").indices(("neck", "nose", "body_center")))] = False
    points, _ = detections(people, kept)
    found = associate_by_body(points, np.ones(len(points)), distances, ORDER)
    assert sorted(np.isfinite(found.joints[..., 0]).sum(axis=1)) == [16, 19, 19, 19, 19, 19]


def test_distances_of_parts_are_those_of_the_whole(crowd):
    people = crowd.reshape(-1, 19, 3)
    whole, parts = body_distances([people]), body_distances([people[:10], people[10:]])
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.spread, whole.spread, rtol=1e-6)


def test_distances_by_hand():
    first = np.array([[[0.0, 0, 0], [1.0, 0, 0]]])
    second = np.array([[[0.0, 0, 0], [3.0, 0, 0]], [[0.0, 0, 0], [np.nan, 0, 0]]])
    distances = body_distances([first, second])
    assert distances.mean[0, 1] == 2.0
    assert distances.spread[0, 1] == 1.0
    assert distances.spread[0, 0] == LEAST_SPREAD


def test_nothing_detected_is_nobody(crowd):
    distances = body_distances([crowd.reshape(-1, 19, 3)])
    found = associate_by_body(np.zeros((0, 4)), np.zeros(0), distances, ORDER)
    assert found.joints.shape == (0, 19, 3)


@given(seed=st.integers(0, 1000))
def test_order_of_detections_does_not_matter(crowd, seed):
    distances = body_distances([crowd.reshape(-1, 19, 3)])
    points, _ = detections(crowd[3])
    order = np.random.default_rng(seed).permutation(len(points))
    straight = associate_by_body(points, np.ones(len(points)), distances, ORDER)
    shuffled = associate_by_body(points[order], np.ones(len(points)), distances, ORDER)
    people = [{tuple(joint) for joint in person} for person in straight.joints]
    assert all({tuple(joint) for joint in person} in people for person in shuffled.joints)
