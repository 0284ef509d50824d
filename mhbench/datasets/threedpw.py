"""3DPW: one or two actors in the wild, filmed by a moving phone, with SMPL bodies fitted to worn sensors.

One item is one sequence; its index is the image number, from 0. The files are in a world frame: `cam_poses`
of each frame puts joints, root rotation and translation into the camera. Every actor is kept in every frame:

* joints of actors whose camera is not aligned (`campose_valid` 0) keep their place, but are not labelled. A
  camera that is no rigid motion there is NaN, as is what depends on it.
* The challenge scores people with `campose_valid` and a 2D pose (`poses2d_given`), SPIN those with
  `campose_valid`.
* `joints2d` is the projection of `joints3d`; the set `poses2d` is what OpenPose found in the image.
* Only the actors are annotated, though streets are full of people; nothing is known about occlusion, so
  VISIBLE is never set.
* The translation of some clips is reported to be unreliable (by the authors of ROMP and TRACE, without a
  list): prefer errors relative to the root.

SMPL turns a body about its pelvis, so the translation in the camera depends on where the pelvis of the
resting body is. That is read off the file itself, as the offset of the first of `jointPositions`, the model's
own pelvis, from `trans`: no licensed model is needed, and shards do not depend on one.

Sources of the layout: the readme of the data set (as in chen4011/3DPW), aymenmir1/3dpw-eval, nkolot/SPIN,
mkocabas/VIBE, Arthur151/ROMP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from mhbench.bodies import turn_body
from mhbench.cameras import project, to_camera
from mhbench.columns import JointFlag
from mhbench.datasets.choosing import chosen_frames, chosen_names, chosen_sequences, excluded_frames
from mhbench.datasets.items import Exclusion, Finding, Item, Selection
from mhbench.datasets.raw.images import image_size
from mhbench.datasets.threedpw_sequences import (
    KEYPOINTS,
    SPLITS,
    Recording,
    count_frames,
    read_sequence,
    released,
    sequence_files,
)
from mhbench.errors import InputError, MissingInputError
from mhbench.frames import FrameTable, JointSet, inside_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Kind = TypeVar("Kind", bound=np.generic)
    Columns = dict[str, npt.NDArray[Any]]

NAME: Final = "3dpw"
CAMERA: Final = "0"
IMAGES: Final = "imageFiles"


def inventory(raw: Path) -> list[Finding]:
    """What of the data set lies under the raw root: sequences, what differs from the release, images.

    Raises:
        MissingInputError: there is no such folder.
        InputError: a sequence is there twice.
    """
    try:
        files = sequence_files(raw)
    except MissingInputError as error:
        if not raw.is_dir():
            raise
        return [Finding(part="sequences", present=False, detail=error.what)]
    findings = [Finding(part="sequences", present=True, detail=f"{len(files)} in {raw}")]
    for split in SPLITS:
        wanted = {name for name, one in released().items() if one.split == split}
        there = wanted & {name for name, (place, _) in files.items() if place == split}
        detail = f"{len(there)} of the {len(wanted)} sequences of the release"
        findings.append(Finding(part=split, present=there == wanted, detail=detail, needed=False))
    for name, (split, path) in files.items():
        findings += _find_differences(raw, name, split, path)
    filmed = sum(_image_folder(raw, name).is_dir() for name in files)
    detail = f"of {filmed} of {len(files)} sequences; poses convert without them"
    return [*findings, Finding(part="images", present=filmed == len(files), detail=detail, needed=False)]


def items(raw: Path, selection: Selection) -> list[Item]:
    """One item for each sequence, sorted by split and name.

    A damaged sequence still has its item: reading it tells what is wrong. Sequences that are none of the 60
    of the release are converted like the others. Frame lists without named sequences choose the sequences.

    Raises:
        MissingInputError: there is no such folder, or no sequence in it.
        InputError: a sequence is there twice.
        UsageError: a split, sequence or camera does not exist.
    """
    files = sequence_files(raw)
    chosen_names("camera", selection.cameras, (CAMERA,))
    splits = chosen_names("split", selection.splits, sorted({split for split, _ in files.values()}))
    there = [name for name, (split, _) in files.items() if split in splits]
    found = []
    for name in chosen_sequences(selection, there):
        split, path = files[name]
        found.append(
            Item(
                name=f"{name}.{CAMERA}",
                split=split,
                files=(path.relative_to(raw).as_posix(),),
                frames_available=_frames_of(path),
                keys={"sequence": name},
            )
        )
    return sorted(found, key=lambda item: (item.split, item.name))


def read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
    """The frames of one sequence.

    Returns:
        The table (lens pinhole, skeleton smpl_24, the set poses2d of coco_18, the columns the manifest
        declares), and what was left out.

    Raises:
        MissingInputError: the file is gone.
        InputError: it is damaged, lacks keys, or holds what does not fit; the message says what.
    """
    sequence = str(item.keys["sequence"])
    recording = read_sequence(raw / item.files[0])
    index, report = chosen_frames(np.arange(recording.frames), selection, item, sequence)
    frames = _frame_columns(raw, sequence, recording, index)
    size = np.array([frames["width"], frames["height"]]).T
    persons, keypoints = _person_columns(recording, index, np.repeat(size, len(recording.genders), axis=0))
    table = FrameTable(
        dataset=NAME,
        split=item.split,
        skeleton="smpl_24",
        frames=frames,
        person_start=np.arange(len(index) + 1) * len(recording.genders),
        persons=persons,
        sets={"poses2d": JointSet("coco_18", keypoints)},
    )
    out, bad = excluded_frames(index, selection, item, dataset=NAME, sequence=sequence, camera=CAMERA)
    return (table.select(~out) if bad else table), [*report, *bad]


def _frame_columns(raw: Path, sequence: str, recording: Recording, index: Integers) -> Columns:
    frames, folder = len(index), _image_folder(raw, sequence)
    width, height = _image_size(folder) or recording.size
    place = folder.relative_to(raw).as_posix()
    known = released().get(sequence)
    start, stop = known.pc if known else (0, 0)
    return {
        "id": np.array([f"{sequence}/{CAMERA}/{number:05d}" for number in index], dtype=np.str_),
        "sequence": np.full(frames, sequence),
        "camera": np.full(frames, CAMERA),
        "index": index,
        "image": np.array([f"{place}/image_{number:05d}.jpg" for number in index], dtype=np.str_),
        "width": np.full(frames, width, dtype=np.int32),
        "height": np.full(frames, height, dtype=np.int32),
        "K": np.repeat(recording.K[None], frames, axis=0),
        "distortion": np.zeros((frames, 8)),
        "R": recording.R[index],
        "t": recording.t[index],
        "subset_pc": ((index >= start) & (index < stop)).astype(np.uint8),
        "subset_oc": np.full(frames, known is not None and known.oc, dtype=np.uint8),
        "subset_nc": np.full(frames, known is not None and known.nc, dtype=np.uint8),
    }


def _person_columns(
    recording: Recording, index: Integers, size: npt.NDArray[np.int32]
) -> tuple[Columns, Columns]:
    """Columns of the people, frame by frame, and of the set poses2d."""
    actors, frames = len(recording.genders), len(index)
    R, t = (np.repeat(values[index], actors, axis=0) for values in (recording.R, recording.t))
    aligned, keypoints = _rows(recording.aligned, index), _rows(recording.keypoints, index)
    poses = _rows(recording.poses, index)
    points = to_camera(_rows(recording.joints, index), R, t)
    pixels = project(points, recording.K, np.zeros(8))
    found = keypoints[..., 2] > 0
    detected = np.where(found[..., None], keypoints[..., :2], np.nan)
    flags = (
        np.where(aligned[:, None] & np.isfinite(points[..., 0]), JointFlag.LABELLED_3D, 0)
        | np.where(aligned[:, None] & np.isfinite(pixels[..., 0]), JointFlag.LABELLED_2D, 0)
        | np.where(
            np.isfinite(points[..., 0]) & ~inside_image(pixels, size[:, None]), JointFlag.OUT_OF_IMAGE, 0
        )
    )
    root, transl = _in_camera(recording, index, R, t)
    persons: Columns = {
        "track": np.tile(np.arange(actors), frames),
        "joints3d": points.astype(np.float32),
        "joints2d": pixels.astype(np.float32),
        "joint_flags": flags.astype(np.uint8),
        "smpl_pose": np.concatenate([root, poses[:, 3:]], axis=1),
        "smpl_betas": np.tile(recording.betas, (frames, 1)),
        "smpl_transl": transl,
        "gender": np.tile(np.array(recording.genders), frames),
        "campose_valid": aligned.astype(np.uint8),
        "poses2d_given": np.any(keypoints != 0, axis=(1, 2)).astype(np.uint8),
        "poses2d_confidence": keypoints[..., 2].astype(np.float32).reshape(-1, KEYPOINTS),
    }
    marks = np.where(found, JointFlag.LABELLED_2D, 0) | np.where(
        found & ~inside_image(detected, size[:, None]), JointFlag.OUT_OF_IMAGE, 0
    )
    return persons, {"joints2d": detected.astype(np.float32), "joint_flags": marks.astype(np.uint8)}


def _rows(values: npt.NDArray[Kind], index: Integers) -> npt.NDArray[Kind]:
    """(P, N, ...) of the file -> (chosen frames x P, ...)."""
    return np.swapaxes(values[:, index], 0, 1).reshape(-1, *values.shape[2:])


def _in_camera(recording: Recording, index: Integers, R: Floats, t: Floats) -> tuple[Floats, Floats]:
    """Root rotations and translations of SMPL in the camera; NaN where there is no camera."""
    poses, transl = _rows(recording.poses, index), _rows(recording.transl, index)
    # betas do not change, so neither does this; the median is free of the rounding of single frames
    rest = np.median(recording.joints[:, :, 0] - recording.transl, axis=1)
    pelvis = np.tile(rest, (len(index), 1))
    known = np.isfinite(R).all(axis=(1, 2))
    turned, moved = np.full_like(transl, np.nan), np.full_like(transl, np.nan)
    turned[known], moved[known] = turn_body(
        poses[known, :3], transl[known], pelvis[known], R[known], t[known]
    )
    return turned, moved


def _image_folder(raw: Path, sequence: str) -> Path:
    doubled = raw / IMAGES / IMAGES / sequence
    return doubled if doubled.is_dir() else raw / IMAGES / sequence


def _image_size(folder: Path) -> tuple[int, int] | None:
    """Width and height of the first image, None where there is none."""
    path = folder / "image_00000.jpg"
    return image_size(path) if path.is_file() else None


def _frames_of(path: Path) -> int:
    try:
        return count_frames(path)
    except InputError:
        return 0  # `read` meets the same fault, for this item only


def _find_differences(raw: Path, name: str, split: str, path: Path) -> Iterator[Finding]:
    """What is wrong with a sequence, or is not as in the release."""
    part, known = f"{split}/{name}", released().get(name)
    try:
        recording = read_sequence(path)
        size = _image_size(_image_folder(raw, name)) or recording.size
    except InputError as error:
        yield Finding(part=part, present=False, detail=error.what)
        return
    frames, actors = recording.frames, len(recording.genders)
    notes = []
    if known is None:
        notes.append("none of the 60 sequences of the release, so in no subset")
    elif (known.split, known.frames, known.actors) != (split, frames, actors):
        notes.append(
            f"{frames} frames of {actors} actors; the release has {known.frames} of {known.actors},"
            f" in {known.split}"
        )
    if size != recording.size:
        notes.append(f"images of {size[0]}x{size[1]}, intrinsics for {'x'.join(map(str, recording.size))}")
    if notes:
        yield Finding(part=part, present=True, detail="; ".join(notes), needed=False)
