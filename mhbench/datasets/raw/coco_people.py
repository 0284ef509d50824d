"""COCO person-keypoint files as columns: images by ascending id, the people of each in the order of the file.

Boxes, `num_keypoints` and `iscrowd` are what the file says, never what could be computed from the joints: the
published scorers read the fields. The category's own list of limbs is not read (CrowdPose's is that of
another skeleton).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
import numpy as np

from mhbench.datasets.raw.archives import confined
from mhbench.datasets.raw.json_files import Integer, Pixel, Size, decode_json, read_json
from mhbench.datasets.raw.kept import kept
from mhbench.errors import InputError
from mhbench.frames import JointFlag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

# v of a joint: not labelled, labelled but hidden, visible
FLAGS: Final = np.array(
    [
        0,
        JointFlag.LABELLED_2D | JointFlag.OCCLUDED,
        JointFlag.LABELLED_2D | JointFlag.VISIBLE,
    ],
    dtype=np.uint8,
)
_LAYOUT: Final = "a COCO person-keypoint file of the official release"
_ACTION: Final = "download it again; in a file of your own correct the entry"


@dataclass(frozen=True, slots=True, eq=False)
class ImagePeople:
    """Images by ascending id and their people. Arrays are shared and read-only.

    Attributes:
        image_id: (F,) ascending.
        file_name: (F,) as in the file.
        size: (F, 2) int32 width and height, px, as in the file.
        crowd_index: (F,) CrowdPose's, NaN where there is none.
        start: (F + 1,) offsets of each image's people.
        annotation_id: (P,).
        joints: (P, J, 2) px, NaN where not labelled.
        flags: (P, J) uint8 labelled, visible or hidden (bits of `JointFlag`).
        bbox: (P, 4) x y w h, px.
        area: (P,) px^2, NaN where the file has none.
        num_keypoints: (P,) int32.
        iscrowd: (P,) uint8.
        max_iou: (P,) OCHuman's overlap with the nearest other box, NaN where there is none.
    """

    image_id: Integers
    file_name: npt.NDArray[np.str_]
    size: npt.NDArray[np.int32]
    crowd_index: Floats
    start: Integers
    annotation_id: Integers
    joints: Floats
    flags: npt.NDArray[np.uint8]
    bbox: Floats
    area: Floats
    num_keypoints: npt.NDArray[np.int32]
    iscrowd: npt.NDArray[np.uint8]
    max_iou: Floats

    @property
    def countable(self) -> int:
        """Number of people a scorer counts: no crowd, and `num_keypoints` is above 0."""
        return int(np.sum((self.num_keypoints > 0) & (self.iscrowd == 0)))


class _Image(msgspec.Struct):
    id: Integer
    file_name: str
    width: Size
    height: Size
    crowd_index: float | None = msgspec.field(default=None, name="crowdIndex")


class _Person(msgspec.Struct):
    id: Integer
    image_id: Integer
    bbox: tuple[Pixel, Pixel, Pixel, Pixel]
    keypoints: list[Pixel]
    num_keypoints: Annotated[int, msgspec.Meta(ge=0, le=100)]
    category_id: Literal[1] = 1
    iscrowd: Literal[0, 1] = 0
    area: float | None = None


class _File(msgspec.Struct):
    images: list[_Image]
    annotations: list[msgspec.Raw]  # decoded one by one: a list of numbers takes eight times their bytes


# A worker meets the blocks of a file one after the other; the largest official file takes about 30 MB here.
@kept(2)
def read_coco_people(path: Path, joints: int) -> ImagePeople:
    """The images and people of a COCO keypoint file; the last two files are kept in memory.

    Args:
        path: the file.
        joints: number of joints of a person.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged or breaks the layout; the message names the JSON path.
    """
    content = read_json(path, _File)
    owners, keypoints, persons = _people(str(path), content.annotations, joints)
    del content.annotations
    flags = FLAGS[keypoints[..., 2].astype(np.uint8)]
    pixels = keypoints[..., :2]
    pixels[flags == 0] = np.nan
    return image_people(
        str(path),
        images=[(one.id, one.file_name, one.width, one.height) for one in content.images],
        owners=owners,
        crowd_index=np.array([_or_nan(one.crowd_index) for one in content.images], dtype=np.float64),
        persons={"joints": pixels, "flags": flags, **persons},
    )


def image_people(
    where: str,
    *,
    images: Sequence[tuple[int, str, int, int]],
    owners: Sequence[int] | Integers,
    crowd_index: Floats,
    persons: dict[str, npt.NDArray[Any]],
) -> ImagePeople:
    """Images sorted by id, and their people beside them in the order they are given.

    Args:
        where: the file, for messages.
        images: id, file name, width and height of each.
        owners: (P,) image id of each person.
        crowd_index: of each image.
        persons: the person columns.

    Raises:
        InputError: an id is negative, is there twice or is none of the images.
        UnsafeInputError: a file name leaves the folder of the images.
    """
    ids = np.array([one[0] for one in images], dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    _check_images(where, images, ids, order)
    image_id = ids[order]
    owner = np.asarray(owners, dtype=np.int64)
    unknown = np.flatnonzero(~np.isin(owner, image_id))
    if unknown.size:
        raise InputError(
            f"{where}: there is no image {owner[unknown[0]]} - at $.annotations[{unknown[0]}].image_id",
            expected="people of images that the file lists",
            action=_ACTION,
        )
    rows = np.argsort(owner, kind="stable")
    columns = {
        "image_id": image_id,
        "file_name": np.array([images[row][1] for row in order], dtype=np.str_),
        "size": np.array([images[row][2:] for row in order], dtype=np.int32).reshape(-1, 2),
        "crowd_index": crowd_index[order],
        "start": np.append(np.searchsorted(owner[rows], image_id), len(rows)).astype(np.int64),
        **{name: column[rows] for name, column in persons.items()},
    }
    for column in columns.values():
        column.setflags(write=False)
    return ImagePeople(**columns)


def _check_images(
    where: str, images: Sequence[tuple[int, str, int, int]], ids: Integers, order: Integers
) -> None:
    for row, (number, name, _, _) in enumerate(images):
        confined(name, where)
        if number < 0:
            raise InputError(
                f"{where}: an image has the id {number} - at $.images[{row}].id",
                expected="ids of at least 0",
                action=_ACTION,
            )
    again = np.flatnonzero(np.diff(ids[order]) == 0)
    if again.size:
        row = order[again[0] + 1]
        raise InputError(
            f"{where}: two images have the id {ids[row]} - at $.images[{row}].id",
            expected="each image once",
            action=_ACTION,
        )


def _people(
    where: str, annotations: Sequence[msgspec.Raw], joints: int
) -> tuple[Integers, Floats, dict[str, npt.NDArray[Any]]]:
    """Image id and x, y, v (P, J, 3) of everybody, and the other columns as the file has them."""
    count = len(annotations)
    keypoints = np.zeros((count, joints, 3))
    flat, owners = keypoints.reshape(count, 3 * joints), np.zeros(count, dtype=np.int64)
    columns: dict[str, npt.NDArray[Any]] = {
        "annotation_id": np.zeros(count, dtype=np.int64),
        "bbox": np.zeros((count, 4)),
        "area": np.zeros(count),
        "num_keypoints": np.zeros(count, dtype=np.int32),
        "iscrowd": np.zeros(count, dtype=np.uint8),
        "max_iou": np.full(count, np.nan),
    }
    for row, raw in enumerate(annotations):
        one = decode_json(bytes(raw), _Person, where, root=f"$.annotations[{row}]")
        if len(one.keypoints) != 3 * joints:
            raise InputError(
                f"{where}: a person has {len(one.keypoints)} numbers - at $.annotations[{row}].keypoints",
                expected=f"{3 * joints}: x, y, v of {joints} joints",
                action="check that the file belongs to this data set",
            )
        flat[row], owners[row] = one.keypoints, one.image_id
        columns["annotation_id"][row], columns["bbox"][row] = one.id, one.bbox
        columns["area"][row] = _or_nan(one.area)
        columns["num_keypoints"][row], columns["iscrowd"][row] = one.num_keypoints, one.iscrowd
    _check_visibility(where, keypoints[..., 2])
    return owners, keypoints, columns


def _check_visibility(where: str, visibility: Floats) -> None:
    strange = np.argwhere((visibility != 0) & (visibility != 1) & (visibility != 2))
    if strange.size:
        row, joint = strange[0]
        raise InputError(
            f"{where}: v is {visibility[row, joint]:g} - at $.annotations[{row}].keypoints[{3 * joint + 2}]",
            expected=f"0, 1 or 2 in {_LAYOUT}",
            action=_ACTION,
        )


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
