"""The scoring pipeline: predictions + shards -> scored frames -> result.

Shards are read one at a time; what stays in memory is the predictions and what each kind of scoring keeps.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mhbench import __version__
from mhbench.errors import PredictionError, UsageError
from mhbench.frame_selection import as_one_view, expected_frames
from mhbench.predictions.coverage import frames_without_truth, predicted_rows
from mhbench.predictions.reading import read_predictions
from mhbench.protocols import ANY, resolve_protocol, with_options
from mhbench.result_making import make_result
from mhbench.scoring.bodies import body_files_sha256
from mhbench.scoring.scored import Choices, kind_of_scoring
from mhbench.shards.reading import open_shards

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols import Protocol
    from mhbench.results import Result
    from mhbench.scoring.scored import Kind, Scored


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What can be chosen besides the protocol; every value other than the default stands in the result.

    Attributes:
        options: open points of the protocol set to other values.
        min_score: people with a lower score are left out.
        allow_approximate: joints that the predicted skeleton only has approximately are accepted.
        frame_lists: raw indices per sequence, where the official list is not public.
        bootstrap: draws of the intervals; 0 = none.
        place: `reprojection` puts root-relative people where their joints2d say that they are.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    min_score: float | None = None
    allow_approximate: bool = False
    frame_lists: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    bootstrap: int = 1000
    place: Literal["", "reprojection"] = ""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A result and what it was made of (for details, worst frames and the report)."""

    result: Result
    scored: Scored
    protocol: Protocol


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


def evaluate(path: Path, protocol: str, data: Path, options: EvaluationOptions | None = None) -> Evaluation:
    """Score a predictions file under a protocol.

    Args:
        path: predictions in any form `mhbench.read_predictions` reads.
        protocol: full name, or a bare one that the data set of the predictions completes.
        data: folder of the shards (`shards/`, or a data set's folder in it).
        options: what deviates from the defaults.

    Raises:
        MhbenchError: the predictions, the protocol or the shards do not fit each other.
    """
    begin = time.perf_counter()
    chosen = options or EvaluationOptions()
    # formats without a data set of their own (COCO results) take that of the full protocol name
    named = protocol.partition("/")[0] if "/" in protocol else None
    predictions = read_predictions(path, dataset=None if named == ANY else named)
    rules = with_options(resolve_protocol(protocol, predictions.dataset or None), chosen.options)
    predictions = placed(predictions, data, chosen)
    scored, gathered = score_predictions(predictions, rules, data, chosen)
    provenance = {
        "mhbench": __version__,
        "predictions_sha256": _sha256(path),
        "min_score": chosen.min_score,
        "place": chosen.place,
        "seconds": round(time.perf_counter() - begin, 3),
    }
    result = make_result(scored, rules, predictions, gathered, chosen, provenance)
    return Evaluation(result, scored, rules)


def score_predictions(
    predictions: PredictionTable, protocol: Protocol, data: Path, options: EvaluationOptions
) -> tuple[Scored, Pass]:
    """Score predictions that are in memory under any protocol object, such as a changed one.

    Raises:
        MhbenchError: the predictions, the protocol or the shards do not fit each other.
    """
    _check_scorable(protocol)
    kind = kind_of_scoring(protocol.scoring)
    _check_dataset(predictions, protocol)
    kind.check(predictions, protocol)
    if protocol.frames.dataset == ANY:
        gathered = _pass_over_predictions(kind, predictions, protocol, options)
    else:
        gathered = _pass_over_shards(kind, predictions, protocol, data, options)
    return kind.summarise(gathered.parts, predictions, protocol), gathered


def placed(predictions: PredictionTable, data: Path, options: EvaluationOptions) -> PredictionTable:
    """The predictions with positions, if the options ask for them.

    Raises:
        PredictionError: they cannot be placed.
    """
    if not options.place:
        return predictions
    from mhbench.predictions.placing import place_by_reprojection  # noqa: PLC0415 - seldom asked for

    return place_by_reprojection(predictions, open_shards(data, dataset=predictions.dataset))


def _sha256(path: Path) -> str:
    """sha256 of a file, or of the names and contents of all files of a folder."""
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file())
        lines = [f"{one.relative_to(path).as_posix()} {_sha256(one)}" for one in files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_scorable(protocol: Protocol) -> None:
    if protocol.refused:
        raise UsageError(
            f"{protocol.name} cannot be scored from shards: {protocol.refused}",
            expected="a protocol that the data set alone decides",
            action="`mhbench protocols` lists them",
        )


def _check_dataset(predictions: PredictionTable, protocol: Protocol) -> None:
    if protocol.frames.dataset not in {predictions.dataset, ANY}:
        raise PredictionError(
            f"{predictions.source}: the predictions are of the data set {predictions.dataset!r}",
            expected=f"{protocol.frames.dataset!r}, the data set of {protocol.name}",
            action="choose a protocol of that data set; `mhbench protocols` lists them",
        )


def _pass_over_shards(
    kind: Kind, predictions: PredictionTable, protocol: Protocol, data: Path, options: EvaluationOptions
) -> Pass:
    """Score shard by shard and check that every predicted frame exists."""
    shards = open_shards(data, dataset=protocol.frames.dataset)
    row_of = {key: row for row, key in enumerate(predictions.frame_keys)}
    found = np.full(predictions.frame_count, fill_value=False)
    gathered = Pass()
    used = []
    choices = Choices(min_score=options.min_score, allow_approximate=options.allow_approximate)
    for info, whole in zip(shards.infos, shards.tables(), strict=True):
        table = as_one_view(whole, protocol) if protocol.frames.world else whole
        rows = predicted_rows(table, row_of)
        found[rows[rows >= 0]] = True
        wanted = expected_frames(protocol, table, options.frame_lists)
        gathered.outside += int(np.count_nonzero(rows[~wanted] >= 0))
        if not wanted.any():
            continue
        used.append(info)
        gathered.frame_ids += table.frames["id"][wanted].tolist()
        part = kind.score(table.select(wanted), predictions, rows[wanted], protocol, choices)
        gathered.parts.append(part)
    _check_found(found, predictions, data)
    if not gathered.parts:
        raise UsageError(
            f"no frame under {data} belongs to {protocol.name}",
            expected=_expectation(protocol),
            action="convert these sequences and cameras, or score under another protocol",
        )
    # only what was scored: two labs that converted other sequences besides agree
    scored_shards = replace(shards, infos=tuple(used))
    gathered.gt_sha256, gathered.complete = scored_shards.gt_sha256(), scored_shards.complete
    if bodies := body_files_sha256(protocol, choices.bodies):
        gathered.gt_sha256 = hashlib.sha256((gathered.gt_sha256 + bodies).encode()).hexdigest()
    items = {info.item for info in used}
    for entry in shards.excluded:
        if entry.item in items and entry.frames:
            gathered.excluded[entry.reason] = gathered.excluded.get(entry.reason, 0) + entry.frames
    return gathered


def _pass_over_predictions(
    kind: Kind, predictions: PredictionTable, protocol: Protocol, options: EvaluationOptions
) -> Pass:
    """Score the frames of the predictions themselves, whatever they are of."""
    if not predictions.frame_count:
        raise UsageError(
            f"{predictions.source}: there is no frame to score",
            expected=f"predicted frames: {protocol.name} scores all there are",
            action="predict some frames",
        )
    choices = Choices(min_score=options.min_score, allow_approximate=options.allow_approximate)
    table = frames_without_truth(predictions)
    part = kind.score(table, predictions, np.arange(predictions.frame_count), protocol, choices)
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
