"""Person matching: against scipy, by hand, and against what public evaluators matched on golden inputs."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment

from mhbench import matching
from mhbench.errors import ShapeError

GOLDEN = ["bev_panoptic_greedy", "agora_style", "crmh_handlers"]


def brute_force(distances, limit):
    """(pairs, total) of the best assignment by trying all of them."""
    rows, columns = distances.shape
    best = (0, 0.0)
    for chosen in itertools.product(range(-1, columns), repeat=rows):
        used = [column for column in chosen if column >= 0]
        if len(set(used)) < len(used):
            continue
        pairs = [(row, column) for row, column in enumerate(chosen) if column >= 0]
        if any(not distances[pair] <= limit for pair in pairs):
            continue
        total = sum(distances[pair] for pair in pairs)
        best = min(best, (-len(pairs), total))
    return best


def outcome(distances, match):
    rows = np.flatnonzero(match >= 0)
    assert len(set(match[rows])) == len(rows)
    return -len(rows), distances[rows, match[rows]].sum()


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.integers(0, 9)))
@settings(max_examples=60)
def test_hungarian_takes_most_pairs_then_least_total(distances):
    assert outcome(distances, matching.hungarian(distances, 5)) == brute_force(distances, 5)


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (7, 3), (20, 20), (40, 35)])
def test_hungarian_agrees_with_scipy_without_limit(shape):
    random = np.random.default_rng(5)
    for _ in range(20):
        distances = random.uniform(0, 2, shape)
        rows, columns = linear_sum_assignment(distances)
        match = matching.hungarian(distances)
        expected = np.full(shape[0], -1)
        expected[rows] = columns
        np.testing.assert_array_equal(match, expected)


def test_hungarian_agrees_with_scipy_under_a_limit():
    random = np.random.default_rng(6)
    for _ in range(50):
        distances = random.uniform(0, 1, (12, 10))
        distances[random.uniform(size=distances.shape) < 0.1] = np.nan
        admissible = distances <= 0.15
        rows, columns = linear_sum_assignment(np.where(admissible, distances, 1e6))
        kept = admissible[rows, columns]
        expected = (-kept.sum(), distances[rows[kept], columns[kept]].sum())
        assert outcome(distances, matching.hungarian(distances, 0.15)) == pytest.approx(expected, abs=1e-9)


def test_inadmissible_pairs_do_not_steal_from_admissible_ones():
    # cutting pairs only after the assignment would leave the first person alone
    distances = np.array([[0.4, 0.9], [0.1, 0.45]])
    np.testing.assert_array_equal(matching.hungarian(distances, 0.5), [0, 1])
    np.testing.assert_array_equal(matching.hungarian([[0.5, 0.5]], 0.5), [0])


def test_equal_totals_follow_file_order():
    np.testing.assert_array_equal(matching.hungarian(np.ones((3, 3))), [0, 1, 2])
    np.testing.assert_array_equal(matching.hungarian(np.ones((3, 2))), [0, 1, -1])


def test_frames_at_once_equal_frames_one_by_one():
    random = np.random.default_rng(7)
    counts = [(3, 2), (0, 4), (2, 0), (5, 5), (1, 3)]
    blocks = [random.uniform(0, 1, count) for count in counts]
    starts = np.concatenate([np.zeros((1, 2), int), np.cumsum(counts, axis=0)])
    flat = np.concatenate([block.ravel() for block in blocks])
    together = matching.hungarian_frames(flat, starts[:, 0], starts[:, 1], 0.6)
    alone = np.concatenate([matching.hungarian(block, 0.6) for block in blocks])
    np.testing.assert_array_equal(together, alone)


def test_greedy_takes_the_least_distance_first():
    distances = np.array([[1.0, 2.0], [0.5, 4.0]])
    np.testing.assert_array_equal(matching.greedy(distances), [1, 0])
    np.testing.assert_array_equal(matching.greedy(distances, 2.0, inclusive=False), [-1, 0])
    np.testing.assert_array_equal(matching.greedy([[1.0, 1.0], [1.0, 1.0]]), [0, 1])
    np.testing.assert_array_equal(matching.greedy([[np.nan, 3.0]]), [1])


def test_keys_indices_and_scores():
    np.testing.assert_array_equal(matching.given(["a", "b", "c"], ["c", "a", "a"]), [1, -1, 0])
    np.testing.assert_array_equal(matching.given([1, 2], []), [-1, -1])
    np.testing.assert_array_equal(matching.track_index(3, 2), [0, 1, -1])
    np.testing.assert_array_equal(matching.highest_score([0.1, 0.9, 0.9]), [1])
    np.testing.assert_array_equal(matching.highest_score([np.nan, 0.2]), [1])
    np.testing.assert_array_equal(matching.highest_score([]), [-1])
    np.testing.assert_array_equal(matching.highest_score([0.5], 0), [])
    with pytest.raises(ShapeError, match="2 true people"):
        matching.highest_score([0.5], 2)


def test_nearest_may_serve_several():
    np.testing.assert_array_equal(matching.nearest_2d([[0, 0], [1, 0]], [[0.2, 0], [9, 9]]), [0, 0])
    np.testing.assert_array_equal(matching.nearest_2d([[0, 0]], np.zeros((0, 2))), [-1])
    np.testing.assert_array_equal(matching.nearest_3d(np.zeros((1, 2, 3)), np.zeros((0, 2, 3))), [-1])


def test_oks_takes_best_score_first_and_of_equals_the_later_person():
    similarities = [[0.9, 0.9], [0.9, 0.6]]
    np.testing.assert_array_equal(matching.oks(similarities, [0.1, 0.8]), [1, 0])
    np.testing.assert_array_equal(matching.oks(similarities, [0.8, 0.1]), [1, 0])
    np.testing.assert_array_equal(matching.oks([[0.5], [0.5]], [1.0]), [-1, 0])
    np.testing.assert_array_equal(matching.oks(np.zeros((0, 2)), [1.0, 0.5]), [])


def test_mupots_by_hand():
    target = np.zeros((2, 17, 2)) + 100.0
    target[1] += 39.0
    predicted = np.stack([target[1], target[0] + 40.0, np.zeros((17, 2))])
    # the first person comes first and takes the prediction of the second, who has the other one within 40 px
    np.testing.assert_array_equal(matching.mupots_2d(target, predicted), [0, 1])
    np.testing.assert_array_equal(matching.mupots_2d(np.zeros((1, 17, 2)), np.zeros((1, 17, 2))), [-1])


def test_greedy_2d_ends_when_rejections_used_up_the_predictions():
    target = np.array([[[0, 0], [10, 10]], [[100, 0], [110, 10]]], dtype=float)
    # nearest to the first person, but beside its box: that rejection was the only prediction
    predicted = np.array([[[0, 12], [10, 22]]], dtype=float)
    np.testing.assert_array_equal(matching.greedy_2d(target, predicted, least_overlap=0.05), [-1, -1])
    np.testing.assert_array_equal(matching.greedy_2d(target, predicted, least_overlap=0.0), [0, -1])


def test_greedy_2d_matches_whom_bev_matched(golden):
    cases = json.loads((golden / "metrics_3d/bev_panoptic_greedy.json").read_text())
    arrays = np.load(golden / "metrics_3d/bev_panoptic_greedy.npz")
    # the first 13 joints and the pelvis
    chosen = [*range(13), 14]
    errors = {"all_persons": []}
    for name, expected in cases["matching"].items():
        target, target3d = arrays[f"{name}/gt2d"], arrays[f"{name}/gt3d"]
        activity = errors.setdefault(name.split("_")[1].split("-")[0].rstrip("1"), [])
        error = np.full(len(target), float(cases["miss_penalty_mm"]))
        activity.append(error)
        errors["all_persons"].append(error)
        if isinstance(expected, str):
            assert expected == "no prediction for this image"
            continue
        match = matching.greedy_2d(target, arrays[f"{name}/pred2d"][:, chosen], least_overlap=0.05)
        wanted = np.full(len(target), -1)
        for row, person in expected["match_pred_gt"]:
            wanted[person] = row
        np.testing.assert_array_equal(match, wanted)
        found = set(range(len(arrays[f"{name}/pred2d"]))) - set(match)
        assert found == set(expected["false_positives"])
        assert set(np.flatnonzero(match < 0)) == set(expected["misses"])
        predicted3d = arrays[f"{name}/pred3d"][:, chosen][match[match >= 0]]
        truth = target3d[match >= 0]
        difference = (predicted3d - predicted3d[:, 13:]) - (truth - truth[:, 13:])
        error[match >= 0] = 1000 * np.linalg.norm(difference, axis=-1).mean(axis=1)
    for activity, expected in cases["scores_mm"].items():
        assert np.concatenate(errors[activity]).mean() == pytest.approx(expected, abs=1e-3)


def test_greedy_2d_matches_whom_agora_matched(golden):
    cases = json.loads((golden / "metrics_3d/agora_style.json").read_text())
    arrays = np.load(golden / "metrics_3d/agora_style.npz")
    for number, image in enumerate(cases["images"]):
        valid = arrays[f"{number}/valid"]
        target, predicted = arrays[f"{number}/gt2d"][valid], arrays[f"{number}/pred2d"]
        match = matching.greedy_2d(target, predicted, least_overlap=cases["iou_threshold"])
        pairs = {
            (int(row), int(person)) for row, person in image["matching"] if row.isdigit() and person.isdigit()
        }
        people = np.flatnonzero(valid)
        assert {(int(match[row]), int(people[row])) for row in np.flatnonzero(match >= 0)} == pairs
        assert len(predicted) - np.sum(match >= 0) == image["false_positives"]
        # the tool flags people who do not take part as missed too
        assert np.sum(match < 0) == np.sum(np.array(image["miss_flag"])[valid])


def crmh_errors(target, predicted):
    """Matched errors (P, 17) in mm as CRMH averages them: an invisible joint counts as 0."""
    match = matching.nearest_3d(target[..., :3], predicted, target[..., 3])
    chosen = predicted[match]
    difference = (chosen - chosen[:, :1]) - (target[..., :3] - target[:, :1, :3])
    return match, 1000 * np.linalg.norm(difference, axis=-1) * (target[..., 3] > 0)


def test_nearest_3d_matches_whom_crmh_matched(golden):
    cases = json.loads((golden / "metrics_multi/misc_cases.json").read_text())["crmh_panoptic"]
    errors, shared = [], 0
    for image in cases["images"]:
        target = np.array(image["gt_24x4"])[:, cases["j24_to_h36m17"]]
        match, error = crmh_errors(target, np.array(image["pred_h36m17"]))
        assert match.tolist() == image["pred_index_per_gt"]
        assert error.mean() == pytest.approx(image["image_mpjpe_mm"], abs=1e-3)
        shared += len(set(match)) < len(match)
        errors += error.mean(axis=1).tolist()
    assert np.mean(errors) == pytest.approx(cases["mpjpe_mm"], abs=1e-3)
    assert shared == cases["mismatch_images"]


def test_nearest_3d_gives_the_errors_of_crmhs_handler(golden):
    cases = json.loads((golden / "metrics_3d/crmh_handlers.json").read_text())
    arrays = np.load(golden / "metrics_3d/crmh_handlers.npz")
    errors, shared = [], 0
    for number, image in enumerate(cases["panoptic"]):
        target = arrays[f"panoptic{number}_gt24x4"][:, cases["J24_TO_H36M"]]
        vertices = arrays[f"panoptic{number}_pred_vertices"]
        match, error = crmh_errors(target, np.einsum("jv,pvc->pjc", arrays["J_regressor"], vertices))
        assert error.mean() == pytest.approx(image["mpjpe_mm"], abs=1e-3)
        shared += len(set(match)) < len(match)
        errors += error.mean(axis=1).tolist()
    assert np.mean(errors) == pytest.approx(cases["panoptic_total_person_weighted_mm"], abs=1e-3)
    assert shared == cases["panoptic_frames_with_a_prediction_used_twice"]


@pytest.mark.parametrize("rule", ["hungarian", "greedy"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_order_of_people_does_not_matter_without_ties(rule, seed):
    random = np.random.default_rng(seed)
    distances = random.uniform(0, 1, (5, 6))
    rows, columns = random.permutation(5), random.permutation(6)
    match = getattr(matching, rule)(distances, 0.4)
    again = getattr(matching, rule)(distances[np.ix_(rows, columns)], 0.4)
    np.testing.assert_array_equal(np.where(again >= 0, columns[again], -1), match[rows])


def test_offsets_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="3 values"):
        matching.hungarian_frames(np.zeros(3), [0, 2], [0, 2])
    with pytest.raises(ShapeError, match="no list of offsets"):
        matching.hungarian_frames(np.zeros(4), [1, 3], [0, 2])
