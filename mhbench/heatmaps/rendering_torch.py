"""Centres -> volumes on any device torch knows, the same bits as `rendering.py`.

On the processor the compiled kernels do it. On a device values come from the same table and the largest one
wins, which no order of execution can change; nothing waits for the device but the check of the centres.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mhbench.errors import ShapeError, UsageError
from mhbench.heatmaps.rendering import HeatmapBuffer, gaussian, render_sparse

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.heatmaps.grid import Grid


def render_batch(
    grid: Grid,
    centres: torch.Tensor,
    frame: torch.Tensor,
    frames: int,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """The heatmap volumes of a batch of frames, on the device of the centres.

    Args:
        grid: the grid of all frames.
        centres: (N, 4) integers: channel, depth bin, row, column; parts outside the grid are left out.
        frame: (N,) integers: the frame 0 .. `frames` - 1 of each centre.
        frames: number of frames B.
        out: volume to overwrite, (B, J, D, H', W') float32, contiguous, on the same device. For batch after
            batch `BatchBuffer` is faster: it does not clear everything.

    Returns:
        (B, J, D, H', W') float32 in [0, 1]; `out` if it was given. Equal to `render` frame by frame.

    Raises:
        ShapeError: the centres or `out` do not fit the grid.
    """
    _check(grid, centres, frame, frames)
    shape = (frames, *grid.shape)
    if out is None:
        volume = torch.zeros(shape, dtype=torch.float32, device=centres.device)
    elif tuple(out.shape) != shape or out.dtype != torch.float32 or not out.is_contiguous():
        raise ShapeError(
            f"the volume is {out.dtype}{list(out.shape)}",
            expected=f"contiguous torch.float32{list(shape)}",
            action="make it with torch.zeros",
        )
    else:
        volume = out.zero_()
    if _has_kernels(volume.device):
        for one, rows in zip(volume.numpy(), _by_frame(centres, frame, frames), strict=True):
            HeatmapBuffer(grid, one).render(rows)
    else:
        _draw(volume, *_voxels(grid, centres, frame))
    return volume


class BatchBuffer:
    """Memory for batch after batch: clears what the last batch touched instead of everything.

    Args:
        grid: the grid of all frames.
        frames: most frames of a batch.
        device: where the memory and all centres are.
    """

    def __init__(self, grid: Grid, frames: int, device: torch.device | str = "cpu") -> None:
        self.grid = grid
        self._volumes = torch.zeros((frames, *grid.shape), dtype=torch.float32, device=device)
        self._touched = torch.zeros(0, dtype=torch.int64, device=device)
        self._buffers = (
            [HeatmapBuffer(grid, one) for one in self._volumes.numpy()]
            if _has_kernels(self._volumes.device)
            else []
        )

    def render(self, grid: Grid, centres: torch.Tensor, frame: torch.Tensor, frames: int) -> torch.Tensor:
        """The volumes that `render_batch` gives, valid until the next call; do not write to them.

        Raises:
            ShapeError: the centres do not fit the grid.
            UsageError: the grid is another one, or the batch is too large.
        """
        if grid != self.grid or frames > len(self._volumes):
            raise UsageError(
                f"the buffer does not fit {frames} frames of {grid}",
                expected=f"at most {len(self._volumes)} frames of {self.grid}",
                action="make one buffer for each grid and size of batch",
            )
        _check(grid, centres, frame, frames)
        if self._buffers:
            for buffer, rows in zip(self._buffers, _by_frame(centres, frame, frames), strict=False):
                buffer.render(rows)
        else:
            self._volumes.view(-1)[self._touched] = 0
            index, values, inside = _voxels(grid, centres, frame)
            _draw(self._volumes, index, values, inside)
            self._touched = index.reshape(-1)
        return self._volumes[:frames]


def render_sparse_batch(
    grid: Grid, centres: torch.Tensor, frame: torch.Tensor, frames: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The non-zero voxels of `render_batch`, without the volumes.

    Returns:
        (M,) int64 indices into the flat volumes (B, J, D, H', W'), ascending, each once; (M,) float32.

    Raises:
        ShapeError: the centres do not fit the grid.
    """
    _check(grid, centres, frame, frames)
    if _has_kernels(centres.device):
        parts = [render_sparse(grid, rows) for rows in _by_frame(centres, frame, frames)]
        shifted = [index.astype(np.int64) + number * grid.voxels for number, (index, _) in enumerate(parts)]
        return torch.from_numpy(_joined(shifted, np.int64)), torch.from_numpy(
            _joined([values for _, values in parts], np.float32)
        )
    index, values, inside = _voxels(grid, centres, frame)
    unique, place = torch.unique(index[inside], return_inverse=True)
    largest = torch.zeros(len(unique), dtype=torch.float32, device=centres.device)
    return unique, largest.scatter_reduce_(0, place, values[inside], "amax")


def _has_kernels(device: torch.device) -> bool:
    """The compiled kernels run there; a test lets them not, to hold the other way on the processor, too."""
    return device.type == "cpu"


def _by_frame(centres: torch.Tensor, frame: torch.Tensor, frames: int) -> list[npt.NDArray[np.int16]]:
    """The centres of each frame."""
    rows, owner = centres.numpy(), frame.numpy()
    return [rows[owner == number] for number in range(frames)]


def _joined(parts: list[npt.NDArray[Any]], kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype=kind), *parts])


def _voxels(
    grid: Grid, centres: torch.Tensor, frame: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(N, side, side, side) flat index, value and whether it is in the grid, of all voxels of all Gaussians.

    The index of a voxel outside is that of the nearest one inside.
    """
    device = centres.device
    channels, *sizes = grid.shape
    radius = grid.radius
    steps = torch.arange(-radius, radius + 1, device=device)
    rows = centres.long()
    inside = torch.ones((), dtype=torch.bool, device=device)
    index = (frame.long() * channels + rows[:, 0])[:, None, None, None]
    for axis, size in enumerate(sizes):
        # along its own axis of (N, side, side, side)
        place = (rows[:, axis + 1, None] + steps).reshape(
            -1, *(2 * radius + 1 if k == axis else 1 for k in range(3))
        )
        within = place.clamp(0, size - 1)
        inside = inside & (place == within)
        index = index * size + within
    values = torch.tensor(gaussian(grid.sigma, radius), device=device).expand(index.shape)
    return index, values, inside


def _draw(volumes: torch.Tensor, index: torch.Tensor, values: torch.Tensor, inside: torch.Tensor) -> None:
    """The larger of each voxel and its values; voxels outside draw 0, which changes nothing."""
    drawn = torch.where(inside, values, torch.zeros_like(values)).reshape(-1)
    # as integers: the bits of floats from 0 on are in their order, and a GPU has no maximum of floats
    whole = volumes.view(-1).view(torch.int32)
    whole.scatter_reduce_(0, index.reshape(-1), drawn.view(torch.int32), "amax")


def _check(grid: Grid, centres: torch.Tensor, frame: torch.Tensor, frames: int) -> None:
    if centres.ndim != 2 or centres.shape[1] != 4 or frame.shape != centres.shape[:1]:
        raise ShapeError(
            f"centres have shape {tuple(centres.shape)} and frames {tuple(frame.shape)}",
            expected="(N, 4) channel, depth bin, row, column, and (N,) the frame of each",
            action="join the centres of the frames along the first axis, and repeat the frame's number",
        )
    if centres.is_floating_point() or frame.is_floating_point():
        raise ShapeError(
            f"centres are {centres.dtype}, frames {frame.dtype}",
            expected="integers",
            action="pass what mhbench.heatmaps.centres gives, which is rounded by the grid's rule",
        )
    # one question to the device: it answers when all that was asked of it before is done
    if len(centres) and bool(
        ((centres[:, 0] < 0) | (centres[:, 0] >= grid.channels) | (frame < 0) | (frame >= frames)).any()
    ):
        raise ShapeError(
            "a centre names a channel or frame that is not there",
            expected=f"channels 0 .. {grid.channels - 1}, frames 0 .. {frames - 1}",
            action="use the grid the centres were made with",
        )
