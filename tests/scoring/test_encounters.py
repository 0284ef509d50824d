"""Who meets whom under each rule, and what a missed person costs, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from people_tables import changed, prediction_table, scored, truth_table, values

from mhbench.errors import InputError, PredictionError
from mhbench.frames import JointSet
from mhbench.protocols.loading import load_protocol, with_options
from mhbench.skeletons import skeleton

SPIN = load_protocol("human36m/spin-p1")
CHALLENGE = with_options(load_protocol("3dpw/challenge"), {"gt": "jointPositions"})
H36M, SMPL = skeleton("h36m_32"), skeleton("smpl_24")
MPI = skeleton("mpi_17")


def pose(count, *, at=(0.0, 0.0, 4.0), seed=0):
    spread = np.random.default_rng(seed).uniform(-0.7, 0.7, size=(count, 3))
    return (spread + at).astype(np.float32).astype(np.float64)


def single(frames, **more):
    """Human3.6M: one person per frame."""
    return truth_table("human36m", "h36m_32", [[one] for one in frames], **more)


def bent(joints, millimetres, joint="left_wrist", tree=H36M):
    moved = joints.copy()
    moved[tree.index(joint), 0] += millimetres / 1000
    return moved


def test_the_highest_score_meets_the_one_person():
    truth = pose(32)
    table = single([truth])
    given = prediction_table(
        table, "h36m_32", [[bent(truth, 140), bent(truth, 14), bent(truth, 280)]], scores=[0.5, 0.9, np.nan]
    )
    assert values(scored(SPIN, table, given), SPIN)["mpjpe"] == pytest.approx(1.0)


def test_equal_scores_keep_the_order_of_the_file():
    truth = pose(32)
    table = single([truth])
    given = prediction_table(table, "h36m_32", [[bent(truth, 14), bent(truth, 140)]], scores=[0.9, 0.9])
    assert values(scored(SPIN, table, given), SPIN)["mpjpe"] == pytest.approx(1.0)


def test_best_takes_the_least_error_of_each_metric_by_itself():
    crmh = load_protocol("human36m/crmh")
    truth = pose(32)
    table = single([truth], camera="60457274")
    # turned as a whole: no error after alignment, a large one before
    turned = truth @ np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    given = prediction_table(table, "h36m_32", [[turned, bent(truth, 28)]], scores=[0.1, 0.2])
    numbers = values(scored(crmh, table, given), crmh)
    assert numbers["mpjpe"] == pytest.approx(2.0)
    assert numbers["pmpjpe"] == pytest.approx(0.0, abs=1e-6)


def test_a_metric_may_be_of_some_cameras_only():
    crmh = load_protocol("human36m/crmh")
    truth = pose(32)
    tables = [single([truth], camera=camera) for camera in ("54138969", "60457274")]
    given = [prediction_table(table, "h36m_32", [[bent(truth, 14 * n)]]) for n, table in enumerate(tables, 1)]
    result = scored(crmh, tables, given)
    numbers = values(result, crmh)
    assert numbers["mpjpe"] == pytest.approx(1.5)
    only = values(scored(crmh, tables[1:], given[1:]), crmh)
    assert numbers["pmpjpe"] == pytest.approx(only["pmpjpe"])


def test_the_nearest_root_is_an_audit_row():
    nearest = with_options(SPIN, {"match": "nearest"})
    truth = pose(32)
    table = single([truth])
    near, far = bent(truth, 14) + (0.1, 0, 0), truth + (2.0, 0, 0)
    given = prediction_table(table, "h36m_32", [[far, near]], scores=[0.9, 0.1])
    assert values(scored(nearest, table, given), nearest)["mpjpe"] == pytest.approx(1.0)
    assert values(scored(SPIN, table, given), SPIN)["mpjpe"] == pytest.approx(0.0, abs=1e-3)


def test_rules_for_one_person_refuse_crowds():
    table = truth_table("human36m", "h36m_32", [[pose(32), pose(32, seed=1)]])
    with pytest.raises(PredictionError, match="several true people"):
        scored(SPIN, table, prediction_table(table, "h36m_32", [[pose(32)]]))


def test_a_null_joint_refuses_the_file_where_the_code_takes_full_arrays():
    truth = pose(32)
    table = single([truth])
    holed = truth.copy()
    holed[H36M.index("left_wrist")] = np.nan
    with pytest.raises(PredictionError, match="null"):
        scored(SPIN, table, prediction_table(table, "h36m_32", [[holed]]))


def actors(frames, **more):
    """3DPW: two actors per frame, both valid unless said otherwise."""
    count = sum(len(people) for people in frames)
    valid = np.ones(count, dtype=np.uint8)
    more = {"campose_valid": valid, "poses2d_given": valid, **more}
    rotations = np.zeros((count, 72))
    return truth_table("3dpw", "smpl_24", frames, smpl_pose=rotations, **more)


def test_prediction_i_is_person_i_counted_before_anybody_was_left_out():
    people = [pose(24), pose(24, seed=1)]
    table = actors([people], campose_valid=np.array([0, 1], dtype=np.uint8))
    given = prediction_table(table, "smpl_24", [[people[0], bent(people[1], 24, tree=SMPL)]])
    result = scored(CHALLENGE, table, given)
    assert result.counts.true == 1
    assert values(result, CHALLENGE)["mpjpe"] == pytest.approx(1.0)


def test_nobody_may_be_missing_in_the_challenge():
    table = actors([[pose(24), pose(24, seed=1)]])
    with pytest.raises(PredictionError, match="not predicted"):
        scored(CHALLENGE, table, prediction_table(table, "smpl_24", [[pose(24)]]))


def test_person_keys_say_who_is_who():
    people = [pose(24), pose(24, seed=1)]
    table = actors([people])
    given = prediction_table(table, "smpl_24", [people[::-1]], person=np.array(["1", "0"]))
    assert values(scored(CHALLENGE, table, given), CHALLENGE)["mpjpe"] == pytest.approx(0.0, abs=1e-3)


def test_pixels_associate_free_people_least_distance_first():
    free = with_options(CHALLENGE, {"associate": "poses2d"})
    people = [pose(24), pose(24, seed=1)]
    limbs = np.array([[400.0 + 10 * joint, 300.0] for joint in range(18)])
    flags = np.full((2, 18), 2, dtype=np.uint8)
    pixels = {"joints2d": np.stack([limbs, limbs + (300, 0)]).astype(np.float32), "joint_flags": flags}
    table = actors([people], sets={"poses2d": JointSet("coco_18", pixels)})
    # SMPL's joints in pixels: those that COCO shares, by name
    coco = skeleton("coco_18")
    shown = np.full((2, 24, 2), np.nan)
    for number, offset in enumerate((310.0, 20.0)):
        for joint, name in enumerate(SMPL.joints):
            if name in coco.joints:
                shown[number, joint] = limbs[coco.index(name)] + (offset, 0)
    given = prediction_table(table, "smpl_24", [people[::-1]], joints2d=shown)
    assert values(scored(free, table, given), free)["mpjpe"] == pytest.approx(0.0, abs=1e-3)
    alone = prediction_table(table, "smpl_24", [people[1:]], joints2d=shown[:1])
    result = scored(free, table, alone)
    assert (result.counts.matched, result.counts.missed) == (1, 1)


def test_pixels_beyond_the_limit_never_meet():
    smap = load_protocol("panoptic/smap")
    truth = pose(15)
    table = truth_table("panoptic", "panoptic_15", [[truth]], joints2d=np.full((1, 15, 2), 500.0, np.float32))
    for away, matched in ((69.2, 1), (69.3, 0)):
        shown = np.full((1, 15, 2), 500.0) + (away, 0.0)
        given = prediction_table(table, "panoptic_15", [[truth]], joints2d=shown)
        assert scored(smap, table, given).counts.matched == matched


def test_reversed_neighbours_are_those_of_matched_people():
    """Four people in a row, the third of whom is missed: his neighbours are neighbours."""
    smap = load_protocol("panoptic/smap")
    depths, found = [3.0, 4.0, 5.0, 6.0], [5.0, 4.0, None, 6.0]
    pixels = np.arange(4)[:, None, None] * 300.0 + np.zeros((4, 15, 2))
    people = [pose(15) + [0, 0, depth] for depth in depths]
    table = truth_table("panoptic", "panoptic_15", [people], joints2d=np.float32(pixels))
    hit = [0, 1, 3]
    given = [people[n] + [0, 0, found[n] - depths[n]] for n in hit]
    result = scored(smap, table, prediction_table(table, "panoptic_15", [given], joints2d=pixels[hit]))
    assert result.measures["depth_reversed.neighbours"].parts.tolist() == [[1, 2]]


def test_people_without_the_joint_that_must_be_labelled_do_not_count():
    smap = load_protocol("panoptic/smap")
    truth = pose(15)
    holed = truth.copy()
    holed[skeleton("panoptic_15").index("body_center")] = np.nan
    pixels = np.full((2, 15, 2), 500.0, np.float32)
    table = truth_table("panoptic", "panoptic_15", [[truth, holed]], joints2d=pixels)
    given = prediction_table(table, "panoptic_15", [[]], joints2d=np.zeros((0, 15, 2)))
    assert scored(smap, table, given).counts.true == 1


def test_without_pixels_people_cannot_be_told_apart():
    free = with_options(CHALLENGE, {"associate": "poses2d"})
    flags = np.zeros((1, 18), dtype=np.uint8)
    pixels = {"joints2d": np.zeros((1, 18, 2), np.float32), "joint_flags": flags}
    table = actors([[pose(24)]], sets={"poses2d": JointSet("coco_18", pixels)})
    with pytest.raises(PredictionError, match="joints2d"):
        scored(free, table, prediction_table(table, "smpl_24", [[pose(24)]]))


def test_pixels_are_projected_where_the_camera_is_known():
    smap = load_protocol("panoptic/smap")
    truth = pose(15)
    K = np.array([[[1000.0, 0, 960], [0, 1000.0, 540], [0, 0, 1]]])
    pixels = (truth[:, :2] / truth[:, 2:] * 1000 + (960, 540)).astype(np.float32)
    table = truth_table("panoptic", "panoptic_15", [[truth]], joints2d=pixels[None], frame_columns={"K": K})
    given = prediction_table(table, "panoptic_15", [[truth]])
    assert scored(smap, table, given).counts.matched == 1


def mpi(frames, **more):
    count = len(frames)
    joints = np.array([one[0] for one in frames], dtype=np.float32)
    flags = np.full((count, 17), 1, dtype=np.uint8)
    sets = {"universal": JointSet("mpi_17", {"joints3d": joints, "joint_flags": flags})}
    return truth_table("mpi_inf_3dhp", "mpi_17", frames, split="test", sets=sets, **more)


def test_a_missed_frame_costs_every_joint_and_a_hundred_metres():
    protocol = load_protocol("mpi_inf_3dhp/test")
    truth = pose(17)
    table = mpi([[truth], [truth]])
    numbers = values(scored(protocol, table, prediction_table(table, "mpi_17", [[truth]])), protocol)
    assert numbers["mpjpe"] == pytest.approx(50000.0, abs=1e-3)
    assert numbers["pck@150mm"] == 50.0
    assert numbers["auc@0-150mm"] == pytest.approx(100 * 30 / 31 / 2)


def test_a_metric_may_be_of_some_joints_only():
    protocol = load_protocol("mpi_inf_3dhp/test")
    truth = pose(17)
    table = mpi([[truth]])
    far = bent(truth, 340, "spine", MPI)
    numbers = values(scored(protocol, table, prediction_table(table, "mpi_17", [[far]])), protocol)
    # the spine is one of the 17 of mpjpe and none of the 14 of pck
    assert numbers["mpjpe"] == pytest.approx(20.0, abs=1e-4)
    assert numbers["pck@150mm"] == 100.0
    every = with_options(protocol, {"joint_set": "17"})
    numbers = values(scored(every, table, prediction_table(table, "mpi_17", [[far]])), every)
    assert numbers["pck@150mm"] == pytest.approx(100 * 16 / 17)


def test_a_given_error_stands_for_missed_people():
    protocol = changed(SPIN, matching={"missed_mm": 150.0})
    truth = pose(32)
    table = single([truth, truth])
    numbers = values(scored(protocol, table, prediction_table(table, "h36m_32", [[truth]])), protocol)
    assert numbers["mpjpe"] == pytest.approx(75.0, abs=1e-3)


@pytest.mark.parametrize("rule", ["greedy_2d", "mupots_2d"])
def test_shards_without_pixels_cannot_match_by_them(rule):
    by_pixels = changed(load_protocol("panoptic/generic"), matching={"rule": rule})
    table = truth_table("panoptic", "panoptic_19", [[pose(19)]])
    with pytest.raises(InputError, match="no joints2d"):
        scored(by_pixels, table, prediction_table(table, "panoptic_19", [[pose(19)]]))


@pytest.mark.parametrize(("matrix", "determinant"), [(np.diag([1.0, 1.0, 0.0]), "0"), (-np.eye(3), "-1")])
def test_rotations_that_are_none_are_refused_where_they_are_scored(matrix, determinant):
    """The second actor is not valid, so whatever stands in his place is not read."""
    people = [pose(24), pose(24, seed=1)]
    table = actors([people], campose_valid=np.array([1, 0], dtype=np.uint8))
    rotations = np.tile(np.eye(3), (2, 9, 1, 1))
    rotations[1, :] = matrix
    options = {"rotations": rotations, "rotation_set": "challenge_9"}
    fine = scored(CHALLENGE, table, prediction_table(table, "smpl_24", [people], **options))
    assert values(fine, CHALLENGE)["mpjae"] == pytest.approx(0.0, abs=1e-6)
    rotations[0, 4] = matrix
    with pytest.raises(PredictionError, match=rf"rotations\[4\] is no rotation \(determinant {determinant};"):
        scored(CHALLENGE, table, prediction_table(table, "smpl_24", [people], **options))
