"""Folders that the system does not let us read: told, where `Path.glob` leaves them out in silence."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mhbench.datasets.raw.files import unreadable
from mhbench.errors import InputError, MhbenchError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def told_if_unreadable(raw: Path, dataset: str) -> Iterator[None]:
    """What the system does not let us look at below a raw root is an error in three parts.

    Where a root holds nothing of a data set but a folder of its name, that folder was meant.

    Raises:
        InputError: in place of any OSError.
    """
    try:
        yield
    except InputError as error:
        if not (raw / dataset).is_dir():
            raise
        action = f"the folder in it may be meant: --raw {raw / dataset}"
        raise InputError(error.what, expected=error.expected, action=action) from error
    except MhbenchError:
        raise
    except OSError as error:
        raise unreadable(Path(error.filename or raw), error) from error


def files_in(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder by a pattern, sorted; none where there is no folder.

    Raises:
        OSError: nobody may look into the folder.
    """
    return sorted(path for path in folder.iterdir() if path.match(pattern)) if folder.is_dir() else []
