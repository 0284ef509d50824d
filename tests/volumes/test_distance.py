"""Winding numbers, distances and CRMH's field: closed forms, libigl, golden numbers, what must hold."""

from __future__ import annotations

import numpy as np
import pytest
from closed_meshes import blob, box, rotation, sphere
from hypothesis import given, settings
from hypothesis import strategies as st

from mhbench.errors import ShapeError, UsageError
from mhbench.volumes import contains, distance_field, overlap_volume, signed_distance, winding_numbers
from mhbench.volumes.crossing import surfaces_cross
from mhbench.volumes.meshes import Mesh, find_caps
from mhbench.volumes.trees import grow


def cloud(random, vertices, count=60):
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    return random.uniform(low - 0.2, high + 0.2, (count, 3))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_winding_numbers_are_those_of_libigl(seed):
    igl = pytest.importorskip("igl")
    random = np.random.default_rng(seed)
    vertices, faces = blob(random)
    points = cloud(random, vertices)
    ours = winding_numbers(vertices, faces, points)
    np.testing.assert_allclose(ours, igl.winding_number(vertices, faces, points), rtol=0, atol=1e-9)
    assert np.array_equal(ours, np.rint(ours))
    # the same for a surface with random holes, where it is no whole number
    torn = faces[random.random(len(faces)) < 0.8]
    np.testing.assert_allclose(
        winding_numbers(vertices, torn, points), igl.winding_number(vertices, torn, points), rtol=0, atol=1e-9
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_distances_are_those_of_libigl(seed):
    igl = pytest.importorskip("igl")
    random = np.random.default_rng(seed)
    vertices, faces = blob(random)
    points = cloud(random, vertices)
    squared = igl.point_mesh_squared_distance(points, vertices, faces)[0]
    ours = signed_distance(vertices, faces, points)
    np.testing.assert_allclose(np.abs(ours), np.sqrt(squared), rtol=0, atol=1e-12)
    assert np.array_equal(ours < 0, contains(vertices, faces, points))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_distances_move_with_the_body(seed):
    random = np.random.default_rng(seed)
    vertices, faces = blob(random)
    points = cloud(random, vertices)
    turn, shift = rotation(random), random.normal(size=3) * 100
    np.testing.assert_allclose(
        signed_distance(vertices @ turn.T + shift, faces, points @ turn.T + shift),
        signed_distance(vertices, faces, points),
        rtol=0,
        atol=1e-11,
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_order_of_faces_and_points_does_not_matter(seed):
    random = np.random.default_rng(seed)
    vertices, faces = blob(random)
    points = cloud(random, vertices)
    faces_order, order = random.permutation(len(faces)), random.permutation(len(points))
    before = signed_distance(vertices, faces, points)
    assert np.array_equal(signed_distance(vertices, faces[faces_order], points[order]), before[order])


def test_distance_to_a_box_in_closed_form():
    vertices, faces = box([-1, -2, -3], [1, 2, 3])
    points = np.random.default_rng(0).uniform(-4, 4, (500, 3))
    beyond = np.abs(points) - [1, 2, 3]
    expected = np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)
    np.testing.assert_allclose(signed_distance(vertices, faces, points), expected, rtol=0, atol=1e-14)


def test_rays_through_corners_and_edges_count_once():
    vertices, faces = box([0, 0, 0], [1, 1, 1])
    steps = np.linspace(-0.5, 1.5, 9)
    points = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    on_surface = ((points == 0) | (points == 1)).any(axis=1) & ((points >= 0) & (points <= 1)).all(axis=1)
    inside = ((points > 0) & (points < 1)).all(axis=1)
    assert np.array_equal(contains(vertices, faces, points)[~on_surface], inside[~on_surface])


@pytest.mark.parametrize("seed", range(3))
def test_vertices_of_the_mesh_itself(seed):
    vertices, faces = blob(np.random.default_rng(seed))
    assert np.abs(signed_distance(vertices, faces, vertices)).max() < 1e-15
    ball, ball_faces = sphere(splits=3)
    assert contains(ball, ball_faces, ball * (1 - 1e-9)).all()
    assert not contains(ball, ball_faces, ball * (1 + 1e-9)).any()


def test_a_hemisphere_winds_halfway():
    vertices, faces = sphere(splits=4)
    open_faces = faces[vertices[faces][:, :, 2].min(axis=1) >= -1e-12]
    found = winding_numbers(vertices, open_faces, [[0, 0, 1e-9], [0, 0, 50], [0, 0, -1e-9], [0, 0, 0.9]])
    assert found[0] == pytest.approx(0.5, abs=1e-6)
    assert found[2] == pytest.approx(0.5, abs=1e-6)
    assert found[1] == pytest.approx(0, abs=1e-3)
    assert found[3] > 0.8
    # one border, one new vertex at its middle
    caps = find_caps(open_faces, len(vertices))
    assert len(caps.starts) == 2
    assert len(caps.faces) == len(caps.borders)


def test_borders_are_closed_one_by_one():
    vertices, faces = sphere(splits=3)
    band = faces[np.abs(vertices[faces][:, :, 0]).max(axis=1) < 0.8]
    caps = find_caps(band, len(vertices))
    assert len(caps.starts) == 3
    volume = overlap_volume(vertices, band, *box([-2, -2, -2], [2, 2, 2]))
    assert 3.0 < volume < overlap_volume(vertices, faces, *box([-2, -2, -2], [2, 2, 2])) < 4.19


def test_triangles_without_area():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 3, 0]], dtype=float)
    points = [[1.5, 1, 0], [-1, 0, 0], [0, 3, 4]]
    # a segment, and a point
    np.testing.assert_allclose(signed_distance(vertices, [[0, 1, 2]], points)[:2], [1, 1])
    assert signed_distance(vertices, [[3, 3, 3]], points)[2] == 4
    assert not contains(vertices, [[0, 1, 2]], points).any()
    assert winding_numbers(vertices, np.zeros((0, 3), dtype=int), points).tolist() == [0, 0, 0]


def test_surfaces_that_cross():
    vertices, faces = sphere(splits=3)
    still = grow(Mesh(vertices, faces))
    for shift, expected in ((0.5, True), (1.95, True), (2.05, False), (50, False)):
        assert surfaces_cross(still, grow(Mesh(vertices + [shift, 0, 0], faces))) == expected
    # one inside the other does not cross it
    assert not surfaces_cross(still, grow(Mesh(vertices * 0.5, faces)))


def test_field_of_crmh(golden):
    cases = np.load(golden / "metrics_multi/collision_cases.npz")
    for vertices, expected in zip(cases["phi16_vertices_normalised"], cases["phi16"], strict=True):
        # a body 1.2 times smaller than the cube is its own normalised form
        field, cube = distance_field(vertices, cases["faces"], 16)
        assert cube.side == pytest.approx(2, abs=1e-6)
        assert np.array_equal(field > 0, expected > 0)
        np.testing.assert_allclose(field, expected, rtol=0, atol=2e-7)


def test_field_of_a_sphere_in_closed_form():
    vertices, faces = sphere(0.7, centre=(3, -4, 5), splits=5)
    field, cube = distance_field(vertices, faces, 32)
    assert cube.side == pytest.approx(2 * 1.2 * 0.7)
    cell = -1 + (2 * np.arange(32) + 1) / 31
    z, y, x = np.meshgrid(cell, cell, cell, indexing="ij")
    expected = np.maximum(1 / 1.2 - np.sqrt(x * x + y * y + z * z), 0)
    np.testing.assert_allclose(field, expected, rtol=0, atol=2e-3)
    assert field.dtype == np.float32


def test_axes_of_the_field_are_z_y_x():
    field, _ = distance_field(*box([0, 0, 0], [1, 0.5, 0.25]), 32)
    assert [np.ptp(np.nonzero(field)[axis]) for axis in range(3)] == pytest.approx([5, 12, 25], abs=1)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_overlap_does_not_depend_on_who_is_first(seed):
    random = np.random.default_rng(seed)
    (first, faces), (second, _) = blob(random), blob(random)
    volume = overlap_volume(first, faces, second, faces, hits=2000)
    assert volume == pytest.approx(overlap_volume(second, faces, first, faces, hits=2000), rel=0.05, abs=1e-3)
    low, high = np.maximum(first.min(0), second.min(0)), np.minimum(first.max(0), second.max(0))
    if (low < high).all():
        points = random.uniform(low, high, (4000, 3))
        share = np.mean(contains(first, faces, points) & contains(second, faces, points))
        error = np.sqrt(share * (1 - share) / 4000) * np.prod(high - low)
        assert volume == pytest.approx(share * np.prod(high - low), abs=5 * error + 1e-4)
    else:
        assert volume == 0


def test_refusals():
    vertices, faces = box([0, 0, 0], [1, 1, 1])
    with pytest.raises(ShapeError, match="no faces"):
        signed_distance(vertices, faces[:0], vertices)
    with pytest.raises(ShapeError, match="points"):
        winding_numbers(vertices, faces, vertices[0])
    with pytest.raises(ShapeError, match="points are not finite"):
        contains(vertices, faces, [[0, 0, np.nan]])
    with pytest.raises(UsageError, match="voxels"):
        distance_field(vertices, faces, 1)
    with pytest.raises(ShapeError, match="no faces"):
        distance_field(vertices, faces[:0], 8)
