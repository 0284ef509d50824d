"""Joints found, false and missed in each frame, whoever they belong to: the joint-level F1 of LoCO."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.protocol_rules import Protocol
    from mhbench.scoring.people import People

    Floats = npt.NDArray[np.float64]


def count_joints(
    protocol: Protocol, rows: tuple[int, ...], true: People, given: People
) -> dict[str, npt.NDArray[np.int64]]:
    """(F, 3) joints found, false and missed for every distance a joint metric of the protocol names."""
    wanted = {rule.name.partition("@")[2] for rule in protocol.metric if ".joint@" in rule.name}
    if not wanted:
        return {}
    from mhbench.metrics.joint_detection import joint_counts  # noqa: PLC0415 - its kernels are seldom needed

    target, gt_start = _points(true, rows, true.scored)
    predicted, pred_start = _points(given, rows, given.scored)
    return {
        distance: joint_counts(target, predicted, gt_start, pred_start, threshold=metres(distance))
        for distance in sorted(wanted)
    }


def metres(distance: str) -> float:
    """`0.4m` or `400mm` as metres."""
    return float(distance[:-2]) / 1000.0 if distance.endswith("mm") else float(distance[:-1])


def _points(
    people: People, rows: tuple[int, ...], chosen: npt.NDArray[np.bool_]
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """(N, 4) joint type, x, y, z of the chosen joints by person, and the offsets of the frames."""
    person, joint = np.nonzero(chosen)
    positions = people.joints[person, np.array(rows)[joint]]
    points = np.column_stack([joint.astype(np.float64), positions])
    return points, np.searchsorted(person, people.start).astype(np.int64)
