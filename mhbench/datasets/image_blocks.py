"""Data sets of single images with 2D people: items are blocks of 1,000 images by ascending id.

The blocks follow from the annotation file alone, so an item is the same whatever part of it is converted. The
sequence of a frame is its split, its camera 0, its index the image id.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from mhbench.columns import JointFlag
from mhbench.datasets.choosing import chosen_frames, chosen_names, chosen_sequences, excluded_frames
from mhbench.datasets.items import Exclusion, Item, Selection
from mhbench.errors import InputError
from mhbench.frames import FrameTable, inside_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from mhbench.datasets.raw.coco_people import ImagePeople

BLOCK: Final = 1000  # images
CAMERA: Final = "0"
_LAST: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class ImageSet:
    """What the images of a data set have in common.

    Attributes:
        dataset: its id.
        skeleton: skeleton of its people.
        folder: where the images lie, relative to the raw root.
    """

    dataset: str
    skeleton: str
    folder: str


def chosen_splits(selection: Selection, available: Sequence[str], default: Sequence[str]) -> list[str]:
    """The splits a selection wants; its sequences and frame lists name splits too.

    Raises:
        UsageError: it names a split or a camera that is not there.
    """
    chosen_names("camera", selection.cameras, (CAMERA,))
    wanted = chosen_names("split", selection.splits, available) if selection.splits else list(default)
    return chosen_sequences(selection, wanted)


def split_items(split: str, file: str, read: Callable[[], ImagePeople], selection: Selection) -> list[Item]:
    """The blocks of one split (see `block_items`); a damaged file is one item, which `read` will refuse."""
    try:
        image_id = read().image_id
    except InputError:
        keys = {"first": 0, "last": int(_LAST)}
        return [
            Item(name=PurePosixPath(file).stem, split=split, files=(file,), frames_available=0, keys=keys)
        ]
    return block_items(split, file, image_id, selection)


def block_items(split: str, file: str, image_id: npt.NDArray[np.int64], selection: Selection) -> list[Item]:
    """The blocks of one split.

    Args:
        split: its name.
        file: its annotation file, relative to the raw root.
        image_id: (F,) ascending.
        selection: blocks without a number of the split's frame list, if there is one, are left out.
    """
    listed = np.array(selection.frame_lists.get(split, ()), dtype=np.int64)
    found = []
    for begin in range(0, len(image_id), BLOCK):
        block = image_id[begin : begin + BLOCK]
        # every number belongs to exactly one block, so one that no image has is told once
        first = int(block[0]) if begin else 0
        last = int(image_id[begin + BLOCK]) - 1 if begin + BLOCK < len(image_id) else int(_LAST)
        if listed.size and not np.any((listed >= first) & (listed <= last)):
            continue
        found.append(
            Item(
                name=f"{block[0]:09d}-{block[-1]:09d}",
                split=split,
                files=(file,),
                frames_available=len(block),
                keys={"first": first, "last": last},
            )
        )
    return found


def block_table(
    images: ImageSet,
    people: ImagePeople,
    item: Item,
    selection: Selection,
    *,
    frames: dict[str, npt.NDArray[Any]] | None = None,
    persons: dict[str, npt.NDArray[Any]] | None = None,
) -> tuple[FrameTable, list[Exclusion]]:
    """The table of one block and what was left out of it.

    Args:
        images: the data set.
        people: all images and people of the split, sizes put right.
        item: the block.
        selection: stride, limit, frame lists and exclusion lists are used.
        frames: further frame columns, one row for each image of the split.
        persons: further person columns, one row for each person of the split.
    """
    first, last = int(item.keys["first"]), int(item.keys["last"])
    whole = _table(images, people, item.split, frames or {}, persons or {})
    ids = people.image_id[(people.image_id >= first) & (people.image_id <= last)]
    listed = selection.frame_lists.get(item.split, ())
    within = tuple(number for number in listed if first <= number <= last)
    narrowed = msgspec.structs.replace(selection, frame_lists={item.split: within} if listed else {})
    kept, report = chosen_frames(ids, narrowed, item, item.split)
    out, bad = excluded_frames(
        kept, selection, item, dataset=images.dataset, sequence=item.split, camera=CAMERA
    )
    return whole.select(np.searchsorted(people.image_id, kept[~out])), [*report, *bad]


def _table(
    images: ImageSet,
    people: ImagePeople,
    split: str,
    frames: dict[str, npt.NDArray[Any]],
    persons: dict[str, npt.NDArray[Any]],
) -> FrameTable:
    count = len(people.image_id)
    numbers = people.image_id.astype(np.str_)
    return FrameTable(
        dataset=images.dataset,
        split=split,
        skeleton=images.skeleton,
        frames={
            "id": np.char.add(f"{split}/{CAMERA}/", numbers),
            "sequence": np.full(count, split),
            "camera": np.full(count, CAMERA),
            "index": people.image_id,
            "image": np.char.add(f"{images.folder}/", people.file_name),
            "image_id": people.image_id,
            "width": people.size[:, 0],
            "height": people.size[:, 1],
            **frames,
        },
        person_start=people.start,
        persons={
            "annotation_id": people.annotation_id,
            "joints2d": people.joints.astype(np.float32),
            "joint_flags": people.flags | _outside(people),
            "bbox": people.bbox,
            "num_keypoints": people.num_keypoints,
            "iscrowd": people.iscrowd,
            **persons,
        },
    )


def _outside(people: ImagePeople) -> npt.NDArray[np.uint8]:
    """(P, J) OUT_OF_IMAGE where a labelled joint lies outside its image."""
    size = np.repeat(people.size, np.diff(people.start), axis=0)[:, None]
    inside = inside_image(people.joints, size)
    return np.where((people.flags > 0) & ~inside, JointFlag.OUT_OF_IMAGE, 0).astype(np.uint8)
