"""What the pose metrics accept: checked, contiguous float64 arrays, ready for the kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]


def pose_pair(
    predicted: npt.ArrayLike, target: npt.ArrayLike, valid: npt.ArrayLike | None
) -> tuple[Floats, Floats, Flags]:
    """Predicted and target poses (N, J, 3) and the mask of their valid joints, (0, J) if there is none.

    Raises:
        ShapeError: an array has another shape, or the three do not belong together.
    """
    p = np.ascontiguousarray(predicted, dtype=np.float64)
    g = np.ascontiguousarray(target, dtype=np.float64)
    sizes = check_shape("predicted", p, "N J 3")
    check_shape("target", g, "N J 3", sizes)
    if valid is None:
        return p, g, np.zeros((0, p.shape[1]), dtype=np.bool_)
    mask = np.ascontiguousarray(valid, dtype=np.bool_)
    check_shape("valid", mask, "N J", sizes)
    return p, g, mask


def root_joints(root: int | Sequence[int] | None, joints: int) -> Ints:
    """Indices of the joints whose mean is the root; empty for none.

    Raises:
        UsageError: an index is no joint of the poses.
    """
    if root is None:
        return np.zeros(0, dtype=np.int64)
    indices = np.atleast_1d(np.asarray(root, dtype=np.int64))
    if indices.size == 0 or indices.min() < 0 or indices.max() >= joints:
        raise UsageError(
            f"root is {root!r}",
            expected=f"a joint index from 0 to {joints - 1}, or several whose mean is the root",
            action="look the joints up by name in the skeleton of the poses",
        )
    return indices
