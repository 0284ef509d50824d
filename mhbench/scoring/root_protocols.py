"""Kind of scoring `roots`: average precision of root positions over the whole set (RootNet)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.metrics.root_precision import RootMatches, match_roots
from mhbench.protocols.metric_names import unknown_metric
from mhbench.scoring import pose_protocols
from mhbench.scoring.encounters import root_positions
from mhbench.scoring.people import plan_of_shard, predicted_people, refuse_unscored, scores_of, true_people
from mhbench.scoring.poses import frame_columns
from mhbench.scoring.scored import Curve, FrameCounts, PeopleCounts, Scored
from mhbench.scoring.statistics import Recount

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.columns import Columns
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import Protocol
    from mhbench.scoring.scored import Choices

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

THRESHOLD_MM: Final = 250.0
MILLIMETRES: Final = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One shard: true and predicted roots (mm) with the offsets of the frames, and scores."""

    frames: Columns
    target: Floats
    target_start: Ints
    predicted: Floats
    predicted_start: Ints
    scores: Floats
    joints: tuple[str, ...]


def check(predictions: PredictionTable, protocol: Protocol) -> None:
    """Refuse predictions without 3D joints in camera space, or without scores.

    Raises:
        PredictionError: what is missing.
    """
    pose_protocols.check(predictions, protocol)
    refuse_unscored(predictions)


def score(
    table: FrameTable, predictions: PredictionTable, rows: Ints, protocol: Protocol, choices: Choices
) -> Part:
    """The roots of the expected frames of one shard; predictions without a root are left out."""
    plan = plan_of_shard(table, predictions, protocol, choices)
    true = true_people(table, protocol, plan)
    given = predicted_people(predictions, rows, plan, choices.min_score)
    predicted = MILLIMETRES * root_positions(given.joints, plan.rows)[:, 0]
    kept = np.flatnonzero(np.isfinite(predicted).all(axis=1))
    return Part(
        frames=frame_columns(table, rows),
        target=MILLIMETRES * root_positions(true.joints, plan.rows)[:, 0],
        target_start=true.start,
        predicted=predicted[kept],
        predicted_start=np.searchsorted(kept, given.start).astype(np.int64),
        scores=scores_of(predictions)[given.source[kept]],
        joints=plan.names,
    )


def summarise(parts: Sequence[Part], predictions: PredictionTable, protocol: Protocol) -> Scored:
    """The average precision of all frames together."""
    del predictions
    matches = match_roots(
        np.concatenate([part.target for part in parts]),
        _joined([part.target_start for part in parts]),
        np.concatenate([part.predicted for part in parts]),
        _joined([part.predicted_start for part in parts]),
        np.concatenate([part.scores for part in parts]),
        threshold_mm=THRESHOLD_MM,
    )
    unknown = [rule for rule in protocol.metric if rule.name != "root_ap25"]
    if unknown:
        raise unknown_metric(protocol.name, unknown[0], ["root_ap25"])
    return Scored(
        frames={name: np.concatenate([part.frames[name] for part in parts]) for name in parts[0].frames},
        measures={"root_ap25": Recount("root_ap25", "%", lambda weights: _percent(matches, weights))},
        counts=PeopleCounts(
            true=sum(len(part.target) for part in parts),
            predicted=sum(len(part.predicted) for part in parts),
        ),
        joints=parts[0].joints,
        frame_counts=FrameCounts.of(
            f"within {THRESHOLD_MM:g} mm", matches.people, matches.image, matches.right
        ),
        precision_recall=lambda: {
            f"within {THRESHOLD_MM:g} mm": Curve.of(matches.right, int(matches.people.sum()))
        },
    )


def _percent(matches: RootMatches, weights: Floats) -> float:
    value = matches.average_precision(weights)
    return value if value >= 0 else float("nan")


def _joined(starts: Sequence[Ints]) -> Ints:
    """Offsets of all frames from those of each shard."""
    counts = np.concatenate([np.diff(start) for start in starts])
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
