"""The depth buffer itself: shared edges, ties, coordinates no image holds."""

from __future__ import annotations

import numpy as np
from closed_meshes import sphere
from hypothesis import given
from hypothesis import strategies as st

from mhbench.cameras import Camera
from mhbench.volumes import label_map
from mhbench.volumes.zbuffer import draw

SIZE = 32


def drawn(pixels, triangles, depths=None):
    labels = np.zeros((SIZE, SIZE), dtype=np.int16)
    depth = np.full((SIZE, SIZE), np.inf, dtype=np.float32)
    points = np.asarray(pixels, dtype=np.float64)
    given_depths = np.full(len(points), 2.0) if depths is None else np.asarray(depths, dtype=np.float64)
    draw(points, given_depths, np.asarray(triangles, dtype=np.int64), 1, labels, depth)
    return labels, depth


@given(
    middle=st.tuples(st.floats(3, 28), st.floats(3, 28)),
    turn=st.floats(0, 6.28),
    corners=st.integers(3, 40),
)
def test_a_fan_of_triangles_has_no_gaps_between_them(middle, turn, corners):
    angle = turn + 2 * np.pi * np.arange(corners) / corners
    rim = np.array([15.5, 15.5]) + 40 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    fan = [(corners, n, (n + 1) % corners) for n in range(corners)]
    labels, depth = drawn(np.vstack([rim, middle]), fan)
    if corners > 3:  # a triangle of that radius does not cover the corners of the image
        assert labels.all()
    assert (labels[12:20, 12:20] == 1).all()
    np.testing.assert_array_equal(depth[labels == 1], np.float32(2))


def test_vertices_no_image_holds():
    far = [[1e300, 4], [1e300, 9], [1e299, 20]]
    assert not drawn(far, [[0, 1, 2]])[0].any()
    assert not drawn(-np.array(far), [[0, 1, 2]])[0].any()
    assert not drawn([[np.nan, 0], [9, 0], [0, 9]], [[0, 1, 2]])[0].any()
    assert not drawn([[np.inf, 0], [9, 0], [0, 9]], [[0, 1, 2]])[0].any()
    assert not drawn([[0, 0], [9, 0], [0, 9]], [[0, 1, 2]], [2, np.nan, 2])[0].any()
    # a triangle that reaches far beyond the image covers it
    assert drawn([[-1e9, -1e9], [1e9, -1e9], [0, 1e9]], [[0, 1, 2]])[0].all()
    # triangles without an area
    assert not drawn([[0, 0], [5, 5], [9, 9]], [[0, 1, 2], [1, 1, 2]])[0].any()


def test_a_person_given_twice_is_one_label():
    vertices, faces = sphere(0.5, splits=3)
    camera = Camera(np.array([[90.0, 0, 40], [0, 90, 30], [0, 0, 1]]), width=80, height=60)
    twice = np.stack([vertices + [0.03, 0.01, 3.07]] * 2)
    assert set(np.unique(label_map(twice, faces, camera).labels)) == {0, 1}
