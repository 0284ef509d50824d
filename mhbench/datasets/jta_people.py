"""The rows of a JTA sequence, put together to people: which row is which joint of whom in which frame.

Source: fabbrimatteo/JTA-Dataset (README.md, joint.py, to_poses.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.cameras import project
from mhbench.columns import JointFlag
from mhbench.errors import InputError
from mhbench.frames import inside_image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

JOINTS: Final = 22
FRAMES: Final = 900  # of every sequence, numbered from 1
WIDTH, HEIGHT = 1920, 1080
# A vertical angle of view of 50 degrees, 540 / tan(25 degrees), the same in every sequence.
INTRINSICS: Final = np.array([[1158.0, 0.0, 960.0], [0.0, 1158.0, 540.0], [0.0, 0.0, 1.0]])
FRAME, PERSON, JOINT, U, V, X, Y, Z, OCCLUDED, SELF_OCCLUDED = range(10)
COLUMNS: Final = 10
_LARGEST_ID: Final = 2**53  # integers below it are exact in a float64
_FURTHEST_M: Final = 1e5  # a street is shorter
_FURTHEST_PX: Final = 1e9  # joints a hair before the plane of the camera are seen that far outside the image
_SAME_PX: Final = 3.0  # the files' pixels may be cut to integers
_MOST: Final = 0.5  # share of the joints in the image that must project onto their pixels


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """People of all frames of a sequence, by frame, then in the order of the file.

    Attributes:
        start: (901,) int64 offsets of the people of frames 1 to 900.
        track: (P,) int64 person ids.
        joints3d: (P, 22, 3) float64 metres, camera frame; NaN where there is no row.
        joints2d: (P, 22, 2) float64 px as in the file; NaN where there is no row or the joint is not in front
            of the camera.
        flags: (P, 22) uint8 bits of JointFlag.
        old_axes: the file has the axes of the earlier release; `joints3d` was converted.
    """

    start: Integers
    track: Integers
    joints3d: Floats
    joints2d: Floats
    flags: npt.NDArray[np.uint8]
    old_axes: bool


def gather(rows: Floats, path: Path) -> People:
    """Put rows (N, 10) of a sequence together to people; `path` names the file in messages.

    Raises:
        InputError: a row breaks the layout, a joint of a person is there twice in a frame, or the 3D joints
            project onto the 2D joints neither as they are nor with the axes of the earlier release.
    """
    _check_values(rows, path)
    points, old_axes = _in_camera_frame(rows, path)
    start, track, owner = _people(rows[:, FRAME].astype(np.int64), rows[:, PERSON].astype(np.int64))
    cell = owner * JOINTS + rows[:, JOINT].astype(np.int64)
    _check_once(rows, cell, path)
    front = points[:, 2] > 0
    pixels = np.where(front[:, None], rows[:, U : V + 1], np.nan)
    return People(
        start=start,
        track=track,
        joints3d=_scatter(points, cell, len(track), np.nan),
        joints2d=_scatter(pixels, cell, len(track), np.nan),
        flags=_scatter(_flags(rows, pixels), cell, len(track), 0),
        old_axes=old_axes,
    )


def _check_values(rows: Floats, path: Path) -> None:
    whole = rows[:, [FRAME, PERSON, JOINT, OCCLUDED, SELF_OCCLUDED]]
    least, most = (
        np.array([1, 1 - _LARGEST_ID, 0, 0, 0]),
        np.array([FRAMES, _LARGEST_ID - 1, JOINTS - 1, 1, 1]),
    )
    wrong = ((whole != np.floor(whole)) | (whole < least) | (whole > most)).any(axis=1)
    wrong |= (np.abs(rows[:, U : V + 1]) > _FURTHEST_PX).any(axis=1)
    wrong |= (np.abs(rows[:, V + 1 : Z + 1]) > _FURTHEST_M).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{path}: the row {rows[row].tolist()} is no joint of JTA - at $[{row}]",
            expected="frame 1 to 900, whole person id, joint 0 to 21, pixels, metres, and two flags 0 or 1",
            action="check that the file belongs to JTA, and download it again if it does",
        )


def _in_camera_frame(rows: Floats, path: Path) -> tuple[Floats, bool]:
    """Points (N, 3) in the camera frame, and whether the file has the axes of the earlier release."""
    points = rows[:, X : Z + 1]
    if _projects(points, rows):
        return points, False
    # y_new = -z_old, z_new = y_old: a comment in the official to_poses.py
    converted = points[:, [0, 2, 1]] * np.array([1.0, -1.0, 1.0])
    if _projects(converted, rows):
        return converted, True
    raise InputError(
        f"{path}: the 3D joints do not project onto the 2D joints, in no known convention of axes",
        expected=f"x right, y down, z forward in metres, and most joints within {_SAME_PX:g} px",
        action="check that the file is as it was downloaded",
    )


def _projects(points: Floats, rows: Floats) -> bool:
    """Whether most points project onto their pixels; only pixels inside the image are asked."""
    pixels = rows[:, U : V + 1]
    inside = np.all((pixels >= 0) & (pixels <= [WIDTH, HEIGHT]), axis=1)
    if not inside.any():
        return True
    found = project(points[inside], INTRINSICS, np.zeros(8))
    same = (np.abs(found - pixels[inside]) <= _SAME_PX).all(axis=1)
    return float(same.mean()) > _MOST


def _people(frame: Integers, person: Integers) -> tuple[Integers, Integers, Integers]:
    """Offsets (901,) and ids (P,) of people, and the person (N,) of each row.

    Rows of one person in one frame mostly follow each other, so runs of them are sorted instead of rows.
    """
    ends = np.flatnonzero((np.diff(frame) != 0) | (np.diff(person) != 0)) + 1
    first = np.concatenate([[0], ends])[: len(frame)].astype(np.int64)
    pairs = np.stack([frame[first], person[first]], axis=1)
    unique, appears, run = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    order = np.lexsort((appears, unique[:, 0]))  # by frame, then as they appear in the file
    place = np.zeros(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    counts = np.bincount(unique[:, 0], minlength=FRAMES + 1)[1:]
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    owner = np.repeat(place[run.reshape(-1)], np.diff(np.append(first, len(frame))))
    return start, unique[order, 1], owner


def _check_once(rows: Floats, cell: Integers, path: Path) -> None:
    if np.bincount(cell, minlength=1).max() <= 1:
        return
    order = np.argsort(cell, kind="stable")
    row = int(order[1:][np.diff(cell[order]) == 0].min())
    frame, person, joint = rows[row, :3].astype(np.int64)
    raise InputError(
        f"{path}: joint {joint} of person {person} in frame {frame} is there twice - the second at $[{row}]",
        expected="one row for each joint",
        action="download the file again",
    )


def _flags(rows: Floats, pixels: Floats) -> npt.NDArray[np.uint8]:
    hidden, by_itself = rows[:, OCCLUDED] > 0, rows[:, SELF_OCCLUDED] > 0
    inside = inside_image(pixels, (WIDTH, HEIGHT))
    flags = (
        JointFlag.LABELLED_3D
        | np.where(np.isfinite(pixels[:, 0]), JointFlag.LABELLED_2D, 0)
        | np.where(hidden, JointFlag.OCCLUDED, 0)
        | np.where(by_itself, JointFlag.SELF_OCCLUDED, 0)
        | np.where(hidden | by_itself, 0, JointFlag.VISIBLE)
        | np.where(inside, 0, JointFlag.OUT_OF_IMAGE)
    )
    return flags.astype(np.uint8)


def _scatter(values: npt.NDArray[Any], cell: Integers, people: int, absent: float) -> npt.NDArray[Any]:
    """Values (N, ...) of rows as values (P, 22, ...) of joints."""
    joints = np.full((people * JOINTS, *values.shape[1:]), absent, dtype=values.dtype)
    joints[cell] = values
    return joints.reshape(people, JOINTS, *values.shape[1:])
