"""The columns of a frame table: what each is called, holds and means, and whether an array fits.

F frames, P people of all frames, J joints of the table's skeleton. Metres and pixels; NaN = not annotated.
"""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import ShapeError, UsageError
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Columns = Mapping[str, npt.NDArray[Any]]


class JointFlag(enum.IntFlag):
    """Bits of `joint_flags`: what is known about one joint of one person in one image."""

    LABELLED_3D = 1
    LABELLED_2D = 2
    VISIBLE = 4
    SELF_OCCLUDED = 8
    OCCLUDED = 16  # by something or somebody else
    OUT_OF_IMAGE = 32
    APPROXIMATE = 64


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its dtype (`U` = text), the shape of a row (`J` = joints) and its meaning."""

    dtype: str
    row: tuple[int | str, ...]
    meaning: str


FRAME_COLUMNS: Final[Mapping[str, Column]] = {
    "id": Column("U", (), "<sequence>/<camera>/<index>"),
    "sequence": Column("U", (), "sequence of the official release"),
    "subject": Column("U", (), "who is filmed"),
    "action": Column("U", (), "what is done"),
    "camera": Column("U", (), "name of the camera; 0 where the data set has none"),
    "index": Column("i8", (), "index in the data set's own numbering, with its own base"),
    "image": Column("U", (), "path of the image relative to the raw root"),
    "image_id": Column("i8", (), "integer id where the data set has one"),
    "width": Column("i4", (), "image width, px"),
    "height": Column("i4", (), "image height, px"),
    "K": Column("f8", (3, 3), "intrinsics, px"),
    "distortion": Column("f8", (8,), "k1 k2 p1 p2 k3 0 0 0 of the table's lens model"),
    "R": Column("f8", (3, 3), "rotation world -> camera"),
    "t": Column("f8", (3,), "translation world -> camera, m"),
}

PERSON_COLUMNS: Final[Mapping[str, Column]] = {
    "track": Column("i8", (), "identity of the person inside the sequence"),
    "annotation_id": Column("i8", (), "id of the annotation where the data set has one"),
    "joints3d": Column("f4", ("J", 3), "camera frame, x right y down z forward, m"),
    "joints2d": Column("f4", ("J", 2), "px, centre of the top-left pixel is (0, 0)"),
    "joint_flags": Column("u1", ("J",), "bits of JointFlag"),
    "bbox": Column("f8", (4,), "x y w h, px"),
    "area": Column("f8", (), "px^2, as in the file"),
    "num_keypoints": Column("i4", (), "as in the file, never recomputed"),
    "iscrowd": Column("u1", (), "1 = a group"),
    "ignore": Column("u1", (), "1 = not scored"),
    "smpl_pose": Column("f8", (72,), "axis-angle, root in the camera frame, rad"),
    "smpl_betas": Column("f8", (10,), "shape coefficients"),
    "smpl_transl": Column("f8", (3,), "camera frame, m"),
    "gender": Column("U", (), "male, female or neutral"),
}

SET_COLUMNS: Final = ("joints3d", "joints2d", "joint_flags")


def check_columns(
    scope: str, columns: Columns, known: Mapping[str, Column], rows: int, skeleton_name: str = ""
) -> None:
    """Check that columns have the rows, shapes and types they are declared with; others need only the rows.

    Args:
        scope: what the columns belong to, for messages.
        columns: by name.
        known: the declared ones.
        rows: number of frames or people.
        skeleton_name: of the joints.

    Raises:
        ShapeError: one does not fit.
    """
    joints = _joint_count(scope, columns, known, skeleton_name)
    for name, column in columns.items():
        if column.ndim == 0 or len(column) != rows:
            have = len(column) if column.ndim else "no"
            raise ShapeError(
                f"{scope}/{name} has {have} rows",
                expected=f"{rows} rows",
                action="give every frame, or every person, its row; NaN where nothing is known",
            )
        if name not in known:
            continue
        want = tuple(joints if size == "J" else size for size in known[name].row)
        text = known[name].dtype == "U"
        if column.shape[1:] != want or (
            column.dtype.kind != "U" if text else column.dtype != np.dtype(known[name].dtype)
        ):
            of = f", joints of {skeleton_name}" if "J" in known[name].row else ""
            raise ShapeError(
                f"{scope}/{name} is {column.dtype}{list(column.shape)}",
                expected=f"{known[name].dtype}{[rows, *want]} ({known[name].meaning}{of})",
                action="convert the type with astype, and check the number and order of the joints",
            )


@functools.cache
def _joints_of(skeleton_name: str) -> int:
    """Joints of a skeleton; 0 for one that has no manifest (of an imported file, or of a later version)."""
    try:
        return len(skeleton(skeleton_name))
    except UsageError:
        return 0


def _joint_count(scope: str, columns: Columns, known: Mapping[str, Column], skeleton_name: str) -> int:
    """Joints of the skeleton; those all joint columns have where nobody knows it here."""
    known_joints = _joints_of(skeleton_name)
    if known_joints:
        return known_joints
    joints = {
        column.shape[1]
        for name, column in columns.items()
        if name in known and "J" in known[name].row and column.ndim > 1
    }
    if len(joints) > 1:
        raise ShapeError(
            f"{scope}: the joint columns have {sorted(joints)} joints",
            expected="one number",
            action="put joints of another skeleton into `sets`",
        )
    return joints.pop() if joints else 0
