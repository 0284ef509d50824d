"""Does a CDF file hold what it says? Asked before cdflib reads it.

cdflib follows every count and every offset in a file, so one that points back to itself never ends, and it
unpacks a block whatever its size. Here offsets are followed once, counts are bounded by the size of the file,
and blocks are unpacked no further than the limit.

Source: NASA, CDF Internal Format Description, versions 2.6 and 3 (they differ in the width of an offset).
"""

from __future__ import annotations

import zlib
from typing import Final

from mhbench.datasets.raw.bounds import BoundsError, TooLargeError

VERSIONS: Final = {b"\xcd\xf3\x00\x01": 8, b"\xcd\xf2\x60\x02": 4}  # bytes of an offset, by how a file begins
_PACKED: Final = b"\xcc\xcc\x00\x01"
_HEADER: Final = 8
_TYPE: Final = 4  # bytes of the type of a record, and of every count
_MOST: Final = 1000  # variables, attributes, axes; a pose file has one variable
_INDEX, _PACKED_VALUES = 6, 13  # types of records
_GZIP: Final = 31  # what zlib calls that container


def check_bounds(content: bytes, limit: int) -> None:
    """Follow the records of a file to the values of its variables.

    Args:
        content: the file; it begins as one of `VERSIONS`.
        limit: what it may unpack to, in bytes.

    Raises:
        TooLargeError: it unpacks to more.
        BoundsError: it is cut short, or a count or an offset in it cannot be true.
    """
    width = VERSIONS[content[:4]]
    if content[4:_HEADER] == _PACKED:
        begin = _HEADER + 3 * width + 2 * _TYPE  # size, type, offset, unpacked size, a spare number
        size = int.from_bytes(content[_HEADER : _HEADER + width], "big")
        content = content[:_HEADER] + _unpacked(content[begin : _HEADER + size], limit)
    _Records(content, width, limit).check()


class _Records:
    """The records of one file, each visited once."""

    def __init__(self, content: bytes, width: int, limit: int) -> None:
        self.content = content
        self.width = width
        self.left = limit
        self.seen: set[int] = set()
        self.fields = width + _TYPE  # of a record, after its size and type

    def check(self) -> None:
        """Follow everything that cdflib follows to read values."""
        description = self._offset(_HEADER + self.fields)
        heads = [self._offset(description + self.fields + row * self.width) for row in range(2)]
        counts = description + self.fields + 4 * self.width
        of_records, attributes, _, axes, of_axes = (self._count(counts + 4 * row) for row in range(5))
        if max(of_records, attributes, axes, of_axes) > _MOST:
            raise BoundsError(f"it counts more than {_MOST} variables, attributes or axes")
        for head, variables in zip(heads, (of_records, of_axes), strict=True):
            place = head
            for _ in range(variables):
                place = self._variable(place)

    def _variable(self, place: int) -> int:
        """One variable and its values; returns where the next one is."""
        if self._count(place + (340 if self.width == 8 else 128)) > _MOST:
            raise BoundsError(f"a variable has more than {_MOST} axes")
        indices = [self._offset(place + self.fields + self.width + 8)]
        while indices:
            index = indices.pop()
            if index > 0:
                indices += self._index(index)
        return self._offset(place + self.fields)

    def _index(self, place: int) -> list[int]:
        """One index of blocks of values; returns the indices it names."""
        if place in self.seen:
            raise BoundsError(f"the index at byte {place} is named twice")
        self.seen.add(place)
        room, used = (self._count(place + self.fields + self.width + row) for row in (0, 4))
        offsets = place + self.fields + self.width + 8 + 8 * room
        if used > room or offsets + used * self.width > len(self.content):
            raise BoundsError(f"the index at byte {place} is longer than the file")
        found = [self._offset(place + self.fields)]
        for row in range(used):
            block = self._offset(offsets + row * self.width)
            kind = self._number(block + self.width, _TYPE)
            if kind == _INDEX:
                found.append(block)
            elif kind == _PACKED_VALUES:
                begin = block + self.fields + _TYPE + self.width
                size = self._offset(block + self.fields + _TYPE)
                self.left -= len(_unpacked(self.content[begin : begin + size], self.left))
        return found

    def _offset(self, place: int) -> int:
        return self._number(place, self.width)

    def _count(self, place: int) -> int:
        """A number of things, which is not negative (a number of records less one may be)."""
        return max(self._number(place, _TYPE), 0)

    def _number(self, place: int, size: int) -> int:
        if not 0 < place <= len(self.content) - size:
            raise BoundsError("it points to a place that it does not have")
        return int.from_bytes(self.content[place : place + size], "big", signed=True)


def _unpacked(packed: bytes, limit: int) -> bytes:
    """Bytes unpacked, whatever follows them left aside."""
    try:
        unpacker = zlib.decompressobj(_GZIP)
        found = unpacker.decompress(packed, limit + 1)
    except zlib.error as error:
        raise BoundsError("a block of it cannot be unpacked") from error
    if len(found) > limit or unpacker.unused_data:
        raise TooLargeError
    return found
