"""Small shards with images for the tests of training targets: two splits' worth of frames, 14 joints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from PIL import Image

from mhbench.frames import FrameTable
from mhbench.heatmaps import Grid
from mhbench.shards import Index, Origin, open_shards, peaks_of, shard_info, write_index, write_shard
from mhbench.shards.verification import file_sha256
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

    from mhbench.shards import Shards

JOINTS = skeleton("loco_14").joints
HEIGHT, WIDTH = 96, 128
GRID = Grid(
    JOINTS, depth_min=0.0, depth_max=10.0, depth_bins=24, height=HEIGHT, width=WIDTH, stride=8, sigma=1.0
)


def table(item: str, frames: int, seed: int) -> FrameTable:
    random = np.random.default_rng(seed)
    start = np.concatenate([[0], np.cumsum(random.integers(0, 4, frames))]).astype(np.int64)
    people = int(start[-1])
    depth = random.uniform(2, 9, (people, 1))
    joints3d = np.concatenate(
        [
            random.uniform(-0.7, 0.7, (people, 14, 2)) * depth[..., None],
            depth[:, None] + np.zeros((people, 14, 1)),
        ],
        axis=-1,
    ).astype(np.float32)
    joints2d = (100 * joints3d[..., :2] / joints3d[..., 2:] + (64, 48)).astype(np.float32)
    flags = np.where(random.random((people, 14)) < 0.1, 2, 3).astype(np.uint8)
    return FrameTable(
        dataset="fake",
        split="all",
        skeleton="loco_14",
        frames={
            "id": np.array([f"{item}/0/{one:04d}" for one in range(frames)], dtype=np.str_),
            "image": np.array([f"{item}/{one:04d}.png" for one in range(frames)], dtype=np.str_),
            "height": np.full(frames, HEIGHT, dtype=np.int32),
            "width": np.full(frames, WIDTH, dtype=np.int32),
            "K": np.tile([[100.0, 0, 64], [0, 100, 48], [0, 0, 1]], (frames, 1, 1)),
        },
        person_start=start,
        persons={"joints3d": joints3d, "joints2d": joints2d, "joint_flags": flags},
    )


def write(folder: Path, raw: Path | None = None, frames: tuple[int, ...] = (7, 12, 5)) -> Shards:
    """Shards with the given numbers of frames and, if a raw root is given, their images."""
    infos = []
    for seed, count in enumerate(frames):
        item = f"walk{seed}"
        whole = table(item, count, seed)
        origin = Origin(
            item=item, frames_available=count, converter_version=1, manifest_hash="a", raw_sha256="b"
        )
        write_shard(folder / "all" / f"{item}.h5", whole, origin, peaks_of(whole, GRID, JOINTS))
        info = shard_info(folder / "all" / f"{item}.h5", sha256=file_sha256(folder / "all" / f"{item}.h5"))
        infos.append(msgspec.structs.replace(info, path=f"all/{item}.h5"))
        if raw is not None:
            random = np.random.default_rng(100 + seed)
            for name in whole.frames["image"].tolist():
                (raw / name).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(raw / name)
    index = Index(
        format="mhbench-index/1",
        dataset="fake",
        tool_versions=("0",),
        converter_version=1,
        manifest_hash="a",
        options={},
        shards=tuple(infos),
    )
    write_index(folder, index)
    return open_shards(folder)
