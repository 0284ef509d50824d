"""A toy data set for networks: stick people as coloured dots in small images, with shards and a tiny grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from PIL import Image

from mhbench.frames import FrameTable
from mhbench.heatmaps import Grid
from mhbench.shards import Index, Origin, peaks_of, shard_info, write_index, write_shard
from mhbench.shards.verification import file_sha256
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

HEIGHT, WIDTH, DEPTH_BINS, DEPTH = 128, 192, 16, 8.0
SKELETON = "loco_14"
K = np.array([[120.0, 0, 96], [0, 120.0, 64], [0, 0, 1]])
# a standing person, metres from its neck, channels of loco_14
BODY = np.array(
    [
        [0.0, -0.25, 0.0], [0, 0, 0], [-0.2, 0.05, 0], [-0.3, 0.35, 0], [-0.35, 0.6, 0.05],
        [0.2, 0.05, 0], [0.3, 0.35, 0], [0.35, 0.6, 0.05], [-0.12, 0.55, 0], [-0.13, 0.95, 0.02],
        [-0.14, 1.35, 0], [0.12, 0.55, 0], [0.13, 0.95, 0.02], [0.14, 1.35, 0],
    ]
)  # fmt: skip


def people(frames: int, seed: int = 0, most: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Joints (P, 14, 3) in metres and offsets (F + 1,): 1 to `most` people 3 to 6 m away in every frame."""
    random = np.random.default_rng(seed)
    start = np.concatenate([[0], np.cumsum(random.integers(1, most + 1, frames))]).astype(np.int64)
    place = random.uniform((-0.8, -0.6, 3.5), (0.8, 0.0, 6), (int(start[-1]), 1, 3))
    bend = random.normal(0, 0.03, (int(start[-1]), 14, 3))
    return (BODY + place + bend).astype(np.float32), start


def table(
    frames: int = 6, *, seed: int = 0, split: str = "train", most: int = 2, scale: float = 1.0
) -> FrameTable:
    """Frames of people; `scale` makes the images smaller."""
    joints, start = people(frames, seed, most)
    intrinsics = np.diag([scale, scale, 1]) @ K
    pixels = (joints @ intrinsics.T.astype(np.float32))[..., :2] / joints[..., 2:]
    return FrameTable(
        dataset="toy",
        split=split,
        skeleton=SKELETON,
        frames={
            "id": np.array([f"walk{seed}/0/{one:04d}" for one in range(frames)], dtype=np.str_),
            "sequence": np.full(frames, f"walk{seed}"),
            "index": np.arange(frames, dtype=np.int64),
            "image": np.array([f"walk{seed}/{one:04d}.png" for one in range(frames)], dtype=np.str_),
            "height": np.full(frames, round(scale * HEIGHT), dtype=np.int32),
            "width": np.full(frames, round(scale * WIDTH), dtype=np.int32),
            "K": np.tile(intrinsics, (frames, 1, 1)),
            "distortion": np.zeros((frames, 8)),
        },
        person_start=start,
        persons={
            "track": np.arange(len(joints)),
            "joints3d": joints,
            "joints2d": pixels.astype(np.float32),
            "joint_flags": np.full((len(joints), 14), 3, dtype=np.uint8),
        },
    )


def picture(joints2d: np.ndarray, depth: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Dots of a colour for each joint, bright when near."""
    image = np.zeros((*size, 3), dtype=np.uint8)
    colours = np.random.default_rng(5).integers(60, 255, (14, 3))
    for person, far in zip(joints2d, depth, strict=True):
        for colour, (u, v), z in zip(colours, np.rint(person).astype(int), far, strict=True):
            image[max(v - 2, 0) : v + 3, max(u - 2, 0) : u + 3] = colour * (3 / z)
    return image


def write_toy(
    folder: Path,
    counts: dict[str, tuple[int, ...]],
    *,
    images: bool = True,
    most: int = 2,
    scale: float = 1.0,
) -> tuple[Path, Path]:
    """Shards and raw images; `counts` are the frames of the items of each split.

    Returns:
        the folder of the shards and that of the images.
    """
    infos, raw, shards, seed = [], folder / "raw", folder / "shards" / "toy", 0
    grid = Grid(
        skeleton(SKELETON).joints,
        depth_min=0.0,
        depth_max=DEPTH,
        depth_bins=DEPTH_BINS,
        height=round(scale * HEIGHT),
        width=round(scale * WIDTH),
    )
    for split, items in counts.items():
        for frames in items:
            whole = table(frames, seed=seed, split=split, most=most, scale=scale)
            path = shards / split / f"walk{seed}.h5"
            origin = Origin(
                item=f"walk{seed}",
                frames_available=frames,
                converter_version=1,
                manifest_hash="a" * 64,
                raw_sha256=f"{seed:064d}",
            )
            write_shard(path, whole, origin, peaks_of(whole, grid, grid.joints))
            info = shard_info(path, sha256=file_sha256(path))
            infos.append(msgspec.structs.replace(info, path=f"{split}/{path.name}"))
            if images:
                _write_images(raw, whole)
            seed += 1
    index = Index(
        format="mhbench-index/1",
        dataset="toy",
        tool_versions=("0",),
        converter_version=1,
        manifest_hash="a" * 64,
        options={},
        shards=tuple(infos),
    )
    write_index(shards, index)
    return shards, raw


def _write_images(raw: Path, whole: FrameTable) -> None:
    for row in range(whole.frame_count):
        rows = whole.people(row)
        size = int(whole.frames["height"][row]), int(whole.frames["width"][row])
        image = picture(whole.persons["joints2d"][rows], whole.persons["joints3d"][rows, :, 2], size)
        path = raw / str(whole.frames["image"][row])
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
