"""Files that are read once as long as they do not change: the items of a sequence share its files."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

Content = TypeVar("Content")
More = ParamSpec("More")
Reader = Callable[Concatenate[Path, More], Content]

State = tuple[int, int]


def file_state(path: Path) -> State:
    """Size and time of the last change of a file; zeros where there is none, which its reader will say."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def kept(files: int) -> Callable[[Reader[More, Content]], Reader[More, Content]]:
    """Keep what a reader of files gave for the last `files` of them (and of its further arguments)."""

    def decorate(read: Reader[More, Content]) -> Reader[More, Content]:
        reader: Callable[..., Content] = read

        @functools.lru_cache(maxsize=files)
        def of_state(path: Path, _state: State, *more: Any) -> Content:
            return reader(path, *more)

        @functools.wraps(read)
        def of_path(path: Path, *more: Any) -> Content:
            return of_state(path, file_state(path), *more)

        return cast("Reader[More, Content]", of_path)

    return decorate
