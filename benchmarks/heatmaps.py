"""Volumetric heatmaps at 40 people, 14 x 316 x 135 x 240, sigma 2: rendering and peaks, side by side.

Frames come from a list in memory (`heatmap_shards.py` reads them from files). Peers are the documented
algorithms of the reference in their documented form: one numpy patch per joint, a volume per joint type, all
stacked; peaks by comparing the volume with its shifts.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import measuring
import numpy as np
from measuring import Contender

from mhbench.heatmaps import Grid, HeatmapBuffer, centres, peaks, peaks_sparse, render, render_sparse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    Volume = npt.NDArray[np.float32]
    Centres = npt.NDArray[np.int16]

PEOPLE = 40
RUN = 20  # frames rendered one after the other before another contender has its turn
CACHE_LINE = 64
IN_ORDER = "dense, reused, consecutive frames"
AT_RANDOM = "dense, reused, random order"
SPARSE = "sparse"
FRESH = "dense, fresh"
PATCHES = "dense, per-joint patches (reference)"
PEAKS = "peaks, dense"
SHIFTS = "peaks, shifted copies (reference)"
READ = "one read of the volume"
GRID = Grid(
    tuple(f"joint{number}" for number in range(14)),
    depth_min=0,
    depth_max=100,
    height=1080,
    width=1920,
    pixel_rounding="truncate",
)


def walking_joints(
    rng: np.random.Generator, frames: int
) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Consecutive frames at 30 per second: people 5 to 60 m away walk at about 1.4 m/s, limbs swing.

    Yields (P, J, 2) px and (P, J, 3) m.
    """
    depth = rng.uniform(5, 60, PEOPLE)
    place = np.column_stack([rng.uniform(-0.8, 0.8, PEOPLE) * depth, np.zeros(PEOPLE), depth])
    body = rng.normal(0, 1, (PEOPLE, GRID.channels, 3)) * (0.25, 0.5, 0.2)
    heading = rng.uniform(0, 2 * np.pi, PEOPLE)
    step = 1.4 / 30 * np.column_stack([np.cos(heading), np.zeros(PEOPLE), np.sin(heading)])
    phase = rng.uniform(0, 2 * np.pi, (PEOPLE, GRID.channels, 1))
    for frame in range(frames):
        swing = 0.2 * np.sin(2 * np.pi * frame / 30 + phase)
        joints3d = (place + frame * step)[:, None] + body + swing
        yield 1158 * joints3d[..., :2] / joints3d[..., 2:] + (960, 540), joints3d


def walk(rng: np.random.Generator, frames: int) -> list[Centres]:
    """The centres of walking people (see `walking_joints`)."""
    return [centres(GRID, joints2d, joints3d) for joints2d, joints3d in walking_joints(rng, frames)]


def reference_render(located: Centres) -> Volume:
    """Per joint type a volume, per person a patch and the larger value, in the end a stack."""
    radius = GRID.radius
    steps = np.arange(-radius, radius + 1) ** 2
    size = np.array(GRID.shape[1:])
    maps = []
    for channel in range(GRID.channels):
        volume = np.zeros(GRID.shape[1:], dtype=np.float32)
        for _, *centre in located[located[:, 0] == channel].tolist():
            patch = np.exp(-(steps[:, None, None] + steps[:, None] + steps) / GRID.sigma**2)
            low = np.maximum(np.array(centre) - radius, 0)
            high = np.minimum(np.array(centre) + radius + 1, size)
            if np.any(high <= low):
                continue
            place = tuple(slice(first, last) for first, last in zip(low, high, strict=True))
            shift = low - np.array(centre) + radius
            inside = tuple(slice(first, first + n) for first, n in zip(shift, high - low, strict=True))
            volume[place] = np.maximum(volume[place], patch[inside].astype(np.float32))
        maps.append(volume)
    return np.stack(maps)


def reference_peaks(volume: Volume) -> npt.NDArray[np.int64]:
    """At least 0.1 and at least as large as the six shifted copies of the zero-padded volume."""
    found = []
    for channel, one in enumerate(volume):
        padded = np.pad(one, 1)
        high = one >= np.float32(0.1)
        for axis in range(3):
            for start in (0, 2):
                place = [slice(1, -1)] * 3
                place[axis] = slice(start, start + one.shape[axis])
                high &= one >= padded[tuple(place)]
        rows = np.argwhere(high)
        found.append(np.column_stack([np.full(len(rows), channel), rows]))
    return np.concatenate(found)


def check(frame: Centres) -> None:
    """What is compared must agree, to the last bit."""
    volume = render(GRID, frame)
    index, values = render_sparse(GRID, frame)
    assert np.array_equal(volume, reference_render(frame))
    assert np.array_equal(index, np.flatnonzero(volume))
    assert np.array_equal(peaks(volume)[0], reference_peaks(volume))
    assert np.array_equal(peaks(volume)[0], peaks_sparse(index, values, GRID.shape)[0])


def run_of(frames: list[Centres], use: Callable[[Centres], object]) -> Contender:
    """The next `RUN` frames of an endless loop, one after the other."""
    loop = itertools.cycle(frames)

    def call() -> None:
        for frame in itertools.islice(loop, RUN):
            use(frame)

    return Contender(call, per=RUN)


def lines_touched(frame: Centres) -> int:
    """Cache lines of the volume that a frame's Gaussians lie in."""
    index, _ = render_sparse(GRID, frame)
    return len(np.unique(index // (CACHE_LINE // 4)))


def main() -> None:
    options = measuring.arguments(__doc__, clocks=True).parse_args()
    rng = np.random.default_rng(options.seed)
    consecutive = walk(rng, 120)
    shuffled = [walk(rng, 1)[0] for _ in range(120)]
    check(shuffled[0])

    in_order, at_random = HeatmapBuffer(GRID), HeatmapBuffer(GRID)
    for buffer in (in_order, at_random):
        buffer.render(shuffled[0]).fill(0)  # every page is in memory, as after the first frames of a run
    rendered = measuring.measure(
        {
            IN_ORDER: run_of(consecutive, in_order.render),
            AT_RANDOM: run_of(shuffled, at_random.render),
            SPARSE: run_of(shuffled, lambda frame: render_sparse(GRID, frame)),
        },
        repeats=2 * options.repeats,
        clock=options.clock,
    )
    del at_random
    one_by_one = itertools.cycle(shuffled)
    fresh = measuring.measure(
        {
            FRESH: Contender(lambda: render(GRID, next(one_by_one))),
            PATCHES: Contender(
                lambda: reference_render(next(one_by_one)), who="peer", repeats=5, note="documented form"
            ),
        },
        repeats=options.repeats,
        clock=options.clock,
    )
    volume = in_order.render(shuffled[1])
    index, values = render_sparse(GRID, shuffled[1])
    other = np.full(GRID.shape, 1, dtype=np.float32)
    found = measuring.measure(
        {
            PEAKS: Contender(lambda: peaks(volume)),
            "peaks, sparse": Contender(lambda: peaks_sparse(index, values, GRID.shape)),
            SHIFTS: Contender(lambda: reference_peaks(volume), who="peer", repeats=3, note="documented form"),
            READ: Contender(volume.max, who="machine", note="numpy.max"),
            "one write of a volume": Contender(lambda: other.fill(0), who="machine", note="numpy.fill"),
        },
        repeats=options.repeats,
        clock=options.clock,
    )
    report = judge(options.seed, options.clock, rendered | fresh | found, consecutive, shuffled)
    measuring.show(report)
    print(measuring.write(report, options.out))


def judge(
    seed: int,
    clock: str,
    times: dict[str, measuring.Measurement],
    consecutive: list[Centres],
    shuffled: list[Centres],
) -> measuring.Report:
    """The claims against their floors, and the distance to what the memory allows."""
    seconds = {name: one.median for name, one in times.items()}
    volume_bytes = 4 * GRID.voxels
    reading = volume_bytes / seconds[READ]
    drawn = CACHE_LINE * round(np.mean([lines_touched(frame) for frame in shuffled[:10]]))
    listed = 8 * round(np.mean([len(render_sparse(GRID, frame)[0]) for frame in shuffled[:10]]))
    return measuring.Report(
        benchmark="heatmaps",
        about=f"{PEOPLE} people on {' x '.join(map(str, GRID.shape))}, sigma {GRID.sigma:g}",
        seed=seed,
        settings={
            "clock": clock,
            "people": PEOPLE,
            "centres_per_frame": float(np.mean([len(frame) for frame in consecutive])),
            "frames_in_a_row": RUN,
            "cache_line": CACHE_LINE,
        },
        machine=measuring.machine(),
        measurements=list(times.values()),
        claims=[
            measuring.claim(IN_ORDER, 1 / seconds[IN_ORDER], "frames/s", floor=400),
            measuring.claim(AT_RANDOM, 1 / seconds[AT_RANDOM], "frames/s", floor=120),
            measuring.claim(SPARSE, 1 / seconds[SPARSE], "frames/s", floor=250),
            measuring.claim(
                "peaks / one read", seconds[PEAKS] / seconds[READ], "x", floor=2, wanted="at most"
            ),
            measuring.claim(
                "patches / ours, random order", seconds[PATCHES] / seconds[AT_RANDOM], "x", floor=1
            ),
            measuring.claim("patches / ours, fresh", seconds[PATCHES] / seconds[FRESH], "x", floor=1),
            measuring.claim("shifted copies / our peaks", seconds[SHIFTS] / seconds[PEAKS], "x", floor=1),
        ],
        limits=[
            measuring.limit(
                AT_RANDOM,
                2 * 2 * drawn,
                reading,
                seconds[AT_RANDOM],
                "each touched line is read and written back, to clear and to draw",
            ),
            measuring.limit(SPARSE, listed, reading, seconds[SPARSE], "each index and value once"),
            measuring.limit(PEAKS, volume_bytes, reading, seconds[PEAKS], "one read"),
        ],
    )


if __name__ == "__main__":
    main()
