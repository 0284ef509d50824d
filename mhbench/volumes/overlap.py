"""The volume two bodies share: the exact length inside both along many lines, where there is any."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.kernels import kernel
from mhbench.volumes.cells import Cells, common_cells
from mhbench.volumes.meshes import checked_mesh
from mhbench.volumes.scanning import Crossings, Lines, cross_lines
from mhbench.volumes.shafts import Shafts, along, cropped, faces_over
from mhbench.volumes.solids import Solid

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

HITS: Final = 200
"""Lines through what two bodies share, at least; its volume is then right to a few tenths of a per cent."""
_FIRST_ROWS: Final = 200  # squared, as if the shafts were one square
_DENSER: Final = 4  # columns to a row
_SLANT: Final = (math.sqrt(5) - 1) / 2  # no face of a body is likely to lie along it
_CLOSER_LOOKS: Final = 3  # for a trifle; most people need none or one
_MOST_LINES: Final = 2**18


def overlap_volume(
    vertices_a: npt.ArrayLike,
    faces_a: npt.ArrayLike,
    vertices_b: npt.ArrayLike,
    faces_b: npt.ArrayLike,
    *,
    hits: int = HITS,
) -> float:
    """Volume inside both of two meshes, in cubic metres.

    Open meshes are closed by a fan over each hole. Overlaps of a body with itself count once.

    Args:
        vertices_a: (V, 3) m.
        faces_a: (T, 3).
        vertices_b: (W, 3) m.
        faces_b: (U, 3).
        hits: lines to measure the volume along, at least.

    Raises:
        ShapeError: one is no mesh.
    """
    first, second = checked_mesh(vertices_a, faces_a), checked_mesh(vertices_b, faces_b)
    if not len(first.faces) or not len(second.faces):
        return 0.0
    one, other = Solid(first), Solid(second)
    return shared_volume(one, other, common_cells(one.cells, other.cells), hits)


def shared_volume(first: Solid, second: Solid, common: Cells, hits: int = HITS) -> float:
    """`overlap_volume` of two solids with their `common_cells`."""
    if not common.words.any():
        return 0.0
    shafts = _shafts(common)
    rows = math.ceil(math.sqrt(_FIRST_ROWS / np.count_nonzero(shafts.wanted)))
    lengths, step = _lengths(first, second, shafts, rows)
    for _ in range(_CLOSER_LOOKS):
        found = int(np.count_nonzero(lengths))
        if found >= hits:
            break
        if found:
            shafts = _narrowed(shafts, lengths > 0, step)
        rows = math.ceil(math.sqrt(hits / found)) if found else 4 * rows
        lengths, step = _lengths(first, second, shafts, rows)
    return float(lengths.sum() * step * step / _DENSER)


def _shafts(cells: Cells) -> Shafts:
    """The columns of some cells, along the axis with the fewest of them, so that lines can be densest."""
    columns = [cells.columns(axis) for axis in range(3)]
    depth = int(np.argmin([np.count_nonzero(column) for column in columns]))
    axes = along(depth)
    # the first cell along the depth, seen along another axis
    beginning = int(np.argmax(columns[0].any(axis=0) if depth == 2 else columns[1 - depth].any(axis=1)))
    start = np.array(cells.first)[list(axes)] + [0, 0, beginning]
    wanted = columns[1].T if depth == 1 else columns[depth]
    return cropped(Shafts(axes, start * cells.side, cells.side, wanted))


def _narrowed(shafts: Shafts, hit: Flags, step: float) -> Shafts:
    """Shafts as narrow as rows, around the lines that hit something and around their neighbours."""
    row, column = np.nonzero(hit)
    across = (column + 0.5) / _DENSER
    down = row + 0.5 - _SLANT * across
    shape = [math.ceil(size * shafts.side / step) + 2 for size in shafts.wanted.shape]
    held = np.zeros(shape, dtype=np.bool_)
    held[down.astype(np.int64) + 1, across.astype(np.int64) + 1] = True
    rows = held[:-2] | held[1:-1] | held[2:]
    return cropped(shafts._replace(side=step, wanted=rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]))


def _lengths(first: Solid, second: Solid, shafts: Shafts, rows: int) -> tuple[Floats, float]:
    """Length inside both along lines through the shafts, by row and column; the distance of their rows.

    There are so many rows to a shaft, slanted, and several times as many columns: a row costs more than the
    lines in it, and what is integrated along a row is less smooth than what is integrated across rows.
    """
    axes, corner, side, wanted = shafts
    fine = max(1, min(rows, math.isqrt(_MOST_LINES // (wanted.size * _DENSER))))
    step = side / fine
    lines = Lines(
        axes,
        corner + step * np.array([(1 - _SLANT / _DENSER) / 2, 0.5 / _DENSER, 0.0]),
        np.array([1 / step, _DENSER / step, 1.0]),
        math.ceil(fine * (wanted.shape[0] + _SLANT * wanted.shape[1])),
        fine * _DENSER * wanted.shape[1],
        _SLANT,
    )
    crossings = [
        cross_lines(solid.closed.vertices, faces_over(solid.tree, shafts), lines) for solid in (first, second)
    ]
    lengths = np.zeros((lines.rows, lines.columns))
    _shared_lengths(crossings[0], crossings[1], first.outward, second.outward, wanted, fine, lengths)
    return lengths, step


@kernel
def _shared_lengths(
    first: Crossings,
    second: Crossings,
    turned_first: int,
    turned_second: int,
    wanted: Flags,
    fine: int,
    lengths: Floats,
) -> None:
    """Length inside both along the lines through the shafts, from the far end down to where they begin."""
    rows, columns = lengths.shape
    for row in range(rows):
        for column in range(columns):
            across = (column + 0.5) / _DENSER
            down = row + 0.5 - _SLANT * across
            if not 0.0 <= down < fine * wanted.shape[0] or not wanted[int(down) // fine, int(across) // fine]:
                continue
            line = row * columns + column
            m, n = first.start[line + 1] - 1, second.start[line + 1] - 1
            winding_m, winding_n, since = 0, 0, np.inf
            # a surface that reaches below the shafts is not left at the end of its list
            while since > 0.0 and (m >= first.start[line] or n >= second.start[line]):
                both = winding_m > 0 and winding_n > 0
                above = m >= first.start[line] and (
                    n < second.start[line] or first.depth[m] >= second.depth[n]
                )
                if above:
                    at = first.depth[m]
                    winding_m -= turned_first * first.sign[m]
                    m -= 1
                else:
                    at = second.depth[n]
                    winding_n -= turned_second * second.sign[n]
                    n -= 1
                if both:
                    lengths[row, column] += since - max(at, 0.0)
                since = at
