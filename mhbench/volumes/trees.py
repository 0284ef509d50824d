"""A tree of boxes around the triangles of a mesh, and the distance to the nearest of them, exactly.

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

_LEAF: Final = 8  # triangles, at most
DEEPEST: Final = 64  # waiting boxes on the way down: one per level, and no tree has so many levels
# A triangle whose sine at the first corner is below this has no normal, only edges.
_THIN: Final = 1e-12
# Points that go down a tree together: the compiler makes vectors of them, which it does not of half as many.
_TOGETHER: Final = 16


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
    boxes = np.zeros((2 * leaves, 6))
    for leaf in range(leaves):
        x = y = z = np.inf
        u = v = w = -np.inf
        for n in range(starts[leaf], starts[leaf + 1]):
            for corner in range(3):
                vertex = faces[n, corner]
                a, b, c = vertices[vertex, 0], vertices[vertex, 1], vertices[vertex, 2]
                x, y, z, u, v, w = min(x, a), min(y, b), min(z, c), max(u, a), max(v, b), max(w, c)
        box = boxes[leaves + leaf]
        box[0], box[1], box[2], box[3], box[4], box[5] = x, y, z, u, v, w
    for node in range(leaves - 1, 0, -1):
        for axis in range(3):
            boxes[node, axis] = min(boxes[2 * node, axis], boxes[2 * node + 1, axis])
            boxes[node, axis + 3] = max(boxes[2 * node, axis + 3], boxes[2 * node + 1, axis + 3])
    return boxes


@kernel
def _distances(tree: Tree, points: Floats, vertex_count: int) -> Floats:
    """Some points go down the tree together, so that each triangle is measured from all of them at once."""
    result = np.zeros(len(points))
    places, best = np.zeros((3, _TOGETHER)), np.zeros(_TOGETHER)
    leaf = 0
    for first in range(0, len(points), _TOGETHER):
        for n in range(_TOGETHER):
            point = points[min(first + n, len(points) - 1)]
            places[0, n], places[1, n], places[2, n] = point[0], point[1], point[2]
        leaf = _approach_tree(tree, vertex_count, places, best, leaf)
        for n in range(min(_TOGETHER, len(points) - first)):
            result[first + n] = math.sqrt(best[n])
    return result


@kernel
def _approach_tree(tree: Tree, vertex_count: int, places: Floats, best: Floats, home: int) -> int:
    """Squared distances of points (3, N) to the tree, into `best` (N,); the leaf that brought them nearest.

    Home is such a leaf of points near by: a good first guess.
    """
    boxes = tree.boxes
    leaves = len(tree.starts) - 1
    stack, bound = np.zeros(DEEPEST, dtype=np.int64), np.zeros(DEEPEST)
    x, y, z = places[0].min(), places[1].min(), places[2].min()
    u, v, w = places[0].max(), places[1].max(), places[2].max()
    best[:] = np.inf
    _approach_leaf(tree, vertex_count, home, places, best)
    farthest = best.max()
    stack[0], bound[0] = 1, 0.0
    size = 1
    while size > 0:
        size -= 1
        if bound[size] >= farthest:
            continue
        node = stack[size]
        while 0 < node < leaves:
            node *= 2
            left, right = _gap(boxes, node, x, y, z, u, v, w), _gap(boxes, node + 1, x, y, z, u, v, w)
            if max(left, right) < farthest:
                stack[size], bound[size] = node + (right >= left), max(left, right)
                size += 1
            node = node + (right < left) if min(left, right) < farthest else 0
        if node > 0 and _is_near(boxes, node, places, best):
            _approach_leaf(tree, vertex_count, node - leaves, places, best)
            if best.max() < farthest:
                farthest, home = best.max(), node - leaves
    return home


@kernel
def _gap(boxes: Floats, node: int, x: float, y: float, z: float, u: float, v: float, w: float) -> float:
    """Squared distance between the box from x, y, z to u, v, w and one of the tree; 0 if they meet."""
    dx = max(boxes[node, 0] - u, 0.0, x - boxes[node, 3])
    dy = max(boxes[node, 1] - v, 0.0, y - boxes[node, 4])
    dz = max(boxes[node, 2] - w, 0.0, z - boxes[node, 5])
    return float(dx * dx + dy * dy + dz * dz)


@kernel
def _is_near(boxes: Floats, node: int, places: Floats, best: Floats) -> bool:
    """Whether a box is nearer to any of the points than what they have found."""
    near = False
    for n in range(_TOGETHER):
        x, y, z = places[0, n], places[1, n], places[2, n]
        near |= _gap(boxes, node, x, y, z, x, y, z) < best[n]
    return near


@kernel
def _approach_leaf(tree: Tree, vertex_count: int, leaf: int, places: Floats, best: Floats) -> None:
    vertices, faces, starts, _ = tree
    for n in range(starts[leaf], starts[leaf + 1]):
        if faces[n, 2] < vertex_count:
            _approach_triangle(vertices, faces, n, places, best)


@kernel
def _approach_triangle(vertices: Floats, faces: Integers, n: int, places: Floats, best: Floats) -> None:
    """Where less, the squared distances to a triangle: to its plane above its inside, else to its edges."""
    a, b, c = faces[n, 0], faces[n, 1], faces[n, 2]
    ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
    ux, uy, uz = vertices[b, 0] - ax, vertices[b, 1] - ay, vertices[b, 2] - az
    vx, vy, vz = vertices[c, 0] - ax, vertices[c, 1] - ay, vertices[c, 2] - az
    wx, wy, wz = vx - ux, vy - uy, vz - uz
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    square = nx * nx + ny * ny + nz * nz
    uu, vv, uv = ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz, ux * vx + uy * vy + uz * vz
    ww = wx * wx + wy * wy + wz * wz
    per_u, per_v, per_w, per_square = _inverse(uu), _inverse(vv), _inverse(ww), _inverse(square)
    # no point is above the inside of a triangle without a normal
    least = 0.0 if square > _THIN * _THIN * uu * vv else np.inf
    for m in range(_TOGETHER):
        px, py, pz = places[0, m] - ax, places[1, m] - ay, places[2, m] - az
        pu, pv = px * ux + py * uy + pz * uz, px * vx + py * vy + pz * vz
        edges = min(
            _to_segment(ux, uy, uz, pu * per_u, px, py, pz),
            _to_segment(vx, vy, vz, pv * per_v, px, py, pz),
            _to_segment(wx, wy, wz, (pv - pu + uu - uv) * per_w, px - ux, py - uy, pz - uz),
        )
        # the foot on the plane, in shares of u and v, times the square
        along_u, along_v = vv * pu - uv * pv, uu * pv - uv * pu
        inside = min(along_u, along_v, square - along_u - along_v) >= least
        height = nx * px + ny * py + nz * pz
        best[m] = min(best[m], height * height * per_square if inside else edges)


@kernel
def _inverse(value: float) -> float:
    return 1.0 / value if value > 0.0 else 0.0


@kernel
def _to_segment(dx: float, dy: float, dz: float, share: float, px: float, py: float, pz: float) -> float:
    """Squared distance of p to the segment from 0 to d, nearest at a share of d or at its end."""
    share = min(max(share, 0.0), 1.0)
    x, y, z = px - share * dx, py - share * dy, pz - share * dz
    return float(x * x + y * y + z * z)
