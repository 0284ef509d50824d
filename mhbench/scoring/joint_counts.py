"""Joints found, false and missed in each frame, whoever they belong to: the joint-level F1 of LoCO."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import Protocol
    from mhbench.scoring.joints import JointPlan
    from mhbench.scoring.people import People

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Points = tuple[Floats, Ints]
    """(N, 4) joint type, x, y, z in metres, frame by frame, and the (F + 1,) offsets of the frames."""


def count_joints(protocol: Protocol, target: Points, predicted: Points) -> dict[str, Ints]:
    """(F, 3) joints found, false and missed for every distance a joint metric of the protocol names."""
    from mhbench.metrics.joint_detection import joint_counts  # noqa: PLC0415 - its kernels are seldom needed

    distances = sorted(joint_distances(protocol))
    counts = joint_counts(
        *(target[0], predicted[0], target[1], predicted[1]),
        thresholds=[metres(distance) for distance in distances],
        matching=protocol.matching.pairing,
    )
    return dict(zip(distances, counts, strict=True))


def joint_distances(protocol: Protocol) -> set[str]:
    """The distances that joint metrics of a protocol name, such as `0.4m`."""
    return {rule.name.partition("@")[2] for rule in protocol.metric if ".joint@" in rule.name}


def metres(distance: str) -> float:
    """`0.4m` or `400mm` as metres."""
    return float(distance[:-2]) / 1000.0 if distance.endswith("mm") else float(distance[:-1])


def points_of_people(people: People, plan: JointPlan) -> Points:
    """The scored joints of people, person by person."""
    person, joint = np.nonzero(people.scored)
    positions = people.joints[person, np.array(plan.rows)[joint]]
    points = np.column_stack([joint.astype(np.float64), positions])
    return points, np.searchsorted(person, people.start).astype(np.int64)


def loose_points(
    predictions: PredictionTable, rows: Ints, plan: JointPlan, min_score: float | None
) -> Points:
    """The joints without people of the given frames, those of scored types."""
    if predictions.loose_start is None:
        return np.zeros((0, 4)), np.zeros(len(rows) + 1, dtype=np.int64)
    # row of each predicted joint type among the scored ones
    type_of = {plan.source[row]: float(number) for number, row in enumerate(plan.rows)}
    types = np.array([type_of.get(joint, -1.0) for joint in range(max(plan.source) + 1)])
    counts = np.append(np.diff(predictions.loose_start), 0)[rows]
    frame = np.repeat(np.arange(len(rows)), counts)
    first = np.concatenate([[0], np.cumsum(counts)])[:-1]
    source = predictions.loose_start[rows][frame] + np.arange(len(frame)) - first[frame]
    joint, position = predictions.loose["joint"][source], predictions.loose["position"][source]
    kind = np.where(joint < len(types), types[np.minimum(joint, len(types) - 1)], -1.0)
    kept = (kind >= 0) & np.isfinite(position).all(axis=1)
    if min_score is not None:
        kept &= ~(predictions.loose["score"][source] < min_score)
    start = np.searchsorted(frame[kept], np.arange(len(rows) + 1)).astype(np.int64)
    return np.column_stack([kind, position])[kept], start


def together(first: Points, second: Points) -> Points:
    """The points of both, frame by frame, the first ones before the second."""
    frames = [np.repeat(np.arange(len(start) - 1), np.diff(start)) for _, start in (first, second)]
    order = np.argsort(np.concatenate(frames), kind="stable")
    return np.concatenate([first[0], second[0]])[order], first[1] + second[1]
