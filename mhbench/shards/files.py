"""Files that appear whole or not at all: written under a temporary name, made durable, renamed."""

from __future__ import annotations

import errno
import os
import re
import socket
import time
from typing import TYPE_CHECKING, Final

from mhbench.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

_TEMPORARY: Final = re.compile(r"\.(?P<name>.+)~(?P<host>[^~]*)~(?P<pid>\d+)\.tmp")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_ABANDONED_S: Final = 3600


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write a file so that a reader, a crash or a full disk never meets half of it.

    Raises:
        OutputError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}~{_host()}~{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _make_durable(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


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
