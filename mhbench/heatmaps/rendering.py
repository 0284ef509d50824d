"""Centres -> volumes: the Gaussian of every centre, the largest value per voxel.

A value is float32(exp(-(dz^2 + dy^2 + dx^2) / sigma^2)), the exponential in float64, cut to a cube around the
centre and taken from a table by integer squared distance: the same bits on every machine and device.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import ShapeError
from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.heatmaps.grid import Grid

    Volume = npt.NDArray[np.float32]


def render(grid: Grid, centres: npt.NDArray[np.integer[Any]], out: Volume | None = None) -> Volume:
    """The heatmap volume of one frame.

    A fresh volume takes memory only where something is drawn. To render frame after frame, `HeatmapBuffer` is
    faster than `out`, which is cleared as a whole.

    Args:
        grid: the grid.
        centres: (N, 4) int16 channel, depth bin, row, column; parts outside the grid are left out.
        out: volume to overwrite, (J, D, H', W') float32, C-contiguous.

    Returns:
        (J, D, H', W') float32 in [0, 1], 0 where nobody is; `out` if it was given.

    Raises:
        ShapeError: `centres` are no centres of this grid, or `out` does not fit it.
    """
    rows = _checked(grid, centres)
    if out is None:
        volume: Volume = np.zeros(grid.shape, dtype=np.float32)
    else:
        volume = _checked_volume(grid, out)
        volume.fill(0)
    _draw(volume, rows, gaussian(grid.sigma, grid.radius), grid.radius)
    return volume


class HeatmapBuffer:
    """One volume for frame after frame: clears what the previous frame touched instead of everything.

    Args:
        grid: the grid of all frames.
        volume: memory to use, (J, D, H', W') float32, C-contiguous, all zero (by default: its own).
    """

    def __init__(self, grid: Grid, volume: Volume | None = None) -> None:
        self.grid = grid
        zeros = np.zeros(grid.shape, dtype=np.float32) if volume is None else volume
        self._volume = _checked_volume(grid, zeros)
        self._touched = np.zeros((0, 4), dtype=np.int16)

    def render(self, centres: npt.NDArray[np.integer[Any]]) -> Volume:
        """The volume of a frame as `render` gives it, valid until the next call; do not write to it.

        Raises:
            ShapeError: `centres` are no centres of this grid.
        """
        rows = _checked(self.grid, centres)
        radius = self.grid.radius
        _clear(self._volume, self._touched, radius)
        _draw(self._volume, rows, gaussian(self.grid.sigma, radius), radius)
        self._touched = rows.copy()
        return self._volume


def render_sparse(
    grid: Grid, centres: npt.NDArray[np.integer[Any]]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """The non-zero voxels of `render`, without the volume.

    Returns:
        (M,) int32 indices into the flat volume, ascending, each once; (M,) float32 their values.

    Raises:
        ShapeError: `centres` are no centres of this grid.
    """
    rows = _checked(grid, centres)
    order = np.lexsort((rows[:, 1], rows[:, 0]))
    most = min(len(rows) * (2 * grid.radius + 1) ** 3, grid.voxels)
    # one allocation: numpy asks for huge pages from 4 MB on, which halves the time of a crowded frame
    index, bits = np.zeros((2, most), dtype=np.int32)
    values = bits.view(np.float32)
    patch = gaussian(grid.sigma, grid.radius)
    count = _list_voxels(grid.shape, rows[order], patch, grid.radius, index, values)
    return index[:count], values[:count]


@functools.lru_cache(maxsize=8)
def gaussian(sigma: float, radius: int) -> Volume:
    """(side, side, side) float32 values around a centre."""
    # math.exp: numpy's own depends on the processor in its last bit
    table = np.array([math.exp(-k / (sigma * sigma)) for k in range(3 * radius * radius + 1)])
    squares = np.arange(-radius, radius + 1) ** 2
    distance = squares[:, None, None] + squares[None, :, None] + squares[None, None, :]
    patch: Volume = table[distance].astype(np.float32)
    patch.flags.writeable = False
    return patch


def _checked(grid: Grid, centres: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int16]:
    check_shape("centres", centres, "N 4")
    rows = np.ascontiguousarray(centres, dtype=np.int16)
    if centres.dtype.kind not in "iu" or (centres.dtype != np.int16 and not np.array_equal(rows, centres)):
        raise ShapeError(
            f"centres are {centres.dtype}",
            expected="(N, 4) int16: channel, depth bin, row, column",
            action="use the result of mhbench.heatmaps.centres",
        )
    if np.any((rows[:, 0] < 0) | (rows[:, 0] >= grid.channels)):
        raise ShapeError(
            f"centres name the channels {rows[:, 0].min()} .. {rows[:, 0].max()}",
            expected=f"0 .. {grid.channels - 1}, the joints of the grid",
            action="use the grid the centres were made with",
        )
    return rows


def _checked_volume(grid: Grid, volume: Volume) -> Volume:
    if volume.shape != grid.shape or volume.dtype != np.float32 or not volume.flags.c_contiguous:
        raise ShapeError(
            f"the volume is {volume.dtype}{list(volume.shape)}",
            expected=f"C-contiguous float32{list(grid.shape)}",
            action="make it with numpy.zeros(grid.shape, numpy.float32)",
        )
    return volume


@kernel
def _draw(volume: Volume, centres: npt.NDArray[np.int16], patch: Volume, radius: int) -> None:
    _, depth_bins, rows, columns = volume.shape
    for n in range(len(centres)):
        channel, z, y, x = centres[n]
        first, last = max(0, x - radius), min(columns, x + radius + 1)
        if first >= last:
            continue
        for iz in range(max(0, z - radius), min(depth_bins, z + radius + 1)):
            for iy in range(max(0, y - radius), min(rows, y + radius + 1)):
                line = volume[channel, iz, iy, first:last]
                gaussian = patch[iz - z + radius, iy - y + radius, first - x + radius :]
                for k in range(len(line)):
                    line[k] = max(line[k], gaussian[k])


@kernel
def _clear(volume: Volume, centres: npt.NDArray[np.int16], radius: int) -> None:
    _, depth_bins, rows, columns = volume.shape
    for n in range(len(centres)):
        channel, z, y, x = centres[n]
        first, last = max(0, x - radius), min(columns, x + radius + 1)
        if first >= last:
            continue
        for iz in range(max(0, z - radius), min(depth_bins, z + radius + 1)):
            for iy in range(max(0, y - radius), min(rows, y + radius + 1)):
                line = volume[channel, iz, iy, first:last]
                for k in range(len(line)):
                    line[k] = 0


@kernel
def _list_voxels(
    shape: tuple[int, int, int, int],
    centres: npt.NDArray[np.int16],
    patch: Volume,
    radius: int,
    index: npt.NDArray[np.int32],
    values: npt.NDArray[np.float32],
) -> int:
    """Sweep over channels, depth bins and rows; `centres` ascend by channel, then by depth bin."""
    _, depth_bins, rows, columns = shape
    near = np.zeros((len(centres), 4), dtype=np.int16)
    count = 0
    start = 0
    while start < len(centres):
        channel = centres[start, 0]
        end = start
        while end < len(centres) and centres[end, 0] == channel:
            end += 1
        low, high = start, start
        for iz in range(
            max(0, centres[start, 1] - radius), min(depth_bins, centres[end - 1, 1] + radius + 1)
        ):
            while high < end and centres[high, 1] - radius <= iz:
                high += 1
            while low < high and centres[low, 1] + radius < iz:
                low += 1
            if low < high:
                _sort_by_column(centres, low, high, near)
                base = (channel * depth_bins + iz) * rows * columns
                found = near[: high - low]
                count = _list_plane(base, iz, rows, columns, found, patch, radius, index, values, count)
        start = end
    return count


@kernel
def _sort_by_column(centres: npt.NDArray[np.int16], low: int, high: int, near: npt.NDArray[np.int16]) -> None:
    """Copy the centres low .. high to `near`, ascending by column."""
    for n in range(low, high):
        place = n - low
        while place > 0 and near[place - 1, 3] > centres[n, 3]:
            near[place] = near[place - 1]
            place -= 1
        near[place] = centres[n]


@kernel
def _list_plane(
    base: int,
    iz: int,
    rows: int,
    columns: int,
    near: npt.NDArray[np.int16],
    patch: Volume,
    radius: int,
    index: npt.NDArray[np.int32],
    values: npt.NDArray[np.float32],
    count: int,
) -> int:
    """List one depth bin of one channel; `near` are the centres that reach it, ascending by column."""
    top, bottom = near[:, 2].min() - radius, near[:, 2].max() + radius + 1
    for iy in range(max(0, top), min(rows, bottom)):
        reached = 0
        for n in range(len(near)):
            _, z, y, x = near[n]
            if abs(y - iy) > radius:
                continue
            first, last = max(0, x - radius), min(columns, x + radius + 1)
            if first >= last:
                continue
            gaussian = patch[iz - z + radius, iy - y + radius, first - x + radius :]
            # columns that a centre to the left has listed are the last in the list
            shared = max(0, reached - first)
            for k in range(shared):
                values[count - shared + k] = max(values[count - shared + k], gaussian[k])
            start = base + iy * columns + first
            added = last - first - shared
            for k in range(added):
                index[count + k] = start + shared + k
            for k in range(added):
                values[count + k] = gaussian[shared + k]
            count += added
            reached = last
    return count
