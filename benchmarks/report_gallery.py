"""The picture `docs/report-figures.png`: six figures of reports on two made-up models of synthetic people.

python benchmarks/report_gallery.py --out docs/report-figures.png
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from measuring import RESULTS

from mhbench.conversion.pipeline import convert
from mhbench.evaluation.comparison import compare_results
from mhbench.evaluation.pipeline import evaluate
from mhbench.predictions.writing import write_predictions
from mhbench.report import write_report
from mhbench.report.comparison_page import write_comparison
from mhbench.running.ground_truth import run_ground_truth
from mhbench.synthetic.raw.panoptic import write
from mhbench.synthetic.scenes import scene

if TYPE_CHECKING:
    from mhbench.predictions.table import PredictionTable

PROTOCOL: Final = "panoptic/generic"
SHOWN: Final = (
    ("b/body-map", "b/depth-order", "both/model-scatter"),
    ("b/error-by-distance", "b/pck-curve", "both/differences"),
)
SIZE_IN: Final = (10.5, 6.4)
DPI: Final = 130


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS / "report-figures.png")
    out: Path = parser.parse_args().out
    with TemporaryDirectory() as folder:
        reports = made_reports(Path(folder))
        figure = Figure(figsize=SIZE_IN, dpi=DPI)
        FigureCanvasAgg(figure)
        for row, names in enumerate(SHOWN):
            for column, name in enumerate(names):
                part, _, one = name.partition("/")
                axes = figure.add_axes(
                    (0.01 + column / 3, (1 - row) / 2 + 0.01, 1 / 3 - 0.02, 1 / 2 - 0.02), frame_on=False
                )
                axes.imshow(imread(reports / part / "figures" / f"{one}.png"), interpolation="lanczos")
                axes.margins(0.02)
                axes.axis("off")
        figure.savefig(out, metadata={"Software": "mhbench"})


def made_reports(folder: Path) -> Path:
    """The reports `a`, `b` and `both` under a folder: of two models, and of the second against the first."""
    for number in range(3):
        made = scene(frames=12, people=5, motion="walk", seed=number, cameras=("00_16", "00_30"), fps=3.0)
        write(made, folder / "raw", seed=number, sequence=f"scene_{number}", images=False)
    shards = folder / "shards"
    convert("panoptic", folder / "raw", shards, jobs=1, engine="serial")
    truth, results = run_ground_truth(shards), {}
    for name, noise_m in (("a", 0.03), ("b", 0.045)):
        path = write_predictions(disturbed(truth, name, noise_m), folder / f"{name}.json")
        evaluation = evaluate(path, PROTOCOL, shards)
        write_report(evaluation, path, shards, folder / name)
        results[name] = evaluation.result
    comparison = compare_results(results["a"], results["b"], by="joint")
    write_comparison(comparison, results["a"], results["b"], folder / "both")
    return folder


def disturbed(truth: PredictionTable, model: str, noise_m: float) -> PredictionTable:
    """True people with noise that grows with distance and from the trunk outwards; some are missed."""
    generator = np.random.default_rng(round(1000 * noise_m))
    kept = truth.keep(generator.random(truth.person_count) > 0.1)
    joints = kept.persons["joints3d"]
    centre = np.nanmean(joints, axis=1, keepdims=True)
    outwards = 0.6 + np.linalg.norm(joints - centre, axis=2, keepdims=True)
    place = generator.normal(0.0, noise_m, centre.shape) * (0.6, 0.6, 1.8)
    noise = generator.normal(0.0, 0.6 * noise_m, joints.shape) * outwards * centre[:, :, 2:] / 4.0
    persons = {"joints3d": joints + place + noise, "score": generator.random(kept.person_count)}
    return replace(kept, model=model, persons=persons)


if __name__ == "__main__":
    main()
