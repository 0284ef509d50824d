"""Volumetric heatmaps in shard files: 40 people on 14 x 316 x 135 x 240, what writing and reading cost.

A sequence as long as JTA's (900 frames) is written with `write_shard` and read with `open_shards`, as a
training or scoring run does. The peer is the dense form, which HDF5 unpacks. `heatmaps_gpu.py` renders and
searches on a GPU, `loading.py` feeds a training.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import measuring
import numpy as np
from heatmaps import GRID, PEOPLE, RUN, walking_joints
from measuring import Contender, claim

from mhbench.frames import FrameTable
from mhbench.heatmaps import Grid, HeatmapBuffer
from mhbench.shards import Origin, open_shards, peaks_of, write_shard
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mhbench.shards import Frame, HeatmapStore

FRAMES = 900
SCENE = 60
DENSE_FRAMES = 8
SKELETON = "loco_14"
WRITE = "joints -> shard, peaks"
WRITE_SPARSE = "joints -> shard, sparse"
IN_ORDER = "dense from peaks, consecutive"
AT_RANDOM = "dense from peaks, random order"
VOXELS = "sparse from peaks"
STORED = "sparse, as stored"
UNPACKED = "dense form, unpacked by HDF5"

_WORKER = """
import re, sys
sys.path.insert(0, sys.argv[1])
import heatmap_shards
heatmap_shards.WORK[sys.argv[2]](sys.argv[3])
# not ru_maxrss, which a process inherits from its parent
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024)
"""


def sequence(seed: int, frames: int = FRAMES) -> FrameTable:
    """One sequence with the columns of a converted one; new people come before the old ones have left."""
    rng = np.random.default_rng(seed)
    scenes = (walking_joints(rng, min(SCENE, frames - start)) for start in range(0, frames, SCENE))
    pixels, points = zip(*itertools.chain.from_iterable(scenes), strict=True)
    joints2d, joints3d = (np.concatenate(one).astype(np.float32) for one in (pixels, points))
    return FrameTable(
        dataset="jta",
        split="train",
        skeleton=SKELETON,
        frames={
            "id": np.array([f"seq_{seed}/0/{one}" for one in range(frames)]),
            "height": np.full(frames, GRID.height, dtype=np.int32),
            "width": np.full(frames, GRID.width, dtype=np.int32),
        },
        person_start=np.arange(0, frames * PEOPLE + 1, PEOPLE),
        persons={
            "joints2d": joints2d,
            "joints3d": joints3d,
            "joint_flags": np.full(joints2d.shape[:2], 3, dtype=np.uint8),
        },
    )


def grid() -> Grid:
    return replace(GRID, joints=skeleton(SKELETON).joints)


def stored(table: FrameTable, form: str) -> HeatmapStore:
    return replace(peaks_of(table, grid(), skeleton(SKELETON).joints), form=form)


def write(path: Path, table: FrameTable, form: str) -> None:
    origin = Origin(item="seq", frames_available=FRAMES, converter_version=1, manifest_hash="", raw_sha256="")
    write_shard(path, table, origin, stored(table, form))


def read_all(path: str) -> None:
    for frame in open_shards(path):
        frame.voxels()


WORK: dict[str, Callable[[str], None]] = {
    "worker, peaks": lambda folder: write(Path(folder) / "worker.h5", sequence(1), "peaks"),
    "worker, sparse": lambda folder: write(Path(folder) / "worker.h5", sequence(1), "sparse"),
    "worker, dense": lambda folder: write(Path(folder) / "worker.h5", sequence(1, DENSE_FRAMES), "dense"),
    "reader": lambda folder: read_all(f"{folder}/peaks.h5"),
}


def memory_mb(work: str, folder: Path) -> float:
    """Peak of a fresh process, all of it."""
    command = [sys.executable, "-c", _WORKER, str(Path(__file__).parent), work, str(folder)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def run_of(frames: Sequence[Frame], use: Callable[[Frame], object], *, count: int = RUN) -> Contender:
    loop = itertools.cycle(frames)

    def call() -> None:
        for frame in itertools.islice(loop, count):
            use(frame)

    return Contender(call, per=count)


def kilobytes(path: Path) -> float:
    """What the heatmaps of a frame take in a shard."""
    with h5py.File(path, locking=False) as file:
        sizes: list[int] = []
        file["heatmaps"].visititems(
            lambda _, one: sizes.append(one.id.get_storage_size()) if isinstance(one, h5py.Dataset) else None
        )
        frames: int = file["frames/id"].shape[0]
        return sum(sizes) / 1000 / frames


def check(folder: Path) -> None:
    """All forms hold the same volumes."""
    peaks, sparse, dense = (open_shards(folder / f"{form}.h5") for form in ("peaks", "sparse", "dense"))
    index, values = peaks[3].voxels()
    volume = np.zeros(GRID.voxels, dtype=np.float32)
    volume[index] = values
    assert np.array_equal(volume, dense[3].heatmaps().reshape(-1))
    with h5py.File(folder / "dense.h5", locking=False) as file:
        assert np.array_equal(volume, file["heatmaps/dense"][3].reshape(-1))
    index, values = sparse[3].stored_voxels()
    assert np.abs(volume[index] - values).max() <= 1 / 510


def main() -> None:
    options = measuring.arguments(__doc__, clocks=True).parse_args()
    table = sequence(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "peaks.h5", table, "peaks")
        write(folder / "sparse.h5", table, "sparse")
        write(folder / "dense.h5", table.select(np.arange(DENSE_FRAMES)), "dense")
        check(folder)
        report = measured(folder, table, options.seed, options.repeats, options.clock)
    measuring.show(report)
    print(measuring.write(report, options.out))


def measured(folder: Path, table: FrameTable, seed: int, repeats: int, clock: str) -> measuring.Report:
    frames, sparse = open_shards(folder / "peaks.h5")[:], open_shards(folder / "sparse.h5")[:]
    shuffled = [frames[number] for number in np.random.default_rng(seed).permutation(len(frames))]
    in_order, at_random = HeatmapBuffer(frames[0].grid()), HeatmapBuffer(frames[0].grid())
    for buffer in (in_order, at_random):
        buffer.render(frames[0].centres()).fill(0)  # every page is in memory, as after the first frames
    with h5py.File(folder / "dense.h5", locking=False) as file:
        rows = itertools.cycle(range(DENSE_FRAMES))
        times = measuring.measure(
            {
                WRITE: Contender(lambda: write(folder / "new.h5", table, "peaks"), per=FRAMES),
                WRITE_SPARSE: Contender(
                    lambda: write(folder / "new.h5", table, "sparse"), per=FRAMES, repeats=3
                ),
                IN_ORDER: run_of(frames, lambda frame: frame.heatmaps(out=in_order)),
                AT_RANDOM: run_of(shuffled, lambda frame: frame.heatmaps(out=at_random)),
                VOXELS: run_of(shuffled, lambda frame: frame.voxels()),
                STORED: run_of(sparse, lambda frame: frame.stored_voxels()),
                UNPACKED: Contender(
                    lambda: file["heatmaps/dense"][next(rows)], who="peer", repeats=5, note="gzip of HDF5"
                ),
            },
            repeats=repeats,
            clock=clock,
        )
    rates = {name: 1 / one.median for name, one in times.items()}
    memory = {work: memory_mb(work, folder) for work in WORK}
    return measuring.Report(
        benchmark="heatmap_shards",
        about=f"{FRAMES} frames, {PEOPLE} people, {' x '.join(map(str, GRID.shape))}, sigma {GRID.sigma:g}",
        seed=seed,
        settings={
            "clock": clock,
            "people": PEOPLE,
            "frames": FRAMES,
            "frames_in_a_row": RUN,
            "dense_frames": DENSE_FRAMES,
            "centres_per_frame": stored(table, "peaks").drawn / FRAMES,
        },
        machine=measuring.machine(("h5py",)),
        measurements=list(times.values()),
        claims=[
            claim(WRITE, rates[WRITE], "frames/s", floor=3000),
            claim(IN_ORDER, rates[IN_ORDER], "frames/s", floor=400),
            claim(AT_RANDOM, rates[AT_RANDOM], "frames/s", floor=120),
            claim(VOXELS, rates[VOXELS], "frames/s", floor=250),
            claim("unpacked / rendered, random order", rates[AT_RANDOM] / rates[UNPACKED], "x", floor=1),
            *(
                claim(
                    f"{form}, per frame", kilobytes(folder / f"{form}.h5"), "kB", floor=most, wanted="at most"
                )
                for form, most in (("peaks", 2.5), ("sparse", 90.0))
            ),
            claim("dense, per frame", kilobytes(folder / "dense.h5"), "kB"),
            *(
                claim(f"memory, {work}", megabytes, "MB", floor=650, wanted="at most")
                for work, megabytes in memory.items()
            ),
        ],
    )


if __name__ == "__main__":
    main()
