"""Frame lists of users: `<sequence>.txt` with one raw index a line, where an official list is not public."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mhbench.errors import InputError, MissingInputError

if TYPE_CHECKING:
    from pathlib import Path


def read_frame_lists(folder: Path) -> dict[str, tuple[int, ...]]:
    """Ascending raw indices of every `<sequence>.txt` in a folder; the sequence is the file's stem.

    Raises:
        MissingInputError: the folder is missing or holds no list.
        InputError: a line is no integer (file and line are named).
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
        if not line.strip().isascii() or not line.strip().isdigit():
            raise InputError(
                f"{path}, line {number}: {line.strip()[:40]!r} is no frame number",
                expected="one non-negative integer a line",
            )
        numbers.add(int(line))
    return tuple(sorted(numbers))
