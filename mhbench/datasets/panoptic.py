"""CMU Panoptic: the HD cameras of the dome and the 3D joints triangulated from all of its views.

One item is one HD camera of one sequence. Poses are read from the extracted folder or from the tar as
downloaded; the newer coco19 files (skeleton panoptic_19) are preferred to the older joints15 files
(panoptic_15, whose joint 1 is the head top and not the nose).

Everybody in the dome is kept, also people behind the camera or outside its image: flags tell. Only 3D is
annotated. `joints2d` is its projection through the camera's lens, NaN behind the camera and beyond the lens'
fold-back; LABELLED_2D means that a labelled 3D joint has such a projection. Joints with a confidence of at
least 0 keep their position, only those above 0.1 are labelled. A missing joint, which the files place at the
world's origin with a confidence of -1, is NaN. Nothing is known about occlusion, so VISIBLE is never set.

Source of the layout: CMU-Perceptual-Computing-Lab/panoptic-toolbox (README, scripts).
"""

from __future__ import annotations

import os
import re
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
from mhbench.datasets.panoptic_cameras import calibration_path, camera_types, check_hd, hd_camera
from mhbench.datasets.panoptic_poses import POSE_FOLDERS, Bodies, list_poses, pose_source, read_bodies
from mhbench.errors import InputError, MissingInputError
from mhbench.frames import FrameTable, camera_columns, inside_image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.cameras import Camera

NAME: Final = "panoptic"
LABELLED_ABOVE: Final = 0.1  # confidence; the toolbox, CRMH and VoxelPose use the same
HD_CAMERAS: Final = tuple(f"00_{node:02d}" for node in range(31))


def inventory(raw: Path) -> list[Finding]:
    """What of the data set lies under the raw root: poses, calibration and images of every sequence.

    Raises:
        MissingInputError: there is no such folder.
    """
    findings = []
    for folder in _folders(raw):
        source, calibration = pose_source(folder), calibration_path(folder)
        if source is not None or calibration.is_file():
            findings += [_find_poses(folder), _find_calibration(folder), _find_images(folder)]
    nothing = Finding(part="sequences", present=False, detail=f"no sequence of CMU Panoptic in {raw}")
    return findings or [nothing]


def items(raw: Path, selection: Selection) -> list[Item]:
    """One item for each HD camera of each sequence, sorted by name.

    A sequence whose files are damaged still has its items: reading them tells what is wrong. Frame lists
    without named sequences choose the sequences they are for.

    Raises:
        MissingInputError: there is no such folder.
        InputError: it holds no sequence of this data set.
        UsageError: a split, sequence or camera does not exist, or a camera is none of the HD cameras.
    """
    chosen_names("split", selection.splits, ("all",))
    sources = {folder: pose_source(folder) for folder in _folders(raw)}
    sequences = {folder.name: (folder, source) for folder, source in sources.items() if source is not None}
    if not sequences:
        action = "`mhbench datasets` says where to get it"
        if pose_source(raw) is not None:
            action = f"this is one sequence; give the folder above it, {raw.parent}"
        raise InputError(
            f"{raw} holds no sequence of CMU Panoptic with poses",
            expected=f"folders such as 160422_haggling1 that hold {POSE_FOLDERS[0]} or {POSE_FOLDERS[0]}.tar",
            action=action,
        )
    found = []
    for sequence in chosen_sequences(selection, sequences):
        folder, source = sequences[sequence]
        calibration = calibration_path(folder)
        files = tuple(path.relative_to(raw).as_posix() for path in (calibration, source))
        frames = _count_frames(source)
        found += [
            Item(
                name=f"{sequence}.{camera}",
                split="all",
                files=files,
                frames_available=frames,
                keys={"sequence": sequence, "camera": camera},
            )
            for camera in _chosen_cameras(calibration, selection)
        ]
    return sorted(found, key=lambda item: item.name)


def read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
    """The frames of one camera of one sequence.

    Returns:
        The table (lens opencv; beside the known columns `confidence` (P, J) float32, NaN = missing joint),
        and what was left out.

    Raises:
        MissingInputError: the calibration or the poses are gone.
        InputError: a file is damaged; the message names it and, in a JSON file, the place.
    """
    sequence, name = str(item.keys["sequence"]), str(item.keys["camera"])
    folder = raw / sequence
    source = pose_source(folder)
    if source is None:
        raise MissingInputError(
            f"{folder} no longer holds poses",
            expected=f"one of {', '.join(POSE_FOLDERS)} (.tar), which was there when the items were listed",
            action="put it back where it was, and convert again: finished items are kept",
        )
    camera = hd_camera(calibration_path(folder), name)
    poses = list_poses(source)
    index, report = chosen_frames(np.array(list(poses.entries), dtype=np.int64), selection, item, sequence)
    bodies = read_bodies(poses, tuple(index.tolist()))
    table = FrameTable(
        dataset=NAME,
        split=item.split,
        skeleton=poses.skeleton,
        frames=_frame_columns(raw, sequence, name, camera, index),
        person_start=bodies.start,
        persons=_person_columns(bodies, camera),
        lens="opencv",
    )
    out, bad = excluded_frames(index, selection, item, dataset=NAME, sequence=sequence, camera=name)
    return (table.select(~out) if bad else table), [*report, *bad]


def _frame_columns(
    raw: Path, sequence: str, name: str, camera: Camera, index: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[Any]]:
    frames = len(index)
    numbers = [f"{number:08d}" for number in index]
    action = re.match(r"\d+_([A-Za-z]+)", sequence)
    return {
        "id": np.array([f"{sequence}/{name}/{number}" for number in numbers], dtype=np.str_),
        "sequence": np.full(frames, sequence),
        "action": np.full(frames, action[1] if action else sequence),
        "camera": np.full(frames, name),
        "index": index,
        "image": np.array(_image_paths(raw, sequence, name, numbers), dtype=np.str_),
        **camera_columns(camera, frames),
    }


def _image_paths(raw: Path, sequence: str, name: str, numbers: list[str]) -> list[str]:
    """jpg, which the toolbox writes unless told otherwise; png (CRMH's recipe) where only that is there."""
    folder = raw / sequence / "hdImgs" / name
    present = frozenset(os.listdir(folder)) if folder.is_dir() else frozenset()  # noqa: PTH208 - names are enough
    stems = [f"{name}_{number}" for number in numbers]
    pngs = [f"{stem}.png" in present and f"{stem}.jpg" not in present for stem in stems]
    return [
        f"{sequence}/hdImgs/{name}/{stem}.{'png' if png else 'jpg'}"
        for stem, png in zip(stems, pngs, strict=True)
    ]


def _person_columns(bodies: Bodies, camera: Camera) -> dict[str, npt.NDArray[Any]]:
    confidence = np.where(bodies.joints[..., 3] < 0, np.nan, bodies.joints[..., 3])
    present = ~np.isnan(confidence)
    world = np.where(present[..., None], bodies.joints[..., :3] / 100, np.nan)
    points = camera.to_camera(world)
    pixels = camera.project(points)
    inside = inside_image(pixels, (camera.width, camera.height))
    labelled = confidence > LABELLED_ABOVE
    flags = (
        np.where(labelled, JointFlag.LABELLED_3D, 0)
        | np.where(labelled & np.isfinite(pixels[..., 0]), JointFlag.LABELLED_2D, 0)
        | np.where(present & ~inside, JointFlag.OUT_OF_IMAGE, 0)
    )
    return {
        "track": bodies.track,
        "joints3d": points.astype(np.float32),
        "joints2d": pixels.astype(np.float32),
        "joint_flags": flags.astype(np.uint8),
        "confidence": confidence.astype(np.float32),
    }


def _folders(raw: Path) -> list[Path]:
    check_root(raw, "CMU Panoptic, with one folder for each sequence")
    return sorted(folder for folder in raw.iterdir() if folder.is_dir())


def _chosen_cameras(calibration: Path, selection: Selection) -> list[str]:
    try:
        types = camera_types(calibration)
    except InputError:
        # `read` meets the same fault, for the items of this sequence only
        return sorted(selection.cameras or HD_CAMERAS)
    check_hd(calibration, selection.cameras, types)
    return sorted(set(selection.cameras) or {name for name, kind in types.items() if kind == "hd"})


def _count_frames(source: Path) -> int:
    try:
        return len(list_poses(source).entries)
    except InputError:
        return 0  # `read` meets the same fault, for the items of this sequence only


def _find_poses(folder: Path) -> Finding:
    part, source = f"{folder.name}: poses", pose_source(folder)
    if source is None:
        return Finding(part=part, present=False, detail=f"none of {', '.join(POSE_FOLDERS)} (.tar)")
    try:
        poses = list_poses(source)
        numbers = tuple(poses.entries)
        read_bodies(poses, numbers[:1])
    except InputError as error:
        return Finding(part=part, present=False, detail=error.what)
    span = f"{len(numbers)} frames, {numbers[0]} to {numbers[-1]}"
    return Finding(part=part, present=True, detail=f"{source.name} ({poses.skeleton}): {span}")


def _find_calibration(folder: Path) -> Finding:
    part, path = f"{folder.name}: calibration", calibration_path(folder)
    try:
        kinds = list(camera_types(path).values())
    except InputError as error:
        return Finding(part=part, present=False, detail=error.what)
    return Finding(part=part, present="hd" in kinds, detail=f"{kinds.count('hd')} HD cameras in {path.name}")


def _find_images(folder: Path) -> Finding:
    part, images = f"{folder.name}: images", folder / "hdImgs"
    cameras = sorted(one.name for one in images.iterdir() if one.is_dir()) if images.is_dir() else []
    detail = f"hdImgs of {', '.join(cameras)}" if cameras else "no hdImgs; poses convert without them"
    return Finding(part=part, present=bool(cameras), detail=detail, needed=False)
