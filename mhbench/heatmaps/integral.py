"""Volume -> one coordinate per joint: the expectation of the position under a softmax.

The conventions of the systems that regress so; they differ in what number the first cell stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt


def integral_coordinates(
    volume: npt.NDArray[np.floating[Any]],
    *,
    convention: Literal["integral", "dsnt", "cells"] = "integral",
    scale: float = 1.0,
) -> npt.NDArray[np.float64]:
    """Expected position of each joint.

    Args:
        volume: (J, D, H, W) scores before the softmax.
        convention: `integral`: index / size - 0.5, in [-0.5, 0.5) (integral regression); `dsnt`:
            (2 index + 1) / size - 1, cell centres in (-1, 1) (DSNT, MargiPose); `cells`: the index itself
            (learnable triangulation maps it to its cube).
        scale: factor of the scores before the softmax.

    Returns:
        (J, 3) x, y, z.

    Raises:
        ShapeError: the volume does not have four axes.
        UsageError: there is no such convention.
    """
    check_shape("volume", volume, "J D H W")
    scores = np.asarray(volume, dtype=np.float64) * scale
    weights = np.exp(scores - scores.max(axis=(1, 2, 3), keepdims=True))
    weights /= weights.sum(axis=(1, 2, 3), keepdims=True)
    found = []
    for axis in (3, 2, 1):
        size = volume.shape[axis]
        marginal = weights.sum(axis=tuple({1, 2, 3} - {axis}))
        found.append(marginal @ _positions(size, convention))
    return np.stack(found, axis=-1)


def _positions(size: int, convention: str) -> npt.NDArray[np.float64]:
    index = np.arange(size, dtype=np.float64)
    if convention == "integral":
        return index / size - 0.5
    if convention == "dsnt":
        return (2 * index + 1) / size - 1
    if convention == "cells":
        return index
    raise UsageError(
        f"there is no convention {convention!r}",
        expected="integral, dsnt or cells",
        action="take the one of the network's code; `cells` gives plain indices",
    )
