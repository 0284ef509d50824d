"""Volumes around one person's root: BodyNet's 3D pose, 16 x 19 x 64 x 64 (Varol et al., 2018).

Columns and rows are those of the crop, depth is z relative to the root in steps of 45 mm, clamped at nine
steps either way. The Gaussian has a standard deviation of one cell, cut at three.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.checks import check_shape
from mhbench.heatmaps.encoding import locate
from mhbench.heatmaps.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

DEPTH_STEP: Final = 0.045  # metres
_STEPS: Final = 9


def bodynet_grid(joints: Sequence[str], *, size: int = 64) -> Grid:
    """The grid of BodyNet's joint volume over a square crop of `size` cells; depths are relative."""
    return Grid(
        tuple(joints),
        depth_min=-_STEPS * DEPTH_STEP,
        depth_max=_STEPS * DEPTH_STEP,
        depth_bins=2 * _STEPS + 1,
        height=size,
        width=size,
        stride=1,
        sigma=math.sqrt(2),  # exp(-d^2 / sigma^2) with a standard deviation of 1 cell
        depth_axis="z",
    )


def root_relative_centres(
    grid: Grid,
    joints2d: npt.NDArray[np.floating[Any]],
    joints3d: npt.NDArray[np.floating[Any]],
    root: int,
) -> npt.NDArray[np.int16]:
    """Centres of one person's joints in a grid of relative depths, for `render`.

    Args:
        grid: from `bodynet_grid`; any grid whose depths are relative to a root.
        joints2d: (J, 2) cells of the crop.
        joints3d: (J, 3) metres, z forward.
        root: index of the root joint.

    Returns:
        (N, 4) int16 channel, depth bin, row, column; depths beyond the grid lie in its first or last bin.

    Raises:
        ShapeError: the arrays do not fit each other or the grid.
    """
    sizes = check_shape("joints3d", joints3d, "J 3", {"J": grid.channels})
    check_shape("joints2d", joints2d, "J 2", sizes)
    relative = np.asarray(joints3d - joints3d[root], dtype=np.float64)
    relative[:, 2] = np.clip(relative[:, 2], grid.depth_min, grid.depth_max)
    return locate(grid, joints2d[None], relative[None]).centres


def relative_depths(grid: Grid, centres: npt.NDArray[np.number[Any]]) -> npt.NDArray[np.float64]:
    """(N,) metres from the root that the depth bins of (N, 4) centres stand for."""
    return np.asarray(centres[:, 1], dtype=np.float64) * grid.depth_step + grid.depth_min
