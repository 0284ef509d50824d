"""Peaks on any device torch knows: the same peaks as `decoding.py`, in the same order.

On the processor the compiled kernel does it. On a device one pass over the volume finds the largest value of
each row of voxels; the voxels of the rows that reach the threshold are looked at, and the neighbours of those
that do. Beside the volume only what reaches the threshold takes memory, and the device is waited for three
times.
"""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
import torch

from mhbench.errors import ShapeError
from mhbench.heatmaps.decoding import check_rule, peaks

_TOGETHER: Final = 2**24  # values looked at together: bounds the memory where everything passes the threshold


def peaks_batch(
    volume: torch.Tensor,
    *,
    threshold: float = 0.1,
    neighbours: int = 6,
    strict: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Local maxima of every channel of every volume of a batch.

    Args:
        volume: (B, J, D, H', W') float64, float32, float16 or bfloat16 (the small types are widened).
        threshold: lowest value of a peak; it must be exceeded if `strict`. Compared in the volume's type.
        neighbours: 6 (sharing a face) or 26 (the whole 3 x 3 x 3 cube).
        strict: a peak is greater than all its neighbours instead of at least as great.

    Returns:
        (N, 5) int64 frame, channel, depth bin, row, column, ascending; (N,) float32 values; both on the
        device of the volume. Outside the volume everything is 0; NaN is never a peak.

    Raises:
        ShapeError: the volume does not have five axes, or holds no floats.
        UsageError: `neighbours` is neither 6 nor 26, or the threshold would let the empty background pass.
    """
    if volume.ndim != 5 or not volume.is_floating_point():
        raise ShapeError(
            f"the volume is {volume.dtype}{list(volume.shape)}",
            expected="floats (B, J, D, H', W')",
            action="add the axis of the batch with volume[None], and convert integers with .float()",
        )
    check_rule(threshold, neighbours, strict=strict)
    if _has_kernels(volume.device):
        return _found_by_kernels(volume, threshold, neighbours, strict=strict)
    kind = np.float64 if volume.dtype == torch.float64 else np.float32
    lowest = float(np.nextafter(kind(threshold), kind(np.inf)) if strict else kind(threshold))
    flat = volume.contiguous().view(-1)
    steps = _steps(neighbours).to(volume.device)
    reaching = _reaching(flat, volume.shape[-1], lowest)
    index = torch.cat(
        [
            some[_is_peak(flat, some, volume.shape[2:], steps, strict=strict)]
            for some in torch.split(reaching, max(_TOGETHER // len(steps), 1))
        ]
    )
    places = torch.stack(torch.unravel_index(index, volume.shape), dim=1)
    return places, flat[index].float()


def _has_kernels(device: torch.device) -> bool:
    """The compiled kernel runs there; a test lets it not, to hold the other way on the processor, too."""
    return device.type == "cpu"


def _found_by_kernels(
    volume: torch.Tensor, threshold: float, neighbours: int, *, strict: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    places, values = [np.zeros((0, 5), dtype=np.int64)], [np.zeros(0, dtype=np.float32)]
    for number, one in enumerate(volume.detach()):
        own, level = peaks(_widened(one).numpy(), threshold=threshold, neighbours=neighbours, strict=strict)
        places.append(np.column_stack([np.full(len(own), number), own]))
        values.append(level)
    return torch.from_numpy(np.concatenate(places)), torch.from_numpy(np.concatenate(values))


def _reaching(flat: torch.Tensor, columns: int, lowest: float) -> torch.Tensor:
    """Ascending indices of the values that are at least `lowest`."""
    if not len(flat):
        return torch.zeros(0, dtype=torch.int64, device=flat.device)
    lines = flat.view(-1, columns)
    # not below: the largest value of a row with NaN is NaN, and other voxels of that row may be peaks
    rows = torch.nonzero(~(_widened(lines.amax(dim=1)) < lowest)).view(-1)
    found = []
    for some in torch.split(rows, max(_TOGETHER // columns, 1)):
        row, column = torch.nonzero(_widened(lines[some]) >= lowest, as_tuple=True)
        found.append(some[row] * columns + column)
    return torch.cat(found)


def _steps(neighbours: int) -> torch.Tensor:
    """(neighbours, 3) steps dz, dy, dx."""
    farthest = 1 if neighbours == 6 else 3
    around = itertools.product((-1, 0, 1), repeat=3)
    return torch.tensor([step for step in around if 1 <= sum(map(abs, step)) <= farthest])


def _is_peak(
    flat: torch.Tensor, index: torch.Tensor, sizes: torch.Size, steps: torch.Tensor, *, strict: bool
) -> torch.Tensor:
    """(N,) whether each voxel is greater than (or as great as) all its neighbours."""
    depth_bins, rows, columns = sizes
    inside = torch.ones((), dtype=torch.bool, device=index.device)
    strides = (rows * columns, columns, 1)
    for size, stride, step in zip((depth_bins, rows, columns), strides, steps.T, strict=True):
        place = index // stride % size + step[:, None]
        inside = inside & (place >= 0) & (place < size)
    offsets = (steps[:, 0] * rows + steps[:, 1]) * columns + steps[:, 2]
    other = _widened(flat[torch.where(inside, index + offsets[:, None], index)])
    other = torch.where(inside, other, torch.zeros_like(other))
    value = _widened(flat[index])
    return torch.all(value > other if strict else value >= other, dim=0)


def _widened(values: torch.Tensor) -> torch.Tensor:
    return values if values.dtype == torch.float64 else values.float()
