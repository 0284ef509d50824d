"""Items -> workers -> journals: every item is done once, or becomes a row of the table of failures.

An exception of an item is written to its journal and the others go on. A worker that dies takes the pool with
it: what is unfinished starts in a new one, and the items that were in flight are tried alone first, so that
the one that kills its worker is known for certain and never costs another item its place.
"""

from __future__ import annotations

import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from mhbench.errors import MhbenchError, OutputError, WorkerError
from mhbench.jobs.engines import WorkerDiedError, engine
from mhbench.jobs.journal import (
    Failure,
    Journal,
    clear_begun,
    mark_begun,
    read_journals,
    remove_half_written,
    signature,
    was_begun,
    write_journal,
)
from mhbench.jobs.progress import shown_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from mhbench.jobs.engines import Run

Task = TypeVar("Task")


def run_jobs(
    items: Mapping[str, Task],
    work: Callable[[Task], msgspec.Struct],
    journals: Path,
    *,
    engine_name: str = "processes",
    jobs: int = 1,
    scheduler: str | None = None,
    label: str = "",
    root: Path | None = None,
) -> dict[str, Journal]:
    """Do the work of all items and journal what became of each.

    Args:
        items: task of each item by the item's name; tasks travel to the workers as pickles.
        work: what is done with a task; a plain function, its result goes to the journal.
        journals: folder of the journals.
        engine_name: `serial` (in this process), `processes`, `dask` or `ray`.
        jobs: number of workers.
        scheduler: address of a running Dask or Ray cluster.
        label: shows progress under this name; none is shown if it is empty.
        root: failures name files relative to this folder.

    Returns:
        The journals of the items, in their order.

    Raises:
        OutputError: the output can take nothing more; what was finished is intact.
        WorkerError: workers die before they begin an item.
        MissingExtraError: the engine is not installed.
    """
    before = {item: signature(journals, item) for item in items}
    for item in items:
        clear_begun(journals, item)
    pending = set(items)

    def count_done() -> int:
        pending.difference_update(one for one in tuple(pending) if signature(journals, one) != before[one])
        return len(items) - len(pending)

    def calls_of(names: Collection[str]) -> list[Callable[[], None]]:
        chosen = [item for item in items if item in names]
        return [partial(_do_item, work, items[item], item, journals, root) for item in chosen]

    with engine(engine_name, jobs, scheduler) as run:
        try:
            with shown_progress(label, len(items) if label else 0, count_done):
                while (done := count_done()) < len(items) and not _finished(run, calls_of(pending)):
                    suspects = [item for item in items if item in pending and was_begun(journals, item)]
                    if not suspects and count_done() == done:
                        raise _no_workers()
                    _try_alone(run, {item: calls_of([item]) for item in suspects}, journals)
        finally:
            for item in items:
                clear_begun(journals, item)
            remove_half_written(journals)
    found = read_journals(journals)
    return {item: found[item] for item in items}


def _finished(run: Run, calls: list[Callable[[], None]]) -> bool:
    try:
        run(calls)
    except WorkerDiedError:
        return False
    return True


def _try_alone(run: Run, calls: Mapping[str, list[Callable[[], None]]], journals: Path) -> None:
    """Run what was in flight when a worker died item by item; a second death is the item's own fault."""
    for item, call in calls.items():
        if _finished(run, call):
            continue
        clear_begun(journals, item)
        failure = Failure(
            what=f"{item}: the worker process died twice over it",
            expected="a worker that survives the item",
            action="give the machine more memory; if that does not help, the item's files crash a library:"
            " please report it",
        )
        write_journal(journals, Journal(item=item, failure=failure))


def _no_workers() -> WorkerError:
    return WorkerError(
        "worker processes die before they begin their work",
        expected="workers that start",
        action="look for the reason in the system's log (memory limits?), or use fewer workers (-j)",
    )


def _do_item(
    work: Callable[[Any], msgspec.Struct], task: Any, item: str, journals: Path, root: Path | None
) -> None:
    """In the worker: do one item and put its journal in place."""
    mark_begun(journals, item)
    try:
        write_journal(journals, _journal_of(work, task, item, root))
    finally:
        clear_begun(journals, item)


def _journal_of(work: Callable[[Any], msgspec.Struct], task: Any, item: str, root: Path | None) -> Journal:
    try:
        return Journal(item=item, result=msgspec.Raw(msgspec.json.encode(work(task))))
    except OutputError:
        raise  # not the item is at fault but the place, and every other item would fail there too
    except Exception as error:  # noqa: BLE001 - whatever an item does, the others go on
        return Journal(item=item, failure=_failure(item, error, root))


def _failure(item: str, error: Exception, root: Path | None) -> Failure:
    """The three parts of an error; of one that is none of ours, its type and where it was raised."""
    if isinstance(error, MhbenchError):
        parts = (error.what, error.expected, error.action)
    elif isinstance(error, OSError) and error.filename:
        parts = (
            f"{error.filename} cannot be read: {error.strerror}",
            "a file that can be read",
            "check its permissions and the disk it is on",
        )
    else:
        frame, line = list(traceback.walk_tb(error.__traceback__))[-1]
        place = f"{frame.f_globals.get('__name__')}:{line} ({frame.f_code.co_name})"
        what = f"{item}: {type(error).__name__}: {error}, at {place}"
        parts = (
            what,
            "a file like those of the official release",
            "compare the file with its source; else report it",
        )
    relative = [part.replace(f"{root}/", "") if root else part for part in parts]
    return Failure(what=relative[0], expected=relative[1], action=relative[2])
