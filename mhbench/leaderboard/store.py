"""The store of a leaderboard: a folder of JSON files that git keeps, safe under concurrent additions.

    STORE/<dataset>/<protocol>/_board.json      what all entries share: rules, frames, ground truth, joints
    STORE/<dataset>/<protocol>/<entry>.json     one result and its facts
    STORE/<dataset>/<protocol>/<entry>/1.png    pictures of its worst frames, if it has any

Two results stand on one board only if they were scored by the same rules on the same frames against the same
ground truth; anything else is refused when it is added, and again when it is read.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from mhbench.errors import InputError, MissingInputError, OutputError, UsageError
from mhbench.evaluation.results import read_result
from mhbench.leaderboard.admission import (
    check_belongs,
    check_may_open,
    check_new,
    check_numbers,
    check_whole,
)
from mhbench.leaderboard.entries import (
    BOARD_FILE,
    Board,
    Entry,
    as_file,
    read_board_file,
    read_entry,
)
from mhbench.leaderboard.pictures import report_pictures
from mhbench.shards.files import unwritable, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mhbench.evaluation.results import Result

PATIENCE_S: Final = 10.0
_RETRY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class StoredBoard:
    """A board, the folder it lies in, and its entries, by name."""

    folder: Path
    board: Board
    entries: tuple[Entry, ...]


def add_entry(
    store: Path,
    path: Path,
    *,
    name: str = "",
    link: str = "",
    backbone: str = "",
    year: int | None = None,
    note: str = "",
    added: str = "",
    partial: bool = False,
    upper_bound: bool = False,
    own_data: str = "",
    report: Path | None = None,
) -> Path:
    """Add the result of a file to the board of its protocol and return the path of the new entry.

    Args:
        store: folder of the leaderboard; made if it does not exist.
        path: a result as `mhbench evaluate --out` writes it.
        name: of the entry; by default made from the model's name.
        link: of the paper or the code, http or https.
        backbone: of the model, in words.
        year: of the publication.
        note: anything a reader must know.
        added: day as YYYY-MM-DD; today by default.
        partial: accept missing frames, joints or metrics; the entry is then marked, and ranked only where
            nothing is missing.
        upper_bound: the predictions were made from the ground truth; the entry is shown, not ranked.
        own_data: opens the board of data that are not the official ones, and says what they are.
        report: folder of the result's report, whose pictures of the worst frames the entry then shows.

    Raises:
        InputError: no result of this format version, one with numbers that its protocol does not give, or an
            existing entry was edited.
        UsageError: it does not belong on this board, is partial, or is there already.
        OutputError: the board is locked or cannot be written.
    """
    result = read_result(path)
    check_numbers(path, result)
    check_whole(path, result, partial=partial)
    pictures = [] if report is None else report_pictures(report, result)
    entry = _entry(
        name or slug(result.model),
        result,
        {
            "added": added or dt.datetime.now(tz=dt.UTC).date().isoformat(),
            "link": link,
            "backbone": backbone,
            "year": year,
            "note": note,
            "partial": partial,
            "upper_bound": upper_bound,
            "pictures": [msgspec.to_builtins(picture) for picture, _ in pictures],
        },
    )
    folder = store / result.protocol.name
    with locked(folder):
        if (folder / BOARD_FILE).exists():
            stored = read_board(folder)
            check_belongs(path, result, stored.board, own_data)
            check_new(entry, stored.entries)
        else:
            check_may_open(path, result, own_data)
            write_atomically(folder / BOARD_FILE, as_file(Board.of(result, own_data)))
        for picture, content in pictures:
            write_atomically(folder / entry.name / picture.file, content)
        write_atomically(folder / f"{entry.name}.json", as_file(entry))
    return folder / f"{entry.name}.json"


def read_boards(store: Path) -> list[StoredBoard]:
    """All boards of a store with their entries, every hash checked; by the protocols' names.

    Raises:
        MissingInputError: there is no such folder.
        InputError: a file is no entry, was edited, or does not belong where it lies.
    """
    if not store.is_dir():
        raise MissingInputError(
            f"there is no leaderboard {store}",
            expected="a folder that `mhbench leaderboard add` has written to",
            action="add a result first, or name the folder with --store",
        )
    return [read_board(path.parent, store) for path in sorted(store.glob(f"*/*/{BOARD_FILE}"))]


def read_board(folder: Path, store: Path | None = None) -> StoredBoard:
    """One board and its entries.

    Args:
        folder: of the board.
        store: folder of the leaderboard; two above it by default.

    Raises:
        InputError: see `read_boards`.
    """
    board = read_board_file(folder / BOARD_FILE)
    if folder.relative_to(store or folder.parent.parent).as_posix() != board.protocol:
        raise InputError(
            f"{folder} holds the board of {board.protocol}",
            expected="the folder of that name",
            action="move the board there, or restore the folder's name",
        )
    paths = [path for path in sorted(folder.glob("*.json")) if path.name != BOARD_FILE]
    entries = []
    for path in paths:
        entry = read_entry(path)
        if entry.name != path.stem:
            raise InputError(
                f"{path} holds the entry {entry.name!r}",
                expected=f"{entry.name}.json",
                action="rename the file, or remove the copy",
            )
        check_belongs(path, entry.result, board)
        entries.append(entry)
    return StoredBoard(folder, board, tuple(entries))


def slug(model: str) -> str:
    """Name of an entry made from the name of a model: lower case, with hyphens."""
    return re.sub(r"[^a-z0-9._]+", "-", model.lower()).strip("-._")[:80] or "unnamed"


@contextmanager
def locked(folder: Path, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold a board alone; works on network folders, as only one program can create the lock file.

    Raises:
        OutputError: somebody else held it all the time, or the folder cannot be written.
    """
    lock = folder / ".lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _create(lock, time.monotonic() + patience_s)
    except OSError as error:
        raise unwritable(lock, error) from error
    try:
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        os.close(descriptor)
        yield
    finally:
        lock.unlink(missing_ok=True)


def _create(lock: Path, deadline: float) -> int:
    while True:
        try:
            return os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            if time.monotonic() < deadline:
                time.sleep(_RETRY_S)
                continue
            holder = lock.read_text(encoding="utf-8", errors="replace") if lock.exists() else "somebody"
            raise OutputError(
                f"{lock.parent} is locked by {holder or 'somebody'}",
                expected="a board that nobody else is adding to",
                action=f"try again; if that process no longer runs, delete {lock}",
            ) from None


def _entry(name: str, result: Result, facts: dict[str, object]) -> Entry:
    content = {"name": name, "facts": facts, "result": msgspec.to_builtins(result)}
    try:
        return msgspec.convert(content, Entry, str_keys=False, strict=True)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the facts of the entry {name!r}: {error}",
            expected="an http(s) link, a year, a date YYYY-MM-DD, a name of a-z 0-9 . _ - only",
            action="correct the option that gave it; `mhbench leaderboard add --help` lists them",
        ) from error
