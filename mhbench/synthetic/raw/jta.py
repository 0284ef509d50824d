"""A scene as a sequence of JTA: one JSON array of rows of ten numbers, and frames.

A row is one joint of one person in one frame: frame (from 1), person id (a large number, as the game hands
them out), joint type, x y in pixels, x y z in metres in the camera frame, occluded, self-occluded. No
original file was at hand: whole numbers are written with a fraction or without, both of which JSON allows.
Source of the layout: fabbrimatteo/JTA-Dataset (README, joint.py, to_poses.py).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.cameras import Camera
from mhbench.errors import OutputError, UsageError
from mhbench.shards.files import write_atomically
from mhbench.synthetic.raw import Written, new_folder
from mhbench.synthetic.raw.pictures import write_pictures

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.synthetic.scenes import Scene

    Floats = npt.NDArray[np.float64]

CAMERAS: tuple[str, ...] = ("0",)
SPLITS: Final = ("train", "val", "test")
FRAMES: Final = 900
WIDTH, HEIGHT = 1920, 1080
FOCAL: Final = 1158.0
_FIRST_ID: Final = 8194  # of the game's handles; they grow in steps of 256
_MISSING: Final = 0.02  # share of joints without a row


def write(
    scene: Scene,
    folder: Path,
    *,
    seed: int = 0,
    images: bool = True,
    split: str = "test",
    number: int = 256,
    first_frame: int = 1,
    absent: Collection[int] = (),
    missing: bool = True,
    shuffled: bool = False,
    whole_pixels: bool = False,
    old_axes: bool = False,
) -> Written:
    """Write a scene as the sequence `seq_<number>` of a split.

    Args:
        scene: its first camera is taken, as `as_filmed` makes it; at most 900 frames.
        folder: the raw root.
        seed: of ids, occlusions, missing joints and the order of rows.
        images: whether to render the frames, as the official script cuts them out of the videos.
        split: train, val or test.
        number: of the sequence.
        first_frame: number of the scene's first frame; the frames before it are empty.
        absent: indices into the scene's frames that have no rows.
        missing: whether some joints have no row.
        shuffled: whether the rows of a frame are in disorder; else they are sorted by person and joint.
        whole_pixels: whether pixels are cut to integers, and all whole numbers written without a fraction.
        old_axes: write the axes of the earlier release: y_old = z, z_old = -y.

    Raises:
        UsageError: an unknown split, or frames that JTA cannot have.
        OutputError: the sequence is already there, or the disk does not take it.
    """
    if split not in SPLITS or not 1 <= first_frame <= FRAMES - scene.frames + 1:
        raise UsageError(
            f"JTA has no split {split!r} with frames {first_frame} to {first_frame + scene.frames - 1}",
            expected=f"one of: {', '.join(SPLITS)}, and frames 1 to {FRAMES}",
            action="correct the argument",
        )
    filmed = as_filmed(scene)
    rows = _rows(filmed, seed, first_frame, missing=missing, shuffled=shuffled)
    rows = rows[~np.isin(rows[:, 0], np.array(list(absent)) + first_frame)]
    if old_axes:
        rows[:, 6], rows[:, 7] = rows[:, 7].copy(), -rows[:, 6]
    parts = {"frames": scene.frames, "people": scene.people, "rows": len(rows)}
    name = f"seq_{number}"
    path = folder / "annotations" / split / f"{name}.json"
    if path.exists():
        raise OutputError(
            f"{path} is already there",
            expected="a file that does not exist yet, so that no real data can be overwritten",
            action="name another folder or sequence, or remove this one",
        )
    write_atomically(path, _text(rows, whole_pixels=whole_pixels).encode("ascii"))
    if images:
        with new_folder(folder / "frames" / split / name) as part:
            shots = ((frame, "0", part / f"{first_frame + frame}.jpg") for frame in range(scene.frames))
            parts["images"] = write_pictures(filmed, shots)
    return Written(folder, parts)


def as_filmed(scene: Scene) -> Scene:
    """The scene with the one camera that all of JTA has: the scene's first, with JTA's lens and image size.

    Raises:
        UsageError: the scene has no camera.
    """
    if not scene.cameras:
        raise UsageError(
            "JTA has one camera, and the scene has none",
            expected="a scene with a camera",
            action="make a scene with a camera",
        )
    first = next(iter(scene.cameras.values()))
    K = np.array([[FOCAL, 0.0, WIDTH / 2], [0.0, FOCAL, HEIGHT / 2], [0.0, 0.0, 1.0]])
    return replace(scene, cameras={"0": Camera(K=K, R=first.R, t=first.t, width=WIDTH, height=HEIGHT)})


def _rows(scene: Scene, seed: int, first_frame: int, *, missing: bool, shuffled: bool) -> Floats:
    """All rows (N, 10) float64, by frame."""
    rng = np.random.default_rng((seed, 20))
    camera = scene.cameras["0"]
    world = scene.joints("jta_22")
    points = np.einsum("ij,fpnj->fpni", camera.R, world) + camera.t
    ids = _FIRST_ID + 256 * (rng.permutation(scene.people) + rng.integers(1, 100_000))
    there = np.isfinite(points[..., 0])
    if missing:
        there &= rng.random(there.shape) >= _MISSING
    frame, person, joint = np.nonzero(there)
    if shuffled:
        order = np.lexsort((rng.random(len(frame)), frame))
        frame, person, joint = frame[order], person[order], joint[order]
    x, y, z = points[frame, person, joint].T
    hidden = rng.random((2, len(frame))) < np.array([[0.3], [0.15]])
    u, v = FOCAL * x / z + WIDTH / 2, FOCAL * y / z + HEIGHT / 2
    return np.stack([frame + first_frame, ids[person], joint, u, v, x, y, z, *hidden], axis=-1)


def _text(rows: Floats, *, whole_pixels: bool) -> str:
    if not whole_pixels:
        return json.dumps(rows.tolist())
    integer = [True] * 5 + [False] * 3 + [True] * 2
    return json.dumps(
        [[int(n) if whole else n for n, whole in zip(row, integer, strict=True)] for row in rows.tolist()]
    )
