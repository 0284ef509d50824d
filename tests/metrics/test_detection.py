"""Scores over people, and AGORA's errors divided by F1."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from mhbench.matching import greedy_2d
from mhbench.metrics.detection import detection_scores, nmje, nmve

GOLDEN = ["agora_style"]


def agora_vertices(joints, direction):
    """The made-up mesh of the golden case: four points around every joint."""
    steps = np.linspace(-0.05, 0.05, 4)[:, None] * np.array(direction)
    return (joints[:, :, None] + steps).reshape(len(joints), -1, 3)


def test_whole_table_of_agora(golden):
    expected = json.loads((golden / "metrics_3d/agora_style.json").read_text())
    arrays = np.load(golden / "metrics_3d/agora_style.npz")
    joint_errors, vertex_errors, missed, false_positives = [], [], 0, 0
    for image in range(len(expected["images"])):
        name = {field: arrays[f"{image}/{field}"] for field in ("gt2d", "pred2d", "gt3d", "pred3d", "valid")}
        match = greedy_2d(
            name["gt2d"][name["valid"]], name["pred2d"], least_overlap=expected["iou_threshold"]
        )
        truth, found = name["gt3d"][name["valid"]][match >= 0], name["pred3d"][match[match >= 0]]
        missed += int(np.sum(match < 0))
        false_positives += len(name["pred2d"]) - len(found)
        roots = [people[:, 1:3].mean(axis=1, keepdims=True) for people in (truth, found)]
        meshes = agora_vertices(truth, (1, 1, 1)), agora_vertices(found, (1, -1, 0.5))
        joint_errors += list(np.linalg.norm((truth - roots[0]) - (found - roots[1]), axis=-1).mean(axis=1))
        difference = (meshes[0] - roots[0]) - (meshes[1] - roots[1])
        vertex_errors += list(np.linalg.norm(difference, axis=-1).mean(axis=1))
    score = detection_scores(len(joint_errors), missed, false_positives, decimals=2)
    assert (missed, false_positives) == (expected["misses"], expected["false_positives"])
    assert len(joint_errors) + missed == expected["valid_gt"]
    assert (score.precision, score.recall, score.f1) == tuple(
        expected[share] for share in ("precision", "recall", "f1")
    )
    mpjpe, mve = 1000 * np.mean(joint_errors), 1000 * np.mean(vertex_errors)
    assert (round(mpjpe, 1), round(mve, 1)) == (expected["mpjpe_mm"], expected["mve_mm"])
    assert nmje(mpjpe, score.f1) == expected["nmje_mm"]
    assert nmve(mve, score.f1) == expected["nmve_mm"]


def test_shares_by_hand():
    score = detection_scores(2, 1, 0)
    assert (score.precision, score.recall, score.f1) == (1.0, 2 / 3, 0.8)
    assert detection_scores(2, 1, 0, decimals=2).recall == 0.67


def test_nobody():
    assert detection_scores(0, 0, 0).f1 == 1
    assert detection_scores(0, 3, 0).precision == 0
    assert detection_scores(0, 0, 3).recall == 0
    assert math.isnan(nmje(80.0, 0.0))


@pytest.mark.parametrize(
    ("error", "f1", "value"), [(100.0, 0.5, 200.0), (100.04, 0.5, 200.0), (90.0, 0.996, 90.0)]
)
def test_what_is_printed_is_divided(error, f1, value):
    assert nmve(error, f1) == value
