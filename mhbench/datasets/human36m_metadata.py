"""Human3.6M's metadata.xml: which file belongs to which action, how long the videos are, and the cameras.

The file is part of the official code bundle (Release-v1.x), not of the data archives. Layout and camera
formulas: una-dinosauria/3d-pose-baseline (src/cameras.py) and the file itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import numpy as np

from mhbench.cameras import Camera
from mhbench.datasets.raw.files import read_bytes
from mhbench.datasets.raw.kept import kept
from mhbench.errors import InputError, MissingInputError, UnsafeInputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

CAMERAS: Final = ("54138969", "55011271", "58860488", "60457274")  # in the order of their numbers, 1 to 4
# Width and height of the videos; metadata.xml does not have them (open-mmlab/mmpose, preprocess_h36m.py).
IMAGE_SIZES: Final[Mapping[str, tuple[int, int]]] = {
    "54138969": (1000, 1002),
    "55011271": (1000, 1000),
    "58860488": (1000, 1000),
    "60457274": (1000, 1002),
}
SUBJECTS: Final = 11
ALL_ACTIONS: Final = "_ALL"  # stems of action 1: whole sessions, which no protocol uses
_SIZE_LIMIT: Final = 16 << 20  # bytes; the official file has 0.1 MB
_MILLIMETRES: Final = 1000.0
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_EXTRINSICS: Final = 6  # three angles and a position, for each camera and subject
_INTRINSICS: Final = 9  # fx fy cx cy k1 k2 k3 p1 p2, for each camera
_W0_LENGTH: Final = len(CAMERAS) * (SUBJECTS * _EXTRINSICS + _INTRINSICS)


@dataclass(frozen=True, slots=True)
class Take:
    """One recording of a subject.

    Attributes:
        stem: name of its files without camera and ending, such as `Directions 1`.
        action: name of the action, such as `Directions`.
        subaction: 1 or 2, as the mapping numbers them: not what the stem ends with.
        video_frames: frames of its video of each camera; empty where the file does not say.
    """

    stem: str
    action: str
    subaction: int
    video_frames: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Metadata:
    """What metadata.xml says.

    Attributes:
        path: the file.
        takes: takes of each subject (`S1` to `S11`) by stem, in the order of actions; without `_ALL`.
        w0: (300,) float64 camera parameters.
    """

    path: Path
    takes: Mapping[str, Mapping[str, Take]]
    w0: npt.NDArray[np.float64]

    def camera(self, subject: str, name: str) -> Camera:
        """A camera as it stood for a subject, in metres.

        The file gives angles of `R = Rx Ry Rz` and the camera's position T: X_cam = R (X - T).
        """
        position = CAMERAS.index(name)
        start = _EXTRINSICS * (position * SUBJECTS + int(subject[1:]) - 1)
        extrinsics = self.w0[start : start + _EXTRINSICS]
        start = _EXTRINSICS * SUBJECTS * len(CAMERAS) + _INTRINSICS * position
        fx, fy, cx, cy, k1, k2, k3, p1, p2 = self.w0[start : start + _INTRINSICS]
        R = _rotation(extrinsics[:3])
        width, height = IMAGE_SIZES[name]
        return Camera(
            K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
            distortion=np.array([k1, k2, p1, p2, k3, 0, 0, 0]),
            lens="human36m",
            R=R,
            t=-np.einsum("ij,j->i", R, extrinsics[3:]) / _MILLIMETRES,
            width=width,
            height=height,
        )


def metadata_path(raw: Path) -> Path:
    """Where metadata.xml is: in the raw root, or in a folder of it such as Release-v1.2.

    Raises:
        MissingInputError: it is in neither.
    """
    for path in (raw / "metadata.xml", *sorted(raw.glob("*/metadata.xml"))):
        if path.is_file():
            return path
    raise MissingInputError(
        f"{raw} holds no metadata.xml, which names the files and holds the cameras",
        expected=f"{raw / 'metadata.xml'}, or the folder Release-v1.x it came in",
        action="it is in the official code bundle, not in the data archives: copy it into the raw root",
    )


@kept(2)
def read_metadata(path: Path) -> Metadata:
    """Read metadata.xml; read once as long as it does not change.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, or lacks the mapping or the cameras.
        UnsafeInputError: it declares XML entities, which could grow without bounds.
    """
    root = _parse(path)
    cameras = tuple((item.text or "").strip() for item in root.iterfind("dbcameras/index2id/item"))
    if cameras != CAMERAS:
        raise _broken(path, f"dbcameras/index2id names the cameras {', '.join(cameras) or '(none)'}")
    return Metadata(path=path, takes=_takes(path, root), w0=_camera_numbers(path, root))


def _parse(path: Path) -> ET.Element:
    content = read_bytes(path, limit=_SIZE_LIMIT)
    if not content.strip():
        raise _broken(path, "it is empty")
    try:
        text = content.decode("utf-8")
        if "<!ENTITY" in text or "<!DOCTYPE" in text:
            raise UnsafeInputError(
                f"{path} declares XML entities",
                expected="the metadata.xml of the code bundle, which has none",
                action="take the file from the official site",
            )
        return ET.fromstring(text)  # noqa: S314 - entities, which the rule is about, are refused above
    except (UnicodeDecodeError, ET.ParseError, ValueError) as error:
        raise _broken(path, str(error)) from error


def _takes(path: Path, root: ET.Element) -> dict[str, dict[str, Take]]:
    rows = _cells(root, "mapping")
    subjects = rows[0][2:] if rows else []
    if sorted(subjects) != sorted(f"S{number}" for number in range(1, SUBJECTS + 1)):
        raise _broken(path, "the table `mapping` has no heading with the subjects S1 to S11")
    # Rows below those of the actions end the official table.
    numbered = [row for row in rows[1:] if len(row) > 1 and all(_NUMBER.fullmatch(cell) for cell in row[:2])]
    lengths = _cells(root, "frames")
    actions = [(item.text or "").strip() for item in root.iterfind("actionnames/item")]
    takes: dict[str, dict[str, Take]] = {subject: {} for subject in subjects}
    for number, row in enumerate(numbered):
        if len(row) != 2 + SUBJECTS or not 1 <= int(row[0]) <= len(actions):
            raise _broken(path, f"row {number + 1} of the table `mapping` fits no action or lacks subjects")
        for column, (subject, stem) in enumerate(zip(subjects, row[2:], strict=True)):
            if stem and not stem.startswith(ALL_ACTIONS):
                # The first cell of each row of `frames` is empty; one row for each subject follows the order
                # of the heading, one cell for each row of the mapping.
                cells = lengths[column] if column < len(lengths) else []
                length = _video_frames(cells[number + 1] if number + 1 < len(cells) else "")
                takes[subject][stem] = Take(stem, actions[int(row[0]) - 1], int(row[1]), length)
    return takes


def _cells(root: ET.Element, table: str) -> list[list[str]]:
    rows = root.iterfind(f"{table}/tr")
    return [[(cell.text or "").strip() for cell in row.iterfind("td")] for row in rows]


def _video_frames(cell: str) -> dict[str, int]:
    numbers = cell.strip("[]").split()
    if len(numbers) < len(CAMERAS) or not all(_NUMBER.fullmatch(number) for number in numbers):
        return {}
    return {name: int(number) for name, number in zip(CAMERAS, numbers[: len(CAMERAS)], strict=True)}


def _camera_numbers(path: Path, root: ET.Element) -> npt.NDArray[np.float64]:
    words = (root.findtext("w0") or "").strip().strip("[]").split()
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError as error:
        raise _broken(path, f"w0 holds {error}") from error
    if len(numbers) != _W0_LENGTH or not np.isfinite(numbers).all():
        raise _broken(path, f"w0 holds {int(np.isfinite(numbers).sum())} finite numbers and not {_W0_LENGTH}")
    numbers.setflags(write=False)  # shared by all readers of the cache
    return numbers


def _rotation(angles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    (sx, sy, sz), (cx, cy, cz) = np.sin(angles), np.cos(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(np.einsum("ij,jk,kl->il", about_x, about_y, about_z))


def _broken(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is not the metadata.xml of Human3.6M, or damaged: {reason}",
        expected="the file of the official code bundle (Release-v1.x)",
        action="copy it from the bundle again",
    )
