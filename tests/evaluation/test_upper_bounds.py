"""Ground truth through its own heatmaps, under the protocols of the literature, beside published bounds.

Published by LoCO (Tables 3 to 5): Human3.6M 15.6 (P1), 15.0 mm (P2); CMU Panoptic 9 to 12 mm; JTA F1 99.96.
"""

from __future__ import annotations

import pytest

from mhbench.conversion.pipeline import convert
from mhbench.datasets.items import Selection
from mhbench.evaluation.pipeline import evaluate
from mhbench.predictions.writing import write_predictions
from mhbench.running.ground_truth import run_ground_truth_heatmaps
from mhbench.synthetic.raw import human36m, panoptic, write_raw
from mhbench.synthetic.scenes import scene


def bound(dataset, folder, every=1):
    """The predictions of gt-heatmaps on a synthetic raw tree, and its shards."""
    convert(dataset, folder / "raw", folder / "shards", Selection(every=every), engine="serial", jobs=1)
    path = folder / "upper-bound.json"
    write_predictions(run_ground_truth_heatmaps(folder / "shards", dataset), path)
    return path


def metrics(path, protocol):
    result = evaluate(path, protocol, path.parent / "shards").result
    return {name: value.value for name, value in result.metrics.items()}


@pytest.fixture(scope="module")
def human36m_bound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("human36m")
    # one scene for both, as metadata.xml holds the cameras of one room
    made = scene(frames=65, people=2, motion="walk", seed=1, cameras=human36m.CAMERAS, fps=10.0)
    for subject in ("S9", "S11"):
        target = folder / "raw" if subject == "S9" else folder / "other"
        human36m.write(made, target, subject=subject, images=False)
    (folder / "other" / "S11").rename(folder / "raw" / "S11")
    return bound("human36m", folder)


@pytest.mark.parametrize("protocol", ["p1", "p2"])
def test_human36m_costs_about_fifteen_millimetres(human36m_bound, protocol):
    numbers = metrics(human36m_bound, f"human36m/{protocol}")
    assert 12.0 < numbers["mpjpe_abs"] < 18.0


def test_panoptic_costs_about_ten_millimetres_and_finds_everybody(tmp_path):
    for number, sequence in enumerate(("160422_haggling1", "160422_mafia2")):
        made = scene(frames=6, people=3, motion="stand", seed=number, cameras=("00_16", "00_30"), fps=2.0)
        panoptic.write(made, tmp_path / "raw", sequence=sequence, images=False)
    numbers = metrics(bound("panoptic", tmp_path), "panoptic/zanfir-loco")
    assert 7.0 < numbers["mpjpe_abs"] < 13.0
    assert numbers["f1.person@0.5m"] == 100.0


def test_jta_finds_nearly_every_joint_within_forty_centimetres(tmp_path):
    write_raw("jta", tmp_path / "raw", frames=30, people=20, motion="crowd", images=False)
    numbers = metrics(bound("jta", tmp_path, every=10), "jta/test")
    assert numbers["f1.joint@0.4m"] > 99.5
    assert numbers["f1.joint@0.8m"] > 99.9
