"""Journals: one small JSON file per item of work, put in place whole by the worker that did it.

Nothing ever appends to a shared file, so any number of workers on any number of hosts write at the same time,
and a run that is killed leaves the journals of what it had finished. A marker beside the journal says that an
item was begun; it outlives only a worker that was killed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from mhbench.errors import InputError
from mhbench.shards.files import remove_orphans, unwritable, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

_BEGUN: Final = ".begun"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an item could not be done: the three parts of an error."""

    what: str
    expected: str = ""
    action: str = ""


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item: a result (JSON of the pipeline's own struct) or a failure."""

    item: str
    result: msgspec.Raw = msgspec.Raw(b"null")
    failure: Failure | None = None


def journal_path(folder: Path, item: str) -> Path:
    """Where the journal of an item lies; an item may be named `<group>/<name>`."""
    return folder / f"{item}.json"


def write_journal(folder: Path, journal: Journal) -> None:
    """Put the journal of an item in place.

    Raises:
        OutputError: the disk is full or the folder cannot be written.
    """
    write_atomically(journal_path(folder, journal.item), msgspec.json.encode(journal))


def read_journals(folder: Path) -> dict[str, Journal]:
    """All journals of a folder by item, sorted.

    Raises:
        InputError: one is damaged.
    """
    paths = sorted(folder.rglob("*.json")) if folder.is_dir() else []
    journals = (_read(path) for path in paths)
    return {journal.item: journal for journal in journals}


def signature(folder: Path, item: str) -> tuple[int, int] | None:
    """Changes whenever the journal of an item is put in place again; None where there is none."""
    try:
        status = journal_path(folder, item).stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def mark_begun(folder: Path, item: str) -> None:
    """Note that an item is being worked on.

    Raises:
        OutputError: the folder cannot be written.
    """
    marker = _marker(folder, item)
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError as error:
        raise unwritable(marker, error) from error


def clear_begun(folder: Path, item: str) -> None:
    """Note that an item is not being worked on."""
    _marker(folder, item).unlink(missing_ok=True)


def was_begun(folder: Path, item: str) -> bool:
    """An item is being worked on, or was when its worker was killed."""
    return _marker(folder, item).exists()


def remove_half_written(folder: Path) -> None:
    """Remove the journals that killed workers left half written."""
    for group in {folder, *(path for path in folder.rglob("*") if path.is_dir())}:
        remove_orphans(group)


def _marker(folder: Path, item: str) -> Path:
    return folder / f"{item}{_BEGUN}"


def _read(path: Path) -> Journal:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Journal)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(
            f"the journal {path} is damaged: {error}",
            expected="a file that a worker of mhbench wrote",
            action="delete it and run the same command again; only this item is done anew",
        ) from error
