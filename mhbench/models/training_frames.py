"""Frames of shards for training: chosen by split, sequence and index, read when they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.errors import UsageError
from mhbench.frames import JointFlag
from mhbench.heatmaps import locate
from mhbench.models.images import image_source
from mhbench.shards.tables import read_table
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.heatmaps import Grid
    from mhbench.models.images import ImageSource
    from mhbench.models.protocol import InputFrame
    from mhbench.models.training_config import FrameChoice
    from mhbench.shards.reading import Shards
    from mhbench.shards.single_frame import Frame

    Floats = npt.NDArray[np.float64]


def chosen_frames(shards: Shards, choice: FrameChoice, purpose: str) -> list[Frame]:
    """The frames of a choice, in the shards' order.

    Raises:
        UsageError: there is none.
    """
    found: list[Frame] = []
    first = 0
    for info in shards.infos:
        if choice.split in {None, info.split}:
            table = read_table(shards.folder / info.path, ["frames/sequence", "frames/index"])
            found += [shards[first + row] for row in np.flatnonzero(_wanted(table, choice)).tolist()]
        first += info.frames
    if not found:
        splits = ", ".join(sorted({info.split for info in shards.infos}))
        raise UsageError(
            f"no frame of {shards.folder} is chosen for {purpose}",
            expected=f"frames of {choice}; the shards have the splits {splits}",
            action=f"convert them, or change the table [{purpose}] of the settings",
        )
    return found[: choice.limit] if choice.limit else found


class Images:
    """Images of frames of any shard, from one raw folder."""

    def __init__(self, raw: Path) -> None:
        self._raw = raw
        self._sources: dict[Path, ImageSource] = {}

    def read(self, frame: Frame) -> InputFrame:
        """The image of a frame with its camera.

        Raises:
            InputError: as `ImageSource.read`.
        """
        if frame.path not in self._sources:
            self._sources[frame.path] = image_source(frame.path, self._raw)
        return self._sources[frame.path].read(frame.row)


def true_joints(frame: Frame, grid: Grid) -> Floats:
    """(N, 4) channel of the grid, x, y, z in metres, of every labelled joint inside the image."""
    columns = list(skeleton(frame.info.skeleton).indices(grid.joints))
    labelled = (frame.persons["joint_flags"][:, columns] & JointFlag.LABELLED_3D) != 0
    joints3d = np.where(labelled[..., None], frame.persons["joints3d"][:, columns], np.float32(np.nan))
    located = locate(grid, frame.persons["joints2d"][:, columns], joints3d)
    return np.column_stack([located.joint, joints3d[located.person, located.joint].astype(np.float64)])


def true_poses(shards: Shards, choice: FrameChoice, joints: Sequence[str], purpose: str) -> Floats:
    """(P, J, 3) metres: people all of whose joints are labelled.

    Raises:
        UsageError: there are none.
    """
    poses: list[npt.NDArray[Any]] = []
    for frame in chosen_frames(shards, choice, purpose):
        columns = list(skeleton(frame.info.skeleton).indices(joints))
        labelled = (frame.persons["joint_flags"][:, columns] & JointFlag.LABELLED_3D) != 0
        poses.append(frame.persons["joints3d"][labelled.all(axis=1)][:, columns])
    whole = np.concatenate(poses).astype(np.float64)
    if not len(whole):
        raise UsageError(
            f"no person chosen for {purpose} has all of {', '.join(joints)} labelled",
            expected="whole people",
            action="choose other frames or another data set",
        )
    return whole


def _wanted(table: FrameTable, choice: FrameChoice) -> npt.NDArray[np.bool_]:
    index = table.frames["index"]
    wanted = index % choice.every == choice.offset % choice.every
    if choice.sequences:
        wanted &= np.isin(table.frames["sequence"], choice.sequences)
    if choice.indices:
        wanted &= np.isin(index, choice.indices)
    return np.asarray(wanted)
