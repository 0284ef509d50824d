"""Converting every data set: MB of raw annotation per second, frames per second, and the memory of a worker.

Raw trees are synthetic, in the official layouts. The conversions of a data set run in a process of their own
on one core; the first one loads libraries and compiles kernels and does not count.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import Claim, Measurement, Report, arguments, claim, machine, show, summarise, write

from mhbench.synthetic.raw import WRITERS, write_raw

FRAMES, PEOPLE = 60, 6
# what a worker may take beyond its item's own annotation file
MOST_MEMORY_MB = 650.0

SCRIPT = """
import json, resource, sys, time
from pathlib import Path
from mhbench.conversion.pipeline import convert
name, raw, out, repeats = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
seconds = []
for number in range(repeats + 1):
    begin = time.perf_counter()
    report = convert(name, raw, out / str(number), engine="serial", jobs=1)
    seconds.append(time.perf_counter() - begin)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds[1:], "peak": peak, "frames": report.frames, "people": report.persons}))
"""


def annotation_bytes(raw: Path) -> int:
    """Bytes of all files that are no images or videos."""
    pictures = {".jpg", ".png", ".mp4", ".avi"}
    return sum(
        path.stat().st_size for path in raw.rglob("*") if path.is_file() and path.suffix not in pictures
    )


def convert_apart(name: str, raw: Path, out: Path, repeats: int) -> dict[str, float | list[float]]:
    words = [sys.executable, "-c", SCRIPT, name, str(raw), str(out), str(repeats)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    result: dict[str, float | list[float]] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    options = arguments(__doc__).parse_args()
    found: list[Measurement] = []
    claims: list[Claim] = []
    for name in WRITERS:
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder) / "raw"
            write_raw(name, raw, frames=FRAMES, people=PEOPLE, motion="walk", seed=options.seed, images=False)
            size = annotation_bytes(raw) / 1e6
            result = convert_apart(name, raw, Path(folder) / "shards", min(options.repeats, 5))
        seconds, frames = result["seconds"], result["frames"]
        assert isinstance(seconds, list)
        assert isinstance(frames, int)
        timed = summarise(name, seconds, warm_up=1, note=f"{size:.2f} MB, {frames} frames")
        found.append(timed)
        claims += [
            claim(f"{name}: raw annotation", size / timed.median, "MB/s"),
            claim(f"{name}: frames", frames / timed.median, "frames/s"),
            claim(
                f"{name}: peak memory",
                float(str(result["peak"])),
                "MB",
                floor=MOST_MEMORY_MB,
                wanted="at most",
            ),
        ]
    report = Report(
        benchmark="convert",
        about="synthetic raw trees to shards with peaks, one core, fingerprints and fsync included",
        seed=options.seed,
        settings={"frames": FRAMES, "people": PEOPLE},
        machine=machine(["h5py", "scipy"]),
        measurements=found,
        claims=claims,
    )
    show(report)
    write(report, options.out)


if __name__ == "__main__":
    main()
