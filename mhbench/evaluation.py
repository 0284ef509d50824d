"""The scoring pipeline: predictions + shards -> records -> metrics -> result.

Shards are read one at a time; what stays in memory is the predictions and one row per scored person.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from mhbench import __version__
from mhbench.errors import PredictionError, UsageError
from mhbench.predictions.reading import read_predictions
from mhbench.predictions.table import frame_key
from mhbench.protocols import expected_frames, protocol_hash, resolve_protocol, with_options
from mhbench.records import Records, join_records
from mhbench.results import Breakdown, Comparable, Counts, Result, UsedProtocol, Value
from mhbench.scoring.intervals import (
    Groups,
    averaging_groups,
    by_key,
    empty_groups,
    headline,
    intervals,
    resampling_units,
)
from mhbench.scoring.joints import JointPlan, plan_joints
from mhbench.scoring.poses import score_poses
from mhbench.scoring.statistics import Statistic, statistic
from mhbench.shards.reading import open_shards

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What can be chosen besides the protocol; every value other than the default stands in the result.

    Attributes:
        options: open points of the protocol set to other values.
        min_score: people with a lower score are left out.
        allow_approximate: joints that the predicted skeleton only has approximately are accepted.
        frame_lists: raw indices per sequence, where the official list is not public.
        bootstrap: draws of the intervals; 0 = none.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    min_score: float | None = None
    allow_approximate: bool = False
    frame_lists: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    bootstrap: int = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A result and the records it was made of (for details, worst frames and the report)."""

    result: Result
    records: Records
    protocol: Protocol
    statistics: Mapping[str, Statistic]


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
    predictions = read_predictions(path)
    rules = with_options(resolve_protocol(protocol, predictions.dataset or None), chosen.options)
    check_predictions(predictions, rules)
    scored = _score_shards(predictions, rules, data, chosen)
    records = join_records(scored.parts)
    _check_nulls(records, rules, predictions)
    statistics = {
        rule.name: statistic(rule, records, rules)
        for rule in rules.metric
        if predictions.space != "root" or rule.name in {"mpjpe", "pmpjpe"}
    }
    result = _result(records, rules, statistics, predictions, scored, chosen)
    provenance = {
        "mhbench": __version__,
        "predictions_sha256": file_sha256(path),
        "min_score": chosen.min_score,
        "seconds": round(time.perf_counter() - begin, 3),
    }
    return Evaluation(msgspec.structs.replace(result, provenance=provenance), records, rules, statistics)


def file_sha256(path: Path) -> str:
    """sha256 of a file, read in parts."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_predictions(predictions: PredictionTable, protocol: Protocol) -> None:
    """Refuse predictions that can never enter the protocol.

    Raises:
        PredictionError: another data set, another space, no 3D joints.
    """
    if predictions.dataset != protocol.frames.dataset:
        raise PredictionError(
            f"{predictions.source}: the predictions are of the data set {predictions.dataset!r}",
            expected=f"{protocol.frames.dataset!r}, the data set of {protocol.name}",
            action="choose a protocol of that data set; `mhbench protocols` lists them",
        )
    if "joints3d" not in predictions.persons or predictions.skeleton is None:
        raise PredictionError(
            f"{predictions.source}: no person has joints3d",
            expected=f"3D joints, which {protocol.name} scores",
            action="write joints3d (and units, space, skeleton in the header)",
        )
    if predictions.space not in protocol.prediction.spaces:
        raise PredictionError(
            f"{predictions.source}: $.space is {predictions.space!r}",
            expected=f"{' or '.join(protocol.prediction.spaces)} for {protocol.name}",
            action="predict in that space, or choose a protocol that accepts yours",
        )


@dataclass(slots=True, eq=False)
class _Scored:
    """What the pass over the shards gathered."""

    parts: list[Records] = field(default_factory=list)
    frame_ids: list[str] = field(default_factory=list)
    outside: int = 0
    approximate: tuple[str, ...] = ()
    gt_sha256: str = ""
    complete: bool = True


def _score_shards(
    predictions: PredictionTable, protocol: Protocol, data: Path, options: EvaluationOptions
) -> _Scored:
    """Score shard by shard and check that every predicted frame exists."""
    shards = open_shards(data, dataset=protocol.frames.dataset)
    row_of = {key: row for row, key in enumerate(predictions.frame_keys)}
    found = np.full(predictions.frame_count, fill_value=False)
    scored = _Scored(gt_sha256=shards.gt_sha256(), complete=shards.complete)
    plans: dict[str, JointPlan] = {}
    for table in shards.tables():
        rows = predicted_rows(table, row_of)
        found[rows[rows >= 0]] = True
        wanted = expected_frames(protocol, table, options.frame_lists)
        scored.outside += int(np.count_nonzero(rows[~wanted] >= 0))
        if not wanted.any():
            continue
        if table.skeleton not in plans:
            assert predictions.skeleton is not None  # check_predictions
            plans[table.skeleton] = plan_joints(
                protocol, table.skeleton, predictions.skeleton, allow_approximate=options.allow_approximate
            )
        plan = plans[table.skeleton]
        scored.approximate = plan.approximate
        scored.frame_ids += table.frames["id"][wanted].tolist()
        expected = table.select(wanted)
        scored.parts.append(
            score_poses(expected, predictions, rows[wanted], protocol, plan, min_score=options.min_score)
        )
    _check_found(found, predictions, data)
    if not scored.parts:
        raise UsageError(
            f"no frame under {data} belongs to {protocol.name}",
            expected=_expectation(protocol),
            action="convert these sequences and cameras, or score under another protocol",
        )
    return scored


def predicted_rows(table: FrameTable, row_of: Mapping[str, int]) -> npt.NDArray[np.int64]:
    """(F,) row of each frame in the predictions by its id or its official image path; -1 = not predicted."""
    rows = [row_of.get(frame_key(frame_id), -1) for frame_id in table.frames["id"].tolist()]
    images = table.frames.get("image")
    if images is not None and -1 in rows:
        rows = [
            row if row >= 0 else row_of.get(image, -1)
            for row, image in zip(rows, images.tolist(), strict=True)
        ]
    return np.array(rows, dtype=np.int64)


def _check_found(found: npt.NDArray[np.bool_], predictions: PredictionTable, data: Path) -> None:
    if found.all():
        return
    strange = np.flatnonzero(~found)
    first = int(strange[0])
    raise PredictionError(
        f"{predictions.source}: {len(strange)} predicted frames are not in {data}, the first is"
        f" {predictions.frame_ids[first]!r} at {predictions.where_frame(first)}.frame",
        expected=f"frame ids of {predictions.dataset} such as <sequence>/<camera>/<index>",
        action="`mhbench frames PROTOCOL` writes the expected ids; convert the frames that are missing",
    )


def _expectation(protocol: Protocol) -> str:
    rule = protocol.frames
    parts = [f"split {rule.split}" if rule.split else "any split"]
    parts += [f"sequences {', '.join(rule.sequences)}"] if rule.sequences else []
    parts += [f"cameras {', '.join(rule.cameras)}"] if rule.cameras else []
    return "; ".join(parts)


def _check_nulls(records: Records, protocol: Protocol, predictions: PredictionTable) -> None:
    if protocol.prediction.null_joint != "refuse":
        return
    holes = records.matched & (records.scored & ~records.present).any(axis=1)
    if holes.any():
        frame = str(records.frames["id"][records.frame[np.argmax(holes)]])
        raise PredictionError(
            f"{predictions.source}: a scored joint is null in frame {frame} ({holes.sum()} people in all)",
            expected=f"all {len(records.joints)} joints: {protocol.name} takes full arrays only",
            action="predict every joint",
        )


def _result(
    records: Records,
    protocol: Protocol,
    statistics: Mapping[str, Statistic],
    predictions: PredictionTable,
    scored: _Scored,
    options: EvaluationOptions,
) -> Result:
    groups, units = averaging_groups(records, protocol), resampling_units(records, protocol)
    bounds = intervals(statistics, records, groups, units, options.bootstrap)
    dropped = int((records.matched[:, None] & records.scored & ~records.present).sum())
    of_matched = int((records.matched[:, None] & records.scored).sum())
    counts = Counts(
        frames=records.frame_count,
        frames_missing=int(np.count_nonzero(~records.frames["given"])),
        gt_persons=int((records.truth >= 0).sum()),
        predicted_persons=int((records.prediction >= 0).sum()),
        matched=int(records.matched.sum()),
        missed=int(records.missed.sum()),
        false_positives=int(records.false.sum()),
        joints_dropped=dropped,
        persons_without_root=int(records.rootless.sum()),
        frames_outside_protocol=scored.outside,
    )
    resampled = f"{options.bootstrap} draws of {_resampling_words(units.kind, len(units.stratum))}"
    return Result(
        protocol=UsedProtocol(
            name=protocol.name,
            version=protocol.version,
            hash=protocol_hash(protocol, options.frame_lists),
            frames_sha256=hashlib.sha256("\n".join(sorted(scored.frame_ids)).encode()).hexdigest(),
            gt_sha256=scored.gt_sha256,
            evidence=protocol.evidence,
            joints=records.joints,
            options=options.options,
            resampled=resampled if bounds else "",
        ),
        comparable=_comparable(protocol, predictions, scored, options, counts, empty_groups(groups)),
        model=predictions.model or "unnamed",
        trained_on=predictions.trained_on,
        dataset=predictions.dataset,
        metrics={
            name: Value(
                value=_defined(headline(one, records, groups)),
                unit=one.unit,
                ci95=bounds.get(name) if np.all(np.isfinite(bounds.get(name, np.nan))) else None,
            )
            for name, one in statistics.items()
        },
        breakdown=breakdowns(records, statistics, groups),
        counts=counts,
        joint_coverage=1.0 if of_matched == 0 else 1.0 - dropped / of_matched,
        provenance={},
    )


def _resampling_words(kind: str, count: int) -> str:
    if kind == "block":
        return f"{count} blocks of frames inside the sequences (block bootstrap: fewer than ten sequences)"
    return f"{count} {kind}s"


def _comparable(
    protocol: Protocol,
    predictions: PredictionTable,
    scored: _Scored,
    options: EvaluationOptions,
    counts: Counts,
    empty: list[str],
) -> Comparable:
    reasons = [f"option {name} = {value}" for name, value in options.options.items()]
    if empty:
        reasons.append(f"no frames of {', '.join(empty)}: the mean is over fewer groups")
    if counts.frames_missing:
        reasons.append(f"{counts.frames_missing} of {counts.frames} expected frames are not predicted")
    if not scored.complete:
        reasons.append(
            "the shards hold only a part of the raw frames (converted with a limit, or not finished)"
        )
    if protocol.frames.user_lists and not options.frame_lists:
        reasons.append("the official frame list is not public and was not given with --frames")
    if protocol.frames.expected and counts.frames != protocol.frames.expected:
        reasons.append(f"{counts.frames} frames, but the protocol has {protocol.frames.expected}")
    if counts.joints_dropped and protocol.prediction.null_joint == "drop":
        reasons.append(f"{counts.joints_dropped} null joints were left out of the errors")
    if options.allow_approximate and scored.approximate:
        reasons.append(f"approximate joints: {', '.join(scored.approximate)}")
    forbidden = set(protocol.training.forbidden)
    if forbidden and predictions.trained_on is None:
        reasons.append(f"trained_on is not declared; the protocol forbids {', '.join(sorted(forbidden))}")
    elif forbidden & set(predictions.trained_on or ()):
        reasons.append(f"trained on {', '.join(sorted(forbidden & set(predictions.trained_on or ())))}")
    return Comparable(value=not reasons, reasons=tuple(reasons))


def breakdowns(
    records: Records, statistics: Mapping[str, Statistic], groups: Groups
) -> tuple[Breakdown, ...]:
    """The metrics per group (where the protocol averages groups), sequence, camera and joint."""
    parts: list[Breakdown] = []
    if len(groups.names) > 1:
        names = np.array([*groups.names, ""])[groups.of_frame]
        parts += _by_frames(records, statistics, "group", names)
    for column in ("sequence", "camera"):
        parts += _by_frames(records, statistics, column, records.frames[column])
    for joint, name in enumerate(records.joints):
        values = {
            key: _defined(float(one.finish(one.joint_parts[joint])))
            for key, one in statistics.items()
            if one.joint_parts is not None
        }
        parts.append(Breakdown(by="joint", key=name, metrics=values))
    return tuple(parts)


def _by_frames(
    records: Records, statistics: Mapping[str, Statistic], by: str, keys: npt.NDArray[Any]
) -> list[Breakdown]:
    tables = {name: by_key(one, records, keys) for name, one in statistics.items()}
    return [
        Breakdown(
            by=by, key=str(key), metrics={name: _defined(table[str(key)]) for name, table in tables.items()}
        )
        for key in np.unique(keys)
        if str(key)
    ]


def _defined(value: float) -> float | None:
    return value if np.isfinite(value) else None
