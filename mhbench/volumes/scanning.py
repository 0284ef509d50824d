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
    """Crossings of rows x columns lines, line by line, each line's by ascending depth.

    Attributes:
        start: (rows * columns + 1,) int64, where each line's crossings begin.
        depth: (M,) float64.
        sign: (M,) int8: 1 where the line enters the surface, -1 where it leaves it.
    """

    start: Integers
    depth: Floats
    sign: npt.NDArray[np.int8]


class Lines(NamedTuple):
    """rows x columns lines parallel to an axis, and where depth 0 is.

    A vertex v has row, column and depth (v[axes] - origin) * scale; lines go through whole rows and columns.

    Attributes:
        axes: which axis of the mesh is row, column and depth; (0, 1, 2), turned cyclically, is right-handed.
        origin: (3,) metres, in the order of `axes`.
        scale: (3,) per metre.
        rows: how many.
        columns: how many.
    """

    axes: tuple[int, int, int]
    origin: Floats
    scale: Floats
    rows: int
    columns: int


def cross_lines(vertices: Floats, faces: Integers, lines: Lines) -> Crossings:
    """Crossings of lines with a surface.

    Args:
        vertices: (V, 3) m.
        faces: (T, 3); those that meet no line may be left out.
        lines: if their axes are left-handed, entering and leaving change places.
    """
    line, depth, sign = _list_crossings(vertices, faces, lines)
    return Crossings(*_sort_by_line(line, depth, sign, lines.rows * lines.columns))


@kernel
def _list_crossings(
    vertices: Floats, faces: Integers, lines: Lines
) -> tuple[npt.NDArray[np.int32], Floats, npt.NDArray[np.int8]]:
    rows, columns = lines.rows, lines.columns
    capacity = 2 * len(faces) + 1024
    line = np.zeros(capacity, dtype=np.int32)
    depth = np.zeros(capacity)
    sign = np.zeros(capacity, dtype=np.int8)
    count = 0
    for n in range(len(faces)):
        r0, c0, d0 = _place(vertices, faces[n, 0], lines)
        r1, c1, d1 = _place(vertices, faces[n, 1], lines)
        r2, c2, d2 = _place(vertices, faces[n, 2], lines)
        if max(c0, c1, c2) <= 0.0 or min(c0, c1, c2) > columns:
            continue
        first_row = int(np.ceil(max(min(r0, r1, r2), 0.0)))
        for row in range(first_row, int(np.ceil(min(max(r0, r1, r2), float(rows))))):
            # one corner is alone on its side of the row, so the edges from and to it cross the row
            below0, below1, below2 = r0 <= row, r1 <= row, r2 <= row
            if below1 == below2:
                from_column, from_depth = _cut(r0, c0, d0, r1, c1, d1, row)
                to_column, to_depth = _cut(r2, c2, d2, r0, c0, d0, row)
                alone_below = below0
            elif below2 == below0:
                from_column, from_depth = _cut(r1, c1, d1, r2, c2, d2, row)
                to_column, to_depth = _cut(r0, c0, d0, r1, c1, d1, row)
                alone_below = below1
            else:
                from_column, from_depth = _cut(r2, c2, d2, r0, c0, d0, row)
                to_column, to_depth = _cut(r1, c1, d1, r2, c2, d2, row)
                alone_below = below2
            left, right = min(from_column, to_column), max(from_column, to_column)
            first, last = int(np.ceil(max(left, 0.0))), int(np.ceil(min(right, float(columns))))
            if first >= last:
                continue
            entered = 1 if alone_below == (from_column > to_column) else -1
            slope = (to_depth - from_depth) / (to_column - from_column)
            while count + last - first > len(line):
                line = np.concatenate((line, np.zeros_like(line)))
                depth = np.concatenate((depth, np.zeros_like(depth)))
                sign = np.concatenate((sign, np.zeros_like(sign)))
            for k in range(first, last):
                line[count] = row * columns + k
                depth[count] = from_depth + (k - from_column) * slope
                sign[count] = entered
                count += 1
    return line[:count], depth[:count], sign[:count]


@kernel
def _place(vertices: Floats, vertex: int, lines: Lines) -> tuple[float, float, float]:
    """Row, column and depth of a vertex."""
    return (
        (vertices[vertex, lines.axes[0]] - lines.origin[0]) * lines.scale[0],
        (vertices[vertex, lines.axes[1]] - lines.origin[1]) * lines.scale[1],
        (vertices[vertex, lines.axes[2]] - lines.origin[2]) * lines.scale[2],
    )


@kernel
def _cut(r0: float, c0: float, d0: float, r1: float, c1: float, d1: float, row: float) -> tuple[float, float]:
    """Column and depth at which an edge crosses a row, evaluated from its lower end whichever way it runs."""
    if r0 > r1:
        r0, c0, d0, r1, c1, d1 = r1, c1, d1, r0, c0, d0
    share = (row - r0) / (r1 - r0)
    return c0 + share * (c1 - c0), d0 + share * (d1 - d0)


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
