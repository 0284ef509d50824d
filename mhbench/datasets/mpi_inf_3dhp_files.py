"""Where the sequences of MPI-INF-3DHP lie under a raw root, and what is in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.datasets.choosing import check_root
from mhbench.datasets.items import Finding
from mhbench.datasets.manifest import dataset_manifest
from mhbench.datasets.mpi_inf_3dhp_cameras import (
    TEST_SIZES,
    VNECT_CAMERAS,
    filmed_calibration,
    filmed_camera,
    read_calibration,
)
from mhbench.datasets.mpi_inf_3dhp_poses import read_test, training_size
from mhbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TRAINING: Final = {f"S{s}_Seq{q}": f"S{s}/Seq{q}" for s in range(1, 9) for q in (1, 2)}
TEST_FOLDERS: Final = ("mpi_inf_3dhp_test_set/mpi_inf_3dhp_test_set", "mpi_inf_3dhp_test_set", ".")


def sequences(raw: Path) -> Mapping[str, Path]:
    """Folder of each sequence that has its annotation file; the folder of the test set may be doubled.

    Raises:
        MissingInputError: there is no such folder.
    """
    check_root(raw, "MPI-INF-3DHP, with S1 to S8 and mpi_inf_3dhp_test_set")
    found = {name: raw / place for name, place in TRAINING.items() if (raw / place / "annot.mat").is_file()}
    for name in TEST_SIZES:
        places = (raw / folder / name for folder in TEST_FOLDERS)
        place = next((place for place in places if (place / "annot_data.mat").is_file()), None)
        if place is not None:
            found[name] = place
    return found


def official_frames(sequence: str) -> int:
    """Number of frames of a sequence in the official release (training: `num_frames` of its video)."""
    return dataset_manifest("mpi_inf_3dhp").known_counts[sequence]


def found_of(sequence: str, folder: Path) -> list[Finding]:
    """What there is of one sequence: poses, cameras and images."""
    if sequence not in TRAINING:
        return [_find_test(sequence, folder), _find_images(sequence, folder)]
    return [
        _find_training(sequence, folder),
        _find_cameras(sequence, folder),
        _find_images(sequence, folder),
    ]


def _find_training(sequence: str, folder: Path) -> Finding:
    part = f"{sequence}: poses"
    try:
        cameras, rows = training_size(folder / "annot.mat")
    except InputError as error:
        return Finding(part=part, present=False, detail=error.what)
    detail = f"{rows} rows of {len(cameras)} cameras, the video has {official_frames(sequence)} frames"
    return Finding(part=part, present=True, detail=detail)


def _find_cameras(sequence: str, folder: Path) -> Finding:
    part = f"{sequence}: cameras"
    try:
        cameras = read_calibration(folder / "camera.calibration")
    except InputError as error:
        return Finding(part=part, present=False, detail=error.what)
    default = ", ".join(VNECT_CAMERAS)
    detail = f"{len(cameras)} cameras; converted unless others are named: {default}"
    return Finding(part=part, present=set(VNECT_CAMERAS) <= set(cameras), detail=detail)


def _find_test(sequence: str, folder: Path) -> Finding:
    part = f"{sequence}: poses"
    try:
        poses = read_test(folder / "annot_data.mat")
        camera = filmed_camera(folder.parent, sequence)
    except InputError as error:
        return Finding(part=part, present=False, detail=error.what)
    calibration = filmed_calibration(folder.parent, sequence)
    source = calibration.name if calibration.is_file() else f"as in the official {calibration.name}"
    detail = f"{len(poses.valid)} of {official_frames(sequence)} frames, {poses.valid.sum()} valid"
    off = np.linalg.norm(camera.project(poses.metric) - poses.pixels, axis=-1)[poses.valid]
    fit = f"{np.nanmean(off):.2f} px from the annotations on average" if len(off) else "no valid frame"
    return Finding(part=part, present=True, detail=f"{detail}; camera {source}, {fit}")


def _find_images(sequence: str, folder: Path) -> Finding:
    images = folder / "imageSequence"
    counts = {ending: len(list(images.glob(f"*.{ending}"))) for ending in ("jpg", "avi", "zip")}
    detail = ", ".join(f"{count} {ending}" for ending, count in counts.items() if count)
    if counts["zip"]:
        detail += "; extract the archives to have the images"
    return Finding(
        part=f"{sequence}: images",
        present=bool(counts["jpg"] or counts["avi"]),
        detail=f"{detail} in {images.name}" if detail else "no images; poses convert without them",
        needed=False,
    )
