"""Scores of segmentations and of blocks of cells, from counts that add up over samples.

BodyNet's test code adds the counts of all samples before it divides, for the 14 parts of an image (its Table
A.1: mean IoU) and for the parts of a volume; Unite the People's F1 over six parts and the background (Table
A.2) is likewise of all pixels together. `part_iou` of `volume_scores` is the other way: sample by sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import ShapeError, UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Counts = npt.NDArray[np.int64]


def confusion(predicted: npt.ArrayLike, target: npt.ArrayLike, *, classes: int) -> Counts:
    """How often each label was predicted for each true one.

    Args:
        predicted: (...) labels 0 .. classes - 1; 0 is the background.
        target: (...), the same shape.
        classes: with the background: 15 for the parts of SURREAL, 7 for those of Unite the People.

    Returns:
        (classes, classes): true labels by predicted ones; of several images they may be added.

    Raises:
        ShapeError: shapes that do not belong together, or labels that are no integers.
        UsageError: a label outside the classes.
    """
    p, g = np.asarray(predicted), np.asarray(target)
    if p.shape != g.shape or p.dtype.kind not in "iub" or g.dtype.kind not in "iub":
        raise ShapeError(
            f"the labels are {p.dtype}{list(p.shape)} and {g.dtype}{list(g.shape)}",
            expected="integers of the same shape, 0 for the background",
            action="take the arg max over the channels first",
        )
    for name, labels in (("predicted", p), ("target", g)):
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise UsageError(
                f"{name} has labels {labels.min()} .. {labels.max()}",
                expected=f"0 .. {classes - 1}",
                action="check the order of the classes",
            )
    codes = classes * g.ravel().astype(np.int64) + p.ravel().astype(np.int64)
    return np.bincount(codes, minlength=classes * classes).reshape(classes, classes)


def mean_class_iou(counts: npt.ArrayLike) -> float:
    """Mean over the foreground classes of their intersection over union (BodyNet, Table A.1).

    Args:
        counts: (C, C) of `confusion`, of all samples together.

    Returns:
        Percent; classes that occur on neither side are left out, NaN without any.

    Raises:
        ShapeError: the counts are no square.
    """
    hit, either = _hits(counts)
    return _mean_percent(hit[1:], either[1:])


def macro_f1(counts: npt.ArrayLike) -> float:
    """Mean over all classes, the background included, of their F1 (BodyNet, Table A.2), as a percentage.

    Arguments and errors as `mean_class_iou`; F1 is 2 TP / (2 TP + FP + FN).
    """
    hit, either = _hits(counts)
    return _mean_percent(2 * hit, hit + either)


def block_counts(
    predicted: npt.NDArray[np.bool_], target: npt.NDArray[np.bool_], shift: npt.ArrayLike
) -> tuple[int, int]:
    """Cells of both and of either of two blocks that lie elsewhere on one grid.

    Args:
        predicted: bool, any number of axes.
        target: bool, as many axes; the sizes may differ.
        shift: the cell of the target's block at which the predicted one begins, a whole number for each axis;
            it may be outside.

    Raises:
        ShapeError: different numbers of axes.
    """
    steps = np.atleast_1d(np.asarray(shift, dtype=np.int64)).tolist()
    if not predicted.ndim == target.ndim == len(steps):
        raise ShapeError(
            f"blocks of {predicted.ndim} and {target.ndim} axes, a shift of {len(steps)}",
            expected="the same number",
            action="give one whole number of cells for each axis of the blocks",
        )
    sizes = list(zip(predicted.shape, target.shape, steps, strict=True))
    of_predicted = tuple(slice(max(0, -s), max(0, min(p, t - s))) for p, t, s in sizes)
    of_target = tuple(slice(max(0, s), max(0, min(t, p + s))) for p, t, s in sizes)
    shared = int(np.count_nonzero(predicted[of_predicted] & target[of_target]))
    return shared, int(np.count_nonzero(predicted)) + int(np.count_nonzero(target)) - shared


def _hits(counts: npt.ArrayLike) -> tuple[Floats, Floats]:
    """(C,) right ones of each class, and those that are of the class on any side."""
    table: npt.NDArray[Any] = np.asarray(counts, dtype=np.float64)
    check_shape("counts", table, "C C")
    hit = np.diagonal(table)
    return hit, table.sum(axis=0) + table.sum(axis=1) - hit


def _mean_percent(part: Floats, whole: Floats) -> float:
    known = whole > 0
    return 100.0 * float(np.mean(part[known] / whole[known])) if known.any() else float("nan")
