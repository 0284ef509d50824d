"""Roots, alignments, averages and joint lists of the literature, by hand and against the metrics."""

from __future__ import annotations

import numpy as np
import pytest
from people_tables import changed, prediction_table, scored, truth_table, values
from scipy.spatial.transform import Rotation

from mhbench.errors import UsageError
from mhbench.metrics import auc, n_mpjpe, pck, pmpjpe, procrustes
from mhbench.protocols.loading import load_protocol, with_options
from mhbench.scoring.joints import plan_joints
from mhbench.skeletons import skeleton

H36M = skeleton("h36m_32")
LOCO = load_protocol("human36m/loco-p1")
LIFTING = load_protocol("human36m/lifting")
NAMES17 = skeleton("h36m_17").joints


def truth_pose(seed=0):
    spread = np.random.default_rng(seed).uniform(-0.7, 0.7, size=(32, 3)) + (0.2, 0.1, 4.0)
    return spread.astype(np.float32).astype(np.float64)


def table_of(poses, **more):
    columns = {"action": np.full(len(poses), "Walking"), **more.pop("frame_columns", {})}
    return truth_table("human36m", "h36m_32", [[one] for one in poses], frame_columns=columns, **more)


def noisy(pose, seed=3, size=0.05):
    return pose + np.random.default_rng(seed).normal(0.0, size, size=pose.shape)


def numbers_of(protocol, truth, given, skeleton_name="h36m_32", **more):
    table = table_of(truth)
    result = scored(protocol, table, prediction_table(table, skeleton_name, [[one] for one in given], **more))
    return values(result, protocol)


def joints14(pose):
    return pose[list(H36M.indices(LOCO.truth.joints))][None]


@pytest.mark.parametrize("kind", ["rigid", "similarity", "translation"])
def test_the_alignment_of_the_a_column(kind):
    truth, given = truth_pose(), 1.1 * noisy(truth_pose())
    source, goal = joints14(given), joints14(truth)
    if kind == "translation":
        expected = (
            1000 * np.linalg.norm(source - source.mean(axis=1) - goal + goal.mean(axis=1), axis=-1).mean()
        )
    else:
        expected = pmpjpe(source, goal, scale=kind == "similarity")[0]
    protocol = with_options(LOCO, {"a": kind})
    assert numbers_of(protocol, [truth], [given])["pmpjpe"] == pytest.approx(expected, abs=1e-6)


def test_options_on_different_metrics_add_up():
    protocol = with_options(LOCO, {"root": "mid_hip", "a": "similarity"})
    assert [rule.name for rule in protocol.metric] == ["mpjpe", "pmpjpe"]
    assert protocol.metric[0].root == ("left_hip", "right_hip")
    assert protocol.metric[1].align == "similarity"


def test_posenets_fit_takes_the_middle_of_the_shoulders_too():
    protocol = load_protocol("human36m/moon-p1")
    truth, given = truth_pose(), noisy(truth_pose())
    rows, shoulders = list(H36M.indices(NAMES17)), list(H36M.indices(["left_shoulder", "right_shoulder"]))
    source, goal = (
        np.concatenate([one[rows], one[shoulders].mean(axis=0)[None]])[None] for one in (given, truth)
    )
    fitted = procrustes(source, goal, scale=False).apply(source)
    expected = 1000 * np.linalg.norm(fitted - goal, axis=-1)[0, :17].mean()
    assert numbers_of(protocol, [truth], [given])["pmpjpe"] == pytest.approx(expected, abs=1e-6)


def test_the_scale_of_lifters_acts_on_centred_poses():
    truth, given = truth_pose(), 0.8 * noisy(truth_pose())
    rows, pelvis = list(H36M.indices(NAMES17)), H36M.index("pelvis")
    source, goal = given[rows] - given[pelvis], truth[rows] - truth[pelvis]
    found = numbers_of(LIFTING, [truth], [given])
    assert found["n_mpjpe"] == pytest.approx(n_mpjpe(source[None], goal[None])[0], abs=1e-6)


def test_a_root_relative_file_is_taken_as_it_is_by_lifters_only():
    truth = truth_pose()
    given = truth - truth[H36M.index("pelvis")] + (0.017, 0.0, 0.0)
    assert numbers_of(LIFTING, [truth], [given], space="root")["mpjpe"] == pytest.approx(17.0, abs=1e-3)
    again = with_options(LIFTING, {"recentre_prediction": "yes"})
    assert numbers_of(again, [truth], [given], space="root")["mpjpe"] == pytest.approx(0.0, abs=1e-3)
    # in camera space there is no other way than to centre
    assert numbers_of(LIFTING, [truth], [given + 3.0])["mpjpe"] == pytest.approx(0.0, abs=1e-3)


def test_the_roots_zero_counts_among_seventeen_joints():
    truth = truth_pose()
    given = truth.copy()
    given[H36M.index("left_wrist"), 0] += 0.170
    assert numbers_of(LIFTING, [truth], [given])["mpjpe"] == pytest.approx(10.0, abs=1e-4)


def shifted(offsets_mm):
    """Frames whose wrist is off by so many times 14 millimetres: errors of so many over 14 joints."""
    truth = truth_pose()
    moved = []
    for offset in offsets_mm:
        one = truth.copy()
        one[H36M.index("left_wrist"), 0] += 14 * offset / 1000
        moved.append([one])
    return [truth] * len(offsets_mm), moved


def test_actions_are_averaged_after_their_takes():
    protocol = load_protocol("human36m/hmr-p1")
    by_action = with_options(protocol, {"average": "action"})
    tables, given = [], []
    # Walking: takes of 10 and 20; Eating: a take of 60 with two frames
    for sequence, action, offsets in (
        ("a", "Walking", [10]),
        ("b", "Walking", [20]),
        ("c", "Eating", [50, 70]),
    ):
        truth, moved = shifted(offsets)
        columns = {"action": np.full(len(offsets), action)}
        tables.append(table_of(truth, sequence=sequence, frame_columns=columns))
        given.append(prediction_table(tables[-1], "h36m_32", moved))
    result = scored(protocol, tables, given)
    assert values(result, protocol)["mpjpe"] == pytest.approx((10 + 20 + 50 + 70) / 4, abs=1e-3)
    assert values(result, by_action)["mpjpe"] == pytest.approx((15 + 60) / 2, abs=1e-3)
    plain = changed(protocol, averaging={"over": "actions"})
    assert values(result, plain)["mpjpe"] == pytest.approx((15 + 60) / 2, abs=1e-3)


def test_the_area_of_the_challenge_is_the_metrics():
    protocol = with_options(load_protocol("3dpw/challenge"), {"gt": "jointPositions"})
    smpl = skeleton("smpl_24")
    truth = np.random.default_rng(0).uniform(-0.7, 0.7, size=(24, 3)).astype(np.float32).astype(np.float64)
    given = noisy(truth, size=0.06)
    valid = np.ones(1, dtype=np.uint8)
    table = truth_table(
        "3dpw", "smpl_24", [[truth]], campose_valid=valid, poses2d_given=valid, smpl_pose=np.zeros((1, 72))
    )
    numbers = values(scored(protocol, table, prediction_table(table, "smpl_24", [[given]])), protocol)
    limbs = list(smpl.indices(skeleton("limb_12").joints))
    errors = 1000 * np.linalg.norm((given - given[0] - truth + truth[0])[limbs], axis=-1)
    assert numbers["pck@50mm"] == pytest.approx(pck(errors, 50.0, inclusive=True))
    area = auc(errors, np.arange(200.0), inclusive=True, rule="trapezoid")
    assert numbers["auc@0-200mm"] == pytest.approx(area, abs=1e-9)


def test_acceleration_is_of_consecutive_frames_of_one_person():
    accel = {"name": "accel", "root": ["pelvis"]}
    protocol = changed(load_protocol("human36m/moon-p2"), metric=[accel])
    truth = truth_pose()
    bumps = [0.0, 0.017, 0.0, 0.0, 0.0]
    moved = []
    for bump in bumps:
        one = truth.copy()
        one[H36M.index("left_wrist"), 0] += bump
        moved.append(one)
    # middles of three in a row: second differences 34, 17, 0 mm of one joint of 17; the gap has none
    table = truth_table("human36m", "h36m_32", [[truth]] * 5, indices=[0, 1, 2, 3, 9])
    found = values(
        scored(protocol, table, prediction_table(table, "h36m_32", [[one] for one in moved])), protocol
    )
    assert found["accel"] == pytest.approx((34 + 17) / 17 / 2, abs=1e-3)


@pytest.mark.parametrize("name", ["human36m/hmr-p1", "human36m/spin-p1"])
def test_lsps_own_head_top_is_not_human36ms(name):
    protocol = load_protocol(name)
    with pytest.raises(UsageError, match="head"):
        plan_joints(protocol, "h36m_32", "lsp_14")
    assert len(plan_joints(protocol, "h36m_32", "h36m_17_regressor").names) == 14


def test_a_named_root_is_asked_for():
    with pytest.raises(UsageError, match="pelvis"):
        plan_joints(load_protocol("human36m/spin-p1"), "h36m_32", "lsp_14_regressed")
    plan_joints(load_protocol("human36m/hmr-p1"), "h36m_32", "lsp_14_regressed")


def test_spins_stand_ins_on_3dhp_are_accepted_and_no_others():
    protocol = load_protocol("mpi_inf_3dhp/spin")
    plan = plan_joints(protocol, "mpi_17", "h36m_17_regressor")
    regressor = skeleton("h36m_17_regressor")
    for ours, theirs in (("head_top", "head"), ("head", "nose"), ("neck", "neck")):
        assert plan.source[skeleton("mpi_17").index(ours)] == regressor.index(theirs)
    assert plan.approximate == ()
    with pytest.raises(UsageError, match="head"):
        plan_joints(load_protocol("mpi_inf_3dhp/test"), "mpi_17", "h36m_17_regressor")


def test_a_rotated_pose_costs_nothing_after_alignment():
    truth = truth_pose()
    turn = Rotation.from_rotvec([0.3, -0.2, 0.9]).as_matrix()
    found = numbers_of(load_protocol("human36m/spin-p1"), [truth], [truth @ turn.T + 1.0])
    assert found["pmpjpe"] == pytest.approx(0.0, abs=1e-6)
    assert found["mpjpe"] > 100
