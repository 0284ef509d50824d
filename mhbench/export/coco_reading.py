"""COCO keypoint JSON of any known skeleton -> columns of a FrameTable.

Beside the keys of COCO those are read that `coco_files.py` writes: `frame`, `K`, `distortion` and `lens` of
an image, `joints3d`, `joints2d`, `joint_flags` and `track` of a person, `dataset` and `split` of `info`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np

from mhbench.cameras import Lens  # noqa: TC001 - msgspec resolves the field types at run time
from mhbench.datasets.raw.coco_people import FLAGS, ImagePeople, image_people
from mhbench.datasets.raw.json_files import Integer, Pixel, Size, read_json
from mhbench.errors import InputError, UsageError
from mhbench.frames import JointFlag
from mhbench.skeletons import canonical, skeleton, skeleton_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Columns = dict[str, npt.NDArray[Any]]

Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**6)]
Metre = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
Pair = tuple[Pixel | None, Pixel | None]
Triple = tuple[Metre | None, Metre | None, Metre | None]
# the index of a frame stays below what an array of integers holds
FrameId = Annotated[str, msgspec.Meta(pattern=r"^$|^[^/].*/[^/]+/[0-9]{1,18}$", max_length=1000)]


class _Category(msgspec.Struct):
    id: int
    keypoints: list[str] = []


class _Image(msgspec.Struct):
    id: Integer
    width: Size
    height: Size
    file_name: str = ""
    frame: FrameId = ""
    K: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]] | None = None
    distortion: tuple[float, float, float, float, float, float, float, float] | None = None
    lens: Lens = "pinhole"
    crowd_index: float | None = msgspec.field(default=None, name="crowdIndex")


class _Person(msgspec.Struct):
    id: Integer
    image_id: Integer
    category_id: int
    keypoints: list[Pixel]
    bbox: tuple[Pixel, Pixel, Pixel, Pixel]
    num_keypoints: Count | None = None
    iscrowd: Literal[0, 1] = 0
    area: float | None = None
    track: Integer | None = None
    joints3d: list[Triple] | None = None
    joints2d: list[Pair] | None = None
    joint_flags: list[Byte] | None = None


class _Info(msgspec.Struct):
    dataset: str = "coco"
    split: str = "all"


class _File(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Person]
    categories: list[_Category]
    info: _Info = msgspec.field(default_factory=_Info)


@dataclass(frozen=True, slots=True, eq=False)
class CocoContent:
    """What a file holds; rows as in `people`.

    Attributes:
        dataset: what `info` says, else `coco`.
        split: what `info` says, else `all`.
        skeleton: the known skeleton with the category's joints.
        people: images by ascending id and their people.
        frames: further frame columns.
        persons: further person columns.
        lens: the model of `distortion`.
    """

    dataset: str
    split: str
    skeleton: str
    people: ImagePeople
    frames: Columns
    persons: Columns
    lens: Lens


def read_coco(path: Path) -> CocoContent:
    """Images, people and what the file says about its 3D joints and cameras.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, or its joints are those of no known skeleton; the message names the JSON
            path.
        UnsafeInputError: a file name leaves the folder of the images.
    """
    content = read_json(path, _File)
    category, name = _person_category(path, content.categories)
    own = [one for one in content.annotations if one.category_id == category]
    joints = len(skeleton(name))
    keypoints = _keypoints(path, content, own, joints)
    _check_lengths(path, own, joints)
    joints2d, joints3d, flags = _joints(own, keypoints)
    people = image_people(
        str(path),
        images=[(one.id, one.file_name, one.width, one.height) for one in content.images],
        owners=[one.image_id for one in own],
        crowd_index=_numbers([one.crowd_index for one in content.images]),
        persons={
            "annotation_id": np.array([one.id for one in own], dtype=np.int64),
            "joints": joints2d,
            "flags": flags,
            "bbox": np.array([one.bbox for one in own], dtype=np.float64).reshape(-1, 4),
            "area": _numbers([one.area for one in own]),
            "num_keypoints": np.array(
                [
                    int(np.count_nonzero(row[:, 2])) if one.num_keypoints is None else one.num_keypoints
                    for one, row in zip(own, keypoints, strict=True)
                ],
                dtype=np.int32,
            ),
            "iscrowd": np.array([one.iscrowd for one in own], dtype=np.uint8),
            "max_iou": np.full(len(own), np.nan),
        },
    )
    images = sorted(content.images, key=lambda one: one.id)
    rows = np.argsort([one.image_id for one in own], kind="stable")
    frames = _frame_columns(path, images) | _known("crowd_index", people.crowd_index)
    persons = _known("area", people.area)
    if joints3d is not None:
        persons["joints3d"] = joints3d[rows]
    if own and all(one.track is not None for one in own):
        persons["track"] = np.array([one.track for one in own], dtype=np.int64)[rows]
    lenses = {one.lens for one in images}
    if len(lenses) > 1:
        raise InputError(
            f"{path} mixes lenses: {', '.join(sorted(lenses))}",
            expected="one model of lens",
            action="import the images of each lens with a --split of their own",
        )
    lens: Lens = images[0].lens if images else "pinhole"
    return CocoContent(content.info.dataset, content.info.split, name, people, frames, persons, lens)


def _person_category(path: Path, categories: Sequence[_Category]) -> tuple[int, str]:
    """Id of the category of people, and the known skeleton with its joints in its order."""
    with_joints = [one for one in categories if one.keypoints]
    if len(with_joints) != 1:
        raise InputError(
            f"{path}: {len(with_joints)} categories have keypoints - at $.categories",
            expected="one category with the names of the joints",
            action="write the names of the joints into `keypoints` of the category of people",
        )
    joints = with_joints[0].keypoints
    for name in skeleton_names():
        known = skeleton(name)
        if known.joints == tuple(joints) or known.points == _points(joints):
            return with_joints[0].id, name
    raise InputError(
        f"{path}: no known skeleton has the joints {', '.join(joints)} - at $.categories[0].keypoints",
        expected=f"the joints of one of: {', '.join(skeleton_names())}",
        action="name the joints as that skeleton does, in its order (manifests/skeletons/)",
    )


def _points(joints: Sequence[str]) -> tuple[str, ...] | None:
    """The joints by their names in the vocabulary; None where one is not in it."""
    try:
        return tuple(canonical(joint) for joint in joints)
    except UsageError:
        return None


def _keypoints(path: Path, content: _File, own: Sequence[_Person], joints: int) -> npt.NDArray[np.float64]:
    """(P, J, 3) x, y, v."""
    for person in own:
        visible = person.keypoints[2::3]
        if len(person.keypoints) != 3 * joints or not set(visible) <= {0, 1, 2}:
            row = content.annotations.index(person)
            raise InputError(
                f"{path}: {len(person.keypoints)} numbers, v of {sorted(set(visible))}"
                f" - at $.annotations[{row}].keypoints",
                expected=f"{3 * joints} numbers: x, y and v (0, 1 or 2) of {joints} joints",
                action="correct the entry",
            )
    return np.array([one.keypoints for one in own], dtype=np.float64).reshape(-1, joints, 3)


def _check_lengths(path: Path, own: Sequence[_Person], joints: int) -> None:
    for person in own:
        for key in ("joints3d", "joints2d", "joint_flags"):
            if (given := getattr(person, key)) is not None and len(given) != joints:
                raise InputError(
                    f"{path}: the person {person.id} has {len(given)} {key}",
                    expected=f"one for each of {joints} joints, coordinates null where they are not known",
                    action="correct the entry",
                )


def _joints(
    own: Sequence[_Person], keypoints: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32] | None, npt.NDArray[np.uint8]]:
    """(P, J, 2) px, (P, J, 3) metres if anybody has them, (P, J) flags; NaN where a joint is not known."""
    joints2d = np.where(keypoints[..., 2:] > 0, keypoints[..., :2], np.nan)
    joints3d = np.full((*keypoints.shape[:2], 3), np.nan, dtype=np.float32)
    flags = FLAGS[keypoints[..., 2].astype(np.int64)]
    for row, person in enumerate(own):
        if person.joints2d is not None:
            joints2d[row] = np.array(person.joints2d, dtype=np.float64)  # None becomes NaN
        if person.joints3d is not None:
            joints3d[row] = np.array(person.joints3d, dtype=np.float32)
            flags[row, np.isfinite(joints3d[row]).all(axis=-1)] |= np.uint8(JointFlag.LABELLED_3D)
        if person.joint_flags is not None:
            flags[row] = person.joint_flags
    return joints2d, joints3d if any(one.joints3d for one in own) else None, flags


def _frame_columns(path: Path, images: Sequence[_Image]) -> Columns:
    """Columns that all images have; ids and names of the images only where the file has them."""
    columns: Columns = {}
    if images and all(one.file_name for one in images):
        columns["image"] = np.array([one.file_name for one in images], dtype=np.str_)
    if images and all(one.frame for one in images):
        parts = [one.frame.rsplit("/", 2) for one in images]
        if len(set(map(tuple, parts))) != len(parts):
            raise InputError(
                f"{path}: two images have the same key `frame`",
                expected="<sequence>/<camera>/<index>, each once",
                action="correct them, or leave all of them out",
            )
        columns["id"] = np.array([one.frame for one in images], dtype=np.str_)
        for column, name in enumerate(("sequence", "camera")):
            columns[name] = np.array([part[column] for part in parts], dtype=np.str_)
        columns["index"] = np.array([int(part[2]) for part in parts], dtype=np.int64)
    for name in ("K", "distortion"):
        if images and all(getattr(one, name) is not None for one in images):
            columns[name] = np.array([getattr(one, name) for one in images], dtype=np.float64)
    if "K" in columns and not (columns["K"][:, [0, 1], [0, 1]] > 0).all():
        raise InputError(
            f"{path}: a K of the images has a focal length that is not above 0",
            expected="3x3 intrinsics in px",
            action="correct it, or leave K out of all images",
        )
    return columns


def _numbers(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array([math.nan if one is None else one for one in values], dtype=np.float64)


def _known(name: str, column: npt.NDArray[np.float64]) -> Columns:
    return {name: column} if np.isfinite(column).any() else {}
