"""Kind of scoring `poses`: 3D joints of people, matched one to one, errors per joint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.errors import PredictionError, UsageError
from mhbench.protocols.metric_names import error_name
from mhbench.records import join_records
from mhbench.scoring.joints import plan_joints
from mhbench.scoring.people import plan_of_shard, refuse_other_spaces, truth_skeleton
from mhbench.scoring.poses import BY_POSITION, score_poses
from mhbench.scoring.scored import PeopleCounts, Scored
from mhbench.scoring.statistics import statistic

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import MetricRule, Protocol
    from mhbench.records import Records
    from mhbench.scoring.scored import Choices


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One shard: its records, the scored joints that are only approximate, whether bodies gave the joints."""

    records: Records
    approximate: tuple[str, ...]
    from_bodies: bool


ROOTED_ONLY: Final = ("mpjpe", "pmpjpe")


def check(predictions: PredictionTable, protocol: Protocol) -> None:
    """Refuse predictions without 3D joints or in another space.

    Raises:
        PredictionError: what is missing, and what the protocol scores.
    """
    meshes = protocol.prediction.regressor and {"vertices", "smpl_pose"} & set(predictions.persons)
    if not meshes and ("joints3d" not in predictions.persons or predictions.skeleton is None):
        raise PredictionError(
            f"{predictions.source}: no person has joints3d",
            expected=f"3D joints, which {protocol.name} scores",
            action="write joints3d (and units, space, skeleton in the header)",
        )
    refuse_other_spaces(predictions, protocol)


def score(
    table: FrameTable,
    predictions: PredictionTable,
    rows: npt.NDArray[np.int64],
    protocol: Protocol,
    choices: Choices,
) -> Part:
    """Records of the expected frames of one shard, and the scored joints that are only approximate."""
    if protocol.truth.body:
        from mhbench.scoring.bodies import truth_of_bodies  # noqa: PLC0415 - few protocols need it

        table = truth_of_bodies(table, protocol, choices.bodies)
    if made := takes_bodies(predictions, protocol, truth_skeleton(table, protocol)):
        from mhbench.scoring.bodies import joints_of_bodies  # noqa: PLC0415 - few predictions need it

        predictions, rows = joints_of_bodies(predictions, rows, protocol, choices.bodies)
    plan = plan_of_shard(table, predictions, protocol, choices)
    records = score_poses(
        table, predictions, rows, protocol, plan, min_score=choices.min_score, bodies=choices.bodies
    )
    return Part(records, plan.approximate, from_bodies=made)


def takes_bodies(predictions: PredictionTable, protocol: Protocol, truth: str) -> bool:
    """Whether the joints must be made from meshes or SMPL parameters; joints of the protocol come first."""
    if not protocol.prediction.regressor or not {"vertices", "smpl_pose"} & set(predictions.persons):
        return False
    if "joints3d" not in predictions.persons or predictions.skeleton is None:
        return True
    try:
        plan_joints(protocol, truth, predictions.skeleton)
    except UsageError:  # joints that the protocol does not score
        return True
    return False


def summarise(parts: Sequence[Part], predictions: PredictionTable, protocol: Protocol) -> Scored:
    """Join the records of all shards and make the measures of the protocol.

    Raises:
        PredictionError: the protocol takes full arrays only and a scored joint is null, or people are
            relative to their root and every frame has several.
    """
    records = join_records([part.records for part in parts])
    if not len(records.frames["id"]):
        raise PredictionError(
            f"{predictions.source}: people are relative to their root, and every frame has several",
            expected=f"positions by which {protocol.name} can tell people apart, or one person a frame",
            action="give them in space camera, or joints2d as well, and --place reprojection",
        )
    _check_nulls(records, predictions, protocol)
    dropped = int((records.matched[:, None] & records.scored & ~records.present).sum())
    of_matched = int((records.matched[:, None] & records.scored).sum())
    return Scored(
        frames=records.frames,
        measures={
            rule.name: statistic(rule, records, protocol)
            for rule in protocol.metric
            if _can_be_said(rule, predictions, protocol)
        },
        counts=PeopleCounts(
            true=int((records.truth >= 0).sum()),
            predicted=int((records.prediction >= 0).sum()),
            matched=int(records.matched.sum()),
            missed=int(records.missed.sum()),
            false=int(records.false.sum()),
            joints_dropped=dropped,
            without_root=int(records.rootless.sum()),
        ),
        joints=records.joints,
        joint_coverage=1.0 if of_matched == 0 else 1.0 - dropped / of_matched,
        approximate=tuple(sorted({name for part in parts for name in part.approximate})),
        records=records,
        provenance={"joints": "made from bodies" if parts[0].from_bodies else "as given"},
    )


def _can_be_said(rule: MetricRule, predictions: PredictionTable, protocol: Protocol) -> bool:
    """Whether the space of the predictions has what a metric needs."""
    if predictions.space != "root":
        return True
    if protocol.matching.rule in BY_POSITION:
        return rule.name in ROOTED_ONLY
    return error_name(rule) not in {"", "mpjpe_abs"}


def _check_nulls(records: Records, predictions: PredictionTable, protocol: Protocol) -> None:
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
