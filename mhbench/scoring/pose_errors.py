"""Errors of pairs of a true and a predicted person, joint by joint, in millimetres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.metrics.alignment import procrustes
from mhbench.metrics.mupots import rescaled_errors
from mhbench.scoring.encounters import root_positions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from mhbench.protocols.rules import MetricRule
    from mhbench.scoring.joints import JointPlan

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]
    JointError = Callable[[Floats, Floats, Flags, JointPlan, MetricRule], Floats]

MILLIMETRES: Final = 1000.0


def joint_errors(
    name: str, rule: MetricRule, plan: JointPlan, target: Floats, predicted: Floats, scored: Flags
) -> Floats:
    """One kind of error of N pairs.

    Args:
        name: mpjpe_abs, mpjpe, pmpjpe or n_mpjpe.
        rule: root, alignment and what else the metric says.
        plan: the joints.
        target: (N, J, 3) m, all joints of the ground truth's skeleton.
        predicted: (N, J, 3) m, in the same joints.
        scored: (N, j) of the scored joints those that count.

    Returns:
        (N, j) mm, NaN where a joint is not scored, not predicted, or lacks its root.
    """
    if rule.rescale_bones:
        errors = rescaled_errors(MILLIMETRES * target, MILLIMETRES * predicted, relative=name == "mpjpe")
        return np.where(scored, errors[:, plan.rows], np.nan)
    return np.where(scored, JOINT_ERRORS[name](predicted, target, scored, plan, rule), np.nan)


def _unrooted(predicted: Floats, target: Floats, scored: Flags, plan: JointPlan, rule: MetricRule) -> Floats:
    del scored, rule
    return _lengths_mm((predicted - target)[:, plan.rows])


def _rooted(predicted: Floats, target: Floats, scored: Flags, plan: JointPlan, rule: MetricRule) -> Floats:
    if not plan.root:  # neither the root nor both hips are shared
        return np.full(scored.shape, np.nan)
    return _unrooted(*_centred(predicted, target, plan, rule), scored, plan, rule)


def _scaled(predicted: Floats, target: Floats, scored: Flags, plan: JointPlan, rule: MetricRule) -> Floats:
    """After the scale s = <p, g> / <p, p> of the centred pose."""
    if not plan.root:
        return np.full(scored.shape, np.nan)
    centred, goal = (points[:, plan.rows] for points in _centred(predicted, target, plan, rule))
    valid = scored & np.isfinite(centred).all(axis=-1)
    source = np.where(valid[..., None], centred, 0.0)
    above = np.einsum("njc,njc->n", source, np.where(valid[..., None], goal, 0.0))
    below = np.einsum("njc,njc->n", source, source)
    scale = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return _lengths_mm(scale[:, None, None] * centred - goal)


def _aligned(predicted: Floats, target: Floats, scored: Flags, plan: JointPlan, rule: MetricRule) -> Floats:
    """After the transform that fits the scored joints of the person, and further points, best."""
    source, goal = _with_points(predicted, plan), _with_points(target, plan)
    extra = np.full((len(scored), len(plan.fit_also)), fill_value=True)
    valid = np.concatenate([scored, extra], axis=1) & np.isfinite(source + goal).all(axis=-1)
    masked = (np.where(valid[..., None], points, 0.0) for points in (source, goal))
    if rule.align == "translation":
        shift = _mean_points(goal, valid) - _mean_points(source, valid)
        fitted = source + shift[:, None]
    else:
        rotation, scale, translation = procrustes(*masked, valid=valid, scale=rule.align == "similarity")
        fitted = scale[:, None, None] * np.einsum("nij,nkj->nki", rotation, source) + translation[:, None]
    return _lengths_mm(fitted - goal)[:, : len(plan.rows)]


JOINT_ERRORS: Final[Mapping[str, JointError]] = {
    "mpjpe_abs": _unrooted,
    "mpjpe": _rooted,
    "pmpjpe": _aligned,
    "n_mpjpe": _scaled,
}


def acceleration_errors(
    target: Floats, predicted: Floats, plan: JointPlan, track: Ints, index: Ints
) -> Floats:
    """Error of the second difference of rooted joints, mm per frame squared.

    Args:
        target: (N, J, 3) m.
        predicted: (N, J, 3) m.
        plan: the joints.
        track: (N,) who it is; all rows are of one camera of one sequence.
        index: (N,) frame number.

    Returns:
        (N, j) at the middle of three consecutive frames, NaN elsewhere.
    """
    difference = (predicted - root_positions(predicted, plan.root)) - (
        target - root_positions(target, plan.root)
    )
    errors = np.full((len(index), len(plan.rows)), np.nan)
    order = np.lexsort((index, track))
    before, middle, after = order[:-2], order[1:-1], order[2:]
    joined = (track[before] == track[after]) & (index[middle] - index[before] == 1)
    joined &= index[after] - index[middle] == 1
    second = difference[before] - 2.0 * difference[middle] + difference[after]
    errors[middle[joined]] = _lengths_mm(second[:, plan.rows])[joined]
    return errors


def _centred(predicted: Floats, target: Floats, plan: JointPlan, rule: MetricRule) -> tuple[Floats, Floats]:
    moved = predicted - root_positions(predicted, plan.root) if rule.recentre else predicted
    return moved, target - root_positions(target, plan.root)


def _with_points(joints: Floats, plan: JointPlan) -> Floats:
    """(N, j + points, 3) the scored joints and the further points of the fit."""
    points = [joints[:, rows].mean(axis=1, keepdims=True) for rows in plan.fit_also]
    return np.concatenate([joints[:, plan.rows], *points], axis=1)


def _mean_points(points: Floats, valid: Flags) -> Floats:
    count = valid.sum(axis=1)[:, None]
    total = np.where(valid[..., None], points, 0.0).sum(axis=1)
    mean: Floats = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def _lengths_mm(differences: Floats) -> Floats:
    lengths: Floats = MILLIMETRES * np.linalg.norm(differences, axis=-1)
    return lengths
