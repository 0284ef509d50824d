"""MuPoTS-3D: all four modes of the tool on 20 made-up sequences, and by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mhbench.errors import ShapeError, UsageError
from mhbench.metrics import mupots_pck
from mhbench.metrics.mupots import CHAIN, PARENTS

GOLDEN = ["mupots_cases", "mupots_expected", "mupots_per_joint_error"]

GROUPS = {
    "head": "Head",
    "neck": "Neck",
    "shoulder": "Shou",
    "elbow": "Elbow",
    "wrist": "Wrist",
    "hip": "Hip",
    "knee": "Knee",
    "ankle": "Ankle",
}
FIELDS = ("annot2", "univ_annot3", "valid", "pred_count", "pred2d", "pred3d")


def close(ours, expected):
    np.testing.assert_allclose(ours, np.array(expected, dtype=float), rtol=0, atol=1e-9)


@pytest.mark.parametrize("mode", ["all", "matched"])
@pytest.mark.parametrize("space", ["relative", "absolute"])
def test_every_sequence_as_the_tool(golden, mode, space):
    folder = golden / "metrics_multi"
    cases, per_joint = np.load(folder / "mupots_cases.npz"), np.load(folder / "mupots_per_joint_error.npz")
    everything = json.loads((folder / "mupots_expected.json").read_text())
    expected = everything[f"{mode}_{space}"]
    scores = []
    for number in range(20):
        name = f"TS{number + 1}"
        score = mupots_pck(
            *(cases[f"{name}_{field}"] for field in FIELDS),
            mode=mode,
            space=space,
            occlusion=cases[f"{name}_occlusion"],
        )
        scores.append(score)
        mode_key = f"mode{int(mode == 'matched')}_rel{int(space == 'relative')}_{name}"
        np.testing.assert_allclose(score.errors, per_joint[mode_key], rtol=0, atol=1e-8)
        pck = expected["pck150_percent_per_group_per_sequence"]
        area = expected["auc_percent_per_group_per_sequence"]
        close([score.pck, score.auc], [pck["Total"][number], area["Total"][number]])
        for ours, theirs in GROUPS.items():
            close(score.pck_per_group[ours], pck[theirs][number])
            close(score.auc_per_group[ours], area[theirs][number])
        for part, values in ((score.visible, "visible_joints"), (score.occluded, "occluded_joints")):
            close(part.pck, 100 * expected[values]["pck_fraction_total"][number])
            close(part.pck_per_joint / 100, expected[values]["pck_fraction_per_joint_1to14"][number])
            assert part.counts.sum() == expected[values]["joint_count"][number]
        matched = [
            index - 1
            for frame in everything["matching"]
            if frame["ts"] == number + 1
            for index in frame["pred_index_1based_or_0_per_valid_person"]
        ]
        assert score.match.tolist() == matched
    close(np.mean([score.pck for score in scores]), expected["pck150_mean_over_sequences"])
    close(np.mean([score.auc for score in scores]), expected["auc_mean_over_sequences"])


def sequence(frames=4, people=3, seed=0):
    random = np.random.default_rng(seed)
    annot3 = random.uniform(-800, 800, (frames, people, 17, 3))
    annot3[..., 2] += 4000
    annot2 = 500 * annot3[..., :2] / annot3[..., 2:] + 500 + 400 * np.arange(people)[:, None, None]
    valid = np.ones((frames, people), dtype=bool)
    count = np.full(frames, people)
    return [annot2, annot3, valid, count, annot2.reshape(-1, 17, 2), annot3.reshape(-1, 17, 3)]


@pytest.mark.parametrize("space", ["relative", "absolute"])
def test_a_perfect_prediction_reaches_30_of_31_thresholds(space):
    score = mupots_pck(*sequence(), space=space)
    assert score.pck == 100
    assert score.auc == pytest.approx(100 * 30 / 31)  # no error is below 0 mm


def test_bones_get_their_true_length_before_anything_is_measured():
    arguments = sequence()
    arguments[5] = arguments[5] * 1.7
    assert mupots_pck(*arguments).errors.max() < 1e-9
    assert mupots_pck(*arguments, space="absolute").pck == 0


def test_150_mm_is_wrong_for_pck_and_right_by_visibility():
    truth = np.zeros((1, 1, 17, 3))
    for joint in CHAIN:  # bones of 128 mm along y, so that no step rounds
        truth[0, 0, joint] = truth[0, 0, PARENTS[joint]] + np.array([0.0, 128.0, 0.0])
    image = np.full((1, 1, 17, 2), 300.0)
    predicted = truth[0] + np.array([150.0, 0.0, 0.0])
    hidden = np.zeros((1, 1, 17))
    hidden[..., 0] = 1
    score = mupots_pck(image, truth, [[1]], [1], image[0], predicted, space="absolute", occlusion=hidden)
    assert set(score.errors.ravel()) == {150.0}
    assert (score.pck, score.auc) == (0.0, 0.0)
    assert (score.visible.pck, score.occluded.pck) == (100.0, 100.0)
    assert score.visible.counts.tolist() == [0] + [1] * 13


def test_an_unmatched_person_counts_or_not():
    arguments = sequence(frames=1, people=2)
    arguments[3] = np.array([1])
    arguments[4], arguments[5] = arguments[4][:1], arguments[5][:1]
    assert mupots_pck(*arguments, mode="all").pck == 50
    assert mupots_pck(*arguments, mode="matched").pck == 100
    arguments[3], arguments[4], arguments[5] = np.array([0]), np.zeros((0, 17, 2)), np.zeros((0, 17, 3))
    assert mupots_pck(*arguments, mode="all").pck == 0
    nobody = mupots_pck(*arguments, mode="matched")
    assert np.isnan(nobody.pck)
    assert np.isnan(nobody.auc)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_order_of_predictions_does_not_matter_without_ties(seed):
    arguments = sequence(seed=1)
    order = np.concatenate([3 * frame + np.random.default_rng(seed).permutation(3) for frame in range(4)])
    arguments[5] = arguments[5] + np.random.default_rng(seed).normal(0, 60, arguments[5].shape)
    before = mupots_pck(*arguments)
    arguments[4], arguments[5] = arguments[4][order], arguments[5][order]
    np.testing.assert_array_equal(mupots_pck(*arguments).errors, before.errors)


def test_what_does_not_fit_is_refused():
    arguments = sequence()
    with pytest.raises(UsageError, match="mode is 'some'"):
        mupots_pck(*arguments, mode="some")
    with pytest.raises(ShapeError, match="occlusion has shape"):
        mupots_pck(*arguments, occlusion=np.zeros((1, 17)))
    for place, name in ((4, "predicted2d"), (5, "predicted3d")):
        more = list(arguments)  # the 21 joints of networks that learnt on MuCo
        more[place] = np.concatenate([arguments[place], arguments[place][:, :4]], axis=1)
        with pytest.raises(ShapeError, match=f"{name} has shape"):
            mupots_pck(*more)
    arguments[3] = np.array([3, 3, 3, 2])
    with pytest.raises(ShapeError, match="12 people"):
        mupots_pck(*arguments)
