"""From scored frames to a result: values, intervals, breakdowns, and whether they may be compared."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.evaluation.resampling import (
    draw_weights,
    packed,
    part_draws,
    percentile_interval,
    resampled_values,
)
from mhbench.evaluation.results import Breakdown, Comparable, Counts, LeftOut, Result, UsedProtocol, Value
from mhbench.evaluation.worst_frames import worst_frames
from mhbench.protocols.loading import protocol_hash
from mhbench.protocols.training_rules import broken_rules, training_overlaps
from mhbench.scoring.breakdowns import breakdowns, by_frames
from mhbench.scoring.intervals import (
    averaging_groups,
    empty_groups,
    headline,
    resampling_units,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mhbench.evaluation.options import EvaluationOptions
    from mhbench.evaluation.passes import Pass
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.loading import Protocol
    from mhbench.scoring.breakdowns import Part
    from mhbench.scoring.intervals import Groups, Units
    from mhbench.scoring.scored import Scored


def make_result(
    scored: Scored,
    protocol: Protocol,
    predictions: PredictionTable,
    gathered: Pass,
    options: EvaluationOptions,
    provenance: Mapping[str, Any],
) -> Result:
    """The result of an evaluation (contract 6)."""
    groups, units = averaging_groups(scored.frames, protocol), resampling_units(scored.frames, protocol)
    begin = time.perf_counter()
    weights = draw_weights(units, options.bootstrap)
    drawn = resampled_values(scored.measures, groups, units, weights) if weights.size else {}
    parts = (*_of_groups(scored, groups, units), *breakdowns(scored, units))
    of_parts = part_draws(parts, weights) if drawn else {}
    seconds = {"interval_seconds": round(time.perf_counter() - begin, 3)} if drawn else {}
    words = f"{options.bootstrap} draws of {_resampling_words(units.kind, len(units.stratum))}"
    return Result(
        protocol=UsedProtocol(
            name=protocol.name,
            version=protocol.version,
            hash=protocol_hash(protocol, options.frame_lists),
            frames_sha256=hashlib.sha256("\n".join(sorted(gathered.frame_ids)).encode()).hexdigest(),
            gt_sha256=gathered.gt_sha256,
            evidence=protocol.weakest_evidence,
            joints=scored.joints,
            options=options.options,
            resampled=words if drawn else "",
        ),
        comparable=_comparable(scored, protocol, predictions, gathered, options, empty_groups(groups)),
        model=predictions.model or "unnamed",
        trained_on=predictions.trained_on,
        dataset=predictions.dataset,
        metrics={
            name: Value(
                value=_defined(headline(one, groups)),
                unit=one.unit,
                ci95=percentile_interval(drawn[name]) if drawn else None,
            )
            for name, one in scored.measures.items()
        },
        breakdown=tuple(Breakdown(by=one.by, key=one.key, metrics=one.metrics) for one in parts),
        counts=_counts(scored, gathered),
        joint_coverage=scored.joint_coverage,
        provenance={**provenance, **seconds, **scored.provenance},
        contamination=tuple(training_overlaps(protocol.training, predictions.trained_on)),
        excluded=tuple(LeftOut(frames=frames, reason=reason) for reason, frames in gathered.excluded.items()),
        resampling=packed(drawn, units, weights, of_parts) if drawn else None,
        worst_frames=worst_frames(scored, protocol),
    )


def _counts(scored: Scored, gathered: Pass) -> Counts:
    people = scored.counts
    return Counts(
        frames=len(scored.frames["id"]),
        frames_missing=int(np.count_nonzero(~scored.frames["given"])),
        gt_persons=people.true,
        predicted_persons=people.predicted,
        matched=people.matched,
        missed=people.missed,
        false_positives=people.false,
        joints_dropped=people.joints_dropped,
        persons_without_root=people.without_root,
        frames_outside_protocol=gathered.outside,
        frames_with_several=_left_out(scored, gathered),
    )


def _left_out(scored: Scored, gathered: Pass) -> int:
    """Expected frames that were not scored: those with several people, where people have no place."""
    return len(gathered.frame_ids) - len(scored.frames["id"])


def _resampling_words(kind: str, count: int) -> str:
    if kind == "block":
        return f"{count} blocks of frames inside the sequences (block bootstrap: fewer than ten sequences)"
    return f"{count} {kind}s"


def _comparable(
    scored: Scored,
    protocol: Protocol,
    predictions: PredictionTable,
    gathered: Pass,
    options: EvaluationOptions,
    empty: list[str],
) -> Comparable:
    frames = len(scored.frames["id"])
    missing = int(np.count_nonzero(~scored.frames["given"]))
    reasons = [f"option {name} = {value}" for name, value in options.options.items()]
    if empty:
        reasons.append(f"no frames of {', '.join(empty)}: the mean is over fewer groups")
    if several := _left_out(scored, gathered):
        reasons.append(
            f"{several} of {frames + several} expected frames have several people and were left out"
        )
    if missing:
        reasons.append(f"{missing} of {frames} expected frames are not predicted")
    if not gathered.complete:
        reasons.append(
            "the shards hold only a part of the raw frames (converted with a limit, or not finished)"
        )
    if protocol.frames.user_lists and not options.frame_lists:
        reasons.append("the official frame list is not public and was not given with --frames")
    if protocol.frames.expected and frames != protocol.frames.expected:
        reasons.append(f"{frames} frames, but the protocol has {protocol.frames.expected}")
    people = protocol.frames.expected_people
    if people and scored.counts.true != people:
        reasons.append(f"{scored.counts.true} people, but the protocol has {people}")
    if scored.counts.joints_dropped and protocol.prediction.null_joint == "drop":
        reasons.append(f"{scored.counts.joints_dropped} null joints were left out of the errors")
    if options.allow_approximate and scored.approximate:
        reasons.append(f"approximate joints: {', '.join(scored.approximate)}")
    reasons += _training_faults(protocol, predictions)
    return Comparable(value=not reasons, reasons=tuple(reasons))


def _training_faults(protocol: Protocol, predictions: PredictionTable) -> list[str]:
    forbidden = sorted(protocol.training.forbidden)
    if predictions.trained_on is None:
        if forbidden:
            return [f"trained_on is not declared; the protocol forbids {', '.join(forbidden)}"]
        return ["trained_on is not declared"] if protocol.training.declare else []
    broken = broken_rules(protocol.training, predictions.trained_on)
    return [f"trained on {', '.join(broken)}, which the protocol forbids"] if broken else []


def _of_groups(scored: Scored, groups: Groups, units: Units) -> list[Part]:
    """The metrics of each group that the protocol takes the mean of."""
    if len(groups.names) == 1 or (
        "sequence" in scored.frames and set(groups.names) <= set(scored.frames["sequence"])
    ):
        return []
    return by_frames(scored, "group", np.array([*groups.names, ""])[groups.of_frame], units)


def _defined(value: float) -> float | None:
    return value if np.isfinite(value) else None
