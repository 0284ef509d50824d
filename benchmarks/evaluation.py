"""A whole evaluation as a user starts it: 35,515 people of 24 joints, errors, shares and angles, 1,000 draws.

That is the size of 3DPW's test set, in 24 sequences, under the challenge's rules with the files' own joints
(so that no licensed body model is needed). Measured is the process, from its start to the printed table and
the written result; the floor is 3 s. Nobody else offers the same work, so the machine is the only peer: the
same process with nothing to do.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from made_up_shards import write_shards
from measuring import Contender, Report, arguments, claim, machine, measure, processor_seconds, show, write

from mhbench.bodies import axis_angles_of, rotations_of
from mhbench.columns import JointFlag
from mhbench.frames import FrameTable
from mhbench.predictions import PredictionTable, write_predictions
from mhbench.scoring.bodies import bone_rotations
from mhbench.skeletons import skeleton

PEOPLE = 35_515
SEQUENCES = 24
NOISE_M, NOISE_RAD = 0.05, 0.2
PROTOCOL = "3dpw/challenge"
LABELLED = JointFlag.LABELLED_3D


def sequence(number: int, people: int, rng: np.random.Generator) -> FrameTable:
    """One actor in every frame, with joints, poses and the flags the challenge asks for."""
    name = f"downtown_{number:02d}"
    joints = rng.normal((0.0, 0.0, 4.0), 0.5, (people, 24, 3))
    return FrameTable(
        dataset="3dpw",
        split="test",
        skeleton="smpl_24",
        frames={
            "id": np.array([f"{name}/0/{index:05d}" for index in range(people)]),
            "sequence": np.full(people, name),
            "camera": np.full(people, "0"),
            "index": np.arange(people),
        },
        person_start=np.arange(people + 1),
        persons={
            "track": np.zeros(people, dtype=np.int64),
            "joints3d": joints.astype(np.float32),
            "joint_flags": np.full((people, 24), LABELLED, dtype=np.uint8),
            "smpl_pose": rng.uniform(-0.5, 0.5, (people, 72)),
            "smpl_betas": np.zeros((people, 10)),
            "gender": np.full(people, "female"),
            "campose_valid": np.ones(people, dtype=np.uint8),
            "poses2d_given": np.ones(people, dtype=np.uint8),
        },
    )


def write_data(folder: Path, seed: int) -> PredictionTable:
    """Shards of all sequences, and predictions that are the truth with noise."""
    rng = np.random.default_rng(seed)
    sizes = np.diff(np.linspace(0, PEOPLE, SEQUENCES + 1).astype(int))
    tables = [sequence(number, int(size), rng) for number, size in enumerate(sizes)]
    write_shards(folder, tables)
    joints = np.concatenate([one.persons["joints3d"] for one in tables]).astype(np.float64)
    joints += rng.normal(0.0, NOISE_M, joints.shape)
    poses = np.concatenate([one.persons["smpl_pose"] for one in tables])
    turn = rotations_of(rng.normal(0.0, NOISE_RAD, (PEOPLE, 24, 3)))
    noisy = axis_angles_of(np.einsum("njab,njbc->njac", turn, rotations_of(poses.reshape(-1, 24, 3))))
    chosen = list(skeleton("smpl_24").indices(skeleton("challenge_9").joints))
    return PredictionTable(
        dataset="3dpw",
        frame_ids=np.concatenate([one.frames["id"] for one in tables]),
        person_start=np.arange(PEOPLE + 1),
        persons={
            "joints3d": joints - joints[:, :1],
            "rotations": bone_rotations(noisy.reshape(PEOPLE, 72), chosen),
        },
        skeleton="smpl_24",
        space="root",
        root="pelvis",
        rotation_set="challenge_9",
        model="noise",
        trained_on=(),
    )


def evaluate(folder: Path, predictions: Path, draws: int) -> None:
    """The process a user starts."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mhbench", "evaluate", str(predictions), "--protocol", PROTOCOL),
            *("--option", "gt=jointPositions", "--data", str(folder), "--bootstrap", str(draws)),
            *("--out", str(folder / "result.json")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "pmpjae" not in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)


def main() -> None:
    parser = arguments(__doc__)
    parser.set_defaults(repeats=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = write_data(folder, options.seed)
        packed = write_predictions(table, folder / "predictions.h5")
        text = write_predictions(table, folder / "predictions.json", decimals=6)
        measured = measure(
            {
                "evaluate, HDF5, 1,000 draws": Contender(partial(evaluate, folder, packed, 1000)),
                "evaluate, HDF5, no draws": Contender(partial(evaluate, folder, packed, 0)),
                "evaluate, JSON, 1,000 draws": Contender(partial(evaluate, folder, text, 1000), repeats=3),
                "import mhbench.evaluation.pipeline": Contender(
                    lambda: subprocess.run(
                        [sys.executable, "-c", "import mhbench.evaluation.pipeline"], check=True
                    ),
                    who="machine",
                    note="the same process with nothing to do",
                ),
            },
            repeats=options.repeats,
            warm_up=1,
        )
        size = text.stat().st_size
        processor = processor_seconds(partial(evaluate, folder, packed, 1000))
    whole = measured["evaluate, HDF5, 1,000 draws"].median
    report = Report(
        benchmark="evaluation",
        about=f"{PROTOCOL} on {PEOPLE:,} people in {SEQUENCES} sequences, the whole process",
        seed=options.seed,
        settings={"people": PEOPLE, "sequences": SEQUENCES, "joints": 24, "draws": 1000, "json_bytes": size},
        machine=machine(["numba", "h5py", "msgspec"]),
        measurements=list(measured.values()),
        claims=[
            claim("whole evaluation, median", whole, "s", floor=3.0, wanted="at most"),
            claim("processor time of it", processor, "s"),
            claim("people per second", PEOPLE / whole, "people/s"),
            claim("draws", whole - measured["evaluate, HDF5, no draws"].median, "s"),
        ],
    )
    show(report)
    write(report, options.out)


if __name__ == "__main__":
    main()
