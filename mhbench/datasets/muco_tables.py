"""Tables of MuCo-3DHP: a block of images of the re-release, or of the authors' chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.columns import JointFlag
from mhbench.datasets.muco_composites import (
    SOURCES,
    Chunk,
    actors,
    is_rooted,
    read_chunk,
    read_sources,
    true_joints,
)
from mhbench.datasets.muco_release import JOINTS, read_images, read_people, sequence_and_number
from mhbench.errors import InputError
from mhbench.frames import FrameTable, JointSet, inside_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.datasets.items import Item
    from mhbench.datasets.muco_release import ReleasedImage, ReleasedPerson

    Ints = npt.NDArray[np.int64]
    Columns = dict[str, npt.NDArray[Any]]

SKELETON: Final = "mpi_21"
CAMERA: Final = "0"
SIZE: Final = 2048  # px, width and height of the authors' composites
_METRES: Final = 0.001


def release_table(raw: Path, item: Item) -> FrameTable:
    """The images and people of a block of the re-release; absolute joints, cameras, visibility.

    Raises:
        InputError: one is damaged, or the file was changed since the items were listed.
    """
    file = raw / str(item.keys["file"])
    images = read_images(file, str(item.keys["images"]))
    people = read_people(file, str(item.keys["annotations"]))
    rows = {image.id: row for row, image in enumerate(images)}
    owner = np.array([rows.get(one.image_id, -1) for one in people], dtype=np.int64)
    if len(images) != item.frames_available or (owner < 0).any():
        raise InputError(
            f"{file} was changed while it was read",
            expected="the file as it was when the conversion began",
            action="convert again",
        )
    order = np.argsort(owner, kind="stable")
    columns = _image_columns(item, file, raw, images)
    size = np.stack([columns["width"], columns["height"]], axis=-1)[owner[order]]
    return FrameTable(
        dataset="muco",
        split=item.split,
        skeleton=SKELETON,
        frames=columns,
        person_start=np.searchsorted(owner[order], np.arange(len(images) + 1)),
        persons=_person_columns([people[row] for row in order], size),
    )


def chunk_table(raw: Path, item: Item) -> FrameTable:
    """The images and people of a block of the authors' chunks; true joints where they can be looked up.

    Raises:
        InputError: a chunk is damaged, or the looked-up poses are not those of the images.
    """
    sequence = str(item.keys["sequence"])
    chunk = _block(raw, item)
    frames, people = chunk.pixels.shape[:2]
    columns = _frame_columns(sequence, chunk.number) | {
        "image": np.array([f"{sequence}/{number:06d}.jpg" for number in chunk.number], dtype=np.str_),
        "width": np.full(frames, SIZE, dtype=np.int32),
        "height": np.full(frames, SIZE, dtype=np.int32),
    }
    pixels = chunk.pixels.reshape(-1, JOINTS, 2)
    outside = _outside(pixels, np.array([SIZE, SIZE]))
    persons: Columns = {"joints2d": pixels.astype(np.float32)}
    flags = JointFlag.LABELLED_2D | outside
    if SOURCES in item.files:
        sources = read_sources(raw / SOURCES, chunk.number)
        metric, K, sources = true_joints(actors(raw), sources, chunk, raw / sequence)
        columns |= {"K": K, "distortion": np.zeros((frames, 8))}
        persons["joints3d"] = (metric * _METRES).astype(np.float32).reshape(-1, JOINTS, 3)
        persons["source"] = sources.astype(np.int32).reshape(-1, sources.shape[-1])
        flags |= JointFlag.LABELLED_3D
    universal = (chunk.joints * _METRES).astype(np.float32).reshape(-1, JOINTS, 3)
    in_3d = (JointFlag.LABELLED_3D | outside).astype(np.uint8)
    joint_set: Columns = {"joints3d": universal, "joint_flags": in_3d}
    name = "universal_root" if is_rooted(chunk.joints) else "universal"
    return FrameTable(
        dataset="muco",
        split=item.split,
        skeleton=SKELETON,
        frames=columns,
        person_start=people * np.arange(frames + 1),
        persons=persons | {"joint_flags": flags.astype(np.uint8)},
        sets={name: JointSet(SKELETON, joint_set)},
    )


def _block(raw: Path, item: Item) -> Chunk:
    """The images of a block, from all chunks that hold some of them, by number."""
    chunks = [read_chunk(raw / file) for file in item.files if file.endswith("_annot.mat")]
    if len({chunk.pixels.shape[1] for chunk in chunks}) > 1:
        raise InputError(
            f"the chunks of {item.name} differ in the number of people",
            expected="the output of one run of the scripts",
            action="remove the chunks of another run",
        )
    number = np.concatenate([chunk.number for chunk in chunks])
    order = np.argsort(number, kind="stable")
    kept = order[(number[order] >= int(item.keys["first"])) & (number[order] <= int(item.keys["last"]))]
    pixels, joints = (
        np.concatenate([getattr(chunk, name) for chunk in chunks])[kept] for name in ("pixels", "joints")
    )
    return Chunk(number[kept], pixels, joints)


def _frame_columns(sequence: str, number: Ints) -> Columns:
    frames = len(number)
    return {
        "id": np.array([f"{sequence}/{CAMERA}/{one}" for one in number], dtype=np.str_),
        "sequence": np.full(frames, sequence),
        "camera": np.full(frames, CAMERA),
        "index": number,
    }


def _image_columns(item: Item, file: Path, raw: Path, images: Sequence[ReleasedImage]) -> Columns:
    folder = file.parent.relative_to(raw)
    numbers = [sequence_and_number(one.file_name, str(file))[1] for one in images]
    K = np.zeros((len(images), 3, 3))
    K[:, [0, 1], [0, 1]] = [one.f for one in images]
    K[:, [0, 1], 2] = [one.c for one in images]
    K[:, 2, 2] = 1
    return _frame_columns(str(item.keys["sequence"]), np.array(numbers, dtype=np.int64)) | {
        "image": np.array([(folder / one.file_name).as_posix() for one in images], dtype=np.str_),
        "image_id": np.array([one.id for one in images], dtype=np.int64),
        "width": np.array([one.width for one in images], dtype=np.int32),
        "height": np.array([one.height for one in images], dtype=np.int32),
        "K": K,
        "distortion": np.zeros((len(images), 8)),
    }


def _person_columns(people: Sequence[ReleasedPerson], size: npt.NDArray[np.int32]) -> Columns:
    pixels = np.array([one.keypoints_img for one in people], dtype=np.float64).reshape(-1, JOINTS, 2)
    points = np.array([one.keypoints_cam for one in people], dtype=np.float64).reshape(-1, JOINTS, 3)
    seen = np.array([one.keypoints_vis for one in people], dtype=np.float64).reshape(-1, JOINTS) > 0
    flags = JointFlag.LABELLED_3D | JointFlag.LABELLED_2D | np.where(seen, JointFlag.VISIBLE, 0)
    return {
        "annotation_id": np.array([one.id for one in people], dtype=np.int64),
        "joints3d": (points * _METRES).astype(np.float32),
        "joints2d": pixels.astype(np.float32),
        "joint_flags": (flags | _outside(pixels, size[:, None])).astype(np.uint8),
        "bbox": np.array([one.bbox for one in people], dtype=np.float64).reshape(-1, 4),
    }


def _outside(pixels: npt.NDArray[np.float64], size: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.where(inside_image(pixels, size), 0, int(JointFlag.OUT_OF_IMAGE))
