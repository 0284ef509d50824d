"""Shafts: the square columns of space that a question is about, and the triangles that reach into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mhbench.kernels import kernel
from mhbench.volumes.cells import Cells, columns_of
from mhbench.volumes.trees import DEEPEST

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.volumes.trees import Tree

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]


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


def shafts_of(cells: Cells) -> Shafts:
    """The columns of some cells, at least one, along the axis with the fewest: there lines can be densest."""
    columns = columns_of(cells)
    depth = int(np.argmin([np.count_nonzero(column) for column in columns]))
    axes = (depth + 1) % 3, (depth + 2) % 3, depth
    # seen along the axis of the rows, the depth is along the columns
    beginning = int(np.argmax(columns[axes[0]].any(axis=0)))
    start = np.array(cells.first)[list(axes)] + [0, 0, beginning]
    return cropped(Shafts(axes, start * cells.side, cells.side, columns[depth]))


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
    sums = _summed(wanted)
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
        i, k = int(max(top, 0.0)), int(min(bottom, rows - 1.0)) + 1
        j, m = int(max(left, 0.0)), int(min(right, columns - 1.0)) + 1
        if sums[k, m] - sums[i, m] - sums[k, j] + sums[i, j] > 0:
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


@kernel
def _summed(wanted: Flags) -> Integers:
    """How many columns are wanted before each row and column: (R + 1, C + 1)."""
    rows, columns = wanted.shape
    sums = np.zeros((rows + 1, columns + 1), dtype=np.int64)
    for i in range(rows):
        along = 0
        for j in range(columns):
            along += wanted[i, j]
            sums[i + 1, j + 1] = sums[i, j + 1] + along
    return sums
