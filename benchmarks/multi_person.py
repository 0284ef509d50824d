"""People in whole data sets: assignment, MuPoTS and JTA joint F1 beside what is in use, in one run.

The functions are measured in memory; `mhbench evaluate` under jta/test, as a user starts it, from files.
Peers are the documented algorithms in their documented form: scipy's assignment frame by frame, a numpy port
of the MuPoTS tool, and a numpy version of the joint matching that compares all points of a frame at once.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import measuring
import numpy as np
from made_up_shards import write_shards

from mhbench.columns import JointFlag
from mhbench.frames import FrameTable
from mhbench.matching import hungarian_frames
from mhbench.metrics import mupots_pck
from mhbench.metrics.joint_detection import joint_f1_frames
from mhbench.metrics.mupots import CHAIN, PARENTS, PELVIS
from mhbench.predictions import PredictionTable, write_predictions
from mhbench.skeletons import conversion

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    from mhbench.metrics.joint_detection import Matching

    Parts = tuple[dict[str, measuring.Measurement], list[measuring.Claim]]

PEOPLE = 20
JOINTS = 14
LIMIT_M = 0.5
JTA_SEQUENCES = 128
SEEN = int(JointFlag.LABELLED_3D | JointFlag.LABELLED_2D | JointFlag.VISIBLE)


def scipy_assignment(distances: Floats, frames: int) -> Ints:
    """One call per frame; pairs over the limit get a large cost and are cut afterwards."""
    from scipy.optimize import linear_sum_assignment

    match = np.full((frames, PEOPLE), -1)
    for frame, block in enumerate(distances.reshape(frames, PEOPLE, PEOPLE)):
        admissible = block <= LIMIT_M
        rows, columns = linear_sum_assignment(np.where(admissible, block, 1e6))
        match[frame, rows] = np.where(admissible[rows, columns], columns, -1)
    return match.ravel()


def assignment(generator: np.random.Generator, frames: int, repeats: int) -> Parts:
    target = generator.uniform(-4, 4, (frames, PEOPLE, 3))
    predicted = target[:, generator.permutation(PEOPLE)] + generator.normal(0, 0.2, target.shape)
    distances = np.linalg.norm(target[:, :, None] - predicted[:, None], axis=-1).ravel()
    start = np.arange(frames + 1) * PEOPLE

    def ours() -> Ints:
        return hungarian_frames(distances, start, start, LIMIT_M)

    if not np.array_equal(ours(), scipy_assignment(distances, frames)):
        raise SystemExit("the assignments differ")
    results = measuring.measure(
        {
            "assignment ours": measuring.Contender(ours),
            "assignment scipy": measuring.Contender(lambda: scipy_assignment(distances, frames), "peer"),
        },
        repeats=repeats,
    )
    faster = results["assignment scipy"].median / results["assignment ours"].median
    return results, [measuring.claim("assignment vs scipy", faster, "x", floor=1.0)]


def made_up_sequence(
    generator: np.random.Generator, frames: int, people: int
) -> list[npt.NDArray[np.float64]]:
    truth = generator.uniform(-800, 800, (frames, people, 17, 3))
    truth[..., 2] += 4000
    image = 500 * truth[..., :2] / truth[..., 2:] + 500 + 400 * np.arange(people)[:, None, None]
    predicted = (truth + generator.normal(0, 80, truth.shape)).reshape(-1, 17, 3)
    seen = (image + generator.normal(0, 8, image.shape)).reshape(-1, 17, 2)
    return [image, truth, np.ones((frames, people)), np.full(frames, people), seen, predicted]


def numpy_mupots(arguments: list[npt.NDArray[np.float64]]) -> float:
    """Frame by frame, person by person: match by joints within 40 px, set bone lengths, count."""
    image, truth, _, counts, seen, predicted = arguments
    begin, errors = 0, []
    for frame, count in enumerate(counts.astype(int)):
        rows = np.arange(begin, begin + count)
        begin += count
        near = np.all(np.abs(image[frame][:, None, 1:14] - seen[rows][None, :, 1:14]) < 40, axis=-1)
        hits = near.sum(axis=-1)
        for person in range(len(image[frame])):
            best = int(np.argmax(hits[person]))
            if hits[person, best] == 0:
                errors.append(np.full(JOINTS, 1e5))
                continue
            hits[:, best] = 0
            target = truth[frame, person] - truth[frame, person, PELVIS]
            found = predicted[rows[best]] - predicted[rows[best], PELVIS]
            mapped = found.copy()
            for joint in CHAIN:
                bone = found[joint] - found[PARENTS[joint]]
                length = np.linalg.norm(target[joint] - target[PARENTS[joint]])
                mapped[joint] = mapped[PARENTS[joint]] + bone * length / np.linalg.norm(bone)
            errors.append(np.linalg.norm(mapped - target, axis=1)[:JOINTS])
    scored = np.array(errors)
    for threshold in range(0, 151, 5):  # the area is part of the work
        np.mean(scored < threshold)
    return float(100 * np.mean(scored < 150))


def mupots(generator: np.random.Generator, frames: int, repeats: int) -> Parts:
    arguments = made_up_sequence(generator, frames, 3)
    if not np.isclose(mupots_pck(*arguments).pck, numpy_mupots(arguments), rtol=0, atol=1e-9):
        raise SystemExit("the scores differ")
    results = measuring.measure(
        {
            "MuPoTS ours": measuring.Contender(lambda: mupots_pck(*arguments)),
            "MuPoTS numpy, person by person": measuring.Contender(
                lambda: numpy_mupots(arguments), "peer", repeats=2
            ),
        },
        repeats=repeats,
    )
    ours = results["MuPoTS ours"].median
    return results, [
        measuring.claim("MuPoTS", ours, "s", floor=0.6, wanted="at most"),
        measuring.claim("MuPoTS vs numpy", results["MuPoTS numpy, person by person"].median / ours, "x"),
    ]


def numpy_joint_f1(target: Floats, predicted: Floats, threshold: float) -> float:
    """F1 of one frame: all distances at once, other types at infinity."""
    distances = np.linalg.norm(target[:, None, 1:] - predicted[None, :, 1:], axis=-1)
    distances[target[:, None, 0] != predicted[None, :, 0]] = np.inf
    nearest = distances.argmin(axis=1)
    found = len(set(nearest[distances[np.arange(len(target)), nearest] <= threshold].tolist()))
    return 2 * found / (len(target) + len(predicted))


def joint_detection(generator: np.random.Generator, frames: int, repeats: int) -> Parts:
    points = PEOPLE * JOINTS
    target = np.zeros((frames, points, 4))
    target[..., 0] = np.tile(np.arange(JOINTS), PEOPLE)
    target[..., 1:] = generator.uniform(-10, 10, (frames, points, 3))
    predicted = target.copy()
    predicted[..., 1:] += generator.normal(0, 0.3, (frames, points, 3))
    start = np.arange(frames + 1) * points
    flat = target.reshape(-1, 4), predicted.reshape(-1, 4)
    few = frames // 50

    def ours(matching: Matching = "reference") -> list[float]:
        return [
            joint_f1_frames(*flat, start, start, threshold=threshold, matching=matching).f1
            for threshold in (0.4, 0.8, 1.2)
        ]

    def peer() -> list[float]:
        return [
            float(
                np.mean([numpy_joint_f1(target[frame], predicted[frame], threshold) for frame in range(few)])
            )
            for threshold in (0.4, 0.8, 1.2)
        ]

    few_start = np.arange(few + 1) * points
    few_points = flat[0][: few * points], flat[1][: few * points]
    mine = joint_f1_frames(*few_points, few_start, few_start, threshold=0.4).f1
    if not np.isclose(mine, peer()[0], rtol=0, atol=1e-12):
        raise SystemExit("the F1 differ")
    results = measuring.measure(
        {
            "JTA joint F1 ours": measuring.Contender(ours, note="three thresholds"),
            "JTA joint F1 ours, optimal matching": measuring.Contender(
                lambda: ours("hungarian"), note="three thresholds", repeats=2
            ),
            "JTA joint F1 numpy": measuring.Contender(
                peer, "peer", note=f"{few} of {frames} frames", repeats=2
            ),
        },
        repeats=repeats,
        warm_up=1,
    )
    seconds = results["JTA joint F1 ours"].median
    return results, [
        measuring.claim("JTA joint F1", seconds, "s", floor=5.0, wanted="at most"),
        measuring.claim(
            "JTA joint F1 vs numpy", results["JTA joint F1 numpy"].median * frames / few / seconds, "x"
        ),
    ]


def jta_sequence(number: int, frames: int, generator: np.random.Generator) -> FrameTable:
    """Every 10th frame of a sequence with all people inside the image."""
    name, people = f"seq_{number}", frames * PEOPLE
    index = 10 * np.arange(1, frames + 1)
    return FrameTable(
        dataset="jta",
        split="test",
        skeleton="jta_22",
        frames={
            "id": np.array([f"{name}/0/{one}" for one in index]),
            "sequence": np.full(frames, name),
            "camera": np.full(frames, "0"),
            "index": index,
            "width": np.full(frames, 1920, dtype=np.int32),
            "height": np.full(frames, 1080, dtype=np.int32),
        },
        person_start=np.arange(0, people + 1, PEOPLE),
        persons={
            "track": np.tile(np.arange(PEOPLE), frames),
            "joints3d": generator.uniform(-10, 10, (people, 22, 3)).astype(np.float32),
            "joints2d": generator.uniform(0, 1079, (people, 22, 2)).astype(np.float32),
            "joint_flags": np.full((people, 22), SEEN, dtype=np.uint8),
        },
    )


def jta_files(folder: Path, frames: int, generator: np.random.Generator) -> dict[str, Path]:
    """Shards of 128 test sequences, and noisy predictions of their 14 joints in both forms."""
    sizes = np.diff(np.linspace(0, frames, JTA_SEQUENCES + 1).astype(int))
    tables = [jta_sequence(256 + 2 * number, int(size), generator) for number, size in enumerate(sizes)]
    write_shards(folder, tables)
    joints = np.concatenate([one.persons["joints3d"] for one in tables]).astype(np.float64)
    chosen = conversion("jta_22", "loco_14").apply(joints)
    table = PredictionTable(
        dataset="jta",
        frame_ids=np.concatenate([one.frames["id"] for one in tables]),
        person_start=np.arange(0, len(joints) + 1, PEOPLE),
        persons={"joints3d": chosen + generator.normal(0, 0.3, chosen.shape)},
        skeleton="loco_14",
        space="camera",
        model="noise",
        trained_on=(),
    )
    return {
        "HDF5": write_predictions(table, folder / "predictions.h5"),
        "JSON": write_predictions(table, folder / "predictions.json", decimals=4),
    }


def evaluate_jta(folder: Path, predictions: Path) -> None:
    """The process a user starts, intervals and all."""
    command = [sys.executable, "-m", "mhbench", "evaluate", str(predictions), "--protocol", "jta/test"]
    options = ["--data", str(folder), "--out", str(folder / "result.json")]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if "f1.joint@1.2m" not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)


def jta_process(generator: np.random.Generator, frames: int, repeats: int) -> Parts:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = jta_files(folder, frames, generator)
        results = measuring.measure(
            {
                f"jta/test, whole process, {form}": measuring.Contender(partial(evaluate_jta, folder, path))
                for form, path in files.items()
            },
            repeats=min(repeats, 5),
            warm_up=1,
        )
        processor = measuring.processor_seconds(partial(evaluate_jta, folder, files["JSON"]))
    return results, [
        *(
            measuring.claim(name, one.median, "s", floor=5.0, wanted="at most")
            for name, one in results.items()
        ),
        measuring.claim("processor time of it, JSON", processor, "s"),
    ]


def main() -> None:
    parser = measuring.arguments(__doc__)
    parser.set_defaults(repeats=7)
    parser.add_argument("--frames", type=int, default=11_520, help="frames of JTA's test set")
    parser.add_argument("--mupots-frames", type=int, default=8_370)
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    parts = [
        assignment(generator, options.frames, options.repeats),
        mupots(generator, options.mupots_frames, options.repeats),
        joint_detection(generator, options.frames, options.repeats),
        jta_process(generator, options.frames, options.repeats),
    ]
    report = measuring.Report(
        benchmark="multi_person",
        about="assignment, MuPoTS and JTA joint F1 of whole data sets in memory; jta/test as a process",
        seed=options.seed,
        settings={"frames": options.frames, "mupots_frames": options.mupots_frames, "people": PEOPLE},
        machine=measuring.machine(["scipy"]),
        measurements=[one for results, _ in parts for one in results.values()],
        claims=[claim for _, claims in parts for claim in claims],
    )
    measuring.show(report)
    measuring.write(report, options.out)


if __name__ == "__main__":
    main()
