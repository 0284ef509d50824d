"""The pass over what is scored: shard by shard, or the predictions themselves where no truth is needed."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.errors import PredictionError, UsageError, WorkerError
from mhbench.jobs.progress import shown_progress
from mhbench.predictions.coverage import frames_without_truth, predicted_rows
from mhbench.protocols.frame_selection import as_one_view, expected_frames
from mhbench.scoring.bodies import body_files_sha256
from mhbench.scoring.scored import Choices, kind_of_scoring
from mhbench.shards.reading import open_shards
from mhbench.shards.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from mhbench.evaluation.options import EvaluationOptions
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.loading import Protocol


@dataclass(slots=True, eq=False)
class Pass:
    """What the pass over the shards gathered.

    Attributes:
        parts: what the kind of scoring made of each shard.
        frame_ids: the expected frames.
        outside: predicted frames of the data set that the protocol does not expect.
        gt_sha256: what the ground truth was made of.
        complete: the shards hold every frame of the raw data.
        excluded: frames by the reason for which they were left out of the scored shards.
    """

    parts: list[Any] = field(default_factory=list)
    frame_ids: list[str] = field(default_factory=list)
    outside: int = 0
    gt_sha256: str = ""
    complete: bool = True
    excluded: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class ShardScore:
    """One shard: the predictions that are of its frames, and the part of it that was expected (or None).

    Attributes:
        found: rows of the predictions of its frames.
        expected: those of them that the protocol expects.
        frame_ids: the frames it expects, predicted or not.
        part: what the kind of scoring made of them.
    """

    found: npt.NDArray[np.int64]
    expected: npt.NDArray[np.int64]
    frame_ids: list[str]
    part: Any


class ShardReader:
    """Reads shards and finds their frames in predictions.

    Args:
        keep: shards of so many people are kept, and the rows of their frames: an audit asks for them forty
            times.
    """

    def __init__(self, keep: int = 0) -> None:
        self._free = keep
        self._tables: dict[Path, FrameTable] = {}
        self._ids: npt.NDArray[np.str_] | None = None
        self._row_of: dict[str, int] = {}
        self._rows: dict[Path, npt.NDArray[np.int64]] = {}

    def table(self, path: Path, protocol: Protocol) -> FrameTable:
        """The shard as the protocol sees it."""
        table = self._tables.get(path)
        if table is None:
            whole = read_table(path)
            table = as_one_view(whole, protocol) if protocol.frames.world else whole
            if table.person_count <= self._free:
                self._free -= table.person_count
                self._tables[path] = table
        return table

    def rows(self, path: Path, table: FrameTable, predictions: PredictionTable) -> npt.NDArray[np.int64]:
        """(F,) row of each frame of a shard in the predictions, -1 = none."""
        if self._ids is not predictions.frame_ids:
            self._ids, self._rows = predictions.frame_ids, {}
            self._row_of = {key: row for row, key in enumerate(predictions.frame_keys)}
        rows = self._rows.get(path)
        if rows is None:
            rows = predicted_rows(table, self._row_of)
            if path in self._tables:
                self._rows[path] = rows
        return rows


def pass_over_shards(
    predictions: PredictionTable,
    protocol: Protocol,
    data: Path,
    options: EvaluationOptions,
    reader: ShardReader | None = None,
    *,
    progress: bool = False,
) -> Pass:
    """Score shard by shard, in as many processes as asked for, and check that every predicted frame exists.

    Args:
        predictions: all of them.
        protocol: the rules.
        data: folder of the shards.
        options: what deviates from the defaults.
        reader: keeps what it read, where many passes of protocols of one world follow each other.
        progress: show on stderr how many shards are scored.

    Raises:
        PredictionError: a predicted frame is in no shard.
        UsageError: no frame of the shards belongs to the protocol.
    """
    shards = open_shards(data, dataset=protocol.frames.dataset)
    paths = [shards.folder / info.path for info in shards.infos]
    found, expected = np.full((2, predictions.frame_count), fill_value=False)
    gathered, used, bodies = Pass(), [], Choices().bodies
    work = partial(score_shards, predictions=predictions, protocol=protocol, options=options, bodies=bodies)
    with ExitStack() as stack:
        # processes have no variable in common: the size of a file says how many shards are done
        tally = Path(stack.enter_context(TemporaryDirectory(prefix="mhbench-"))) / "done"
        tally.touch()
        stack.enter_context(
            shown_progress("score", len(paths) if progress else 0, lambda: tally.stat().st_size)
        )
        alone = options.jobs == 1 or len(paths) == 1
        scores = (
            _tallied(work(paths, reader=reader), tally)
            if alone
            else _in_processes(work, paths, options.jobs, tally)
        )
        for info, one in zip(shards.infos, scores, strict=True):
            found[one.found] = True
            expected[one.expected] = True
            if one.part is not None:
                used.append(info)
                gathered.frame_ids += one.frame_ids
                gathered.parts.append(one.part)
    _check_found(found, predictions, data)
    # a frame that is in two splits is outside only if no split expects it
    gathered.outside = int(np.count_nonzero(found & ~expected))
    if not gathered.parts:
        raise UsageError(
            f"no frame under {data} belongs to {protocol.name}",
            expected=_expectation(protocol),
            action="convert these sequences and cameras, or score under another protocol",
        )
    # only what was scored: two labs that converted other sequences besides agree
    scored_shards = replace(shards, infos=tuple(used))
    gathered.gt_sha256, gathered.complete = scored_shards.gt_sha256(), scored_shards.complete
    if models := body_files_sha256(protocol, bodies):
        gathered.gt_sha256 = hashlib.sha256((gathered.gt_sha256 + models).encode()).hexdigest()
    items = {info.item for info in used}
    for entry in shards.excluded:
        if entry.item in items and entry.frames:
            gathered.excluded[entry.reason] = gathered.excluded.get(entry.reason, 0) + entry.frames
    return gathered


def score_shards(
    paths: Sequence[Path],
    predictions: PredictionTable,
    protocol: Protocol,
    options: EvaluationOptions,
    bodies: Path,
    reader: ShardReader | None = None,
) -> Iterator[ShardScore]:
    """Score some shards one after the other; only one is in memory at a time."""
    kind, reading = kind_of_scoring(protocol.scoring), reader or ShardReader()
    choices = Choices(min_score=options.min_score, allow_approximate=options.allow_approximate, bodies=bodies)
    for path in paths:
        table = reading.table(path, protocol)
        rows = reading.rows(path, table, predictions)
        wanted = expected_frames(protocol, table, options.frame_lists)
        part = None
        if wanted.any():
            part = kind.score(table.select(wanted), predictions, rows[wanted], protocol, choices)
        found, expected = rows[rows >= 0], rows[wanted & (rows >= 0)]
        yield ShardScore(found, expected, table.frames["id"][wanted].tolist(), part)


def _in_processes(
    work: Callable[[Sequence[Path]], Iterable[ShardScore]], paths: Sequence[Path], jobs: int, tally: Path
) -> Iterator[ShardScore]:
    """The shards in as many neighbouring stretches as processes, in their order.

    The predictions go to every process once, as memory that all of them share.
    """
    from joblib import Parallel, delayed, parallel_config  # noqa: PLC0415 - one process needs none of it
    from joblib.externals.loky.process_executor import TerminatedWorkerError  # noqa: PLC0415

    bounds = np.linspace(0, len(paths), min(jobs, len(paths)) + 1).astype(int)
    stretches = [paths[begin:end] for begin, end in pairwise(bounds)]
    try:
        with parallel_config("loky", inner_max_num_threads=1):
            parts = Parallel(n_jobs=jobs)(delayed(_listed)(work, stretch, tally) for stretch in stretches)
    except TerminatedWorkerError as error:
        raise WorkerError(
            f"one of {jobs} processes that scored the shards died",
            expected="memory for as many processes",
            action="evaluate with a smaller -j",
        ) from error
    for scores in parts:
        yield from scores


def _listed(
    work: Callable[[Sequence[Path]], Iterable[ShardScore]], paths: Sequence[Path], tally: Path
) -> list[ShardScore]:
    return list(_tallied(work(paths), tally))


def _tallied(scores: Iterable[ShardScore], tally: Path) -> Iterator[ShardScore]:
    """The scores as they come, each of them one byte more in a file."""
    for one in scores:
        with tally.open("ab") as file:
            file.write(b".")
        yield one


def pass_over_predictions(
    predictions: PredictionTable, protocol: Protocol, options: EvaluationOptions
) -> Pass:
    """Score the frames of the predictions themselves, whatever they are of."""
    if not predictions.frame_count:
        raise UsageError(
            f"{predictions.source}: there is no frame to score",
            expected=f"predicted frames: {protocol.name} scores all there are",
            action="predict some frames",
        )
    choices = Choices(min_score=options.min_score, allow_approximate=options.allow_approximate)
    table, rows = frames_without_truth(predictions), np.arange(predictions.frame_count)
    part = kind_of_scoring(protocol.scoring).score(table, predictions, rows, protocol, choices)
    return Pass(parts=[part], frame_ids=table.frames["id"].tolist())


def _check_found(found: npt.NDArray[np.bool_], predictions: PredictionTable, data: Path) -> None:
    if found.all():
        return
    strange = np.flatnonzero(~found)
    first = int(strange[0])
    raise PredictionError(
        f"{predictions.source}: {len(strange)} predicted frames are not in {data}, the first is"
        f" {str(predictions.frame_ids[first])!r} at {predictions.where_frame(first)}.frame",
        expected=f"frame ids of {predictions.dataset} such as <sequence>/<camera>/<index>",
        action="`mhbench frames PROTOCOL` writes the expected ids; convert the frames that are missing",
    )


def _expectation(protocol: Protocol) -> str:
    rule = protocol.frames
    parts = [f"split {rule.split}" if rule.split else "any split"]
    parts += [f"sequences {', '.join(rule.sequences)}"] if rule.sequences else []
    parts += [f"cameras {', '.join(rule.cameras)}"] if rule.cameras else []
    return "; ".join(parts)
