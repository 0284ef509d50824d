from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhbench.errors import ManifestError, ShapeError, UsageError
from mhbench.skeletons import canonical, conversion, skeleton, skeleton_names

NAMES = skeleton_names()


@pytest.mark.parametrize("name", NAMES)
def test_parents_form_one_tree(name):
    one = skeleton(name)
    assert one.parents.count(-1) == 1
    for joint in range(len(one)):
        steps, at = 0, joint
        while at >= 0:
            at, steps = one.parents[at], steps + 1
            assert steps <= len(one), f"{name}: the parents of {one.joints[joint]} run in a circle"


@pytest.mark.parametrize("name", NAMES)
def test_pairs_are_all_left_and_right_joints(name):
    one = skeleton(name)
    paired = {joint for pair in one.pairs for joint in pair}
    sided = {row for row, joint in enumerate(one.joints) if joint.startswith(("left_", "right_"))}
    assert paired == sided
    for left, right in one.pairs:
        assert one.joints[left] == one.joints[right].replace("right_", "left_")
        assert one.points[left] == one.points[right].replace("right_", "left_")
        if -1 not in (one.parents[left], one.parents[right]):  # limb_12 hangs on one hip
            assert _mirrored(one, one.parents[left]) == one.parents[right]


def _mirrored(one, joint):
    swap = dict(one.pairs) | {right: left for left, right in one.pairs}
    return swap.get(joint, joint)


@pytest.mark.parametrize("name", NAMES)
def test_limbs_connect_every_joint(name):
    one = skeleton(name)
    reached = {0}
    for _ in range(len(one)):
        reached |= {end for limb in one.limbs for end in limb if reached & set(limb)}
    assert reached == set(range(len(one)))
    assert len(set(map(frozenset, one.limbs))) == len(one.limbs)


@pytest.mark.parametrize("name", NAMES)
def test_every_skeleton_says_what_it_is(name):
    one = skeleton(name)
    assert one.name == name
    assert one.about
    assert one.source
    assert one.root
    assert set(one.root) <= set(one.joints)
    digits = [word for word in name.split("_") if word.isdigit()]
    assert [int(word) for word in digits] == [len(one)]
    assert one.sigmas is None or len(one.sigmas) == len(one)


# --- order: the index maps that data sets and evaluators publish ---

LEGS_BY_SIDE = [0, 4, 5, 6, 1, 2, 3]
MAPS = {
    ("h36m_32", "h36m_17"): [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27],
    ("h36m_17", "h36m_17_regressor"): [*LEGS_BY_SIDE, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    ("h36m_17", "lsp_14_regressed"): [3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13, 8, 10],
    ("h36m_17", "h36m_14"): [1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 15, 16],
    ("h36m_17_regressor", "spin_17"): [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10, 0, 7, 9],
    ("h36m_17_regressor", "lsp_14_regressed"): [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10],
    ("spin_24", "lsp_14_regressed"): [*range(13), 18],
    ("spin_24", "lsp_14"): [*range(14)],
    ("spin_24", "h36m_17_regressor"): [14, 3, 4, 5, 2, 1, 0, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6],
    ("mpi_28", "mpi_17"): [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6],
    ("mpi_28", "mpi_21"): [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6, 17, 12, 27, 22],
    ("mpi_21", "mpi_17"): [*range(17)],
    ("mpi_17", "mpi_14"): [*range(14)],
    ("mpi_14", "loco_14"): [*range(14)],
    ("mpi_17", "mupots_14"): [14, 8, 9, 10, 11, 12, 13, 1, 5, 6, 7, 2, 3, 4],
    ("jta_22", "loco_14"): [0, 2, 4, 5, 6, 8, 9, 10, 16, 17, 18, 19, 20, 21],
    ("smpl_24", "limb_12"): [1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21],
    ("smpl_24", "challenge_9"): [0, 1, 2, 4, 5, 16, 17, 18, 19],
    ("panoptic_19", "panoptic_14"): [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
    ("panoptic_15", "panoptic_14_head_top"): [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
}


@pytest.mark.parametrize(("source", "target"), MAPS)
def test_published_index_maps_hold(source, target):
    found = conversion(source, target)
    assert found.indices.tolist() == MAPS[source, target]
    assert not found.approximate.any()


@pytest.mark.parametrize(
    ("source", "indices"),
    [
        ("mpi_28", [4, 23, 24, 25, 18, 19, 20, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16]),
        ("mpi_17", [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]),
        ("mpi_21", [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]),
    ],
)
def test_mpi_to_human36m_needs_stand_ins_for_the_head(source, indices):
    found = conversion(source, "h36m_17")
    assert found.indices.tolist() == indices
    joints = skeleton("h36m_17").joints
    assert [joints[row] for row in np.flatnonzero(found.approximate)] == ["nose", "head"]


PARENTS = {
    "smpl_24": [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21],
    "mpi_17": [1, 15, 1, 2, 3, 1, 5, 6, 14, 8, 9, 14, 11, 12, -1, 14, 1],
    "h36m_17": [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15],
    "h36m_32": [
        *[-1, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14, 12, 16, 17, 18, 19, 20, 19, 22],
        *[12, 24, 25, 26, 27, 28, 27, 30],
    ],
    "mpi_28": [
        *[2, 0, 3, 4, -1, 1, 5, 6, 5, 8, 9, 10, 11, 5, 13, 14, 15, 16, 4, 18, 19, 20, 21],
        *[4, 23, 24, 25, 26],
    ],
}


@pytest.mark.parametrize("name", PARENTS)
def test_published_parents_hold(name):
    assert list(skeleton(name).parents) == PARENTS[name]


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("h36m_17", {(1, 4), (2, 5), (3, 6), (11, 14), (12, 15), (13, 16)}),
        ("mpi_17", {(2, 5), (3, 6), (4, 7), (8, 11), (9, 12), (10, 13)}),
        ("mpi_21", {(2, 5), (3, 6), (4, 7), (8, 11), (9, 12), (10, 13), (17, 18), (19, 20)}),
        ("crowdpose_14", {(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11)}),
    ],
)
def test_published_flip_pairs_hold(name, pairs):
    assert {tuple(sorted(pair)) for pair in skeleton(name).pairs} == pairs


def test_orders_that_are_easily_confused():
    assert skeleton("h36m_17").joints[1] == "right_hip"
    assert skeleton("h36m_17_regressor").joints[1] == "left_hip"
    assert skeleton("panoptic_19").joints[1] == "nose"
    assert skeleton("panoptic_15").joints[1] == "head_top"
    assert skeleton("coco_18").joints[2] == "right_shoulder"
    assert skeleton("coco_17").joints[5] == "left_shoulder"
    assert skeleton("panoptic_19").joints[15:] == ("left_eye", "left_ear", "right_eye", "right_ear")
    assert skeleton("coco_17").sigmas[:6] == (0.026, 0.025, 0.025, 0.035, 0.035, 0.079)
    assert skeleton("crowdpose_14").sigmas[-2:] == (0.079, 0.079)


# --- meaning: the same word is not always the same point ---


def test_heads_are_never_taken_for_one_another_in_silence():
    heads = [
        ("h36m_17", "head"),
        ("mpi_17", "head"),
        ("smpl_24", "head"),
        ("crowdpose_14", "head"),
        ("jta_22", "head_center"),
    ]
    for source, joint in heads:
        for target, wanted in heads:
            if source != target:
                found = conversion(source, target)
                row = skeleton(target).index(wanted)
                exact = found.indices[row] == skeleton(source).index(joint) and not found.approximate[row]
                assert not exact, f"{source} {joint} -> {target} {wanted}"


def test_a_nose_never_stands_in_for_a_head_top():
    assert conversion("panoptic_19", "panoptic_15").indices[1] == -1
    assert conversion("panoptic_15", "panoptic_19").indices[1] == -1
    assert conversion("coco_17", "loco_14").indices[0] == -1


def test_stand_ins_are_flagged_and_exact_joints_win():
    found = conversion("smpl_24", "loco_14")
    assert found.indices[0] == skeleton("smpl_24").index("head")
    assert found.approximate.tolist() == [True] + [False] * 13
    assert conversion("panoptic_19", "h36m_17").approximate[0]  # body_center for the pelvis
    assert not conversion("jta_22", "mpi_17").approximate[0]  # its own head_top, not head_center


@pytest.mark.parametrize("name", NAMES)
def test_conversion_to_itself_changes_nothing(name):
    found = conversion(name, name)
    assert found.indices.tolist() == list(range(len(skeleton(name))))
    assert not found.approximate.any()


@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_exact_conversion_is_symmetric(source, target):
    there, back = conversion(source, target), conversion(target, source)
    for row, (index, loose) in enumerate(zip(there.indices, there.approximate, strict=True)):
        if index >= 0 and not loose:
            assert back.indices[index] == row
            assert not back.approximate[index]
    assert not there.approximate[there.indices < 0].any()


def test_apply_takes_rows_by_name_and_marks_the_missing():
    joints = np.arange(2 * 17 * 3, dtype=np.float32).reshape(2, 17, 3)
    there = conversion("h36m_17", "loco_14").apply(joints)
    assert there.dtype == np.float32
    np.testing.assert_array_equal(there[:, 0], joints[:, 10])
    np.testing.assert_array_equal(there[:, 8], joints[:, 1])
    eyes = conversion("h36m_17", "coco_17").apply(joints)
    assert np.isnan(eyes[:, 1:5]).all()
    assert conversion("h36m_17", "coco_17").apply(joints.astype(int)).dtype == np.float64
    with pytest.raises(ShapeError, match=r"17, d"):
        conversion("h36m_17", "loco_14").apply(np.zeros((2, 14, 3)))


# --- names ---


@pytest.mark.parametrize(
    ("spelling", "joint"),
    {
        "r_hip": "right_hip",
        "RightUpLeg": "right_hip",
        "R_Hip": "right_hip",
        "LElbow": "left_elbow",
        "MidHip": "body_center",
        "Head_top": "head_top",
        "left_wrist": "left_wrist",
    }.items(),
)
def test_spellings(spelling, joint):
    assert canonical(spelling) == joint


@pytest.mark.parametrize("name", ["RightFoot", "RightLeg", "RightShoulder", "RightHand", "tail", ""])
def test_spellings_of_several_meanings_are_refused(name):
    with pytest.raises(UsageError, match="pelvis, body_center"):
        canonical(name)


def test_index_accepts_spellings_and_lists_what_there_is():
    one = skeleton("h36m_17")
    assert one.index("r_hip") == 1
    assert one.indices(("left_hip", "head")) == (4, 10)
    with pytest.raises(UsageError, match="left_hip, left_knee"):
        one.index("left_eye")
    with pytest.raises(UsageError, match="no joint 'tail'"):
        one.index("tail")


def test_skeletons_are_cached_found_by_other_names_and_listed_when_unknown():
    assert skeleton("muco_21") is skeleton("mpi_21")
    assert skeleton("mpi_21").name == "mpi_21"
    assert "vocabulary" not in NAMES
    with pytest.raises(UsageError, match="bev_14, bodynet_16"):
        skeleton("h36m")


GOOD = (
    'name = "pair_2"\nabout = "a"\nsource = "s"\nroot = ["left_hip"]\n'
    'joints = ["left_hip", "right_hip"]\n[parents]\nright_hip = "left_hip"\n'
)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"right_hip"]', '"tail"]', "'tail' is not in the vocabulary"),
        ('"right_hip"]', '"left_hip"]', "two joints are the same"),
        ('root = ["left_hip"]', 'root = ["nose"]', "unknown joint 'nose'"),
        ('right_hip = "left_hip"', "", "2 joints have no parent"),
        ('"pair_2"', '"other_2"', "calls itself 'other_2'"),
        ("[parents]", "sigmas = [0.1]\n[parents]", "1 sigmas for 2 joints"),
        ("root", "route", "route"),
    ],
)
def test_a_wrong_file_is_named_with_its_fault(tmp_path, monkeypatch, old, new, fault):
    from mhbench import manifests

    vocabulary = manifests.manifest_path("skeletons/vocabulary").read_bytes()
    (tmp_path / "skeletons").mkdir()
    (tmp_path / "skeletons/vocabulary.toml").write_bytes(vocabulary)
    (tmp_path / "skeletons/pair_2.toml").write_text(GOOD.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(manifests, "manifest_root", lambda: tmp_path)
    with pytest.raises(ManifestError, match=fault) as caught:
        skeleton.__wrapped__("pair_2")
    assert "pair_2.toml" in str(caught.value)


# --- drawing: every skeleton on one standing body, seen from the front ---

# x to the person's left, y up, metres; left points only, the right ones are their mirror image.
REST = {
    "pelvis": (0, 0.95), "body_center": (0, 0.9), "h36m_spine_base": (0, 0.95), "spine1": (0, 1.06),
    "spine": (0, 1.1), "spine2": (0, 1.2), "torso": (0, 1.2), "spine3": (0, 1.3), "mpi_spine2": (0, 1.2),
    "mpi_spine3": (0, 1.3), "mpi_spine4": (0, 1.4), "jta_spine4": (0, 1.0), "jta_spine3": (0, 1.1),
    "jta_spine2": (0, 1.2), "jta_spine1": (0, 1.3), "jta_spine0": (0, 1.4), "thorax": (0, 1.42),
    "neck": (0, 1.48), "jaw": (0, 1.56), "nose": (0, 1.6), "smpl_head": (0, 1.58), "head": (0, 1.62),
    "head_center": (0, 1.63), "h36m_head": (0, 1.72), "head_top": (0, 1.76), "left_eye": (0.03, 1.64),
    "left_ear": (0.07, 1.62), "left_clavicle": (0.06, 1.43), "left_collar": (0.05, 1.4),
    "left_shoulder": (0.18, 1.42), "left_elbow": (0.35, 1.2), "left_wrist": (0.5, 1.0),
    "left_hand": (0.55, 0.93), "smpl_left_hand": (0.55, 0.94), "left_hand_end": (0.56, 0.92),
    "h36m_left_hand_site": (0.56, 0.92), "h36m_left_thumb_base": (0.5, 1.0), "left_thumb": (0.52, 0.92),
    "h36m_left_arm_base": (0, 1.48), "left_hip": (0.1, 0.9), "left_knee": (0.11, 0.5),
    "left_ankle": (0.12, 0.1), "left_foot": (0.14, 0.05), "smpl_left_foot": (0.14, 0.03),
    "left_toe": (0.16, 0.02), "left_toe_base": (0.14, 0.03), "left_toe_tip": (0.16, 0.01),
}  # fmt: skip


def rest_position(point):
    if point in REST:
        return REST[point]
    across, up = REST[point.replace("right_", "left_", 1)]
    return -across, up


@pytest.mark.parametrize("name", NAMES)
def test_drawn_on_a_body_left_is_left_and_limbs_are_bones(name):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    one = skeleton(name)
    body = np.array([rest_position(point) for point in one.points])
    figure = Figure(figsize=(2, 4), dpi=50)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-0.65, 0.65)
    axes.set_ylim(-0.1, 1.9)
    colours = {"left": "#0000ff", "right": "#ff0000", "middle": "#000000"}
    for start, end in one.limbs:
        length = np.hypot(*(body[start] - body[end]))
        assert length < 0.65, f"{name}: {one.joints[start]} to {one.joints[end]} is {length:.2f} m"
        sides = {joint.partition("_")[0] for joint in (one.joints[start], one.joints[end])}
        side = sides.pop() if len(sides) == 1 else "middle"
        axes.plot(*body[[start, end]].T, color=colours.get(side, "#000000"), antialiased=False)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3]
    columns = {
        side: np.flatnonzero(np.all(picture == colour, axis=-1).any(axis=0))
        for side, colour in (("left", (0, 0, 255)), ("right", (255, 0, 0)))
    }
    middle = picture.shape[1] / 2 - 0.5
    assert columns["left"].size
    line = 2  # a limb that starts on the middle line is drawn half across it
    assert columns["left"].min() > middle - line
    assert columns["right"].max() < middle + line
    # Drawn symmetrically: no limb joins a left joint to a right one's place.
    np.testing.assert_allclose(columns["left"].max() - middle, middle - columns["right"].min(), atol=1.5)
