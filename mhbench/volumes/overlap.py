"""The volume two bodies share: exact lengths along lines through the places where both are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.kernels import kernel
from mhbench.volumes.meshes import checked_mesh
from mhbench.volumes.scanning import Crossings, Lines, cross_lines
from mhbench.volumes.solids import Solid, common_cells

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.volumes.trees import Tree

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

LINES: Final = 32
"""Root of the number of lines through what two bodies have in common."""
_MOST_LINES: Final = 2**18


def overlap_volume(
    vertices_a: npt.ArrayLike,
    faces_a: npt.ArrayLike,
    vertices_b: npt.ArrayLike,
    faces_b: npt.ArrayLike,
    *,
    lines: int = LINES,
) -> float:
    """Volume inside both of two meshes, in cubic metres.

    Open meshes are closed by a fan over each hole. Overlaps of a body with itself count once.

    Args:
        vertices_a: (V, 3) m.
        faces_a: (T, 3).
        vertices_b: (W, 3) m.
        faces_b: (U, 3).
        lines: their number is about the square of this, through the places where both bodies are.

    Raises:
        ShapeError: one is no mesh.
    """
    first, second = checked_mesh(vertices_a, faces_a), checked_mesh(vertices_b, faces_b)
    if not len(first.faces) or not len(second.faces):
        return 0.0
    return shared_volume(Solid(first), Solid(second), lines=lines)


def shared_volume(
    first: Solid, second: Solid, *, common: npt.NDArray[np.bool_] | None = None, lines: int = LINES
) -> float:
    """`overlap_volume` of two solids; `common` are their `common_cells`, if they are at hand."""
    cells = common_cells(first, second) if common is None else common
    if not cells.any():
        return 0.0
    # lines run along the axis on which the fewest columns of cells are wanted, so that they can be densest
    columns = [np.any(cells, axis=axis) for axis in range(3)]
    depth = int(np.argmin([np.count_nonzero(column) for column in columns]))
    axes = ((depth + 1) % 3, (depth + 2) % 3, depth)
    whole = columns[depth].T if depth == 1 else columns[depth]
    rows, seen = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    wanted = np.ascontiguousarray(whole[rows[0] : rows[-1] + 1, seen[0] : seen[-1] + 1])
    per_cell = round(lines / math.sqrt(np.count_nonzero(wanted)))
    per_cell = min(max(per_cell, 1), max(1, math.isqrt(_MOST_LINES // wanted.size)))
    low, cell, _ = first.coarse
    origin = low[list(axes)] + cell * np.array([rows[0], seen[0], 0.0])
    step = cell / per_cell
    through = Lines(
        axes,
        origin + np.array([step / 2, step / 2, 0.0]),
        np.array([1 / step, 1 / step, 1.0]),
        per_cell * wanted.shape[0],
        per_cell * wanted.shape[1],
    )
    crossings = [
        cross_lines(solid.closed.vertices, _faces_over(solid.tree, axes, origin, cell, wanted), through)
        for solid in (first, second)
    ]
    length = _shared_length(crossings[0], crossings[1], first.outward, second.outward, wanted, per_cell)
    return float(length * step * step)


@kernel
def _faces_over(
    tree: Tree, axes: tuple[int, int, int], origin: Floats, cell: float, wanted: npt.NDArray[np.bool_]
) -> Integers:
    """Faces (M, 3) of the leaves whose box lies over a wanted column of cells."""
    rows, columns = wanted.shape
    leaves = len(tree.starts) - 1
    found = np.zeros(tree.faces.shape, dtype=np.int64)
    count = 0
    for leaf in range(leaves):
        box = tree.boxes[leaves + leaf]
        top, bottom = (box[axes[0]] - origin[0]) / cell, (box[axes[0] + 3] - origin[0]) / cell
        left, right = (box[axes[1]] - origin[1]) / cell, (box[axes[1] + 3] - origin[1]) / cell
        if bottom < 0.0 or right < 0.0 or top >= rows or left >= columns:
            continue
        over = False
        for row in range(int(max(top, 0.0)), min(int(bottom), rows - 1) + 1):
            for column in range(int(max(left, 0.0)), min(int(right), columns - 1) + 1):
                over = over or wanted[row, column]
        for n in range(tree.starts[leaf], tree.starts[leaf + 1] if over else 0):
            for corner in range(3):
                found[count, corner] = tree.faces[n, corner]
            count += 1
    return found[:count]


@kernel
def _shared_length(
    first: Crossings,
    second: Crossings,
    turned_first: int,
    turned_second: int,
    wanted: npt.NDArray[np.bool_],
    per_cell: int,
) -> float:
    """Length inside both, over the lines of the wanted columns; elsewhere crossings may be missing."""
    total = 0.0
    columns = wanted.shape[1] * per_cell
    for line in range(len(first.start) - 1):
        if not wanted[line // columns // per_cell, line % columns // per_cell]:
            continue
        m, n = first.start[line], second.start[line]
        end_m, end_n = first.start[line + 1], second.start[line + 1]
        winding_m, winding_n, since = 0, 0, 0.0
        while m < end_m and n < end_n:
            both = winding_m > 0 and winding_n > 0
            if first.depth[m] <= second.depth[n]:
                at = first.depth[m]
                winding_m += turned_first * first.sign[m]
                m += 1
            else:
                at = second.depth[n]
                winding_n += turned_second * second.sign[n]
                n += 1
            if both:
                total += at - since
            since = at
        # once one list is used up its surface has been left: nothing is shared further on
    return total
