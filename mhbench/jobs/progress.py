"""Progress of a long run: a bar on a terminal, one plain line every few seconds anywhere else."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BAR_INTERVAL_S: Final = 0.5
LINE_INTERVAL_S: Final = 5.0


@contextmanager
def shown_progress(label: str, total: int, count_done: Callable[[], int]) -> Iterator[None]:
    """Show on stderr how far the work inside the context is.

    Args:
        label: what is done.
        total: number of items.
        count_done: how many are finished; asked now and then from another thread.
    """
    if not total:
        yield
        return
    show = _show_bar if sys.stderr.isatty() else _show_lines
    finished = threading.Event()
    thread = threading.Thread(target=show, args=(label, total, count_done, finished), daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _show_bar(label: str, total: int, count_done: Callable[[], int], finished: threading.Event) -> None:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    if finished.wait(BAR_INTERVAL_S):  # too soon done for a bar
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        while not finished.wait(BAR_INTERVAL_S):
            bar.update(task, completed=count_done())
        bar.update(task, completed=count_done())


def _show_lines(label: str, total: int, count_done: Callable[[], int], finished: threading.Event) -> None:
    begin = time.monotonic()
    while not finished.wait(LINE_INTERVAL_S):
        sys.stderr.write(f"{progress_line(label, count_done(), total, time.monotonic() - begin)}\n")
        sys.stderr.flush()


def progress_line(label: str, done: int, total: int, seconds: float) -> str:
    """One line of progress with the time that is left at the speed so far."""
    left = f", about {_duration(seconds / done * (total - done))} left" if done else ""
    return f"{label}: {done}/{total} after {_duration(seconds)}{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
