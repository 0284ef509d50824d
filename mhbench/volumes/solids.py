"""A body that is asked many questions: closed, bounded, its triangles in a tree, its place in a lattice.

Each question goes to the triangles it can concern, so that two people who barely touch cost next to nothing.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from mhbench.volumes.cells import Cells, cells_of
from mhbench.volumes.meshes import Mesh, bounds, closed, enclosed_volume
from mhbench.volumes.scanning import count_crossings
from mhbench.volumes.shafts import faces_over, shaft_of
from mhbench.volumes.trees import Tree, distances, grow

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]


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
    def cells(self) -> Cells:
        """Where the body may be."""
        return cells_of(self.tree.boxes[len(self.tree.boxes) // 2 :], self.low, self.high)

    def contains(self, points: Floats) -> Flags:
        """Which points (N, 3) are inside: winding number at least 1."""
        if not len(points):
            return np.zeros(0, dtype=np.bool_)
        # rays along the thinnest side of the body meet the fewest triangles
        depth = int(np.argmin(self.high - self.low))
        faces = faces_over(self.tree, shaft_of(points, depth))
        return np.asarray(self.outward * count_crossings(self.closed.vertices, faces, points, depth) > 0)

    def depths(self, points: Floats) -> Floats:
        """Distances (N,) of points to the surface of the mesh as it was given, metres."""
        return distances(self.tree, points, len(self.mesh.vertices))
