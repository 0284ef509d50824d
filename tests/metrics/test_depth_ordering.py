"""Depth order: by hand, SMAP's rule table and sequences, Relative Human's numbers."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mhbench.errors import ShapeError
from mhbench.matching import greedy_2d
from mhbench.metrics import depth_order, mupots_pck, pcdr, reversed_neighbours
from mhbench.metrics.depth_ordering import AGES, PcdrCounts, smap_depth_order
from mhbench.metrics.detection import detection_scores
from mhbench.metrics.mupots import PELVIS

GOLDEN = ["misc_cases", "mupots_expected", "mupots_cases"]


def test_signs_by_hand():
    assert depth_order([1.0, 2.0, 3.0], [1.5, 1.6, 1.4]) == (1, 3)
    assert depth_order([1.0, 1.0], [1.0, 2.0]) == (0, 0)  # a tie says nothing
    assert depth_order([1.0, 2.0], [5.0, 5.0]) == (0, 1)  # calling it a tie is wrong
    assert depth_order([1.0, 2.0], [np.nan, 5.0]) == (0, 1)
    assert depth_order([4.0], [4.0]) == (0, 0)
    assert depth_order([], []) == (0, 0)


def test_near_people_can_be_left_out():
    assert depth_order([1.0, 1.25, 2.0], [1.0, 0.9, 3.0], tolerance=0.25) == (2, 3)
    assert depth_order([1.0, 1.25, 2.0], [1.0, 0.9, 3.0], tolerance=0.26) == (2, 2)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_order_of_people_and_shifts_do_not_matter(seed):
    random = np.random.default_rng(seed)
    target, predicted = random.uniform(1, 8, 6), random.uniform(1, 8, 6)
    order = random.permutation(6)
    for rule in (depth_order, smap_depth_order):
        assert rule(target[order], predicted[order]) == rule(target, predicted)
    assert depth_order(target + 3, predicted * 2) == depth_order(target, predicted)
    assert depth_order(target, target) == (15, 15)
    assert depth_order(target, -target) == (0, 15)


def test_lengths_must_agree():
    with pytest.raises(ShapeError, match="predicted_z"):
        depth_order([1.0, 2.0], [1.0])


def test_rule_table_of_smap(golden):
    table = json.loads((golden / "metrics_multi/mupots_expected.json").read_text())["smap_ordinal_rule_table"]
    for predicted, true, result in table["rows"]:
        right, pairs = smap_depth_order([true, 0.0], [predicted, 0.0], tolerance=table["threshold_mm"])
        # 1: right order, 0: both close, -1: wrong
        assert (right, pairs) == (result >= 0, 1)


@pytest.mark.parametrize("mode", ["all", "matched"])
def test_sequences_of_smap(golden, mode):
    cases = np.load(golden / "metrics_multi/mupots_cases.npz")
    everything = json.loads((golden / "metrics_multi/mupots_expected.json").read_text())
    expected = everything[f"smap_ordinal_{mode}"]
    rates = []
    for number in range(1, 21):
        field = {
            name: cases[f"TS{number}_{name}"] for name in ("annot2", "univ_annot3", "valid", "pred_count")
        }
        field |= {name: cases[f"TS{number}_{name}"] for name in ("pred2d", "pred3d")}
        match = iter(mupots_pck(*field.values()).match)
        start = np.append(0, np.cumsum(field["pred_count"]))
        found = []
        for frame, valid in enumerate(field["valid"]):
            met = np.array([next(match) for _ in range(np.sum(valid != 0))], dtype=int)
            true = field["univ_annot3"][frame, valid != 0, PELVIS, 2]
            predicted = np.array(
                [100000.0 if row < 0 else field["pred3d"][start[frame] + row, PELVIS, 2] for row in met]
            )
            kept = met >= (0 if mode == "matched" else -1)
            found.append(smap_depth_order(true[kept], predicted[kept], tolerance=300.0))
        frames = [row[1:] for row in expected["pairs_per_frame"] if row[0] == number]
        assert all(found[frame] == (right, pairs) for frame, pairs, right in frames)
        right, pairs = np.sum(found, axis=0)
        rates.append(right / pairs)
    np.testing.assert_allclose(rates, expected["rate_per_sequence"], rtol=0, atol=1e-12)
    assert np.mean(rates) == pytest.approx(expected["mean_over_sequences"], abs=1e-12)


def test_relative_human(golden):
    case = json.loads((golden / "metrics_multi/misc_cases.json").read_text())["relative_human"]
    total, predictions, false_positives = PcdrCounts(), 0, 0
    for image in case["images"]:
        match = greedy_2d(image["gt_kp2d"], image["pred_kp2d"], image["gt_valid"], least_overlap=0.05)
        assert sorted((int(row), person) for person, row in enumerate(match) if row >= 0) == sorted(
            map(tuple, image["matches_pred_gt"])
        )
        total += pcdr(image["depth_id"], image["pred_depth"], match, ages=image["age_id"])
        predictions += len(image["pred_depth"])
        false_positives += len(image["pred_depth"]) - int(np.sum(match >= 0))
    expected = case["pcdr_fraction"]
    assert total.share() == pytest.approx(100 * expected["PCRD_0.2"], abs=1e-5)
    for age in AGES:
        assert total.share(age) == pytest.approx(100 * expected[f"PCRD_0.2_{age}"], abs=1e-5)
    assert [predictions, total.missed, false_positives] == case["counts_pred_miss_fp"]
    # the tool takes the number of predictions for the number of people, so its recall is no recall
    score = detection_scores(predictions - total.missed, total.missed, false_positives, decimals=2)
    assert [score.precision, score.recall, score.f1] == case["precision_recall_f1"]


@pytest.mark.parametrize(
    ("layers", "depths", "right"),
    [
        ([0, 0], [1.0, 1.1875], 1),
        ([0, 0], [1.0, 1.25], 0),
        ([0, 1], [1.0, 1.25], 0),  # the tolerance itself is not enough
        ([0, 1], [1.0, 1.5], 1),
        ([1, 0], [1.0, 1.5], 0),
        ([1, 0], [1.5, 1.0], 1),
    ],
)
def test_relations_by_hand(layers, depths, right):
    counts = pcdr(layers, depths, [0, 1], tolerance=0.25)
    assert (counts.right, counts.pairs) == (right, 1)


def test_unlabelled_and_missed_people():
    counts = pcdr([0, 1, -1, 0], [1.0, 2.0, 3.0], [0, 1, 2, -1], ages=[0, 1, 2, 3])
    assert (counts.right, counts.pairs, counts.missed) == (1, 1, 1)
    assert counts.share() == pytest.approx(100 / 1.3)
    assert counts.share("adult") == 100
    assert counts.share("kid") == -1
    assert counts.share("baby") == 0
    assert PcdrCounts().share() == -1


def test_counts_add_up_in_any_order():
    parts = [pcdr([0, 1], [1.0, depth], [0, 1], ages=[0, 1]) for depth in (0.5, 2.0, 3.0)]
    sums = {str(first + second + third) for first, second, third in itertools.permutations(parts)}
    assert len(sums) == 1


def test_reversed_neighbours_by_hand():
    # of the three neighbours the middle two are reversed, the last one is a tie of the predictions
    assert reversed_neighbours([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 2.0]) == (1, 3)
    assert reversed_neighbours([1.0, 2.0, 3.0], [1.0, np.nan, 0.0]) == (0, 2)
    assert reversed_neighbours([1.0], [2.0]) == reversed_neighbours([], []) == (0, 0)
