"""Does a MATLAB file of version 5 hold what it says? Asked before SciPy reads it.

SciPy believes the sizes in a file: a few bytes that declare a huge cell array take gigabytes, a part larger
than the variable around it unpacks whatever the variable declared, and cells nested ten thousand deep end the
process. Here every size is compared with the one around it, and nothing is kept.

Source: MathWorks, MAT-File Format, version 5.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

from mhbench.datasets.raw.bounds import BoundsError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Collection

HEADER: Final = 128
DEPTH: Final = 16  # cells and structs inside each other
_TAG: Final = 8  # bytes: type and size of an element
_COMPRESSED: Final = 15  # miCOMPRESSED
_ARRAY: Final = 14  # miMATRIX
_CELL, _STRUCT, _OBJECT, _LAST_CLASS = 1, 2, 3, 15  # beyond the last are functions and MATLAB's own classes
_BLOCK: Final = 1 << 20


def check_bounds(file: BinaryIO, variables: Collection[str], limit: int) -> None:
    """Walk through the variables of a file.

    Args:
        file: open at any place.
        variables: those that will be read; empty means all.
        limit: what all variables together may declare, in bytes once decompressed.

    Raises:
        TooLargeError: they declare more.
        BoundsError: the file is cut short, or a size in it cannot be true.
    """
    end = file.seek(0, 2)
    file.seek(HEADER - 2)
    order = "<" if file.read(2) == b"IM" else ">"
    total = 0
    while (place := file.tell()) + _TAG <= end:
        kind, size = struct.unpack(f"{order}II", file.read(_TAG))
        if place + _TAG + size > end:
            raise BoundsError(f"it ends inside the variable at byte {place}")
        walk = _Walk(file, size, order, variables, packed=kind == _COMPRESSED)
        try:
            kind, inner = walk.tag() if kind == _COMPRESSED else (kind, size)
            total += inner
            if total > limit:
                raise TooLargeError
            if kind == _ARRAY:
                walk.array(inner, 0)
        except (zlib.error, struct.error) as error:
            raise BoundsError(f"the variable at byte {place} cannot be unpacked") from error
        file.seek(place + _TAG + size)


class _Walk:
    """Goes through the bytes of one variable, unpacking them where they are packed."""

    def __init__(
        self, file: BinaryIO, size: int, order: str, variables: Collection[str], *, packed: bool
    ) -> None:
        self.file = file
        self.left = size  # bytes of the variable that were not read yet
        self.order = order
        self.unpacker = zlib.decompressobj() if packed else None
        self.buffer = b""
        self.at = 0  # in the buffer, or beyond its end
        self.passed = 0  # bytes before the buffer
        self.variables = variables

    def array(self, size: int, depth: int) -> None:
        """One array of `size` bytes and what is in it."""
        if not size:
            return  # an empty cell
        if depth > DEPTH:
            raise BoundsError(f"it is nested more than {DEPTH} deep")
        flags, size = self._element(size)
        kind = self._numbers(flags[:4])[0] & 0xFF
        if kind > _LAST_CLASS:
            raise BoundsError(f"it holds an array of the class {kind}, which is no data")
        shape, size = self._element(size)
        name, size = self._element(size)
        if self.variables and not depth and name.decode("latin-1") not in self.variables:
            return
        if kind in {_CELL, _STRUCT, _OBJECT}:
            self._parts(kind, math.prod(self._numbers(shape)), size, depth)
            return
        while size >= _TAG:
            _, size = self._element(size, kept=False)

    def tag(self) -> tuple[int, int]:
        """Type and size of the next element."""
        kind, size = struct.unpack(f"{self.order}II", self._read(_TAG))
        return kind, size

    def _parts(self, kind: int, count: int, size: int, depth: int) -> None:
        """The cells, or the fields of structs, which are arrays again."""
        if kind == _OBJECT:
            _, size = self._element(size)
        if kind != _CELL:
            width, size = self._element(size)
            names, size = self._element(size)
            count *= len(names) // max(self._numbers(width)[0], 1)
        if not 0 <= count <= size // _TAG:
            raise BoundsError(f"an array of {count} parts has {size} bytes for them")
        for _ in range(count):
            part, inner = self.tag()
            size -= _TAG + inner
            if part != _ARRAY or size < 0:
                raise BoundsError("a part of an array is larger than the array, or none")
            after = self._place() + inner
            self.array(inner, depth + 1)
            self._skip(after - self._place())

    def _element(self, size: int, *, kept: bool = True) -> tuple[bytes, int]:
        """The content of the next element, if it is kept, and what is left of `size` after it."""
        head = self._read(_TAG)
        word, length = struct.unpack(f"{self.order}II", head)
        size -= _TAG
        if word >> 16:  # a small element: type and length share four bytes, the content follows at once
            return head[4 : 4 + (word >> 16)], size
        size -= length
        if size < 0 or (kept and length > _BLOCK):
            raise BoundsError("an element is larger than the array around it")
        content = self._read(length) if kept else b""
        padding = min(-length % 8, size)
        self._skip(padding if kept else length + padding)
        return content, size - padding

    def _numbers(self, content: bytes) -> tuple[int, ...]:
        return struct.unpack(f"{self.order}{len(content) // 4}i", content)

    def _place(self) -> int:
        return self.passed + self.at

    def _skip(self, size: int) -> None:
        self.at += size  # what nobody asks for is never unpacked

    def _read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        while len(self.buffer) < self.at + size:
            packed = self.unpacker.unconsumed_tail if self.unpacker else b""
            if not packed:
                packed = self.file.read(min(self.left, _BLOCK))
                self.left -= len(packed)
            if not packed:
                raise BoundsError("a variable ends too early")
            found = self.unpacker.decompress(packed, _BLOCK) if self.unpacker else packed
            begin = min(self.at, len(self.buffer))
            self.buffer = self.buffer[begin:] + found
            self.at -= begin
            self.passed += begin
        self.at += size
        return self.buffer[self.at - size : self.at]
