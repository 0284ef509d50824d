"""Reading the rows of a JTA annotation file: ours, and the standard json module plus numpy.

Both begin with the bytes of the file in memory and end with the same array, which is checked. The file is
made up: 900 frames of 20 people, its numbers written as Python writes them (pixels whole or with a fraction).
"""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
from measuring import Contender, Measurement, Report, arguments, claim, machine, measure, show, write

from mhbench.datasets.raw.json_rows import parse_rows

FRAMES, PEOPLE, JOINTS = 900, 20, 22


def annotation_file(seed: int, *, whole_pixels: bool) -> bytes:
    rng = np.random.default_rng(seed)
    frame, person, joint = (grid.ravel() for grid in np.indices((FRAMES, PEOPLE, JOINTS)))
    z = rng.uniform(3, 60, len(frame))
    x, y = rng.normal(0, 0.4, (2, len(frame))) * z
    u, v = 1158 * x / z + 960, 1158 * y / z + 540
    if whole_pixels:
        u, v = np.trunc(u), np.trunc(v)
    hidden = rng.integers(0, 2, (2, len(frame)))
    rows = np.stack([frame + 1, 8194 + 256 * person, joint, u, v, x, y, z, *hidden], axis=-1)
    return json.dumps(rows.tolist()).encode()


def standard(content: bytes) -> npt.NDArray[np.float64]:
    return np.array(json.loads(content))


def main() -> None:
    options = arguments(__doc__).parse_args()
    found: list[Measurement] = []
    claims = []
    for name, whole in (("whole pixels", True), ("fractional pixels", False)):
        content = annotation_file(options.seed, whole_pixels=whole)
        np.testing.assert_array_equal(parse_rows(content, 10, "the made-up file"), standard(content))
        size = len(content) / 1e6

        def ours(content: bytes = content) -> object:
            return parse_rows(content, 10, "the made-up file")

        def peer(content: bytes = content) -> object:
            return standard(content)

        timed = measure(
            {
                f"json_rows, {name}": Contender(ours, note=f"{size:.0f} MB"),
                f"json + numpy, {name}": Contender(peer, "peer", repeats=max(options.repeats // 3, 3)),
            },
            repeats=options.repeats,
        )
        found += timed.values()
        fast, slow = (one.median for one in timed.values())
        claims += [
            claim(f"json_rows, {name}", size / fast, "MB/s"),
            claim(f"json + numpy, {name}", size / slow, "MB/s"),
            claim(f"ratio, {name}", slow / fast, "x", floor=5),
        ]
    report = Report(
        benchmark="jta_parsing",
        about="rows of a JTA annotation file, from bytes to an array",
        seed=options.seed,
        settings={"frames": FRAMES, "people": PEOPLE, "joints": JOINTS},
        machine=machine(),
        measurements=found,
        claims=claims,
    )
    show(report)
    write(report, options.out)


if __name__ == "__main__":
    main()
