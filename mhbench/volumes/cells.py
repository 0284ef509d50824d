"""Where a body may be: the cells of a lattice that it may reach, as bits.

The cells have a power of two for their side and begin at a multiple of it, so that the cells of any two
bodies lie in each other. They only rule out: what lies in the empty cells of a body is outside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mhbench.kernels import kernel
from mhbench.volumes.meshes import Mesh, bounds

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]
    Words = npt.NDArray[np.uint64]
    Place = tuple[int, int, int]

_CELLS: Final = 192  # at most, along the longest side of a body; grown people then have cells of one size
_LEAST_EXTENT: Final = 1e-9  # metres, and share of the distance: of a body that is a point
_LARGEST: Final = 2**62  # ratio of the sides of two lattices: it has to be an int64
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


def cells_of(shut: Mesh) -> Cells:
    """The cells where a closed body may be.

    A cell is taken if the box around one of the body's faces reaches into it, or if it lies between such
    cells along all three axes, as every cell inside does.
    """
    low, high = bounds(shut.vertices)
    farthest = float(np.maximum(abs(low), abs(high)).max())
    extent = max(float((high - low).max()), _LEAST_EXTENT * farthest, _LEAST_EXTENT)
    side = math.ldexp(1.0, math.ceil(math.log2(extent / (_CELLS - 1))))
    x, y, z = (math.floor(value / side) for value in low.tolist())
    last = [math.floor(value / side) for value in high.tolist()]
    first = (x, y, z // _WORD * _WORD)
    words = np.zeros((last[0] - x + 1, last[1] - y + 1, (last[2] - first[2]) // _WORD + 1), dtype=np.uint64)
    _mark_faces(shut.vertices, shut.faces, first, side, words)
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


def columns_of(cells: Cells) -> tuple[Flags, Flags, Flags]:
    """Which columns of cells along each axis have a taken one: by y and z, by z and x, by x and y."""
    along_x, along_y, along_z = _columns_of(cells.words)
    return along_x, along_y, along_z


def corners_in(cells: Cells, vertices: Floats, faces: Integers) -> Integers:
    """Which of the vertices (V, 3) that are corners of some faces lie in taken cells: (M,) in their order."""
    return np.asarray(_corners_in(vertices, faces, cells))


def _refined(coarse: Cells, fine: Cells) -> Cells:
    """What is taken of a coarser lattice, cell by cell of a finer one: of bodies of very different size."""
    ratio = min(round(coarse.side / fine.side), _LARGEST)
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
def _mark_faces(vertices: Floats, faces: Integers, first: Place, side: float, words: Words) -> None:
    """Mark the cells that the box around a face reaches into."""
    cells = np.zeros((len(vertices), 3), dtype=np.int64)
    for n in range(len(vertices)):
        for axis in range(3):
            # the side is a power of two: its inverse is exact
            cells[n, axis] = int(np.floor(vertices[n, axis] * (1 / side))) - first[axis]
    for n in range(len(faces)):
        a, b, c = cells[faces[n, 0]], cells[faces[n, 1]], cells[faces[n, 2]]
        x, y, z = min(a[0], b[0], c[0]), min(a[1], b[1], c[1]), min(a[2], b[2], c[2])
        u, v, w = max(a[0], b[0], c[0]), max(a[1], b[1], c[1]), max(a[2], b[2], c[2])
        for word in range(z // _WORD, w // _WORD + 1):
            begin, end = max(z - word * _WORD, 0), min(w - word * _WORD, _WORD - 1)
            bits = (_ALL << np.uint64(begin)) & (_ALL >> np.uint64(_WORD - 1 - end))
            # nearly every face has a column of cells at each corner of its box, and no others
            words[x, y, word] |= bits
            words[x, v, word] |= bits
            words[u, y, word] |= bits
            words[u, v, word] |= bits
            if u - x > 1 or v - y > 1:
                for i in range(x, u + 1):
                    for j in range(y, v + 1):
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
def _columns_of(words: Words) -> tuple[Flags, Flags, Flags]:
    rows, columns, length = words.shape
    all_x, all_y = np.zeros((columns, length), dtype=np.uint64), np.zeros((rows, length), dtype=np.uint64)
    along_z = np.zeros((rows, columns), dtype=np.bool_)
    for i in range(rows):
        for j in range(columns):
            for k in range(length):
                all_x[j, k] |= words[i, j, k]
                all_y[i, k] |= words[i, j, k]
                along_z[i, j] |= words[i, j, k] != 0
    along_x = np.zeros((columns, _WORD * length), dtype=np.bool_)
    along_y = np.zeros((_WORD * length, rows), dtype=np.bool_)
    for k in range(_WORD * length):
        bit = _ONE << np.uint64(k % _WORD)
        for j in range(columns):
            along_x[j, k] = all_x[j, k // _WORD] & bit != 0
        for i in range(rows):
            along_y[k, i] = all_y[i, k // _WORD] & bit != 0
    return along_x, along_y, along_z


@kernel
def _corners_in(vertices: Floats, faces: Integers, cells: Cells) -> Integers:
    first, side, words = cells
    rows, columns, length = words.shape
    low_x, low_y, low_z = first[0] * side, first[1] * side, first[2] * side
    high_x, high_y, high_z = low_x + rows * side, low_y + columns * side, low_z + length * _WORD * side
    seen = np.zeros(len(vertices), dtype=np.bool_)
    found = np.zeros(min(3 * len(faces), len(vertices)), dtype=np.int64)
    count = 0
    for corner in faces.flat:
        # what closes a mesh is none of its vertices
        if corner >= len(vertices) or seen[corner]:
            continue
        seen[corner] = True
        x, y, z = vertices[corner, 0], vertices[corner, 1], vertices[corner, 2]
        if not (low_x <= x < high_x and low_y <= y < high_y and low_z <= z < high_z):
            continue
        i, j, k = int((x - low_x) / side), int((y - low_y) / side), int((z - low_z) / side)
        if (words[i, j, k // _WORD] >> np.uint64(k % _WORD)) & _ONE:
            found[count] = corner
            count += 1
    return found[:count]
