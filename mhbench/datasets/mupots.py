"""MuPoTS-3D: 20 test sequences of two or three annotated people, indoors and outdoors.

One item is one sequence; its index is the image number, from 0. Each column of the annotation is one person
through the sequence and so the track. Slots that are not valid stay as people without labels, with `ignore`
and NaN joints, as their values are undefined. People who are visible but not annotated do not appear.

`joints3d` is `annot3`, true size; the joint set `universal` is `univ_annot3`, which the official score is
defined on. `joints2d` is `annot2`. Occlusion labels become VISIBLE or OCCLUDED as they are in the file.
There is no calibration: a pinhole is fitted to each sequence (see `fitted_camera`), and `inventory` tells how
well it fits. Nothing is known about the cameras' place, so there is no R and t.

Sources of the layout: Arthur151/ROMP, vegesm/pose_refinement, ddddwee1/MuPoTS3D-Evaluation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.columns import JointFlag
from mhbench.datasets.choosing import (
    check_root,
    chosen_frames,
    chosen_names,
    chosen_sequences,
    excluded_frames,
)
from mhbench.datasets.items import Exclusion, Finding, Item, Selection
from mhbench.datasets.mupots_files import (
    ANNOTATION,
    LEFT_OUT,
    OCCLUSION,
    Annotation,
    fitted_camera,
    read_annotation,
    release,
    verified,
)
from mhbench.errors import InputError, MissingInputError
from mhbench.frames import FrameTable, JointSet, camera_columns, inside_image
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.cameras import Camera

NAME: Final = "mupots"
SKELETON: Final = "mpi_17"
UNIVERSAL: Final = "universal"
CAMERA: Final = "0"
FOLDER: Final = "MultiPersonTestSet"
_METRES: Final = 0.001


def inventory(raw: Path) -> list[Finding]:
    """What of the data set lies under the raw root, by number of the sequence, and whether it is official.

    Raises:
        MissingInputError: there is no such folder.
    """
    folders = _sequences(raw)
    if not folders:
        return [Finding(part="sequences", present=False, detail=f"no sequence of MuPoTS-3D in {raw}")]
    findings = []
    for sequence, folder in folders.items():
        findings += [_find_annotation(sequence, folder), _find_release(sequence, folder)]
        findings.append(_find_images(sequence, folder))
    lacking = [name for name in release() if name not in folders]
    detail = f"{len(folders)} of {len(release())}" + (f"; missing: {', '.join(lacking)}" if lacking else "")
    return [*findings, Finding(part="sequences", present=not lacking, detail=detail, needed=False)]


def items(raw: Path, selection: Selection) -> list[Item]:
    """One item for each sequence, sorted by name.

    A sequence whose files are damaged still has its item: reading it tells what is wrong. Frame lists without
    named sequences choose the sequences they are for.

    Raises:
        MissingInputError: there is no such folder.
        InputError: it holds no sequence of this data set.
        UsageError: a split, sequence or camera does not exist.
    """
    chosen_names("split", selection.splits, ("all",))
    chosen_names("camera", selection.cameras, (CAMERA,))
    folders = _sequences(raw)
    if not folders:
        packed = sorted(raw.glob("*.zip"))
        raise InputError(
            f"{raw} holds no sequence of MuPoTS-3D",
            expected=f"{FOLDER}/TS1/{ANNOTATION}",
            action=f"extract {packed[0].name} there" if packed else "`mhbench datasets` says where to get it",
        )
    found = [
        Item(
            name=f"{sequence}.{CAMERA}",
            split="all",
            files=tuple(
                (folders[sequence] / name).relative_to(raw).as_posix() for name in (ANNOTATION, OCCLUSION)
            ),
            frames_available=_count_frames(folders[sequence]),
            keys={"sequence": sequence},
        )
        for sequence in chosen_sequences(selection, folders)
    ]
    return sorted(found, key=lambda item: item.name)


def read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
    """The frames of one sequence.

    Returns:
        The table (pinhole, joint set `universal`), and what was left out.

    Raises:
        MissingInputError: a file is gone.
        InputError: a file is damaged, of another version, or they do not fit each other.
    """
    sequence = str(item.keys["sequence"])
    folder = _sequences(raw).get(sequence)
    if folder is None:
        raise MissingInputError(
            f"{raw} no longer holds {sequence}",
            expected=f"its {ANNOTATION}, which was there when the items were listed",
            action="put it back where it was, and convert again: finished items are kept",
        )
    annotation = read_annotation(folder)
    camera, _ = fitted_camera(annotation, sequence, folder)
    frames, people = annotation.valid.shape
    index, absent = chosen_frames(np.arange(frames), selection, item, sequence)
    persons, universal = _person_columns(annotation, index, camera)
    table = FrameTable(
        dataset=NAME,
        split=item.split,
        skeleton=SKELETON,
        frames=_frame_columns(sequence, folder.relative_to(raw).as_posix(), camera, index),
        person_start=people * np.arange(len(index) + 1),
        persons=persons,
        sets={UNIVERSAL: JointSet(SKELETON, universal)},
    )
    out, bad = excluded_frames(index, selection, item, dataset=NAME, sequence=sequence, camera=CAMERA)
    return (table.select(~out) if bad else table), [*absent, *bad]


def _frame_columns(
    sequence: str, folder: str, camera: Camera, index: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[Any]]:
    frames = len(index)
    return {
        "id": np.array([f"{sequence}/{CAMERA}/{number}" for number in index], dtype=np.str_),
        "sequence": np.full(frames, sequence),
        "camera": np.full(frames, CAMERA),
        "index": index,
        "image": np.array([f"{folder}/img_{number:06d}.jpg" for number in index], dtype=np.str_),
        **camera_columns(camera, frames, placed=False),
    }


def _person_columns(
    annotation: Annotation, index: npt.NDArray[np.int64], camera: Camera
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[Any]]]:
    """Columns of the people, and those of the universal joints."""
    pixels, metric, universal, occluded = (
        column[index].reshape(-1, *column.shape[2:])
        for column in (annotation.pixels, annotation.metric, annotation.universal, annotation.occluded)
    )
    valid = annotation.valid[index].reshape(-1, 1)
    inside = inside_image(pixels, (camera.width, camera.height))
    seen = np.where(occluded, JointFlag.OCCLUDED, JointFlag.VISIBLE) | np.where(
        inside, 0, JointFlag.OUT_OF_IMAGE
    )
    in_3d = np.where(valid, seen | JointFlag.LABELLED_3D, 0)
    flags = np.where(valid, in_3d | JointFlag.LABELLED_2D, 0)
    columns: dict[str, npt.NDArray[Any]] = {
        "track": np.tile(np.arange(annotation.valid.shape[1]), len(index)),
        "joints3d": (metric * _METRES).astype(np.float32),
        "joints2d": pixels.astype(np.float32),
        "joint_flags": flags.astype(np.uint8),
        "ignore": (~valid[:, 0]).astype(np.uint8),
    }
    return columns, {
        "joints3d": (universal * _METRES).astype(np.float32),
        "joint_flags": in_3d.astype(np.uint8),
    }


def _sequences(raw: Path) -> dict[str, Path]:
    """Folder of each sequence that has an annotation file, TS2 before TS10."""
    check_root(raw, f"MuPoTS-3D, with {FOLDER} in it")
    parent = raw / FOLDER if (raw / FOLDER).is_dir() else raw
    folders = {name: parent / name for name in release()}
    return {name: folder for name, folder in folders.items() if (folder / ANNOTATION).is_file()}


def _count_frames(folder: Path) -> int:
    try:
        return len(read_annotation(folder).valid)
    except InputError:
        return 0  # `read` meets the same fault, for this item only


def _find_annotation(sequence: str, folder: Path) -> Finding:
    part = f"{sequence}: poses"
    try:
        annotation = read_annotation(folder)
        camera, off = fitted_camera(annotation, sequence, folder)
    except InputError as error:
        return Finding(part=part, present=False, detail=error.what)
    (frames, people), known = annotation.valid.shape, release()[sequence]
    names = [skeleton(SKELETON).joints[joint] for joint in LEFT_OUT]
    K = camera.K
    detail = (
        f"{frames} of {known.frames} frames, {people} of {known.people} people,"
        f" {annotation.valid.sum()} slots valid; fitted camera f {K[0, 0]:.2f} {K[1, 1]:.2f}"
        f" c {K[0, 2]:.2f} {K[1, 2]:.2f}, {off:.2f} px off on average ({', '.join(names)} left out)"
    )
    return Finding(part=part, present=True, detail=detail)


def _find_release(sequence: str, folder: Path) -> Finding:
    words = [
        verified(folder / name, sequence) if (folder / name).is_file() else f"{name} is missing"
        for name in (ANNOTATION, OCCLUSION)
    ]
    official = all(word.endswith("verified") for word in words)
    return Finding(part=f"{sequence}: checksums", present=official, detail="; ".join(words), needed=False)


def _find_images(sequence: str, folder: Path) -> Finding:
    count = len(list(folder.glob("img_*.jpg")))
    detail = f"{count} of {release()[sequence].frames} images" if count else "no images; poses convert"
    return Finding(part=f"{sequence}: images", present=count > 0, detail=detail, needed=False)
