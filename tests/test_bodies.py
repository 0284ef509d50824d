from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mhbench import bodies
from mhbench.bodies import axis_angles_of, body_model, gender_name, regress, rotations_of, turn_body
from mhbench.errors import InputError, MissingExtraError, ShapeError
from mhbench.scoring.bodies import bone_rotations

RNG = np.random.default_rng(7)


def arrays(joints=4, vertices=9, shapes=5):
    weights = RNG.random((vertices, joints))
    regressor = RNG.random((joints, vertices))
    return {
        "v_template": RNG.normal(size=(vertices, 3)),
        "shapedirs": 0.1 * RNG.normal(size=(vertices, 3, shapes)),
        "posedirs": 0.01 * RNG.normal(size=(vertices, 3, 9 * (joints - 1))),
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 0][:joints], range(joints)], dtype=np.uint32),
        "f": np.array([[0, 1, 2], [2, 1, 3]], dtype=np.uint32),
    }


@pytest.fixture(scope="module")
def model():
    return body_model(arrays(), "neutral", "a.pkl")


def skinned_by_hand(model, pose, betas, transl):
    """The formula of the SMPL paper, one body, with 4x4 matrices and no library."""
    local = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix()
    shaped = model.v_template + model.shapedirs[..., : len(betas)] @ betas
    rest = model.J_regressor @ shaped
    posed = shaped + model.posedirs @ (local[1:] - np.eye(3)).ravel()
    world = []
    for joint, parent in enumerate(model.parents):
        step = np.eye(4)
        step[:3, :3] = local[joint]
        step[:3, 3] = rest[joint] - (rest[parent] if parent >= 0 else 0)
        world.append(world[parent] @ step if parent >= 0 else step)
    result = np.zeros_like(posed)
    for vertex, row in zip(range(len(posed)), model.weights, strict=True):
        for joint, weight in enumerate(row):
            at_rest = np.eye(4)
            at_rest[:3, 3] = -rest[joint]
            moved = world[joint] @ at_rest @ np.append(posed[vertex], 1)
            result[vertex] += weight * moved[:3]
    return result + transl, np.array([matrix[:3, 3] for matrix in world]) + transl


def test_vertices_and_joints_follow_the_formula(model):
    pose = RNG.normal(size=(3, 12))
    betas, transl = RNG.normal(size=(3, 5)), RNG.normal(size=(3, 3))
    vertices, joints = model.vertices(pose, betas, transl), model.joints(pose, betas, transl)
    for row in range(3):
        expected = skinned_by_hand(model, pose[row], betas[row], transl[row])
        np.testing.assert_allclose(vertices[row], expected[0], atol=1e-12)
        np.testing.assert_allclose(joints[row], expected[1], atol=1e-12)


def test_joints_and_rotations_of_the_challenges_made_up_bodies(golden):
    with np.load(golden / "metrics_3d" / "challenge_pipeline.npz") as case:
        parts = {key.removeprefix("body_m/"): case[key] for key in case.files if key.startswith("body_m/")}
        pose = case["train/train_00/poses"][0].astype(np.float64)
        betas, trans = case["train/train_00/betas"][0], case["train/train_00/trans"][0]
    body = body_model(parts, "male", "body_m")
    joints = body.joints(pose, betas, trans)  # betas has 12 entries, the model takes 10
    for row in range(len(pose)):
        expected = skinned_by_hand(body, pose[row], betas[:10].astype(np.float64), trans[row])
        np.testing.assert_allclose(joints[row], expected[1], atol=1e-9)
    turned = bone_rotations(pose, [7, 4])  # only these and the bones above them are turned
    local = rotations_of(pose.reshape(-1, 24, 3))
    knee = local[:, 0] @ local[:, 1] @ local[:, 4]
    np.testing.assert_allclose(turned[:, 1], knee, atol=1e-12)
    np.testing.assert_allclose(turned[:, 0], knee @ local[:, 7], atol=1e-12)


def test_more_bodies_than_one_batch_and_none(model):
    count = 2 * bodies._BATCH + 3
    pose = RNG.normal(size=(count, 4, 3))
    vertices = model.vertices(pose, np.zeros(5))
    np.testing.assert_allclose(vertices[-1], model.vertices(pose[-1:], np.zeros(5))[0], atol=1e-13)
    assert model.vertices(np.zeros((0, 12)), np.zeros((0, 5))).shape == (0, 9, 3)
    assert model.joints(np.zeros((0, 12)), np.zeros((0, 5))).shape == (0, 4, 3)


def test_missing_betas_are_zero_and_too_many_are_cut(model):
    pose, betas = RNG.normal(size=(2, 12)), RNG.normal(size=(2, 3))
    long = np.concatenate([betas, np.zeros((2, 2)), np.full((2, 290), 9.0)], axis=1)
    np.testing.assert_array_equal(model.vertices(pose, betas), model.vertices(pose, long))


def test_the_root_lies_at_its_rest_position_plus_the_translation(model):
    betas = RNG.normal(size=(1, 5))
    joints = model.joints(RNG.normal(size=(1, 12)), betas, [[1, 2, 3]])
    np.testing.assert_allclose(joints[:, 0], model.rest_joints(betas)[:, 0] + [1, 2, 3], atol=1e-13)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_a_turned_body_is_the_moved_body(seed):
    rng = np.random.default_rng(seed)
    body = body_model(arrays(), "male", "a.pkl")
    pose, betas = rng.normal(size=(2, 12)), rng.normal(size=(2, 5))
    transl, t = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    R = Rotation.random(2, random_state=seed).as_matrix()
    turned = pose.copy()
    turned[:, :3], moved = turn_body(pose[:, :3], transl, body.rest_joints(betas)[:, 0], R, t)
    expected = np.einsum("nij,nvj->nvi", R, body.vertices(pose, betas, transl)) + t[:, None]
    np.testing.assert_allclose(body.vertices(turned, betas, moved), expected, atol=1e-9)


@given(st.lists(st.floats(-1.8, 1.8), min_size=3, max_size=3))
def test_axis_angles_and_matrices_are_inverse(angle):
    np.testing.assert_allclose(axis_angles_of(rotations_of(angle)), angle, atol=1e-9)


def test_no_rotation_at_all_is_exact():
    np.testing.assert_array_equal(rotations_of(np.zeros((2, 3))), np.broadcast_to(np.eye(3), (2, 3, 3)))
    assert rotations_of(np.zeros((0, 24, 3))).shape == (0, 24, 3, 3)


def test_regressed_joints_are_means_of_vertices():
    vertices = RNG.normal(size=(2, 3, 4, 3))
    rows = np.array([[0.5, 0.5, 0, 0], [0, 0, 0, 1.0]])
    joints = regress(vertices, rows)
    np.testing.assert_allclose(joints[..., 0, :], vertices[..., :2, :].mean(axis=-2))
    np.testing.assert_allclose(joints[..., 1, :], vertices[..., 3, :])
    with pytest.raises(ShapeError, match="regressor"):
        regress(vertices, np.ones((2, 5)))


@pytest.mark.parametrize(
    ("word", "gender"), [("m", "male"), ("F", "female"), (np.str_("neutral"), "neutral"), ("n", "neutral")]
)
def test_genders_have_one_name_each(word, gender):
    assert gender_name(word, "a.pkl") == gender


def test_an_unknown_gender_is_refused():
    with pytest.raises(InputError, match=r"a\.pkl: there is no body model for the gender 'x'"):
        gender_name("x", "a.pkl")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.ones((9, 5))}, r"weights has shape \(9, 5\)"),
        ({"shapedirs": np.zeros((9, 3))}, "shapedirs has shape"),
        ({"posedirs": np.zeros((9, 3, 28))}, "posedirs has shape"),
        ({"weights": np.full((9, 4), 0.5)}, "do not sum to one"),
        ({"v_template": np.full((9, 3), np.nan)}, "v_template holds NaN"),
        ({"kintree_table": np.array([[0, 2, 1, 0], [0, 1, 2, 3]])}, "no tree"),
        ({"kintree_table": np.zeros(4)}, "kintree_table has shape"),
        ({"f": np.array([[0, 1, 9]])}, "vertices that do not exist"),
    ],
)
def test_arrays_that_make_no_body_are_refused_by_name(change, message):
    with pytest.raises(InputError, match=rf"a\.pkl is no body model: .*{message}"):
        body_model(arrays() | change, "male", "a.pkl")


def test_shapes_that_do_not_fit_are_named(model):
    with pytest.raises(ShapeError, match="pose"):
        model.vertices(np.zeros((2, 13)), np.zeros(5))
    with pytest.raises(ShapeError, match="do not fit 2 poses"):
        model.joints(np.zeros((2, 12)), np.zeros((3, 5)))
    with pytest.raises(ShapeError):
        dataclasses.replace(model, parents=np.zeros(3, dtype=np.int64))


def test_without_smplx_the_extra_is_named(model, monkeypatch):
    bodies._skinning.cache_clear()
    monkeypatch.setitem(sys.modules, "smplx", None)
    with pytest.raises(MissingExtraError, match=r"'smplx' is not installed") as caught:
        model.joints(np.zeros((1, 12)), np.zeros(5))
    assert caught.value.action == "pip install 'mhbench[body]'"
    bodies._skinning.cache_clear()


def test_skinning_prints_nothing(model, capsys):
    bodies._skinning.cache_clear()
    model.vertices(np.zeros((1, 12)), np.zeros(5))
    assert capsys.readouterr() == ("", "")
