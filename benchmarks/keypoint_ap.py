"""Keypoint AP, JSON files to numbers with the three crowd levels: whole processes beside faster-coco-eval.

The size is that of CrowdPose's test set: 8,000 images, 32,000 people, 160,000 detections. Every contender
runs in a process of its own, imports included, and reports its peak memory. pycocotools has no levels.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import measuring
import numpy as np

from mhbench.metrics.keypoint_input import read_detections, read_truth
from mhbench.metrics.keypoint_matches import match_keypoints
from mhbench.skeletons import skeleton

OURS = """
from mhbench.metrics import keypoint_ap
numbers = list(keypoint_ap({truth!r}, {found!r}, convention="crowdpose").values())
"""
FASTER = """
import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
truth = COCO({truth!r})
evaluation = COCOeval_faster(truth, truth.loadRes({found!r}), "keypoints_crowd",
                             kpt_oks_sigmas=np.array({sigmas!r}), use_area=False)
evaluation.evaluate(); evaluation.accumulate(); evaluation.summarize()
numbers = [float(value) for value in evaluation.stats]
"""
PYCOCOTOOLS = """
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
truth = COCO({truth!r})
for person in truth.dataset["annotations"]:
    person["area"] = person["bbox"][3] * person["bbox"][2] * 0.53
evaluation = COCOeval(truth, truth.loadRes({found!r}), "keypoints")
evaluation.params.kpt_oks_sigmas = np.array({sigmas!r})
evaluation.evaluate(); evaluation.accumulate(); evaluation.summarize()
numbers = [float(evaluation.stats[index]) for index in (0, 1, 2, 5, 6, 7)]
"""
AFTERWARDS = """
import json
# getrusage would report the parent's peak, which a child inherits
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
print(json.dumps([peak, numbers]))
"""
DRAWS = 20


def write_input(folder: Path, generator: np.random.Generator, images: int) -> tuple[str, str]:
    """Made-up annotations and detections: four people per image, five detections per person."""
    people, joints = 4 * images, 14
    image_of = np.sort(generator.integers(1, images + 1, people))
    sides = generator.uniform((40, 80), (200, 300), (people, 2)).round(1)
    corner = generator.uniform(0, 400, (people, 2)).round(1)
    points = (corner[:, None] + sides[:, None] * generator.uniform(0, 1, (people, joints, 2))).round()
    flags = generator.integers(0, 3, (people, joints, 1))
    truth = {
        "images": [
            {"id": image, "crowdIndex": index}
            for image, index in enumerate(generator.uniform(0, 1.2, images).round(2).tolist(), start=1)
        ],
        "annotations": [
            {
                "id": row + 1,
                "image_id": int(image_of[row]),
                "category_id": 1,
                "iscrowd": int(row % 100 == 0),
                "bbox": [*corner[row].tolist(), *sides[row].tolist()],
                "num_keypoints": int(np.sum(flags[row, :12] > 0)),
                "keypoints": np.concatenate([points[row], flags[row]], axis=1).astype(int).ravel().tolist(),
            }
            for row in range(people)
        ],
        "categories": [{"id": 1, "name": "person"}],
    }
    found = []
    for row in generator.integers(0, people, 5 * people).tolist():
        moved = points[row] + generator.normal(0, generator.choice([2, 8, 25]), (joints, 2))
        joint_scores = generator.uniform(0, 1, (joints, 1))
        found.append(
            {
                "image_id": int(image_of[row]),
                "category_id": 1,
                "keypoints": np.concatenate([moved, joint_scores], axis=1).ravel().round(3).tolist(),
                "score": round(float(generator.uniform()), 5),
            }
        )
    paths = folder / "truth.json", folder / "found.json"
    for path, content in zip(paths, (truth, found), strict=True):
        path.write_text(json.dumps(content), encoding="utf-8")
    return str(paths[0]), str(paths[1])


def run(code: str) -> tuple[float, list[float]]:
    """Peak memory in MiB and the numbers of one contender in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code + AFTERWARDS], capture_output=True, text=True, check=True
    )
    peak, numbers = json.loads(done.stdout.splitlines()[-1])
    return peak, numbers


def seconds_per_draw(truth: str, found: str, generator: np.random.Generator) -> measuring.Measurement:
    """One bootstrap draw with all statistics, from matches that are in memory."""
    people = read_truth(truth, 14)
    matches = match_keypoints(people, read_detections(found, 14, people.image_ids), "crowdpose")
    images = matches.image_ids.size
    draws = iter([generator.multinomial(images, np.full(images, 1 / images)) for _ in range(DRAWS + 2)])
    name = "ours, one bootstrap draw"
    contender = measuring.Contender(lambda: matches.summary(next(draws)))
    return measuring.measure({name: contender}, repeats=DRAWS, warm_up=2)[name]


def compare(
    codes: dict[str, str], repeats: int
) -> tuple[dict[str, measuring.Measurement], list[measuring.Claim]]:
    """Time and peak memory of whole processes, after a check that all find the same numbers."""
    first = {name: run(code) for name, code in codes.items()}
    expected = first["ours"][1]
    for name, (_, values) in first.items():
        if not np.allclose(values, expected[: len(values)], rtol=0, atol=1e-9):
            raise SystemExit(f"{name} finds {values}, ours {expected}")
    contenders = {
        "ours": measuring.Contender(lambda: run(codes["ours"])),
        "faster-coco-eval": measuring.Contender(lambda: run(codes["faster-coco-eval"]), "peer"),
        "pycocotools": measuring.Contender(
            lambda: run(codes["pycocotools"]), "peer", note="without levels", repeats=1
        ),
    }
    results = measuring.measure(contenders, repeats=repeats, warm_up=0)
    faster, slower = (results[name].median / results["ours"].median for name in list(codes)[1:])
    peak = first["ours"][0]
    memory = peak / first["faster-coco-eval"][0]
    return results, [
        measuring.claim("vs faster-coco-eval", faster, "x", floor=4.0),
        measuring.claim("vs pycocotools", slower, "x"),
        measuring.claim("peak memory", peak, "MiB"),
        measuring.claim("peak memory vs faster-coco-eval", memory, "x", floor=0.5, wanted="at most"),
    ]


def main() -> None:
    parser = measuring.arguments(__doc__)
    parser.set_defaults(repeats=5)
    parser.add_argument("--images", type=int, default=8000)
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    sigmas = skeleton("crowdpose_14").sigmas
    with tempfile.TemporaryDirectory() as folder:
        truth, found = write_input(Path(folder), generator, options.images)
        scripts = {"ours": OURS, "faster-coco-eval": FASTER, "pycocotools": PYCOCOTOOLS}
        codes = {name: code.format(truth=truth, found=found, sigmas=sigmas) for name, code in scripts.items()}
        results, claims = compare(codes, options.repeats)
        draw = seconds_per_draw(truth, found, generator)
    thousand = 1000 * draw.median / results["ours"].median
    report = measuring.Report(
        benchmark="keypoint_ap",
        about="JSON files to all CrowdPose statistics, whole processes",
        seed=options.seed,
        settings={"images": options.images, "detections": 20 * options.images},
        machine=measuring.machine(["faster-coco-eval", "pycocotools", "msgspec"]),
        measurements=[*results.values(), draw],
        claims=[*claims, measuring.claim("1,000 bootstrap draws vs one evaluation", thousand, "x")],
    )
    measuring.show(report)
    measuring.write(report, options.out)


if __name__ == "__main__":
    main()
