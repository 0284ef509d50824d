"""MPI-INF-3DHP: single actors, 8 subjects before 14 cameras (training), 6 sequences of one camera (test).

One item is one camera of one sequence; its index is the annotation row, from 0, and the image number is one
more. By default the 8 cameras of the default download are converted, `Selection.cameras` names others; the
test sequences have one camera, which it does not choose. Skeletons: mpi_28 in training, mpi_17 in test.

`joints3d` is `annot3`, true size; the joint set `universal` is `univ_annot3`, on which the official test
metric is defined and which does not project onto `joints2d` (`annot2`, an annotation of its own). The files
know no occlusion, so VISIBLE is never set. In test frames with `valid_frame` 0 people are kept without labels
and with `ignore`. Known defects are exclusion lists, off unless named; swapped sides can also be exchanged.

Sources of the layout: the data set's README and util; akanazawa/hmr, anibali/margipose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.columns import JointFlag
from mhbench.datasets.choosing import (
    chosen_frames,
    chosen_names,
    chosen_sequences,
    corrections,
    excluded_frames,
)
from mhbench.datasets.items import Exclusion, Finding, Item, Selection
from mhbench.datasets.mpi_inf_3dhp_cameras import (
    CAMERAS,
    TEST_CAMERA,
    VNECT_CAMERAS,
    filmed_calibration,
    filmed_camera,
    training_camera,
)
from mhbench.datasets.mpi_inf_3dhp_files import TRAINING, found_of, official_frames, sequences
from mhbench.datasets.mpi_inf_3dhp_poses import ACTIVITIES, Poses, read_test, read_training, training_size
from mhbench.errors import InputError, MissingInputError
from mhbench.frames import FrameTable, JointSet, camera_columns, inside_image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.cameras import Camera

NAME: Final = "mpi_inf_3dhp"
SKELETONS: Final = {"train": "mpi_28", "test": "mpi_17"}
UNIVERSAL: Final = "universal"
_METRES: Final = 0.001


def inventory(raw: Path) -> list[Finding]:
    """What of the data set lies under the raw root: poses, cameras and images of every sequence.

    Raises:
        MissingInputError: there is no such folder.
    """
    findings = [one for place in sequences(raw).items() for one in found_of(*place)]
    nothing = Finding(part="sequences", present=False, detail=f"no sequence of MPI-INF-3DHP in {raw}")
    return findings or [nothing]


def items(raw: Path, selection: Selection) -> list[Item]:
    """One item for each chosen camera of each training sequence and one for each test sequence.

    A sequence whose files are damaged still has its items: reading them tells what is wrong. Frame lists
    without named sequences choose the sequences they are for.

    Raises:
        MissingInputError: there is no such folder.
        InputError: it holds no sequence of this data set.
        UsageError: a split, sequence or camera does not exist.
    """
    splits = chosen_names("split", selection.splits, ("test", "train"))
    cameras = chosen_names("camera", selection.cameras or VNECT_CAMERAS, CAMERAS)
    folders = sequences(raw)
    if not folders:
        packed = sorted(raw.glob("*.zip"))
        raise InputError(
            f"{raw} holds no sequence of MPI-INF-3DHP",
            expected="S1/Seq1/annot.mat, or mpi_inf_3dhp_test_set/TS1/annot_data.mat",
            action=f"extract {packed[0].name} there" if packed else "`mhbench datasets` says where to get it",
        )
    available = [name for name in folders if ("train" if name in TRAINING else "test") in splits]
    found = []
    for sequence in chosen_sequences(selection, available):
        if sequence in TRAINING:
            found += [_training_item(raw, sequence, folders[sequence], camera) for camera in cameras]
        else:
            found.append(_test_item(raw, sequence, folders[sequence]))
    return sorted(found, key=lambda item: (item.split, item.name))


def read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
    """The frames of one camera of one sequence.

    Returns:
        The table (pinhole, joint set `universal`; in test beside the known columns `valid_frame` and
        `activity`, (F,) uint8), and what was left out.

    Raises:
        MissingInputError: a file is gone.
        InputError: a file is damaged or of another version, or a row is no pose.
    """
    sequence, name = str(item.keys["sequence"]), str(item.keys["camera"])
    folder = sequences(raw).get(sequence)
    if folder is None:
        raise MissingInputError(
            f"{raw} no longer holds {sequence}",
            expected="its annot.mat or annot_data.mat, which was there when the items were listed",
            action="put it back where it was, and convert again: finished items are kept",
        )
    report: list[Exclusion] = []
    if item.split == "train":
        camera = training_camera(folder / "camera.calibration", name)
        rows = training_size(folder / "annot.mat")[1]
        length, report = _video_length(sequence, rows, item)
        poses = read_training(folder / "annot.mat", name, length)
    else:
        camera = filmed_camera(folder.parent, sequence)
        poses = read_test(folder / "annot_data.mat")
    index, absent = chosen_frames(np.arange(len(poses.valid)), selection, item, sequence)
    poses = poses.rows(index)
    place = {"dataset": NAME, "sequence": sequence, "camera": name}
    for hit, _, note in corrections(index, selection, item, **place):
        poses = poses.with_sides_exchanged(hit)
        report.append(note)
    persons, universal = _person_columns(poses, camera, test=item.split == "test")
    table = FrameTable(
        dataset=NAME,
        split=item.split,
        skeleton=SKELETONS[item.split],
        frames=_frame_columns(raw, folder, item, camera, index)
        | (_test_columns(poses) if item.split == "test" else {}),
        person_start=np.arange(len(index) + 1),
        persons=persons,
        sets={UNIVERSAL: JointSet(SKELETONS[item.split], universal)},
    )
    out, bad = excluded_frames(index, selection, item, **place)
    return (table.select(~out) if bad else table), [*report, *absent, *bad]


def _video_length(sequence: str, rows: int, item: Item) -> tuple[int, list[Exclusion]]:
    """Rows that have an image, and what to report."""
    length = min(rows, official_frames(sequence))
    reason = "rows beyond the end of the video (num_frames of the data set's README)"
    return length, [Exclusion(item=item.name, frames=rows - length, reason=reason)] if rows > length else []


def _frame_columns(
    raw: Path, folder: Path, item: Item, camera: Camera, index: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[Any]]:
    frames = len(index)
    sequence, name = str(item.keys["sequence"]), str(item.keys["camera"])
    start = (folder / "imageSequence" / "img_").relative_to(raw).as_posix()
    if item.split == "train":
        start += f"{name}_"
    columns = {
        "id": np.array([f"{sequence}/{name}/{row}" for row in index], dtype=np.str_),
        "sequence": np.full(frames, sequence),
        "camera": np.full(frames, name),
        "index": index,
        "image": np.array([f"{start}{row + 1:06d}.jpg" for row in index], dtype=np.str_),
        **camera_columns(camera, frames),
    }
    return columns | ({"subject": np.full(frames, sequence[:2])} if item.split == "train" else {})


def _test_columns(poses: Poses) -> dict[str, npt.NDArray[Any]]:
    names = np.array(["", *ACTIVITIES])  # 0 where a frame that does not count has none
    return {
        "action": names[poses.activity],
        "activity": poses.activity,
        "valid_frame": poses.valid.astype(np.uint8),
    }


def _person_columns(
    poses: Poses, camera: Camera, *, test: bool
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[Any]]]:
    """Columns of the people, and those of the universal joints."""
    pixels, metric, universal = poses.pixels, poses.metric, poses.universal
    valid = poses.valid[:, None]
    inside = inside_image(pixels, (camera.width, camera.height))
    present = np.isfinite(pixels).all(axis=-1) | np.isfinite(metric).all(axis=-1)
    outside = np.where(present & ~inside, JointFlag.OUT_OF_IMAGE, 0)
    flags = np.where(valid, JointFlag.LABELLED_3D | JointFlag.LABELLED_2D, 0) | outside
    columns: dict[str, npt.NDArray[Any]] = {
        "track": np.zeros(len(metric), dtype=np.int64),
        "joints3d": (metric * _METRES).astype(np.float32),
        "joints2d": pixels.astype(np.float32),
        "joint_flags": flags.astype(np.uint8),
    }
    if test:
        columns["ignore"] = (~valid[:, 0]).astype(np.uint8)
    in_3d = np.where(valid, JointFlag.LABELLED_3D, 0) | outside
    return columns, {
        "joints3d": (universal * _METRES).astype(np.float32),
        "joint_flags": in_3d.astype(np.uint8),
    }


def _training_item(raw: Path, sequence: str, folder: Path, camera: str) -> Item:
    try:
        frames = min(training_size(folder / "annot.mat")[1], official_frames(sequence))
    except InputError:
        frames = 0  # `read` meets the same fault, for the items of this sequence only
    files = (folder / "annot.mat", folder / "camera.calibration")
    return Item(
        name=f"{sequence}.{camera}",
        split="train",
        files=tuple(file.relative_to(raw).as_posix() for file in files),
        frames_available=frames,
        keys={"sequence": sequence, "camera": camera},
    )


def _test_item(raw: Path, sequence: str, folder: Path) -> Item:
    try:
        frames = len(read_test(folder / "annot_data.mat").valid)
    except InputError:
        frames = 0  # `read` meets the same fault, for this item only
    calibration = filmed_calibration(folder.parent, sequence)
    files = [folder / "annot_data.mat", *([calibration] if calibration.is_file() else [])]
    return Item(
        name=f"{sequence}.{TEST_CAMERA}",
        split="test",
        files=tuple(file.relative_to(raw).as_posix() for file in files),
        frames_available=frames,
        keys={"sequence": sequence, "camera": TEST_CAMERA},
    )
