"""What a network must be for `mhbench run`: any class with a skeleton and a method `predict`.

    class MyNetwork:
        def __init__(self, setup: Setup) -> None: ...
        skeleton = "panoptic_19"
        def predict(self, frames: Sequence[InputFrame]) -> Sequence[Poses]: ...

Nothing needs to be inherited or registered; `mhbench run package.module:MyNetwork` finds it. Optional
attributes: `space` ("camera" unless said otherwise), `root` (of space "root"), `trained_on`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - a field of a dataclass that is shown
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from mhbench.errors import PredictionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.cameras import Camera

LOOSE_WIDTH = 5


@dataclass(frozen=True, slots=True)
class Setup:
    """What the command line asked for; given to the network's class.

    Attributes:
        weights: files or folders of weights, as given.
        device: such as `cpu`, `cuda` or `cuda:1`; it is there.
        precision: fp32, fp16 or bf16.
        dataset: id of the data set.
        skeleton: skeleton of the data set.
        compiled: torch.compile is wanted, for networks that have a use for it.
    """

    weights: tuple[Path, ...]
    device: str
    precision: str
    dataset: str
    skeleton: str
    compiled: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class InputFrame:
    """One frame to predict.

    Attributes:
        id: `<sequence>/<camera>/<index>`.
        image: (H, W, 3) uint8 RGB, the original, distorted image.
        camera: intrinsics, lens and pose; None where the data set has none.
    """

    id: str
    image: npt.NDArray[np.uint8]
    camera: Camera | None


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """The people of one frame; at least `joints3d` or `joints2d`, and the same ones for every frame.

    Attributes:
        joints3d: (P, J, 3) metres in the network's space; a joint that was not found is NaN as a whole.
        joints2d: (P, J, 2) px of the original image, likewise.
        scores: (P,) confidence of each person, higher is better.
        joint_scores: (P, J).
        loose: (N, 5) joint, x, y, z, score of joints that belong to nobody.
    """

    joints3d: npt.NDArray[np.floating[Any]] | None = None
    joints2d: npt.NDArray[np.floating[Any]] | None = None
    scores: npt.NDArray[np.floating[Any]] | None = None
    joint_scores: npt.NDArray[np.floating[Any]] | None = None
    loose: npt.NDArray[np.floating[Any]] | None = None

    @property
    def columns(self) -> dict[str, npt.NDArray[np.floating[Any]]]:
        """What it holds by name, without the loose joints."""
        names = {
            "joints3d": "joints3d",
            "joints2d": "joints2d",
            "score": "scores",
            "joint_scores": "joint_scores",
        }
        return {
            column: getattr(self, name) for column, name in names.items() if getattr(self, name) is not None
        }


@runtime_checkable
class Network(Protocol):
    """What `mhbench run` needs (see the module's description)."""

    skeleton: str

    def predict(self, frames: Sequence[InputFrame]) -> Sequence[Poses]:
        """The people of each frame, in the frames' order."""


def check_poses(poses: Poses, joints: int, frame_id: str) -> None:
    """Refuse what no predictions file can hold.

    Args:
        poses: what a network gave for a frame.
        joints: number of joints of its skeleton.
        frame_id: the frame, for the message.

    Raises:
        PredictionError: a wrong shape or type, an infinite number, half a joint, a score that is NaN, or a
            person without any joint; the message names frame, array and person.
    """
    if not isinstance(poses, Poses):
        raise _wrong(frame_id, f"a {type(poses).__name__}", "one mhbench.models.protocol.Poses per frame")
    columns = poses.columns
    points = {name: column for name, column in columns.items() if name in {"joints3d", "joints2d"}}
    if not points:
        raise _wrong(frame_id, "no joints", "joints3d or joints2d (with no rows where nobody is)")
    people = len(next(iter(points.values())))
    shapes = {
        "joints3d": (people, joints, 3),
        "joints2d": (people, joints, 2),
        "score": (people,),
        "joint_scores": (people, joints),
    }
    for name, column in columns.items():
        have = (getattr(column, "dtype", None), getattr(column, "shape", None))
        if getattr(have[0], "kind", "") != "f" or have[1] != shapes[name]:
            raise _wrong(
                frame_id, f"{name} of type {have[0]} and shape {have[1]}", f"floats of shape {shapes[name]}"
            )
    for name, column in points.items():
        _check_points(name, column, frame_id)
    _check_finite({name: column for name, column in columns.items() if name not in points}, frame_id)
    if poses.loose is not None:
        if poses.loose.ndim != 2 or poses.loose.shape[1] != LOOSE_WIDTH:
            raise _wrong(frame_id, f"loose of shape {poses.loose.shape}", "(N, 5): joint, x, y, z, score")
        _check_finite({"loose": poses.loose}, frame_id)
        named = poses.loose[:, 0]
        if np.any((named != np.rint(named)) | (named < 0) | (named >= joints)):
            raise _wrong(frame_id, "a loose joint of no number", f"0 to {joints - 1}")


def _check_points(name: str, column: npt.NDArray[np.floating[Any]], frame_id: str) -> None:
    if np.isinf(column).any():
        raise _wrong(
            frame_id, f"an infinite number in {name}", "finite numbers, NaN for a joint that is missing"
        )
    missing = np.isnan(column)
    half = missing.any(axis=2) & ~missing.all(axis=2)
    if half.any():
        person, joint = np.argwhere(half)[0].tolist()
        raise _wrong(
            frame_id, f"NaN in a part of {name}[{person}, {joint}]", "whole joints, or NaN as a whole"
        )
    lost = np.flatnonzero(missing.all(axis=(1, 2)))
    if lost.size:
        raise _wrong(frame_id, f"only NaN for person {lost[0]} in {name}", "people with at least one joint")


def _check_finite(columns: dict[str, npt.NDArray[np.floating[Any]]], frame_id: str) -> None:
    for name, column in columns.items():
        if not np.isfinite(column).all():
            raise _wrong(frame_id, f"a number in {name} that is not finite", "finite numbers")


def _wrong(frame_id: str, what: str, expected: str) -> PredictionError:
    return PredictionError(
        f"the network gave {what} for the frame {frame_id}",
        expected=expected,
        action="correct its predict(); in half precision, try --precision bf16 or fp32",
    )
