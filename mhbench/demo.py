"""`mhbench demo`: the whole way on synthetic data, in under a minute."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.conversion.pipeline import convert
from mhbench.evaluation.pipeline import Evaluation, evaluate
from mhbench.predictions.writing import write_predictions
from mhbench.report.page import write_report
from mhbench.report.viewing import view_frame
from mhbench.running.ground_truth import run_ground_truth, run_ground_truth_heatmaps
from mhbench.synthetic.raw.panoptic import write
from mhbench.synthetic.scenes import scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mhbench.predictions.table import PredictionTable

CAMERAS: Final = ("00_16", "00_30")
SEQUENCES: Final = (("demo_walk", "walk", 3), ("demo_crowd", "crowd", 5))
FRAMES: Final = 10
PROTOCOL: Final = "panoptic/generic"
NOISE_M: Final = 0.04
DROPPED: Final = 0.1
INVENTED: Final = 0.05


@dataclass(frozen=True, slots=True)
class Demo:
    """Where everything lies: the evaluations by model, their pages, and a picture of one frame."""

    evaluations: dict[str, Evaluation]
    reports: dict[str, Path]
    picture: Path


def run_demo(folder: Path, say: Callable[[str], None] = lambda _: None) -> Demo:
    """Synthetic raw data -> shards -> two prediction sets -> evaluation -> report.

    The two models: the ground truth through its own heatmaps (the upper bound of that representation), and
    the ground truth with 40 mm of noise, a tenth of the people missing and some invented.

    Args:
        folder: made if it does not exist; `raw`, `shards`, predictions and reports are put there.
        say: called with a line before each step.

    Raises:
        MhbenchError: the folder cannot be written, or holds something else.
    """
    raw, shards = folder / "raw", folder / "shards"
    for number, (sequence, motion, people) in enumerate(SEQUENCES):
        if not (raw / sequence).exists():
            say(f"synthetic raw data: {sequence}, {people} people, {FRAMES} frames, {len(CAMERAS)} cameras")
            made = scene(frames=FRAMES, people=people, motion=motion, seed=number, cameras=CAMERAS, fps=3.0)
            write(made, raw, seed=number, sequence=sequence)
    say("convert to shards")
    convert("panoptic", raw, shards, jobs=1, engine="serial")
    truth = run_ground_truth(shards)
    models = {
        "upper-bound": run_ground_truth_heatmaps(shards),
        "noisy": disturbed(truth, np.random.default_rng(0)),
    }
    evaluations, reports = {}, {}
    for name, predictions in models.items():
        say(f"evaluate {name}")
        path = folder / f"{name}.json"
        write_predictions(predictions, path)
        evaluations[name] = evaluate(path, PROTOCOL, shards)
        reports[name] = write_report(evaluations[name], path, shards, folder / f"report-{name}", raw=raw)
    say("draw a frame")
    frame = str(truth.frame_ids[-1])
    picture = view_frame(
        shards, frame, folder / "frame.png", raw=raw, predictions=folder / "noisy.json", heatmaps=True
    )
    return Demo(evaluations, reports, picture)


def disturbed(truth: PredictionTable, generator: np.random.Generator) -> PredictionTable:
    """The ground truth with noise on every joint, people left out, and people invented beside others."""
    kept = truth.keep(generator.random(truth.person_count) >= DROPPED)
    joints = kept.persons["joints3d"]
    noisy = joints + generator.normal(0.0, NOISE_M / np.sqrt(3.0), size=joints.shape)
    invented = generator.random(kept.person_count) < INVENTED
    noisy[invented, :, 0] += 1.5
    score = np.where(invented, 0.4, 0.9)
    return replace(kept, model="noisy", persons={**kept.persons, "joints3d": noisy, "score": score})
