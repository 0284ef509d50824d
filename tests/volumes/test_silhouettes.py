"""Silhouettes and label maps: closed forms, who hides whom, people who are not there, views of a volume."""

from __future__ import annotations

import numpy as np
import pytest
from closed_meshes import box, sphere

from mhbench.cameras import Camera
from mhbench.errors import ShapeError, UsageError
from mhbench.synthetic import picture, scene
from mhbench.volumes import depth_maps, label_map, projections, romp_label_map

CAMERA = Camera(np.array([[100.0, 0, 50], [0, 100, 40], [0, 0, 1]]), width=101, height=81)


def two_spheres():
    vertices, faces = sphere(0.5, splits=4)
    return np.stack([vertices + [0, 0, 5], vertices + [0.6, 0, 3]]), faces


def test_silhouette_of_a_sphere():
    people, faces = two_spheres()
    own = np.isfinite(depth_maps(people[:1], faces, CAMERA)[0])
    y, x = np.mgrid[:81, :101]
    radius = np.hypot(x - 50, y - 40)
    # the outline is that of the cone that touches the sphere
    edge = 100 * 0.5 / np.sqrt(25 - 0.25)
    assert own[radius < edge - 0.2].all()
    assert not own[radius > edge].any()


def test_the_nearer_person_is_seen():
    people, faces = two_spheres()
    seen = label_map(people, faces, CAMERA)
    alone = depth_maps(people, faces, CAMERA)
    own = np.isfinite(alone)
    assert (own[0] & own[1]).any()
    assert np.array_equal(seen.visible(1), own[1])
    assert np.array_equal(seen.visible(0), own[0] & ~own[1])
    assert np.array_equal(seen.depth, alone.min(axis=0))
    assert np.array_equal(seen.labels == 0, ~own.any(axis=0))
    assert seen.depth[40, 50 + 20] == pytest.approx(2.5, abs=0.01)
    # the order in which people are given only names them
    turned = label_map(people[::-1], faces, CAMERA)
    assert np.array_equal(turned.labels == 1, seen.labels == 2)


def test_depth_on_a_slanted_plane():
    vertices = np.array([[-3.0, -3, 2], [3, -3, 8], [3, 3, 8], [-3, 3, 2]])
    depth = depth_maps(vertices[None], [[0, 1, 2], [0, 2, 3]], CAMERA)[0]
    y, x = np.nonzero(np.isfinite(depth))
    # the plane z = x + 5 met by the ray through each pixel
    np.testing.assert_allclose(depth[y, x], 5 / (1 - (x - 50) / 100), rtol=1e-5)


def test_people_who_are_not_there():
    people, faces = two_spheres()
    people[1, 3] = np.nan
    behind = people[:1] * [1, 1, -1]
    assert not label_map(behind, faces, CAMERA).labels.any()
    assert set(np.unique(label_map(people, faces, CAMERA).labels)) == {0, 1}
    assert depth_maps(people[:0], faces, CAMERA).shape == (0, 81, 101)


def test_label_map_is_that_of_a_synthetic_picture():
    crowd = scene(frames=1, people=3, motion="crowd", size=(160, 120), cameras=("0",), absences=False)
    camera = crowd.cameras["0"]
    shown = picture(crowd, 0, "0")
    seen = label_map(camera.to_camera(crowd.vertices(0)), crowd.body.triangles, camera)
    # the picture has furniture too, which hides feet
    people = shown.labels >= 0
    assert people.any()
    assert np.array_equal(shown.labels[people] + 1, seen.labels[people])


def test_views_of_a_volume():
    volume = np.zeros((4, 5, 6))
    volume[1, 2, 3] = 0.7
    volume[2, 2, 3] = 0.9
    front, side = projections(volume)
    assert front.shape == (5, 6)
    assert side.shape == (4, 5)
    assert front[2, 3] == 0.9
    assert (side[1, 2], side[2, 2]) == (0.7, 0.9)
    assert projections(np.zeros((2, 4, 5, 6)))[1].shape == (2, 4, 5)


def test_refusals():
    people, faces = two_spheres()
    with pytest.raises(UsageError, match="0 x 0 pixels"):
        label_map(people, faces, Camera(np.eye(3)))
    with pytest.raises(ShapeError, match="vertices"):
        label_map(people[0], faces, CAMERA)
    with pytest.raises(ShapeError, match="volume"):
        projections(np.zeros((4, 5)))
    vertices, box_faces = box([0, 0, 0], [1, 1, 1])
    with pytest.raises(ShapeError, match="faces name"):
        label_map(vertices[None, :4], box_faces, CAMERA)


def test_romp_order_lets_confidence_and_size_decide():
    vertices, faces = sphere(0.5, splits=3)
    # the small one stands in front, but looks smaller
    people = np.stack([vertices + [0, 0, 4], 0.2 * vertices + [0.3, 0, 3], vertices + [0.5, 0, 6]])
    own = np.isfinite(depth_maps(people, faces, CAMERA))
    area = own.sum(axis=(1, 2))
    assert area[0] > area[2] > area[1]

    by_size = romp_label_map(people, faces, CAMERA, [0.2, 0.9, 0.5])
    assert np.array_equal(by_size.visible(0), own[0])
    assert np.array_equal(by_size.visible(1), own[1] & ~own[0] & ~own[2])
    assert np.array_equal(by_size.labels == 0, ~own.any(axis=0))
    # the depth is that of who is drawn
    alone = depth_maps(people, faces, CAMERA)
    assert np.array_equal(by_size.depth[own[0]], alone[0][own[0]])

    # a margin that nobody exceeds leaves the order of confidence
    sure = romp_label_map(people, faces, CAMERA, [0.2, 0.9, 0.5], margin=1e6)
    assert np.array_equal(sure.visible(1), own[1])
    assert np.array_equal(sure.visible(2), own[2] & ~own[1])
    # one in between: the first two are too alike to swap, the third is larger than the smallest by enough
    between = float(area[0] - area[2]) + 1
    mixed = romp_label_map(people, faces, CAMERA, [0.2, 0.1, 0.9], margin=between)
    assert np.array_equal(mixed.visible(2), own[2])
    assert np.array_equal(mixed.visible(0), own[0] & ~own[2])


def test_romp_order_of_nobody_and_of_unknown_confidence():
    people, faces = two_spheres()
    assert not romp_label_map(people[:0], faces, CAMERA, []).labels.any()
    people[0] = people[1]  # the same silhouette: only confidence is left, and NaN is none
    assert set(np.unique(romp_label_map(people, faces, CAMERA, [np.nan, 0.1]).labels)) == {0, 2}
    assert set(np.unique(romp_label_map(people, faces, CAMERA, [0.1, 0.1]).labels)) == {0, 1}
    people[0, 0] = np.nan
    assert set(np.unique(romp_label_map(people, faces, CAMERA, [0.9, 0.1]).labels)) == {0, 2}
    with pytest.raises(ShapeError, match="scores"):
        romp_label_map(people, faces, CAMERA, [0.5])
    with pytest.raises(UsageError, match="margin"):
        romp_label_map(people, faces, CAMERA, [0.5, 0.4], margin=-1)
