"""Peaks on any device torch knows: the same peaks as `decoding.py`, in the same order.

One pass over the volume finds the voxels that reach the threshold; the neighbours are looked up for those
alone, so nothing of the volume's size is made beside it.
"""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
import torch

from mhbench.errors import ShapeError
from mhbench.heatmaps.decoding import check_rule

_BLOCK: Final = 2**25  # voxels looked at together: bounds the memory where everything passes the threshold


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
            f"the volume is {volume.dtype}{list(volume.shape)}", expected="floats (B, J, D, H', W')"
        )
    check_rule(threshold, neighbours, strict=strict)
    kind = np.float64 if volume.dtype == torch.float64 else np.float32
    lowest = float(np.nextafter(kind(threshold), kind(np.inf)) if strict else kind(threshold))
    flat = volume.contiguous().view(-1)
    found = []
    for start in range(0, len(flat), _BLOCK):
        block = _widened(flat[start : start + _BLOCK])
        index = torch.nonzero(block >= lowest).view(-1) + start
        for step in _steps(neighbours):
            index = index[_at_least(flat, index, volume.shape[2:], step, strict=strict)]
        found.append(index)
    index = torch.cat(found) if found else torch.zeros(0, dtype=torch.int64, device=volume.device)
    places = torch.stack(torch.unravel_index(index, volume.shape), dim=1)
    return places, flat[index].float()


def _steps(neighbours: int) -> list[tuple[int, int, int]]:
    """Steps (dz, dy, dx) to the neighbours; those in the row come first and refuse most candidates."""
    farthest = 1 if neighbours == 6 else 3
    return [
        (dz, dy, dx)
        for dz, dy, dx in itertools.product((0, -1, 1), repeat=3)
        if 1 <= abs(dz) + abs(dy) + abs(dx) <= farthest
    ]


def _at_least(
    flat: torch.Tensor,
    index: torch.Tensor,
    sizes: torch.Size,
    step: tuple[int, int, int],
    *,
    strict: bool,
) -> torch.Tensor:
    """Whether each voxel is greater than (or as great as) its neighbour one step away."""
    depth_bins, rows, columns = sizes
    inside = torch.ones_like(index, dtype=torch.bool)
    for size, stride, move in zip(
        (depth_bins, rows, columns), (rows * columns, columns, 1), step, strict=True
    ):
        if move:
            place = index // stride % size + move
            inside &= (place >= 0) & (place < size)
    offset = (step[0] * rows + step[1]) * columns + step[2]
    value = _widened(flat[index])
    other = _widened(flat[torch.where(inside, index + offset, index)])
    other = torch.where(inside, other, torch.zeros_like(other))
    return value > other if strict else value >= other


def _widened(values: torch.Tensor) -> torch.Tensor:
    return values if values.dtype == torch.float64 else values.float()
