"""Who meets whom: the matching rules of protocols on the people of many frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mhbench.errors import InputError, PredictionError
from mhbench.matching import greedy, hungarian_frames, mupots_2d_frames
from mhbench.scoring.people import joint_columns, predicted_pixels, scores_of, truth_skeleton
from mhbench.scoring.pose_kernels import pair_distances
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.columns import Columns
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import Protocol
    from mhbench.scoring.joints import JointPlan
    from mhbench.scoring.people import People

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


def meet(
    table: FrameTable,
    predictions: PredictionTable,
    true: People,
    given: People,
    protocol: Protocol,
    plan: JointPlan,
    *,
    rooted: bool,
) -> tuple[Ints, Floats]:
    """Who meets whom in the frames of one shard.

    Args:
        table: the expected frames.
        predictions: the whole predictions file.
        true: the true people who count.
        given: the predicted people.
        protocol: the rules.
        plan: the joints.
        rooted: distances are measured from the root, as positions mean nothing.

    Returns:
        (P,) partner of each true person, an index of `given` or -1; (P,) their mean joint distance in metres,
        NaN without one.

    Raises:
        PredictionError: the predictions lack what the rule matches by, or miss somebody they must not.
    """
    rule = protocol.matching.rule
    if rule == "hungarian":
        return _least_total(true, given, protocol.matching.limit_m, plan, rooted=rooted)
    if rule == "highest_score":
        partner = _highest_score(predictions, true, given, protocol)
    elif rule == "nearest":
        partner = _nearest_root(true, given, plan)
    elif rule == "mupots_2d":
        partner = _most_joints(table, predictions, true, given, protocol)
    elif rule == "given" or "person" in predictions.persons:
        partner = _named(table, predictions, true, given)
    elif rule == "track":
        partner = _same_place(true, given)
    else:
        partner = _least_pixels(table, predictions, true, given, protocol)
    if protocol.matching.missed_person == "refuse":
        _refuse_missed(table, predictions, true, partner, protocol)
    return partner, _distances(true, given, partner, plan, rooted=rooted)


def all_pairs(true: People, given: People) -> tuple[Ints, Ints]:
    """Every true person with every prediction of its frame: (N,) indices of each, sorted by person."""
    counts = np.diff(given.start)[true.frame]
    owner = np.repeat(np.arange(len(true)), counts)
    first = np.concatenate([[0], np.cumsum(counts)])[:-1]
    place = np.arange(len(owner)) - first[owner] if len(owner) else owner
    return owner, given.start[true.frame[owner]] + place


def least_of_each(values: Floats, owner: Ints, count: int) -> Ints:
    """(count,) position of the least finite value of each owner, the first of equal ones; -1 without any."""
    finite = np.flatnonzero(np.isfinite(values))
    order = finite[np.lexsort((values[finite], owner[finite]))]
    owners, first = np.unique(owner[order], return_index=True)
    least = np.full(count, -1)
    least[owners] = order[first]
    return least


def root_positions(joints: Floats, root: tuple[int, ...]) -> Floats:
    """(P, 1, 3) mean of the root's joints; NaN where one of them is missing."""
    position: Floats = joints[:, root].mean(axis=1, keepdims=True)
    return position


def _least_total(
    true: People, given: People, limit: float, plan: JointPlan, *, rooted: bool
) -> tuple[Ints, Floats]:
    """Most pairs within the limit first, then the least total of the mean joint distances."""
    target, predicted = true.joints, given.joints
    if rooted and not plan.root:
        raise PredictionError(
            "root-relative people cannot be matched: the skeletons share neither the root nor both hips",
            expected="a skeleton with the root of the ground truth, or with left_hip and right_hip",
            action="write more joints, or choose a protocol that matches otherwise",
        )
    if rooted:
        target = target - root_positions(target, plan.root)
        predicted = predicted - root_positions(predicted, plan.root)
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
    inside = hungarian_frames(distances, true.start, given.start, limit)
    frame, hit = true.frame, inside >= 0
    partner = np.where(hit, inside + given.start[frame], -1)
    block = np.concatenate([[0], np.cumsum(sizes)])[frame]
    position = block + true.place * np.diff(given.start)[frame] + inside
    distance = np.full(len(true), np.nan)
    distance[hit] = distances[position[hit]]
    return partner, distance


def _highest_score(predictions: PredictionTable, true: People, given: People, protocol: Protocol) -> Ints:
    """The best scored prediction of the frame, the first of equals; no score is below every score."""
    refuse_crowds(true, protocol)
    score = np.nan_to_num(scores_of(predictions)[given.source], nan=-np.finfo(np.float64).max)
    owner, other = all_pairs(true, given)
    return _picked(-score[other], owner, other, len(true))


def refuse_crowds(true: People, protocol: Protocol) -> None:
    """Refuse frames of several people where the rule knows one only.

    Raises:
        PredictionError: a frame has several true people.
    """
    if np.any(np.diff(true.start) > 1):
        raise PredictionError(
            f"{protocol.name} matches by {protocol.matching.rule}, but a frame has several true people",
            expected="one person per frame",
            action="choose a protocol that tells people apart",
        )


def _nearest_root(true: People, given: People, plan: JointPlan) -> Ints:
    owner, other = all_pairs(true, given)
    target = root_positions(true.joints, plan.root)[:, 0]
    predicted = root_positions(given.joints, plan.root)[:, 0]
    return _picked(np.linalg.norm(target[owner] - predicted[other], axis=-1), owner, other, len(true))


def _named(table: FrameTable, predictions: PredictionTable, true: People, given: People) -> Ints:
    """The prediction that names the person's track; the first of several."""
    if "person" not in predictions.persons:
        raise PredictionError(
            f"{predictions.source}: no prediction says whose box it was given",
            expected="the key `person` of every person",
            action="`mhbench frames PROTOCOL` lists the keys of every frame",
        )
    owner, other = all_pairs(true, given)
    tracks = table.persons["track"][true.source].astype(np.str_)
    same = tracks[owner] == predictions.persons["person"][given.source][other]
    return _picked(np.where(same, 0.0, np.nan), owner, other, len(true))


def _same_place(true: People, given: People) -> Ints:
    """Prediction i of a frame is its person i, counted before anybody was left out."""
    owner, other = all_pairs(true, given)
    same = true.row[owner] == given.row[other]
    return _picked(np.where(same, 0.0, np.nan), owner, other, len(true))


def _most_joints(
    table: FrameTable, predictions: PredictionTable, true: People, given: People, protocol: Protocol
) -> Ints:
    columns = joint_columns(table, protocol)
    target = _true_pixels(table, columns if "joints2d" in columns else table.persons, protocol)[true.source]
    predicted = predicted_pixels(table, predictions, given, truth_skeleton(table, protocol))
    inside = mupots_2d_frames(target, predicted, true.start, given.start)
    return np.where(inside >= 0, inside + given.start[true.frame], -1)


def _true_pixels(table: FrameTable, columns: Columns, protocol: Protocol) -> npt.NDArray[np.float32]:
    """(P, J, 2) px of the annotated people.

    Raises:
        InputError: the shards have none.
    """
    if "joints2d" not in columns:
        raise InputError(
            f"the shards of {table.dataset} have no joints2d",
            expected=f"2D joints of the annotated people, by which {protocol.matching.rule} matches",
            action="convert a data set that has them, or write the key `person` of every prediction",
        )
    return columns["joints2d"]


def _least_pixels(
    table: FrameTable, predictions: PredictionTable, true: People, given: People, protocol: Protocol
) -> Ints:
    """Least mean pixel distance first, each side once."""
    name = protocol.truth.pixel_set
    joint_set, columns = (
        (table.sets[name].skeleton, table.sets[name].columns)
        if name
        else (
            table.skeleton,
            table.persons,
        )
    )
    target = _true_pixels(table, columns, protocol)[true.source].astype(np.float64)
    predicted = predicted_pixels(table, predictions, given, joint_set)
    if protocol.matching.joints:
        chosen = skeleton(joint_set).indices(protocol.matching.joints)
        target, predicted = target[:, chosen], predicted[:, chosen]
    limit = protocol.matching.limit_px or np.inf
    partner = np.full(len(true), -1)
    for frame in np.flatnonzero((np.diff(true.start) > 0) & (np.diff(given.start) > 0)).tolist():
        people = slice(true.start[frame], true.start[frame + 1])
        others = slice(given.start[frame], given.start[frame + 1])
        apart = np.linalg.norm(target[people, None] - predicted[None, others], axis=-1)
        known = np.isfinite(apart)
        count = known.sum(axis=-1)
        total = np.where(known, apart, 0.0).sum(axis=-1)
        mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        match = greedy(mean, limit, inclusive=False)
        partner[people] = np.where(match >= 0, match + given.start[frame], -1)
    return partner


def _picked(values: Floats, owner: Ints, other: Ints, count: int) -> Ints:
    least = least_of_each(values, owner, count)
    partner = np.full(count, -1)
    partner[least >= 0] = other[least[least >= 0]]
    return partner


def _distances(true: People, given: People, partner: Ints, plan: JointPlan, *, rooted: bool) -> Floats:
    """(P,) mean distance of matched people over the joints both have, m."""
    distance = np.full(len(true), np.nan)
    hit = np.flatnonzero(partner >= 0)
    target, predicted = true.joints[hit], given.joints[partner[hit]]
    if rooted and plan.root:
        target = target - root_positions(target, plan.root)
        predicted = predicted - root_positions(predicted, plan.root)
    apart = np.linalg.norm((predicted - target)[:, plan.rows], axis=-1)
    known = np.isfinite(apart) & true.scored[hit]
    count, total = known.sum(axis=1), np.where(known, apart, 0.0).sum(axis=1)
    distance[hit] = np.divide(total, count, out=np.full(len(hit), np.nan), where=count > 0)
    return distance


def _refuse_missed(
    table: FrameTable, predictions: PredictionTable, true: People, partner: Ints, protocol: Protocol
) -> None:
    lacking = np.flatnonzero(partner < 0)
    if lacking.size:
        frame = str(table.frames["id"][true.frame[lacking[0]]])
        raise PredictionError(
            f"{predictions.source}: {lacking.size} people of one sequence are not predicted; see {frame}",
            expected=f"a prediction of every person: {protocol.name} leaves nobody out",
            action="fill what is missing; the published scorer leaves that to the submitter",
        )
