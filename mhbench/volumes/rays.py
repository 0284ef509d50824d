"""Rays from points through a surface: how often they leave and enter it.

As in `scanning`, edges are evaluated from their lower end, rows are half-open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

_MOST_BINS: Final = 1024  # along a side of a raster of points
_BINS_PER_ROOT: Final = 2.0  # of their number: points lie in clusters
_LEAST_SPAN: Final = 1e-300  # of the points of a raster, so that its bins per metre are finite


def count_crossings(
    vertices: Floats, faces: Integers, points: Floats, axes: tuple[int, int, int] = (0, 1, 2)
) -> Integers:
    """How often the ray from each point towards +depth leaves a surface, less how often it enters it: (N,).

    Args:
        vertices: (V, 3) m.
        faces: (T, 3); those that no ray meets may be left out.
        points: (N, 3) m.
        axes: which axis is row, column and depth; (0, 1, 2), turned cyclically.
    """
    return np.asarray(_count_crossings(vertices, faces, points, axes))


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
    binned = points[order]
    for m in range(len(faces)):
        i, j, k = faces[m, 0], faces[m, 1], faces[m, 2]
        d0, d1, d2 = vertices[i, depth], vertices[j, depth], vertices[k, depth]
        deepest = max(d0, d1, d2)
        if deepest < lowest:
            continue
        r0, r1, r2 = vertices[i, row], vertices[j, row], vertices[k, row]
        c0, c1, c2 = vertices[i, column], vertices[j, column], vertices[k, column]
        top, bottom, left, right = min(r0, r1, r2), max(r0, r1, r2), min(c0, c1, c2), max(c0, c1, c2)
        first_row, last_row = (top - low_row) * per_row, (bottom - low_row) * per_row
        first, last = (left - low_column) * per_column, (right - low_column) * per_column
        if last_row < 0.0 or last < 0.0 or first_row >= side or first >= side:
            continue
        begin, end = int(max(first, 0.0)), int(min(last, side - 1.0)) + 1
        for band in range(int(max(first_row, 0.0)), int(min(last_row, side - 1.0)) + 1):
            for place in range(start[band * side + begin], start[band * side + end]):
                r, c, d = binned[place, row], binned[place, column], binned[place, depth]
                # one branch in place of five: nobody can foretell them
                if not ((top <= r) & (r <= bottom) & (left <= c) & (c <= right) & (d <= deepest)):
                    continue
                leaves = _leaves(r0, c0, r1, c1, r2, c2, r, c)
                if leaves != 0 and (
                    d <= min(d0, d1, d2) or d <= _depth_at(r0, c0, d0, r1, c1, d1, r2, c2, d2, r, c)
                ):
                    total[order[place]] += leaves
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
