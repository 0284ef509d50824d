"""The annotation files of MPI-INF-3DHP: annot.mat (training, version 5) and annot_data.mat (test, HDF5).

Both give 2D joints in pixels and two sets of 3D joints in millimetres of the camera's frame: `annot3`, the
true size, which projects onto the 2D joints (mean distance 0.13 to 0.26 px), and `univ_annot3`, scaled about
the pelvis to one height for everybody, which does not.

Source: the data set's README and util; akanazawa/hmr, anibali/margipose and vegesm/pose_refinement (shapes).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.datasets.raw.kept import kept
from mhbench.datasets.raw.matlab import read_matlab5, read_matlab73
from mhbench.errors import InputError
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

TRAINING_JOINTS: Final = 28
TEST_JOINTS: Final = 17
ACTIVITIES: Final = (
    "Standing/Walking",
    "Exercising",
    "Sitting",
    "Reaching/Crouching",
    "On The Floor",
    "Sports",
    "Miscellaneous",
)
_PARTS: Final = {"annot2": 2, "annot3": 3, "univ_annot3": 3}  # numbers of a joint
_FURTHEST: Final = 1e5  # mm or px; no joint is 100 m away


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """The poses of one camera, as they are in the file.

    Attributes:
        pixels: (F, J, 2) px, `annot2`.
        metric: (F, J, 3) mm, camera frame, `annot3`.
        universal: (F, J, 3) mm, `univ_annot3`.
        valid: (F,) bool, `valid_frame`; all True in training.
        activity: (F,) uint8, 1 to 7; 0 in training, which has none.
    """

    pixels: Floats
    metric: Floats
    universal: Floats
    valid: npt.NDArray[np.bool_]
    activity: npt.NDArray[np.uint8]

    def rows(self, index: npt.NDArray[np.int64]) -> Poses:
        """The poses of some rows."""
        return Poses(*(getattr(self, part.name)[index] for part in fields(self)))

    def with_sides_exchanged(self, rows: npt.NDArray[np.bool_]) -> Poses:
        """The poses with left and right joints exchanged in some rows."""
        order = skeleton("mpi_28" if self.pixels.shape[1] == TRAINING_JOINTS else "mpi_17").mirrored
        parts = {name: getattr(self, name).copy() for name in ("pixels", "metric", "universal")}
        for part in parts.values():
            part[rows] = part[rows][:, order]
        return replace(self, **parts)


def training_size(path: Path) -> tuple[tuple[int, ...], int]:
    """The camera of each cell of an annot.mat and its number of rows, without reading the poses.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, or its rows are not numbered 0, 1, 2, ...
    """
    found = read_matlab5(path, ("cameras", "frames"))
    cameras, frames = (np.ravel(found[name]) for name in ("cameras", "frames"))
    if cameras.dtype.kind not in "fiu" or len(set(cameras.tolist())) != len(cameras):
        raise _unfit(path, "`cameras` does not give one camera for each cell")
    if frames.dtype.kind not in "fiu" or not np.array_equal(frames, np.arange(len(frames))):
        raise _unfit(path, "`frames` does not count the rows 0, 1, 2, ...")
    return tuple(int(camera) for camera in cameras), len(frames)


def read_training(path: Path, camera: str, length: int) -> Poses:
    """The first `length` rows of one camera of an annot.mat.

    The file of the last sequence is kept: it holds all cameras.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, has no such camera, its parts differ in length, or a row is no pose.
    """
    cameras, rows = training_size(path)
    if int(camera) not in cameras:
        raise _unfit(path, f"`cameras` has no camera {camera}, only {', '.join(map(str, cameras))}")
    cells, cell = _cells(path), cameras.index(int(camera))
    found = {}
    for name, numbers in _PARTS.items():
        values = np.asarray(cells[name][cell]) if cell < len(cells[name]) else np.zeros(0)
        if values.shape != (rows, TRAINING_JOINTS * numbers) or values.dtype.kind not in "fiu":
            wanted = (rows, TRAINING_JOINTS * numbers)
            raise _unfit(path, f"`{name}` of camera {camera} has the shape {values.shape} and not {wanted}")
        found[name] = values[:length].astype(np.float64).reshape(-1, TRAINING_JOINTS, numbers)
        _check_range(path, f"`{name}` of camera {camera}", found[name], np.ones(length, dtype=np.bool_))
    return Poses(
        pixels=found["annot2"],
        metric=found["annot3"],
        universal=found["univ_annot3"],
        valid=np.ones(length, dtype=np.bool_),
        activity=np.zeros(length, dtype=np.uint8),
    )


def read_test(path: Path) -> Poses:
    """The poses of an annot_data.mat; those of frames that are not valid may be anything, NaN too.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, its parts differ in length, or a row that counts is no pose.
    """
    found = read_matlab73(path, (*_PARTS, "valid_frame", "activity_annotation"))
    marks = {name: np.ravel(found[name]) for name in ("valid_frame", "activity_annotation")}
    frames = len(marks["valid_frame"])
    for name, most in (("valid_frame", 1), ("activity_annotation", len(ACTIVITIES))):
        if marks[name].dtype.kind not in "fiub" or not np.isin(marks[name], np.arange(most + 1)).all():
            raise _unfit(path, f"`{name}` holds other values than 0 to {most}")
        if len(marks[name]) != frames:
            raise _unfit(path, f"`{name}` has {len(marks[name])} frames and `valid_frame` {frames}")
    valid = marks["valid_frame"].astype(np.bool_)
    poses = {}
    for name, numbers in _PARTS.items():
        values = np.asarray(found[name])
        # MATLAB drops the last axis of a single frame
        if values.ndim == 3 and frames == 1:
            values = values[..., None]
        if values.shape != (numbers, TEST_JOINTS, 1, frames) or values.dtype.kind not in "fiu":
            wanted = (numbers, TEST_JOINTS, 1, frames)
            raise _unfit(path, f"`{name}` has the shape {values.shape} and not {wanted}")
        poses[name] = np.ascontiguousarray(values[:, :, 0].transpose(2, 1, 0), dtype=np.float64)
        _check_range(path, f"`{name}`", poses[name], valid)
    return Poses(
        pixels=poses["annot2"],
        metric=poses["annot3"],
        universal=poses["univ_annot3"],
        valid=valid,
        activity=marks["activity_annotation"].astype(np.uint8),
    )


# A worker meets the cameras of a sequence one after the other; 12,000 frames of all 14 take 0.3 GB.
@kept(1)
def _cells(path: Path) -> dict[str, npt.NDArray[Any]]:
    found = read_matlab5(path, tuple(_PARTS))
    for name in _PARTS:
        if found[name].dtype.kind != "O":
            raise _unfit(path, f"`{name}` is no cell array")
    return {name: np.ravel(found[name]) for name in _PARTS}


def _check_range(path: Path, part: str, values: Floats, counted: npt.NDArray[np.bool_]) -> None:
    far = np.flatnonzero(~np.all(np.abs(values) < _FURTHEST, axis=(1, 2)) & counted)
    if len(far):
        raise _unfit(path, f"row {far[0]} (from 0) of {part} holds a NaN or a value of {_FURTHEST:g} or more")


def _unfit(path: Path, fault: str) -> InputError:
    return InputError(
        f"{path}: {fault}",
        expected="the layout of the official release, millimetres and pixels",
        action="download the file again",
    )
