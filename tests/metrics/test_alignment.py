"""Procrustes: against official scorers, against scipy, by hand, and where a pose is degenerate."""

from __future__ import annotations

import numpy as np
import pytest
from golden_cases import read_case
from hypothesis import given
from hypothesis import strategies as st
from pose_strategies import motions, move, pose_pairs, seeds
from scipy.linalg import orthogonal_procrustes

from mhbench.errors import ShapeError
from mhbench.metrics import mpjpe, pmpjpe, procrustes
from mhbench.metrics.alignment import Alignment

GOLDEN = ["align14", "align_few_joints", "pw3d24", "batch_size_2_3_quirk"]

DOUBLE = ["pw3d_eval", "spin", "hmr", "mmpose_v1", "mmhuman3d", "martinez", "i2l_moon_scale", "videopose3d"]
SINGLE = ["romp_torch_f32", "hmr2_torch_f32"]
# These read an array whose first dimension is 2 or 3 as transposed.
TRANSPOSING = {"pw3d_eval", "spin", "hmr"}


def joint_errors_after(predicted, target, *, scale=True):
    """(N, J) metres left after the alignment."""
    moved = procrustes(predicted, target, scale=scale).apply(predicted)
    return np.linalg.norm(moved - target, axis=-1)


def comparable(facts, arrays, implementation):
    """Poses with a well-defined answer that the implementation did not refuse."""
    names = np.array(facts["names"])
    done = np.array(facts["status"][implementation]) == "ok"
    finite = np.isfinite(arrays["pred"]).all(axis=(1, 2)) & np.isfinite(arrays["gt"]).all(axis=(1, 2))
    return done & finite & ~np.isin(names, ["all_zero", "all_joints_at_one_point"])


@pytest.mark.parametrize("implementation", DOUBLE)
def test_fourteen_joints_as_the_official_scorers(golden, implementation):
    arrays, facts = read_case(golden / "metrics_3d", "align14")
    rows = comparable(facts, arrays, implementation)
    assert rows.sum() == 42
    ours = pmpjpe(arrays["pred"], arrays["gt"])
    np.testing.assert_allclose(ours[rows] / 1000, arrays[f"{implementation}__mean"][rows], rtol=0, atol=1e-9)
    if f"{implementation}__per_joint" in arrays:
        unique = rows & ~np.char.endswith(facts["names"], "on_a_line")
        per_joint = joint_errors_after(arrays["pred"], arrays["gt"])
        expected = arrays[f"{implementation}__per_joint"]
        np.testing.assert_allclose(per_joint[unique], expected[unique], rtol=0, atol=1e-9)


@pytest.mark.parametrize("implementation", SINGLE)
def test_fourteen_joints_as_the_single_precision_scorers(golden, implementation):
    arrays, facts = read_case(golden / "metrics_3d", "align14")
    # single precision loses digits far from the origin and at the size of millimetres
    rows = comparable(facts, arrays, implementation) & arrays["ordinary"]
    ours = pmpjpe(arrays["pred"], arrays["gt"])
    expected = arrays[f"{implementation}__mean"] * 1000
    np.testing.assert_allclose(ours[rows], expected[rows], rtol=0, atol=2e-4)


def test_without_scale_as_posenet(golden):
    arrays, facts = read_case(golden / "metrics_3d", "align14")
    rows = comparable(facts, arrays, "moon_noscale")
    ours = pmpjpe(arrays["pred"], arrays["gt"], scale=False) / 1000
    np.testing.assert_allclose(ours[rows], arrays["moon_noscale__mean"][rows], rtol=0, atol=1e-9)
    assert (procrustes(arrays["pred"], arrays["gt"], scale=False).scale[rows] == 1.0).all()


def test_batch_means(golden):
    arrays, facts = read_case(golden / "metrics_3d", "align14")
    rows = arrays["ordinary"]
    expected = facts["batch_means_over_ordinary"]
    ours = pmpjpe(arrays["pred"][rows], arrays["gt"][rows])
    for name in ("videopose3d_p_mpjpe", "mmpose_v1_procrustes", "mmhuman3d_procrustes"):
        assert ours.mean() / 1000 == pytest.approx(expected[name], abs=1e-9)
    assert ours.sum() / 1000 == pytest.approx(expected["spin_reconstruction_error_sum"], abs=1e-9)
    assert ours.mean() == pytest.approx(expected["hmr2_eval_pose_mm"][1], abs=2e-4)


def test_degenerate_poses_follow_the_challenges_rule(golden):
    arrays, facts = read_case(golden / "metrics_3d", "align14")
    predicted, target = arrays["pred"], arrays["gt"]
    found = procrustes(predicted, target)
    errors = pmpjpe(predicted, target)
    to_centroid = np.linalg.norm(target - target.mean(axis=1, keepdims=True), axis=-1).mean(axis=1) * 1000
    for name in ("all_zero", "all_joints_at_one_point"):
        row = facts["names"].index(name)
        assert errors[row] == pytest.approx(to_centroid[row], abs=1e-9)
        np.testing.assert_array_equal(found.rotation[row], np.eye(3))
        np.testing.assert_allclose(found.translation[row], target[row].mean(axis=0), rtol=0, atol=1e-12)
    row = facts["names"].index("gt_all_joints_at_one_point")
    assert found.scale[row] == 0.0
    assert errors[row] == pytest.approx(0.0, abs=1e-9)
    for name in ("one_pred_joint_nan", "pred_all_nan", "one_pred_coordinate_inf", "one_gt_joint_nan"):
        row = facts["names"].index(name)
        assert np.isnan(errors[row])
        assert all(np.isnan(part[row]).all() for part in found)
    assert np.isfinite(errors).sum() == len(errors) - 4


@pytest.mark.parametrize("joints", [2, 3, 4, 5, 17, 24])
@pytest.mark.parametrize("implementation", DOUBLE)
def test_few_and_many_joints(golden, joints, implementation):
    arrays, _ = read_case(golden / "metrics_3d", "align_few_joints")
    ours = pmpjpe(arrays[f"J{joints}_pred"], arrays[f"J{joints}_gt"]) / 1000
    expected = arrays[f"J{joints}_{implementation}__mean"]
    if joints in {2, 3} and implementation in TRANSPOSING:
        assert np.abs(ours - expected).max() > 0.1
    else:
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)


def test_one_joint_is_a_point_and_two_joints_always_fit(golden):
    arrays, _ = read_case(golden / "metrics_3d", "align_few_joints")
    for joints in (1, 2):
        ours = pmpjpe(arrays[f"J{joints}_pred"], arrays[f"J{joints}_gt"])
        np.testing.assert_allclose(ours, 0.0, rtol=0, atol=1e-9)
    rigid = pmpjpe(arrays["J1_pred"], arrays["J1_gt"], scale=False) / 1000
    np.testing.assert_allclose(rigid, arrays["J1_moon_noscale__mean"], rtol=0, atol=1e-9)


def test_the_challenges_poses(golden):
    arrays, facts = read_case(golden / "metrics_3d", "pw3d24")
    predicted, target = arrays["pred"], arrays["gt"]
    np.testing.assert_allclose(pmpjpe(predicted, target), arrays["mpjpe_pa_mm"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(mpjpe(predicted, target, root=0), arrays["mpjpe_mm"], rtol=0, atol=1e-6)
    assert pmpjpe(predicted, target).mean() == pytest.approx(facts["values"]["mpjpe_pa"], abs=1e-6)
    assert mpjpe(predicted, target, root=0).mean() == pytest.approx(facts["values"]["mpjpe"], abs=1e-6)
    rooted = predicted - predicted[:, :1], target - target[:, :1]
    rotation = procrustes(*rooted).rotation
    np.testing.assert_allclose(rotation, arrays["proc_rot"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 6])
def test_a_batch_of_two_or_three_people_is_no_transposed_pose(golden, batch):
    arrays, facts = read_case(golden / "metrics_3d", "batch_size_2_3_quirk")
    ours = pmpjpe(arrays["pred"][:batch], arrays["gt"][:batch])
    right = facts["values_mm"]["correct_per_pose"]
    np.testing.assert_allclose(ours, right[:batch], rtol=0, atol=1e-6)
    if batch not in {2, 3}:
        np.testing.assert_allclose(ours, facts["values_mm"][f"first_{batch}"], rtol=0, atol=2e-4)


def scipy_alignment(predicted, target):
    """Least squares over proper rotations; scipy allows reflections, so a reflected answer is undone."""
    x, y = predicted - predicted.mean(axis=0), target - target.mean(axis=0)
    rotation, _ = orthogonal_procrustes(x, y)
    if np.linalg.det(rotation) < 0:
        left, _, right = np.linalg.svd(x.T @ y)
        rotation = left @ np.diag([1.0, 1.0, -1.0]) @ right
    scale = np.sum((x @ rotation) * y) / np.sum(x * x)
    return np.linalg.norm(scale * x @ rotation - y, axis=1).mean() * 1000


@given(pose_pairs())
def test_agrees_with_scipy(pair):
    predicted, target = pair
    expected = [scipy_alignment(p, g) for p, g in zip(predicted, target, strict=True)]
    np.testing.assert_allclose(pmpjpe(predicted, target), expected, rtol=0, atol=1e-7)


@given(pose_pairs(), motions(), motions(), st.floats(1e-3, 1e3))
def test_any_similarity_of_the_prediction_costs_nothing(pair, first, second, factor):
    predicted, target = pair
    expected = pmpjpe(predicted, target)
    np.testing.assert_allclose(pmpjpe(move(predicted * factor, first), target), expected, rtol=0, atol=1e-6)
    both = pmpjpe(move(predicted, first), move(target, second))
    np.testing.assert_allclose(both, expected, rtol=0, atol=1e-6)


@given(pose_pairs(), motions())
def test_recovers_the_motion_it_was_given(pair, motion):
    _, target = pair
    found = procrustes(target, move(target, motion))
    np.testing.assert_allclose(found.rotation, np.broadcast_to(motion[0], found.rotation.shape), atol=1e-9)
    np.testing.assert_allclose(found.scale, 1.0, atol=1e-9)
    np.testing.assert_allclose(found.apply(target), move(target, motion), atol=1e-9)


@given(pose_pairs())
def test_rotations_are_proper_and_the_error_is_that_of_the_transform(pair):
    predicted, target = pair
    for scale in (True, False):
        found = procrustes(predicted, target, scale=scale)
        gram = np.einsum("nab,ncb->nac", found.rotation, found.rotation)
        np.testing.assert_allclose(gram, np.broadcast_to(np.eye(3), gram.shape), atol=1e-13)
        np.testing.assert_allclose(np.linalg.det(found.rotation), 1.0, atol=1e-13)
        expected = mpjpe(found.apply(predicted), target)
        np.testing.assert_allclose(pmpjpe(predicted, target, scale=scale), expected, atol=1e-9)


@given(pose_pairs(), seeds)
def test_order_of_joints_and_people_does_not_matter(pair, seed):
    predicted, target = pair
    generator = np.random.default_rng(seed)
    people = generator.permutation(len(predicted))
    joints = generator.permutation(predicted.shape[1])
    errors = pmpjpe(predicted, target)
    # a person's bits depend neither on its lane nor on its neighbours
    np.testing.assert_array_equal(pmpjpe(predicted[people], target[people]), errors[people])
    np.testing.assert_array_equal(pmpjpe(predicted[:1], target[:1]), errors[:1])
    spoilt = predicted.copy()
    spoilt[1:] = np.nan
    np.testing.assert_array_equal(pmpjpe(spoilt, target)[:1], errors[:1])
    permuted = pmpjpe(predicted[:, joints], target[:, joints])
    np.testing.assert_allclose(permuted, errors, rtol=0, atol=1e-9)


@given(pose_pairs(fewest_joints=12), st.integers(0, 2))
def test_a_mirrored_pose_never_scores_zero(pair, axis):
    _, target = pair
    mirrored = target.copy()
    mirrored[..., axis] *= -1
    assert (pmpjpe(mirrored, target) > 1.0).all()


@given(pose_pairs(), seeds)
def test_masked_joints_take_no_part(pair, seed):
    predicted, target = pair
    generator = np.random.default_rng(seed)
    valid = generator.random(predicted.shape[:2]) < 0.7
    spoilt = np.where(valid[..., None], predicted, np.nan)
    errors = pmpjpe(spoilt, target, valid=valid)
    for row, mask in enumerate(valid):
        if mask.any():
            alone = pmpjpe(predicted[row : row + 1, mask], target[row : row + 1, mask])
            assert errors[row] == pytest.approx(alone[0], abs=1e-9)
        else:
            assert np.isnan(errors[row])


@given(pose_pairs())
def test_a_mask_of_everything_changes_no_bit(pair):
    predicted, target = pair
    valid = np.full(predicted.shape[:2], fill_value=True)
    np.testing.assert_array_equal(pmpjpe(predicted, target, valid=valid), pmpjpe(predicted, target))


@given(pose_pairs(), st.sampled_from([1e-9, 1e-3, 1.0]), seeds)
def test_flat_and_thin_poses_agree_with_scipy(pair, thickness, seed):
    predicted, target = pair
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    flat = (predicted * [1.0, 1.0, thickness]) @ turn
    expected = [scipy_alignment(p, g) for p, g in zip(flat, target, strict=True)]
    np.testing.assert_allclose(pmpjpe(flat, target), expected, rtol=0, atol=1e-7)


def test_by_hand():
    # an L of two bones; the prediction is twice as large, turned by 90 degrees about z, and shifted
    target = np.array([[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    predicted = np.array([[[5.0, 2.0, 1.0], [5.0, 0.0, 1.0], [3.0, 0.0, 1.0]]])
    found = procrustes(predicted, target)
    np.testing.assert_allclose(found.rotation[0], [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], atol=1e-12)
    np.testing.assert_allclose(found.scale, [0.5], atol=1e-12)
    np.testing.assert_allclose(found.translation[0], [0.0, 2.5, -0.5], atol=1e-12)
    np.testing.assert_allclose(pmpjpe(predicted, target), [0.0], atol=1e-9)
    # rigidly, the ends of both bones keep the doubled length
    remaining = np.linalg.norm(target[0] - target[0].mean(axis=0), axis=1).mean() * 1000
    np.testing.assert_allclose(pmpjpe(predicted, target, scale=False), [remaining], atol=1e-9)


def test_no_people_and_wrong_shapes():
    nobody = np.zeros((0, 14, 3))
    assert pmpjpe(nobody, nobody).shape == (0,)
    assert procrustes(nobody, nobody).rotation.shape == (0, 3, 3)
    with pytest.raises(ShapeError, match="target has shape"):
        pmpjpe(np.zeros((2, 14, 3)), np.zeros((2, 17, 3)))
    with pytest.raises(ShapeError, match="valid has shape"):
        procrustes(np.zeros((2, 14, 3)), np.zeros((2, 14, 3)), valid=np.zeros((14, 2), dtype=bool))
    with pytest.raises(ShapeError, match="points has shape"):
        Alignment(np.zeros((1, 3, 3)), np.zeros(1), np.zeros((1, 3))).apply(np.zeros((2, 14, 3)))
