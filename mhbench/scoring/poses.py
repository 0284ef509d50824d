"""People as 3D poses: who is scored, who meets whom, and the error of every joint -> records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from mhbench.columns import JointFlag
from mhbench.protocols.metric_names import error_name, needs_root
from mhbench.records import Records
from mhbench.scoring.encounters import all_pairs, least_of_each, meet, refuse_crowds, root_positions
from mhbench.scoring.joint_counts import count_joints, joint_distances, points_of_people
from mhbench.scoring.people import (
    joint_columns,
    predicted_people,
    scores_of,
    true_people,
    truth_skeleton,
)
from mhbench.scoring.pose_errors import JOINT_ERRORS, acceleration_errors, joint_errors
from mhbench.scoring.statistics import BODY_ERRORS

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import MetricRule, Protocol
    from mhbench.scoring.joints import JointPlan
    from mhbench.scoring.people import People

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

BY_POSITION: Final = ("hungarian", "nearest")
FRAME_COLUMNS: Final = ("id", "sequence", "camera", "index", "subject", "action", "activity", "image")


def score_poses(
    table: FrameTable,
    predictions: PredictionTable,
    rows: Ints,
    protocol: Protocol,
    plan: JointPlan,
    *,
    min_score: float | None = None,
    bodies: Path = Path("bodies"),
) -> Records:
    """Score the predictions of the expected frames of one shard.

    Args:
        table: the expected frames.
        predictions: the whole predictions file.
        rows: (F,) row of each frame in the predictions, -1 = not predicted.
        protocol: the rules.
        plan: the joints, from `plan_joints`.
        min_score: people with a lower score are left out before anything else.
        bodies: folder of the body models, for errors of vertices.
    """
    # bodies are placed at the model's origin, so their positions mean nothing either
    rooted = predictions.space == "root" or bool(protocol.truth.body)
    true = true_people(table, protocol, plan)
    if rooted and protocol.matching.rule in BY_POSITION and np.any(crowded := np.diff(true.start) > 1):
        # without a position nobody can be told apart: frames with one person only (section 0, generic)
        table, rows = table.select(~crowded), rows[~crowded]
        true = true_people(table, protocol, plan)
    given = predicted_people(predictions, rows, plan, min_score)
    rules = _rules_of_errors(protocol, predictions)
    if protocol.matching.rule == "best":
        partner, distance, errors = _least_errors(true, given, rules, plan, protocol)
    else:
        partner, distance = meet(table, predictions, true, given, protocol, plan, rooted=rooted)
        errors = _errors_of_met(table, true, given, partner, rules, plan)
    body_errors = _errors_of_bodies(table, predictions, true, given, partner, rules, plan, protocol, bodies)
    return _records(
        table, predictions, rows, protocol, plan, true, given, partner, distance, errors, body_errors
    )


def _records(
    table: FrameTable,
    predictions: PredictionTable,
    rows: Ints,
    protocol: Protocol,
    plan: JointPlan,
    true: People,
    given: People,
    partner: Ints,
    distance: Floats,
    errors: dict[str, Floats],
    body_errors: dict[str, Floats],
) -> Records:
    """One row for each true person and each prediction that met nobody, frame by frame."""
    hit = partner >= 0
    extra = np.flatnonzero(~np.isin(np.arange(len(given)), partner))
    order, frame = _row_order(true, given, extra)
    present = np.full(true.scored.shape, fill_value=False)
    present[hit] = given.scored[partner[hit]]
    score = scores_of(predictions)[given.source]
    track = table.persons.get("track", np.full(table.person_count, -1))[true.source].astype(np.int64)
    # a further set of the same joints only says what is labelled in it
    same = truth_skeleton(table, protocol) == table.skeleton
    columns = table.persons if same else joint_columns(table, protocol)
    flags = columns["joint_flags"][true.source][:, plan.rows]
    rootless = np.full(len(true), fill_value=False)
    depth = np.full((len(true), 2), np.nan)
    if plan.root:
        roots = root_positions(true.joints, plan.root)[:, 0], root_positions(given.joints, plan.root)[:, 0]
        depth[:, 0] = roots[0][:, 2]
        depth[hit, 1] = roots[1][partner[hit], 2]
        if any(needs_root(rule) for rule in protocol.metric):
            rootless[hit] = ~np.isfinite(roots[0][hit] + roots[1][partner[hit]]).all(axis=1)

    def rows_of(truth: npt.NDArray[Any], false: object) -> npt.NDArray[Any]:
        filler = np.broadcast_to(np.asarray(false), (len(extra), *truth.shape[1:]))
        return np.concatenate([truth, filler.astype(truth.dtype)])[order]

    return Records(
        joints=plan.names,
        frames=frame_columns(table, rows),
        frame=frame,
        truth=rows_of(true.row, -1),
        prediction=rows_of(_picked(given.row, partner, -1), given.row[extra]),
        track=rows_of(track, -1),
        score=rows_of(_picked(score, partner, np.nan), score[extra]),
        distance_m=rows_of(distance, np.nan),
        scored=rows_of(true.scored, 0),
        present=rows_of(present, given.scored[extra]),
        occluded=rows_of((flags & (JointFlag.OCCLUDED | JointFlag.SELF_OCCLUDED)) != 0, 0),
        root_depth=rows_of(depth, np.nan),
        errors={name: rows_of(values, np.nan) for name, values in errors.items()},
        body_errors={name: rows_of(values, np.nan) for name, values in body_errors.items()},
        rootless=rows_of(rootless, 0),
        joint_counts=count_joints(protocol, points_of_people(true, plan), points_of_people(given, plan))
        if joint_distances(protocol)
        else {},
    )


def _rules_of_errors(protocol: Protocol, predictions: PredictionTable) -> dict[str, MetricRule]:
    """For each error the protocol's metrics need the first metric that says how it is made."""
    rules: dict[str, MetricRule] = {}
    for rule in protocol.metric:
        # only a root-relative file can be taken as it is: other origins are nobody's root
        centred = msgspec.structs.replace(rule, recentre=rule.recentre or predictions.space != "root")
        rules.setdefault(error_name(rule), centred)
    rules.pop("", None)
    return rules


def _errors_of_met(
    table: FrameTable,
    true: People,
    given: People,
    partner: Ints,
    rules: dict[str, MetricRule],
    plan: JointPlan,
) -> dict[str, Floats]:
    hit = np.flatnonzero(partner >= 0)
    target, predicted = true.joints[hit], given.joints[partner[hit]]
    errors = {}
    for name in sorted(set(rules) & {*JOINT_ERRORS, "accel"}):
        errors[name] = np.full(true.scored.shape, np.nan)
        if name == "accel":
            frame, track = true.frame[hit], table.persons["track"][true.source[hit]]
            values = acceleration_errors(target, predicted, plan, track, table.frames["index"][frame])
            errors[name][hit] = np.where(true.scored[hit], values, np.nan)
        else:
            errors[name][hit] = joint_errors(name, rules[name], plan, target, predicted, true.scored[hit])
    return errors


def _errors_of_bodies(
    table: FrameTable,
    predictions: PredictionTable,
    true: People,
    given: People,
    partner: Ints,
    rules: dict[str, MetricRule],
    plan: JointPlan,
    protocol: Protocol,
    folder: Path,
) -> dict[str, Floats]:
    wanted = sorted(set(rules) & set(BODY_ERRORS))
    if not wanted:
        return {}
    from mhbench.scoring.body_errors import rotation_errors, vertex_errors  # noqa: PLC0415 - seldom needed

    hit = np.flatnonzero(partner >= 0)
    pairs = true.source[hit], given.source[partner[hit]]
    errors = {}
    for name in wanted:
        if name == "pve":
            values = vertex_errors(rules[name], table, predictions, pairs, protocol, folder)
        else:
            joints = true.joints[hit][:, plan.rows], given.joints[partner[hit]][:, plan.rows]
            values = rotation_errors(table, predictions, pairs, joints if name == "pmpjae" else None)
        errors[name] = np.full((len(true), values.shape[1]), np.nan)
        errors[name][hit] = values
    return errors


def _least_errors(
    true: People, given: People, rules: dict[str, MetricRule], plan: JointPlan, protocol: Protocol
) -> tuple[Ints, Floats, dict[str, Floats]]:
    """The least mean error of all predictions of the frame, for each error by itself (CRMH on Human3.6M).

    The partner is that of the first error.
    """
    refuse_crowds(true, protocol)
    owner, other = all_pairs(true, given)
    partner = np.full(len(true), -1)
    errors = {}
    for name, rule in rules.items():
        scored = true.scored[owner]
        values = joint_errors(name, rule, plan, true.joints[owner], given.joints[other], scored)
        known = np.isfinite(values)
        count, total = known.sum(axis=1), np.where(known, values, 0.0).sum(axis=1)
        mean = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
        least = least_of_each(mean, owner, len(true))
        found = np.flatnonzero(least >= 0)
        errors[name] = np.full(true.scored.shape, np.nan)
        errors[name][found] = values[least[found]]
        if np.all(partner < 0):
            partner[found] = other[least[found]]
    return partner, np.full(len(true), np.nan), errors


def _picked(values: npt.NDArray[Any], partner: Ints, missing: float) -> npt.NDArray[Any]:
    picked = np.full(len(partner), missing, dtype=values.dtype)
    picked[partner >= 0] = values[partner[partner >= 0]]
    return picked


def _row_order(true: People, given: People, extra: Ints) -> tuple[Ints, Ints]:
    """Order of the rows (true people, then false positives, frame by frame) and the frame of each."""
    frame = np.concatenate([true.frame, given.frame[extra]])
    order = np.argsort(frame, kind="stable")
    return order, frame[order]


def frame_columns(table: FrameTable, rows: Ints) -> dict[str, npt.NDArray[Any]]:
    """The columns that results break down by, `people` in each frame, and `given`: a prediction names it."""
    columns = {
        name: column
        for name, column in table.frames.items()
        if name in FRAME_COLUMNS or name.startswith("subset_") or name == "crowd_index"
    }
    return {**columns, "people": np.diff(table.person_start), "given": rows >= 0}
