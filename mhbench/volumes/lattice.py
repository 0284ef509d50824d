"""Bodies on one lattice of cells, each in a block of its own, so that bodies far apart cost no memory.

A lattice has a corner and the side of its cells; a block begins at the cell `offset` of it. Two blocks are
compared where they overlap (`mhbench.metrics.block_counts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench.errors import UsageError
from mhbench.volumes.meshes import Mesh, bounds, checked_mesh
from mhbench.volumes.occupancy import Box, bounding_cube, occupy
from mhbench.volumes.parts import label_parts

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

MOST_CELLS: Final = 512  # along a side: four bodies of the published resolution
_ROUNDING: Final = 1e-6  # of a cell, by which a coordinate may miss the border of a cell it lies on


class Lattice(NamedTuple):
    """Cells with the sides `cell` (3,) from a corner (3,) on, metres."""

    corner: Floats
    cell: Floats


class Block(NamedTuple):
    """Cells (X, Y, Z) of a lattice, bool or labels, the first of which is the cell `offset` (3,)."""

    cells: npt.NDArray[Any]
    offset: npt.NDArray[np.int64]


def lattice_of(vertices: npt.ArrayLike, faces: npt.ArrayLike, resolution: int) -> Lattice:
    """The lattice on which a body has `resolution` cells along its longest side, as published volumes have.

    Raises:
        ShapeError, UsageError: as `voxelize`.
    """
    box = bounding_cube(checked_mesh(vertices, faces).vertices, resolution)
    return Lattice(box.corner, np.full(3, box.side / resolution))


def block_of(
    vertices: npt.ArrayLike,
    faces: npt.ArrayLike,
    lattice: Lattice,
    *,
    parts: npt.ArrayLike | None = None,
    conservative: bool = True,
) -> Block:
    """The cells of a body.

    Args:
        vertices: (V, 3) m.
        faces: (T, 3).
        lattice: where the cells are.
        parts: as `part_labels`; the block then holds labels.
        conservative: as `voxelize`.

    Raises:
        ShapeError: no mesh, or a vertex that is not finite.
        UsageError: the body is more than `MOST_CELLS` cells large.
    """
    mesh = checked_mesh(vertices, faces)
    # in cells of the lattice: whether a cell is inside does not depend on the unit of an axis
    counted = Mesh((mesh.vertices - lattice.corner) / lattice.cell, mesh.faces)
    low, high = bounds(counted.vertices)
    first = np.floor(low + _ROUNDING)
    size = float(np.max(np.ceil(high - _ROUNDING) - first, initial=1.0))
    if not size <= MOST_CELLS:
        raise UsageError(
            f"a body has {size:.0f} cells of {' x '.join(f'{one:.3g}' for one in lattice.cell)} m",
            expected=f"at most {MOST_CELLS} along a side",
            action="check the unit of its vertices",
        )
    box = Box(first, size)
    if parts is None:
        return Block(occupy(counted, box, int(size), conservative=conservative), first.astype(np.int64))
    labels = label_parts(counted, parts, box, int(size), conservative=conservative)
    return Block(labels, first.astype(np.int64))
