"""BodyNet's grid: the cells of a body placed and scaled by its silhouette in a square crop of the image.

The grid is orthographic; its depth is centred on the body and not on the root. How a grid lies in space
follows from the true body alone: whatever is made metric with it knows the true scale and depth. That is an
oracle, as in the paper.

Source: gulvarol/bodynet (training/util/voxelutils.lua, fitting/fit_surreal.py), read and not run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.volumes.occupancy import Box

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]


class Placement(NamedTuple):
    """Where a body lies in the grid: its first cell (z, y, x), and cells of the grid for each of the body."""

    first: Integers
    scale: float


def place_in_grid(
    cells: npt.NDArray[Any],
    silhouette: npt.NDArray[np.bool_],
    *,
    cut_at_top: bool = False,
    cut_at_left: bool = False,
    size: int = 128,
) -> tuple[npt.NDArray[Any], Placement] | None:
    """The cells of a body in the network's grid.

    The body is scaled, by its height if it is at least as tall as wide and else by its width, so that it
    takes as many rows or columns as its silhouette, nearest cell, and lies at the top left corner of the
    silhouette's box.

    Args:
        cells: (Z, Y, X) occupancy or labels cropped to the body, x and y as in the image, z away from it;
            published volumes run the other way along z.
        silhouette: (S, S) the crop; any square size.
        cut_at_top: a joint lies above the crop: the body is put at the lower edge of the box instead.
        cut_at_left: a joint lies left of it: at the right edge.
        size: cells along a side of the grid.

    Returns:
        (size, size, size), axes z, y, x, and where the body lies in it; None if it does not fit, where the
        published code goes on with an empty volume.

    Raises:
        ShapeError: no volume, or no square.
        UsageError: an empty silhouette or volume.
    """
    check_shape("cells", cells, "Z Y X")
    check_shape("silhouette", silhouette, "S S")
    rows, columns = (np.flatnonzero(silhouette.any(axis=axis)) for axis in (1, 0))
    if not rows.size or not cells.size:
        raise UsageError(
            "there is no silhouette to place a body by, or no body",
            expected="at least one pixel and one cell",
            action="leave the frame out",
        )
    step = size / len(silhouette)
    deep, tall, wide = cells.shape
    # the code takes last - first, one pixel less than the rows there are
    scale = step * ((rows[-1] - rows[0]) / tall if wide <= tall else (columns[-1] - columns[0]) / wide)
    scaled = _nearest(cells, tuple(_rounded(scale * length) for length in (deep, tall, wide)))
    # pixels are counted from 1 there
    top, bottom = (_rounded(step * (edge + 1)) - 1 for edge in rows[[0, -1]].tolist())
    left, right = (_rounded(step * (edge + 1)) - 1 for edge in columns[[0, -1]].tolist())
    y = bottom - scaled.shape[1] + 1 if cut_at_top else top
    x = right - scaled.shape[2] + 1 if cut_at_left else left
    excess = scaled.shape[0] - size
    if excess > 0:
        scaled = scaled[_rounded(excess / 2) :][:size]
    z = 0 if excess > 0 else _rounded(-excess / 2)
    first = np.array([z, y, x])
    if (first < 0).any() or (first + scaled.shape > size).any() or not scaled.size:
        return None
    grid = np.zeros((size, size, size), dtype=cells.dtype)
    grid[tuple(slice(a, a + n) for a, n in zip(first.tolist(), scaled.shape, strict=True))] = scaled
    return grid, Placement(first - [_rounded(max(excess, 0) / 2), 0, 0], scale)


def grid_in_space(box: Box, resolution: int, placement: Placement) -> tuple[Floats, float]:
    """Where a grid lies by the true body's own box: smallest x, y, z (3,) and the side of a cell, metres.

    Args:
        box: the cube of the true body's volume (`voxelize`), axes x, y, z of the camera; the body must begin
            in its first cells, as conservative volumes do.
        resolution: cells along its side.
        placement: of the true body.
    """
    cell = box.side / resolution / placement.scale
    return np.asarray(box.corner - placement.first[::-1] * cell), cell


def _rounded(value: float) -> int:
    """Halves away from zero, as Torch rounds."""
    return int(np.floor(abs(value) + 0.5) * np.sign(value))


def _nearest(cells: npt.NDArray[Any], sizes: tuple[int, ...]) -> npt.NDArray[Any]:
    picked = cells
    for axis, size in enumerate(sizes):
        rows = np.floor((np.arange(size) + 0.5) * cells.shape[axis] / max(size, 1)).astype(np.int64)
        picked = np.take(picked, np.minimum(rows, cells.shape[axis] - 1), axis=axis)
    return picked
