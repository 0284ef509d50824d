"""Kind of scoring `world`: people of several cameras at once, in the world (VoxelPose on CMU Panoptic)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.cameras import to_world
from mhbench.errors import PredictionError
from mhbench.metrics.pose_precision import THRESHOLDS_MM, PoseMatches, PoseScore, match_poses
from mhbench.protocols.metric_names import unknown_metric
from mhbench.scoring import pose_protocols
from mhbench.scoring.people import (
    plan_of_shard,
    predicted_people,
    refuse_unscored,
    scores_of,
    true_people,
    truth_skeleton,
)
from mhbench.scoring.poses import frame_columns
from mhbench.scoring.scored import Curve, PeopleCounts, Scored
from mhbench.scoring.statistics import Recount
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from mhbench.columns import Columns
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import MetricRule, Protocol
    from mhbench.scoring.scored import Choices

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

MILLIMETRES: Final = 1000.0
UPRIGHT: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Rows times it: the world of the calibration, whose y points down, turned to z up."""
CENTRE: Final = "body_center"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One shard: per frame true people (mm, world), their visible joints, predictions and scores."""

    frames: Columns
    target: list[Floats]
    visible: list[npt.NDArray[np.bool_]]
    predicted: list[Floats]
    scores: list[Floats]
    joints: tuple[str, ...]


def check(predictions: PredictionTable, protocol: Protocol) -> None:
    """Refuse predictions without 3D joints in the world, or without scores.

    Raises:
        PredictionError: what is missing.
    """
    pose_protocols.check(predictions, protocol)
    refuse_unscored(predictions)


def score(
    table: FrameTable, predictions: PredictionTable, rows: Ints, protocol: Protocol, choices: Choices
) -> Part:
    """True and predicted people of the expected moments of one shard.

    Raises:
        PredictionError: a predicted joint is null: the rule has no place for it.
    """
    plan = plan_of_shard(table, predictions, protocol, choices)
    true = true_people(table, protocol, plan)
    given = predicted_people(predictions, rows, plan, choices.min_score)
    if not given.scored.all():
        holed = int(given.source[np.argmin(given.scored.all(axis=1))])
        raise PredictionError(
            f"{predictions.source}: a scored joint of {predictions.where(holed)} is null",
            expected=f"all {len(plan.names)} joints: {protocol.name} takes full arrays only",
            action="predict every joint",
        )
    # people whose middle of the hips is not known are no people
    centred = np.isfinite(true.joints[:, skeleton(truth_skeleton(table, protocol)).index(CENTRE), 0])
    world = _in_world(table, true.joints[:, plan.rows], true.frame)
    predicted = MILLIMETRES * given.joints[:, plan.rows]
    frames = range(table.frame_count)
    kept = [np.flatnonzero(centred & (true.frame == frame)) for frame in frames]
    found = [slice(given.start[frame], given.start[frame + 1]) for frame in frames]
    return Part(
        frames=frame_columns(table, rows),
        target=[world[people] for people in kept],
        visible=[true.scored[people] for people in kept],
        predicted=[predicted[people] for people in found],
        scores=[scores_of(predictions)[given.source[people]] for people in found],
        joints=plan.names,
    )


def summarise(parts: Sequence[Part], predictions: PredictionTable, protocol: Protocol) -> Scored:
    """Average precision, recall and mean error of all moments together."""
    del predictions
    target, visible, predicted, scores = (
        [one for part in parts for one in getattr(part, name)]
        for name in ("target", "visible", "predicted", "scores")
    )
    matches = match_poses(target, predicted, scores, visible=visible)
    return Scored(
        frames={name: np.concatenate([part.frames[name] for part in parts]) for name in parts[0].frames},
        measures={rule.name: _measure(rule, matches, protocol) for rule in protocol.metric},
        counts=PeopleCounts(
            true=sum(len(one) for one in target), predicted=sum(len(one) for one in predicted)
        ),
        joints=parts[0].joints,
        precision_recall=lambda: {
            f"within {limit:g} mm": Curve.of(matches.hits[limit], int(matches.people.sum()))
            for limit in THRESHOLDS_MM
        },
    )


def _measure(rule: MetricRule, matches: PoseMatches, protocol: Protocol) -> Recount:
    known: dict[str, tuple[str, Callable[[PoseScore], float]]] = {
        "recall@500mm": ("%", lambda found: found.recall),
        "mpjpe_abs": ("mm", lambda found: found.mpjpe),
    }
    known |= {f"ap@{limit:g}mm": ("%", _precision_at(limit)) for limit in THRESHOLDS_MM}
    if rule.name not in known:
        raise unknown_metric(protocol.name, rule, known)
    unit, read = known[rule.name]

    def value(weights: Floats) -> float:
        found = matches.score(weights)
        return read(found) if found.people else float("nan")

    return Recount(rule.name, unit, value)


def _precision_at(limit: float) -> Callable[[PoseScore], float]:
    return lambda found: found.ap[limit]


def _in_world(table: FrameTable, joints: Floats, frame: Ints) -> Floats:
    """(P, j, 3) mm in the world with z up, from metres in the camera."""
    points = to_world(joints, table.frames["R"][frame], table.frames["t"][frame])
    upright: Floats = MILLIMETRES * np.einsum("pjc,cd->pjd", points, UPRIGHT)
    return upright
