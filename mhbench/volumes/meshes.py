"""Checked meshes, and the caps that close the open ones.

A body mesh may be open: cut wrists, eye sockets. Its directed edges that no neighbour answers are its border;
a fan of triangles over each connected border closes it, exactly, whatever the mesh looks like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import ShapeError
from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]


_REMEMBERED: Final = 8  # topologies: the body models of one process


class Mesh(NamedTuple):
    """Vertices (V, 3) float64 metres and faces (T, 3) int64, both C-contiguous."""

    vertices: Floats
    faces: Integers


class Caps(NamedTuple):
    """What closes a topology of V vertices: new vertices, each the mean of a border, and fans around them.

    Attributes:
        faces: (C, 3) int64, the last corner of each is a new vertex V, V + 1, ...
        borders: (B,) int64 vertices of the borders, one border after the other.
        starts: (H + 1,) int64 where each of the H borders begins in `borders`.
    """

    faces: Integers
    borders: Integers
    starts: Integers


@dataclass
class Topology:
    """What depends on the faces of a mesh alone, found once for all its poses.

    Attributes:
        faces: (T, 3), a copy that nobody changes: whoever comes with this very array is known at once.
        vertex_count: V.
        caps: what closes it.
        leaves: (T, 3) the faces in the order of a tree's leaves, once there was one (`volumes.trees`).
    """

    faces: Integers
    vertex_count: int
    caps: Caps
    leaves: Integers | None = None


_topologies: list[Topology] = []


def topology(faces: Integers, vertex_count: int) -> Topology:
    """What is known about these faces; the latest few topologies are remembered.

    Raises:
        ShapeError: no two faces share an edge, so there is no surface to close.
    """
    for place, known in enumerate(_topologies):
        same = known.faces is faces or np.array_equal(known.faces, faces)
        if same and known.vertex_count == vertex_count:
            _topologies.insert(0, _topologies.pop(place))
            return known
    found = Topology(faces.copy(), vertex_count, find_caps(faces, vertex_count))
    _topologies.insert(0, found)
    del _topologies[_REMEMBERED:]
    return found


def checked_mesh(vertices: npt.ArrayLike, faces: npt.ArrayLike) -> Mesh:
    """The mesh as the kernels need it.

    Raises:
        ShapeError: wrong shapes, a vertex that is not finite, or a face that names none of the vertices.
    """
    places = np.ascontiguousarray(vertices, dtype=np.float64)
    check_shape("vertices", places, "V 3")
    if not np.isfinite(places).all():
        raise ShapeError(
            f"{int(np.sum(~np.isfinite(places).all(axis=1)))} of {len(places)} vertices are not finite",
            expected="(V, 3) finite coordinates in metres",
            action="leave out bodies with missing vertices",
        )
    return Mesh(places, checked_faces(faces, len(places)))


def checked_faces(faces: npt.ArrayLike, vertex_count: int) -> Integers:
    """Faces (T, 3) int64 of a mesh with so many vertices.

    Raises:
        ShapeError: wrong shape, no integers, or an index outside the vertices.
    """
    given: npt.NDArray[Any] = np.asarray(faces)
    check_shape("faces", given, "T 3")
    if given.dtype.kind not in "iu" and given.size:
        raise ShapeError(
            f"faces are {given.dtype}",
            expected="(T, 3) integers, indices into the vertices",
            action="convert them to int64",
        )
    if given.size and (given.min() < 0 or given.max() >= vertex_count):
        raise ShapeError(
            f"faces name the vertices {given.min()} .. {given.max()}",
            expected=f"0 .. {vertex_count - 1}",
            action="use the faces of the body model the vertices come from, counted from 0",
        )
    return np.ascontiguousarray(given, dtype=np.int64)


def find_caps(faces: Integers, vertex_count: int) -> Caps:
    """The caps of a topology; the same for all people with these faces.

    Raises:
        ShapeError: no two faces share an edge, so there is no surface to close.
    """
    edges = _open_edges(faces, vertex_count)
    if len(faces) > 3 and len(edges) == 3 * len(faces):
        raise ShapeError(
            f"no two of the {len(faces)} faces share an edge",
            expected="faces that share their vertices with their neighbours",
            action="merge vertices at the same place (numpy.unique with axis=0 and return_inverse)",
        )
    if not len(edges):
        return Caps(np.zeros((0, 3), np.int64), np.zeros(0, np.int64), np.zeros(1, np.int64))
    border = _components(edges, vertex_count)
    members, number = np.unique(border[edges[:, 0]], return_inverse=True)
    on_border = np.unique(edges)
    rank = np.searchsorted(members, border[on_border])
    order = np.argsort(rank, kind="stable")
    caps = np.column_stack([edges[:, 1], edges[:, 0], vertex_count + number])
    return Caps(caps, on_border[order], np.append(0, np.cumsum(np.bincount(rank, minlength=len(members)))))


def closed(mesh: Mesh) -> Mesh:
    """The mesh with its caps; without any border the same one, with the remembered faces."""
    known = topology(mesh.faces, len(mesh.vertices))
    if not len(known.caps.faces):
        return Mesh(mesh.vertices, known.faces)
    return Mesh(
        np.concatenate([mesh.vertices, cap_vertices(mesh.vertices, known.caps)]),
        np.concatenate([known.faces, known.caps.faces]),
    )


def cap_vertices(vertices: Floats, caps: Caps) -> Floats:
    """(H, 3) the mean of each border."""
    sums = np.add.reduceat(vertices[caps.borders], caps.starts[:-1], axis=0)
    return np.asarray(sums / np.diff(caps.starts)[:, None])


def bounds(points: Floats) -> tuple[Floats, Floats]:
    """Smallest and largest coordinates (3,) of points (N, 3); without points inf and -inf."""
    low, high = _bounds(points)
    return low, high


def enclosed_volume(mesh: Mesh) -> float:
    """Signed volume of a closed mesh in cubic metres: negative where the faces look inwards."""
    return float(_enclosed_volume(mesh.vertices, mesh.faces))


@kernel
def _bounds(points: Floats) -> tuple[Floats, Floats]:
    x = y = z = np.inf
    u = v = w = -np.inf
    for n in range(len(points)):
        a, b, c = points[n, 0], points[n, 1], points[n, 2]
        x, y, z, u, v, w = min(x, a), min(y, b), min(z, c), max(u, a), max(v, b), max(w, c)
    return np.array([x, y, z]), np.array([u, v, w])


@kernel
def _enclosed_volume(vertices: Floats, faces: Integers) -> float:
    total = 0.0
    if len(faces) == 0:
        return total
    # about a point of the mesh, so that bodies far from the origin keep their digits
    x0, y0, z0 = vertices[faces[0, 0], 0], vertices[faces[0, 0], 1], vertices[faces[0, 0], 2]
    for n in range(len(faces)):
        a, b, c = faces[n, 0], faces[n, 1], faces[n, 2]
        ax, ay, az = vertices[a, 0] - x0, vertices[a, 1] - y0, vertices[a, 2] - z0
        bx, by, bz = vertices[b, 0] - x0, vertices[b, 1] - y0, vertices[b, 2] - z0
        cx, cy, cz = vertices[c, 0] - x0, vertices[c, 1] - y0, vertices[c, 2] - z0
        total += ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    return total / 6.0


@kernel
def _open_edges(faces: Integers, vertex_count: int) -> Integers:
    """Directed edges (E, 2) without one of the other direction, as often as they lack one."""
    start, other, balance = _balance_edges(faces, vertex_count)
    total = np.abs(balance).sum()
    edges = np.zeros((total, 2), dtype=np.int64)
    found = 0
    for low in range(vertex_count if total > 0 else 0):
        for place in range(start[low], start[low + 1]):
            for _ in range(abs(balance[place])):
                forward = balance[place] > 0
                edges[found, 0] = low if forward else other[place]
                edges[found, 1] = other[place] if forward else low
                found += 1
    return edges


@kernel
def _balance_edges(faces: Integers, vertex_count: int) -> tuple[Integers, Integers, Integers]:
    """Edges by their smaller vertex: where each vertex's begin, the other end, upward less downward uses."""
    start = np.zeros(vertex_count + 1, dtype=np.int64)
    for n in range(len(faces)):
        for corner in range(3):
            start[min(faces[n, corner], faces[n, (corner + 1) % 3]) + 1] += 1
    for vertex in range(vertex_count):
        start[vertex + 1] += start[vertex]
    other = np.full(start[vertex_count], -1)
    balance = np.zeros(start[vertex_count], dtype=np.int64)
    for n in range(len(faces)):
        for corner in range(3):
            a, b = faces[n, corner], faces[n, (corner + 1) % 3]
            if a == b:
                continue
            place = start[min(a, b)]
            while other[place] >= 0 and other[place] != max(a, b):
                place += 1
            other[place] = max(a, b)
            balance[place] += 1 if a < b else -1
    return start, other, balance


@kernel
def _components(edges: Integers, vertex_count: int) -> Integers:
    """The smallest vertex each vertex is connected with by the edges: (V,)."""
    parent = np.arange(vertex_count)
    for n in range(len(edges)):
        a, b = edges[n, 0], edges[n, 1]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        parent[max(a, b)] = min(a, b)
    for vertex in range(vertex_count):
        # parents are never larger, so they are settled already
        parent[vertex] = parent[parent[vertex]]
    return parent
