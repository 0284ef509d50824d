"""Who is scored: the true people that count and the predicted ones, in the joints of the ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mhbench.frames import JointFlag

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols import Protocol
    from mhbench.scoring.joints import JointPlan

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """People of the frames of one shard, true or predicted, in all joints of the ground truth's skeleton.

    Attributes:
        start: (F + 1,) offsets of each frame's people.
        row: (P,) row of each person inside its frame, before anybody was left out.
        joints: (P, J, 3) m, NaN where not labelled or not predicted.
        scored: (P, j) of the j scored joints those that count (truth), or are given (prediction).
    """

    start: Ints
    row: Ints
    joints: Floats
    scored: Flags

    def __len__(self) -> int:
        return len(self.row)

    @property
    def place(self) -> Ints:
        """(P,) position of each person among those of its frame."""
        return np.arange(len(self.row)) - np.repeat(self.start[:-1], np.diff(self.start))


def true_people(table: FrameTable, protocol: Protocol, plan: JointPlan) -> tuple[People, Ints]:
    """The people who count (with at least one scored joint) and their tracks."""
    chosen = protocol.truth.joint_set
    columns = table.sets[chosen].columns if chosen else table.persons
    flags = columns["joint_flags"]
    labelled = (flags & JointFlag.LABELLED_3D) != 0
    joints = np.where(labelled[..., None], columns["joints3d"].astype(np.float64), np.nan)
    scored = labelled[:, plan.rows]
    if protocol.truth.out_of_image_joints == "not scored":
        scored = scored & ((flags[:, plan.rows] & JointFlag.OUT_OF_IMAGE) == 0)
    counted = np.flatnonzero(scored.any(axis=1))
    start = np.searchsorted(counted, table.person_start).astype(np.int64)
    row = counted - table.person_start[table.frame_of_person[counted]]
    track = table.persons.get("track", np.full(table.person_count, -1))
    return People(start, row, joints[counted], scored[counted]), track[counted].astype(np.int64)


def predicted_people(
    predictions: PredictionTable, rows: Ints, plan: JointPlan, min_score: float | None
) -> tuple[People, Floats]:
    """The predicted people of the given frames, in ground-truth joints, and their scores (NaN = none)."""
    counts = np.where(rows >= 0, np.diff(predictions.person_start)[rows], 0)
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    row = np.arange(start[-1]) - np.repeat(start[:-1], counts)
    person = np.repeat(predictions.person_start[rows], counts) + row
    score = predictions.persons.get("score", np.full(predictions.person_count, np.nan))[person]
    if min_score is not None:
        kept = np.flatnonzero(~(score < min_score))
        start = np.searchsorted(kept, start).astype(np.int64)
        row, person, score = row[kept], person[kept], score[kept]
    source = np.array(plan.source)
    joints = predictions.persons["joints3d"][person][:, source]
    joints[:, source < 0] = np.nan
    # a joint with one coordinate that is no number is a missing joint
    joints[~np.isfinite(joints).all(axis=-1)] = np.nan
    return People(start, row, joints, np.isfinite(joints[:, plan.rows, 0])), score
