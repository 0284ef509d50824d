"""Where the lines of a grid cross a surface, with the direction of each crossing; and rays from points.

A line may pass exactly through an edge or a vertex. Every edge is therefore evaluated from its lower end,
with the same bits for both of its triangles, and rows and columns are half-open: along any line a closed
surface is entered as often as it is left, exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

_MOST_BINS: Final = 1024  # along a side of a raster of points
_BINS_PER_ROOT: Final = 2.0  # of their number: points lie in clusters
_LEAST_SPAN: Final = 1e-300  # of the points of a raster, so that its bins per metre are finite


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
    With a slant, each row leans towards lower row coordinates by so much per metre along the columns.

    Attributes:
        axes: which axis of the mesh is row, column and depth; (0, 1, 2), turned cyclically, is right-handed.
        origin: (3,) metres, in the order of `axes`.
        scale: (3,) per metre.
        rows: how many.
        columns: how many.
        slant: metres per metre.
    """

    axes: tuple[int, int, int]
    origin: Floats
    scale: Floats
    rows: int
    columns: int
    slant: float = 0.0


def cross_lines(vertices: Floats, faces: Integers, lines: Lines) -> Crossings:
    """Crossings of lines with a surface.

    Args:
        vertices: (V, 3) m.
        faces: (T, 3); those that meet no line may be left out.
        lines: if their axes are left-handed, entering and leaving change places.
    """
    line, depth, sign = _list_crossings(vertices, faces, lines)
    return Crossings(*_sort_by_line(line, depth, sign, lines.rows * lines.columns))


def count_crossings(vertices: Floats, faces: Integers, points: Floats, depth: int) -> Integers:
    """How often the ray from each point towards +depth leaves a surface, less how often it enters it: (N,).

    Args:
        vertices: (V, 3) m.
        faces: (T, 3); those that no ray meets may be left out.
        points: (N, 3) m.
        depth: axis of the rays.
    """
    return np.asarray(_count_crossings(vertices, faces, points, ((depth + 1) % 3, (depth + 2) % 3, depth)))


@kernel
def _count_crossings(
    vertices: Floats, faces: Integers, points: Floats, axes: tuple[int, int, int]
) -> Integers:
    """Each triangle meets the points in the bins of a raster that it lies over; a bin has one or none."""
    total = np.zeros(len(points), dtype=np.int64)
    if len(points) == 0:
        return total
    row, column, depth = axes
    side = min(int(_BINS_PER_ROOT * np.sqrt(len(points))) + 1, _MOST_BINS)
    low_row, low_column, lowest = points[:, row].min(), points[:, column].min(), points[:, depth].min()
    per_row = (side - 1) / max(points[:, row].max() - low_row, _LEAST_SPAN)
    per_column = (side - 1) / max(points[:, column].max() - low_column, _LEAST_SPAN)
    start, order = _sort_into_bins(
        (points[:, row] - low_row) * per_row, (points[:, column] - low_column) * per_column, side
    )
    for m in range(len(faces)):
        i, j, k = faces[m, 0], faces[m, 1], faces[m, 2]
        d0, d1, d2 = vertices[i, depth], vertices[j, depth], vertices[k, depth]
        if max(d0, d1, d2) < lowest:
            continue
        r0, r1, r2 = vertices[i, row], vertices[j, row], vertices[k, row]
        c0, c1, c2 = vertices[i, column], vertices[j, column], vertices[k, column]
        least, most = min(c0, c1, c2), max(c0, c1, c2)
        top, bottom = (min(r0, r1, r2) - low_row) * per_row, (max(r0, r1, r2) - low_row) * per_row
        left, right = (least - low_column) * per_column, (most - low_column) * per_column
        if bottom < 0.0 or right < 0.0 or top >= side or left >= side:
            continue
        first, last = int(max(left, 0.0)), int(min(right, side - 1.0))
        for band in range(int(max(top, 0.0)), int(min(bottom, side - 1.0)) + 1):
            for place in range(start[band * side + first], start[band * side + last + 1]):
                n = order[place]
                r, c, d = points[n, row], points[n, column], points[n, depth]
                if not least <= c <= most or d > max(d0, d1, d2):
                    continue
                leaves = _leaves(r0, c0, r1, c1, r2, c2, r, c)
                if leaves != 0 and (
                    d <= min(d0, d1, d2) or d <= _depth_at(r0, c0, d0, r1, c1, d1, r2, c2, d2, r, c)
                ):
                    total[n] += leaves
    return total


@kernel
def _sort_into_bins(rows: Floats, columns: Floats, side: int) -> tuple[Integers, Integers]:
    """Where the points of each of side x side bins begin in an order of all points, and that order."""
    start = np.zeros(side * side + 1, dtype=np.int64)
    for n in range(len(rows)):
        start[int(rows[n]) * side + int(columns[n]) + 1] += 1
    for n in range(side * side):
        start[n + 1] += start[n]
    end = start.copy()
    order = np.zeros(len(rows), dtype=np.int64)
    for n in range(len(rows)):
        place = int(rows[n]) * side + int(columns[n])
        order[end[place]] = n
        end[place] += 1
    return start, order


@kernel
def _leaves(r0: float, c0: float, r1: float, c1: float, r2: float, c2: float, r: float, c: float) -> int:
    """1 if the line along depth at a row and a column leaves by a triangle, -1 if it enters, 0 if neither."""
    below0, below1, below2 = r0 <= r, r1 <= r, r2 <= r
    if below0 == below1 == below2:
        return 0
    # one corner is alone on its side of the row, so the edges from and to it cross the row
    if below1 == below2:
        after_from, after_to = _is_after(r0, c0, r1, c1, r, c), _is_after(r2, c2, r0, c0, r, c)
        alone_below = below0
    elif below2 == below0:
        after_from, after_to = _is_after(r1, c1, r2, c2, r, c), _is_after(r0, c0, r1, c1, r, c)
        alone_below = below1
    else:
        after_from, after_to = _is_after(r2, c2, r0, c0, r, c), _is_after(r1, c1, r2, c2, r, c)
        alone_below = below2
    if after_from == after_to:
        return 0
    return 1 if alone_below == after_from else -1


@kernel
def _is_after(r0: float, c0: float, r1: float, c1: float, r: float, c: float) -> bool:
    """Whether a column comes after the place where an edge, running either way, crosses the row."""
    if r0 > r1:
        r0, c0, r1, c1 = r1, c1, r0, c0
    if c < min(c0, c1) or c > max(c0, c1):
        return c > c0
    return (c - c0) * (r1 - r0) > (c1 - c0) * (r - r0)


@kernel
def _depth_at(
    r0: float,
    c0: float,
    d0: float,
    r1: float,
    c1: float,
    d1: float,
    r2: float,
    c2: float,
    d2: float,
    r: float,
    c: float,
) -> float:
    """Depth of the plane of a triangle at a row and a column within it."""
    ur, uc, ud, vr, vc, vd = r1 - r0, c1 - c0, d1 - d0, r2 - r0, c2 - c0, d2 - d0
    across = ur * vc - uc * vr
    if across == 0.0:
        return max(d0, d1, d2)
    return d0 + (ud * ((r - r0) * vc - (c - c0) * vr) + vd * (ur * (c - c0) - uc * (r - r0))) / across


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
        r0, c0, d0, r1, c1, d1, r2, c2, d2, turned = _by_row(r0, c0, d0, r1, c1, d1, r2, c2, d2)
        # an edge is evaluated from its lower end, with the same bits for both of its triangles
        long_run, lower_run, upper_run = _per_row(r0, r2), _per_row(r0, r1), _per_row(r1, r2)
        for row in range(int(np.ceil(max(r0, 0.0))), int(np.ceil(min(r2, float(rows))))):
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
            first, last = int(np.ceil(max(left, 0.0))), int(np.ceil(min(right, float(columns))))
            if first >= last:
                continue
            entered = turned if short_column > long_column else -turned
            slope = (short_depth - long_depth) / (short_column - long_column)
            while count + last - first > len(line):
                line = np.concatenate((line, np.zeros_like(line)))
                depth = np.concatenate((depth, np.zeros_like(depth)))
                sign = np.concatenate((sign, np.zeros_like(sign)))
            for k in range(first, last):
                line[count] = row * columns + k
                depth[count] = long_depth + (k - long_column) * slope
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
