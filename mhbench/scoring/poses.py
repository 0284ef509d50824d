"""People as 3D poses: who is scored, who meets whom, and the error of every joint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.matching import hungarian_frames
from mhbench.metrics.alignment import procrustes
from mhbench.records import Records
from mhbench.scoring.joint_counts import count_joints
from mhbench.scoring.people import predicted_people, true_people
from mhbench.scoring.pose_kernels import pair_distances
from mhbench.scoring.statistics import error_name

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols import Protocol
    from mhbench.scoring.joints import JointPlan
    from mhbench.scoring.people import People

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

MILLIMETRES = 1000.0


def score_poses(
    table: FrameTable,
    predictions: PredictionTable,
    rows: Ints,
    protocol: Protocol,
    plan: JointPlan,
    *,
    min_score: float | None = None,
) -> Records:
    """Score the predictions of the expected frames of one shard.

    Args:
        table: the expected frames.
        predictions: the whole predictions file.
        rows: (F,) row of each frame in the predictions, -1 = not predicted.
        protocol: the rules.
        plan: the joints, from `plan_joints`.
        min_score: people with a lower score are left out before anything else.
    """
    rooted = predictions.space == "root"
    true, track = true_people(table, protocol, plan)
    if rooted and np.any(crowded := np.diff(true.start) > 1):
        # without a position nobody can be told apart: frames with one person only (section 0, generic)
        table, rows = table.select(~crowded), rows[~crowded]
        true, track = true_people(table, protocol, plan)
    given, score = predicted_people(predictions, rows, plan, min_score)
    partner, distance = _match(true, given, protocol, plan, rooted=rooted)
    errors, rootless = _errors(true, given, partner, protocol, plan)
    extra = np.flatnonzero(~np.isin(np.arange(len(given)), partner))
    order, frame = _row_order(true.start, given.start, extra)
    hit = partner >= 0
    present = np.full(true.scored.shape, fill_value=False)
    present[hit] = given.scored[partner[hit]]

    def rows_of(truth: npt.NDArray[Any], false: object) -> npt.NDArray[Any]:
        filler = np.broadcast_to(np.asarray(false), (len(extra), *truth.shape[1:]))
        return np.concatenate([truth, filler.astype(truth.dtype)])[order]

    return Records(
        joints=plan.names,
        frames=_frame_columns(table, rows),
        frame=frame,
        truth=rows_of(true.row, -1),
        prediction=rows_of(_picked(given.row, partner, -1), given.row[extra]),
        track=rows_of(track, -1),
        score=rows_of(_picked(score, partner, np.nan), score[extra]),
        distance_m=rows_of(distance, np.nan),
        scored=rows_of(true.scored, 0),
        present=rows_of(present, given.scored[extra]),
        errors={name: rows_of(values, np.nan) for name, values in errors.items()},
        rootless=rows_of(rootless, 0),
        joint_counts=count_joints(protocol, plan.rows, true, given),
    )


def _match(
    true: People, given: People, protocol: Protocol, plan: JointPlan, *, rooted: bool
) -> tuple[Ints, Floats]:
    """Partner of each true person (index of the prediction or -1) and their distance in metres."""
    target, predicted = true.joints, given.joints
    if rooted:
        target = target - _root(target, plan)
        predicted = predicted - _root(predicted, plan)
    sizes = np.diff(true.start) * np.diff(given.start)
    distances = np.full(int(sizes.sum()), np.nan)
    pair_distances(
        np.ascontiguousarray(target[:, plan.rows]),
        true.scored,
        np.ascontiguousarray(predicted[:, plan.rows]),
        true.start,
        given.start,
        distances,
    )
    inside = hungarian_frames(distances, true.start, given.start, protocol.matching.limit_m)
    frame = np.repeat(np.arange(len(sizes)), np.diff(true.start))
    hit = inside >= 0
    partner = np.where(hit, inside + given.start[frame], -1)
    block = np.concatenate([[0], np.cumsum(sizes)])[frame]
    position = block + true.place * np.diff(given.start)[frame] + inside
    distance = np.full(len(true), np.nan)
    distance[hit] = distances[position[hit]]
    return partner, distance


def _root(joints: Floats, plan: JointPlan) -> Floats:
    """(P, 1, 3) mean of the root's joints; NaN where one of them is missing."""
    root: Floats = joints[:, plan.root].mean(axis=1, keepdims=True)
    return root


def _errors(
    true: People, given: People, partner: Ints, protocol: Protocol, plan: JointPlan
) -> tuple[dict[str, Floats], Flags]:
    """Errors per joint in mm of every kind the protocol's metrics need, and who lacks a root."""
    hit = np.flatnonzero(partner >= 0)
    target, predicted = true.joints[hit], given.joints[partner[hit]]
    scored = true.scored[hit]
    wanted = {error_name(rule) for rule in protocol.metric}
    errors = {}
    rootless = np.full(len(true), fill_value=False)
    for name in sorted(wanted & set(_DISTANCES)):
        values = np.full(true.scored.shape, np.nan)
        values[hit] = np.where(scored, _DISTANCES[name](predicted, target, scored, plan), np.nan)
        errors[name] = values
    if "mpjpe" in wanted and plan.root:
        rootless[hit] = ~np.isfinite(_root(target, plan) + _root(predicted, plan)).all(axis=(1, 2))
    return errors, rootless


def _unrooted(predicted: Floats, target: Floats, scored: Flags, plan: JointPlan) -> Floats:
    del scored
    return _lengths_mm((predicted - target)[:, plan.rows])


def _rooted(predicted: Floats, target: Floats, scored: Flags, plan: JointPlan) -> Floats:
    if not plan.root:  # neither the root nor both hips are shared
        return np.full(scored.shape, np.nan)
    return _unrooted(predicted - _root(predicted, plan), target - _root(target, plan), scored, plan)


def _aligned(predicted: Floats, target: Floats, scored: Flags, plan: JointPlan) -> Floats:
    """After the similarity transform that fits the scored joints of the person best."""
    source, goal = predicted[:, plan.rows], target[:, plan.rows]
    valid = scored & np.isfinite(source).all(axis=-1)
    rotation, scale, translation = procrustes(
        np.where(valid[..., None], source, 0.0), np.where(valid[..., None], goal, 0.0), valid=valid
    )
    fitted = scale[:, None, None] * np.einsum("nij,nkj->nki", rotation, source) + translation[:, None]
    return _lengths_mm(fitted - goal)


def _lengths_mm(differences: Floats) -> Floats:
    lengths: Floats = MILLIMETRES * np.linalg.norm(differences, axis=-1)
    return lengths


_DISTANCES = {"mpjpe_abs": _unrooted, "mpjpe": _rooted, "pmpjpe": _aligned}


def _picked(values: npt.NDArray[Any], partner: Ints, missing: float) -> npt.NDArray[Any]:
    picked = np.full(len(partner), missing, dtype=values.dtype)
    picked[partner >= 0] = values[partner[partner >= 0]]
    return picked


def _row_order(gt_start: Ints, pred_start: Ints, extra: Ints) -> tuple[Ints, Ints]:
    """Order of the rows (true people, then false positives, frame by frame) and the frame of each."""
    frames = np.arange(len(gt_start) - 1)
    truth_frame = np.repeat(frames, np.diff(gt_start))
    false_frame = np.repeat(frames, np.diff(pred_start))[extra]
    frame = np.concatenate([truth_frame, false_frame])
    order = np.argsort(frame, kind="stable")
    return order, frame[order]


def _frame_columns(table: FrameTable, rows: Ints) -> dict[str, npt.NDArray[Any]]:
    wanted = ("id", "sequence", "camera", "index", "subject", "action", "image")
    columns = {name: table.frames[name] for name in wanted if name in table.frames}
    return {**columns, "given": rows >= 0}
