"""How often a surface winds around points: the exact generalised winding number.

For a closed mesh it is the number of times a ray leaves the surface less the times it enters. An open
mesh is closed by caps first, and the solid angles of the caps are taken off again: the same number as the sum
of all solid angles, for less.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import ShapeError
from mhbench.kernels import kernel
from mhbench.volumes.meshes import Mesh, checked_mesh, closed, enclosed_volume
from mhbench.volumes.rays import count_crossings

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]


def winding_numbers(vertices: npt.ArrayLike, faces: npt.ArrayLike, points: npt.ArrayLike) -> Floats:
    """Winding number of a mesh around points: 1 inside a closed body, 2 where it overlaps itself, 0 outside.

    Args:
        vertices: (V, 3) m.
        faces: (T, 3), counter-clockwise seen from outside.
        points: (N, 3) m.

    Returns:
        (N,) float64. Whole numbers for a closed mesh; near an open border between them. Exactly on the
        surface it is not defined.

    Raises:
        ShapeError: no mesh, or no points.
    """
    mesh, places = checked_mesh(vertices, faces), checked_points(points)
    shut = closed(mesh)
    if not len(mesh.faces):
        return np.zeros(len(places))
    found = count_windings(shut, places).astype(np.float64)
    caps = shut.faces[len(mesh.faces) :]
    return found - _solid_angles(shut.vertices, caps, places) if len(caps) else found


def contains(vertices: npt.ArrayLike, faces: npt.ArrayLike, points: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which points are inside a mesh: winding number at least 1, so overlaps of a body with itself are.

    A mesh with holes is closed by a fan over each; one that is inside out is read as it is meant. A point
    exactly on the surface falls on either side.

    Args:
        vertices: (V, 3) m.
        faces: (T, 3).
        points: (N, 3) m.

    Returns:
        (N,) bool.

    Raises:
        ShapeError: no mesh, or no points.
    """
    mesh, places = closed(checked_mesh(vertices, faces)), checked_points(points)
    if not len(mesh.faces):
        return np.zeros(len(places), dtype=np.bool_)
    outward = 1 if enclosed_volume(mesh) >= 0 else -1
    return np.asarray(outward * count_windings(mesh, places) > 0)


def count_windings(shut: Mesh, points: Floats) -> Integers:
    """Winding numbers (N,) of a closed mesh around points."""
    return count_crossings(shut.vertices, shut.faces, points)


def checked_points(points: npt.ArrayLike) -> Floats:
    """Points (N, 3) float64.

    Raises:
        ShapeError: another shape, or a point that is not finite.
    """
    places = np.ascontiguousarray(points, dtype=np.float64)
    check_shape("points", places, "N 3")
    if not np.isfinite(places).all():
        raise ShapeError(
            f"{int(np.sum(~np.isfinite(places).all(axis=1)))} of {len(places)} points are not finite",
            expected="(N, 3) finite coordinates in metres",
            action="leave out missing points",
        )
    return places


@kernel
def _solid_angles(vertices: Floats, faces: Integers, points: Floats) -> Floats:
    """Sum of the signed solid angles of the faces over 4 pi (Van Oosterom and Strackee)."""
    result = np.zeros(len(points))
    for n in range(len(points)):
        total = 0.0
        for m in range(len(faces)):
            ax = vertices[faces[m, 0], 0] - points[n, 0]
            ay = vertices[faces[m, 0], 1] - points[n, 1]
            az = vertices[faces[m, 0], 2] - points[n, 2]
            bx = vertices[faces[m, 1], 0] - points[n, 0]
            by = vertices[faces[m, 1], 1] - points[n, 1]
            bz = vertices[faces[m, 1], 2] - points[n, 2]
            cx = vertices[faces[m, 2], 0] - points[n, 0]
            cy = vertices[faces[m, 2], 1] - points[n, 1]
            cz = vertices[faces[m, 2], 2] - points[n, 2]
            a = math.sqrt(ax * ax + ay * ay + az * az)
            b = math.sqrt(bx * bx + by * by + bz * bz)
            c = math.sqrt(cx * cx + cy * cy + cz * cz)
            volume = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
            ab, bc, ca = ax * bx + ay * by + az * bz, bx * cx + by * cy + bz * cz, cx * ax + cy * ay + cz * az
            total += math.atan2(volume, a * b * c + ab * c + bc * a + ca * b)
        result[n] = total / (2.0 * math.pi)
    return result
