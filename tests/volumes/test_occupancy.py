"""Voxels: closed forms, the winding rule, binvox's rule, holes, parts, bits, and the published volumes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.io
import scipy.ndimage
from closed_meshes import blob, box, rotation, sphere
from hypothesis import given, settings
from hypothesis import strategies as st

from mhbench.errors import ShapeError, UsageError
from mhbench.synthetic import body
from mhbench.volumes import (
    SEGMENT_PARTS,
    contains,
    fill_holes,
    pack,
    part_labels,
    unpack,
    voxelize,
    winding_numbers,
)
from mhbench.volumes.meshes import Mesh
from mhbench.volumes.occupancy import Box, touched


def joined(*meshes):
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    faces = [faces + start for (_, faces), start in zip(meshes, starts, strict=False)]
    return np.concatenate([vertices for vertices, _ in meshes]), np.concatenate(faces)


def test_a_box_fills_its_cells():
    vertices, faces = box([1, 2, 3], [2, 2.5, 3.25])
    volume, cube = voxelize(vertices, faces, 8)
    assert cube.corner.tolist() == [1, 2, 3]
    assert cube.side == 1
    expected = np.zeros((8, 8, 8), dtype=bool)
    expected[:, :4, :2] = True
    assert np.array_equal(volume, expected)


def test_volume_of_a_sphere():
    vertices, faces = sphere(0.5, splits=5)
    volume, cube = voxelize(vertices, faces, 64)
    assert volume.sum() * (cube.side / 64) ** 3 == pytest.approx(math.pi / 6, rel=0.005)
    assert np.array_equal(volume, volume[::-1])
    assert np.array_equal(volume, volume.transpose(2, 0, 1))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_voxels_are_the_cells_whose_centre_is_inside(seed):
    vertices, faces = blob(np.random.default_rng(seed))
    volume, cube = voxelize(vertices, faces, 12)
    centres = cube.centres(12).reshape(-1, 3)
    assert np.array_equal(volume.ravel(), contains(vertices, faces, centres))
    turned, _ = voxelize(vertices, faces[:, ::-1], 12)
    assert np.array_equal(volume, turned)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_conservative_voxels_hold_every_point_of_the_surface_and_the_inside(seed):
    random = np.random.default_rng(seed)
    vertices, faces = blob(random)
    volume, cube = voxelize(vertices, faces, 16, conservative=True)
    centred, _ = voxelize(vertices, faces, 16)
    assert not (centred & ~volume).any()
    weights = random.dirichlet((1, 1, 1), size=(len(faces), 4))
    surface = np.einsum("fsk,fkc->fsc", weights, vertices[faces]).reshape(-1, 3)
    points = np.concatenate([vertices, surface])
    cells = np.clip(np.floor((points - cube.corner) / cube.side * 16), 0, 15).astype(int)
    assert volume[tuple(cells.T)].all()
    # and nothing that is further away than two diagonals of a cell from one whose centre is inside
    distance = scipy.ndimage.distance_transform_edt(~centred)
    assert distance[volume].max() <= 2 * math.sqrt(3)


def clipped(triangle, low, high):
    """The corners of what is left of a triangle in a box (Sutherland and Hodgman)."""
    polygon = list(triangle)
    for axis, sign, limit in [
        (axis, sign, limit) for axis in range(3) for sign, limit in ((1, low), (-1, high))
    ]:
        kept = []
        for here, after in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            a, b = (sign * (point[axis] - limit[axis]) for point in (here, after))
            if a >= 0:
                kept.append(here)
            if (a >= 0) != (b >= 0):
                kept.append(here + a / (a - b) * (after - here))
        polygon = kept
    return polygon


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.5, 2.0]))
@settings(max_examples=10)
def test_cells_are_touched_where_a_clipped_triangle_is_left_and_nowhere_else(seed, size):
    random = np.random.default_rng(seed)
    vertices = random.uniform(-0.2, 1.2, (1, 3)) + size * random.normal(size=(3, 3))
    found = touched(Mesh(vertices, np.array([[0, 1, 2]])), Box(np.zeros(3), 1.0), 5)
    for cell in np.ndindex(5, 5, 5):
        low = np.array(cell) / 5
        assert found[cell] == bool(clipped(vertices, low, low + 1 / 5)), cell


def test_overlaps_of_a_body_with_itself_stay_inside():
    vertices, faces = joined(box([0, 0, 0], [1, 1, 1]), box([0.5, 0, 0], [2, 1, 1]))
    volume, _ = voxelize(vertices, faces, 16)
    assert volume[:, :8, :8].all()
    assert winding_numbers(vertices, faces, [[0.75, 0.5, 0.5]]) == 2


def test_an_open_mesh_is_closed_first():
    vertices, faces = box([0, 0, 0], [1, 1, 1])
    volume, _ = voxelize(vertices, faces[2:], 8)
    assert volume.sum() == pytest.approx(8**3, rel=0.01)


@given(st.integers(0, 2**32 - 1), st.floats(0.4, 0.9))
@settings(max_examples=10)
def test_holes_are_filled_as_scipy_fills_them(seed, density):
    volume = np.random.default_rng(seed).random((9, 11, 7)) < density
    assert np.array_equal(fill_holes(volume), scipy.ndimage.binary_fill_holes(volume))


def test_empty_and_full_volumes_stay():
    assert not fill_holes(np.zeros((3, 4, 5), dtype=bool)).any()
    assert fill_holes(np.ones((3, 4, 5), dtype=bool)).all()


def test_published_volumes_are_full_under_our_fill(samples):
    file = scipy.io.loadmat(samples / "surreal/03_01_c0008_voxelsfill.mat")
    for frame in (1, 2, 50, 100):
        volume = file[f"voxelsfill_{frame}"]
        # tight, upright, and as long as the resolution along the longest side
        assert volume.shape[1] == 128 == max(volume.shape)
        for axis in range(3):
            sides = np.moveaxis(volume, axis, 0)
            assert sides[0].any()
            assert sides[-1].any()
        assert np.array_equal(fill_holes(volume), volume != 0)
        # and one connected body
        assert scipy.ndimage.label(volume)[1] == 1


def body_parts():
    """Parts of the synthetic body: by the bone that moves a vertex most, with shared rings."""
    figure = body()
    label = np.array(SEGMENT_PARTS)[np.argmax(figure.weights, axis=1)]
    belongs = label[:, None] == np.arange(1, 7)
    touching = belongs.copy()
    for corner in range(3):
        for other in range(3):
            np.logical_or.at(touching, figure.triangles[:, corner], belongs[figure.triangles[:, other]])
    return figure, label, touching


def test_parts_of_a_body():
    figure, label, rings = body_parts()
    labels, cube = part_labels(figure.template, figure.triangles, rings, 48)
    whole, same = voxelize(figure.template, figure.triangles, 48, conservative=True)
    assert same == (pytest.approx(cube.corner), cube.side)
    assert set(np.unique(labels)) == set(range(7))
    assert np.mean((labels > 0) == whole) > 0.998
    cells = np.clip(np.floor((figure.template - cube.corner) / cube.side * 48), 0, 47).astype(int)
    assert np.mean(labels[tuple(cells.T)] == label) > 0.9
    # the person's left is at positive x
    assert np.argwhere(labels == 4)[:, 0].min() > np.argwhere(labels == 3)[:, 0].max()
    # labels by vertex leave one row of triangles to no part
    by_label, _ = part_labels(figure.template, figure.triangles, label, 48)
    assert 0.8 < (by_label > 0).sum() / (labels > 0).sum() < 1


def test_the_torso_wins_where_parts_overlap():
    vertices, faces = joined(box([0, 0, 0], [1, 1, 1]), box([0.5, 0, 0], [2, 1, 1]))
    parts = np.repeat([2, 3], 8)
    labels, _ = part_labels(vertices, faces, parts, 16, conservative=False)
    assert (labels[:8, :8, :8] == 2).all()
    assert (labels[8:, :8, :8] == 3).all()


@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(0, 4), st.integers(1, 5), st.integers(1, 70)))
@settings(max_examples=20)
def test_bits_round_trip(seed, shape):
    volumes = np.random.default_rng(seed).random(shape) < 0.5
    bits = pack(volumes)
    assert bits.shape[1] % 8 == 0
    assert np.array_equal(unpack(bits, shape[1:]), volumes)
    voxels = math.prod(shape[1:])
    assert np.array_equal(bits[:, : -(-voxels // 8)], np.packbits(volumes.reshape(-1, voxels), axis=1))
    assert not bits[:, -(-voxels // 8) :].any()


def test_bits_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match="bits"):
        unpack(pack(np.ones((2, 8, 8), dtype=bool)), (9, 9))


def test_a_body_of_smpl_size_moves_with_its_box():
    figure = body()
    turned = figure.template @ rotation(np.random.default_rng(3)).T + [5, -3, 80]
    here, cube = voxelize(figure.template, figure.triangles, 64)
    there, moved = voxelize(turned, figure.triangles, 64)
    assert there.sum() * moved.side**3 == pytest.approx(here.sum() * cube.side**3, rel=0.02)


def test_refusals():
    vertices, faces = box([0, 0, 0], [1, 1, 1])
    with pytest.raises(UsageError, match="voxels"):
        voxelize(vertices * 0, faces, 8)
    with pytest.raises(UsageError, match="voxels"):
        voxelize(vertices, faces, 0)
    with pytest.raises(UsageError, match="voxels"):
        voxelize(vertices[:0], faces[:0], 8)
    with pytest.raises(ShapeError, match="not finite"):
        voxelize(np.where(vertices == 1, np.nan, vertices), faces, 8)
    with pytest.raises(ShapeError, match="faces are float64"):
        voxelize(vertices, faces.astype(float), 8)
    with pytest.raises(ShapeError, match="share an edge"):
        voxelize(vertices[faces].reshape(-1, 3), np.arange(36).reshape(-1, 3), 8)
    with pytest.raises(UsageError, match="labelled"):
        part_labels(vertices, faces, np.zeros(8, dtype=int), 8)


def test_faces_without_area_and_bare_vertices_do_not_matter():
    vertices, faces = sphere(splits=2)
    more = np.concatenate([faces, [[0, 0, 1], [2, 2, 2], [0, 5, 0]]])
    extended = np.concatenate([vertices, [[0.1, 0.2, 0.3]]])
    assert np.array_equal(voxelize(vertices, faces, 16)[0], voxelize(extended, more, 16)[0])
    assert np.array_equal(
        voxelize(vertices, faces, 16, conservative=True)[0],
        voxelize(extended, more, 16, conservative=True)[0],
    )
