"""Reading predictions: 60,000 people of 24 joints in 3D and 2D, 76 MB of JSON, against general JSON readers.

Nobody evaluates nested lists, so the peers turn the joints into arrays too (json alone is shown beside them);
they check nothing. The floor is 1.2 s, set on a machine where json alone took 3.0 s; the seconds and that
ratio are judged, since seconds alone move with the load. Memory is the peak of a fresh process above what it
holds after its imports.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from measuring import Contender, Report, arguments, claim, machine, measure, show, write

from mhbench.predictions import PredictionTable, read_predictions, write_predictions

if TYPE_CHECKING:
    from collections.abc import Callable

FRAMES = 10_000
PEOPLE = 6  # in each frame
SKELETON = "smpl_24"
JOINTS = 24

_PEAK = """
import re, sys
sys.path.insert(0, sys.argv[1])
import reading, mhbench.predictions.reading, mhbench.predictions.hdf5
def peak():
    # not ru_maxrss, which a process inherits from its parent
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
before = peak()
reading.READERS[sys.argv[2]](sys.argv[3])
print(peak() - before)
"""


def predictions(seed: int) -> PredictionTable:
    """A file as long as a large test set's, with six digits after the point of a metre."""
    rng = np.random.default_rng(seed)
    people = FRAMES * PEOPLE
    return PredictionTable(
        dataset="panoptic",
        frame_ids=np.array([f"seq_{index // 1000}/0/{index:06d}" for index in range(FRAMES)]),
        person_start=np.arange(0, people + 1, PEOPLE),
        persons={
            "score": rng.random(people).round(3),
            "joints3d": rng.normal(0, 2, (people, JOINTS, 3)),
            "joints2d": rng.uniform(0, 1900, (people, JOINTS, 2)),
        },
        skeleton=SKELETON,
        space="camera",
    )


def json_alone(path: str) -> object:
    return json.loads(Path(path).read_bytes())


def with_json(path: str) -> object:
    return _arrays(json.loads(Path(path).read_bytes()))


def with_msgspec(path: str) -> object:
    return _arrays(msgspec.json.decode(Path(path).read_bytes()))


def _arrays(document: Any) -> list[object]:
    people = [person for frame in document["predictions"] for person in frame["persons"]]
    return [np.array([person[name] for person in people]) for name in ("joints3d", "joints2d", "score")]


READERS: dict[str, Callable[[str], object]] = {
    "read_predictions": read_predictions,
    "json alone": json_alone,
    "json, then numpy": with_json,
    "msgspec untyped, then numpy": with_msgspec,
}


def peak_memory(reader: str, path: Path) -> float:
    """MiB a fresh process needs above its imports."""
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(Path(__file__).parent), reader, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main() -> None:
    parser = arguments(__doc__)
    parser.set_defaults(repeats=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = predictions(options.seed)
        path = write_predictions(table, Path(folder) / "predictions.json", decimals=6)
        packed = write_predictions(read_predictions(path), Path(folder) / "predictions.h5")
        contenders = {
            name: Contender(
                partial(read, str(path)),
                who="ours" if name == "read_predictions" else "peer",
                repeats=None if name == "read_predictions" else 3,
            )
            for name, read in READERS.items()
        }
        contenders["read_predictions, HDF5 form"] = Contender(lambda: read_predictions(packed))
        contenders["write_predictions"] = Contender(
            lambda: write_predictions(table, Path(folder) / "again.json", decimals=6), repeats=3
        )
        measured = measure(contenders, repeats=options.repeats, warm_up=1)
        ours = measured["read_predictions"]
        memory = {name: peak_memory(name, path) for name in READERS}
        size = path.stat().st_size
        claims = [
            claim("time to read, median", ours.median, "s", floor=1.2, wanted="at most"),
            claim("faster than json alone", measured["json alone"].median / ours.median, "times", floor=2.5),
            claim("memory to read", memory["read_predictions"], "MiB", floor=200, wanted="at most"),
            claim("faster than json, then numpy", measured["json, then numpy"].median / ours.median, "times"),
            claim("less memory than json", memory["json, then numpy"] / memory["read_predictions"], "times"),
            claim("throughput", size / 1e6 / ours.median, "MB/s"),
        ]
    report = Report(
        benchmark="reading",
        about="predictions from JSON and HDF5 to columns",
        seed=options.seed,
        settings={"frames": FRAMES, "people": FRAMES * PEOPLE, "joints": JOINTS, "bytes": size},
        machine=machine(["msgspec", "h5py"]),
        measurements=list(measured.values()),
        claims=claims,
    )
    show(report)
    write(report, options.out)


if __name__ == "__main__":
    main()
