"""The files of a MuPoTS-3D sequence: annotations, occlusion labels, the camera that fits them, checksums.

No real file was ever seen: the layout is what ROMP, vegesm/pose_refinement and ddddwee1/MuPoTS3D-Evaluation
read. `annotations` is a cell array (F, P) of structs with annot2 (2, 17) px, annot3 and univ_annot3 (3, 17)
mm and isValidFrame; `occlusion_labels` is one of (1, 17), 1 = occluded. In slots that are not valid the
values are undefined: they are NaN here.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Mapping  # noqa: TC003 - msgspec resolves the field types at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from mhbench.cameras import Camera
from mhbench.datasets.raw.files import read_bytes
from mhbench.datasets.raw.kept import file_state
from mhbench.datasets.raw.matlab import read_matlab5
from mhbench.errors import InputError, MissingInputError
from mhbench.manifests import read_manifest

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

JOINTS: Final = 17
ANNOTATION: Final = "annot.mat"
OCCLUSION: Final = "occlusion.mat"
LEFT_OUT: Final = (8, 11, 15)
"""Hips and spine: they project badly, so a public estimate of the cameras leaves them out as well."""
_FIELDS: Final = {"annot2": 2, "annot3": 3, "univ_annot3": 3}
_FURTHEST: Final = 1e5  # mm or px; no joint is 100 m away
_CONTENT_LIMIT: Final = 256 << 20  # bytes in memory; the longest sequence has 3 MB


class ReleasedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Size in bytes and sha256 of a file as released."""

    bytes: int
    sha256: str


class ReleasedSequence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the official release holds of one sequence."""

    frames: int
    people: int
    width: int
    height: int
    files: Mapping[str, ReleasedFile]


class _Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    about: str
    source: str
    sequences: Mapping[str, ReleasedSequence]


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """The people of one sequence; NaN in slots that are not valid.

    Attributes:
        pixels: (F, P, 17, 2) px, `annot2`.
        metric: (F, P, 17, 3) mm, camera frame, `annot3`.
        universal: (F, P, 17, 3) mm, `univ_annot3`.
        valid: (F, P) bool, `isValidFrame`.
        occluded: (F, P, 17) bool, False in slots that are not valid.
    """

    pixels: Floats
    metric: Floats
    universal: Floats
    valid: npt.NDArray[np.bool_]
    occluded: npt.NDArray[np.bool_]


@functools.cache
def release() -> Mapping[str, ReleasedSequence]:
    """The 20 sequences of the official release, in the order of their numbers."""
    return read_manifest("releases/mupots", _Release).sequences


def verified(path: Path, sequence: str) -> str:
    """What to say of a file against the official release: `verified`, or how it `differs`.

    Raises:
        MissingInputError: there is no such file.
        InputError: it cannot be read.
    """
    known = release()[sequence].files[path.name]
    content = read_bytes(path)
    if len(content) != known.bytes:
        return f"{path.name} differs: {len(content)} bytes, the official one has {known.bytes}"
    same = hashlib.sha256(content).hexdigest() == known.sha256
    return f"{path.name} {'verified' if same else 'differs: another sha256 than the official one'}"


def read_annotation(folder: Path) -> Annotation:
    """The people of the sequence in a folder; the last sequences are kept.

    Raises:
        MissingInputError: a file is not there.
        InputError: a file is damaged or of another version, the two files disagree in frames or people, or a
            valid slot is no pose.
    """
    for path in (folder / ANNOTATION, folder / OCCLUSION):
        if not path.is_file():
            raise MissingInputError(
                f"{path} is not there",
                expected=f"{ANNOTATION} and {OCCLUSION} beside the images of the sequence",
                action="extract MultiPersonTestSet.zip again",
            )
    return _read(folder, tuple(file_state(folder / name) for name in (ANNOTATION, OCCLUSION)))


def fitted_camera(
    annotation: Annotation, sequence: str, where: Path, left_out: tuple[int, ...] = LEFT_OUT
) -> tuple[Camera, float]:
    """The pinhole that projects annot3 onto annot2 with the least squares of pixels, over all valid people.

    Args:
        annotation: the whole sequence.
        sequence: its name, for the size of the images.
        where: its folder, for messages.
        left_out: joints that take no part.

    Returns:
        The camera (without a place in the world), and the mean distance in pixels it leaves at those joints.

    Raises:
        InputError: there are not enough joints, or no camera sees them so.
    """
    kept = np.setdiff1d(np.arange(JOINTS), left_out)
    points, pixels = annotation.metric[:, :, kept], annotation.pixels[:, :, kept]
    used = annotation.valid[..., None] & (points[..., 2] > 0)
    points, pixels = points[used], pixels[used]
    K = np.eye(3)
    for axis in range(2):
        ray = points[:, axis] / points[:, 2]
        K[axis, axis], K[axis, 2] = _line(ray, pixels[:, axis])
    if not (np.isfinite(K).all() and K[0, 0] > 0 < K[1, 1]):
        raise InputError(
            f"{where}: no camera can be fitted to {len(points)} joints of valid people",
            expected="valid people whose annot3 projects onto their annot2",
            action="download the sequence again",
        )
    size = release()[sequence]
    camera = Camera(K=K, width=size.width, height=size.height)
    off = np.linalg.norm(camera.project(points) - pixels, axis=-1)
    return camera, math.fsum(off.tolist()) / len(off)


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope and offset of the least-squares line, NaN where there is none; the same on every machine."""
    if not len(x):
        return math.nan, math.nan
    mean_x, mean_y = math.fsum(x.tolist()) / len(x), math.fsum(y.tolist()) / len(y)
    spread = math.fsum(((x - mean_x) ** 2).tolist())
    slope = math.fsum(((x - mean_x) * (y - mean_y)).tolist()) / spread if spread > 0 else math.nan
    return slope, mean_y - slope * mean_x


@functools.lru_cache(maxsize=2)
def _read(folder: Path, state: tuple[tuple[int, int], ...]) -> Annotation:
    del state  # makes the cache notice changes
    slots = _cells(folder / ANNOTATION, "annotations")
    labels = _cells(folder / OCCLUSION, "occlusion_labels")
    if labels.shape != slots.shape:
        raise _unfit(
            folder / OCCLUSION,
            f"has {labels.shape[0]} frames of {labels.shape[1]} people,"
            f" and {ANNOTATION} {slots.shape[0]} of {slots.shape[1]}",
        )
    found = {name: np.full((*slots.shape, JOINTS, size), np.nan) for name, size in _FIELDS.items()}
    valid = np.zeros(slots.shape, dtype=np.bool_)
    occluded = np.zeros((*slots.shape, JOINTS), dtype=np.bool_)
    for slot in np.ndindex(slots.shape):
        struct = slots[slot]
        valid[slot] = _is_valid(folder / ANNOTATION, struct, slot)
        if not valid[slot]:
            continue
        for name in _FIELDS:
            found[name][slot] = _joints(folder / ANNOTATION, struct, name, slot)
        occluded[slot] = _labels(folder / OCCLUSION, labels[slot], slot)
    for column in (*found.values(), valid, occluded):
        column.setflags(write=False)
    return Annotation(
        pixels=found["annot2"],
        metric=found["annot3"],
        universal=found["univ_annot3"],
        valid=valid,
        occluded=occluded,
    )


def _cells(path: Path, name: str) -> npt.NDArray[Any]:
    cells: npt.NDArray[Any] = read_matlab5(path, (name,), limit=_CONTENT_LIMIT)[name]
    if cells.dtype != object or cells.ndim != 2 or not cells.size:
        raise _unfit(path, f"`{name}` is no cell array of frames and people")
    return cells


def _is_valid(path: Path, struct: Any, slot: tuple[int, ...]) -> bool:
    names = getattr(getattr(struct, "dtype", None), "names", None) or ()
    lacking = [name for name in (*_FIELDS, "isValidFrame") if name not in names]
    if lacking or struct.size != 1:
        raise _unfit(path, f"{_place(slot)} is no struct with {', '.join(lacking) or 'one element'}")
    mark = np.ravel(struct["isValidFrame"].item())
    if mark.size != 1 or mark.dtype.kind not in "fiub" or mark[0] not in {0, 1}:
        raise _unfit(path, f"`isValidFrame` of {_place(slot)} is neither 0 nor 1")
    return bool(mark[0])


def _joints(path: Path, struct: Any, name: str, slot: tuple[int, ...]) -> Floats:
    values = struct[name].item()
    shape = (_FIELDS[name], JOINTS)
    if np.shape(values) != shape or values.dtype.kind not in "fiu":
        raise _unfit(path, f"`{name}` of {_place(slot)} has the shape {np.shape(values)} and not {shape}")
    if not np.all(np.abs(values) < _FURTHEST):
        raise _unfit(path, f"`{name}` of {_place(slot)} holds a NaN or a value of {_FURTHEST:g} or more")
    return np.asarray(values.T, dtype=np.float64)


def _labels(path: Path, values: Any, slot: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    if np.size(values) != JOINTS or values.dtype.kind not in "fiub" or not np.isin(values, (0, 1)).all():
        raise _unfit(path, f"the labels of {_place(slot)} are not {JOINTS} numbers 0 or 1")
    return np.ravel(values).astype(np.bool_)


def _place(slot: tuple[int, ...]) -> str:
    return f"frame {slot[0]}, person {slot[1]} (from 0)"


def _unfit(path: Path, fault: str) -> InputError:
    return InputError(
        f"{path}: {fault}",
        expected="the layout of the official release, millimetres and pixels",
        action="extract MultiPersonTestSet.zip again; its files are version 5",
    )
