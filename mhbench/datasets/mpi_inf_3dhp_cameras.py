"""The cameras of MPI-INF-3DHP: Skeletool's text for the training sequences, Captury's for the test sequences.

Both give a world with y up, in millimetres. All cameras are pinholes: training files say `radial 0`, and the
test annotations project without the distortion that one of the test files names. The camera that the file
gives for TS1 to TS4 fits the annotations of TS1 within 0.2 px, those of TS2 are 6 px away from it.

Sources: the data set's README and util; the values of the test files as found in public projects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.cameras import Camera
from mhbench.datasets.raw.files import read_bytes
from mhbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

CAMERAS: Final = tuple(str(number) for number in range(14))
VNECT_CAMERAS: Final = ("0", "1", "2", "4", "5", "6", "7", "8")  # mpii_get_camera_set; the default download
TEST_CAMERA: Final = "0"
TEST_SIZES: Final[Mapping[str, tuple[int, int]]] = {
    **dict.fromkeys(("TS1", "TS2", "TS3", "TS4"), (2048, 2048)),
    **dict.fromkeys(("TS5", "TS6"), (1920, 1080)),
}
_METRES: Final = 0.001
_SIZE_LIMIT: Final = 1 << 20  # bytes; a file of 14 cameras has 4 kB
_ORTHOGONAL: Final = 1e-4  # the files give seven digits
_MATRIX: Final = 16
_MOST_PX: Final = 10**6  # width or height of an image


@dataclass(frozen=True, slots=True)
class _Filmed:
    """A camera as Captury describes it: millimetres of sensor and world, y up."""

    sensor: tuple[float, ...]
    focal: float
    aspect: float
    offset: tuple[float, ...]
    origin: tuple[float, ...]
    up: tuple[float, ...]
    right: tuple[float, ...]


# What the two files of test_util say, for copies of the data set without that folder.
_KNOWN: Final[Mapping[str, _Filmed]] = {
    "ts1-4cameras.calib": _Filmed(
        sensor=(10, 10),
        focal=7.32506,
        aspect=1.00044,
        offset=(-0.0322884, 0.0929296),
        origin=(3427.28, 1387.86, 309.42),
        up=(-0.208215, 0.976233, 0.06014),
        right=(0.000575281, 0.0616098, -0.9981),
    ),
    "ts5-6cameras.calib": _Filmed(
        sensor=(10, 5.625),
        focal=8.770747185,
        aspect=0.993236423,
        offset=(-0.104908645, 0.104899704),
        origin=(-2104.3074, 1038.6707, -4596.6367),
        up=(0.025272345, 0.995038509, 0.096227370),
        right=(-0.939647257, -0.009210289, 0.342020929),
    ),
}


def read_calibration(path: Path) -> dict[str, Camera]:
    """The cameras of a `camera.calibration` by name, `0` to `13`; metres, world with y up.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is empty, cut short or damaged, or a camera is distorted.
    """
    lines = _lines(path)
    if not lines or lines[0][:2] != ["Skeletool", "Camera"]:
        raise _broken(path, "does not begin as a calibration of the data set does")
    blocks: dict[str, dict[str, list[str]]] = {}
    fields: dict[str, list[str]] = {}
    for key, *words in lines[1:]:
        if key == "name":
            fields = blocks.setdefault(" ".join(words), {})
        fields[key] = words
    return {name: _training_camera(path, name, block) for name, block in blocks.items()}


def training_camera(path: Path, name: str) -> Camera:
    """One camera of a `camera.calibration` (see `read_calibration`).

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, or does not have the camera.
    """
    cameras = read_calibration(path)
    if name not in cameras:
        raise _broken(path, f"has no camera {name}, only {', '.join(cameras) or 'none'}")
    return cameras[name]


def filmed_calibration(folder: Path, sequence: str) -> Path:
    """The calibration file of a test sequence, which need not be there; `folder` holds TS1 to TS6."""
    name = "ts5-6cameras.calib" if sequence in {"TS5", "TS6"} else "ts1-4cameras.calib"
    return folder / "test_util" / "camera_calibration" / name


def filmed_camera(folder: Path, sequence: str) -> Camera:
    """The camera of a test sequence, from its file or, where there is none, from what that file says.

    Raises:
        InputError: the file is damaged.
    """
    path = filmed_calibration(folder, sequence)
    filmed = _read_filmed(path) if path.is_file() else _KNOWN[path.name]
    width, height = TEST_SIZES[sequence]
    horizontal, vertical = width / filmed.sensor[0], height / filmed.sensor[1]
    K = np.array(
        [
            [horizontal * filmed.focal, 0, width / 2 + horizontal * filmed.offset[0]],
            [0, vertical * filmed.focal * filmed.aspect, height / 2 + vertical * filmed.offset[1]],
            [0, 0, 1],
        ]
    )
    right, up = np.array(filmed.right), np.array(filmed.up)
    R = np.stack([right, -up, np.cross(up, right)])
    origin = np.array(filmed.origin) * _METRES
    return _checked(path, Camera(K=K, R=R, t=-np.einsum("ij,j->i", R, origin), width=width, height=height))


def _read_filmed(path: Path) -> _Filmed:
    fields = {key: words for key, *words in _lines(path)}
    sensor = _numbers(path, fields, "sensorSize", 2)
    if min(sensor) <= 0:
        raise _broken(path, "`sensorSize` is not above 0")
    return _Filmed(
        sensor=sensor,
        focal=_numbers(path, fields, "focalLength", 1)[0],
        aspect=_numbers(path, fields, "pixelAspect", 1)[0],
        offset=_numbers(path, fields, "centerOffset", 2),
        origin=_numbers(path, fields, "origin", 3),
        up=_numbers(path, fields, "up", 3),
        right=_numbers(path, fields, "right", 3),
    )


def _training_camera(path: Path, name: str, fields: Mapping[str, list[str]]) -> Camera:
    place = f"camera {name}: "
    width, height = _numbers(path, fields, "size", 2, place)
    intrinsic, extrinsic = (_matrix(path, fields, key, place) for key in ("intrinsic", "extrinsic"))
    if _numbers(path, fields, "radial", 1, place)[0] != 0:
        raise _broken(path, f"{place}`radial` is not 0, and the data set's cameras have no distortion")
    R, t = extrinsic[:3, :3], extrinsic[:3, 3] * _METRES
    return _checked(path, Camera(K=intrinsic[:3, :3], R=R, t=t, width=int(width), height=int(height)))


def _checked(path: Path, camera: Camera) -> Camera:
    off = np.abs(np.einsum("ij,kj->ik", camera.R, camera.R) - np.eye(3)).max()
    if not (
        off < _ORTHOGONAL
        and camera.K[0, 0] > 0 < camera.K[1, 1]
        and 0 < camera.width < _MOST_PX > camera.height > 0
    ):
        raise _broken(path, "describes no camera: its axes are not at right angles, or it has no size")
    return camera


def _matrix(path: Path, fields: Mapping[str, list[str]], key: str, place: str) -> npt.NDArray[np.float64]:
    return np.array(_numbers(path, fields, key, _MATRIX, place)).reshape(4, 4)


def _numbers(
    path: Path, fields: Mapping[str, list[str]], key: str, count: int, place: str = ""
) -> tuple[float, ...]:
    try:
        numbers = tuple(float(word) for word in fields[key])
    except KeyError as error:
        raise _broken(path, f"{place}there is no line `{key}`") from error
    except ValueError as error:
        raise _broken(path, f"{place}`{key}` holds {error}") from error
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise _broken(path, f"{place}`{key}` holds {len(numbers)} numbers and not {count} finite ones")
    return numbers


def _lines(path: Path) -> list[list[str]]:
    content = read_bytes(path, limit=_SIZE_LIMIT).decode("utf-8", errors="replace")
    words: Iterator[list[str]] = (line.partition("#")[0].split() for line in content.splitlines())
    return [line for line in words if line]


def _broken(path: Path, fault: str) -> InputError:
    return InputError(
        f"{path}: {fault}" if "`" in fault or "camera" in fault else f"{path} {fault}",
        expected="the calibration as the data set delivers it",
        action="download the file again",
    )
