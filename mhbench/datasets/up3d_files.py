"""The files of UP-3D: lists of the splits, the body that was fitted to an image, detections, and masks.

A body was fitted in a crop of its image, enlarged to another size; `fit_crop_info.txt` says which. Camera and
joints of a body file speak of that enlarged crop and are brought back to the image here.

Sources: classner/up; gulvarol/bodynet (preprocessing), whose files of one image were seen; nkolot/SPIN.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench.bodies import axis_angles_of, rotations_of
from mhbench.datasets.raw.files import read_bytes
from mhbench.datasets.raw.images import image_values
from mhbench.datasets.raw.pickles import read_pickle
from mhbench.datasets.raw.plain_arrays import read_plain_array
from mhbench.errors import InputError, MissingInputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

SPLITS: Final = ("train", "val", "test")
FOLDER: Final = "up-3d"
MASKS: Final = "upi-s1h"
T2_LISTS: Final = ("namesUPbmvc.txt", "bmvc_subset/testlist")
PARTS: Final = ("body.pkl", "joints.npy", "fit_crop_info.txt", "dataset_info.txt")
DETECTED: Final = 14
# data set an image is from -> its mask in the folder of masks
SOURCES: Final = {
    "lsp": "lsp/im{:04d}_segmentation.png",
    "lspext": "lsp_extended/im{:05d}_segmentation.png",
    "mpii": "mpii/images/{:05d}_segmentation.png",
}
_LINE: Final = re.compile(r"/?(\d{5})_image\.png")
_NUMBER: Final = re.compile(r"(?<!\d)\d{5}(?!\d)")
_SHAPES: Final = {
    "pose": (72,),
    "betas": (10,),
    "t": (3,),
    "rt": (3,),
    "trans": (3,),
    "f": (1,),
    "j2d": (25, 2),
}
_JOINTS: Final = 24  # of the 25 points: the last one is the top of the head
_SMALL: Final = 1 << 20  # bytes; these files have some kilobytes
_PERSON: Final = 255
_FURTHEST: Final = 1e6  # radians, metres or pixels; a focal length is 5000 px


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The neutral SMPL body of an image.

    Attributes:
        pose: (72,) rad, root in the camera frame, every angle at most half a turn.
        betas: (10,).
        transl: (3,) m, camera frame.
        pixels: (24, 2) px of the image, the body's joints.
        K: (3, 3) px of the image.
    """

    pose: Floats
    betas: Floats
    transl: Floats
    pixels: Floats
    K: Floats


def images_of(raw: Path, split: str) -> list[int] | None:
    """Numbers of the images of a split, ascending; None where its list is missing.

    Raises:
        InputError: a line names no image.
    """
    path = raw / FOLDER / f"{split}.txt"
    if not path.is_file():
        return None
    numbers = set()
    for place, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise InputError(
                f"{path}, line {place}: {line.strip()[:80]!r} names no image",
                expected="lines such as /00001_image.png",
                action="extract the list again",
            )
        numbers.add(int(match[1]))
    return sorted(numbers)


def part_of(raw: Path, number: int, part: str) -> Path:
    """A file of an image, such as `body.pkl`."""
    return raw / FOLDER / f"{number:05d}_{part}"


def source_of(raw: Path, number: int) -> tuple[str, int]:
    """The data set an image is from, and its number there.

    Raises:
        MissingInputError: its `dataset_info.txt` is not there.
        InputError: it says something else.
    """
    path = part_of(raw, number, "dataset_info.txt")
    words = _text(path).split()
    if len(words) != 2 or words[0] not in SOURCES or not words[1].isdecimal():
        raise InputError(
            f"{path} says {' '.join(words)[:80]!r}",
            expected=f"a data set ({', '.join(SOURCES)}) and a number, such as 'lsp 2'",
            action="extract the file again",
        )
    return words[0], int(words[1])


def second_test_set(raw: Path) -> frozenset[int] | None:
    """Numbers of the images of T2; None where no list of them is in the raw root."""
    for name in T2_LISTS:
        if (raw / name).is_file():
            text = (raw / name).read_text(encoding="utf-8", errors="replace")
            return frozenset(map(int, _NUMBER.findall(text)))
    return None


def read_fit(raw: Path, number: int) -> Fit:
    """The body of an image.

    Raises:
        InputError: a file is missing or damaged, or holds what does not fit; the message says what.
    """
    path = part_of(raw, number, "body.pkl")
    content = read_pickle(path, keys=tuple(_SHAPES))
    arrays = {name: _checked(path, content, name, shape) for name, shape in _SHAPES.items()}
    if np.any(arrays["rt"] != 0):
        raise InputError(
            f"{path}: the camera is turned by rt = {arrays['rt'].tolist()}",
            expected="zeros: the files of the release hold the turn in the root of the pose",
            action="extract the file again",
        )
    crop = _crop(part_of(raw, number, "fit_crop_info.txt"))
    scale = crop.size / crop.fitted
    K = np.eye(3)
    K[[0, 1], [0, 1]] = arrays["f"] * scale
    K[:2, 2] = crop.corner + crop.size / 2
    return Fit(
        pose=axis_angles_of(rotations_of(arrays["pose"].reshape(-1, 3))).ravel(),
        betas=arrays["betas"],
        transl=arrays["trans"] + arrays["t"],
        pixels=arrays["j2d"][:_JOINTS] * scale + crop.corner,
        K=K,
    )


def read_detections(raw: Path, number: int) -> Floats:
    """(14, 3) x, y in px and confidence of the joints that DeeperCut found, in LSP's order.

    Raises:
        InputError: the file is missing or damaged, or of another shape.
    """
    path = part_of(raw, number, "joints.npy")
    found = read_plain_array(path, limit=_SMALL)
    return _checked(path, {"joints": found}, "joints", (3, DETECTED)).T


def mask_path(raw: Path, number: int) -> Path:
    """Where the mask of an image that people drew is expected.

    Raises:
        InputError: see `source_of`.
    """
    source, there = source_of(raw, number)
    return raw / MASKS / SOURCES[source].format(there)


def read_mask(path: Path) -> Mask | None:
    """(H, W) where the person is; None where there is no such file.

    Raises:
        InputError: it is no image.
    """
    if not path.is_file():
        return None
    values = image_values(path)
    first = values if values.ndim == 2 else values[..., 0]
    return np.asarray((first == _PERSON) | (first == 1))


class _Crop(NamedTuple):
    """A part of an image, all (2,) px: its corner x, y, its width and height, and those it was fitted in."""

    corner: Floats
    size: Floats
    fitted: Floats


def _crop(path: Path) -> _Crop:
    words = _text(path).split()
    numbers = [int(word) for word in words if word.isdecimal()]
    if len(words) == len(numbers) == 6:
        height, width, top, bottom, left, right = map(float, numbers)
        if height > 0 and width > 0 and bottom > top and right > left:
            corner, size = np.array([left, top]), np.array([right - left, bottom - top])
            return _Crop(corner, size, np.array([width, height]))
    raise InputError(
        f"{path} says {' '.join(words)[:80]!r}",
        expected="height width y1 y2 x1 x2, six whole numbers",
        action="extract the file again",
    )


def _text(path: Path) -> str:
    return read_bytes(path, limit=_SMALL).decode("utf-8", errors="replace")


def _checked(path: Path, content: dict[str, Any], name: str, shape: tuple[int, ...]) -> Floats:
    if name not in content:
        raise InputError(
            f"{path} has no {name}",
            expected=f"the keys {', '.join(_SHAPES)}",
            action="extract the file again",
        )
    values = np.asarray(content[name])
    fits = values.dtype.kind in "fiu" and values.size == np.prod(shape) and (np.abs(values) < _FURTHEST).all()
    if not fits or (len(shape) == 2 and values.shape != shape):
        raise InputError(
            f"{path}: {name} is {values.dtype}{list(values.shape)}, or holds what is no number",
            expected=f"{list(shape)} finite numbers",
            action="extract the file again",
        )
    return values.astype(np.float64).reshape(shape)


def no_release(raw: Path) -> MissingInputError:
    """The error for a raw root without UP-3D."""
    return MissingInputError(
        f"{raw} holds no UP-3D",
        expected=f"{FOLDER}/{{{','.join(SPLITS)}}}.txt and {FOLDER}/%05d_body.pkl",
        action="`mhbench datasets` says where to get them",
    )
