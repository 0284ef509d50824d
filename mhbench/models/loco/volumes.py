"""Volumes on the device of a network: rendered from centres, and searched for peaks.

On the CPU the compiled kernels do it; on a GPU nothing as large as a volume crosses the bus.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mhbench.heatmaps import HeatmapBuffer, peaks
from mhbench.heatmaps.decoding_torch import peaks_batch
from mhbench.heatmaps.rendering_torch import render_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.heatmaps import Grid
    from mhbench.heatmaps.decoding import PeakRule

    Found = tuple[npt.NDArray[np.int16], npt.NDArray[np.float32]]


def rendered(
    grid: Grid, centres: Sequence[npt.NDArray[np.integer[Any]]], device: torch.device
) -> torch.Tensor:
    """(B, J, D, H', W') float32 volumes of some frames of one grid."""
    if device.type == "cpu":
        volumes = np.zeros((len(centres), *grid.shape), dtype=np.float32)
        for volume, rows in zip(volumes, centres, strict=True):
            HeatmapBuffer(grid, volume).render(rows)
        return torch.from_numpy(volumes)
    frame = np.repeat(np.arange(len(centres)), [len(rows) for rows in centres])
    rows = np.concatenate(centres).astype(np.int64)
    placed = torch.from_numpy(rows).to(device), torch.from_numpy(frame).to(device)
    return render_batch(grid, *placed, frames=len(centres))


def found_peaks(volumes: torch.Tensor, rule: PeakRule) -> list[Found]:
    """The peaks of each of (B, J, D, H', W') volumes, as `mhbench.heatmaps.peaks` gives them."""
    if volumes.device.type == "cpu":
        return [peaks(volume.float().numpy(), **rule._asdict()) for volume in volumes]
    places, values = (tensor.cpu().numpy() for tensor in peaks_batch(volumes, **rule._asdict()))
    start = np.searchsorted(places[:, 0], np.arange(len(volumes) + 1))
    return [
        (places[first:stop, 1:].astype(np.int16), values[first:stop])
        for first, stop in pairwise(start.tolist())
    ]
