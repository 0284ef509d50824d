"""Small made-up tables for the tests of shards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from mhbench.frames import FrameTable, JointSet
from mhbench.heatmaps import Grid
from mhbench.shards import HeatmapStore, Index, Origin, peaks_of, shard_info, write_index, write_shard
from mhbench.shards.verification import file_sha256

if TYPE_CHECKING:
    from pathlib import Path

JOINTS = ("neck", "nose", "left_hip", "right_hip", "left_knee")
ORIGIN = Origin(
    item="walk.00_16", frames_available=400, converter_version=3, manifest_hash="a" * 64, raw_sha256="b" * 64
)


def table(
    frames: int = 7, *, most_people: int = 4, seed: int = 0, sizes: tuple[tuple[int, int], ...] = ()
) -> FrameTable:
    """Frames with 0 to `most_people` people, some joints missing, and one further joint set."""
    random = np.random.default_rng(seed)
    start = np.concatenate([[0], np.cumsum(random.integers(0, most_people + 1, frames))]).astype(np.int64)
    people, joints = int(start[-1]), len(JOINTS)
    joints3d = random.uniform((-1, -1, 2), (1, 1, 6), (people, joints, 3)).astype(np.float32)
    joints2d = random.uniform(-60, 700, (people, joints, 2)).astype(np.float32)
    missing = random.random((people, joints)) < 0.2
    joints3d[missing], joints2d[missing] = np.nan, np.nan
    flags = np.where(missing, 0, 3).astype(np.uint8)
    flags[(random.random((people, joints)) < 0.1) & ~missing] = 2  # a position, but not labelled in 3D
    size = np.array(sizes or ((480, 640),) * frames, dtype=np.int32).reshape(-1, 2)
    return FrameTable(
        dataset="fake",
        split="all",
        skeleton="fake_5",
        frames={
            "id": np.array([f"wälk/00_16/{one:08d}" for one in range(frames)], dtype=np.str_),
            "sequence": np.full(frames, "wälk"),
            "action": np.full(frames, ""),
            "index": np.arange(frames, dtype=np.int64),
            "height": size[:, 0],
            "width": size[:, 1],
            "K": np.tile(np.diag([800.0, 800.0, 1.0]), (frames, 1, 1)),
            "distortion": np.zeros((frames, 8)),
        },
        person_start=start,
        persons={
            "track": np.arange(people, dtype=np.int64),
            "joints3d": joints3d,
            "joints2d": joints2d,
            "joint_flags": flags,
            "confidence": random.random((people, joints)).astype(np.float32),
            "gender": np.full(people, "female"),
        },
        lens="opencv",
        sets={"coco": JointSet("fake_2", {"joints2d": joints2d[:, :2].copy()})},
    )


def grid(joints: tuple[str, ...] = JOINTS) -> Grid:
    """A small grid of the fake skeleton; its last bins are nearer than some people."""
    return Grid(joints, depth_min=0.0, depth_max=5.0, depth_bins=40, height=480, width=640)


def store(of: FrameTable) -> HeatmapStore:
    """The heatmaps of a fake table, scored on three joints."""
    return peaks_of(of, grid(), ("nose", "neck", "left_knee"))


def write_dataset(
    folder: Path,
    frames: tuple[int, ...] = (3, 0, 1030, 5),
    splits: tuple[str, ...] = ("train", "all", "all", "all"),
) -> Path:
    """A data set's folder with some shards and their index; items are named against the order of writing."""
    infos = []
    for number, (count, split) in enumerate(zip(frames, splits, strict=True)):
        item = f"item{len(frames) - number}"
        whole = replace(table(count, seed=number), split=split)
        path = folder / split / f"{item}.h5"
        origin = replace(ORIGIN, item=item, frames_available=count, raw_sha256=str(number % 2) * 64)
        write_shard(path, whole, origin, store(whole))
        info = shard_info(path, sha256=file_sha256(path))
        infos.append(msgspec.structs.replace(info, path=f"{split}/{path.name}"))
    index = Index(
        format="mhbench-index/1",
        dataset="fake",
        tool_versions=("0",),
        converter_version=3,
        manifest_hash="a" * 64,
        options={},
        shards=tuple(infos),
    )
    write_index(folder, index)
    return folder
