"""OCHuman's own annotation file, `ochuman.json`, as the splits everybody scores.

The same people get the same ids as in the official COCO form: those with joints and a mask, the first 2,500
images that have one are val, images and people are numbered from 1 in each split. Beside it the file tells
what the COCO form does not: `max_iou`, and who hides a joint. The masks themselves are not read.

Source of the rules: liruilong940607/OCHumanApi (ochumanApi/ochuman.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import numpy as np

from mhbench.columns import JointFlag
from mhbench.datasets.raw.coco_people import ImagePeople, image_people
from mhbench.datasets.raw.json_files import Pixel, Size, read_json
from mhbench.datasets.raw.kept import kept
from mhbench.errors import InputError
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

VAL_IMAGES: Final = 2500
JOINTS: Final = skeleton("coco_17").joints
SIGHTS: Final = {
    "missing": 0,
    "vis": JointFlag.LABELLED_2D | JointFlag.VISIBLE,
    "self_occluded": JointFlag.LABELLED_2D | JointFlag.SELF_OCCLUDED,
    "others_occluded": JointFlag.LABELLED_2D | JointFlag.OCCLUDED,
}
_ACTION: Final = "download the file again"


class _Mask(msgspec.Struct):
    """A mask; its outlines are skipped."""


class _Person(msgspec.Struct):
    bbox: tuple[Pixel, Pixel, Pixel, Pixel]
    keypoints: list[Pixel] | None
    segms: _Mask | None
    max_iou: float


class _Image(msgspec.Struct):
    file_name: str
    width: Size
    height: Size
    annotations: list[_Person]


class _File(msgspec.Struct):
    keypoint_names: list[str]
    keypoint_visible: dict[str, Annotated[int, msgspec.Meta(ge=0, le=255)]]
    images: list[_Image]


@dataclass(frozen=True, slots=True, eq=False)
class OchumanFile:
    """Content of `ochuman.json`: the splits, and how many images and people are in none of them."""

    splits: dict[str, ImagePeople]
    images_left_out: int
    people_left_out: int

    @property
    def note(self) -> str:
        """What is in no split, in words."""
        left_out = f"{self.images_left_out} images and {self.people_left_out} people"
        return f"{left_out} without joints and a mask are in no split, as in the official COCO form"


@kept(1)  # a worker meets the blocks of the file one after the other
def read_ochuman(path: Path) -> OchumanFile:
    """Read `ochuman.json`; the last file is kept in memory.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged or breaks the layout; the message names the JSON path.
    """
    content = read_json(path, _File)
    order = _joint_order(path, content)
    flags = _flags_of(path, content)
    _check_people(path, content)
    chosen = [
        (image, [one for one in image.annotations if one.keypoints and one.segms is not None])
        for image in content.images
    ]
    chosen = [(image, people) for image, people in chosen if people]
    parts = {"val": chosen[:VAL_IMAGES], "test": chosen[VAL_IMAGES:]}
    splits = {
        split: _split(path, part, order, flags, len(content.keypoint_names)) for split, part in parts.items()
    }
    people = sum(len(image.annotations) for image in content.images)
    return OchumanFile(
        splits=splits,
        images_left_out=len(content.images) - sum(len(one.image_id) for one in splits.values()),
        people_left_out=people - sum(len(one.bbox) for one in splits.values()),
    )


def _split(
    path: Path,
    part: Sequence[tuple[_Image, list[_Person]]],
    order: list[int],
    flags: npt.NDArray[np.uint8],
    joints: int,
) -> ImagePeople:
    """One split, numbered as the official tool numbers its COCO form: images and people from 1."""
    # the tool's range of max_iou is half open, so a person of 1.00 is in neither split
    kept = [(image, [one for one in people if one.max_iou < 1]) for image, people in part]
    kept = [(image, people) for image, people in kept if people]
    people = [one for _, found in kept for one in found]
    marked = np.array([one.keypoints for one in people], dtype=np.float64).reshape(-1, joints, 3)[:, order]
    seen = flags[marked[..., 2].astype(np.int64)]
    low, high = (
        np.array([one.bbox for one in people]).reshape(-1, 4)[:, half] for half in (slice(2), slice(2, 4))
    )
    persons: dict[str, npt.NDArray[Any]] = {
        "annotation_id": np.arange(1, len(people) + 1),
        "joints": np.where(seen[..., None] > 0, marked[..., :2], np.nan),
        "flags": seen,
        "bbox": np.concatenate([low, high - low], axis=1),
        "area": np.prod(high - low, axis=1),
        "num_keypoints": (seen > 0).sum(axis=1).astype(np.int32),
        "iscrowd": np.zeros(len(people), dtype=np.uint8),
        "max_iou": np.array([one.max_iou for one in people], dtype=np.float64),
    }
    return image_people(
        str(path),
        images=[
            (n, image.file_name, image.width, image.height) for n, (image, _) in enumerate(kept, start=1)
        ],
        owners=[n for n, (_, found) in enumerate(kept, start=1) for _ in found],
        crowd_index=np.full(len(kept), np.nan),
        persons=persons,
    )


def _joint_order(path: Path, content: _File) -> list[int]:
    """Places of COCO's joints among those of the file, which has more and in another order."""
    missing = [name for name in JOINTS if name not in content.keypoint_names]
    if missing:
        raise InputError(
            f"{path}: there is no joint {missing[0]!r} - at $.keypoint_names",
            expected=f"at least: {', '.join(JOINTS)}",
            action=_ACTION,
        )
    return [content.keypoint_names.index(name) for name in JOINTS]


def _flags_of(path: Path, content: _File) -> npt.NDArray[np.uint8]:
    """(N,) flags by the number that stands for them in the file."""
    if content.keypoint_visible.keys() != SIGHTS.keys():
        raise InputError(
            f"{path}: unknown ways of being visible - at $.keypoint_visible",
            expected=f"numbers for: {', '.join(SIGHTS)}",
            action=_ACTION,
        )
    flags = np.full(max(content.keypoint_visible.values()) + 1, 255, dtype=np.uint8)
    for name, number in content.keypoint_visible.items():
        flags[number] = SIGHTS[name]
    return flags


def _check_people(path: Path, content: _File) -> None:
    joints, known = len(content.keypoint_names), set(content.keypoint_visible.values())
    for row, image in enumerate(content.images):
        for place, one in enumerate(image.annotations):
            numbers = one.keypoints or []
            fault = ""
            if numbers and len(numbers) != 3 * joints:
                fault = f"a person has {len(numbers)} numbers"
            elif not known.issuperset(numbers[2::3]):
                fault = "a joint has a visibility that $.keypoint_visible does not list"
            if fault:
                raise InputError(
                    f"{path}: {fault} - at $.images[{row}].annotations[{place}].keypoints",
                    expected=f"{3 * joints} numbers: x, y, visibility of {joints} joints",
                    action=_ACTION,
                )
