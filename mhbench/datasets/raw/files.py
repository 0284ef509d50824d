"""Files of raw data sets, opened with care: neither a pipe nor a file of any size is read by mistake."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from mhbench.errors import InputError, MissingInputError

if TYPE_CHECKING:
    from pathlib import Path

FILE_LIMIT: Final = 2 << 30  # bytes; an official annotation file is below 1 GB, and it is read as a whole


def read_bytes(path: Path, *, limit: int = FILE_LIMIT) -> bytes:
    """The content of a file of at most `limit` bytes.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is larger, or it cannot be read.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(content) > limit:
        raise InputError(
            f"{path} is larger than {limit} bytes",
            expected="a file of the official release",
            action="check what the file is",
        )
    return content


def check_file(path: Path) -> None:
    """Make sure of a regular file before it is opened: to open a pipe waits for ever.

    Raises:
        MissingInputError: there is none.
        InputError: it is a folder, a pipe or a device, or the system does not let us look.
    """
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except FileNotFoundError as error:
        raise MissingInputError(
            f"{path} is not there",
            expected="the file as the data set delivers it",
            action="check the raw folder; `mhbench doctor` tells what is missing",
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    if kind != stat.S_IFREG:
        raise InputError(
            f"{path} is {'a folder' if kind == stat.S_IFDIR else 'no file'}",
            expected="the file as the data set delivers it",
            action="move it away and extract the file again",
        )


def unreadable(path: Path, error: OSError) -> InputError:
    """The error of a file that the system does not let us read."""
    return InputError(
        f"{path} cannot be read: {error.strerror or error}",
        expected="a readable file",
        action="check its permissions and the disk it is on",
    )
