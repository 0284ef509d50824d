"""Who is scored: the true people that count and the predicted ones, in the joints of the ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.cameras import project
from mhbench.columns import JointFlag
from mhbench.errors import PredictionError
from mhbench.protocols.frame_selection import counted_people
from mhbench.scoring.joints import plan_joints
from mhbench.skeletons import conversion, skeleton

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.columns import Columns
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import Protocol
    from mhbench.scoring.joints import JointPlan
    from mhbench.scoring.scored import Choices

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """People of the frames of one shard, true or predicted, in all joints of the ground truth's skeleton.

    Attributes:
        start: (F + 1,) offsets of each frame's people.
        row: (P,) row of each person inside its frame, before anybody was left out.
        source: (P,) row of each person in the person columns of its table.
        joints: (P, J, 3) m, NaN where not labelled or not predicted.
        scored: (P, j) of the j scored joints those that count (truth), or are given (prediction).
    """

    start: Ints
    row: Ints
    source: Ints
    joints: Floats
    scored: Flags

    def __len__(self) -> int:
        return len(self.row)

    @property
    def frame(self) -> Ints:
        """(P,) frame of each person."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

    @property
    def place(self) -> Ints:
        """(P,) position of each person among those of its frame."""
        return np.arange(len(self.row)) - np.repeat(self.start[:-1], np.diff(self.start))


def true_people(table: FrameTable, protocol: Protocol, plan: JointPlan) -> People:
    """The people who count, with at least one scored joint."""
    columns = joint_columns(table, protocol)
    flags = columns["joint_flags"]
    labelled = (flags & JointFlag.LABELLED_3D) != 0
    joints = np.where(labelled[..., None], columns["joints3d"].astype(np.float64), np.nan)
    in_image = labelled & _inside(table, columns, protocol)
    for name, others in protocol.truth.means.items():
        target = skeleton(truth_skeleton(table, protocol))
        one, rows = target.index(name), list(target.indices(others))
        joints[:, one] = joints[:, rows].mean(axis=1)
        in_image[:, one] = in_image[:, rows].all(axis=1)
    scored = in_image[:, plan.rows]
    counted = scored.any(axis=1) & in_image[:, plan.labelled].all(axis=1)
    source = np.flatnonzero(counted & counted_people(protocol, table))
    start = np.searchsorted(source, table.person_start).astype(np.int64)
    row = source - table.person_start[table.frame_of_person[source]]
    return People(start, row, source, joints[source], scored[source])


def truth_skeleton(table: FrameTable, protocol: Protocol) -> str:
    """The skeleton of the joints a protocol scores."""
    chosen = protocol.truth.joint_set
    return table.sets[chosen].skeleton if chosen else table.skeleton


def joint_columns(table: FrameTable, protocol: Protocol) -> Columns:
    """The columns `joints3d`, `joints2d` and `joint_flags` a protocol scores."""
    chosen = protocol.truth.joint_set
    return table.sets[chosen].columns if chosen else table.persons


def _inside(table: FrameTable, columns: Columns, protocol: Protocol) -> Flags:
    """(P, J) joints that are in the image, as the protocol understands it."""
    flags = columns["joint_flags"]
    rule = protocol.truth.out_of_image_joints
    if rule == "scored":
        return np.full(flags.shape, fill_value=True)
    if rule == "not scored":
        return np.asarray((flags & JointFlag.OUT_OF_IMAGE) == 0)
    size = np.stack([table.frames["width"], table.frames["height"]], axis=1)[table.frame_of_person]
    pixels = np.trunc(columns["joints2d"])
    return np.asarray(np.all((pixels >= 0) & (pixels <= size[:, None]), axis=-1))


def predicted_people(
    predictions: PredictionTable, rows: Ints, plan: JointPlan, min_score: float | None
) -> People:
    """The predicted people of the given frames, in ground-truth joints."""
    counts = predictions.counts_of(rows)
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    row = np.arange(start[-1]) - np.repeat(start[:-1], counts)
    source = np.repeat(predictions.person_start[rows], counts) + row
    if min_score is not None:
        kept = np.flatnonzero(~(scores_of(predictions)[source] < min_score))
        start = np.searchsorted(kept, start).astype(np.int64)
        row, source = row[kept], source[kept]
    joints = in_other_joints(predictions.persons["joints3d"][source], plan.source)
    return People(start, row, source, joints, np.isfinite(joints[:, plan.rows, 0]))


def scores_of(predictions: PredictionTable) -> Floats:
    """(P,) scores of all predicted people, NaN = none."""
    return predictions.persons.get("score", np.full(predictions.person_count, np.nan))


def plan_of_shard(
    table: FrameTable, predictions: PredictionTable, protocol: Protocol, choices: Choices
) -> JointPlan:
    """The joints that the people of a shard are scored by (see `plan_joints`).

    The predictions have a skeleton: every kind of scoring that asks for one checks that.
    """
    assert predictions.skeleton is not None
    return plan_joints(
        protocol,
        truth_skeleton(table, protocol),
        predictions.skeleton,
        allow_approximate=choices.allow_approximate,
    )


def refuse_other_spaces(predictions: PredictionTable, protocol: Protocol) -> None:
    """Refuse positions in a space that the protocol does not score.

    Raises:
        PredictionError: with the spaces it does.
    """
    if predictions.space not in protocol.prediction.spaces:
        raise PredictionError(
            f"{predictions.source}: $.space is {predictions.space!r}",
            expected=f"{' or '.join(protocol.prediction.spaces)} for {protocol.name}",
            action="predict in that space, or choose a protocol that accepts yours",
        )


def refuse_unscored(predictions: PredictionTable) -> None:
    """Refuse predictions that cannot be ordered by their score.

    Raises:
        PredictionError: a person has no score; the message has its place.
    """
    unscored = np.flatnonzero(np.isnan(scores_of(predictions)))
    if unscored.size:
        raise PredictionError(
            f"{predictions.source}: {predictions.where(int(unscored[0]))} has no score",
            expected="a number for every person: average precision orders people by it",
            action="write the confidence of every person",
        )


def in_other_joints(values: npt.NDArray[Any], source: tuple[int, ...]) -> Floats:
    """(P, J, d) values of other joints: `source` says where each is found, -1 = nowhere.

    A joint with one coordinate that is no number is a missing joint.
    """
    order = np.array(source)
    joints = values[:, order].astype(np.float64)
    joints[:, order < 0] = np.nan
    joints[~np.isfinite(joints).all(axis=-1)] = np.nan
    return joints


def predicted_pixels(
    table: FrameTable, predictions: PredictionTable, given: People, skeleton_name: str
) -> Floats:
    """(Q, J, 2) px of the predicted people in the joints of a skeleton, as given or projected.

    Raises:
        PredictionError: there are no 2D joints, and the 3D joints cannot be projected.
    """
    assert predictions.skeleton is not None  # held by check
    mapping = conversion(predictions.skeleton, skeleton_name)
    source = tuple(np.where(mapping.approximate, -1, mapping.indices).tolist())
    if "joints2d" in predictions.persons:
        return in_other_joints(predictions.persons["joints2d"][given.source], source)
    if predictions.space != "camera" or "K" not in table.frames:
        raise PredictionError(
            f"{predictions.source}: the predictions have no joints2d, by which people are matched",
            expected="joints2d, `person` keys, or joints3d in camera space of a data set with intrinsics",
            action="write joints2d (px of the original image) for every person",
        )
    points = in_other_joints(predictions.persons["joints3d"][given.source], source)
    frame = given.frame
    distortion = table.frames.get("distortion", np.zeros((table.frame_count, 8)))[frame]
    return project(points, table.frames["K"][frame], distortion, table.lens)
