"""Kind of scoring `joints`: 3D joints, whoever they belong to; shares of frames, then their mean (LoCO)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.errors import PredictionError
from mhbench.protocols.metric_names import unknown_metric
from mhbench.scoring.joint_counts import count_joints, loose_points, points_of_people, together
from mhbench.scoring.people import plan_of_shard, predicted_people, refuse_other_spaces, true_people
from mhbench.scoring.poses import frame_columns
from mhbench.scoring.scored import PeopleCounts, Scored
from mhbench.scoring.statistics import Statistic, ratio
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.columns import Columns
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import MetricRule, Protocol
    from mhbench.scoring.scored import Choices

    Ints = npt.NDArray[np.int64]

SHARES: Final = {"precision": 0, "recall": 1, "f1": 2}


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One shard: frames, joints found, false and missed by distance, and the people they came from."""

    frames: Columns
    counts: dict[str, Ints]
    true_people: int
    predicted_people: int
    joints: tuple[str, ...]
    approximate: tuple[str, ...]


def check(predictions: PredictionTable, protocol: Protocol) -> None:
    """Refuse predictions without 3D joints in camera space.

    Raises:
        PredictionError: what is missing.
    """
    if predictions.skeleton is None or (
        "joints3d" not in predictions.persons and predictions.loose_start is None
    ):
        raise PredictionError(
            f"{predictions.source}: there are neither joints3d nor loose_joints",
            expected=f"3D joints of people, or joints without people, which {protocol.name} scores",
            action="write one of them (and units, space, skeleton in the header)",
        )
    if protocol.prediction.people == "refused" and predictions.person_count:
        raise PredictionError(
            f"{predictions.source}: {predictions.where(0)} is a person",
            expected=f"loose_joints only: {protocol.name} scores joints before they are made into people",
            action="write every peak as a loose joint and no persons, or choose jta/test",
        )
    refuse_other_spaces(predictions, protocol)


def score(
    table: FrameTable, predictions: PredictionTable, rows: Ints, protocol: Protocol, choices: Choices
) -> Part:
    """Count the joints of the expected frames of one shard."""
    plan = plan_of_shard(table, predictions, protocol, choices)
    true = true_people(table, protocol, plan)
    given = predicted_people(_with_joints(predictions), rows, plan, choices.min_score)
    loose = loose_points(predictions, rows, plan, choices.min_score)
    predicted = together(points_of_people(given, plan), loose)
    return Part(
        frames=frame_columns(table, rows),
        counts=count_joints(protocol, points_of_people(true, plan), predicted),
        true_people=len(true),
        predicted_people=len(given),
        joints=plan.names,
        approximate=plan.approximate,
    )


def summarise(parts: Sequence[Part], predictions: PredictionTable, protocol: Protocol) -> Scored:
    """The mean over frames of precision, recall and F1, each on its own."""
    del predictions
    frames = {name: np.concatenate([part.frames[name] for part in parts]) for name in parts[0].frames}
    counts = {name: np.concatenate([part.counts[name] for part in parts]) for name in parts[0].counts}
    return Scored(
        frames=frames,
        measures={rule.name: _mean_share(rule, counts, protocol) for rule in protocol.metric},
        counts=PeopleCounts(
            true=sum(part.true_people for part in parts),
            predicted=sum(part.predicted_people for part in parts),
        ),
        joints=parts[0].joints,
        approximate=parts[0].approximate,
    )


def _mean_share(rule: MetricRule, counts: dict[str, Ints], protocol: Protocol) -> Statistic:
    from mhbench.metrics.joint_detection import joint_shares  # noqa: PLC0415 - see joint_counts

    family, _, rest = rule.name.partition(".")
    what, _, distance = rest.partition("@")
    if family not in SHARES or what != "joint":
        raise unknown_metric(protocol.name, rule, [f"{share}.joint@..." for share in SHARES])
    share = joint_shares(counts[distance])[:, SHARES[family]]
    parts = np.stack([share, np.ones(len(share))], axis=1)
    return Statistic(rule.name, "%", np.arange(len(share)), parts, ratio(100.0))


def _with_joints(predictions: PredictionTable) -> PredictionTable:
    """The predictions, with people only if their joints were given."""
    if "joints3d" in predictions.persons:
        return predictions
    assert predictions.skeleton is not None  # held by check
    joints = np.full((predictions.person_count, len(skeleton(predictions.skeleton)), 3), np.nan)
    return replace(predictions, persons={**predictions.persons, "joints3d": joints})
