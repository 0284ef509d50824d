"""Shares of joints under a threshold: PCK, its curve, and the area under the curve.

What differs between the official scorers is an argument, never a default:

    MPI-INF-3DHP, MuPoTS     150 mm strictly; thresholds 0, 5, ..., 150 mm strictly, plain mean
    3DPW challenge           50 mm inclusive; thresholds 0, 1, ..., 199 mm inclusive, trapezoid
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def pck(errors_mm: npt.ArrayLike, threshold: float, *, inclusive: bool) -> float:
    """Percentage of correct keypoints.

    Args:
        errors_mm: errors in mm, any shape. NaN is wrong: a joint that is not to count is not passed.
        threshold: mm. Compare in mm: the same error in metres may fall on the other side by rounding.
        inclusive: whether an error equal to the threshold is correct.

    Returns:
        Percent; NaN for no errors at all.
    """
    return float(pck_curve(errors_mm, [threshold], inclusive=inclusive)[0])


def pck_curve(errors_mm: npt.ArrayLike, thresholds: npt.ArrayLike, *, inclusive: bool) -> Floats:
    """PCK at each of several thresholds.

    Args:
        errors_mm: as in `pck`.
        thresholds: (T,) mm, strictly increasing.
        inclusive: as in `pck`.

    Returns:
        (T,) percent.

    Raises:
        UsageError: the thresholds do not increase.
    """
    errors = np.asarray(errors_mm, dtype=np.float64).ravel()
    limits = _increasing(thresholds)
    # position of the first threshold that an error is under; NaN sorts behind all of them
    first = np.searchsorted(limits, errors, side="left" if inclusive else "right")
    correct = np.cumsum(np.bincount(first, minlength=limits.size)[: limits.size])
    if errors.size == 0:
        return np.full(limits.size, np.nan)
    return 100.0 * correct / errors.size


def auc(
    errors_mm: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    *,
    inclusive: bool,
    rule: Literal["mean", "trapezoid"] = "mean",
) -> float:
    """Area under the PCK curve.

    Args:
        errors_mm: as in `pck`.
        thresholds: (T,) mm, strictly increasing.
        inclusive: as in `pck`.
        rule: `mean`, the plain mean of the T shares (so strict thresholds from 0 to 150 give a perfect score
            30/31), or `trapezoid`, the area under the piecewise linear curve over the length of its base.

    Returns:
        Percent; NaN for no errors at all.

    Raises:
        UsageError: unknown rule, or thresholds that do not increase; `trapezoid` needs two.
    """
    curve = pck_curve(errors_mm, thresholds, inclusive=inclusive)
    if rule == "mean":
        return float(curve.mean())
    limits = _increasing(thresholds)
    if rule != "trapezoid" or limits.size < 2:
        raise UsageError(
            f"auc: rule {rule!r} with {limits.size} threshold(s)",
            expected="rule 'mean', or rule 'trapezoid' with at least two thresholds",
            action="take the rule and the thresholds of the protocol",
        )
    return float(np.trapezoid(curve, limits) / (limits[-1] - limits[0]))


def _increasing(thresholds: npt.ArrayLike) -> Floats:
    limits = np.asarray(thresholds, dtype=np.float64)
    check_shape("thresholds", limits, "T")
    if limits.size == 0 or not np.all(np.diff(limits) > 0.0):
        raise UsageError(
            "the thresholds do not increase strictly" if limits.size else "there is no threshold",
            expected="a list of millimetres such as 0, 5, ..., 150",
            action="sort the thresholds and drop doubles",
        )
    return limits
