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

from mhbench.columns import JointFlag
from mhbench.datasets.raw.archives import confined
from mhbench.datasets.raw.json_files import Integer, Pixel, Size, decode_json, read_json
from mhbench.datasets.raw.kept import kept
from mhbench.errors import InputError

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
_STATES: Final = frozenset((0, 1, 2))  # of v
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


class PersonRecord(msgspec.Struct, kw_only=True):
    """One entry of `annotations`, as far as all files of this kind agree."""

    id: Integer
    image_id: Integer
    bbox: tuple[Pixel, Pixel, Pixel, Pixel]
    keypoints: list[Pixel]
    iscrowd: Literal[0, 1] = 0
    area: float | None = None


class _Person(PersonRecord, kw_only=True):
    num_keypoints: Annotated[int, msgspec.Meta(ge=0, le=100)]
    category_id: Literal[1] = 1


class _File(msgspec.Struct):
    images: list[_Image]
    annotations: list[msgspec.Raw]  # see PersonRows


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
    rows = _people(str(path), content.annotations, joints)
    del content.annotations  # and with them the text of the file
    columns = rows.columns()
    pixels = rows.keypoints[..., :2]
    pixels[columns["flags"] == 0] = np.nan
    return image_people(
        str(path),
        images=[(one.id, one.file_name, one.width, one.height) for one in content.images],
        owners=columns.pop("owner"),
        crowd_index=np.array([or_nan(one.crowd_index) for one in content.images], dtype=np.float64),
        persons={"joints": pixels, **columns},
    )


def _people(where: str, annotations: Sequence[msgspec.Raw], joints: int) -> PersonRows:
    rows = PersonRows(len(annotations), joints)
    for number, raw in enumerate(annotations):
        person = decode_json(bytes(raw), _Person, where, root=annotation_path(number))
        rows.put(person, person.num_keypoints, where, number)
    return rows


class PersonRows:
    """Columns of people whose records are decoded one by one: together they would take eight times as much.

    Args:
        most: number of people at the most.
        joints: number of joints of a person.
    """

    def __init__(self, most: int, joints: int) -> None:
        self._joints, self._count = joints, 0
        self._keypoints = np.zeros((most, joints, 3))
        self._flat = self._keypoints.reshape(most, 3 * joints)
        self._columns: dict[str, npt.NDArray[Any]] = {
            "owner": np.zeros(most, dtype=np.int64),
            "annotation_id": np.zeros(most, dtype=np.int64),
            "bbox": np.zeros((most, 4)),
            "area": np.zeros(most),
            "num_keypoints": np.zeros(most, dtype=np.int32),
            "iscrowd": np.zeros(most, dtype=np.uint8),
        }

    @property
    def keypoints(self) -> Floats:
        """(P, J, 3) x, y, v of those put so far."""
        return self._keypoints[: self._count]

    def put(self, person: PersonRecord, num_keypoints: int | None, where: str, number: int) -> None:
        """Put a person, who is entry `number` of the file `where`; None counts the keypoints with v above 0.

        Raises:
            InputError: the keypoints are not x, y and v (0, 1 or 2) of every joint.
        """
        visibility = person.keypoints[2::3]
        if len(person.keypoints) != 3 * self._joints or not _STATES.issuperset(visibility):
            raise _wrong_keypoints(person.keypoints, self._joints, f"{where}: ", annotation_path(number))
        row, columns = self._count, self._columns
        self._flat[row] = person.keypoints
        columns["owner"][row], columns["annotation_id"][row] = person.image_id, person.id
        columns["bbox"][row], columns["area"][row] = person.bbox, or_nan(person.area)
        columns["iscrowd"][row] = person.iscrowd
        seen = len(visibility) - visibility.count(0)
        columns["num_keypoints"][row] = seen if num_keypoints is None else num_keypoints
        self._count += 1

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The person columns of `image_people` but `joints`, and `owner`, the image id of each person."""
        found = {name: column[: self._count] for name, column in self._columns.items()}
        flags = FLAGS[self.keypoints[..., 2].astype(np.uint8)]
        return {**found, "flags": flags, "max_iou": np.full(self._count, np.nan)}


def _wrong_keypoints(given: Sequence[float], joints: int, where: str, path: str) -> InputError:
    strange = [(place, v) for place, v in enumerate(given) if place % 3 == 2 and v not in _STATES]
    if len(given) != 3 * joints or not strange:
        what = f"a person has {len(given)} numbers - at {path}.keypoints"
    else:
        place, v = strange[0]
        what = f"v is {v:g} - at {path}.keypoints[{place}]"
    return InputError(
        where + what,
        expected=f"{3 * joints} numbers: x, y and v (0, 1 or 2) of {joints} joints",
        action="check that the file belongs to this data set; in one of your own correct the entry",
    )


def annotation_path(number: int) -> str:
    """JSON path of an annotation."""
    return f"$.annotations[{number}]"


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


def or_nan(value: float | None) -> float:
    """A number, NaN for none."""
    return math.nan if value is None else value
