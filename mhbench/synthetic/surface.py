"""A closed surface with an exact number of vertices, from a solid that is a smooth union of rounded cones.

Surface nets on a grid give a closed surface with nearly the wanted number of vertices; splitting the longest
edges supplies the rest (each split adds one vertex and two triangles, so the genus stays). Magnifying lenses
in the grid spend more vertices where the body has fine parts: hands, face, feet.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Solid:
    """Smooth union of M rounded cones, each with its own squeeze along the axes.

    Attributes:
        start, end: (M, 3) float64 metres, the two ends of each cone's axis.
        radius: (M, 2) float64 metres at the two ends, before the squeeze.
        squeeze: (M, 3) float64, how many times thinner than its radius a cone is along x, y, z.
        blend: metres over which neighbouring cones melt into each other.
    """

    start: Floats
    end: Floats
    radius: Floats
    squeeze: Floats
    blend: float


@dataclass(frozen=True)
class Lens:
    """A ball in which the grid is finer: `magnification` times at its centre, fading to once at `radius`."""

    centre: tuple[float, float, float]
    radius: float
    magnification: float


@kernel
def _field(
    points: Floats, start: Floats, end: Floats, radius: Floats, squeeze: Floats, blend: float
) -> Floats:
    """Approximate signed distance of points (N, 3) to the solid, negative inside."""
    result = np.zeros(points.shape[0])
    for n in range(points.shape[0]):
        total = 0.0
        for m in range(start.shape[0]):
            along, length = 0.0, 1e-12
            for axis in range(3):
                step = (end[m, axis] - start[m, axis]) * squeeze[m, axis]
                along += (points[n, axis] - start[m, axis]) * squeeze[m, axis] * step
                length += step * step
            share = min(max(along / length, 0.0), 1.0)
            distance, slope = 1e-24, 0.0
            for axis in range(3):
                centre = start[m, axis] + share * (end[m, axis] - start[m, axis])
                offset = (points[n, axis] - centre) * squeeze[m, axis]
                distance += offset * offset
                slope += offset * offset * squeeze[m, axis] * squeeze[m, axis]
            distance = np.sqrt(distance)
            # first order in the gradient, so that squeezed cones blend over true metres too
            gradient = max(np.sqrt(slope) / distance, 1.0)
            gap = (distance - radius[m, 0] - share * (radius[m, 1] - radius[m, 0])) / gradient
            if gap < 12.0 * blend:
                total += np.exp(-max(gap, -12.0 * blend) / blend)
        result[n] = -blend * np.log(total) if total > 0.0 else 12.0 * blend
    return result


def field(solid: Solid, points: Floats) -> Floats:
    """Approximate signed distance of points (N, 3) metres to the solid: (N,) metres, negative inside."""
    return _field(
        np.ascontiguousarray(points), solid.start, solid.end, solid.radius, solid.squeeze, solid.blend
    )


def closed_surface(
    solid: Solid, lenses: list[Lens], low: Floats, high: Floats, spacing: float, count: int
) -> tuple[Floats, Integers]:
    """Closed surface of a solid with exactly `count` vertices.

    Args:
        solid: the solid, one connected piece without holes.
        lenses: where the grid is finer; they should not overlap much.
        low: (3,) metres, corner of a box that holds the solid.
        high: (3,) metres, the opposite corner.
        spacing: metres of the grid outside the lenses; slightly too coarse for `count` vertices.
        count: the number of vertices wanted.

    Returns:
        vertices (count, 3) float64 metres and triangles (2 count - 4, 3) int64, counter-clockwise seen from
        outside.
    """
    vertices, triangles = _surface_net(solid, lenses, low, high, spacing)
    vertices = _settle(solid, vertices, triangles, rounds=4)
    vertices, triangles = _split_longest(vertices, triangles, count)
    return _settle(solid, vertices, triangles, rounds=3), triangles


def _magnify(points: Floats, lenses: list[Lens]) -> Floats:
    """Map grid coordinates to metres: near the centre of a lens the grid lines lie closer together."""
    moved = points.copy()
    for lens in lenses:
        offset = points - np.asarray(lens.centre)
        share = np.clip(np.sqrt((offset**2).sum(axis=-1, keepdims=True)) / lens.radius, 0.0, 1.0)
        fade = share * share * (3.0 - 2.0 * share)
        moved += offset * (1.0 / lens.magnification - 1.0) * (1.0 - fade)
    return moved


def _surface_net(
    solid: Solid, lenses: list[Lens], low: Floats, high: Floats, spacing: float
) -> tuple[Floats, Integers]:
    """One vertex per grid cell that the surface crosses, one quad per grid edge that it crosses."""
    size = tuple(np.ceil((high - low) / spacing).astype(int) + 1)
    nodes = low + spacing * np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), axis=-1)
    values = field(solid, _magnify(nodes.reshape(-1, 3), lenses)).reshape(size)
    sums = np.zeros((*size, 3))
    crossings = np.zeros(size, dtype=np.int64)
    quads = []
    for axis in range(3):
        near, far = values[_part(axis, 0, -1)], values[_part(axis, 1, None)]
        edge = np.argwhere((near < 0) != (far < 0))
        first, second = near[tuple(edge.T)], far[tuple(edge.T)]
        place = low + spacing * edge
        place[:, axis] += spacing * first / (first - second)
        corners = np.stack([edge - np.roll(step, axis) for step in _AROUND], axis=1)
        for corner in range(4):
            cell = tuple(corners[:, corner].T)
            np.add.at(sums, cell, place)
            np.add.at(crossings, cell, 1)
        quads.append(np.where((first < 0)[:, None, None], corners, corners[:, ::-1]))
    number = np.cumsum(crossings.ravel() > 0).reshape(size) - 1
    used = crossings > 0
    vertices = _magnify(sums[used] / crossings[used][:, None], lenses)
    quad = number[tuple(np.moveaxis(np.concatenate(quads), -1, 0))]
    return vertices, _cut_quads(vertices, quad)


# the four cells around an edge along the first axis, counter-clockwise seen from its far end
_AROUND = np.array([[0, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1]])


def _part(axis: int, start: int, stop: int | None) -> tuple[slice, ...]:
    return tuple(slice(start, stop) if other == axis else slice(None) for other in range(3))


def _cut_quads(vertices: Floats, quads: Integers) -> Integers:
    """Cut quads (Q, 4) into triangles along the shorter diagonal."""
    a, b, c, d = quads.T
    first = ((vertices[a] - vertices[c]) ** 2).sum(axis=1) <= ((vertices[b] - vertices[d]) ** 2).sum(axis=1)
    upper = np.where(first[:, None], np.stack([a, b, c], axis=1), np.stack([a, b, d], axis=1))
    lower = np.where(first[:, None], np.stack([a, c, d], axis=1), np.stack([b, c, d], axis=1))
    return np.concatenate([upper, lower]).astype(np.int64)


def edges_of(triangles: Integers) -> Integers:
    """The undirected edges of a mesh: (E, 2) int64, smaller index first, each once."""
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


def neighbour_mean(edge: Integers, values: Floats) -> Floats:
    """Mean over the neighbours of every vertex: edges (E, 2), values (V, C) -> (V, C)."""
    total = np.zeros_like(values)
    np.add.at(total, edge[:, 0], values[edge[:, 1]])
    np.add.at(total, edge[:, 1], values[edge[:, 0]])
    return total / np.bincount(edge.ravel(), minlength=len(values))[:, None]


def _settle(solid: Solid, vertices: Floats, triangles: Integers, rounds: int) -> Floats:
    """Even out the triangles and put every vertex on the surface, alternately."""
    edge = edges_of(triangles)
    for _ in range(rounds):
        vertices = vertices + 0.5 * (neighbour_mean(edge, vertices) - vertices)
        for _ in range(3):
            vertices = _onto_surface(solid, vertices)
    return vertices


def _onto_surface(solid: Solid, vertices: Floats) -> Floats:
    """One Newton step towards the surface, at most 5 mm."""
    step = 1e-5
    gradient = np.stack(
        [
            (field(solid, vertices + axis) - field(solid, vertices - axis)) / (2 * step)
            for axis in step * np.eye(3)
        ],
        axis=1,
    )
    squared = np.maximum((gradient**2).sum(axis=1), 0.05)
    move = np.clip(field(solid, vertices) / squared, -0.005, 0.005)
    return np.asarray(vertices - move[:, None] * gradient)


def _split_longest(vertices: Floats, triangles: Integers, count: int) -> tuple[Floats, Integers]:
    """Split the longest edge at its middle until there are `count` vertices."""
    points = list(vertices)
    faces = [tuple(map(int, triangle)) for triangle in triangles]
    owner = {(face[k], face[(k + 1) % 3]): n for n, face in enumerate(faces) for k in range(3)}
    heap = [_ranked(points, int(i), int(j)) for i, j in edges_of(triangles)]
    heapq.heapify(heap)
    while len(points) < count:
        _, i, j = heapq.heappop(heap)
        middle = len(points)
        points.append((points[i] + points[j]) / 2)
        for first, second in ((i, j), (j, i)):
            n = owner.pop((first, second))
            apex = next(corner for corner in faces[n] if corner not in {i, j})
            faces[n] = (first, middle, apex)
            faces.append((middle, second, apex))
            owner |= {(first, middle): n, (middle, apex): n, (middle, second): len(faces) - 1}
            owner |= {(second, apex): len(faces) - 1, (apex, middle): len(faces) - 1}
            heapq.heappush(heap, _ranked(points, apex, middle))
        heapq.heappush(heap, _ranked(points, i, middle))
        heapq.heappush(heap, _ranked(points, j, middle))
    return np.array(points), np.array(faces, dtype=np.int64)


def _ranked(points: list[Floats], i: int, j: int) -> tuple[float, int, int]:
    """An edge as the heap orders it: longest first, then by index (so that ties are the same everywhere)."""
    offset = points[i] - points[j]
    return -float(offset @ offset), min(i, j), max(i, j)
