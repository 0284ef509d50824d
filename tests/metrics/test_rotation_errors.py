"""Angles: against the challenge program and scipy, and matrices that are no rotation."""

from __future__ import annotations

import numpy as np
import pytest
from golden_cases import read_case
from hypothesis import given
from hypothesis import strategies as st
from pose_strategies import seeds
from scipy.linalg import polar
from scipy.spatial.transform import Rotation

from mhbench.errors import ShapeError
from mhbench.metrics import mpjae, pmpjae, procrustes
from mhbench.metrics.rotation_errors import improper_rotations, rotation_angles

GOLDEN = ["mpjae"]

FIRST_REGULAR = 7


@pytest.fixture(scope="module")
def case(golden):
    arrays, facts = read_case(golden / "metrics_3d", "mpjae")
    return arrays, facts, arrays["gt_rot24"][:, facts["joints9"]]


def test_angles_as_the_challenge(case):
    arrays, facts, target = case
    expected = arrays["mpjae_deg_per_frame_joint"]
    angles = rotation_angles(arrays["pred_rot9"], target)
    regular = slice(FIRST_REGULAR, None)
    np.testing.assert_allclose(angles[regular], expected[regular], rtol=0, atol=1e-6)
    # identical, 180 degrees, nearly 180, nearly 0, a rotation times 1.3: OpenCV's logarithm rounds to 1e-5
    np.testing.assert_allclose(angles[[0, 1, 2, 3]], expected[[0, 1, 2, 3]], rtol=0, atol=1e-5)
    np.testing.assert_allclose(angles[5], expected[5], rtol=0, atol=1e-6)
    mean = mpjae(arrays["pred_rot9"][regular], target[regular]).mean()
    assert mean == pytest.approx(facts["values"]["mpjae_deg_regular_from_7"], abs=1e-6)


def test_zero_and_reflected_matrices_are_no_rotations(case):
    arrays, facts, target = case
    assert facts["special"]["4"] == "zero matrices"
    assert facts["special"]["6"] == "reflected (det -1)"
    angles = mpjae(arrays["pred_rot9"], target)
    assert np.flatnonzero(np.isnan(angles)).tolist() == [4, 6]
    assert np.flatnonzero(improper_rotations(arrays["pred_rot9"]).all(axis=1)).tolist() == [4, 6]
    assert not improper_rotations(np.delete(arrays["pred_rot9"], [4, 6], axis=0)).any()


def test_aligned_angles_as_the_challenge(case):
    arrays, facts, target = case
    regular = slice(FIRST_REGULAR, None)
    joints = [arrays[name] - arrays[name][:, :1] for name in ("pred_joints24", "gt_joints24")]
    rotation = procrustes(*joints).rotation
    np.testing.assert_allclose(rotation, arrays["procrustes_rot"], rtol=0, atol=1e-9)
    mean = pmpjae(arrays["pred_rot9"], target, rotation)[regular].mean()
    assert mean == pytest.approx(facts["values"]["mpjae_pa_deg_regular_from_7"], abs=1e-6)


def test_local_axis_angles_as_romp(case):
    arrays, facts, _ = case
    parents = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]

    def chained(rotation_vectors):
        shape = rotation_vectors.shape
        turned = Rotation.from_rotvec(rotation_vectors.reshape(-1, 3)).as_matrix().reshape(*shape, 3)
        for joint in range(1, 24):
            turned[:, joint] = turned[:, parents[joint]] @ turned[:, joint]
        return turned[:, facts["joints9"]]

    angles = rotation_angles(chained(arrays["pred_local_aa"]), chained(arrays["gt_local_aa"]))
    # single precision through quaternions
    expected = arrays["romp_mpjae_deg_per_frame_joint"]
    np.testing.assert_allclose(angles, expected, rtol=0, atol=2e-3)
    assert angles.mean() == pytest.approx(facts["values"]["romp_local_axis_angle_mpjae_deg"], abs=1e-3)


def random_rotations(seed, *shape):
    count = int(np.prod(shape))
    return Rotation.random(count, rng=np.random.default_rng(seed)).as_matrix().reshape(*shape, 3, 3)


@given(seeds, st.floats(0.0, np.pi))
def test_recovers_the_angle_between_two_rotations(seed, angle):
    target = random_rotations(seed, 3, 2)
    axis = np.random.default_rng(seed).normal(size=3)
    turn = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix()
    np.testing.assert_allclose(mpjae(turn @ target, target), np.degrees(angle), rtol=0, atol=1e-6)


@given(seeds)
def test_agrees_with_scipy_and_is_symmetric_and_frame_free(seed):
    p, t, frame = (
        random_rotations(seed, 4, 9),
        random_rotations(seed + 1, 4, 9),
        random_rotations(seed + 2, 1),
    )
    relative = np.einsum("nkab,nkcb->nkac", p, t).reshape(-1, 3, 3)
    expected = np.degrees(Rotation.from_matrix(relative).magnitude()).reshape(4, 9)
    np.testing.assert_allclose(rotation_angles(p, t), expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(mpjae(t, p), expected.mean(axis=1), rtol=0, atol=1e-6)
    np.testing.assert_allclose(mpjae(frame @ p, frame @ t), expected.mean(axis=1), rtol=0, atol=1e-6)
    order = np.random.default_rng(seed).permutation(4)
    np.testing.assert_array_equal(mpjae(p[order], t[order]), mpjae(p, t)[order])


@given(seeds)
def test_the_alignment_turns_the_prediction(seed):
    target, turn = random_rotations(seed, 5, 9), random_rotations(seed + 1, 5)
    predicted = np.einsum("nba,nkbc->nkac", turn, target)
    np.testing.assert_allclose(pmpjae(predicted, target, turn), 0.0, atol=1e-5)
    none = np.broadcast_to(np.eye(3), turn.shape)
    np.testing.assert_allclose(pmpjae(predicted, target, none), mpjae(predicted, target), atol=1e-9)


@given(seeds, st.floats(0.001, 0.4))
def test_takes_the_nearest_rotation_of_a_bent_matrix(seed, size):
    noise = np.random.default_rng(seed).normal(size=(2, 3, 3, 3))
    target = random_rotations(seed, 2, 3)
    bent = target + size * noise
    bent = np.where(improper_rotations(bent)[..., None, None], target, bent)
    nearest = np.array([polar(matrix)[0] for matrix in bent.reshape(-1, 3, 3)]).reshape(bent.shape)
    np.testing.assert_allclose(mpjae(bent, target), mpjae(nearest, target), rtol=0, atol=1e-6)
    np.testing.assert_allclose(mpjae(1.3 * bent, target), mpjae(bent, target), rtol=0, atol=1e-6)


def test_no_rotation_makes_the_pose_nan_on_either_side():
    good = np.broadcast_to(np.eye(3), (2, 4, 3, 3))
    for bad in (
        np.zeros((3, 3)),
        -np.eye(3),
        np.full((3, 3), np.nan),
        np.full((3, 3), np.inf),
        np.ones((3, 3)),
    ):
        spoilt = good.copy()
        spoilt[1, 2] = bad
        np.testing.assert_array_equal(mpjae(spoilt, good), [0.0, np.nan])
        np.testing.assert_array_equal(mpjae(good, spoilt), [0.0, np.nan])
        # two wrongs make no right: reflected on both sides is still no rotation
        assert np.isnan(mpjae(spoilt, spoilt)[1])
        assert np.argwhere(improper_rotations(spoilt)).tolist() == [[1, 2]]
    missing = np.full((2, 3, 3), np.nan)
    assert np.isnan(pmpjae(good, good, missing)).all()


def test_wrong_shapes_are_named():
    good = np.zeros((2, 9, 3, 3))
    with pytest.raises(ShapeError, match="rotations_t has shape"):
        mpjae(good, np.zeros((2, 24, 3, 3)))
    with pytest.raises(ShapeError, match="alignment has shape"):
        pmpjae(good, good, np.zeros((1, 3, 3)))
    with pytest.raises(ShapeError, match="rotations has shape"):
        improper_rotations(np.zeros((3, 3)))
