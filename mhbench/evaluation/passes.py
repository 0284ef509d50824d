"""The pass over what is scored: shard by shard, or the predictions themselves where no truth is needed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.errors import PredictionError, UsageError
from mhbench.predictions.coverage import frames_without_truth, predicted_rows
from mhbench.protocols.frame_selection import as_one_view, expected_frames
from mhbench.scoring.bodies import body_files_sha256
from mhbench.scoring.scored import Choices
from mhbench.shards.reading import open_shards

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.evaluation.options import EvaluationOptions
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.loading import Protocol
    from mhbench.scoring.scored import Kind


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


def pass_over_shards(
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


def pass_over_predictions(
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
