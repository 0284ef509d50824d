from __future__ import annotations

import numpy as np
import pytest

from mhbench.errors import UsageError
from mhbench.skeletons import skeleton, skeleton_names
from mhbench.synthetic import scene
from mhbench.synthetic.scenes import MOTIONS


@pytest.fixture(scope="module", params=MOTIONS)
def moving(request):
    return scene(frames=24, people=4, motion=request.param, seed=2, absences=False)


@pytest.mark.parametrize("name", skeleton_names())
def test_every_skeleton_is_derived_by_name(name):
    made = scene(frames=3, people=2, seed=1)
    joints = made.joints(name)
    order = skeleton(name)
    assert joints.shape == (3, 2, len(order), 3)
    assert np.array_equal(np.isnan(joints).any(axis=(2, 3)), ~made.present)
    forward = made.global_rotations[:, :, 0, :, 0]  # the pelvis' x axis points to the person's left
    for left, right in order.pairs:
        if "hip" in order.joints[left] or "shoulder" in order.joints[left]:
            offset = joints[:, :, left] - joints[:, :, right]
            assert (np.einsum("fpi,fpi->fp", offset, forward)[made.present] > 0).all()


def test_the_whole_vocabulary_is_known():
    from mhbench.skeletons import _vocabulary

    made = scene(frames=1, people=1)
    assert set(made.points) == set(_vocabulary().joints)


def test_body_center_is_the_exact_mean_of_the_hips(moving):
    joints, order = moving.joints("panoptic_19"), skeleton("panoptic_19")
    hips = joints[:, :, order.indices(("left_hip", "right_hip"))]
    assert np.array_equal(joints[:, :, order.index("body_center")], (hips[:, :, 0] + hips[:, :, 1]) / 2)


def test_rotations_are_rotations_and_bones_keep_their_lengths(moving):
    product = np.einsum("...ij,...kj->...ik", moving.rotations, moving.rotations)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), product.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(moving.rotations), 1.0, atol=1e-12)
    joints, parents = moving.joints("smpl_24"), skeleton("smpl_24").parents
    for joint, parent in enumerate(parents):
        if parent >= 0:
            length = np.linalg.norm(joints[:, :, joint] - joints[:, :, parent], axis=-1)
            np.testing.assert_allclose(length, np.broadcast_to(length[0], length.shape), atol=1e-12)


def test_people_are_upright_on_the_floor(moving):
    for frame in (0, 11, 23):
        vertices = moving.vertices(frame)
        lowest = vertices[:, :, 2].min(axis=1)
        assert (lowest > -0.03).all()
        assert (lowest < 0.02).all()
    points = moving.points
    assert (points["head_top"][..., 2] > points["pelvis"][..., 2] + 0.4).all()


def test_knees_and_elbows_bend_the_way_they_can(moving):
    turned = moving.global_rotations
    order = skeleton("smpl_24")
    for side in ("left", "right"):
        hip, knee = moving.points[f"{side}_hip"], moving.points[f"{side}_knee"]
        ankle = moving.points[f"{side}_ankle"]
        front = turned[:, :, order.index(f"{side}_hip")][..., 2]
        line = hip + 0.5 * (ankle - hip)
        assert (np.einsum("fpi,fpi->fp", knee - line, front) > -0.02).all()
    assert (moving.points["pelvis"][..., 2] > 0.4).all()


def test_a_planted_foot_does_not_slide():
    walkers = scene(frames=60, people=3, motion="walk", seed=4, absences=False)
    ankle = walkers.points["left_ankle"]
    slowest = np.linalg.norm(np.diff(ankle[..., :2], axis=0), axis=-1) * walkers.fps
    still = (slowest < 0.05).mean(axis=0)
    assert (still > 0.3).all()  # it stands for a step, then swings for a step
    pace = np.linalg.norm(walkers.pelvis[-1] - walkers.pelvis[0], axis=-1)
    assert (pace > 0.5).all()


def test_a_sitter_sits():
    sitters = scene(frames=3, people=3, motion="sit", absences=False)
    points = sitters.points
    assert (points["pelvis"][..., 2] < 0.8).all()
    assert (np.abs(points["left_knee"][..., 2] - points["left_hip"][..., 2]) < 0.15).all()
    assert (sitters.stools > 0.3).all()


def test_a_crowd_collides():
    from scipy.spatial import cKDTree

    crowd = scene(frames=2, people=4, motion="crowd", absences=False)
    vertices = crowd.vertices(0)
    nearest = min(cKDTree(vertices[a]).query(vertices[b])[0].min() for a in range(4) for b in range(a + 1, 4))
    assert nearest < 0.01


def test_the_seed_decides_everything():
    first, same, other = (scene(frames=4, people=3, seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(first.joints("smpl_24"), same.joints("smpl_24"), equal_nan=True)
    assert np.array_equal(first.present, same.present)
    assert all(np.array_equal(first.cameras[name].R, same.cameras[name].R) for name in first.cameras)
    assert not np.allclose(first.pelvis, other.pelvis)


def test_more_people_do_not_change_how_the_first_ones_are_built():
    few, many = scene(frames=2, people=2, seed=3), scene(frames=2, people=5, seed=3)
    assert np.array_equal(few.betas, many.betas[:2])
    assert few.genders == many.genders[:2]


def test_people_come_late_and_leave_early_but_the_first_stays():
    made = scene(frames=30, people=6, seed=0)
    assert made.present[:, 0].all()
    assert not made.present.all()
    assert scene(frames=30, people=6, seed=0, absences=False).present.all()


def test_an_empty_scene_and_a_single_frame_are_scenes():
    assert scene(frames=2, people=0).joints("panoptic_19").shape == (2, 0, 19, 3)
    assert scene(frames=1, people=2).joints("panoptic_19").shape == (1, 2, 19, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"motion": "fly"},
        {"frames": 0},
        {"people": -1},
        {"size": (0, 5)},
        {"size": (5, 10**8)},
        {"seed": -1},
        {"people": 10**8},
        {"frames": 10**9},
    ],
)
def test_what_makes_no_scene_is_refused(wrong):
    with pytest.raises(UsageError):
        scene(**wrong)


def test_smpl_translation_is_what_the_model_adds():
    made = scene(frames=2, people=2)
    rest = made.body.shaped(made.betas)[1][:, 0]
    np.testing.assert_allclose(made.translation + rest, made.pelvis, atol=1e-15)
