"""What two bodies share: the vertices of one inside the other, and the volume, where there can be any.

The volume is the exact length inside both, along many lines.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mhbench.kernels import kernel
from mhbench.volumes.cells import Cells, common_cells, corners_in
from mhbench.volumes.meshes import checked_mesh
from mhbench.volumes.rays import count_crossings
from mhbench.volumes.scanning import Crossings, Lines, cross_lines
from mhbench.volumes.shafts import Shafts, faces_over, shafts_of
from mhbench.volumes.solids import Solid

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

HITS: Final = 200
"""Lines through what two bodies share, at least; its volume is then right to a few tenths of a per cent."""
_FIRST_LINES: Final = 800  # through the shafts, before anything is known of what is shared
_MOST_LINES: Final = 2**17
_MARGIN: Final = 1.3  # more lines than a closer look should need
_DOUBT: Final = 10  # hits more or less say nothing
_SLANT: Final = (math.sqrt(5) - 1) / 2  # no face of a body is likely to lie along it, and rows repeat late


class Meeting(NamedTuple):
    """Two bodies, and where they may share anything.

    Attributes:
        first, second: the bodies.
        cells: those that both take.
        shafts: that hold these cells.
        first_faces, second_faces: (M, 3) faces of the closed bodies over the shafts.
    """

    first: Solid
    second: Solid
    cells: Cells
    shafts: Shafts
    first_faces: Integers
    second_faces: Integers


def meet(first: Solid, second: Solid) -> Meeting | None:
    """The meeting of two bodies; None if they cannot share anything."""
    cells = common_cells(first.cells, second.cells)
    if not cells.words.any():
        return None
    shafts = shafts_of(cells)
    return Meeting(
        first, second, cells, shafts, faces_over(first.tree, shafts), faces_over(second.tree, shafts)
    )


def turned(meeting: Meeting) -> Meeting:
    """The same meeting with the bodies exchanged."""
    return meeting._replace(
        first=meeting.second,
        second=meeting.first,
        first_faces=meeting.second_faces,
        second_faces=meeting.first_faces,
    )


def vertices_inside(meeting: Meeting) -> Integers:
    """Which vertices of the first body are inside the second: winding number at least 1.

    In the order of the faces, so that neighbours follow each other.
    """
    vertices = meeting.first.mesh.vertices
    possible = corners_in(meeting.cells, vertices, meeting.first_faces)
    windings = count_crossings(
        meeting.second.closed.vertices, meeting.second_faces, vertices[possible], meeting.shafts.axes
    )
    return possible[meeting.second.outward * windings > 0]


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
        hits: lines to measure the volume along, at least, unless it is a trifle.

    Raises:
        ShapeError: one is no mesh.
    """
    first, second = checked_mesh(vertices_a, faces_a), checked_mesh(vertices_b, faces_b)
    if not len(first.faces) or not len(second.faces):
        return 0.0
    meeting = meet(Solid(first), Solid(second))
    return shared_volume(meeting, hits) if meeting is not None else 0.0


def shared_volume(meeting: Meeting, hits: int = HITS) -> float:
    """`overlap_volume` of two bodies that meet."""
    fine = math.sqrt(_FIRST_LINES / np.count_nonzero(meeting.shafts.wanted))
    lengths = _lengths(meeting, fine)
    finest = fine * math.sqrt(_MOST_LINES / len(lengths))
    while (found := np.count_nonzero(lengths)) < hits and fine < finest:
        fine = min(fine * math.sqrt(max(_MARGIN * hits / (found + _DOUBT), 2.0)), finest)
        lengths = _lengths(meeting, fine)
    return float(lengths.sum() * (meeting.shafts.side / fine) ** 2)


def _lengths(meeting: Meeting, fine: float) -> Floats:
    """Length inside both bodies of each of the lines through the shafts.

    A shaft is so many rows and columns wide; the rows are slanted.
    """
    first, second, _, (axes, corner, side, wanted), first_faces, second_faces = meeting
    step = side / fine
    lines = Lines(
        axes,
        corner + step * np.array([(1 - _SLANT) / 2, 0.5, 0.0]),
        np.array([1 / step, 1 / step, 1.0]),
        *_lines_through(wanted, fine),
        _SLANT,
    )
    crossings = (
        cross_lines(first.closed.vertices, first_faces, lines),
        cross_lines(second.closed.vertices, second_faces, lines),
    )
    lengths = np.zeros(lines.start[-1])
    _shared_lengths(crossings, (first.outward, second.outward), lines, wanted, fine, lengths)
    return lengths


@kernel
def _lines_through(wanted: Flags, fine: float) -> tuple[Integers, Integers]:
    """`start` and `first` of rows of lines from the first to the last shaft that a row comes through."""
    height, width = wanted.shape
    rows, columns = int(np.ceil(fine * (height + _SLANT * width))), int(np.ceil(fine * width))
    start, first = np.zeros(rows + 1, dtype=np.int64), np.full(rows, columns)
    last = np.zeros(rows, dtype=np.int64)
    for i in range(height):
        for j in range(width):
            if not wanted[i, j]:
                continue
            left, right = int(fine * j), min(int(fine * (j + 1)) + 1, columns)
            top, bottom = fine * (i + _SLANT * j), fine * (i + 1 + _SLANT * (j + 1))
            for row in range(int(top), min(int(bottom) + 1, rows)):
                first[row], last[row] = min(first[row], left), max(last[row], right)
    for row in range(rows):
        start[row + 1] = start[row] + max(last[row] - first[row], 0)
    return start, first


@kernel
def _place_of(row: int, column: int) -> tuple[float, float]:
    """Where a line is, in distances of lines from the corner of the shafts."""
    return row + 0.5 - _SLANT * (column + 0.5), column + 0.5


@kernel
def _shared_lengths(
    crossings: tuple[Crossings, Crossings],
    outward: tuple[int, int],
    lines: Lines,
    wanted: Flags,
    fine: float,
    lengths: Floats,
) -> None:
    """Length inside both along the lines through the shafts, from the far end down to where they begin."""
    first, second = crossings
    height, width = wanted.shape
    for row in range(len(lines.first)):
        for line in range(lines.start[row], lines.start[row + 1]):
            down, across = _place_of(row, lines.first[row] + line - lines.start[row])
            i, j = int(np.floor(down / fine)), int(across / fine)
            if not (0 <= i < height and j < width and wanted[i, j]):
                continue
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
                    winding_m -= outward[0] * first.sign[m]
                    m -= 1
                else:
                    at = second.depth[n]
                    winding_n -= outward[1] * second.sign[n]
                    n -= 1
                if both:
                    lengths[line] += since - max(at, 0.0)
                since = at
