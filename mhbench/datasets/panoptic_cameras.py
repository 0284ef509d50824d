"""The calibration file of a CMU Panoptic sequence: 31 HD cameras among the other cameras of the dome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from mhbench.cameras import Camera
from mhbench.datasets.raw.json_files import Size, decode_json, read_json
from mhbench.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_CENTIMETRES: Final = 100.0
_OBLIQUE: Final = 1e-4  # the official cameras miss right angles by 1e-10
_SIZE_LIMIT: Final = 16 << 20  # bytes; a file of 520 cameras has 0.3 MB

_Row = tuple[float, float, float]


class _CameraName(msgspec.Struct):
    name: str
    type: str


class _Camera(msgspec.Struct):
    resolution: tuple[Size, Size]
    K: tuple[_Row, _Row, _Row]
    distortion: tuple[float, float, float, float, float] = msgspec.field(name="distCoef")
    R: tuple[_Row, _Row, _Row]
    t: tuple[tuple[float], tuple[float], tuple[float]]


class _Calibration(msgspec.Struct):
    cameras: list[msgspec.Raw]


def calibration_path(folder: Path) -> Path:
    """The calibration file of a sequence's folder."""
    return folder / f"calibration_{folder.name}.json"


def camera_types(path: Path) -> dict[str, str]:
    """Type (hd, vga, kinect-color) of every camera of a calibration file.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged.
    """
    return {camera.name: camera.type for camera, _ in _cameras(path)}


def hd_camera(path: Path, name: str) -> Camera:
    """One HD camera of a calibration file, in metres.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, or names the camera twice.
        UsageError: it has no such camera, or the camera is none of the HD cameras.
    """
    cameras = list(_cameras(path))
    check_hd(path, [name], {camera.name: camera.type for camera, _ in cameras})
    position, *others = [position for position, (camera, _) in enumerate(cameras) if camera.name == name]
    if others:
        raise InputError(
            f"{path}: two cameras have the name {name!r} - at $.cameras[{others[0]}].name",
            expected="each camera once",
            action="download the calibration again",
        )
    content = bytes(cameras[position][1])
    camera = decode_json(content, _Camera, str(path), root=f"$.cameras[{position}]")
    R = np.array(camera.R)
    if np.abs(R @ R.T - np.eye(3)).max() > _OBLIQUE or min(camera.K[0][0], camera.K[1][1]) <= 0:
        raise InputError(
            f"{path}: camera {name!r} is none: R is no rotation, or K has no focal length"
            f" - at $.cameras[{position}]",
            expected="axes at right angles and focal lengths above 0",
            action="download the calibration again",
        )
    distortion = np.zeros(8)
    distortion[:5] = camera.distortion
    width, height = camera.resolution
    return Camera(
        K=np.array(camera.K),
        distortion=distortion,
        lens="opencv",
        R=R,
        t=np.array(camera.t)[:, 0] / _CENTIMETRES,
        width=width,
        height=height,
    )


def check_hd(path: Path, names: Sequence[str], types: Mapping[str, str]) -> None:
    """Check that cameras exist and are HD cameras.

    Raises:
        UsageError: one does not exist, or its images are not numbered like the poses.
    """
    for name in names:
        if types.get(name) == "hd":
            continue
        fault = "does not exist"
        if name in types:
            # VGA frames are counted at 25 fps: a pose of the same number belongs to another moment.
            fault = f"is a {types[name]} camera, whose frames are not numbered like the poses"
        raise UsageError(
            f"camera {name!r} {fault} ({path})",
            expected=f"one of: {', '.join(sorted(one for one, kind in types.items() if kind == 'hd'))}",
            action="check the spelling",
        )


def _cameras(path: Path) -> Iterator[tuple[_CameraName, msgspec.Raw]]:
    for position, content in enumerate(read_json(path, _Calibration, limit=_SIZE_LIMIT).cameras):
        yield decode_json(bytes(content), _CameraName, str(path), root=f"$.cameras[{position}]"), content
