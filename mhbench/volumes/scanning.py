"""Where the lines of a grid cross a surface, with the direction of each crossing.

A line may pass exactly through an edge or a vertex. Every edge is therefore evaluated from its lower end,
with the same bits for both of its triangles, and rows and columns are half-open: along any line a closed
surface is entered as often as it is left, exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]


class Crossings(NamedTuple):
    """Crossings of N lines, line by line, each line's by ascending depth.

    Attributes:
        start: (N + 1,) int64, where each line's crossings begin.
        depth: (M,) float64.
        sign: (M,) int8: 1 where the line enters the surface, -1 where it leaves it.
    """

    start: Integers
    depth: Floats
    sign: npt.NDArray[np.int8]


class Lines(NamedTuple):
    """Rows of lines parallel to an axis, and where depth 0 is.

    A vertex v has row, column and depth (v[axes] - origin) * scale; lines go through whole rows and columns,
    in each row through all columns from one to another. With a slant, each row leans towards lower row
    coordinates by so much per metre along the columns.

    Attributes:
        axes: which axis of the mesh is row, column and depth; (0, 1, 2), turned cyclically, is right-handed.
        origin: (3,) metres, in the order of `axes`.
        scale: (3,) per metre.
        start: (rows + 1,) number of the first line of each row, and of lines.
        first: (rows,) column of that line.
        slant: metres per metre.
    """

    axes: tuple[int, int, int]
    origin: Floats
    scale: Floats
    start: Integers
    first: Integers
    slant: float = 0.0


def square_lines(axes: tuple[int, int, int], origin: Floats, scale: float, side: int) -> Lines:
    """Lines through side x side rows and columns, row by row."""
    return Lines(axes, origin, np.full(3, scale), np.arange(side + 1) * side, np.zeros(side, dtype=np.int64))


def cross_lines(vertices: Floats, faces: Integers, lines: Lines) -> Crossings:
    """Crossings of lines with a surface.

    Args:
        vertices: (V, 3) m.
        faces: (T, 3); those that meet no line may be left out.
        lines: if their axes are left-handed, entering and leaving change places.
    """
    return Crossings(*_cross_lines(vertices, faces, lines))


@kernel
def _cross_lines(
    vertices: Floats, faces: Integers, lines: Lines
) -> tuple[Integers, Floats, npt.NDArray[np.int8]]:
    line, depth, sign = _list_crossings(vertices, faces, lines)
    return _sort_by_line(line, depth, sign, lines.start[-1])


@kernel
def _list_crossings(
    vertices: Floats, faces: Integers, lines: Lines
) -> tuple[npt.NDArray[np.int32], Floats, npt.NDArray[np.int8]]:
    rows = len(lines.first)
    # of each row: its first column, the end of its columns, the number of a line less its column
    begin, number = lines.first, lines.start[:-1] - lines.first
    end = lines.start[1:] - number
    lowest, highest = float(begin.min()), float(end.max())
    capacity = 2 * len(faces) + 1024
    line = np.zeros(capacity, dtype=np.int32)
    depth = np.zeros(capacity)
    sign = np.zeros(capacity, dtype=np.int8)
    count = 0
    for n in range(len(faces)):
        r0, c0, d0 = _place(vertices, faces[n, 0], lines)
        r1, c1, d1 = _place(vertices, faces[n, 1], lines)
        r2, c2, d2 = _place(vertices, faces[n, 2], lines)
        top, bottom = int(np.ceil(max(min(r0, r1, r2), 0.0))), int(np.ceil(min(max(r0, r1, r2), float(rows))))
        if top >= bottom or max(c0, c1, c2) <= lowest or min(c0, c1, c2) > highest:
            continue
        r0, c0, d0, r1, c1, d1, r2, c2, d2, turned = _by_row(r0, c0, d0, r1, c1, d1, r2, c2, d2)
        # an edge is evaluated from its lower end, with the same bits for both of its triangles
        long_run, lower_run, upper_run = _per_row(r0, r2), _per_row(r0, r1), _per_row(r1, r2)
        for row in range(top, bottom):
            # the edge from the first to the last corner, and the one of the other two that crosses the row
            share = (row - r0) * long_run
            long_column, long_depth = c0 + share * (c2 - c0), d0 + share * (d2 - d0)
            if row < r1:
                share = (row - r0) * lower_run
                short_column, short_depth = c0 + share * (c1 - c0), d0 + share * (d1 - d0)
            else:
                share = (row - r1) * upper_run
                short_column, short_depth = c1 + share * (c2 - c1), d1 + share * (d2 - d1)
            left, right = min(long_column, short_column), max(long_column, short_column)
            first, last = int(np.ceil(max(left, begin[row]))), int(np.ceil(min(right, end[row])))
            if first >= last:
                continue
            entered = turned if short_column > long_column else -turned
            slope = (short_depth - long_depth) / (short_column - long_column)
            while count + last - first > len(line):
                line = np.concatenate((line, np.zeros_like(line)))
                depth = np.concatenate((depth, np.zeros_like(depth)))
                sign = np.concatenate((sign, np.zeros_like(sign)))
            for column in range(first, last):
                line[count] = number[row] + column
                depth[count] = long_depth + (column - long_column) * slope
                sign[count] = entered
                count += 1
    return line[:count], depth[:count], sign[:count]


@kernel
def _by_row(
    r0: float, c0: float, d0: float, r1: float, c1: float, d1: float, r2: float, c2: float, d2: float
) -> tuple[float, float, float, float, float, float, float, float, float, int]:
    """The corners of a triangle by ascending row, and -1 if that turns it round, else 1."""
    turned = 1
    if r0 > r1:
        r0, c0, d0, r1, c1, d1, turned = r1, c1, d1, r0, c0, d0, -turned
    if r1 > r2:
        r1, c1, d1, r2, c2, d2, turned = r2, c2, d2, r1, c1, d1, -turned
    if r0 > r1:
        r0, c0, d0, r1, c1, d1, turned = r1, c1, d1, r0, c0, d0, -turned
    return r0, c0, d0, r1, c1, d1, r2, c2, d2, turned


@kernel
def _place(vertices: Floats, vertex: int, lines: Lines) -> tuple[float, float, float]:
    """Row, column and depth of a vertex."""
    across = vertices[vertex, lines.axes[1]] - lines.origin[1]
    return (
        (vertices[vertex, lines.axes[0]] - lines.origin[0] + lines.slant * across) * lines.scale[0],
        across * lines.scale[1],
        (vertices[vertex, lines.axes[2]] - lines.origin[2]) * lines.scale[2],
    )


@kernel
def _per_row(low: float, high: float) -> float:
    """The share of an edge that lies between two rows; 0 for one along a row, which crosses none."""
    return 1.0 / (high - low) if high > low else 0.0


@kernel
def _sort_by_line(
    line: npt.NDArray[np.int32], depth: Floats, sign: npt.NDArray[np.int8], lines: int
) -> tuple[Integers, Floats, npt.NDArray[np.int8]]:
    """Counting sort by line; within a line insertion by depth, for a line has a handful of crossings."""
    start = np.zeros(lines + 1, dtype=np.int64)
    for n in range(len(line)):
        start[line[n] + 1] += 1
    for n in range(lines):
        start[n + 1] += start[n]
    end = start[:lines].copy()
    sorted_depth = np.zeros(len(line))
    sorted_sign = np.zeros(len(line), dtype=np.int8)
    for n in range(len(line)):
        place = end[line[n]]
        end[line[n]] += 1
        first = start[line[n]]
        while place > first and sorted_depth[place - 1] > depth[n]:
            sorted_depth[place] = sorted_depth[place - 1]
            sorted_sign[place] = sorted_sign[place - 1]
            place -= 1
        sorted_depth[place] = depth[n]
        sorted_sign[place] = sign[n]
    return start, sorted_depth, sorted_sign
