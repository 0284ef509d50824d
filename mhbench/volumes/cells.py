"""Where a body may be: the cells of a lattice that it may reach, as bits.

The cells have a power of two for their side and begin at a multiple of it, so that the cells of any two
bodies lie in each other. They only rule out: what lies in the empty cells of a body is outside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]
    Words = npt.NDArray[np.uint64]
    Place = tuple[int, int, int]

_CELLS: Final = 192  # at most, along the longest side of a body; grown people then have cells of one size
_LEAST_EXTENT: Final = 1e-9  # metres, and share of the distance: of a body that is a point
_WORD: Final = 64
_NONE: Final = np.uint64(0)
_ONE: Final = np.uint64(1)
_ALL: Final = np.uint64(2**64 - 1)


class Cells(NamedTuple):
    """Cells of a lattice, some of them taken.

    Attributes:
        first: number of the first cell along each axis; it begins at this times the side. Along z a multiple
            of 64.
        side: metres, a power of two.
        words: (X, Y, W) uint64, 64 cells along z to a word, the lowest bit first.
    """

    first: Place
    side: float
    words: Words

    def columns(self, axis: int) -> Flags:
        """Which columns along an axis have a taken cell, by the other two axes in their order."""
        found = np.bitwise_or.reduce(self.words, axis=axis)
        return found != 0 if axis == 2 else _unpacked(found)


def cells_of(boxes: Floats, low: Floats, high: Floats) -> Cells:
    """The cells where a body may be.

    A cell is taken if one of the boxes around the body's surface reaches into it, or if it lies between such
    cells along all three axes, as every cell inside does.

    Args:
        boxes: (N, 6) m, smallest x, y, z, then largest; empty ones begin beyond their end.
        low: (3,) m.
        high: (3,) m, the bounding box of the body.
    """
    farthest = float(np.maximum(abs(low), abs(high)).max())
    extent = max(float((high - low).max()), _LEAST_EXTENT * farthest, _LEAST_EXTENT)
    side = math.ldexp(1.0, math.ceil(math.log2(extent / (_CELLS - 1))))
    x, y, z = (math.floor(value / side) for value in low.tolist())
    last = [math.floor(value / side) for value in high.tolist()]
    first = (x, y, z // _WORD * _WORD)
    words = np.zeros((last[0] - x + 1, last[1] - y + 1, (last[2] - first[2]) // _WORD + 1), dtype=np.uint64)
    _mark_boxes(boxes, first, side, words)
    _mark_between(words)
    return Cells(first, side, words)


def common_cells(one: Cells, other: Cells) -> Cells:
    """The cells, of the finer of two lattices, that are taken in both."""
    coarse, fine = (one, other) if one.side > other.side else (other, one)
    if coarse.side > fine.side:
        coarse = _refined(coarse, fine)
    (x, y, z), (u, v, w) = coarse.first, fine.first
    low = max(x, u), max(y, v), max(z, w)
    first, second = (
        cells.words[low[0] - x :, low[1] - y :, (low[2] - z) // _WORD :]
        for cells, (x, y, z) in ((coarse, coarse.first), (fine, fine.first))
    )
    rows, columns, length = map(min, first.shape, second.shape)
    return Cells(low, fine.side, first[:rows, :columns, :length] & second[:rows, :columns, :length])


def points_in(cells: Cells, points: Floats) -> Integers:
    """Which of some points (N, 3) lie in taken cells: (M,) ascending."""
    return np.asarray(_points_in(points, cells))


def _refined(coarse: Cells, fine: Cells) -> Cells:
    """What is taken of a coarser lattice, cell by cell of a finer one: of bodies of very different size."""
    ratio = round(coarse.side / fine.side)
    taken = np.pad(_unpacked(coarse.words), 1)
    rows, columns, length = fine.words.shape
    x, y, z = (
        np.clip((start + np.arange(size)) // ratio - own, -1, most - 2) + 1
        for start, size, own, most in zip(
            fine.first, (rows, columns, length * _WORD), coarse.first, taken.shape, strict=True
        )
    )
    bits = np.packbits(taken[np.ix_(x, y, z)], axis=-1, bitorder="little")
    return Cells(fine.first, fine.side, bits.view("<u8").astype(np.uint64))


def _unpacked(words: Words) -> Flags:
    """(..., 64 W) bool of words (..., W)."""
    small = np.ascontiguousarray(words.astype("<u8")).view(np.uint8)
    return np.unpackbits(small, axis=-1, bitorder="little").view(np.bool_)


@kernel
def _mark_boxes(boxes: Floats, first: Place, side: float, words: Words) -> None:
    """Mark the cells that a box reaches into."""
    low, high = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    for n in range(len(boxes)):
        if boxes[n, 0] > boxes[n, 3]:
            continue
        for axis in range(3):
            # the side is a power of two: its inverse is exact
            low[axis] = int(np.floor(boxes[n, axis] * (1 / side))) - first[axis]
            high[axis] = int(np.floor(boxes[n, axis + 3] * (1 / side))) - first[axis]
        for word in range(low[2] // _WORD, high[2] // _WORD + 1):
            begin, end = max(low[2] - word * _WORD, 0), min(high[2] - word * _WORD, _WORD - 1)
            bits = (_ALL << np.uint64(begin)) & (_ALL >> np.uint64(_WORD - 1 - end))
            for i in range(low[0], high[0] + 1):
                for j in range(low[1], high[1] + 1):
                    words[i, j, word] |= bits


@kernel
def _mark_between(words: Words) -> None:
    """Mark the cells that have marked ones on both sides along every axis."""
    rows, columns, length = words.shape
    between = words.copy()
    for i in range(rows):
        for j in range(columns):
            _fill(between[i, j])
    for k in range(length):
        for i in range(rows):
            _keep_between(words[i, :, k], between[i, :, k])
        for j in range(columns):
            _keep_between(words[:, j, k], between[:, j, k])
    words |= between


@kernel
def _fill(words: Words) -> None:
    """Mark every bit between the lowest and the highest marked one of a column."""
    lowest = highest = -1
    for k in range(len(words)):
        if words[k]:
            lowest, highest = k if lowest < 0 else lowest, k
    if lowest < 0:
        return
    above, below = ~((words[lowest] & (~words[lowest] + _ONE)) - _ONE), words[highest]
    for shift in (1, 2, 4, 8, 16, 32):
        below |= below >> np.uint64(shift)
    words[lowest : highest + 1] = _ALL
    words[lowest] &= above
    words[highest] &= below


@kernel
def _keep_between(words: Words, between: Words) -> None:
    """Keep the bits that are marked both before and after each word of a line."""
    seen = _NONE
    for n in range(len(words)):
        seen |= words[n]
        between[n] &= seen
    seen = _NONE
    for n in range(len(words) - 1, -1, -1):
        seen |= words[n]
        between[n] &= seen


@kernel
def _points_in(points: Floats, cells: Cells) -> Integers:
    first, side, words = cells
    rows, columns, length = words.shape
    low_x, low_y, low_z = first[0] * side, first[1] * side, first[2] * side
    high_x, high_y, high_z = low_x + rows * side, low_y + columns * side, low_z + length * _WORD * side
    found = np.zeros(len(points), dtype=np.int64)
    count = 0
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        if not (low_x <= x < high_x and low_y <= y < high_y and low_z <= z < high_z):
            continue
        i, j, k = int((x - low_x) / side), int((y - low_y) / side), int((z - low_z) / side)
        if (words[i, j, k // _WORD] >> np.uint64(k % _WORD)) & _ONE:
            found[count] = n
            count += 1
    return found[:count]
