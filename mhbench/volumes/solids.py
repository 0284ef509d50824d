"""A body that is asked many questions: closed, its triangles in a tree, its place in a lattice.

Each question goes to the triangles it can concern, so that two people who barely touch cost next to nothing.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from mhbench.volumes.cells import Cells, cells_of
from mhbench.volumes.meshes import Mesh, closed, enclosed_volume
from mhbench.volumes.trees import Tree, distances, grow

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


class Solid:
    """A mesh with at least one face, closed, and what is derived from it once.

    Attributes:
        mesh: as given.
        closed: the mesh with a fan over each hole.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.closed = closed(mesh)

    @functools.cached_property
    def outward(self) -> int:
        """1, or -1 for a mesh that is inside out."""
        return -1 if enclosed_volume(self.closed) < 0 else 1

    @functools.cached_property
    def tree(self) -> Tree:
        """The triangles of the closed mesh."""
        return grow(self.closed)

    @functools.cached_property
    def cells(self) -> Cells:
        """Where the body may be."""
        return cells_of(self.closed)

    def depths(self, points: Floats) -> Floats:
        """Distances (N,) of points to the surface of the mesh as it was given, metres."""
        return distances(self.tree, points, len(self.mesh.vertices))
