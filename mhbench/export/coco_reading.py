"""COCO keypoint JSON of any known skeleton -> columns of a FrameTable.

Beside the keys of COCO those are read that `coco_files.py` writes: `frame`, `K`, `distortion` and `lens` of
an image, `joints3d`, `joints2d`, `joint_flags` and `track` of a person, `dataset` and `split` of `info`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import numpy as np

from mhbench.cameras import Lens  # noqa: TC001 - msgspec resolves the field types at run time
from mhbench.columns import JointFlag
from mhbench.datasets.raw.coco_people import (
    ImagePeople,
    PersonRecord,
    PersonRows,
    annotation_path,
    image_people,
    or_nan,
)
from mhbench.datasets.raw.json_files import Integer, Pixel, Size, decode_json, read_json
from mhbench.errors import InputError, UsageError
from mhbench.skeletons import canonical, skeleton, skeleton_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Columns = dict[str, npt.NDArray[Any]]

Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]
_OF_JOINTS: Final = ("joints3d", "joints2d", "joint_flags")
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


class _Person(PersonRecord, kw_only=True):
    category_id: int
    num_keypoints: Count | None = None
    track: Integer | None = None
    joints3d: list[Triple] | None = None
    joints2d: list[Pair] | None = None
    joint_flags: list[Byte] | None = None


class _Info(msgspec.Struct):
    dataset: str = "coco"
    split: str = "all"


class _File(msgspec.Struct):
    images: list[_Image]
    annotations: list[msgspec.Raw]  # see PersonRows
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
    found = _people(str(path), content.annotations, category, len(skeleton(name)))
    del content.annotations  # and with them the text of the file
    columns = found.columns()
    owners = columns.pop("owner")
    joints3d, track = columns.pop("joints3d", None), columns.pop("track", None)
    people = image_people(
        str(path),
        images=[(one.id, one.file_name, one.width, one.height) for one in content.images],
        owners=owners,
        crowd_index=np.array([or_nan(one.crowd_index) for one in content.images], dtype=np.float64),
        persons=columns,
    )
    images = sorted(content.images, key=lambda one: one.id)
    rows = np.argsort(owners, kind="stable")
    frames = _frame_columns(path, images) | _known("crowd_index", people.crowd_index)
    persons = _known("area", people.area)
    if joints3d is not None:
        persons["joints3d"] = joints3d[rows]
    if track is not None:
        persons["track"] = track[rows]
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


def _people(where: str, annotations: Sequence[msgspec.Raw], category: int, joints: int) -> _People:
    found = _People(len(annotations), joints)
    for number, raw in enumerate(annotations):
        person = decode_json(bytes(raw), _Person, where, root=annotation_path(number))
        if person.category_id == category:
            found.put(person, where, number)
    return found


class _People:
    """Columns of people put one by one, with what an export adds to COCO; see `PersonRows`."""

    def __init__(self, most: int, joints: int) -> None:
        self._rows = PersonRows(most, joints)
        self._joints = joints
        self._joints2d = np.full((most, joints, 2), np.nan)
        self._joints3d = np.full((most, joints, 3), np.nan, dtype=np.float32)
        self._flags = np.zeros((most, joints), dtype=np.uint8)
        self._track = np.zeros(most, dtype=np.int64)
        self._given = {name: np.full(most, fill_value=False) for name in (*_OF_JOINTS, "track")}

    def put(self, person: _Person, where: str, number: int) -> None:
        """Put a person of the category, who is entry `number` of the file `where`."""
        row = len(self._rows.keypoints)
        self._rows.put(person, person.num_keypoints, where, number)
        for name in _OF_JOINTS:
            values = getattr(person, name)
            if values is not None and len(values) != self._joints:
                raise InputError(
                    f"{where}: the person {person.id} has {len(values)} {name}"
                    f" - at {annotation_path(number)}.{name}",
                    expected=f"one for each of {self._joints} joints, null where a coordinate is not known",
                    action="correct the entry",
                )
            self._given[name][row] = values is not None
        if person.joints2d is not None:
            self._joints2d[row] = np.array(person.joints2d, dtype=np.float64)  # None becomes NaN
        if person.joints3d is not None:
            self._joints3d[row] = np.array(person.joints3d, dtype=np.float32)
        if person.joint_flags is not None:
            self._flags[row] = person.joint_flags
        if person.track is not None:
            self._track[row], self._given["track"][row] = person.track, True

    def columns(self) -> Columns:
        """Those of `PersonRows`, `joints` (NaN: not known); `joints3d` and `track` if the file has them."""
        columns, count = self._rows.columns(), len(self._rows.keypoints)
        given = {name: mask[:count] for name, mask in self._given.items()}
        keypoints, joints3d = self._rows.keypoints, self._joints3d[:count]
        labelled = np.isfinite(joints3d).all(axis=-1)
        columns["flags"][labelled] |= np.uint8(JointFlag.LABELLED_3D)
        columns["flags"][given["joint_flags"]] = self._flags[:count][given["joint_flags"]]
        columns["joints"] = np.where(keypoints[..., 2:] > 0, keypoints[..., :2], np.nan)
        columns["joints"][given["joints2d"]] = self._joints2d[:count][given["joints2d"]]
        if given["joints3d"].any():
            columns["joints3d"] = joints3d
        if count and given["track"].all():
            columns["track"] = self._track[:count]
        return columns


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


def _known(name: str, column: npt.NDArray[np.float64]) -> Columns:
    return {name: column} if np.isfinite(column).any() else {}
