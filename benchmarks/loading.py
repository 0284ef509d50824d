"""Training batches out of shard files: frames per second of `Loader`, and the memory of its workers.

The frames are those of `heatmap_shards.py`: 40 people, 14 x 316 x 135 x 240. Memory is what the kernel says
of each worker while it works, torch loaded: its own pages (USS), and with its share of the common ones (PSS).
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tempfile
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import heatmap_shards
import measuring
import numpy as np
from heatmaps import GRID, PEOPLE
from measuring import Contender, claim
from PIL import Image

from mhbench.shards import Augmentation, Samples, open_shards
from mhbench.shards.torch import Loader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mhbench.shards.torch import Batch

BATCH = 8
WORKERS = 2
RUN = 12  # batches; more than the workers read ahead
TARGETS = "targets"
IMAGES = "targets and images"
AUGMENTED = "targets and images, augmented"
FLOOR = 200  # frames/s of targets that a GPU must get

_MEMORY = """
import sys
sys.path.insert(0, sys.argv[1])
import loading
print(*loading.worker_memory(sys.argv[2], sys.argv[3] == "images"))
"""


def write(folder: Path, seed: int, frames: int) -> None:
    """One shard of so many frames, and the one picture that all of them name."""
    table = heatmap_shards.sequence(seed, frames)
    table = replace(table, frames={**table.frames, "image": np.full(frames, "frame.jpg")})
    heatmap_shards.write(folder / "peaks.h5", table, "peaks")
    # waves compress as a photograph does, noise would not
    rows, columns = np.mgrid[: GRID.height, : GRID.width].astype(np.float32)
    waves = np.stack([np.sin(rows / 31 + k) + np.cos(columns / (17 + k)) for k in range(3)], axis=-1)
    noise = np.random.default_rng(seed).normal(0, 4, waves.shape)
    pixels = (127 + 50 * waves + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "frame.jpg", quality=90)


def loader(
    folder: Path,
    *,
    workers: int,
    images: bool,
    augmented: bool = False,
    joints: tuple[str, ...] | None = None,
) -> Loader:
    augmentation = Augmentation(mirror=0.5, scale=(0.75, 1.5), rotation=30) if augmented else None
    samples = Samples(
        open_shards(folder / "peaks.h5"),
        joints=joints,
        images=images,
        raw=folder,
        augmentation=augmentation,
        pad_to=4,
    )
    return Loader(samples, BATCH, workers=workers)


def endless(batches: Loader) -> Iterator[Batch]:
    """Batches epoch after epoch, so that only the first of all waits for the workers to start."""
    while True:
        yield from batches


def run_of(batches: Iterator[Batch]) -> Contender:
    """Several batches in a row: more than the workers have read ahead meanwhile."""
    return Contender(lambda: deque(itertools.islice(batches, RUN), maxlen=0), per=RUN * BATCH)


def worker_memory(folder: str, images: bool) -> tuple[float, float]:  # noqa: FBT001 - from a command line
    """Largest USS and PSS of a worker during an epoch, MB; for a process of its own."""
    own = pss = 0.0
    for _ in loader(Path(folder), workers=WORKERS, images=images):
        for child in Path("/proc/self/task").glob("*/children"):
            for number in child.read_text(encoding="ascii").split():
                rollup = Path(f"/proc/{number}/smaps_rollup")
                # a process that has ended, or a zombie, has no memory
                text = rollup.read_text(encoding="ascii") if rollup.exists() else ""
                sizes = {name: int(size) / 1024 for name, size in re.findall(r"(\w+): +(\d+) kB", text)}
                own = max(own, sizes.get("Private_Clean", 0) + sizes.get("Private_Dirty", 0))
                pss = max(pss, sizes.get("Pss", 0))
    return own, pss


def memory_of_workers(folder: Path, *, images: bool) -> tuple[float, float]:
    """`worker_memory` of a fresh process."""
    kind = "images" if images else "targets"
    command = [sys.executable, "-c", _MEMORY, str(Path(__file__).parent), str(folder), kind]
    done = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    return float(done[0]), float(done[1])


def main() -> None:
    parser = measuring.arguments(__doc__)
    parser.add_argument("--frames", type=int, default=heatmap_shards.FRAMES, help="frames of the shard")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), options.seed, options.frames)
        report = measured(Path(name), options.seed, options.repeats, options.frames)
    measuring.show(report)
    print(measuring.write(report, options.out))


def measured(folder: Path, seed: int, repeats: int, frames: int) -> measuring.Report:
    def batches(*, images: bool, augmented: bool = False) -> Contender:
        return run_of(endless(loader(folder, workers=WORKERS, images=images, augmented=augmented)))

    contenders = {
        f"{TARGETS}, no worker": run_of(endless(loader(folder, workers=0, images=False))),
        f"{TARGETS}, {WORKERS} workers": batches(images=False),
        IMAGES: batches(images=True),
        AUGMENTED: batches(images=True, augmented=True),
    }
    times = measuring.measure(contenders, repeats=repeats)
    memory = {kind: memory_of_workers(folder, images=kind == "images") for kind in ("targets", "images")}
    return measuring.Report(
        benchmark="loading",
        about=f"batches of {BATCH} frames, {PEOPLE} people, {' x '.join(map(str, GRID.shape))}",
        seed=seed,
        settings={"frames": frames, "batch": BATCH, "workers": WORKERS},
        machine=measuring.machine(("torch", "h5py", "pillow")),
        measurements=list(times.values()),
        claims=[
            *(
                claim(
                    name, 1 / one.median, "frames/s", floor=FLOOR if name.startswith(TARGETS + ",") else None
                )
                for name, one in times.items()
            ),
            *(
                claim(f"{what} of a worker, {kind}", value, "MB", floor=650, wanted="at most")
                for kind, sizes in memory.items()
                for what, value in zip(("USS", "PSS"), sizes, strict=True)
            ),
        ],
    )


if __name__ == "__main__":
    main()
