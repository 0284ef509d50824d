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
from mhbench.volumes.meshes import checked_mesh, closed, enclosed_volume
from mhbench.volumes.trees import DEEPEST, Tree, grow

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
    found = count_windings(grow(shut), places).astype(np.float64)
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
    return np.asarray(outward * count_windings(grow(mesh), places) > 0)


def count_windings(tree: Tree, points: Floats) -> Integers:
    """Winding numbers (N,) of a closed mesh around points."""
    low, high = tree.boxes[1, :3], tree.boxes[1, 3:]
    # rays along the thinnest side of the mesh meet the fewest boxes
    depth = int(np.argmin(high - low))
    return np.asarray(_count_crossings(tree, points, ((depth + 1) % 3, (depth + 2) % 3, depth)))


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
def _count_crossings(tree: Tree, points: Floats, axes: tuple[int, int, int]) -> Integers:
    """How often the ray from each point towards +depth leaves the mesh, less how often it enters.

    Edges are evaluated from their lower end, with the same bits for both of their triangles, and rows are
    half-open, so that no ray slips through an edge or counts it twice.
    """
    vertices, faces, starts, boxes = tree
    row, column, depth = axes
    leaves = len(starts) - 1
    result = np.zeros(len(points), dtype=np.int64)
    stack = np.zeros(DEEPEST, dtype=np.int64)
    for n in range(len(points)):
        r, c, d = points[n, row], points[n, column], points[n, depth]
        stack[0] = 1
        size = 1
        while size > 0:
            size -= 1
            node = stack[size]
            if (
                d > boxes[node, depth + 3]
                or not boxes[node, row] <= r <= boxes[node, row + 3]
                or not boxes[node, column] <= c <= boxes[node, column + 3]
            ):
                continue
            if node < leaves:
                stack[size], stack[size + 1] = 2 * node + 1, 2 * node
                size += 2
                continue
            for m in range(starts[node - leaves], starts[node - leaves + 1]):
                i, j, k = faces[m, 0], faces[m, 1], faces[m, 2]
                c0, c1, c2 = vertices[i, column], vertices[j, column], vertices[k, column]
                if not min(c0, c1, c2) <= c <= max(c0, c1, c2):
                    continue
                r0, r1, r2 = vertices[i, row], vertices[j, row], vertices[k, row]
                d0, d1, d2 = vertices[i, depth], vertices[j, depth], vertices[k, depth]
                result[n] += _crossing(r0, c0, d0, r1, c1, d1, r2, c2, d2, r, c, d)
    return result


@kernel
def _crossing(
    r0: float,
    c0: float,
    d0: float,
    r1: float,
    c1: float,
    d1: float,
    r2: float,
    c2: float,
    d2: float,
    r: float,
    c: float,
    d: float,
) -> int:
    """1 if the ray from (r, c, d) to +depth leaves through a triangle, -1 if it enters, 0 if it misses."""
    # one corner is alone on its side of the row, so the edges from and to it cross the row
    below0, below1, below2 = r0 <= r, r1 <= r, r2 <= r
    if below0 == below1 == below2:
        return 0
    if below1 == below2:
        from_column, from_depth = _cut(r0, c0, d0, r1, c1, d1, r)
        to_column, to_depth = _cut(r2, c2, d2, r0, c0, d0, r)
        alone_below = below0
    elif below2 == below0:
        from_column, from_depth = _cut(r1, c1, d1, r2, c2, d2, r)
        to_column, to_depth = _cut(r0, c0, d0, r1, c1, d1, r)
        alone_below = below1
    else:
        from_column, from_depth = _cut(r2, c2, d2, r0, c0, d0, r)
        to_column, to_depth = _cut(r1, c1, d1, r2, c2, d2, r)
        alone_below = below2
    if not min(from_column, to_column) <= c < max(from_column, to_column):
        return 0
    if from_depth + (c - from_column) / (to_column - from_column) * (to_depth - from_depth) < d:
        return 0
    return 1 if alone_below == (from_column < to_column) else -1


@kernel
def _cut(r0: float, c0: float, d0: float, r1: float, c1: float, d1: float, row: float) -> tuple[float, float]:
    """Column and depth at which an edge crosses a row, evaluated from its lower end whichever way it runs."""
    if r0 > r1:
        r0, c0, d0, r1, c1, d1 = r1, c1, d1, r0, c0, d0
    share = (row - r0) / (r1 - r0)
    return c0 + share * (c1 - c0), d0 + share * (d1 - d0)


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
