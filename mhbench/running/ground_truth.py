"""Predictions without a network: the ground truth itself, and through its own heatmaps.

Networks run in `networks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.columns import JointFlag
from mhbench.errors import UsageError
from mhbench.heatmaps.body_association import associate_by_body, body_distances
from mhbench.heatmaps.camera_space import to_camera
from mhbench.heatmaps.decoding import peaks_sparse
from mhbench.heatmaps.rendering import render_sparse
from mhbench.predictions.table import PredictionTable
from mhbench.shards.reading import first_met, open_shards
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.shards.reading import Shards

    Floats = npt.NDArray[np.float64]
    Runner = Callable[[Path, "str | None", "str | None"], PredictionTable]  # shards, data set, split
    Predicted = tuple[str, Floats, Floats]  # frame id, joints (P, J, 3) m, scores (P,)


def run_ground_truth(data: Path, dataset: str | None = None, split: str | None = None) -> PredictionTable:
    """The ground truth as predictions: joints and SMPL bodies of everybody with a joint inside the image.

    Where a data set knows no third dimension, the joints are those of the image. Scoring the truth must give
    0 mm and 100 %: the first check of a conversion and of a protocol.

    Raises:
        UsageError: the shards hold several data sets or skeletons.
    """
    shards = open_shards(data, dataset=dataset, split=split)
    skeleton_name = _only_skeleton(shards)
    ids, counts, people = [], [], []
    met: set[str] = set()
    for whole in shards.tables():
        table = whole.select(first_met(whole.frames["id"], met))
        columns = _true_columns(table)
        chosen = _in_image(table)
        ids += table.frames["id"].tolist()
        counts.append(np.bincount(table.frame_of_person[chosen], minlength=table.frame_count))
        people.append({name: column[chosen] for name, column in columns.items()})
    start = np.concatenate([[0], *counts]).astype(np.int64).cumsum()
    persons = {name: np.concatenate([part[name] for part in people]) for name in people[0]}
    return PredictionTable(
        dataset=shards.dataset,
        frame_ids=np.array(ids, dtype=np.str_),
        person_start=start,
        persons={**persons, "score": np.full(start[-1], 1.0)},
        skeleton=skeleton_name if {"joints3d", "joints2d"} & set(persons) else None,
        body_model="smpl" if "smpl_pose" in persons else None,
        model="gt",
        space=None if "joints2d" in persons else "camera",
        trained_on=(),
    )


def run_ground_truth_heatmaps(
    data: Path, dataset: str | None = None, split: str | None = None
) -> PredictionTable:
    """The ground truth through its own heatmaps: render, find peaks, associate, decode through the lens.

    What is lost on the way is the upper bound of any model of this representation.

    Raises:
        InputError: the shards have no heatmaps (with the stored reason).
        UsageError: the shards hold several data sets or skeletons.
    """
    shards = open_shards(data, dataset=dataset, split=split)
    skeleton_name = _only_skeleton(shards)
    joints = skeleton(skeleton_name).joints
    order = trunk_first(skeleton_name)
    distances = body_distances(_labelled_joints(table) for table in shards.tables())

    def frames() -> Iterator[Predicted]:
        number, met = 0, set[str]()
        for table in shards.tables():
            for row in np.flatnonzero(first_met(table.frames["id"], met)).tolist():
                frame = shards[number + row]
                grid = frame.grid(joints)
                # the voxels that are not zero: the same peaks, and no volume of hundreds of megabytes
                found, confidence = peaks_sparse(*render_sparse(grid, frame.centres(joints)), grid.shape)
                points = to_camera(grid, found, table.camera(row))
                known = np.isfinite(points).all(axis=1)
                people = associate_by_body(
                    np.column_stack([found[:, 0], points])[known], confidence[known], distances, order
                )
                yield frame.id, people.joints, people.confidence.mean(axis=1)
            number += table.frame_count

    return _table("gt-heatmaps", shards.dataset, skeleton_name, frames())


def trunk_first(skeleton_name: str) -> tuple[int, ...]:
    """The joints of a skeleton from its trunk outwards: by the number of bones to the root of the tree."""
    parents = skeleton(skeleton_name).parents

    def depth(joint: int) -> int:
        return 0 if parents[joint] < 0 else 1 + depth(parents[joint])

    return tuple(sorted(range(len(parents)), key=depth))


_BODY_COLUMNS: Final = ("smpl_pose", "smpl_betas", "smpl_transl", "gender")
RUNNERS: Final[dict[str, Runner]] = {"gt": run_ground_truth, "gt-heatmaps": run_ground_truth_heatmaps}


def _only_skeleton(shards: Shards) -> str:
    names = sorted({info.skeleton for info in shards.infos})
    if len(names) != 1:
        raise UsageError(
            f"the shards in {shards.folder} have the skeletons {', '.join(names)}",
            expected="one skeleton: a predictions file has one",
            action="choose a --split, or convert the sequences of each skeleton into a folder of their own",
        )
    return names[0]


def _labelled_joints(table: FrameTable) -> Floats:
    """(P, J, 3) labelled joints; people without any inside the image are all NaN."""
    if "joints3d" not in table.persons:
        raise UsageError(
            f"the shards of {table.dataset} hold no 3D joints",
            expected="a data set with joints3d",
            action="convert it with what its 3D needs; `mhbench doctor` tells",
        )
    flags = table.persons["joint_flags"]
    labelled = (flags & JointFlag.LABELLED_3D) != 0
    inside = (labelled & ((flags & JointFlag.OUT_OF_IMAGE) == 0)).any(axis=1)
    kept = labelled & inside[:, None]
    return np.where(kept[..., None], table.persons["joints3d"].astype(np.float64), np.nan)


def _in_image(table: FrameTable) -> npt.NDArray[np.bool_]:
    """(P,) who has a labelled joint inside the image."""
    labelled = JointFlag.LABELLED_3D if "joints3d" in table.persons else JointFlag.LABELLED_2D
    flags = table.persons["joint_flags"]
    inside = ((flags & labelled) != 0) & ((flags & JointFlag.OUT_OF_IMAGE) == 0)
    return np.asarray(inside.any(axis=1))


def _true_columns(table: FrameTable) -> dict[str, npt.NDArray[Any]]:
    """Labelled joints, and the bodies of people whose pose is known; without both, joints of the image."""
    if not {"joints3d", "smpl_pose"} & set(table.persons):
        labelled = (table.persons["joint_flags"] & JointFlag.LABELLED_2D) != 0
        return {
            "joints2d": np.where(labelled[..., None], table.persons["joints2d"].astype(np.float64), np.nan)
        }
    if "smpl_pose" not in table.persons:
        return {"joints3d": _labelled_joints(table)}
    columns = {name: table.persons[name] for name in _BODY_COLUMNS if name in table.persons}
    unknown = ~np.isfinite(columns["smpl_pose"]).all(axis=1)
    for name, column in columns.items():
        columns[name] = np.where(unknown, "", column) if name == "gender" else column.copy()
        if name != "gender":
            columns[name][unknown] = np.nan
    return {"joints3d": _labelled_joints(table), **columns} if "joints3d" in table.persons else columns


def _table(model: str, dataset: str, skeleton_name: str, frames: Iterable[Predicted]) -> PredictionTable:
    ids, people, scores = [], [], []
    for frame_id, joints, confidence in frames:
        ids.append(frame_id)
        people.append(joints)
        scores.append(confidence)
    start = np.concatenate([[0], np.cumsum([len(joints) for joints in people])]).astype(np.int64)
    empty = np.zeros((0, len(skeleton(skeleton_name)), 3))
    return PredictionTable(
        dataset=dataset,
        frame_ids=np.array(ids, dtype=np.str_),
        person_start=start,
        persons={
            "joints3d": np.concatenate([empty, *people]),
            "score": np.concatenate([np.zeros(0), *scores]),
        },
        skeleton=skeleton_name,
        model=model,
        space="camera",
        trained_on=(),
    )
