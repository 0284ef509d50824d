"""AP of roots: RootNet's numbers, and its two oddities by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mhbench.errors import PredictionError, ShapeError
from mhbench.metrics import root_ap

GOLDEN = ["misc_cases"]


def test_numbers_of_rootnet(golden):
    case = json.loads((golden / "metrics_multi/misc_cases.json").read_text())["ap_root"]
    images = sorted({entry["image_id"] for entry in case["gt"] + case["pred"]})
    target = [
        [entry["root_cam_mm"] for entry in case["gt"] if entry["image_id"] == image and entry["is_valid"]]
        for image in images
    ]
    predicted = [
        [entry["root_cam"] for entry in case["pred"] if entry["image_id"] == image] for image in images
    ]
    scores = [[entry["score"] for entry in case["pred"] if entry["image_id"] == image] for image in images]
    for threshold, expected in case["ap_root_by_threshold_mm"].items():
        found = root_ap(target, predicted, scores, threshold_mm=float(threshold))
        assert found == pytest.approx(100 * expected, abs=1e-9)


def test_the_share_of_the_first_prediction_is_lost():
    target = [np.zeros((1, 3)), np.zeros((1, 3))]
    assert root_ap(target, target, [[0.9], [0.8]]) == 50
    assert root_ap(target[:1], target[:1], [[0.9]]) == 0


def test_the_threshold_itself_and_a_second_choice_are_wrong():
    target = [[[0.0, 0, 0], [100.0, 0, 0]]]
    first = [0.0, 0, 0]
    assert root_ap(target, [[first, [100.0, 250.0, 0]]], [[0.9, 0.8]]) == 0
    assert root_ap(target, [[first, [100.0, 249.0, 0]]], [[0.9, 0.8]]) == 50
    # nearest to the person that is taken, though the other one is near enough
    assert root_ap(target, [[first, [10.0, 0, 0]]], [[0.9, 0.8]]) == 0


def test_images_without_people_are_skipped():
    assert root_ap([[], np.zeros((2, 3))], [np.zeros((1, 3)), []], [[0.5], []]) == 0
    assert root_ap([[]], [np.zeros((1, 3))], [[0.5]]) == -1
    assert root_ap([], [], []) == -1


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_order_does_not_matter_without_ties(seed):
    random = np.random.default_rng(seed)
    target = [random.uniform(0, 600, (3, 3)) for _ in range(5)]
    predicted = [random.uniform(0, 600, (4, 3)) for _ in range(5)]
    scores = list(random.permutation(20).reshape(5, 4) / 20)
    before = root_ap(target, predicted, scores)
    order = random.permutation(5)
    people = random.permutation(4)
    again = root_ap(
        [target[image][::-1] for image in order],
        [predicted[image][people] for image in order],
        [scores[image][people] for image in order],
    )
    assert again == before


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="2 images of truth"):
        root_ap([[], []], [[]], [[]])
    with pytest.raises(ShapeError, match=r"scores\[0\]"):
        root_ap([np.zeros((1, 3))], [np.zeros((2, 3))], [[1.0]])
    with pytest.raises(PredictionError, match="NaN"):
        root_ap([np.zeros((1, 3))], [np.zeros((1, 3))], [[np.nan]])
