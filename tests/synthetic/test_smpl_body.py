from __future__ import annotations

import numpy as np
import pytest

from mhbench.skeletons import skeleton
from mhbench.synthetic import body
from mhbench.synthetic.smpl_body import SHAPES, pose, skin


@pytest.fixture(scope="module")
def figure():
    return body()


def directed_edges(triangles):
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def litres(vertices, triangles):
    a, b, c = np.moveaxis(vertices[triangles], 1, 0)
    return 1000.0 * float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6.0


def areas(vertices, triangles):
    a, b, c = np.moveaxis(vertices[triangles], 1, 0)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def test_mesh_has_the_counts_of_smpl(figure):
    assert figure.template.shape == (6890, 3)
    assert figure.triangles.shape == (13776, 3)
    assert np.array_equal(np.unique(figure.triangles), np.arange(6890))


def test_mesh_is_closed_oriented_and_one_piece_without_holes(figure):
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = {tuple(edge) for edge in directed_edges(figure.triangles)}
    assert len(edges) == 3 * len(figure.triangles)  # no directed edge twice
    assert edges == {(j, i) for i, j in edges}  # each with its opposite
    assert len(figure.template) - len(edges) // 2 + len(figure.triangles) == 2  # genus 0
    i, j = directed_edges(figure.triangles).T
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(6890, 6890))
    assert connected_components(graph, directed=False)[0] == 1


def test_mesh_is_an_adult_that_faces_outwards(figure):
    assert 60 < litres(figure.template, figure.triangles) < 80
    height = np.ptp(figure.template[:, 1])
    assert 1.65 < height < 1.8
    assert 1.6 < np.ptp(figure.template[:, 0]) < 1.8  # arm span
    assert areas(figure.template, figure.triangles).min() > 1e-8


def test_joints_are_smpls_in_order_and_regressed_exactly(figure):
    assert figure.joints == skeleton("smpl_24").points
    assert figure.parents == skeleton("smpl_24").parents
    assert figure.weights.shape == (6890, 24)
    np.testing.assert_allclose(figure.weights.sum(axis=1), 1.0, atol=1e-12)
    assert (figure.weights >= 0).all()
    assert ((figure.weights > 0).sum(axis=1) <= 4).all()
    np.testing.assert_allclose(figure.regressor.sum(axis=1), 1.0, atol=1e-12)
    places = dict(zip(figure.points, figure.regressor @ figure.template, strict=True))
    np.testing.assert_allclose(places["pelvis"], [0.0, -0.225, 0.015], atol=1e-12)
    np.testing.assert_allclose(places["left_wrist"] * [-1, 1, 1], places["right_wrist"], atol=1e-12)


def test_left_is_left_and_front_is_front(figure):
    places = dict(zip(figure.points, figure.regressor @ figure.template, strict=True))
    for name, place in places.items():
        if "left" in name:
            assert place[0] > 0.02, name
        if "right" in name:
            assert place[0] < -0.02, name
    assert places["nose"][2] > places["left_ear"][2] + 0.1
    assert places["left_toe_tip"][2] > places["left_ankle"][2] + 0.1
    assert places["head_top"][1] > places["smpl_head"][1] > places["neck"][1] > places["pelvis"][1]


def test_no_vertex_of_one_leg_is_moved_by_the_other(figure):
    low = figure.template[:, 1] < -0.5
    left = figure.template[:, 0] > 0
    for side, there in (("left", ~left & low), ("right", left & low)):
        own = [n for n, name in enumerate(figure.joints) if side in name]
        assert figure.weights[there][:, own].max() == 0.0


@pytest.mark.parametrize("shape", range(SHAPES))
@pytest.mark.parametrize("beta", [-2.5, 2.5])
def test_every_shape_is_a_person_still(figure, shape, beta):
    betas = np.zeros((1, SHAPES))
    betas[0, shape] = beta
    vertices, points = figure.shaped(betas)
    assert 45 < litres(vertices[0], figure.triangles) < 110
    assert 1.5 < np.ptp(vertices[0, :, 1]) < 2.0
    assert areas(vertices[0], figure.triangles).min() > 1e-8
    np.testing.assert_allclose(points[0], figure.regressor @ vertices[0], atol=1e-12)
    assert np.abs(vertices[0] - figure.template).max() > 0.01


def test_rest_pose_gives_the_rest_body(figure):
    betas = np.random.default_rng(3).normal(size=(2, SHAPES))
    vertices, points = figure.shaped(betas)
    rest = points[:, :24]
    turned, placed = pose(np.tile(np.eye(3), (2, 24, 1, 1)), rest[:, 0], figure.parents, rest)
    np.testing.assert_allclose(placed, rest, atol=1e-12)
    np.testing.assert_allclose(skin(turned, placed, rest, vertices, figure.weights), vertices, atol=1e-12)


def test_model_arrays_have_the_official_names_shapes_and_agree_with_smplx(figure):
    from scipy.spatial.transform import Rotation

    arrays = figure.model_arrays()
    shapes = {name: array.shape for name, array in arrays.items()}
    assert shapes == {
        "v_template": (6890, 3),
        "shapedirs": (6890, 3, 10),
        "posedirs": (6890, 3, 207),
        "J_regressor": (24, 6890),
        "weights": (6890, 24),
        "kintree_table": (2, 24),
        "f": (13776, 3),
    }
    lbs = pytest.importorskip("smplx.lbs")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    betas, angles = rng.normal(size=(2, 10)), 0.4 * rng.normal(size=(2, 24, 3))
    tensors = {name: torch.as_tensor(array.astype(np.float64)) for name, array in arrays.items()}
    parents = torch.as_tensor([-1, *arrays["kintree_table"][0, 1:].astype(int)])
    expected, joints = lbs.lbs(
        torch.as_tensor(betas),
        torch.as_tensor(angles.reshape(2, -1)),
        tensors["v_template"],
        tensors["shapedirs"],
        tensors["posedirs"].reshape(-1, 207).T,
        tensors["J_regressor"],
        parents,
        tensors["weights"],
    )
    vertices, points = figure.shaped(betas)
    rest = points[:, :24]
    rotations = Rotation.from_rotvec(angles.reshape(-1, 3)).as_matrix().reshape(2, 24, 3, 3)
    turned, placed = pose(rotations, rest[:, 0], figure.parents, rest)
    np.testing.assert_allclose(placed, joints.numpy(), atol=1e-6)
    np.testing.assert_allclose(
        skin(turned, placed, rest, vertices, figure.weights), expected.numpy(), atol=1e-6
    )
