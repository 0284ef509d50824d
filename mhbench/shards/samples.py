"""Frames as training samples in plain NumPy: image, centres of the joints, and how to get back.

A sample is small: volumes are rendered from the centres where they are needed (`HeatmapBuffer` here,
`mhbench.shards.torch` on a device), with any sigma.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

from mhbench.heatmaps import locate, select_joints
from mhbench.shards.frame_images import decoded_image
from mhbench.shards.heatmap_store import labelled_joints
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.heatmaps import Grid
    from mhbench.shards.augmentation import Augmentation, Transform
    from mhbench.shards.reading import Shards
    from mhbench.shards.single_frame import Frame


class Sample(NamedTuple):
    """One training sample.

    Attributes:
        frame: the frame it shows, with all its columns.
        grid: grid of its heatmap.
        centres: (N, 4) int16 channel, depth bin, row, column.
        image: (H, W, 3) uint8 RGB; None without images.
        transform: pixels of the frame's image -> pixels of this one; None where nothing was changed.
    """

    frame: Frame
    grid: Grid
    centres: npt.NDArray[np.int16]
    image: npt.NDArray[np.uint8] | None
    transform: Transform | None


@dataclass(frozen=True)
class Samples(Sequence[Sample]):
    """Samples of the frames of shards; a map-style data set for any loader. It pickles.

    An index is the number of a frame, or (epoch, number): what is drawn at random depends on seed, epoch and
    number only, so workers, order and resumption change nothing.

    Attributes:
        shards: the frames.
        joints: channels of the heatmaps; by default those the data set is scored on.
        images: decode the images.
        raw: raw root of the data set, for shards that hold paths only.
        augmentation: how images and joints are changed together.
        seed: of the augmentation.
        pad_to: rows and columns of the grid are padded to a multiple of this (see `Grid.padded`).
    """

    shards: Shards
    joints: tuple[str, ...] | None = None
    images: bool = True
    raw: Path | None = None
    augmentation: Augmentation | None = None
    seed: int = 0
    pad_to: int = 1

    def __len__(self) -> int:
        return len(self.shards)

    @overload
    def __getitem__(self, index: int | tuple[int, int]) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...

    def __getitem__(self, index: int | tuple[int, int] | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        epoch, number = index if isinstance(index, tuple) else (0, index)
        frame = self.shards[number]
        image = decoded_image(frame, self.raw) if self.images else None
        if self.augmentation is None:
            grid = _own_grid(frame, frame.grid(self.joints)).padded(self.pad_to)
            return Sample(frame, grid, frame.centres(self.joints), image, None)
        random = np.random.default_rng([self.seed, epoch, number % len(self)])
        whole = _own_grid(frame, frame.grid(self.joints))
        transform = self.augmentation.draw(random, whole.height, whole.width)
        grid, centres = moved_centres(frame, transform, self.joints)
        if image is not None:
            image = transform.warp(image)
        return Sample(frame, grid.padded(self.pad_to), centres, image, transform)


def moved_centres(
    frame: Frame, transform: Transform, joints: Sequence[str] | None = None
) -> tuple[Grid, npt.NDArray[np.int16]]:
    """Grid and centres of a frame seen through a transform.

    Depths stay. A joint that the frame itself does not draw (not labelled, outside its image) is not drawn
    here either, though black borders may have room for it. Mirrored people have their left and right joints
    swapped.

    Raises:
        InputError: the shard has no heatmaps.
        UsageError: it has no such joint, or its skeleton is not known and the transform mirrors.
    """
    grid = _own_grid(frame, frame.grid(frame.heatmap_joints))
    joints2d, joints3d = labelled_joints(frame.persons)
    seen = locate(grid, joints2d, joints3d)
    pixels = np.full(joints2d.shape, np.nan)
    pixels[seen.person, seen.joint] = transform.apply(joints2d[seen.person, seen.joint])
    if transform.mirrored:
        swapped = skeleton(frame.info.skeleton).mirrored
        pixels, joints3d = pixels[:, swapped], joints3d[:, swapped]
    moved = replace(grid, height=transform.height, width=transform.width)
    wanted = frame.grid(joints).joints
    chosen: tuple[Grid, npt.NDArray[np.int16]] = select_joints(
        moved, locate(moved, pixels, joints3d).centres, wanted
    )
    return chosen


def _own_grid(frame: Frame, grid: Grid) -> Grid:
    """The grid with the size of the frame's own image; that of the shard fits its largest one."""
    return replace(grid, height=int(frame.columns["height"]), width=int(frame.columns["width"]))
