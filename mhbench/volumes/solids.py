"""A body that is asked many questions: closed, bounded, its triangles in a tree, its place in a coarse grid.

Each question goes to the triangles it can concern, so that two people who barely touch cost next to nothing.
The grid only sorts out what is certain: its cells are inside, outside, or near the surface.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mhbench.kernels import kernel
from mhbench.volumes.meshes import Mesh, bounds, closed, enclosed_volume
from mhbench.volumes.scanning import Crossings, Lines, cross_lines
from mhbench.volumes.trees import Tree, distances, grow
from mhbench.volumes.winding import count_windings

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

_CELLS: Final = 48  # along the longest side of a body
OUTSIDE: Final = 0
INSIDE: Final = 1
NEAR: Final = 2


class Coarse(NamedTuple):
    """Where a body is, cell by cell.

    Attributes:
        low: (3,) metres, the corner of the grid.
        cell: metres, the side of a cell.
        state: (X, Y, Z) uint8: OUTSIDE, INSIDE, or NEAR where the box of a triangle reaches.
    """

    low: Floats
    cell: float
    state: npt.NDArray[np.uint8]


class Solid:
    """A mesh with at least one face and some extent, closed, and what is derived from it once.

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
        shape = np.minimum(extent / cell, _CELLS - 2).astype(np.int64) + 3
        low = self.low - cell
        lines = Lines((0, 1, 2), low + cell / 2, np.full(3, 1 / cell), int(shape[0]), int(shape[1]))
        state = np.zeros(shape, dtype=np.uint8)
        _fill_inside(cross_lines(self.closed.vertices, self.closed.faces, lines), self.outward, state)
        _mark_surface(self.closed.vertices, self.closed.faces, low, cell, state)
        return Coarse(low, cell, state)

    def depths(self, points: Floats) -> Floats:
        """Distances (N,) of points to the surface of the mesh as it was given, metres."""
        return distances(self.tree, points, len(self.mesh.vertices))

    def vertices_inside(self, other: Solid) -> Integers:
        """Which vertices of another body are inside this one, as `contains` says: (M,) ascending."""
        points = other.mesh.vertices
        sure, doubtful = _sort_out(points, self.coarse)
        found = self.outward * count_windings(self.tree, points[doubtful]) > 0
        return np.sort(np.concatenate([sure, doubtful[found]]))


def common_cells(first: Solid, second: Solid) -> npt.NDArray[np.bool_]:
    """The cells of the first body's grid that may hold something inside both bodies, or on both."""
    return np.asarray(_common_cells(first.coarse, second.coarse))


@kernel
def _fill_inside(crossings: Crossings, outward: int, state: npt.NDArray[np.uint8]) -> None:
    rows, columns, length = state.shape
    for line in range(rows * columns):
        winding = 0
        for n in range(crossings.start[line], crossings.start[line + 1] - 1):
            winding += outward * crossings.sign[n]
            if winding > 0:
                first = int(np.ceil(max(crossings.depth[n], 0.0)))
                for k in range(first, int(np.ceil(min(crossings.depth[n + 1], float(length))))):
                    state[line // columns, line % columns, k] = INSIDE


@kernel
def _mark_surface(
    vertices: Floats, faces: Integers, low: Floats, cell: float, state: npt.NDArray[np.uint8]
) -> None:
    first, last = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    for n in range(len(faces)):
        a, b, c = faces[n, 0], faces[n, 1], faces[n, 2]
        for axis in range(3):
            p, q, r = vertices[a, axis], vertices[b, axis], vertices[c, axis]
            first[axis] = int((min(p, q, r) - low[axis]) / cell)
            last[axis] = int((max(p, q, r) - low[axis]) / cell)
        for i in range(first[0], last[0] + 1):
            for j in range(first[1], last[1] + 1):
                for k in range(first[2], last[2] + 1):
                    state[i, j, k] = NEAR


@kernel
def _sort_out(points: Floats, coarse: Coarse) -> tuple[Integers, Integers]:
    """Points that are certainly inside, and those of which the grid cannot tell: ascending."""
    low, cell, state = coarse
    sure, doubtful = np.zeros(len(points), dtype=np.int64), np.zeros(len(points), dtype=np.int64)
    sures, doubts = 0, 0
    for n in range(len(points)):
        x, y, z = (
            (points[n, 0] - low[0]) / cell,
            (points[n, 1] - low[1]) / cell,
            (points[n, 2] - low[2]) / cell,
        )
        if x < 0.0 or y < 0.0 or z < 0.0 or x >= state.shape[0] or y >= state.shape[1] or z >= state.shape[2]:
            continue
        place = state[int(x), int(y), int(z)]
        if place == INSIDE:
            sure[sures] = n
            sures += 1
        elif place == NEAR:
            doubtful[doubts] = n
            doubts += 1
    return sure[:sures], doubtful[:doubts]


@kernel
def _common_cells(first: Coarse, second: Coarse) -> npt.NDArray[np.bool_]:
    """Cells of the first grid that are not outside and meet such a cell of the second."""
    common = np.zeros(first.state.shape, dtype=np.bool_)
    start, end = np.zeros((3, _CELLS + 1), dtype=np.int64), np.zeros((3, _CELLS + 1), dtype=np.int64)
    for axis in range(3):
        for cell in range(first.state.shape[axis]):
            # rounding must not lose a neighbour
            near = (first.low[axis] + cell * first.cell - second.low[axis]) / second.cell - 1e-6
            far = near + first.cell / second.cell + 2e-6
            most = float(second.state.shape[axis])
            start[axis, cell] = int(min(max(near, 0.0), most))
            end[axis, cell] = int(min(max(far + 1.0, 0.0), most))
    for i in range(first.state.shape[0]):
        for j in range(first.state.shape[1]):
            if start[0, i] >= end[0, i] or start[1, j] >= end[1, j]:
                continue
            for k in range(first.state.shape[2]):
                if first.state[i, j, k] != OUTSIDE:
                    low, high = (start[0, i], start[1, j], start[2, k]), (end[0, i], end[1, j], end[2, k])
                    common[i, j, k] = _is_there(second.state, low, high)
    return common


@kernel
def _is_there(state: npt.NDArray[np.uint8], low: tuple[int, int, int], high: tuple[int, int, int]) -> bool:
    for i in range(low[0], high[0]):
        for j in range(low[1], high[1]):
            for k in range(low[2], high[2]):
                if state[i, j, k] != OUTSIDE:
                    return True
    return False
