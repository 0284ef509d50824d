"""Files that appear whole or not at all: written under a temporary name, made durable, renamed."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from mhbench.errors import MhbenchError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TEMPORARY: Final = re.compile(r"\.(?P<name>.+)~(?P<host>[^~]*)~(?P<pid>\d+)\.tmp")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_ABANDONED_S: Final = 3600


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write a file so that a reader, a crash or a full disk never meets half of it.

    Raises:
        OutputError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    with atomic_file(path) as file:
        file.write(content)


@contextmanager
def atomic_file(path: Path, *, buffering: int = -1) -> Iterator[BinaryIO]:
    """A file to be written in parts that gets its name when the block ends without an error.

    Args:
        path: where it appears.
        buffering: as in `open`; 0 for a `GuardedFile`.

    Raises:
        OutputError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}~{_host()}~{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("w+b", buffering=buffering) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _make_durable(path.parent)
    except OSError as error:
        if isinstance(error, MhbenchError):
            raise
        raise unwritable(path, error) from error


def check_space(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot take.

    Args:
        folder: where it will be written; the nearest folder above it that exists is asked.
        needed: bytes.

    Raises:
        OutputError: less than that is free.
    """
    existing = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise OutputError(
            f"{folder} has {free / 1e9:.1f} GB of free space",
            expected=f"about {needed / 1e9:.1f} GB for the next file",
            action="free some space, choose another folder, or a smaller form (--heatmaps peaks or sparse)",
        )


class GuardedFile:
    """A file for HDF5 to write to: a full disk is kept as an error instead of reaching the library.

    HDF5 dies with a segmentation fault on a write that fails, also long after it. Here the first failure is
    kept and every later write is swallowed; `check` raises it.

    Args:
        file: an unbuffered file, so that a write fails when it is made.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None
        self.read, self.seek, self.tell, self.flush = file.read, file.seek, file.tell, file.flush

    def check(self) -> None:
        """Raise the first write that failed.

        Raises:
            OSError: as the system said it.
        """
        if self._error is not None:
            raise self._error

    def write(self, content: memoryview) -> int:
        """Write all of it, or keep the error."""
        written = 0
        while self._error is None and written < len(content):
            try:
                written += self._file.write(content[written:])
            except OSError as error:
                self._error = error
        return len(content)

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer; what was swallowed reads as zeros."""
        found = self._file.read(len(buffer))
        buffer[:] = found.ljust(len(buffer), b"\0")
        return len(buffer)

    def truncate(self, size: int) -> int:
        """Set the size of the file."""
        return size if self._error else self._file.truncate(size)


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error of a place that takes no output, in three parts."""
    if error.errno in _FULL:
        return OutputError(
            f"the disk is full: {path} could not be written",
            expected="free space for the output",
            action="free some space and run the same command again; finished files are intact and are kept",
        )
    return OutputError(
        f"{path} could not be written: {error.strerror or error}",
        expected="a folder that can be written",
        action="check the permissions or choose another output folder",
    )


def is_temporary(name: str) -> bool:
    """The name is that of a file whose writing was never finished (or has not been yet)."""
    return _TEMPORARY.fullmatch(name) is not None


def remove_orphans(folder: Path) -> list[Path]:
    """Remove what killed programs left half written in a folder; files of living ones stay.

    A process of another host cannot be asked, so its files go when they have not changed for an hour: a
    shard is written in seconds.
    """
    removed = []
    for path in sorted(folder.glob(".*.tmp")):
        match = _TEMPORARY.fullmatch(path.name)
        if match and not _in_use(path, match["host"], int(match["pid"])):
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def _host() -> str:
    return socket.gethostname().replace("~", "-")


def _in_use(path: Path, host: str, pid: int) -> bool:
    if host == _host():
        return _alive(pid)
    try:
        return time.time() - path.stat().st_mtime < _ABANDONED_S
    except FileNotFoundError:  # finished or removed meanwhile
        return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives and is somebody else's
        return True
    return True


def _make_durable(folder: Path) -> None:
    """Write the folder's entries to the disk, so that the new name survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
