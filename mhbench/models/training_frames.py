"""Where a training gets its frames: from shards, chosen by split, sequence and index; read when needed.

`training_crowds` is the other source. A task sees `Source` and `Sample` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from mhbench.columns import JointFlag
from mhbench.errors import UsageError
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
    Centres = npt.NDArray[np.int16]

Purpose = Literal["train", "validation"]
_PUBLISHED = skeleton("loco_14").joints


class Sample(Protocol):
    """One frame and its truth."""

    def grid(self, joints: Sequence[str] | None = None) -> Grid:
        """The grid of its heatmaps."""

    def centres(self, joints: Sequence[str] | None = None) -> Centres:
        """(N, 4) channel, depth bin, row, column of the drawn joints."""

    def seen(self) -> InputFrame:
        """Its image and camera."""

    def joints(self, grid: Grid) -> Floats:
        """(N, 4) channel of the grid, x, y, z in metres, of every labelled joint inside the image."""


class Whole(NamedTuple):
    """People all of whose joints are known: (P, J, 3) metres, camera frame."""

    names: tuple[str, ...]
    poses: Floats


class Source(Protocol):
    """Frames to train on and frames to validate on."""

    dataset: str

    def draw(self, random: np.random.Generator) -> Sample:
        """A random frame to train on: a function of the generator only."""

    def held_out(self) -> Sequence[Sample]:
        """The frames to validate on."""

    def people(self, purpose: Purpose) -> Whole:
        """Whole people of the frames."""


class ShardSource:
    """Frames of shards.

    Args:
        shards: with heatmaps.
        raw: folder of the images; read for tasks that look at them.
        train: frames to train on.
        validation: frames to validate on.

    Raises:
        UsageError: a choice leaves no frames.
    """

    def __init__(self, shards: Shards, raw: Path, train: FrameChoice, validation: FrameChoice) -> None:
        self.dataset = shards.dataset
        self._skeleton = shards.infos[0].skeleton
        self._raw = raw
        self._images: dict[Path, ImageSource] = {}
        self._train = _chosen_frames(shards, train, "train")
        self._validation = _chosen_frames(shards, validation, "validation")

    def draw(self, random: np.random.Generator) -> ShardSample:
        """A random frame to train on."""
        return ShardSample(self._train[random.integers(len(self._train))], self)

    def held_out(self) -> list[ShardSample]:
        """The frames to validate on, in the shards' order."""
        return [ShardSample(frame, self) for frame in self._validation]

    def people(self, purpose: Purpose) -> Whole:
        """Whole people, with the joints of LoCO if the data set has them, else with its own.

        Raises:
            UsageError: nobody is whole.
        """
        own = skeleton(self._skeleton).joints
        names = _PUBLISHED if set(_PUBLISHED) <= set(own) else own
        poses: list[npt.NDArray[Any]] = []
        for frame in self._train if purpose == "train" else self._validation:
            labelled, joints3d = _labelled(frame, names)
            poses.append(joints3d[labelled.all(axis=1)])
        whole = np.concatenate(poses).astype(np.float64)
        if not len(whole):
            raise UsageError(
                f"no person chosen for {purpose} has all of {', '.join(names)} labelled",
                expected="whole people",
                action="choose other frames or another data set",
            )
        return Whole(names, whole)

    def image(self, frame: Frame) -> InputFrame:
        """The image of a frame with its camera.

        Raises:
            InputError: as `ImageSource.read`.
        """
        if frame.path not in self._images:
            self._images[frame.path] = image_source(frame.path, self._raw)
        return self._images[frame.path].read(frame.row)


@dataclass(frozen=True, slots=True)
class ShardSample:
    """A frame of shards; see `Sample`."""

    frame: Frame
    source: ShardSource

    def grid(self, joints: Sequence[str] | None = None) -> Grid:
        """The grid of its heatmaps."""
        return self.frame.grid(joints)

    def centres(self, joints: Sequence[str] | None = None) -> Centres:
        """(N, 4) channel, depth bin, row, column of the drawn joints."""
        return self.frame.centres(joints)

    def seen(self) -> InputFrame:
        """Its image and camera."""
        return self.source.image(self.frame)

    def joints(self, grid: Grid) -> Floats:
        """(N, 4) channel of the grid, x, y, z in metres, of every labelled joint inside the image."""
        labelled, joints3d = _labelled(self.frame, grid.joints)
        columns = list(skeleton(self.frame.info.skeleton).indices(grid.joints))
        known = np.where(labelled[..., None], joints3d, np.float32(np.nan))
        return placed_joints(grid, self.frame.persons["joints2d"][:, columns], known)


def placed_joints(grid: Grid, joints2d: npt.NDArray[Any], joints3d: npt.NDArray[Any]) -> Floats:
    """(N, 4) channel, x, y, z of the joints that `locate` draws."""
    located = locate(grid, joints2d, joints3d)
    return np.column_stack([located.joint, joints3d[located.person, located.joint].astype(np.float64)])


def _labelled(frame: Frame, names: Sequence[str]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any]]:
    """(P, J) which joints are labelled, (P, J, 3) where they are."""
    columns = list(skeleton(frame.info.skeleton).indices(names))
    labelled = (frame.persons["joint_flags"][:, columns] & JointFlag.LABELLED_3D) != 0
    return labelled, frame.persons["joints3d"][:, columns]


def _chosen_frames(shards: Shards, choice: FrameChoice, purpose: Purpose) -> list[Frame]:
    """The frames of a choice, in the shards' order; at least one."""
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


def _wanted(table: FrameTable, choice: FrameChoice) -> npt.NDArray[np.bool_]:
    index = table.frames["index"]
    wanted = index % choice.every == choice.offset % choice.every
    if choice.sequences:
        wanted &= np.isin(table.frames["sequence"], choice.sequences)
    if choice.indices:
        wanted &= np.isin(index, choice.indices)
    return np.asarray(wanted)
