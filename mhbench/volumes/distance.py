"""Distances to the surface of a mesh: signed ones of points, and the distance field of CRMH.

The field is that of the published interpenetration loss (JiangWenPL/multiperson, revision e8ae029c), with its
own box, cell centres, order of axes and rule for the inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.errors import ShapeError
from mhbench.kernels import kernel
from mhbench.volumes.meshes import Mesh, bounds, checked_mesh
from mhbench.volumes.occupancy import Box, bounding_cube
from mhbench.volumes.scanning import cross_lines, square_lines
from mhbench.volumes.solids import Solid
from mhbench.volumes.winding import checked_points, count_windings

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

FIELD_MARGIN: Final = 1.2
"""How much longer the cube of the distance field is than the body."""


def signed_distance(vertices: npt.ArrayLike, faces: npt.ArrayLike, points: npt.ArrayLike) -> Floats:
    """Exact distance of points to the nearest triangle, negative inside.

    Args:
        vertices: (V, 3) m.
        faces: (T, 3).
        points: (N, 3) m.

    Returns:
        (N,) m. The sign is that of `contains`: winding number, so overlaps of a body with itself are inside;
        the distance there is still that to the nearest triangle.

    Raises:
        ShapeError: no mesh, no faces, or no points.
    """
    mesh, places = checked_mesh(vertices, faces), checked_points(points)
    _check_faces(mesh)
    solid = Solid(mesh)
    distance = solid.depths(places)
    return np.where(solid.outward * count_windings(solid.closed, places) > 0, -distance, distance)


def distance_field(
    vertices: npt.ArrayLike, faces: npt.ArrayLike, resolution: int
) -> tuple[npt.NDArray[np.float32], Box]:
    """CRMH's phi: inside a body the distance to its surface, outside 0.

    The cube is 1.2 times as long as the body and has its centre. Cell i of an axis has its centre at
    -1 + (2 i + 1) / (resolution - 1), in units of half the cube, so the last one lies outside the cube, as in
    the published code. A cell is inside if a ray from it crosses the surface an odd number of times, so
    regions covered twice are outside.

    Args:
        vertices: (V, 3) m.
        faces: (T, 3).
        resolution: cells along a side, at least 2; 32 in the published loss, 64 in its collision count.

    Returns:
        (resolution, resolution, resolution) float32, axes z, y, x, in units of half the cube; the cube.

    Raises:
        ShapeError: no mesh or no faces.
        UsageError: the resolution is below 2, or the mesh is a single point.
    """
    mesh = checked_mesh(vertices, faces)
    _check_faces(mesh)
    unit, box = normalised(mesh, resolution)
    solid = Solid(unit)
    cells = odd_cells(solid.closed, resolution)
    field = np.zeros((resolution,) * 3, dtype=np.float32)
    centres = (2.0 * cells[:, ::-1] + 1.0) / (resolution - 1) - 1.0
    field[tuple(cells.T)] = solid.depths(np.ascontiguousarray(centres))
    return field, box


def normalised(mesh: Mesh, resolution: int) -> tuple[Mesh, Box]:
    """The mesh in units of half the cube of its distance field, about its centre, and the cube in metres."""
    tight = bounding_cube(mesh.vertices, resolution - 1)
    centre = np.add(*bounds(mesh.vertices)) / 2
    half = FIELD_MARGIN * tight.side / 2
    return Mesh((mesh.vertices - centre) / half, mesh.faces), Box(centre - half, 2 * half)


def odd_cells(shut: Mesh, resolution: int) -> Integers:
    """Cells (M, 3) z, y, x of the distance field inside a `normalised`, closed mesh by parity, ascending."""
    # rows are z, columns y, lines run along x: left-handed, but parity has no sign
    step = 2.0 / (resolution - 1)
    lines = square_lines((2, 1, 0), np.full(3, step / 2 - 1.0), 1.0 / step, resolution)
    crossings = cross_lines(shut.vertices, shut.faces, lines)
    return np.asarray(_odd_cells(crossings.start, crossings.depth, resolution))


def _check_faces(mesh: Mesh) -> None:
    if not len(mesh.faces):
        raise ShapeError(
            "the mesh has no faces",
            expected="(T, 3) faces, at least one",
            action="pass the faces of the body model",
        )


@kernel
def _odd_cells(start: Integers, depth: Floats, resolution: int) -> Integers:
    inside = np.zeros(resolution, dtype=np.int64)
    found = np.zeros((0, 3), dtype=np.int64)
    for count_only in (True, False):
        total = 0
        for line in range(resolution * resolution):
            inside[:] = 0
            for n in range(start[line], start[line + 1]):
                # every cell before the crossing changes sides, as seen from the far end of the line
                for k in range(int(np.ceil(min(max(depth[n], 0.0), float(resolution))))):
                    inside[k] ^= 1
            for k in range(resolution):
                if inside[k] == 0:
                    continue
                if not count_only:
                    found[total, 0], found[total, 1], found[total, 2] = (
                        line // resolution,
                        line % resolution,
                        k,
                    )
                total += 1
        if count_only:
            found = np.zeros((total, 3), dtype=np.int64)
    return found
