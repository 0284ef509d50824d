"""The collision volume as CRMH's public code computes it (JiangWenPL/multiperson, revision e8ae029c).

For comparison with old tables only. Three steps of that code are no intention: cells of the second person
come as (z, y, x) and are used as (x, y, z); the cell of a volume is taken for (scale / G)^3, an eighth of it;
and the coordinates of a cell are not those it was filled at. Two more depend on the version of torch: on
bytes `~` is logical, so that whoever misses anybody's box is dropped, and sampling is aligned with the grid's
corners.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.volumes.distance import FIELD_MARGIN, odd_cells
from mhbench.volumes.meshes import Mesh, closed

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Singles = npt.NDArray[np.float32]
    Integers = npt.NDArray[np.int64]

GRID: Final = 64


@np.errstate(over="ignore", invalid="ignore")
def coded_volumes(
    people: Floats, faces: Integers, *, current: bool, grid: int = GRID
) -> dict[tuple[int, int], float]:
    """Volume of every pair that has one, in cubic metres, in float32 as coded.

    Other than in the code, open meshes are closed, and bodies with no or no finite size in float32 hold
    nothing.

    Args:
        people: (P, V, 3) m, finite, translation included.
        faces: (T, 3).
        current: as the code runs under a current torch, not under the 1.1 of its release.
        grid: cells along a side; 64 in the code's metric.
    """
    vertices = people.astype(np.float32)
    if len(vertices) < 2 or not vertices.size:
        return {}
    low, high = vertices.min(axis=1), vertices.max(axis=1)
    if current:
        kept = np.arange(len(vertices))
    else:
        meet = ((low[:, None] <= high) & (low <= high[:, None])).all(axis=2)
        kept = np.flatnonzero(meet.all(axis=1))
    centre = (low + high) / np.float32(2)
    scale = np.float32(FIELD_MARGIN / 2) * (high - low).max(axis=1)
    sized = (scale > 0) & np.isfinite(scale) & np.isfinite(centre).all(axis=1)
    cells: dict[int, Integers] = {}
    for person in kept[sized[kept]].tolist() if len(kept) > 1 else []:
        unit = (vertices[person] - centre[person]) / scale[person]
        cells[person] = odd_cells(closed(Mesh(unit.astype(np.float64), faces)), grid)
    volumes = {}
    for first, second in itertools.combinations(cells, 2):
        # (z, y, x) taken for (x, y, z), at the corners of the cells
        places = cells[second].astype(np.float32) / np.float32(grid // 2) - np.float32(1)
        world = places * scale[second] + centre[second]
        local = (world - centre[first]) / scale[first]
        occupied = np.zeros((grid,) * 3, dtype=np.float32)
        occupied[tuple(cells[first].T)] = 1
        sampled = _sample(occupied, local, corners_aligned=not current).sum(dtype=np.float32)
        volume = sampled * (scale[first] / np.float32(grid)) ** 3
        if volume > 0:
            volumes[first, second] = float(volume)
    return volumes


def _sample(field: Singles, places: Singles, *, corners_aligned: bool) -> Singles:
    """Trilinear samples of a field (z, y, x) at places (N, 3) x, y, z in -1 .. 1, zero outside."""
    size = np.float32(len(field))
    if corners_aligned:
        at = (places + np.float32(1)) / np.float32(2) * (size - np.float32(1))
    else:
        at = ((places + np.float32(1)) * size - np.float32(1)) / np.float32(2)
    below = np.floor(at)
    share = at - below
    total = np.zeros(len(places), dtype=np.float32)
    for corner in itertools.product((0, 1), repeat=3):
        cell = below + np.array(corner, dtype=np.float32)
        weight: npt.NDArray[Any] = np.where(corner, share, np.float32(1) - share).prod(axis=1)
        held = ((cell >= 0) & (cell < size)).all(axis=1)
        x, y, z = cell[held].astype(np.int64).T
        total[held] += weight[held].astype(np.float32) * field[z, y, x]
    return total
