"""Tar archives as they are downloaded: listed once, then read in place. Nothing is ever extracted.

Only plain tar is read (that is what the data sets deliver): a member is a range of bytes of the file, so no
archive can grow while it is read.
"""

from __future__ import annotations

import tarfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import msgspec

from mhbench.datasets.raw.files import unreadable
from mhbench.errors import InputError, MissingInputError, UnsafeInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MEMBER_LIMIT: Final = 64 << 20  # bytes; members are annotation files of some kilobytes
_BLOCK: Final = 512  # bytes, POSIX.1-1988


class Member(msgspec.Struct, frozen=True, array_like=True):
    """A regular file in an archive: its name and the range of bytes it occupies."""

    name: str
    offset: int
    size: int


def tar_members(path: Path, *, limit: int = MEMBER_LIMIT) -> list[Member]:
    """The regular files of a plain tar archive, in its order.

    Args:
        path: the archive.
        limit: largest member accepted, in bytes.

    Raises:
        MissingInputError: there is no such archive.
        InputError: it is no plain tar archive, it is cut short or cannot be read, or a member is too large.
        UnsafeInputError: a member's name leaves the folder, or it is a link or a device.
    """
    members = []
    end = 0
    try:
        with tarfile.open(path, mode="r:") as archive:
            for info in archive:
                end = info.offset_data + -(-info.size // _BLOCK) * _BLOCK
                if not info.isdir():
                    members.append(_checked(path, info, limit))
        with path.open("rb") as file:
            file.seek(end)
            end_mark = file.read(_BLOCK)
    except FileNotFoundError as error:
        raise MissingInputError(
            f"{path} is not there", expected="a tar archive as downloaded", action="check the raw folder"
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise _cut_short(path, str(error)) from error
    except RecursionError as error:  # Python's reader follows headers of headers one inside the other
        raise _cut_short(path, "too many headers before one member") from error
    # An archive ends with zero blocks; Python's reader also stops, in silence, at a cut or at garbage.
    if end_mark != bytes(_BLOCK):
        raise _cut_short(path, f"no header and no end mark at byte {end}")
    return members


def read_members(path: Path, members: Iterable[Member]) -> Iterator[tuple[Member, bytes]]:
    """The content of each of the given members of an archive.

    Raises:
        InputError: the archive was changed since it was listed.
    """
    with path.open("rb") as file:
        for member in members:
            file.seek(member.offset)
            content = file.read(member.size)
            if len(content) != member.size:
                raise _cut_short(path, f"{member.name} is incomplete")
            yield member, content


def confined(name: str, where: str) -> PurePosixPath:
    """The path of an archive member or of a file a list names, if it stays inside its folder.

    Raises:
        UnsafeInputError: it is absolute or climbs out of its folder.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0] or "\0" in name:
        raise UnsafeInputError(
            f"{where} names a file outside its folder: {name!r}",
            expected="relative paths without '..'",
            action="download it again from the official site",
        )
    return path


def _checked(path: Path, info: tarfile.TarInfo, limit: int) -> Member:
    confined(info.name, str(path))
    if not info.isreg() or info.issparse():
        raise UnsafeInputError(
            f"{path}: the member {info.name!r} is a link, a device or sparse",
            expected="files and folders only",
            action="download the archive again from the official site",
        )
    if info.size > limit:
        raise InputError(
            f"{path}: the member {info.name!r} has {info.size} bytes",
            expected=f"at most {limit} bytes",
            action="check what the archive is",
        )
    return Member(info.name, info.offset_data, info.size)


def _cut_short(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is cut short or no plain tar archive: {reason}",
        expected="the complete archive as downloaded",
        action="download it again and compare its size with the site's",
    )
