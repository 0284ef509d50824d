"""Shafts: the square columns of space that a question is about, and the triangles that reach into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mhbench.kernels import kernel
from mhbench.volumes.meshes import bounds
from mhbench.volumes.trees import DEEPEST

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.volumes.trees import Tree

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

_SLACK = 1 + 1e-9  # so that rounding leaves no point at the rim of its shaft


class Shafts(NamedTuple):
    """Square columns of space along an axis.

    Attributes:
        axes: which axis of the space is row, column and depth; (0, 1, 2), turned cyclically.
        corner: (3,) metres, in the order of `axes`: where row 0, column 0 and all shafts begin.
        side: metres, of a row or column.
        wanted: (R, C) bool, which of the columns are shafts.
    """

    axes: tuple[int, int, int]
    corner: Floats
    side: float
    wanted: Flags


def along(depth: int) -> tuple[int, int, int]:
    """Axes of rows, columns and depth, for a depth along one of the three."""
    return (depth + 1) % 3, (depth + 2) % 3, depth


def shaft_of(points: Floats, depth: int) -> Shafts:
    """The shaft that begins at the lowest of some points (N, 3), at least one, and holds all of them."""
    axes = along(depth)
    low, high = (corner[list(axes)] for corner in bounds(points))
    side = max(float((high - low)[:2].max()) * _SLACK, float(np.finfo(np.float32).tiny))
    return Shafts(axes, low, side, np.ones((1, 1), dtype=np.bool_))


def cropped(shafts: Shafts) -> Shafts:
    """Without the empty rows and columns around the shafts, of which there is at least one."""
    rows = np.flatnonzero(shafts.wanted.any(axis=1))
    columns = np.flatnonzero(shafts.wanted.any(axis=0))
    wanted = np.ascontiguousarray(shafts.wanted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    corner = shafts.corner + shafts.side * np.array([rows[0], columns[0], 0])
    return shafts._replace(corner=corner, wanted=wanted)


def faces_over(tree: Tree, shafts: Shafts) -> Integers:
    """Faces (M, 3) of the leaves whose boxes reach into a shaft."""
    return np.asarray(_faces_over(tree, shafts))


@kernel
def _faces_over(tree: Tree, shafts: Shafts) -> Integers:
    (row, column, depth), corner, side, wanted = shafts
    _, tree_faces, starts, boxes = tree
    rows, columns = wanted.shape
    leaves = len(starts) - 1
    found = np.zeros(leaves, dtype=np.int64)
    count = faces = 0
    stack = np.zeros(DEEPEST, dtype=np.int64)
    stack[0] = 1
    size = 1
    while size > 0:
        size -= 1
        node = stack[size]
        top, bottom = (boxes[node, row] - corner[0]) / side, (boxes[node, row + 3] - corner[0]) / side
        left, right = (boxes[node, column] - corner[1]) / side, (boxes[node, column + 3] - corner[1]) / side
        aside = bottom < 0.0 or right < 0.0 or top >= rows or left >= columns
        if aside or boxes[node, depth + 3] < corner[2]:
            continue
        if node < leaves:
            stack[size], stack[size + 1] = 2 * node + 1, 2 * node
            size += 2
            continue
        over = False
        for i in range(int(max(top, 0.0)), int(min(bottom, rows - 1.0)) + 1):
            for j in range(int(max(left, 0.0)), int(min(right, columns - 1.0)) + 1):
                over = over or wanted[i, j]
        if over:
            found[count] = node - leaves
            faces += starts[node - leaves + 1] - starts[node - leaves]
            count += 1
    over_shafts = np.zeros((faces, 3), dtype=np.int64)
    faces = 0
    for leaf in found[:count]:
        for n in range(starts[leaf], starts[leaf + 1]):
            for vertex in range(3):
                over_shafts[faces, vertex] = tree_faces[n, vertex]
            faces += 1
    return over_shafts
