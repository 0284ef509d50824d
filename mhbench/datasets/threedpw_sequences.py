"""The sequence files of 3DPW: where they are, what they hold, and the list of those the release has.

A file is a pickle of Python 2, read without executing anything in it. No original file was ever seen by the
authors of this reader, so every shape is checked and what differs is said.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from mhbench.bodies import gender_name
from mhbench.datasets.choosing import check_root
from mhbench.datasets.raw.folders import files_in
from mhbench.datasets.raw.pickles import read_pickle
from mhbench.errors import InputError, MissingInputError
from mhbench.manifests import read_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.bodies import Gender

    Floats = npt.NDArray[np.float64]

SPLITS: Final = ("train", "validation", "test")
FOLDER: Final = "sequenceFiles"
KEYPOINTS: Final = 18
SHAPES: Final = 10  # the files hold more; every reader takes the first ten
_IMAGES: Final = "img_frame_ids"
_PER_ACTOR: Final = ("poses", "trans", "betas", "jointPositions", "poses2d", "campose_valid")
_KEYS: Final = ("genders", *_PER_ACTOR, "cam_poses", "cam_intrinsics", _IMAGES)
# the readme of the data set spells two keys in another way than the files
_ALSO: Final = {"gender": "genders", "poses2D": "poses2d"}
_FURTHEST: Final = 1e5  # metres, radians or pixels; nothing filmed is 100 km away
_OBLIQUE: Final = 1e-3  # by which R Rᵀ may miss the identity


class ReleasedSequence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the 60 sequences, and the subsets it is in; `pc` is a half-open range of frames."""

    name: str
    split: str
    actors: int
    frames: int
    oc: bool = False
    nc: bool = False
    pc: tuple[int, int] = (0, 0)


class ReleaseManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sequences of the release, with the source of the subsets and known counts."""

    name: str
    source: str
    sequences: tuple[ReleasedSequence, ...]
    known_counts: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Recording:
    """A sequence of N frames and P actors, in the world frame of the file; metres, radians, pixels.

    Attributes:
        genders: P names.
        poses: (P, N, 72) axis-angle of SMPL.
        transl: (P, N, 3) translation of SMPL.
        betas: (P, 10).
        joints: (P, N, 24, 3) SMPL joints.
        keypoints: (P, N, 18, 3) OpenPose's x, y, confidence.
        R: (N, 3, 3) rotations world -> camera, t: (N, 3); NaN where no actor's camera is aligned and the file
            holds no rigid motion.
        aligned: (P, N) bool, the camera is aligned for the actor.
        K: (3, 3) intrinsics.
    """

    genders: tuple[Gender, ...]
    poses: Floats
    transl: Floats
    betas: Floats
    joints: Floats
    keypoints: Floats
    R: Floats
    t: Floats
    aligned: npt.NDArray[np.bool_]
    K: Floats

    @property
    def frames(self) -> int:
        """Number of frames N."""
        return len(self.R)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the images as the official demo takes them: twice the principal point."""
        return int(2 * self.K[0, 2]), int(2 * self.K[1, 2])


@functools.cache
def released() -> dict[str, ReleasedSequence]:
    """The 60 sequences of the release by name."""
    return {one.name: one for one in read_manifest("subsets/3dpw", ReleaseManifest).sequences}


def sequence_files(raw: Path) -> dict[str, tuple[str, Path]]:
    """The sequences under a raw root: name -> (split, file), sorted by split and name.

    The folder may lie in a folder of its own name, as some programs unpack it. Files of macOS are left aside.

    Raises:
        MissingInputError: there is no such folder, or no sequence in it.
        InputError: a sequence is there twice.
    """
    check_root(raw, f"3DPW, with {FOLDER}/{{{','.join(SPLITS)}}}/<sequence>.pkl in it")
    found: dict[str, tuple[str, Path]] = {}
    for split in sorted(SPLITS):
        for folder in (raw / FOLDER / split, raw / FOLDER / FOLDER / split):
            for path in files_in(folder, "*.pkl"):
                if path.name.startswith("."):
                    continue
                if path.stem in found:
                    raise InputError(
                        f"the sequence {path.stem} is there twice: {found[path.stem][1]} and {path}",
                        expected="each sequence in one split",
                        action="remove the copy",
                    )
                found[path.stem] = (split, path)
    if not found:
        raise _nothing(f"{raw} holds no sequence of 3DPW", raw)
    return found


def count_frames(path: Path) -> int:
    """Number of frames of a sequence file.

    Raises:
        InputError: it is damaged, or does not say.
    """
    return len(_array(path, _IMAGES, _content(path, (_IMAGES,))[_IMAGES], "(frames,)", (None,)))


def read_sequence(path: Path) -> Recording:
    """Read a sequence file.

    Raises:
        MissingInputError: there is no such file.
        UnsafeInputError: it asks for more than arrays; nothing of it was executed.
        InputError: it is damaged, lacks keys, or holds arrays of other shapes or NaN; the message says which.
    """
    content = _content(path, _KEYS)
    frames = len(_array(path, _IMAGES, content[_IMAGES], "(frames,)", (None,)))
    genders = [gender_name(word, f"{path}: genders") for word in content["genders"]]
    actors = len(genders)
    if not actors or not frames:
        what = f"it has {frames} frames of {actors} actors"
        raise _differs(path, what, "frames of one or two actors")

    def per_actor(key: str, row: tuple[int, ...]) -> Floats:
        rows = content[key]
        if len(rows) != actors:
            raise _differs(path, f"{key} has {len(rows)} actors", f"{actors}, as genders has")
        meaning = f"{(frames, *row)}, as {_IMAGES} has {frames} frames"
        return np.stack(
            [_array(path, f"{key}[{n}]", one, meaning, (frames, *row)) for n, one in enumerate(rows)]
        )

    R, t, aligned = _cameras(path, content["cam_poses"], per_actor("campose_valid", ()) != 0)
    return Recording(
        genders=tuple(genders),
        poses=per_actor("poses", (72,)),
        transl=per_actor("trans", (3,)),
        betas=_betas(path, content["betas"], actors),
        joints=per_actor("jointPositions", (72,)).reshape(actors, frames, 24, 3),
        keypoints=np.moveaxis(per_actor("poses2d", (3, KEYPOINTS)), -1, -2),
        R=R,
        t=t,
        aligned=aligned,
        K=_intrinsics(path, content["cam_intrinsics"]),
    )


def _content(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    """The wanted keys of a file, as the files spell them; lists of actors are lists or arrays."""
    wanted = [*keys, *(other for other, key in _ALSO.items() if key in keys)]
    found = read_pickle(path, keys=wanted)
    content = {_ALSO[key]: value for key, value in found.items() if key in _ALSO} | {
        key: value for key, value in found.items() if key not in _ALSO
    }
    missing = [key for key in keys if key not in content]
    if missing:
        raise _differs(path, f"it has no {', '.join(missing)}", f"the keys {', '.join(keys)}")
    for key in ("genders", *_PER_ACTOR):
        value = content.get(key, [])
        if not isinstance(value, (list, tuple, np.ndarray)) or (
            isinstance(value, np.ndarray) and not value.ndim
        ):
            raise _differs(path, f"{key} is a {type(value).__name__}", "a list with one entry per actor")
    return content


def _array(path: Path, name: str, value: object, meaning: str, shape: tuple[int | None, ...]) -> Floats:
    """Finite numbers of a shape (None = any size) as float64."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise _differs(path, f"{name} is a ragged list", meaning) from error
    if array.dtype.kind not in "fiub":
        raise _differs(path, f"{name} holds no numbers", meaning)
    fits = array.ndim == len(shape) and all(
        want in {None, size} for want, size in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise _differs(path, f"{name} has shape {array.shape}", meaning)
    numbers = array.astype(np.float64)
    far = ~(np.abs(numbers) < _FURTHEST)
    if far.any():
        place = [int(axis[0]) for axis in np.nonzero(far)]
        what = f"{name} holds a NaN or a value of {_FURTHEST:g} or more at {place}"
        raise _differs(path, what, "metres, radians and pixels")
    return numbers


def _betas(path: Path, rows: Any, actors: int) -> Floats:
    if len(rows) != actors:
        raise _differs(path, f"betas has {len(rows)} actors", f"{actors}, as genders has")
    meaning = f"({SHAPES},) or longer"
    values = [_array(path, f"betas[{n}]", one, meaning, (None,))[:SHAPES] for n, one in enumerate(rows)]
    for n, one in enumerate(values):
        if len(one) < SHAPES:
            raise _differs(path, f"betas[{n}] has shape {one.shape}", meaning)
    return np.stack(values)


def _intrinsics(path: Path, value: object) -> Floats:
    K = _array(path, "cam_intrinsics", value, "(3, 3)", (3, 3))
    if not np.array_equal(K[2], [0, 0, 1]) or min(K[0, 0], K[1, 1], K[0, 2], K[1, 2]) <= 0:
        raise _differs(path, "cam_intrinsics is no camera matrix", "fx 0 cx, 0 fy cy, 0 0 1 in pixels")
    return K


def _cameras(
    path: Path, value: object, aligned: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Rotations, translations, and who is aligned. A camera of somebody aligned must be a rigid motion."""
    frames = aligned.shape[1]
    try:
        matrices = np.asarray(value)
    except ValueError as error:
        raise _differs(path, "cam_poses is a ragged list", f"({frames}, 4, 4)") from error
    if matrices.dtype.kind not in "fiu" or matrices.shape != (frames, 4, 4):
        meaning = f"({frames}, 4, 4), as {_IMAGES} has {frames} frames"
        raise _differs(path, f"cam_poses has shape {matrices.shape}", meaning)
    matrices = matrices.astype(np.float64)
    finite = np.all(np.abs(matrices) < _FURTHEST, axis=(1, 2))
    known = np.where(finite[:, None, None], matrices, 0)
    R = known[:, :3, :3]
    off = np.abs(np.einsum("nij,nkj->nik", R, R) - np.eye(3)).max(axis=(1, 2), initial=0)
    rigid = (off < _OBLIQUE) & (np.linalg.det(R) > 0) & np.all(known[:, 3] == [0, 0, 0, 1], axis=1)
    wrong = np.flatnonzero(~rigid & aligned.any(axis=0))
    if len(wrong):
        fault = "no rigid motion" if finite[wrong[0]] else f"NaN or a value of {_FURTHEST:g} or more"
        raise _differs(
            path,
            f"cam_poses[{wrong[0]}] holds {fault}, but campose_valid says that this camera is aligned",
            "world -> camera: rotation and translation, last row 0 0 0 1",
        )
    return (
        np.where(rigid[:, None, None], R, np.nan),
        np.where(rigid[:, None], matrices[:, :3, 3], np.nan),
        aligned,
    )


def _differs(path: Path, what: str, expected: str) -> InputError:
    return InputError(
        f"{path}: {what}",
        expected=expected,
        action="extract the file again; if it is the official one, please report what differs",
    )


def _nothing(what: str, raw: Path) -> MissingInputError:
    action = "`mhbench datasets` says where to get it"
    if raw.name == FOLDER:
        action = f"give the folder above it, {raw.parent}"
    elif (raw / SPLITS[0]).is_dir() or (raw / SPLITS[2]).is_dir():
        action = f"move the folders of the splits into {raw / FOLDER}"
    return MissingInputError(
        what,
        expected=f"the raw root of 3DPW: {FOLDER}/{{{','.join(SPLITS)}}}/<sequence>.pkl",
        action=action,
    )
