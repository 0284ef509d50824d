"""JTA (Joint Track Auto): street scenes of a video game, with every joint of every pedestrian, hidden or not.

One item is one sequence. Every frame 1 to 900 is there, also those without people; people stand in the order
of the file. `joints2d` are the file's pixels (which may be cut to integers, so projections differ by up to a
pixel), NaN for joints that are not in front of the camera. VISIBLE means that neither another thing nor the
person itself hides the joint: also outside of the image. Files of an earlier release have other axes; they
are found out by projection, converted and reported, and the column `old_axes` keeps the fact.

The camera may move, and its place is not published: there are no columns R and t.

Source of the layout: fabbrimatteo/JTA-Dataset (README.md, joint.py, pose.py, to_poses.py, to_imgs.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.datasets.choosing import (
    check_root,
    chosen_frames,
    chosen_names,
    chosen_sequences,
    excluded_frames,
)
from mhbench.datasets.items import Exclusion, Finding, Item, Selection
from mhbench.datasets.jta_people import COLUMNS, FRAMES, HEIGHT, INTRINSICS, WIDTH, People, gather
from mhbench.datasets.raw.json_rows import read_rows
from mhbench.errors import InputError
from mhbench.frames import FrameTable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

NAME: Final = "jta"
SKELETON: Final = "jta_22"
SPLITS: Final = ("train", "val", "test")
CAMERA: Final = "0"
_SEQUENCE: Final = re.compile(r"(seq_\d+)\.json")
_SIZE_LIMIT: Final = 1 << 30  # bytes; the largest official file has some 100 MB


def inventory(raw: Path) -> list[Finding]:
    """What of the data set lies under the raw root; the first sequence of each split is read.

    Raises:
        MissingInputError: there is no such folder.
    """
    check_root(raw, "JTA, with the folder annotations")
    splits = {split: _sequences(raw, split) for split in SPLITS}
    findings = []
    if not any(splits.values()):
        findings.append(Finding(part="annotations", present=False, detail=_nothing(raw).what))
    for split, sequences in splits.items():
        findings += [_find_annotations(split, sequences), _find_images(raw, split)]
    packed = _archives(raw)
    if packed:
        detail = f"{len(packed)} archives, such as {packed[0].name}: they are not read, extract them"
        findings.append(Finding(part="archives", present=True, detail=detail, needed=False))
    return findings


def items(raw: Path, selection: Selection) -> list[Item]:
    """One item for each sequence, sorted by split and name.

    A sequence whose file is damaged still has its item: reading it tells what is wrong. Frame lists without
    named sequences choose the sequences they are for.

    Raises:
        MissingInputError: there is no such folder.
        InputError: it holds no sequence of this data set, or one of them twice.
        UsageError: a split, sequence or camera does not exist.
    """
    check_root(raw, "JTA, with the folder annotations")
    splits = chosen_names("split", selection.splits, SPLITS)
    chosen_names("camera", selection.cameras, (CAMERA,))
    found: dict[str, tuple[str, Path]] = {}
    for split in SPLITS:
        for sequence, path in _sequences(raw, split).items():
            if sequence in found:
                raise InputError(
                    f"{path} is also a sequence of {found[sequence][0]}",
                    expected="each sequence in one split",
                    action="remove the copy that is not of the official release",
                )
            found[sequence] = (split, path)
    if not found:
        raise _nothing(raw)
    here = [sequence for sequence, (split, _) in found.items() if split in splits]
    return sorted(
        (
            Item(
                name=f"{sequence}.{CAMERA}",
                split=found[sequence][0],
                files=(found[sequence][1].relative_to(raw).as_posix(),),
                frames_available=FRAMES,
                keys={"sequence": sequence},
            )
            for sequence in chosen_sequences(selection, here)
        ),
        key=lambda item: (item.split, item.name),
    )


def read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
    """The frames of one sequence.

    Returns:
        The table (no lens; beside the known columns `old_axes` (F,) uint8), and what was left out or changed.

    Raises:
        MissingInputError: the file is gone.
        InputError: it is damaged; the message names the row.
    """
    sequence = str(item.keys["sequence"])
    path = raw / item.files[0]
    people = gather(read_rows(path, COLUMNS, limit=_SIZE_LIMIT), path)
    table = FrameTable(
        dataset=NAME,
        split=item.split,
        skeleton=SKELETON,
        frames=_frame_columns(item.split, sequence, people),
        person_start=people.start,
        persons={
            "track": people.track,
            "joints3d": people.joints3d.astype(np.float32),
            "joints2d": people.joints2d.astype(np.float32),
            "joint_flags": people.flags,
        },
    )
    index = table.frames["index"]
    kept, report = chosen_frames(index, selection, item, sequence)
    out, bad = excluded_frames(index, selection, item, dataset=NAME, sequence=sequence, camera=CAMERA)
    if people.old_axes:
        reason = (
            "no frame, but all of them were converted from the axes of the earlier release (y = -z, z = y)"
        )
        report.append(Exclusion(item=item.name, frames=0, reason=reason))
    return table.select(np.isin(index, kept) & ~out), [*report, *bad]


def _frame_columns(split: str, sequence: str, people: People) -> dict[str, npt.NDArray[Any]]:
    index = np.arange(1, FRAMES + 1)
    return {
        "id": np.array([f"{sequence}/{CAMERA}/{frame}" for frame in index], dtype=np.str_),
        "sequence": np.full(FRAMES, sequence),
        "camera": np.full(FRAMES, CAMERA),
        "index": index,
        # as the official script cuts them out of the video; a decoder counts frames from 0
        "image": np.array([f"frames/{split}/{sequence}/{frame}.jpg" for frame in index], dtype=np.str_),
        "width": np.full(FRAMES, WIDTH, dtype=np.int32),
        "height": np.full(FRAMES, HEIGHT, dtype=np.int32),
        "K": np.repeat(INTRINSICS[None], FRAMES, axis=0),
        "distortion": np.zeros((FRAMES, 8)),
        "old_axes": np.full(FRAMES, people.old_axes, dtype=np.uint8),
    }


def _sequences(raw: Path, split: str) -> dict[str, Path]:
    """Files of a split by sequence, in the order of their numbers."""
    folder = raw / "annotations" / split
    files = [path for path in folder.iterdir() if _SEQUENCE.fullmatch(path.name)] if folder.is_dir() else []
    return {path.stem: path for path in sorted(files, key=lambda path: int(path.stem[4:]))}


def _archives(raw: Path) -> list[Path]:
    folders = (raw, raw / "annotations")
    return [
        path
        for folder in folders
        for ending in ("*.zip", "*.tgz", "*.tar.gz", "*.tar")
        for path in sorted(folder.glob(ending))
    ]


def _nothing(raw: Path) -> InputError:
    action = "`mhbench datasets` says where to get it"
    packed = _archives(raw)
    if packed:
        action = f"extract the archives, such as {packed[0].name}, there"
    elif (raw / "annotations" / "training").is_dir():
        action = "rename annotations/training: the official folder is annotations/train"
    elif any((raw / split).is_dir() for split in SPLITS):
        action = f"this looks like the folder annotations; give the folder above it, {raw.parent}"
    return InputError(
        f"{raw} holds no sequence of JTA",
        expected="files such as annotations/train/seq_0.json",
        action=action,
    )


def _find_annotations(split: str, sequences: dict[str, Path]) -> Finding:
    part = f"{split}: annotations"
    if not sequences:
        return Finding(part=part, present=False, detail=f"no annotations/{split}/seq_<n>.json", needed=False)
    path = next(iter(sequences.values()))
    try:
        people = gather(read_rows(path, COLUMNS, limit=_SIZE_LIMIT), path)
    except InputError as error:
        return Finding(part=part, present=False, detail=error.what)
    detail = f"{len(sequences)} sequences; {path.stem} has {len(people.track)} people in {FRAMES} frames"
    detail += " and the axes of the earlier release" if people.old_axes else ""
    return Finding(part=part, present=True, detail=detail)


def _find_images(raw: Path, split: str) -> Finding:
    frames, videos = raw / "frames" / split, raw / "videos" / split
    folders = sum(one.is_dir() for one in frames.iterdir()) if frames.is_dir() else 0
    files = len(list(videos.glob("seq_*.mp4")))
    detail = f"frames of {folders} sequences, {files} videos"
    if not folders + files:
        detail = "no frames and no videos; joints convert without them"
    return Finding(part=f"{split}: images", present=folders + files > 0, detail=detail, needed=False)
