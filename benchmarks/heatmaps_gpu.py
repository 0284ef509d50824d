"""Heatmaps on a GPU: rendering against the copy bandwidth, peaks of a volume, batches out of shard files.

Where torch finds no GPU it says so and measures nothing. All the same functions run on the processor, at toy
size, in the tests.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import heatmap_shards
import loading
import measuring
import numpy as np
import torch
from heatmaps import walk
from measuring import Contender, claim

from mhbench.heatmaps import BatchBuffer, Grid, peaks, peaks_batch, render, render_batch

if TYPE_CHECKING:
    from collections.abc import Callable

COPY = "copy of the volumes of a batch"
CLEARED = "batch rendered, all cleared"
TOUCHED = "batch rendered, what was touched cleared"
PEAKS = "peaks of a volume"
STRICT = "peaks of a volume, strict, 26 neighbours"
HALF = "peaks of a volume, bfloat16"
LOADED = "targets from shards, rendered"
PADDED = replace(heatmap_shards.grid(), pad_to=4)  # 14 x 316 x 136 x 240, what LoCO's networks return


@dataclass(frozen=True, slots=True)
class Work:
    """What is measured on which device.

    Attributes:
        device: where.
        grid: of the volumes.
        centres: (N, 4) of a batch.
        frame: (N,) whose each is.
        frames: of the batch.
        folder: with the shard of `loading.write`; empty = no loading.
    """

    device: torch.device
    grid: Grid
    centres: torch.Tensor
    frame: torch.Tensor
    frames: int
    folder: Path | None

    def finished(self, call: Callable[[], object]) -> Callable[[], None]:
        """The call, until the device is done with it."""

        def until_done() -> None:
            call()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)

        return until_done


def work(device: torch.device, grid: Grid, frames: int, seed: int, folder: Path | None) -> Work:
    """A batch of walking people on the device."""
    parts = walk(np.random.default_rng(seed), frames)
    channels = grid.channels
    parts = [part[part[:, 0] < channels] for part in parts]
    owner = np.repeat(np.arange(frames), [len(part) for part in parts])
    centres, frame = (torch.from_numpy(one).to(device) for one in (np.concatenate(parts), owner))
    return Work(device, grid, centres, frame, frames, folder)


def check(of: Work) -> None:
    """The device gives the bits of the processor."""
    volumes = render_batch(of.grid, of.centres, of.frame, of.frames)
    last = of.frames - 1
    rows = of.centres[of.frame == last].cpu().numpy()
    expected = render(of.grid, rows)
    assert np.array_equal(volumes[last].cpu().numpy(), expected)
    found = peaks_batch(volumes[last:])[0]
    assert np.array_equal(found[:, 1:].cpu().numpy(), peaks(expected)[0])
    buffer = BatchBuffer(of.grid, of.frames, of.device)
    for _ in range(2):
        assert torch.equal(buffer.render(of.grid, of.centres, of.frame, of.frames), volumes)


def contenders(of: Work) -> dict[str, Contender]:
    """What is measured."""
    out = render_batch(of.grid, of.centres, of.frame, of.frames)
    copy, buffer = torch.zeros_like(out), BatchBuffer(of.grid, of.frames, of.device)
    half = out[:1].bfloat16()
    batch = (of.grid, of.centres, of.frame, of.frames)
    calls: dict[str, Callable[[], object]] = {
        COPY: lambda: copy.copy_(out),
        CLEARED: lambda: render_batch(*batch, out),
        TOUCHED: lambda: buffer.render(*batch),
        PEAKS: lambda: peaks_batch(out[:1]),
        STRICT: lambda: peaks_batch(out[:1], neighbours=26, strict=True),
        HALF: lambda: peaks_batch(half),
    }
    per = {CLEARED: of.frames, TOUCHED: of.frames}
    found = {
        name: Contender(of.finished(call), "machine" if name == COPY else "ours", per=per.get(name, 1))
        for name, call in calls.items()
    }
    return found if of.folder is None else found | {LOADED: _loaded(of, of.folder)}


def _loaded(of: Work, folder: Path) -> Contender:
    """Batches out of shard files, their centres sent to the device and rendered there."""
    batches = loading.endless(
        loading.loader(folder, workers=loading.WORKERS, images=False, joints=of.grid.joints)
    )
    buffer = BatchBuffer(next(batches).grid, loading.BATCH, of.device)

    def run() -> None:
        for _ in range(loading.RUN):
            next(batches).to(of.device, non_blocking=True).volumes(out=buffer)

    return Contender(of.finished(run), per=loading.RUN * loading.BATCH)


def judge(of: Work, times: dict[str, measuring.Measurement], seed: int) -> measuring.Report:
    """The claims against their floors."""
    seconds = {name: one.median for name, one in times.items()}
    frame_bytes = 4 * of.grid.voxels
    copied = 2 * of.frames * frame_bytes / seconds[COPY]  # read and written
    rates = {name: frame_bytes / seconds[name] for name in (CLEARED, TOUCHED)}
    name = torch.cuda.get_device_name(of.device) if of.device.type == "cuda" else "the processor"
    return measuring.Report(
        benchmark="heatmaps_gpu",
        about=f"{' x '.join(map(str, of.grid.shape))}, batches of {of.frames}, on {name}",
        seed=seed,
        settings={"device": name, "frames": of.frames, "centres": len(of.centres)},
        machine=measuring.machine(("torch",)),
        measurements=list(times.values()),
        claims=[
            claim("copy", copied / 1e9, "GB/s"),
            *(
                claim(f"{name} / copy bandwidth", rate / copied, "x", floor=0.5)
                for name, rate in rates.items()
            ),
            *(
                claim(name, 1e3 * seconds[name], "ms", floor=1, wanted="at most")
                for name in (PEAKS, STRICT, HALF)
            ),
            *(
                claim(name, 1 / seconds[name], "frames/s", floor=loading.FLOOR)
                for name in (LOADED,)
                if name in seconds
            ),
        ],
    )


def main() -> None:
    parser = measuring.arguments(__doc__)
    parser.add_argument("--batch", type=int, default=8, help="frames of a batch")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print(f"torch {torch.__version__} finds no GPU here: nothing was measured")
        sys.exit(0)
    with tempfile.TemporaryDirectory() as name:
        loading.write(Path(name), options.seed, 300)
        of = work(torch.device("cuda"), PADDED, options.batch, options.seed, Path(name))
        check(of)
        times = measuring.measure(contenders(of), repeats=options.repeats)
    report = judge(of, times, options.seed)
    measuring.show(report)
    print(measuring.write(report, options.out))


if __name__ == "__main__":
    main()
