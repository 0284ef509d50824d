"""The pose files of Human3.6M: CDF files in two folder trees, and HDF5 files of a derived archive.

    S9/MyPoseFeatures/D3_Positions/<stem>.cdf         as the archives unpack      world, mm
    S9/Poses_D3_Positions/<stem>.cdf                  renamed by h36m-fetch
    S9/MyPoses/3D_positions/<stem>.h5                 derived (3d-pose-baseline)
    .../D3_Positions_mono/<stem>.<camera>.cdf         camera frame, mm
    .../D2_Positions/<stem>.<camera>.cdf              original image, px
    S9/MySegmentsMat/ground_truth_bb/<stem>.<camera>.mat    masks of the actor

Sources: nkolot/SPIN, anibali/h36m-fetch, facebookresearch/VideoPose3D (how each unpacks them).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.datasets.human36m_metadata import ALL_ACTIONS, CAMERAS
from mhbench.datasets.raw.cdf import read_cdf
from mhbench.datasets.raw.kept import kept
from mhbench.datasets.raw.matlab import read_matlab73
from mhbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.datasets.human36m_metadata import Metadata, Take

    Floats = npt.NDArray[np.float64]

JOINTS: Final = 32
WORLD: Final = "D3_Positions"
MONO: Final = "D3_Positions_mono"
PIXELS: Final = "D2_Positions"
BOXES: Final = "MySegmentsMat/ground_truth_bb"
DERIVED: Final = "MyPoses/3D_positions"  # HDF5 files
TREES: Final = ("MyPoseFeatures/", "Poses_")  # what stands before the names above
_DERIVED_VARIABLE: Final = "3D_positions"
_SIZE_LIMIT: Final = 64 << 20  # bytes unpacked; the longest take has 2.5 MB
_FURTHEST: Final = 1e5  # mm or px; the room is 6 m wide
_STEM: Final = re.compile(rf"(?P<stem>.+?)(?:\.(?:{'|'.join(CAMERAS)}))?\.(?:cdf|h5)")


@dataclass(frozen=True, slots=True)
class TakeOnDisk:
    """A take that has 3D pose files; `take` is None for a stem that metadata.xml does not have."""

    subject: Path
    stem: str
    take: Take | None

    @property
    def sequence(self) -> str:
        """Name of the sequence, such as `S9_Directions_1`."""
        return f"{self.subject.name}_{self.stem.replace(' ', '_')}"


def subject_folders(raw: Path) -> list[Path]:
    """Folders of the raw root called as subjects are, S1 to S11, in the order of their numbers."""
    found = [folder for folder in raw.glob("S*") if re.fullmatch(r"S([1-9]|10|11)", folder.name)]
    return sorted((folder for folder in found if folder.is_dir()), key=lambda folder: int(folder.name[1:]))


def takes_on_disk(raw: Path, metadata: Metadata) -> list[TakeOnDisk]:
    """Every take with 3D pose files, once, under the stem that metadata.xml has; without `_ALL`."""
    takes: dict[tuple[str, str], TakeOnDisk] = {}
    for subject in subject_folders(raw):
        known = metadata.takes[subject.name]
        official = {archive_name(stem): stem for stem in known} | {stem: stem for stem in known}
        for name in _stems(subject):
            stem = official.get(name, name)
            takes[subject.name, stem] = TakeOnDisk(subject, stem, known.get(stem))
    return list(takes.values())


def archive_name(stem: str) -> str:
    """How the derived archive calls a stem: the longer names that S1 alone has are shortened there."""
    return stem.replace("TakingPhoto", "Photo").replace("WalkingDog", "WalkDog")


def pose_file(subject: Path, stem: str, camera: str) -> Path:
    """The file with the 3D poses of a take: world poses before those in the camera frame.

    Where there is none, the official place of the poses in the camera frame, so that it can be named.
    """
    places = [(f"{tree}{WORLD}", ".cdf") for tree in TREES] + [(DERIVED, ".h5")]
    places += [(f"{tree}{MONO}", f".{camera}.cdf") for tree in TREES]
    return _first(subject, places, stem) or subject / f"{TREES[0]}{MONO}" / f"{stem}.{camera}.cdf"


def pixel_file(subject: Path, stem: str, camera: str) -> Path | None:
    """The file with the 2D poses of a take, if there is one."""
    return _first(subject, [(f"{tree}{PIXELS}", f".{camera}.cdf") for tree in TREES], stem)


def box_file(subject: Path, stem: str, camera: str) -> Path | None:
    """The file with the boxes of a take, if there is one."""
    return _first(subject, [(BOXES, f".{camera}.mat")], stem)


def _first(subject: Path, places: Sequence[tuple[str, str]], stem: str) -> Path | None:
    names = dict.fromkeys((stem, archive_name(stem)))
    paths = (subject / folder / f"{name}{ending}" for folder, ending in places for name in names)
    return next((path for path in paths if path.is_file()), None)


def in_camera_frame(path: Path) -> bool:
    """Whether a 3D pose file holds poses in the frame of its camera, and not in the world."""
    return path.parent.name.endswith(MONO)


@kept(4)
def read_poses(path: Path, dimensions: int) -> Floats:
    """The poses of a file as they are: (F, 32, 3) mm or (F, 32, 2) px, float64, not to be written to.

    The files of the last takes are kept: all cameras share the world poses.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged or of another format, has no poses or poses of another size, or holds values
            that are no measurement.
    """
    if path.suffix == ".h5":
        found = read_matlab73(path, (_DERIVED_VARIABLE,), limit=_SIZE_LIMIT)[_DERIVED_VARIABLE]
    else:
        found = read_cdf(path, limit=_SIZE_LIMIT)
    # Readers differ in whether they drop the axis of the single record.
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu" or found.ndim not in {2, 3}:
        raise _unfit(path, dimensions, "holds no array of numbers")
    if found.shape[-1] != JOINTS * dimensions or (found.ndim == 3 and len(found) != 1) or not found.size:
        raise _unfit(path, dimensions, f"holds an array of shape {found.shape}")
    with np.errstate(invalid="ignore"):  # a NaN of the signalling kind, which is refused below
        poses = found.reshape(-1, JOINTS, dimensions).astype(np.float64)
    wrong = np.flatnonzero(~np.all(np.abs(poses) < _FURTHEST, axis=(1, 2)))
    if len(wrong):
        raise InputError(
            f"{path}: pose {wrong[0]} (from 0) holds a NaN or a value of {_FURTHEST:g} or more",
            expected="millimetres, or pixels in D2_Positions, of one room",
            action="download or extract the file again",
        )
    poses.setflags(write=False)
    return poses


def archives(raw: Path) -> Iterator[Path]:
    """Archives as they are downloaded, in the raw root, a folder of it, or where h36m-fetch puts them."""
    for pattern in ("*", "*/*", "archives/*/*"):
        for ending in (".tgz", ".tar.gz", ".tar", ".zip"):
            yield from sorted(raw.glob(f"{pattern}{ending}"))


def _stems(subject: Path) -> list[str]:
    """Stems of the 3D pose files of a subject as they are called in the folders."""
    found = set()
    folders = [f"{tree}{kind}" for tree in TREES for kind in (WORLD, MONO)]
    for folder in (subject / name for name in (*folders, DERIVED)):
        for name in os.listdir(folder) if folder.is_dir() else ():  # noqa: PTH208 - names are enough
            match = _STEM.fullmatch(name)
            if match and not match["stem"].startswith(ALL_ACTIONS):
                found.add(match["stem"])
    return sorted(found)


def _unfit(path: Path, dimensions: int, fault: str) -> InputError:
    return InputError(
        f"{path} {fault}",
        expected=f"poses (1, F, {JOINTS * dimensions}): {dimensions} numbers for each of {JOINTS} joints",
        action="check that the file is what its folder says, and extract it again if it is",
    )
