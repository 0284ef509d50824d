"""Named, deterministic rules that say which prediction meets which true person.

Every rule takes arrays of one frame and returns `match`, (P,) int64: the index of the prediction that each
true person met, or -1. `..._frames` takes many frames at once: their (P, Q) blocks stored row by row, one
after the other, and offsets; indices in the result count inside their frame.

Order decides ties: the earlier true person, then the earlier prediction. No rule reads random state, and
NaN distances never match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mhbench import matching_kernels
from mhbench.checks import check_shape
from mhbench.errors import ShapeError

if TYPE_CHECKING:
    import numpy.typing as npt

    Match = npt.NDArray[np.int64]


def hungarian(distances: npt.ArrayLike, limit: float = np.inf) -> Match:
    """One-to-one assignment: first the largest number of pairs within the limit, then the least total.

    Args:
        distances: (P, Q), true people by predictions, any unit.
        limit: pairs above it are inadmissible before the assignment; the limit itself is admissible.

    Returns:
        match, (P,).
    """
    block = np.ascontiguousarray(distances, dtype=np.float64)
    sizes = check_shape("distances", block, "P Q")
    return hungarian_frames(block.ravel(), np.array([0, sizes["P"]]), np.array([0, sizes["Q"]]), limit)


def hungarian_frames(
    distances: npt.ArrayLike, gt_start: npt.ArrayLike, pred_start: npt.ArrayLike, limit: float = np.inf
) -> Match:
    """`hungarian` for many frames in one compiled loop.

    Args:
        distances: (sum of P_f * Q_f,), the blocks of the frames, row by row (true people are rows).
        gt_start: (F + 1,) offsets of the true people of each frame.
        pred_start: (F + 1,) offsets of the predictions of each frame.
        limit: as in `hungarian`.

    Returns:
        match, (sum of P_f,), indices inside the frame.

    Raises:
        ShapeError: the offsets do not describe as many distances as were given.
    """
    flat = np.ascontiguousarray(distances, dtype=np.float64)
    check_shape("distances", flat, "*")
    targets, predictions = _offsets(gt_start, pred_start)
    pairs = int(np.sum(np.diff(targets) * np.diff(predictions)))
    if pairs != flat.size:
        raise ShapeError(
            f"distances has {flat.size} values",
            expected=f"{pairs}, the sum over frames of true people times predictions",
            action="check the offsets, and that the blocks of all frames are there",
        )
    match = np.full(targets[-1], -1, dtype=np.int64)
    matching_kernels.assign_frames(flat, targets, predictions, float(limit), match)
    return match


def _offsets(gt_start: npt.ArrayLike, pred_start: npt.ArrayLike) -> tuple[Match, Match]:
    starts = []
    sizes: dict[str, int] = {}
    for name, value in (("gt_start", gt_start), ("pred_start", pred_start)):
        start = np.ascontiguousarray(value, dtype=np.int64)
        check_shape(name, start, "F+1", sizes)
        if start.size == 0 or start[0] != 0 or np.any(np.diff(start) < 0):
            raise ShapeError(
                f"{name} is no list of offsets",
                expected="F + 1 numbers that start at 0 and never fall",
                action="pass the cumulative number of people, starting with 0",
            )
        starts.append(start)
    return starts[0], starts[1]
