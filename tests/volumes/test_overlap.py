"""Shared volumes and the lattices and shafts they are found in: closed forms, and what may never be lost."""

from __future__ import annotations

import math

import numpy as np
import pytest
from closed_meshes import blob, box, rotation, sphere
from hypothesis import given, settings
from hypothesis import strategies as st

from mhbench.metrics import collisions
from mhbench.synthetic import scene
from mhbench.volumes import contains, overlap_volume
from mhbench.volumes.cells import common_cells, corners_in
from mhbench.volumes.meshes import Mesh
from mhbench.volumes.solids import Solid

SIZES = [1e-3, 0.1, 1.0, 7.0, 1e4]


@given(st.integers(0, 2**32 - 1), st.sampled_from(SIZES))
@settings(max_examples=20)
def test_cells_hold_everything_inside_whatever_the_sizes(seed, size):
    random = np.random.default_rng(seed)
    (first, faces), (second, _) = blob(random), blob(random)
    second = size * (second - second[0]) + first[random.integers(len(first))]
    points = random.uniform(
        np.maximum(first.min(0), second.min(0)), np.minimum(first.max(0), second.max(0)), (501, 3)
    )
    both = contains(first, faces, points) & contains(second, faces, points)
    cells = common_cells(Solid(Mesh(first, faces)).cells, Solid(Mesh(second, faces)).cells)
    assert np.isin(np.flatnonzero(both), corners_in(cells, points, np.arange(501).reshape(-1, 3))).all()


@pytest.mark.parametrize("depth", [1.0, 0.1, 0.01, 0.001])
def test_a_lens_of_any_depth_in_closed_form(depth):
    """Two spheres of 1 m, from half into each other to a hair."""
    vertices, faces = sphere(splits=6)
    turn = rotation(np.random.default_rng(3))
    vertices = vertices @ turn.T
    lens = math.pi * (6 - depth) * depth**2 / 12
    found = overlap_volume(vertices, faces, vertices + turn @ [2 - depth, 0, 0], faces)
    # each mesh lies inside its sphere by 1.2e-4 m at most: two caps of that much less
    assert found <= lens * 1.01
    assert found >= lens * 0.99 - math.pi * depth * 2 * 1.2e-4


@pytest.mark.parametrize("size", [(0.4, 0.3, 0.2), (1.7, 0.05, 0.05), (0.02, 0.02, 0.02)])
def test_boxes_along_the_axes_in_closed_form(size):
    """The worst for a grid of lines: every face along one of them."""
    vertices, faces = box([0, 0, 0], size)
    for share in ([0.6, 0.5, 0.7], [0.01, 0.99, 0.5]):
        shift = np.array(size) * share
        expected = np.prod(np.array(size) - shift)
        assert overlap_volume(vertices, faces, vertices + shift, faces) == pytest.approx(expected, rel=0.02)


def test_a_small_body_within_a_large_one_is_shared_whole():
    vertices, faces = sphere(splits=4)
    volume = overlap_volume(vertices, faces, 0.004 * vertices + [0.3, 0.2, 0.1], faces)
    assert volume == pytest.approx(4 / 3 * math.pi * 0.004**3, rel=0.02)


def test_two_trifles_far_from_each_other_are_both_found():
    """Where few lines hit anything, a closer look must not be at the first of two places only."""
    vertices, faces = sphere(splits=5)
    turn = rotation(np.random.default_rng(3))
    apart, two = np.array([0, 9, 0]), np.concatenate([faces, faces + len(vertices)])
    shifts = [np.array([2 - depth, 0, 0]) for depth in (1e-3, 6e-4)]
    first = np.concatenate([vertices, vertices + apart])
    second = np.concatenate([vertices + shifts[0], vertices + shifts[1] + apart])
    found = overlap_volume(first @ turn.T, two, second @ turn.T, two)
    one_by_one = [
        overlap_volume(vertices @ turn.T, faces, (vertices + shift) @ turn.T, faces, hits=5000)
        for shift in shifts
    ]
    assert min(one_by_one) > 0.1 * max(one_by_one)
    assert found == pytest.approx(sum(one_by_one), rel=0.03)


def test_people_of_a_crowd_share_what_dense_lines_say():
    crowd = scene(frames=1, people=8, motion="crowd", seed=4, absences=False)
    meshes, faces = crowd.vertices(0), crowd.body.triangles
    middle = meshes.mean(axis=1)
    near = meshes - 0.6 * (middle - middle.mean(axis=0))[:, None] * [1, 1, 0]
    found = collisions(near, faces)
    assert len(found.pairs) > 5
    for (i, j), litres in zip(found.pairs, found.overlaps, strict=True):
        dense = 1000 * overlap_volume(near[i], faces, near[j], faces, hits=20_000)
        assert litres == pytest.approx(dense, rel=0.02, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_engines_agree_on_the_people_of_a_crowd(seed):
    igl, trimesh = pytest.importorskip("igl"), pytest.importorskip("trimesh")
    pytest.importorskip("embreex")
    crowd = scene(frames=1, people=3, motion="sit", seed=seed, absences=False)
    meshes, faces = crowd.vertices(0), crowd.body.triangles
    meshes = meshes - 0.85 * meshes.mean(axis=1, keepdims=True) * [1, 1, 0]
    found = collisions(meshes, faces)
    assert found.colliding_vertices > 100
    inside = np.zeros(found.vertices.shape, dtype=bool)
    by_rays = np.zeros(found.vertices.shape, dtype=bool)
    for host in range(3):
        mesh = trimesh.Trimesh(meshes[host], faces, process=False)
        for guest in {0, 1, 2} - {host}:
            inside[guest] |= igl.fast_winding_number(meshes[host], faces, meshes[guest]) > 0.5
            by_rays[guest] |= mesh.contains(meshes[guest])
    assert np.array_equal(found.vertices, inside)
    # embree counts crossings in single precision: a vertex in ten thousand falls on the other side
    assert (found.vertices != by_rays).mean() < 1e-3
