"""Human3.6M: single actors in one room, motion capture at 50 Hz, four cameras.

One item is one camera of one take; its index is the row of the pose file, from 0. World poses (mm) are put
into the camera by metadata.xml; where a tree holds only the poses in the camera frame, those are taken.
`joints2d` are the official 2D poses where they are there, else the projection through the data set's own lens
model: both agree within 0.001 px. `bbox` is there for takes with a file of masks (MySegmentsMat), NaN where a
frame has none. Nothing is known about occlusion, so VISIBLE is never set.

Pose files and videos differ in length. Poses beyond the end of the video are left out, images without a pose
are reported; both counts stand in the inventory.

Sources of the layout: nkolot/SPIN, anibali/h36m-fetch, open-mmlab/mmpose, facebookresearch/VideoPose3D.
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
    corrections,
    excluded_frames,
)
from mhbench.datasets.human36m_boxes import read_boxes
from mhbench.datasets.human36m_metadata import CAMERAS, metadata_path, read_metadata
from mhbench.datasets.human36m_poses import (
    JOINTS,
    archives,
    box_file,
    in_camera_frame,
    pixel_file,
    pose_file,
    read_poses,
    subject_folders,
    takes_on_disk,
)
from mhbench.datasets.items import Exclusion, Finding, Item, Selection
from mhbench.errors import InputError
from mhbench.frames import FrameTable, camera_columns, inside_image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.cameras import Camera
    from mhbench.datasets.human36m_metadata import Metadata, Take
    from mhbench.datasets.human36m_poses import TakeOnDisk

    Floats = npt.NDArray[np.float64]

NAME: Final = "human36m"
SKELETON: Final = "h36m_32"
_METRES: Final = 0.001


def inventory(raw: Path) -> list[Finding]:
    """What of the data set lies under the raw root: metadata, takes with both lengths, archives.

    Raises:
        MissingInputError: there is no such folder.
    """
    check_root(raw, "Human3.6M, with metadata.xml and a folder for each subject")
    try:
        metadata = read_metadata(metadata_path(raw))
    except InputError as error:
        return [Finding(part="metadata.xml", present=False, detail=error.what), *_find_archives(raw)]
    findings = [Finding(part="metadata.xml", present=True, detail=str(metadata.path))]
    takes = takes_on_disk(raw, metadata)
    findings += [_find_poses(found) for found in takes]
    if not takes:
        findings.append(Finding(part="poses", present=False, detail=f"no pose file of any subject in {raw}"))
    for subject in subject_folders(raw):
        known = metadata.takes[subject.name]
        lacking = sorted(known.keys() - {found.stem for found in takes if found.subject == subject})
        findings += [_find_takes(subject, lacking, len(known)), _find_videos(subject)]
    return findings + _find_archives(raw)


def items(raw: Path, selection: Selection) -> list[Item]:
    """One item for each camera of each take, sorted by name; `_ALL` takes are no part of the data set.

    A take whose files are damaged, or whose name metadata.xml does not have, still has its items: reading
    them tells what is wrong. Frame lists without named sequences choose the sequences they are for.

    Raises:
        MissingInputError: there is no such folder, or no metadata.xml in it.
        InputError: metadata.xml is damaged, or no subject has poses.
        UsageError: a split, sequence or camera does not exist.
    """
    check_root(raw, "Human3.6M, with metadata.xml and a folder for each subject")
    chosen_names("split", selection.splits, ("all",))
    cameras = chosen_names("camera", selection.cameras, CAMERAS)
    metadata = read_metadata(metadata_path(raw))
    takes = {found.sequence: found for found in takes_on_disk(raw, metadata)}
    if not takes:
        packed = next(archives(raw), None)
        raise InputError(
            f"{raw} holds no poses of Human3.6M",
            expected="files such as S9/MyPoseFeatures/D3_Positions/Directions 1.cdf",
            action=f"extract the archives, such as {packed.name}, there"
            if packed
            else "`mhbench datasets` says where to get them",
        )
    found = [
        _item(raw, metadata, takes[sequence], camera)
        for sequence in chosen_sequences(selection, takes)
        for camera in cameras
    ]
    return sorted(found, key=lambda item: item.name)


def read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
    """The frames of one camera of one take.

    Returns:
        The table (lens human36m; beside the known columns `subaction` (F,) uint8), and what was left out.

    Raises:
        MissingInputError: a file is gone.
        InputError: a file is damaged, metadata.xml does not have the take, or 2D and 3D differ in length.
    """
    subject, stem, name = (str(item.keys[key]) for key in ("subject", "stem", "camera"))
    folder, sequence = raw / subject, item.name.rpartition(".")[0]
    metadata = read_metadata(metadata_path(raw))
    take = metadata.takes[subject].get(stem)
    if take is None:
        raise InputError(
            f"{pose_file(folder, stem, name)}: {metadata.path} has no take {stem!r} of {subject}",
            expected=f"one of: {', '.join(sorted(metadata.takes[subject]))}",
            action="rename the file as the official archives have it, or remove it",
        )
    camera = metadata.camera(subject, name)
    points = _points(pose_file(folder, stem, name), camera)
    pixels = _pixels(pixel_file(folder, stem, name), camera, points)
    length, report = _common_length(len(points), take.video_frames.get(name), item)
    index, absent = chosen_frames(np.arange(length), selection, item, sequence)
    points, pixels = points[index], pixels[index]
    boxes = _boxes(box_file(folder, stem, name), index, camera)
    place = {"dataset": NAME, "sequence": sequence, "camera": name}
    for hit, how, note in corrections(index, selection, item, **place):
        points[hit] += np.einsum("ij,j->i", camera.R, how.move_mm) * _METRES
        before = pixels[hit]
        pixels[hit] = camera.project(points[hit])  # the official ones are of the poses that are mended
        if boxes is not None:
            boxes[hit, :2] += (pixels[hit] - before).mean(axis=1)
        report.append(note)
    table = FrameTable(
        dataset=NAME,
        split=item.split,
        skeleton=SKELETON,
        frames=_frame_columns(raw, item, take, camera, index),
        person_start=np.arange(len(index) + 1),
        persons=_person_columns(points, pixels, camera) | ({} if boxes is None else {"bbox": boxes}),
        lens="human36m",
    )
    out, bad = excluded_frames(index, selection, item, **place)
    return (table.select(~out) if bad else table), [*report, *absent, *bad]


def _points(path: Path, camera: Camera) -> Floats:
    """Poses (F, 32, 3) in metres in the camera frame."""
    poses = read_poses(path, 3) * _METRES
    return poses if in_camera_frame(path) else camera.to_camera(poses)


def _pixels(path: Path | None, camera: Camera, points: Floats) -> Floats:
    """2D poses (F, 32, 2): the official ones where they are there."""
    if path is None:
        return camera.project(points)
    pixels = read_poses(path, 2)
    if len(pixels) != len(points):
        raise InputError(
            f"{path} has {len(pixels)} poses, and the 3D poses of the take are {len(points)}",
            expected="one 2D pose for each 3D pose",
            action="extract both archives again",
        )
    return pixels


def _boxes(path: Path | None, index: npt.NDArray[np.int64], camera: Camera) -> Floats | None:
    """Boxes (F, 4) px, NaN where a frame has none; None where the take has none."""
    return read_boxes(path, index.tolist(), (camera.width, camera.height)) if path else None


def _common_length(poses: int, video: int | None, item: Item) -> tuple[int, list[Exclusion]]:
    """Number of frames that have an image and a pose, and what to report."""
    if video is None or video == poses:
        return poses, []
    reason = "images at the end of a video without a pose (metadata.xml says the video is longer)"
    if poses > video:
        reason = "poses beyond the end of the video (its length in metadata.xml)"
    return min(poses, video), [Exclusion(item=item.name, frames=abs(video - poses), reason=reason)]


def _frame_columns(
    raw: Path, item: Item, take: Take, camera: Camera, index: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[Any]]:
    frames = len(index)
    sequence, _, name = item.name.rpartition(".")
    folder = _image_folder(raw, item)
    return {
        "id": np.array([f"{sequence}/{name}/{row}" for row in index], dtype=np.str_),
        "sequence": np.full(frames, sequence),
        "subject": np.full(frames, item.keys["subject"]),
        "action": np.full(frames, take.action),
        "subaction": np.full(frames, take.subaction, dtype=np.uint8),
        "camera": np.full(frames, name),
        "index": index,
        "image": np.array([f"{folder}{item.name}_{row + 1:06d}.jpg" for row in index], dtype=np.str_),
        **camera_columns(camera, frames),
    }


def _image_folder(raw: Path, item: Item) -> str:
    """Where the tools that cut the videos into images put them: mmpose's folders, SPIN's one, or the root."""
    for folder in (f"images/{item.keys['subject']}/{item.name}/", "images/"):
        if (raw / folder).is_dir():
            return folder
    return ""


def _person_columns(points: Floats, pixels: Floats, camera: Camera) -> dict[str, npt.NDArray[Any]]:
    inside = inside_image(pixels, (camera.width, camera.height))
    flags = (
        JointFlag.LABELLED_3D
        | np.where(np.isfinite(pixels[..., 0]), JointFlag.LABELLED_2D, 0)
        | np.where(inside, 0, JointFlag.OUT_OF_IMAGE)
    )
    return {
        "track": np.zeros(len(points), dtype=np.int64),
        "joints3d": points.astype(np.float32),
        "joints2d": pixels.astype(np.float32),
        "joint_flags": flags.astype(np.uint8),
    }


def _item(raw: Path, metadata: Metadata, found: TakeOnDisk, camera: str) -> Item:
    poses, pixels = (
        pose_file(found.subject, found.stem, camera),
        pixel_file(found.subject, found.stem, camera),
    )
    files = [metadata.path, poses, pixels, box_file(found.subject, found.stem, camera)]
    lengths = found.take.video_frames if found.take else {}
    try:
        frames = len(read_poses(poses, 3))
    except InputError:
        frames = 0  # `read` meets the same fault, for this item only
    return Item(
        name=f"{found.sequence}.{camera}",
        split="all",
        files=tuple(path.relative_to(raw).as_posix() for path in files if path),
        frames_available=min(frames, lengths.get(camera, frames)),
        keys={"subject": found.subject.name, "stem": found.stem, "camera": camera},
    )


def _find_poses(found: TakeOnDisk) -> Finding:
    part = f"{found.sequence}: poses"
    if found.take is None:
        return Finding(part=part, present=False, detail=f"metadata.xml has no take {found.stem!r}")
    path = pose_file(found.subject, found.stem, CAMERAS[0])
    try:
        poses = read_poses(path, 3)
    except InputError as error:
        return Finding(part=part, present=False, detail=error.what)
    lengths = " ".join(str(length) for length in found.take.video_frames.values()) or "unknown"
    detail = f"{len(poses)} poses of {JOINTS} joints in {path.parent.name}, video frames {lengths}"
    return Finding(part=part, present=True, detail=detail)


def _find_takes(subject: Path, lacking: list[str], known: int) -> Finding:
    detail = f"{known - len(lacking)} of {known} takes"
    detail += f"; missing: {', '.join(lacking)}" if lacking else ""
    return Finding(part=f"{subject.name}: takes", present=not lacking, detail=detail, needed=False)


def _find_videos(subject: Path) -> Finding:
    videos = len(list((subject / "Videos").glob("*.mp4")))
    detail = f"{videos} videos" if videos else "no Videos; poses convert without them"
    return Finding(part=f"{subject.name}: videos", present=videos > 0, detail=detail, needed=False)


def _find_archives(raw: Path) -> list[Finding]:
    packed = list(archives(raw))
    if not packed:
        return []
    detail = f"{len(packed)} archives, such as {packed[0].name}: they are not read, extract them"
    return [Finding(part="archives", present=True, detail=detail, needed=False)]
