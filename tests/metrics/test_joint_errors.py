"""Position errors: against official scorers, by hand, and what may not change them."""

from __future__ import annotations

import numpy as np
import pytest
from golden_cases import read_case
from hypothesis import given
from pose_strategies import motions, move, pose_pairs, seeds

from mhbench.errors import ShapeError, UsageError
from mhbench.metrics import acceleration_error, mpjpe, mpjve, n_mpjpe, pmpjpe, procrustes, pve

GOLDEN = ["align14", "masks", "vertices"]

HIPS = (2, 3)  # of the 14 LSP joints


@pytest.fixture(scope="module")
def align14(golden):
    return read_case(golden / "metrics_3d", "align14")


@pytest.fixture(scope="module")
def masks(golden):
    return read_case(golden / "metrics_3d", "masks")


@pytest.fixture(scope="module")
def vertices(golden):
    return read_case(golden / "metrics_3d", "vertices")


def finite_rows(arrays):
    return np.isfinite(arrays["pred"]).all(axis=(1, 2)) & np.isfinite(arrays["gt"]).all(axis=(1, 2))


def centred(poses):
    return poses - poses[:, HIPS].mean(axis=1, keepdims=True)


def test_absolute_and_rooted_errors_as_the_official_scorers(align14):
    arrays, _ = align14
    rows = finite_rows(arrays)
    absolute = mpjpe(arrays["pred"], arrays["gt"]) / 1000
    rooted = mpjpe(arrays["pred"], arrays["gt"], root=HIPS) / 1000
    expected = arrays["unaligned_mpjpe_videopose3d"]
    np.testing.assert_allclose(absolute[rows], expected[rows], rtol=0, atol=1e-9)
    for name in ("hmr__mpjpe_midhip", "hmr__compute_errors_mpjpe"):
        np.testing.assert_allclose(rooted[rows], arrays[name][rows], rtol=0, atol=1e-9)
    ordinary = arrays["ordinary"]
    np.testing.assert_allclose(
        rooted[ordinary], arrays["romp_f32__mpjpe_midhip"][ordinary], rtol=0, atol=2e-7
    )
    # the others print NaN or inf here, or stop; ours are all missing
    assert np.isnan(absolute[~rows]).all()


def test_scale_only_as_the_official_scorers(align14):
    arrays, facts = align14
    ours = n_mpjpe(centred(arrays["pred"]), centred(arrays["gt"])) / 1000
    there = np.isfinite(arrays["scale_only_videopose3d"])
    for name in ("scale_only_videopose3d", "scale_only_mmpose_v1"):
        np.testing.assert_allclose(ours[there], arrays[name][there], rtol=0, atol=1e-9)
    to_origin = np.linalg.norm(centred(arrays["gt"]), axis=-1).mean(axis=1)
    row = facts["names"].index("all_zero")
    assert ours[row] == pytest.approx(to_origin[row], abs=1e-12)


def test_batch_means(align14):
    arrays, facts = align14
    predicted, target = arrays["pred"][arrays["ordinary"]], arrays["gt"][arrays["ordinary"]]
    expected = facts["batch_means_over_ordinary"]
    for implementation in ("mmpose_v1", "mmhuman3d", "mmpose_v0.29"):
        absolute = mpjpe(predicted, target).mean() / 1000
        assert absolute == pytest.approx(expected[f"{implementation}_none"], abs=1e-9)
        scaled = n_mpjpe(predicted, target).mean() / 1000
        assert scaled == pytest.approx(expected[f"{implementation}_scale"], abs=1e-9)
    assert mpjve(predicted, target).mean() / 1000 == pytest.approx(expected["videopose3d_velocity"], abs=1e-9)
    np.testing.assert_allclose(
        acceleration_error(predicted, target) / 1000,
        expected["mmhuman3d_accel_per_frame"],
        rtol=0,
        atol=1e-9,
    )


def test_masks_as_mmpose(masks):
    arrays, facts = masks
    predicted, target, visible = arrays["pred"], arrays["gt"], arrays["visible"]
    # its alignment sees the masked joints too, only its mean does not
    scale = np.einsum("nja,nja->n", predicted, target) / np.einsum("nja,nja->n", predicted, predicted)
    variants = {
        "none": predicted,
        "scale": scale[:, None, None] * predicted,
        "procrustes": procrustes(predicted, target).apply(predicted),
    }
    for name, moved in variants.items():
        errors = mpjpe(moved, target, valid=visible)
        pooled = np.average(errors, weights=visible.sum(axis=1)) / 1000
        assert pooled == pytest.approx(facts["values"][f"mmpose_v1_masked_{name}"], abs=1e-9)


def test_masks_as_romp_and_crmh(masks):
    arrays, facts = masks
    predicted, target, visible = arrays["pred"], arrays["gt"], arrays["visible"]
    values = facts["values"]
    np.testing.assert_array_equal(arrays["gt_with_sentinel"][..., 0] != -2.0, visible)
    rooted = mpjpe(predicted, target, root=HIPS, valid=visible)
    np.testing.assert_allclose(rooted / 1000, values["romp_mpjpe_per_sample"], rtol=0, atol=1e-6)
    # in a sentinel coordinate nothing is read: the same with the sentinels in place
    with_sentinel = mpjpe(predicted, arrays["gt_with_sentinel"], root=HIPS, valid=visible)
    np.testing.assert_array_equal(with_sentinel, rooted)
    common = visible.all(axis=0)
    np.testing.assert_array_equal(np.flatnonzero(common), values["romp_common_joints"])
    aligned = pmpjpe(predicted, target, valid=np.broadcast_to(common, visible.shape))
    expected = values["romp_pampjpe_common_joints_per_sample"]
    np.testing.assert_allclose(aligned / 1000, expected, rtol=0, atol=1e-6)
    zero_weight = rooted * visible.sum(axis=1) / visible.shape[1]
    expected = values["crmh_style_zero_weight_mean_mm"]
    np.testing.assert_allclose(zero_weight, expected, rtol=0, atol=1e-6)
    first_limbs = np.linalg.norm(centred(predicted)[0] - centred(target)[0], axis=-1)[:12]
    expected = values["romp_pck_joint_errors_first_sample"]
    np.testing.assert_allclose(first_limbs, expected, rtol=0, atol=1e-6)


def test_vertices_as_the_official_scorers(vertices):
    arrays, facts = vertices
    predicted, target, values = arrays["pred_v"], arrays["gt_v"], facts["values"]
    for name, errors in (
        ("none", pve(predicted, target)),
        ("scale", n_mpjpe(predicted, target)),
        ("procrustes", pmpjpe(predicted, target)),
    ):
        assert errors.mean() / 1000 == pytest.approx(values[f"mmhuman3d_{name}"], abs=1e-9)
    roots = {
        "vibe_style_per_sample": (None, None),
        "midhip_aligned_per_sample": (predicted[:, 1:3].mean(axis=1), target[:, 1:3].mean(axis=1)),
        "joint0_aligned_per_sample": (predicted[:, 0], target[:, 0]),
    }
    for name, (root_p, root_t) in roots.items():
        ours = pve(predicted, target, root_p=root_p, root_t=root_t) / 1000
        np.testing.assert_allclose(ours, values[name], rtol=0, atol=1e-9)


def test_by_hand():
    target = np.array([[[0.0, 0.0, 3.0], [1.0, 0.0, 3.0], [0.0, 2.0, 3.0]]])
    predicted = target + np.array([[0.003, 0.004, 0.0], [0.003, 0.004, 0.012], [0.003, 0.0, 0.0]])
    np.testing.assert_allclose(mpjpe(predicted, target), [(5 + 13 + 3) / 3])
    np.testing.assert_allclose(mpjpe(predicted, target, root=0), [(0 + 12 + 4) / 3])
    np.testing.assert_allclose(mpjpe(predicted, target, root=[0]), [(0 + 12 + 4) / 3])
    np.testing.assert_allclose(mpjpe(predicted, target, valid=[[True, True, False]]), [9.0])
    # the mean of joints 0 and 1 as root is off by (3, 4, 6) mm
    pair = [6.0, 6.0, np.sqrt(16 + 36)]
    np.testing.assert_allclose(mpjpe(predicted, target, root=(0, 1)), [np.mean(pair)])
    np.testing.assert_allclose(n_mpjpe(2.0 * target, target), [0.0], atol=1e-12)
    np.testing.assert_allclose(pve(predicted, target, root_p=[[0.003, 0.004, 0.0]]), [16 / 3])


def test_sequences_by_hand():
    target = np.zeros((4, 1, 3))
    predicted = np.zeros((4, 1, 3))
    predicted[:, 0, 0] = [0.0, 0.001, 0.004, 0.009]
    np.testing.assert_allclose(mpjve(predicted, target), [1.0, 3.0, 5.0])
    np.testing.assert_allclose(acceleration_error(predicted, target), [2.0, 2.0])
    valid = np.array([[True], [True], [True], [False]])
    np.testing.assert_allclose(mpjve(predicted, target, valid=valid), [1.0, 3.0, np.nan])
    np.testing.assert_allclose(acceleration_error(predicted, target, valid=valid), [2.0, np.nan])
    for frames in (0, 1):
        assert mpjve(predicted[:frames], target[:frames], valid=valid[:frames]).shape == (0,)
        assert acceleration_error(predicted[: frames + 1], target[: frames + 1]).shape == (0,)


def test_the_root_is_read_whether_or_not_it_is_scored():
    target = np.zeros((1, 3, 3))
    predicted = np.array([[[0.01, 0.0, 0.0], [0.01, 0.0, 0.0], [0.02, 0.0, 0.0]]])
    valid = [[False, True, True]]
    np.testing.assert_allclose(mpjpe(predicted, target, root=0, valid=valid), [5.0])
    predicted[0, 0] = np.nan
    assert np.isnan(mpjpe(predicted, target, root=0, valid=valid)).all()
    np.testing.assert_allclose(mpjpe(predicted, target, valid=valid), [15.0])


def test_nothing_to_average_is_nan():
    pose = np.zeros((2, 3, 3))
    valid = [[False, False, False], [True, True, True]]
    for metric in (mpjpe, n_mpjpe):
        np.testing.assert_array_equal(metric(pose, pose, valid=valid), [np.nan, 0.0])
    assert mpjpe(pose[:0], pose[:0]).shape == (0,)
    assert np.isnan(mpjpe(pose[:, :0], pose[:, :0])).all()


@given(pose_pairs(), motions(), seeds)
def test_invariances(pair, motion, seed):
    predicted, target = pair
    generator = np.random.default_rng(seed)
    people, joints = (generator.permutation(size) for size in predicted.shape[:2])
    moved_p, moved_g = move(predicted, motion), move(target, motion)
    for metric in (mpjpe, lambda p, g: mpjpe(p, g, root=1), pve):
        errors = metric(predicted, target)
        np.testing.assert_allclose(metric(moved_p, moved_g), errors, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(metric(predicted[people], target[people]), errors[people])
    permuted = mpjpe(predicted[:, joints], target[:, joints])
    np.testing.assert_allclose(permuted, mpjpe(predicted, target), rtol=0, atol=1e-9)
    shifted = mpjpe(predicted + motion[1], target, root=(0, 2))
    np.testing.assert_allclose(shifted, mpjpe(predicted, target, root=(0, 2)), rtol=0, atol=1e-9)


@given(pose_pairs())
def test_agrees_with_numpy(pair):
    predicted, target = pair
    expected = np.linalg.norm(predicted - target, axis=-1).mean(axis=1) * 1000
    np.testing.assert_allclose(mpjpe(predicted, target), expected, rtol=1e-12)
    np.testing.assert_allclose(mpjpe(predicted.astype(np.float32), target), expected, atol=1e-3)


def test_wrong_arguments_are_named():
    pose = np.zeros((2, 14, 3))
    with pytest.raises(ShapeError, match="target has shape"):
        mpjpe(pose, np.zeros((2, 17, 3)))
    with pytest.raises(ShapeError, match="root_t has shape"):
        pve(pose, pose, root_t=np.zeros((1, 3)))
    for root in (14, -1, (0, 20), ()):
        with pytest.raises(UsageError, match="root is"):
            mpjpe(pose, pose, root=root)
