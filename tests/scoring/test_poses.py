"""Scoring people as 3D poses, against cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from people_tables import prediction_table, scored, truth_table, values
from pose_scenes import body, predicted, truth

from mhbench.columns import JointFlag
from mhbench.errors import UsageError
from mhbench.protocols.loading import load_protocol, with_options
from mhbench.scoring import joints
from mhbench.scoring.intervals import averaging_groups, headline
from mhbench.scoring.joints import plan_joints
from mhbench.scoring.poses import score_poses
from mhbench.scoring.statistics import statistic
from mhbench.skeletons import skeleton

GENERIC = load_protocol("panoptic/generic")
PANOPTIC = skeleton("panoptic_19")


def score(table, predictions, protocol=GENERIC, **options):
    plan = plan_joints(protocol, table.skeleton, predictions.skeleton)
    rows = np.arange(table.frame_count)
    rows[predictions.frame_count :] = -1
    return score_poses(table, predictions, rows, protocol, plan, **options)


def value(records, name, protocol=GENERIC):
    rule = next(rule for rule in protocol.metric if rule.name == name)
    return headline(statistic(rule, records, protocol), averaging_groups(records.frames, protocol))


def test_truth_against_itself_is_perfect():
    people = [[body(0.0), body(1.5, seed=1)], [body(0.2, seed=2)]]
    table = truth(people)
    records = score(table, predicted(people, table))
    assert value(records, "mpjpe_abs") == 0.0
    assert value(records, "mpjpe") == 0.0
    assert value(records, "pmpjpe") == pytest.approx(0.0, abs=1e-9)
    assert value(records, "f1.person@0.5m") == 100.0
    assert value(records, "pck@150mm") == 100.0
    # strict thresholds: the first of the 31 is zero, so perfection is 30 of 31
    assert value(records, "auc@0-150mm") == pytest.approx(100.0 * 30 / 31)


def test_a_shift_costs_absolutely_and_nothing_once_rooted():
    table = truth([[body(0.0)]])
    records = score(table, predicted([[body(0.0) + (0.0, 0.1, 0.2)]], table))
    assert value(records, "mpjpe_abs") == pytest.approx(1000.0 * np.hypot(0.1, 0.2))
    assert value(records, "mpjpe") == pytest.approx(0.0, abs=1e-9)


def test_misses_and_false_people_are_rows_of_their_own():
    table = truth([[body(0.0), body(2.0, seed=1)]])
    records = score(table, predicted([[body(0.0), body(6.0, seed=3), body(8.0, seed=4)]], table))
    assert records.matched.tolist() == [True, False, False, False]
    assert records.missed.tolist() == [False, True, False, False]
    assert records.false.tolist() == [False, False, True, True]
    assert records.prediction.tolist() == [0, -1, 1, 2]
    assert value(records, "precision.person@0.5m") == pytest.approx(100.0 / 3)
    assert value(records, "recall.person@0.5m") == 50.0
    assert value(records, "f1.person@0.5m") == pytest.approx(40.0)


def test_pairs_beyond_the_limit_never_match_even_if_alone():
    table = truth([[body(0.0)]])
    records = score(table, predicted([[body(0.0) + (0.51, 0.0, 0.0)]], table))
    assert not records.matched.any()


def test_people_outside_the_image_or_unlabelled_do_not_count():
    table = truth([[body(0.0), body(2.0, seed=1)]])
    table.persons["joint_flags"][1] |= int(JointFlag.OUT_OF_IMAGE)
    records = score(table, predicted([[body(0.0)]], table))
    assert (records.truth >= 0).sum() == 1
    assert value(records, "recall.person@0.5m") == 100.0


def test_a_null_joint_leaves_the_error_and_is_wrong_in_the_share():
    table = truth([[body(0.0)]])
    given = body(0.0)
    given[PANOPTIC.index("left_wrist")] = np.nan
    records = score(table, predicted([[given]], table))
    assert value(records, "mpjpe_abs") == 0.0
    assert value(records, "pck@150mm") == pytest.approx(100.0 * 18 / 19)


def test_a_null_root_gives_no_rooted_error_and_is_counted():
    table = truth([[body(0.0)]])
    given = body(0.0)
    given[PANOPTIC.index("body_center")] = np.nan
    records = score(table, predicted([[given]], table))
    assert records.rootless.tolist() == [True]
    assert np.isnan(value(records, "mpjpe"))
    assert value(records, "mpjpe_abs") == 0.0


def test_root_relative_predictions_are_scored_where_nobody_can_be_confused():
    table = truth([[body(0.0)], [body(0.0), body(1.0, seed=1)]])
    centred = body(0.0) - body(0.0)[PANOPTIC.index("body_center")]
    records = score(table, predicted([[centred], [centred]], table, space="root"))
    assert records.frame_count == 1
    assert value(records, "mpjpe") == pytest.approx(0.0, abs=1e-9)


def test_low_scores_can_be_left_out():
    table = truth([[body(0.0)]])
    both = predicted([[body(0.0), body(4.0, seed=1)]], table, scores=[0.9, 0.1])
    assert score(table, both).false.sum() == 1
    assert score(table, both, min_score=0.5).false.sum() == 0


def test_a_frame_nobody_predicted_counts_its_people_as_missed():
    table = truth([[body(0.0)], [body(0.0, seed=1)]])
    records = score(table, predicted([[body(0.0)]], table))
    assert records.frames["given"].tolist() == [True, False]
    assert records.missed.sum() == 1


def test_another_skeleton_is_met_by_name():
    table = truth([[body(0.0)]])
    crowd = skeleton("coco_17")
    source = body(0.0)
    given = np.stack([source[PANOPTIC.index(name)] for name in crowd.joints])
    records = score(table, predicted([[given]], table, skeleton_name="coco_17"))
    assert records.joints == tuple(name for name in PANOPTIC.joints if name in crowd.joints)
    assert value(records, "mpjpe_abs") == 0.0
    # the root of the ground truth is not shared: the mean of the hips, which is the same point here
    assert value(records, "mpjpe") == pytest.approx(0.0, abs=1e-9)


def test_a_skeleton_with_too_few_shared_joints_is_refused(monkeypatch):
    monkeypatch.setattr(joints, "FEWEST_SHARED_JOINTS", 9)  # challenge_9 shares eight with CMU Panoptic
    with pytest.raises(UsageError, match="share only"):
        plan_joints(GENERIC, "panoptic_19", "challenge_9")


def test_joint_lists_take_the_first_name_the_ground_truth_has():
    loco = load_protocol("panoptic/zanfir-loco")
    assert plan_joints(loco, "panoptic_19", "panoptic_19").names[1] == "nose"
    assert plan_joints(loco, "panoptic_15", "panoptic_15").names[1] == "head_top"


@given(seed=st.integers(0, 10_000), count=st.integers(1, 6))
def test_order_of_people_never_matters(seed, count):
    generator = np.random.default_rng(seed)
    people = [body(1.0 * number, seed=seed + number) for number in range(count)]
    noisy = [one + generator.normal(0.0, 0.02, size=one.shape) for one in people]
    order = generator.permutation(count)
    table = truth([people])
    straight = score(table, predicted([noisy], table))
    shuffled = score(table, predicted([[noisy[place] for place in order]], table))
    for name in ("mpjpe_abs", "mpjpe", "pmpjpe", "pck@150mm", "f1.person@0.5m"):
        assert value(shuffled, name) == pytest.approx(value(straight, name), rel=1e-12)


@pytest.mark.parametrize(("torso", "expected"), [("spine", 120.0 / 16), ("mid-shoulder", 0.0)])
def test_bodynets_torso_is_the_spine_or_the_middle_of_the_shoulders(torso, expected):
    """Its own 16 joints are taken as they are: torso and head are the points it means."""
    protocol = with_options(load_protocol("human36m/bodynet-p1"), {"torso": torso})
    names = skeleton("bodynet_16").joints
    person = np.random.default_rng(4).normal(0.0, 0.3, (32, 3)) + (0.0, 0.0, 4.0)
    h36m = skeleton("h36m_32")
    middle = person[list(h36m.indices(("left_shoulder", "right_shoulder")))].mean(axis=0)
    person[h36m.index("spine")] = middle + (0.12, 0.0, 0.0)
    found = np.stack([middle if name == "torso" else person[h36m.index(name)] for name in names])
    table = truth_table("human36m", "h36m_32", [[person]])
    result = scored(
        protocol, table, prediction_table(table, "bodynet_16", [[found - found[6]]], space="root")
    )
    assert values(result, protocol)["mpjpe"] == pytest.approx(expected, abs=1e-3)
    assert result.approximate == ()


@pytest.mark.parametrize("name", ["human36m/loco-p1", "human36m/moon-p1", "human36m/bodynet-p1"])
def test_of_several_predictions_the_best_scored_the_nearest_or_the_least_wrong_is_taken(name):
    """One near with a low score, one far with a high one, and the nearest root with another pose."""
    protocol = load_protocol(name)
    person = np.random.default_rng(6).normal(0.0, 0.3, (32, 3)) + (0.0, 0.0, 4.0)
    bent = person + np.where(np.arange(32)[:, None] == h36m_index("right_wrist"), (0.0, 0.4, 0.0), 0.0)
    near, far, twisted = person + (0.02, 0.0, 0.0), person + (0.3, 0.0, 0.0), bent + (0.01, 0.0, 0.0)
    table = truth_table("human36m", "h36m_32", [[person]])
    given = prediction_table(table, "h36m_32", [[near, far, twisted]], scores=[0.2, 0.9, 0.1])
    for match, row in (("highest_score", 1), ("nearest", 2), ("best", 0)):
        chosen = with_options(protocol, {"match": match})
        result = scored(chosen, table, given)
        taken = result.records.prediction[result.records.truth >= 0].tolist()
        if match == "best" and name != "human36m/loco-p1":
            taken = [0] if taken[0] in {0, 1} else taken  # a shift costs nothing once rooted or aligned
        assert taken == [row]


def h36m_index(joint):
    return skeleton("h36m_32").index(joint)
