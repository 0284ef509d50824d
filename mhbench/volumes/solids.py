"""A body that is asked many questions: closed, bounded, its triangles in a tree, its place in a coarse grid.

Each question goes to the triangles it can concern, so that two people who barely touch cost next to nothing.
The grid only rules out: what lies in its empty cells is outside.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mhbench.kernels import kernel
from mhbench.volumes.meshes import Mesh, bounds, closed, enclosed_volume
from mhbench.volumes.trees import Tree, distances, grow
from mhbench.volumes.winding import count_windings

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

_CELLS: Final = 48  # along the longest side of a body


class Coarse(NamedTuple):
    """Where a body may be, cell by cell.

    Attributes:
        low: (3,) metres, the corner of the grid.
        cell: metres, the side of a cell.
        taken: (X, Y, Z) bool: the box of a few triangles reaches into the cell, or it lies between such cells
            along all three axes, as every cell inside does.
    """

    low: Floats
    cell: float
    taken: Flags


class Solid:
    """A mesh with at least one face, closed, and what is derived from it once.

    Attributes:
        mesh: as given.
        closed: the mesh with a fan over each hole.
        low, high: (3,) the bounding box.
        outward: 1, or -1 for a mesh that is inside out.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.closed = closed(mesh)
        self.low, self.high = bounds(mesh.vertices)
        self.outward = -1 if enclosed_volume(self.closed) < 0 else 1

    @functools.cached_property
    def tree(self) -> Tree:
        """The triangles of the closed mesh."""
        return grow(self.closed)

    @functools.cached_property
    def coarse(self) -> Coarse:
        """The grid of the body."""
        extent = self.high - self.low
        # a cell more on each side, so that rounding leaves nothing of the body out
        cell = max(float(extent.max()) / (_CELLS - 2), np.finfo(np.float64).tiny)
        low = self.low - cell
        taken = np.zeros(np.minimum(extent / cell, _CELLS - 2).astype(np.int64) + 3, dtype=np.bool_)
        _mark_boxes(self.tree.boxes, low, cell, taken)
        _mark_between(taken)
        return Coarse(low, cell, taken)

    def depths(self, points: Floats) -> Floats:
        """Distances (N,) of points to the surface of the mesh as it was given, metres."""
        return distances(self.tree, points, len(self.mesh.vertices))

    def vertices_inside(self, other: Solid) -> Integers:
        """Which vertices of another body are inside this one, as `contains` says: (M,) ascending."""
        points = other.mesh.vertices
        possible = _in_taken_cells(points, self.coarse)
        return np.asarray(possible[self.outward * count_windings(self.tree, points[possible]) > 0])


def common_cells(first: Solid, second: Solid) -> Flags:
    """The cells of the first body's grid that may hold something inside both bodies, or on both."""
    return np.asarray(_common_cells(first.coarse, second.coarse))


@kernel
def _mark_boxes(boxes: Floats, low: Floats, cell: float, taken: Flags) -> None:
    """Mark the cells that a leaf's box of the tree reaches into."""
    first, last = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    for leaf in range(len(boxes) // 2, len(boxes)):
        if boxes[leaf, 0] > boxes[leaf, 3]:
            continue
        for axis in range(3):
            first[axis] = int((boxes[leaf, axis] - low[axis]) / cell)
            last[axis] = int((boxes[leaf, axis + 3] - low[axis]) / cell)
        for i in range(first[0], last[0] + 1):
            for j in range(first[1], last[1] + 1):
                for k in range(first[2], last[2] + 1):
                    taken[i, j, k] = True


@kernel
def _mark_between(taken: Flags) -> None:
    """Mark the cells that have marked ones on both sides along every axis."""
    rows, columns, length = taken.shape
    first = np.full((3, _CELLS + 1, _CELLS + 1), _CELLS + 1)
    last = np.full((3, _CELLS + 1, _CELLS + 1), -1)
    for i in range(rows):
        for j in range(columns):
            for k in range(length):
                if taken[i, j, k]:
                    first[0, j, k], last[0, j, k] = min(first[0, j, k], i), i
                    first[1, i, k], last[1, i, k] = min(first[1, i, k], j), max(last[1, i, k], j)
                    first[2, i, j], last[2, i, j] = min(first[2, i, j], k), max(last[2, i, j], k)
    for i in range(rows):
        for j in range(columns):
            for k in range(first[2, i, j], last[2, i, j] + 1):
                across = first[0, j, k] <= i <= last[0, j, k] and first[1, i, k] <= j <= last[1, i, k]
                taken[i, j, k] = taken[i, j, k] or across


@kernel
def _in_taken_cells(points: Floats, coarse: Coarse) -> Integers:
    """Which points may be inside: (M,) ascending."""
    low, cell, taken = coarse
    found = np.zeros(len(points), dtype=np.int64)
    count = 0
    for n in range(len(points)):
        x, y, z = (
            (points[n, 0] - low[0]) / cell,
            (points[n, 1] - low[1]) / cell,
            (points[n, 2] - low[2]) / cell,
        )
        held = 0.0 <= x < taken.shape[0] and 0.0 <= y < taken.shape[1] and 0.0 <= z < taken.shape[2]
        if held and taken[int(x), int(y), int(z)]:
            found[count] = n
            count += 1
    return found[:count]


@kernel
def _common_cells(first: Coarse, second: Coarse) -> Flags:
    """Taken cells of the first grid that meet a taken cell of the second."""
    common = np.zeros(first.taken.shape, dtype=np.bool_)
    start, end = np.zeros((3, _CELLS + 1), dtype=np.int64), np.zeros((3, _CELLS + 1), dtype=np.int64)
    for axis in range(3):
        for cell in range(first.taken.shape[axis]):
            # rounding must not lose a neighbour
            near = (first.low[axis] + cell * first.cell - second.low[axis]) / second.cell - 1e-6
            far = near + first.cell / second.cell + 2e-6
            most = float(second.taken.shape[axis])
            start[axis, cell] = int(min(max(near, 0.0), most))
            end[axis, cell] = int(min(max(far + 1.0, 0.0), most))
    for i in range(first.taken.shape[0]):
        for j in range(first.taken.shape[1]):
            if start[0, i] >= end[0, i] or start[1, j] >= end[1, j]:
                continue
            for k in range(first.taken.shape[2]):
                if first.taken[i, j, k]:
                    low, high = (start[0, i], start[1, j], start[2, k]), (end[0, i], end[1, j], end[2, k])
                    common[i, j, k] = _any_taken(second.taken, low, high)
    return common


@kernel
def _any_taken(taken: Flags, low: tuple[int, int, int], high: tuple[int, int, int]) -> bool:
    for i in range(low[0], high[0]):
        for j in range(low[1], high[1]):
            for k in range(low[2], high[2]):
                if taken[i, j, k]:
                    return True
    return False
