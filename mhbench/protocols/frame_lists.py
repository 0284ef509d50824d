"""Frame lists of users: `<sequence>.txt` with one raw index a line, where an official list is not public."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mhbench.errors import InputError, MissingInputError

if TYPE_CHECKING:
    from pathlib import Path

_NUMBER: Final = re.compile(r"[0-9]{1,18}")  # what int64 holds for certain


def read_frame_lists(folder: Path) -> dict[str, tuple[int, ...]]:
    """Ascending raw indices of every `<sequence>.txt` in a folder; the sequence is the file's stem.

    Raises:
        MissingInputError: the folder is missing or holds no list.
        InputError: a line is no integer (file and line are named), or a list is empty.
    """
    files = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    if not files:
        raise MissingInputError(
            f"there is no frame list in {folder}",
            expected="text files named <sequence>.txt with one frame number a line",
            action="give the folder that holds them",
        )
    return {path.stem: _read_list(path) for path in files}


def _read_list(path: Path) -> tuple[int, ...]:
    numbers = set()
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        if not _NUMBER.fullmatch(line.strip()):
            raise InputError(
                f"{path}, line {number}: {line.strip()[:40]!r} is no frame number",
                expected="one integer from 0 a line, of at most 18 digits",
                action="remove the line, or write the number of the frame as the data set counts it",
            )
        numbers.add(int(line))
    if not numbers:
        raise InputError(
            f"{path} holds no frame number",
            expected="one integer a line; an empty list does not mean all frames",
            action="remove the file if nothing of the sequence is wanted, or name its frames",
        )
    return tuple(sorted(numbers))
