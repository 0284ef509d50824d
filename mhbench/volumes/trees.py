"""A tree of boxes around the triangles of a mesh: the nearest one, exactly, and whether two surfaces cross.

The tree is complete: its leaves are equal stretches of an order of the triangles in which neighbours lie
together. Only the boxes depend on where the vertices are, so all poses of a body share one order, made from
the first mesh of the topology. Any order gives the same results; it only decides how fast they come.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mhbench.kernels import kernel
from mhbench.volumes.meshes import Mesh, topology

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

_LEAF: Final = 4  # triangles, at most
DEEPEST: Final = 64  # waiting boxes on the way down: one per level, and no tree has so many levels
# A triangle whose sine at the first corner is below this has no normal, only edges.
_THIN: Final = 1e-12


class Tree(NamedTuple):
    """Triangles and their boxes.

    Attributes:
        vertices: (V, 3) float64.
        faces: (T, 3) in the order of the leaves.
        starts: (L + 1,) where each leaf's faces begin; L is a power of two.
        boxes: (2 L, 6) smallest x, y, z, then largest; node n has the children 2n and 2n + 1, node 1 is the
            root, node L + l is the leaf l.
    """

    vertices: Floats
    faces: Integers
    starts: Integers
    boxes: Floats


def grow(mesh: Mesh) -> Tree:
    """The tree of a mesh with at least one face."""
    known = topology(mesh.faces, len(mesh.vertices))
    leaves = max(1, 2 ** math.ceil(math.log2(len(mesh.faces) / _LEAF)))
    if known.leaves is None:
        known.leaves = mesh.faces[_order_triangles(mesh.vertices[mesh.faces].mean(axis=1), leaves)]
    starts = np.arange(leaves + 1) * len(mesh.faces) // leaves
    return Tree(mesh.vertices, known.leaves, starts, _box_triangles(mesh.vertices, known.leaves, starts))


def distances(tree: Tree, points: Floats, vertex_count: int) -> Floats:
    """(N,) metres from points (N, 3) to the nearest triangle; quickest if neighbours follow each other.

    Triangles whose last corner is none of the first `vertex_count` vertices close the mesh and are left out.
    """
    return np.asarray(_distances(tree, points, vertex_count))


def surfaces_cross(first: Tree, second: Tree) -> bool:
    """Whether an edge of one mesh meets a triangle of the other; edges within its plane do not."""
    return bool(_surfaces_cross(first, second))


@kernel
def _order_triangles(centres: Floats, leaves: int) -> Integers:
    """Split the triangles again and again at the middle of the longest side of their centres' box."""
    count = len(centres)
    order = np.arange(count)
    nodes = 1
    while nodes < leaves:
        width = leaves // nodes
        for node in range(nodes):
            first, last = node * width * count // leaves, (node + 1) * width * count // leaves
            if last - first < 2:
                continue
            part = order[first:last].copy()
            axis, longest = 0, -1.0
            for k in range(3):
                extent = centres[part, k].max() - centres[part, k].min()
                if extent > longest:
                    axis, longest = k, extent
            # the stable sort of numba
            order[first:last] = part[np.argsort(centres[part, axis], kind="mergesort")]
        nodes *= 2
    return order


@kernel
def _box_triangles(vertices: Floats, faces: Integers, starts: Integers) -> Floats:
    leaves = len(starts) - 1
    boxes = np.full((2 * leaves, 6), np.inf)
    boxes[:, 3:] = -np.inf
    for leaf in range(leaves):
        box = boxes[leaves + leaf]
        for n in range(starts[leaf], starts[leaf + 1]):
            for corner in range(3):
                vertex = faces[n, corner]
                for axis in range(3):
                    value = vertices[vertex, axis]
                    box[axis] = min(box[axis], value)
                    box[axis + 3] = max(box[axis + 3], value)
    for node in range(leaves - 1, 0, -1):
        for axis in range(3):
            boxes[node, axis] = min(boxes[2 * node, axis], boxes[2 * node + 1, axis])
            boxes[node, axis + 3] = max(boxes[2 * node, axis + 3], boxes[2 * node + 1, axis + 3])
    return boxes


@kernel
def _distances(  # noqa: C901 - one loop: a call for every leaf would cost a sixth
    tree: Tree, points: Floats, vertex_count: int
) -> Floats:
    vertices, faces, starts, boxes = tree
    leaves = len(starts) - 1
    result = np.zeros(len(points))
    stack, bound = np.zeros(DEEPEST, dtype=np.int64), np.zeros(DEEPEST)
    nearest = 0
    while faces[nearest, 2] >= vertex_count:
        nearest += 1
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        # the answer for the point before is a good guess for this one
        best = _squared_distance(vertices, faces, nearest, x, y, z, np.inf)
        stack[0], bound[0] = 1, 0.0
        size = 1
        while size > 0:
            size -= 1
            if bound[size] >= best:
                continue
            node = stack[size]
            while node < leaves:
                node *= 2
                left, right = _gap(boxes, node, x, y, z), _gap(boxes, node + 1, x, y, z)
                if max(left, right) < best:
                    stack[size], bound[size] = node + (right >= left), max(left, right)
                    size += 1
                if min(left, right) >= best:
                    node = 0  # no leaf
                    break
                node += right < left
            if node == 0:
                continue
            for triangle in range(starts[node - leaves], starts[node - leaves + 1]):
                if faces[triangle, 2] >= vertex_count:
                    continue
                distance = _squared_distance(vertices, faces, triangle, x, y, z, best)
                if distance < best:
                    best, nearest = distance, triangle
        result[n] = math.sqrt(best)
    return result


@kernel
def _gap(boxes: Floats, node: int, x: float, y: float, z: float) -> float:
    """Squared distance of a point to a box, 0 inside."""
    dx = max(boxes[node, 0] - x, 0.0, x - boxes[node, 3])
    dy = max(boxes[node, 1] - y, 0.0, y - boxes[node, 4])
    dz = max(boxes[node, 2] - z, 0.0, z - boxes[node, 5])
    return float(dx * dx + dy * dy + dz * dz)


@kernel
def _squared_distance(
    vertices: Floats, faces: Integers, n: int, x: float, y: float, z: float, most: float
) -> float:
    """Squared distance of a point to a triangle: to its plane above its inside, else to its nearest edge.

    Infinite where the plane alone is farther away than `most`.
    """
    a, b, c = faces[n, 0], faces[n, 1], faces[n, 2]
    ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
    ux, uy, uz = vertices[b, 0] - ax, vertices[b, 1] - ay, vertices[b, 2] - az
    vx, vy, vz = vertices[c, 0] - ax, vertices[c, 1] - ay, vertices[c, 2] - az
    wx, wy, wz = vx - ux, vy - uy, vz - uz
    px, py, pz = x - ax, y - ay, z - az
    qx, qy, qz = px - ux, py - uy, pz - uz
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    square = nx * nx + ny * ny + nz * nz
    uu, vv = ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz
    ww = wx * wx + wy * wy + wz * wz
    if square <= _THIN * _THIN * uu * vv:
        return min(
            _to_segment(ux, uy, uz, uu, px, py, pz),
            _to_segment(vx, vy, vz, vv, px, py, pz),
            _to_segment(wx, wy, wz, ww, qx, qy, qz),
        )
    height = nx * px + ny * py + nz * pz
    if height * height > most * square:
        return np.inf
    # the nearest point of the border is on an edge whose outer side the point is on, seen along the normal
    nearest = np.inf
    if nx * (uy * pz - uz * py) + ny * (uz * px - ux * pz) + nz * (ux * py - uy * px) < 0.0:
        nearest = _to_segment(ux, uy, uz, uu, px, py, pz)
    if nx * (py * vz - pz * vy) + ny * (pz * vx - px * vz) + nz * (px * vy - py * vx) < 0.0:
        nearest = min(nearest, _to_segment(vx, vy, vz, vv, px, py, pz))
    if nx * (wy * qz - wz * qy) + ny * (wz * qx - wx * qz) + nz * (wx * qy - wy * qx) < 0.0:
        nearest = min(nearest, _to_segment(wx, wy, wz, ww, qx, qy, qz))
    return float(height * height / square) if nearest == np.inf else float(nearest)


@kernel
def _to_segment(dx: float, dy: float, dz: float, square: float, px: float, py: float, pz: float) -> float:
    """Squared distance of p to the segment from 0 to d, whose squared length is given."""
    along = px * dx + py * dy + pz * dz
    share = min(max(along / square, 0.0), 1.0) if square > 0.0 else 0.0
    x, y, z = px - share * dx, py - share * dy, pz - share * dz
    return float(x * x + y * y + z * z)


@kernel
def _surfaces_cross(first: Tree, second: Tree) -> bool:
    boxes_a, boxes_b = first.boxes, second.boxes
    leaves_a, leaves_b = len(first.starts) - 1, len(second.starts) - 1
    stack = np.zeros((4 * DEEPEST, 2), dtype=np.int64)
    stack[0, 0], stack[0, 1] = 1, 1
    size = 1
    while size > 0:
        size -= 1
        a, b = stack[size, 0], stack[size, 1]
        apart = False
        for axis in range(3):
            apart = (
                apart or boxes_a[a, axis] > boxes_b[b, axis + 3] or boxes_b[b, axis] > boxes_a[a, axis + 3]
            )
        if apart:
            continue
        if a < leaves_a and (b >= leaves_b or a <= b):
            stack[size, 0], stack[size, 1] = 2 * a, b
            stack[size + 1, 0], stack[size + 1, 1] = 2 * a + 1, b
            size += 2
        elif b < leaves_b:
            stack[size, 0], stack[size, 1] = a, 2 * b
            stack[size + 1, 0], stack[size + 1, 1] = a, 2 * b + 1
            size += 2
        elif _leaves_cross(first, a - leaves_a, second, b - leaves_b):
            return True
    return False


@kernel
def _leaves_cross(first: Tree, leaf_a: int, second: Tree, leaf_b: int) -> bool:
    for m in range(first.starts[leaf_a], first.starts[leaf_a + 1]):
        for n in range(second.starts[leaf_b], second.starts[leaf_b + 1]):
            a, b = first.faces[m], second.faces[n]
            for corner in range(3):
                after = (corner + 1) % 3
                if _pierces(first.vertices, a[corner], a[after], second.vertices, b):
                    return True
                if _pierces(second.vertices, b[corner], b[after], first.vertices, a):
                    return True
    return False


@kernel
def _pierces(vertices: Floats, start: int, end: int, others: Floats, face: Integers) -> bool:
    """Whether an edge passes through a triangle of another mesh: the signs of five tetrahedra."""
    p, q = vertices[start], vertices[end]
    a, b, c = others[face[0]], others[face[1]], others[face[2]]
    above, below = _tetrahedron(a, b, c, p), _tetrahedron(a, b, c, q)
    if above * below > 0.0 or above == below:
        return False
    first, second, third = _tetrahedron(p, q, a, b), _tetrahedron(p, q, b, c), _tetrahedron(p, q, c, a)
    return (first >= 0.0 and second >= 0.0 and third >= 0.0) or (
        first <= 0.0 and second <= 0.0 and third <= 0.0
    )


@kernel
def _tetrahedron(a: Floats, b: Floats, c: Floats, d: Floats) -> float:
    """Six times the signed volume."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    wx, wy, wz = d[0] - a[0], d[1] - a[1], d[2] - a[2]
    return float(wx * (uy * vz - uz * vy) + wy * (uz * vx - ux * vz) + wz * (ux * vy - uy * vx))
