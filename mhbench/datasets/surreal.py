"""SURREAL: single SMPL bodies in motion capture poses, rendered over photographs; clips of up to 100 frames.

One item is one clip of one run; its index is the frame key of the files, from 1. Left and right are those
of the person seen in the image, which is the mirror image of the files' body (see `surreal_clips`), and the
world is mirrored accordingly. `joints2d` are the files' whole pixels, so projections differ by up to half a
pixel. The pixel of the files is taken as it is: whether 0 is the centre or the edge of the first one is lost
in the rounding. Frames whose joints are all zero are not labelled.

The split val is a part of test: a frame that is in both has the same id in both.

There is no `smpl_transl`: it follows from where the pelvis of the resting body is, which only the licensed
model knows. A body stands where its pelvis is the first of `joints3d`.

Images are frames of the clip's video; `image` is where they are expected if somebody cuts them out.
Sources of the layout: see `surreal_clips`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.columns import JointFlag
from mhbench.datasets.choosing import chosen_frames, chosen_names, excluded_frames
from mhbench.datasets.items import Exclusion, Finding, Item, Selection
from mhbench.datasets.surreal_clips import (
    HEIGHT,
    INTRINSICS,
    NAMES,
    SPLITS,
    WIDTH,
    Clip,
    Motion,
    bodynet_clips,
    count_frames,
    find_clips,
    read_motion,
)
from mhbench.errors import InputError, MissingInputError
from mhbench.frames import FrameTable, inside_image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]
    Columns = dict[str, npt.NDArray[Any]]

NAME: Final = "surreal"
CAMERA: Final = "0"
FIRST_INDEX: Final = 1


def inventory(raw: Path) -> list[Finding]:
    """What of the data set lies under the raw root; the first clip of each split is read.

    Raises:
        MissingInputError: there is no such folder.
    """
    try:
        clips = find_clips(raw)
    except MissingInputError as error:
        if not raw.is_dir():
            raise
        return [Finding(part="clips", present=False, detail=error.what)]
    findings = [Finding(part="clips", present=bool(clips), detail=f"{len(clips)} in {raw}")]
    for split in SPLITS:
        findings += _find_split(split, [clip for clip in clips if clip.split == split])
    listed = (raw / NAMES).is_file()
    detail = (
        f"{NAMES}, BodyNet's list of test clips"
        if listed
        else f"no {NAMES} (fitting/testnames of gulvarol/bodynet): the middle clip of each sequence is taken"
    )
    return [*findings, Finding(part="test list", present=listed, detail=detail, needed=False)]


def items(raw: Path, selection: Selection) -> list[Item]:
    """One item for each clip of each run, sorted by split and name.

    A damaged clip still has its item: reading it tells what is wrong. Frame lists without named sequences
    choose the clips.

    Raises:
        MissingInputError: there is no such folder, or no clip in it.
        InputError: the authors' list is damaged.
        UsageError: a split, clip or camera does not exist.
    """
    chosen_names("camera", selection.cameras, (CAMERA,))
    clips = find_clips(raw, tuple(chosen_names("split", selection.splits, SPLITS)))
    tested = bodynet_clips(raw, clips)
    wanted = selection.sequences or tuple(selection.frame_lists)
    names = set(chosen_names("clip", wanted, sorted({clip.identity for clip in clips})))
    return sorted(
        (_item(raw, clip, tested) for clip in clips if clip.identity in names),
        key=lambda item: (item.split, item.name),
    )


def read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
    """The frames of one clip.

    Returns:
        The table (lens pinhole, skeleton smpl_24, the frame column bodynet_test), and what was left out.

    Raises:
        InputError: the file is missing or damaged, or holds what does not fit; the message says what.
    """
    motion = read_motion(raw / item.files[0])
    sequence, count = str(item.keys["sequence"]), len(motion.pose)
    every = np.arange(FIRST_INDEX, FIRST_INDEX + count)
    index, report = chosen_frames(every, selection, item, sequence)
    out, bad = excluded_frames(index, selection, item, dataset=NAME, sequence=sequence, camera=CAMERA)
    index = index[~out]
    table = FrameTable(
        dataset=NAME,
        split=item.split,
        skeleton="smpl_24",
        frames=_frame_columns(item, motion, index),
        person_start=np.arange(len(index) + 1),
        persons=_person_columns(motion, index - FIRST_INDEX),
    )
    return table, [*report, *bad]


def _item(raw: Path, clip: Clip, tested: set[str]) -> Item:
    try:
        frames = count_frames(clip.path)
    except InputError:
        frames = 0  # `read` meets the same fault, for this item only
    return Item(
        name=f"{clip.identity}.{CAMERA}",
        split=clip.split,
        files=(clip.path.relative_to(raw).as_posix(), *([NAMES] if (raw / NAMES).is_file() else [])),
        frames_available=frames,
        keys={"sequence": clip.identity, "tested": int(f"{clip.split}/{clip.identity}" in tested)},
    )


def _frame_columns(item: Item, motion: Motion, index: Integers) -> Columns:
    frames, sequence = len(index), str(item.keys["sequence"])
    stem = item.files[0].removesuffix("_info.mat")
    middle = -(-len(motion.pose) // 2)  # counted from 1, rounded up
    return {
        "id": np.array([f"{sequence}/{CAMERA}/{number:03d}" for number in index], dtype=np.str_),
        "sequence": np.full(frames, sequence),
        "camera": np.full(frames, CAMERA),
        "index": index,
        "image": np.array([f"{stem}/{number:03d}.jpg" for number in index], dtype=np.str_),
        "width": np.full(frames, WIDTH, dtype=np.int32),
        "height": np.full(frames, HEIGHT, dtype=np.int32),
        "K": np.repeat(INTRINSICS[None], frames, axis=0),
        "distortion": np.zeros((frames, 8)),
        "R": np.repeat(motion.R[None], frames, axis=0),
        "t": np.repeat(motion.t[None], frames, axis=0),
        "bodynet_test": ((index == middle) & bool(item.keys["tested"])).astype(np.uint8),
    }


def _person_columns(motion: Motion, rows: Integers) -> Columns:
    joints, pixels = motion.joints[rows], motion.pixels[rows]
    known = np.isfinite(joints[..., 0])
    inside = inside_image(pixels, (WIDTH, HEIGHT))
    flags = np.where(known, JointFlag.LABELLED_3D | JointFlag.LABELLED_2D, 0) | np.where(
        known & ~inside, JointFlag.OUT_OF_IMAGE, 0
    )
    return {
        "track": np.zeros(len(rows), dtype=np.int64),
        "joints3d": joints.astype(np.float32),
        "joints2d": pixels.astype(np.float32),
        "joint_flags": flags.astype(np.uint8),
        "smpl_pose": motion.pose[rows],
        "smpl_betas": motion.betas[rows],
        "gender": np.full(len(rows), motion.gender),
    }


def _find_split(split: str, clips: list[Clip]) -> list[Finding]:
    if not clips:
        return [Finding(part=split, present=False, detail="no clips", needed=False)]
    sequences = len({clip.sequence for clip in clips})
    runs = ", ".join(sorted({clip.run for clip in clips}))
    detail = f"{len(clips)} clips of {sequences} sequences ({runs})"
    try:
        read_motion(clips[0].path)
    except InputError as error:
        return [Finding(part=split, present=False, detail=error.what)]
    videos = sum(clip.path.with_name(f"{clip.name}.mp4").is_file() for clip in clips)
    told = f"of {videos} of {len(clips)} clips; annotations convert without them"
    return [
        Finding(part=split, present=True, detail=detail, needed=False),
        Finding(part=f"videos of {split}", present=videos == len(clips), detail=told, needed=False),
    ]
