"""PCK and AUC: against every official scorer, at the boundary, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from golden_cases import read_case
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes

from mhbench.errors import UsageError
from mhbench.metrics import auc, pck, procrustes
from mhbench.metrics.thresholds import pck_curve

GOLDEN = ["pck_auc", "mpi_inf_matlab", "pw3d24"]

EVERY_5_MM = np.arange(0.0, 151.0, 5.0)
EVERY_MM = np.arange(0.0, 200.0)
# 0-based joints of the MPI-INF-3DHP tables: Head Neck Shoulder Elbow Wrist Hip Knee Ankle Total
GROUPS = [[0], [1], [2, 5], [3, 6], [4, 7], [8, 11], [9, 12], [10, 13], list(range(14))]
LIMBS = [1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21]


@pytest.fixture(scope="module")
def case(golden):
    return read_case(golden / "metrics_3d", "pck_auc")


def test_as_the_challenge(case):
    arrays, facts = case
    errors, values = arrays["err12"], facts["values"]
    assert pck(errors, 50, inclusive=True) == pytest.approx(values["pw3d_pck50_pct"], abs=1e-9)
    curve = pck_curve(errors, EVERY_MM, inclusive=True)
    np.testing.assert_allclose(curve / 100, values["pw3d_pck_curve"], rtol=0, atol=1e-12)
    area = auc(errors, EVERY_MM, inclusive=True, rule="trapezoid") / 100
    assert area == pytest.approx(values["pw3d_auc_0_200"], abs=5e-5)


def test_as_the_challenge_on_its_own_poses(golden):
    arrays, facts = read_case(golden / "metrics_3d", "pw3d24")
    predicted, target = (arrays[name] - arrays[name][:, :1] for name in ("pred", "gt"))
    errors = np.linalg.norm(predicted - target, axis=-1)[:, LIMBS] * 1000
    np.testing.assert_allclose(errors, arrays["errors_pck_mm"], rtol=0, atol=1e-6)
    assert pck(errors, 50, inclusive=True) == pytest.approx(facts["values"]["pck50"], abs=1e-9)
    area = auc(errors, EVERY_MM, inclusive=True, rule="trapezoid") / 100
    assert area == pytest.approx(facts["values"]["auc"], abs=5e-5)


def aligned_poses(arrays):
    predicted, target = arrays["pred17_mm"], arrays["gt17_mm"]
    scale = np.einsum("nja,nja->n", predicted, target) / np.einsum("nja,nja->n", predicted, predicted)
    return {
        "none": predicted,
        "scale": scale[:, None, None] * predicted,
        "procrustes": procrustes(predicted, target).apply(predicted),
    }


@pytest.mark.parametrize("alignment", ["none", "scale", "procrustes"])
def test_as_mmpose_and_mmhuman3d(case, alignment):
    arrays, facts = case
    errors = np.linalg.norm(aligned_poses(arrays)[alignment] - arrays["gt17_mm"], axis=-1)
    mask = arrays["mask17"]
    # frame 0 stands exactly on thresholds, where metres and millimetres differ by rounding
    for name, share, area, chosen in (
        ("mmhuman3d", "pck150", "auc", errors[mask]),
        ("mmpose_v0.29", "pck0.15m_without_frame0", "auc_m_without_frame0", errors[1:][mask[1:]]),
    ):
        expected = facts["values"][f"{name}_{share}_{alignment}"]
        assert pck(chosen, 150, inclusive=False) == pytest.approx(expected, abs=1e-4)
        expected = facts["values"][f"{name}_{area}_{alignment}"]
        assert auc(chosen, EVERY_5_MM, inclusive=False) == pytest.approx(expected, abs=1e-4)


def test_as_margipose(case):
    arrays, facts = case
    values = facts["values"]
    errors = np.linalg.norm(arrays["pred17_mm"] - arrays["gt17_mm"], axis=-1)
    np.testing.assert_allclose(errors, arrays["err17_mm"], rtol=0, atol=1e-9)
    reflecting = np.array(
        [
            align_with_reflection(predicted, target)
            for predicted, target in zip(arrays["pred17_mm"], arrays["gt17_mm"], strict=True)
        ]
    )
    # it aligns on 17 joints, also by a reflection, and then averages 14
    for name, chosen in (
        ("14_frame_mean", errors[:, :14]),
        ("14_frame_mean_aligned", reflecting[:, :14]),
        ("17_batch", errors),
    ):
        share, area = values[f"margipose_{name}_pck"], values[f"margipose_{name}_auc"]
        assert pck(chosen, 150, inclusive=False) / 100 == pytest.approx(share, abs=1e-12)
        assert auc(chosen, EVERY_5_MM, inclusive=False) / 100 == pytest.approx(area, abs=1e-12)


def align_with_reflection(predicted, target):
    x, y = predicted - predicted.mean(axis=0), target - target.mean(axis=0)
    rotation, trace = orthogonal_procrustes(x, y)
    return np.linalg.norm(trace / np.sum(x * x) * x @ rotation - y, axis=1)


@pytest.mark.parametrize("sequence", [1, 2, 3])
def test_as_the_mpi_inf_3dhp_tool(golden, sequence):
    arrays, _ = read_case(golden / "metrics_3d", "mpi_inf_matlab")
    errors = arrays[f"errors_ts{sequence}"][:, 0].T
    row = sequence - 1
    per_joint = [*errors.mean(axis=0), errors.mean()]
    np.testing.assert_allclose(per_joint, arrays["mpjpe_per_seq_joint_avg"][row], rtol=0, atol=1e-6)
    shares = [pck(errors[:, group], 150.0, inclusive=False) for group in GROUPS]
    np.testing.assert_allclose(shares, arrays["pck_per_seq_group_total"][row], rtol=0, atol=1e-9)
    areas = [auc(errors[:, group], EVERY_5_MM, inclusive=False) for group in GROUPS]
    np.testing.assert_allclose(areas, arrays["auc_per_seq_group_total"][row], rtol=0, atol=1e-9)


def test_the_boundary_and_missing_joints():
    errors = [[0.0, 150.0], [np.nextafter(150.0, 0.0), np.nan]]
    assert pck(errors, 150, inclusive=False) == 50.0
    assert pck(errors, 150, inclusive=True) == 75.0
    assert pck([1e5, np.inf, np.nan], 150, inclusive=True) == 0.0
    assert np.isnan(pck([], 150, inclusive=True))
    assert np.isnan(auc([], EVERY_5_MM, inclusive=False))


def test_areas_by_hand():
    perfect = np.zeros(10)
    assert auc(perfect, EVERY_5_MM, inclusive=False) == pytest.approx(100 * 30 / 31)
    assert auc(perfect, EVERY_5_MM, inclusive=True) == 100.0
    assert auc(perfect, EVERY_MM, inclusive=True, rule="trapezoid") == pytest.approx(100.0)
    # half of the joints correct from 10 on, all from 30 on
    errors, limits = [10.0, 30.0], [0.0, 10.0, 30.0, 40.0]
    assert auc(errors, limits, inclusive=True) == pytest.approx((0 + 50 + 100 + 100) / 4)
    area = (0 + 50) / 2 * 10 + (50 + 100) / 2 * 20 + 100 * 10
    assert auc(errors, limits, inclusive=True, rule="trapezoid") == pytest.approx(area / 40)


@given(
    st.lists(st.floats(0.0, 300.0) | st.sampled_from([5.0, 50.0, 150.0, np.nan]), min_size=1), st.booleans()
)
def test_the_curve_agrees_with_counting(errors, inclusive):
    values = np.array(errors)
    with np.errstate(invalid="ignore"):
        expected = [100 * np.mean(values <= limit if inclusive else values < limit) for limit in EVERY_5_MM]
    curve = pck_curve(values, EVERY_5_MM, inclusive=inclusive)
    np.testing.assert_allclose(curve, expected, rtol=1e-12)
    assert auc(values, EVERY_5_MM, inclusive=inclusive) == pytest.approx(np.mean(expected))
    np.testing.assert_array_equal(pck_curve(values[::-1], EVERY_5_MM, inclusive=inclusive), curve)


def test_thresholds_must_make_a_curve():
    with pytest.raises(UsageError, match="do not increase"):
        auc([1.0], [0.0, 5.0, 5.0], inclusive=True)
    with pytest.raises(UsageError, match="no threshold"):
        auc([1.0], [], inclusive=True)
    with pytest.raises(UsageError, match="trapezoid"):
        auc([1.0], [5.0], inclusive=True, rule="trapezoid")
    with pytest.raises(UsageError, match="simpson"):
        auc([1.0], [0.0, 5.0], inclusive=True, rule="simpson")
    with pytest.raises(UsageError, match="do not increase"):
        pck_curve([1.0], [np.nan, 5.0], inclusive=True)
