"""Fingerprints of raw files: a quick one over names, sizes and times, and one over the content."""

from __future__ import annotations

import functools
import hashlib
import os
from typing import TYPE_CHECKING, Final

import msgspec

from mhbench.datasets.raw.archives import read_members, tar_members
from mhbench.errors import MissingInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ARCHIVE: Final = ".tar"
_BLOCK: Final = 2**20


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """Fingerprints of the files of an item.

    Attributes:
        quick: over relative path, size and time of change. It never leaves the journal.
        content: over relative path and content.
    """

    quick: str
    content: str


def fingerprint(raw: Path, files: Sequence[str]) -> Fingerprint:
    """Both fingerprints of some files.

    Args:
        raw: the raw root.
        files: paths relative to it; a folder stands for all files below it, and a tar archive for the folder
            it unpacks to beside it: both have the same content.

    Raises:
        MissingInputError: one is not there.
        InputError: an archive is damaged.
    """
    quick = quick_fingerprint(raw, files)  # first: a change while the content is read must not be missed
    parts = ((name.removesuffix(ARCHIVE), _content(raw / name, _state(raw / name))) for name in sorted(files))
    return Fingerprint(quick=quick, content=_digest(parts))


def quick_fingerprint(raw: Path, files: Sequence[str]) -> str:
    """The quick fingerprint alone (see `fingerprint`)."""
    return _digest((name, _state(raw / name)) for name in sorted(files))


def forget_contents() -> None:
    """Read every file anew from now on; a run begins with it, as sizes and times do not tell everything."""
    _content.cache_clear()


def _digest(parts: Iterator[tuple[str, str]]) -> str:
    return hashlib.sha256("\n".join(f"{name} {part}" for name, part in parts).encode()).hexdigest()


def _state(path: Path) -> str:
    """Sizes and times of a file, or of all files below a folder."""
    entries = []
    for file, entry in _files(path):
        status = entry.stat()
        entries.append((os.path.relpath(file, path), f"{status.st_size} {status.st_mtime_ns}"))
    return _digest(iter(sorted(entries)))


@functools.lru_cache(maxsize=256)  # the items of a sequence share its files
def _content(path: Path, state: str) -> str:
    """Hash of a file, or of all files below a folder or archive; `state` makes the cache notice changes."""
    del state
    if path.suffix == ARCHIVE:
        folder = f"{path.stem}/"
        members = read_members(path, tar_members(path))
        parts = ((one.name.removeprefix("./").removeprefix(folder), content) for one, content in members)
        return _digest(iter(sorted((name, hashlib.sha256(content).hexdigest()) for name, content in parts)))
    return _digest(iter(sorted((os.path.relpath(file, path), _hash(file)) for file, _ in _files(path))))


def _files(path: Path) -> Iterator[tuple[str, os.DirEntry[str] | Path]]:
    if path.is_dir():
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):  # through a link it might never end
                    yield from _files(path / entry.name)
                elif entry.is_file():
                    yield entry.path, entry
    elif path.is_file():
        yield str(path), path
    else:
        raise MissingInputError(
            f"{path} is missing",
            expected="the annotation files of the official release",
            action="`mhbench doctor` tells what is missing",
        )


def _hash(file: str) -> str:
    digest = hashlib.sha256()
    with open(file, "rb") as stream:  # noqa: PTH123 - a string, of which there are tens of thousands
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
