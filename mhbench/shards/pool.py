"""Open shards of this process: at most 64 files and 256 MB of decoded chunks, the longest unused go first.

A forked process starts with an empty pool of its own: HDF5 handles must not be shared across a fork.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numpy as np

from mhbench.errors import MhbenchError
from mhbench.shards import layout
from mhbench.shards.tables import FAULTS, damaged, open_handle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import h5py
    import numpy.typing as npt

Derived = TypeVar("Derived")

MOST_FILES: Final = 64
MOST_BYTES: Final = 256 * 2**20


@dataclass(slots=True, eq=False)
class _Open:
    """An open shard and what was found out about it."""

    file: h5py.File
    derived: dict[object, object] = field(default_factory=dict)


class Pool:
    """Rows of columns of many shards, decoded by whole chunks that are kept for the next frames."""

    def __init__(self, most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES) -> None:
        self._most_files = most_files
        self._most_bytes = most_bytes
        self._files: OrderedDict[Path, _Open] = OrderedDict()
        self._chunks: OrderedDict[tuple[Path, str, int], npt.NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.RLock()

    def derived(self, path: Path, function: Callable[[h5py.File], Derived]) -> Derived:
        """What a function says about a shard; asked once as long as the shard stays open.

        Raises:
            InputError: the shard is damaged.
        """
        with self._lock:
            opened = self._open(path)
            if function not in opened.derived:
                opened.derived[function] = _asked(path, opened.file, function)
            return cast("Derived", opened.derived[function])

    def ask(self, path: Path, function: Callable[[h5py.File], Derived]) -> Derived:
        """What a function says about a shard now; nothing is kept. Errors as in `derived`."""
        with self._lock:
            return _asked(path, self._open(path).file, function)

    def rows(self, path: Path, column: str, start: int, stop: int) -> npt.NDArray[Any]:
        """Rows `start:stop` of a column, decoded; read-only.

        Raises:
            KeyError: the shard has no such column.
            InputError: the shard is damaged.
        """
        with self._lock:
            size = layout.chunk_rows(column)
            first, last = start // size, max(-(-stop // size), start // size + 1)
            chunks = [self._chunk(path, column, number) for number in range(first, last)]
        joined = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
        return joined[start - first * size : stop - first * size]

    def _open(self, path: Path) -> _Open:
        if path not in self._files:
            self._files[path] = _Open(open_handle(path))
        self._files.move_to_end(path)
        while len(self._files) > self._most_files:
            self._files.popitem(last=False)[1].file.close()
        return self._files[path]

    def _chunk(self, path: Path, column: str, number: int) -> npt.NDArray[Any]:
        key = (path, column, number)
        if key in self._chunks:
            self._chunks.move_to_end(key)
            return self._chunks[key]
        size = layout.chunk_rows(column)
        dataset = self._open(path).file[column]
        try:
            chunk = layout.unpacked(dataset[number * size : (number + 1) * size])
        except FAULTS as error:
            raise damaged(path, error) from error
        chunk.flags.writeable = False
        self._chunks[key] = chunk
        self._bytes += chunk.nbytes
        while self._bytes > self._most_bytes and len(self._chunks) > 1:
            self._bytes -= self._chunks.popitem(last=False)[1].nbytes
        return chunk


def _asked(path: Path, file: h5py.File, function: Callable[[h5py.File], Derived]) -> Derived:
    try:
        return function(file)
    except FAULTS as error:
        if isinstance(error, MhbenchError):
            raise
        raise damaged(path, error) from error


_POOL = Pool()


def pool() -> Pool:
    """The pool of this process."""
    return _POOL


def _start_anew() -> None:
    global _POOL  # noqa: PLW0603 - one pool per process is the point
    _POOL = Pool()


os.register_at_fork(after_in_child=_start_anew)
