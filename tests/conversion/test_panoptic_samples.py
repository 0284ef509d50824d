"""The real CMU Panoptic samples through the whole program: raw files to scored results."""

from __future__ import annotations

import pytest

from mhbench.conversion.pipeline import convert
from mhbench.evaluation.pipeline import evaluate
from mhbench.predictions.writing import write_predictions
from mhbench.running.ground_truth import RUNNERS
from mhbench.shards.verification import verify


@pytest.fixture(scope="module")
def shards(samples, tmp_path_factory):
    out = tmp_path_factory.mktemp("shards")
    convert("panoptic", samples / "panoptic", out, jobs=1, engine="serial")
    return out


def score(model, shards, tmp_path):
    path = tmp_path / "predictions.json"
    write_predictions(RUNNERS[model](shards, None, None), path)
    result = evaluate(path, "panoptic/generic", shards).result
    return {name: value.value for name, value in result.metrics.items()}


def test_all_31_hd_cameras_are_converted_and_verified(shards):
    assert not verify(shards / "panoptic").faults
    assert len(list((shards / "panoptic" / "all").glob("*.h5"))) == 2 * 31


def test_ground_truth_against_itself(shards, tmp_path):
    numbers = score("gt", shards, tmp_path)
    assert numbers["mpjpe_abs"] == 0.0
    assert numbers["f1.person@0.5m"] == 100.0


def test_heatmaps_of_the_real_frames_cost_about_nine_millimetres(shards, tmp_path):
    numbers = score("gt-heatmaps", shards, tmp_path)
    assert 7.0 < numbers["mpjpe_abs"] < 12.0
    assert numbers["f1.person@0.5m"] > 99.0
