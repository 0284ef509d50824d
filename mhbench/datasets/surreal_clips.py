"""The clips of SURREAL: where they are, what a `_info.mat` holds, and the way from its mirror world to ours.

A clip's camera has a determinant of -1, so images show the mirror image of its bodies: what the files
call left is on the right of whoever is seen. Here the world is mirrored instead (its z axis turned round) and
the names of left and right change places, in 2D, in 3D and in the pose; the camera is then a rotation. The
mirror image of an SMPL body is the body of the mirrored pose, as far as the model is symmetric.

Sources: gulvarol/surreal (README, datageneration/misc/3Dto2D), gulvarol/bodynet (tools/smpl_utils.py,
training/util/dataloader/SURREAL.lua); the camera and the axes were measured on published clips.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.bodies import axis_angles_of, rotations_of
from mhbench.datasets.choosing import check_root
from mhbench.datasets.raw.matlab import read_matlab5
from mhbench.errors import InputError, MissingInputError
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

SPLITS: Final = ("train", "val", "test")
NAMES: Final = "namescmu.txt"
INTRINSICS: Final = np.array([[600.0, 0.0, 160.0], [0.0, 600.0, 120.0], [0.0, 0.0, 1.0]])
WIDTH: Final = 320
HEIGHT: Final = 240
_ROOTS: Final = ("cmu", "data/cmu", "SURREAL/data/cmu", ".")
_FILE: Final = re.compile(r"(?P<clip>.+_c\d{4,})_info\.mat")
_LINE: Final = re.compile(r"(?P<split>train|val|test)/(?P<run>run\d)/[^/]+/(?P<clip>[^/]+_c\d{4,})\.mp4\s*")
_JOINTS: Final = 24
_SHAPES: Final = {"joints2D": (2, _JOINTS), "joints3D": (3, _JOINTS), "pose": (72,), "shape": (10,)}
_GENDERS: Final = ("female", "male")
# the published camera, x right, y down, z forward; the second matrix takes bodies of the pose into the world
_CAMERA: Final = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
_UPRIGHT: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_WORLD_MIRROR: Final = np.diag([1.0, 1.0, -1.0])
_BODY_MIRROR: Final = np.diag([-1.0, 1.0, 1.0])  # SMPL's x axis points to the left of the body


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip of a motion capture sequence: `path` is its annotation file."""

    split: str
    run: str
    sequence: str
    name: str
    path: Path

    @property
    def identity(self) -> str:
        """Its name in frame ids: a clip of one name exists in several runs."""
        return f"{self.run}_{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """The F frames of a clip, left and right as they are seen in the image.

    Attributes:
        joints: (F, 24, 3) m, camera frame; NaN where the file has zeros.
        pixels: (F, 24, 2) px, whole numbers; NaN likewise.
        pose: (F, 72) rad, the root in the camera frame.
        betas: (F, 10).
        gender: female or male.
        R, t: (3, 3) and (3,) m, from the mirrored world to the camera.
    """

    joints: Floats
    pixels: Floats
    pose: Floats
    betas: Floats
    gender: str
    R: Floats
    t: Floats


def find_clips(raw: Path, splits: tuple[str, ...] = SPLITS) -> list[Clip]:
    """The clips of some splits, by split, run and name.

    Raises:
        MissingInputError: there is no such folder, or it holds none of the splits.
    """
    check_root(raw, "SURREAL, with cmu/{train,val,test}/")
    root = next((raw / one for one in _ROOTS if any((raw / one / split).is_dir() for split in SPLITS)), None)
    if root is None:
        raise MissingInputError(
            f"{raw} holds no clips of SURREAL",
            expected="cmu/{train,val,test}/run{0,1,2}/<sequence>/<sequence>_c%04d_info.mat",
            action="`mhbench datasets` says where to get them",
        )
    found = []
    for split in splits:
        for path in sorted((root / split).glob("run*/*/*_info.mat")):
            if match := _FILE.fullmatch(path.name):
                run, sequence = path.parts[-3:-1]
                found.append(Clip(split, run, sequence, match["clip"], path))
    return found


def count_frames(path: Path) -> int:
    """Number of frames of a clip.

    Raises:
        InputError: the file is missing or damaged.
    """
    return int(np.size(read_matlab5(path, ["zrot"])["zrot"]))


def bodynet_clips(raw: Path, clips: list[Clip]) -> set[str]:
    """The clips whose middle frame BodyNet tests on, as `<split>/<identity>`.

    By the authors' list (`namescmu.txt` of gulvarol/bodynet, in the raw root) if it is there; else the middle
    one, rounded up, of the clips of each sequence in each split. The authors' list is of the split val, which
    is a part of test.

    Raises:
        InputError: the list holds a line that names no clip.
    """
    listing = raw / NAMES
    if listing.is_file():
        return set(_listed(listing))
    of_sequence: dict[tuple[str, str], list[Clip]] = {}
    for clip in clips:
        of_sequence.setdefault((clip.split, clip.sequence), []).append(clip)
    middle = (ones[-(-len(ones) // 2) - 1] for ones in of_sequence.values())
    return {f"{clip.split}/{clip.identity}" for clip in middle}


def read_motion(path: Path) -> Motion:
    """The people of a clip.

    Raises:
        InputError: the file is missing or damaged, or holds what does not fit; the message says what.
    """
    content = read_matlab5(path, [*_SHAPES, "zrot", "gender", "camLoc"])
    zrot = _numbers(path, content, "zrot").ravel()
    # MATLAB drops a last axis of length one: the files of clips of one frame have an axis less
    arrays = {name: _per_frame(path, content, name, rows, len(zrot)) for name, rows in _SHAPES.items()}
    points, pixels = (np.swapaxes(arrays[name], 1, 2) for name in ("joints3D", "joints2D"))
    known = np.any(points != 0, axis=(1, 2))[:, None, None]
    place = _numbers(path, content, "camLoc").ravel()
    if place.shape != (3,):
        raise _misfit(path, "camLoc", content["camLoc"], "(3, 1)")
    swap = _swapped_joints()
    R = _CAMERA @ _WORLD_MIRROR
    return Motion(
        joints=np.where(known, np.einsum("ij,fkj->fki", _CAMERA, points - place)[:, swap], np.nan),
        pixels=np.where(known, pixels[:, swap], np.nan),
        pose=mirrored_pose(arrays["pose"], zrot),
        betas=arrays["shape"],
        gender=_gender(path, content["gender"]),
        R=R,
        t=-R @ _WORLD_MIRROR @ place,
    )


def mirrored_pose(pose: Floats, zrot: Floats) -> Floats:
    """The pose of the body that is seen: the mirror image, in the camera frame.

    Args:
        pose: (F, 72) rad, as in the files.
        zrot: (F,) rad, turns the root about the vertical before everything else.
    """
    angles = pose.reshape(-1, _JOINTS, 3)
    cosine, sine, zero = np.cos(zrot), np.sin(zrot), np.zeros_like(zrot)
    turn = np.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, zero + 1], axis=-1).reshape(
        -1, 3, 3
    )
    seen = _CAMERA @ _UPRIGHT @ turn @ rotations_of(angles[:, 0]) @ _BODY_MIRROR
    # the mirror image of a turn about an axis is the opposite turn about the mirrored axis
    others = np.array([1.0, -1.0, -1.0]) * angles[:, _swapped_joints()]
    return np.concatenate([axis_angles_of(seen)[:, None], others[:, 1:]], axis=1).reshape(-1, 72)


def _swapped_joints() -> Integers:
    """For each joint of SMPL the one of the other side."""
    names = skeleton("smpl_24").joints
    other = {"left": "right", "right": "left"}
    words = [name.partition("_") for name in names]
    return np.array([names.index(other.get(first, first) + bar + rest) for first, bar, rest in words])


def _listed(listing: Path) -> list[str]:
    found = []
    for number, line in enumerate(
        listing.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
    ):
        match = _LINE.search(line)
        if match is None:
            raise InputError(
                f"{listing}, line {number}: {line.strip()[:80]!r} names no clip",
                expected="paths such as .../cmu/val/run0/<sequence>/<sequence>_c0001.mp4",
                action="get the list again (fitting/testnames of gulvarol/bodynet), or remove it",
            )
        found.append(f"{match['split']}/{match['run']}_{match['clip']}")
    return found


def _per_frame(path: Path, content: dict[str, Any], name: str, rows: tuple[int, ...], frames: int) -> Floats:
    """(F, *rows): the files have the frames along the last axis."""
    values = _numbers(path, content, name)
    if values.shape not in {(*rows, frames), *([rows] if frames == 1 else [])}:
        raise _misfit(path, name, values, f"({', '.join(map(str, rows))}, {frames})")
    return np.moveaxis(values.reshape(*rows, frames), -1, 0)


def _numbers(path: Path, content: dict[str, Any], name: str) -> Floats:
    values = np.asarray(content[name])
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise _misfit(path, name, values, "finite numbers")
    return values.astype(np.float64)


def _gender(path: Path, values: npt.NDArray[Any]) -> str:
    found = np.unique(values)
    if len(found) != 1 or found[0] not in {0, 1}:
        raise InputError(
            f"{path}: gender is {', '.join(map(str, found[:5].tolist())) or 'empty'}",
            expected="0 (female) or 1 (male), the same in all frames",
            action="download the file again",
        )
    return _GENDERS[int(found[0])]


def _misfit(path: Path, name: str, values: Any, expected: str) -> InputError:
    array = np.asarray(values)
    return InputError(
        f"{path}: {name} is {array.dtype}{list(array.shape)}, or holds what is no number",
        expected=expected,
        action="download the file again",
    )
