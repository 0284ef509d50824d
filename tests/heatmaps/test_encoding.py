from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mhbench.errors import ShapeError, UsageError
from mhbench.heatmaps import Grid, centres, locate, outside_depth, select_joints


def jta(joints=("a",), **changes):
    values = {"depth_min": 0, "depth_max": 100, "height": 1080, "width": 1920, "pixel_rounding": "truncate"}
    return Grid(joints, **(values | changes))


def one(grid, u, v, point):
    return centres(grid, np.array([[[u, v]]], dtype=float), np.array([[point]], dtype=float)).tolist()


def test_the_worked_example():
    assert one(jta(), 1000, 300, (0.690846, -4.145078, 20)) == [[0, 64, 38, 125]]


@pytest.mark.parametrize(("pixel", "column"), [(4, 0), (12, 2), (20, 2), (28, 4), (5, 1), (3, 0)])
def test_ties_go_to_the_even_index(pixel, column):
    assert one(jta(), pixel, pixel, (0, 0, 10)) == [[0, 32, column, column]]  # 10 m * 3.15 = 31.5


def test_pixels_are_truncated_only_where_the_grid_says_so():
    assert one(jta(), 11.9, 4.6, (0, 0, 0))[0][2:] == [0, 1]  # 11 and 4
    assert one(jta(pixel_rounding="none"), 12.1, 4.6, (0, 0, 0))[0][2:] == [1, 2]


@pytest.mark.parametrize(
    ("pixel", "drawn_truncated", "drawn_as_is"),
    [
        ((0, 0), True, True),
        ((1920, 1080), True, True),
        ((1920.9, 1080.9), True, False),
        ((-0.5, 0), True, False),
        ((-1, 0), False, False),
        ((1921, 0), False, False),
        ((0, 1081), False, False),
        ((np.nan, 5), False, False),
    ],
)
def test_both_ends_of_the_image_are_drawn(pixel, drawn_truncated, drawn_as_is):
    assert len(one(jta(), *pixel, (0, 0, 10))) == drawn_truncated
    assert len(one(jta(pixel_rounding="none"), *pixel, (0, 0, 10))) == drawn_as_is


def test_depth_is_the_distance_or_the_z_coordinate():
    assert one(jta(), 8, 8, (3, 4, 12))[0][1] == round(13 * 3.15)
    assert one(jta(depth_axis="z"), 8, 8, (3, 4, 12))[0][1] == round(12 * 3.15)
    human36m = Grid(("a",), depth_min=1.8, depth_max=8.1, height=1000, width=1000)
    assert one(human36m, 8, 8, (0, 0, 1.8)) == [[0, 0, 1, 1]]
    assert one(human36m, 8, 8, (0, 0, 8.1)) == [[0, 315, 1, 1]]


def test_centres_outside_the_depths_stay_listed_as_long_as_int16_holds_them():
    human36m = Grid(("a",), depth_min=1.8, depth_max=8.1, height=1000, width=1000)
    depths = [0.5, 1.8, 8.1, 8.2, 600.0, 700.0, np.inf, np.nan]
    joints3d = np.array([[[0, 0, depth]] for depth in depths])
    located = locate(human36m, np.full((8, 1, 2), 8.0), joints3d)
    assert located.centres[:, 1].tolist() == [-65, 0, 315, 320, 29910]
    assert located.person.tolist() == [0, 1, 2, 3, 4]
    assert located.in_grid.tolist() == [False, True, True, False, False]
    assert outside_depth(human36m, located.centres).tolist() == [True, False, False, True, True]


def test_each_centre_knows_its_person_and_joint():
    grid = jta(("a", "b", "c"))
    joints2d = np.full((2, 3, 2), 100.0)
    joints2d[0, 1] = np.nan
    joints3d = np.ones((2, 3, 3))
    joints3d[1, 0] = np.nan
    located = locate(grid, joints2d, joints3d)
    assert list(zip(located.person, located.joint, strict=True)) == [(0, 0), (0, 2), (1, 1), (1, 2)]
    assert np.array_equal(located.centres[:, 0], located.joint)
    assert located.centres.dtype == np.int16


def test_the_last_half_stride_of_the_image_lies_outside_the_grid():
    grid = jta()
    pixels = np.array([[[1915.0, 500]], [[1916, 500]], [[500, 1076]], [[500, 1077]]])
    inside = locate(grid, pixels, np.ones((4, 1, 3))).in_grid
    assert inside.tolist() == [True, False, True, False]
    assert locate(grid.padded(8), pixels, np.ones((4, 1, 3))).in_grid.tolist() == [True, False, True, True]


def test_people_in_one_voxel_keep_a_centre_each():
    assert len(centres(jta(), np.full((2, 1, 2), 80.0), np.ones((2, 1, 3)))) == 2


def test_a_frame_without_people_has_no_centres():
    assert centres(jta(), np.zeros((0, 1, 2)), np.zeros((0, 1, 3))).shape == (0, 4)


@given(
    hnp.arrays(np.float64, (4, 3, 2), elements=st.floats(-100, 2100)),
    hnp.arrays(np.float64, (4, 3, 3), elements=st.floats(-60, 60)),
)
def test_agrees_with_the_scalar_definition(joints2d, joints3d):
    grid = jta(("a", "b", "c"))
    expected = []
    for person in range(4):
        for joint in range(3):
            u, v = (int(value) for value in joints2d[person, joint])
            x, y, z = joints3d[person, joint]
            if 0 <= u <= 1920 and 0 <= v <= 1080:
                distance = (x * x + y * y + z * z) ** 0.5
                expected.append([joint, round(distance * 315 / 100), round(v / 8), round(u / 8)])
    assert centres(grid, joints2d, joints3d).tolist() == expected


def test_joints_are_selected_by_name_and_renumbered():
    grid = jta(("a", "b", "c"))
    some = np.array([[0, 1, 1, 1], [2, 2, 2, 2], [1, 3, 3, 3]], dtype=np.int16)
    chosen, rows = select_joints(grid, some, ["c", "a"])
    assert chosen.joints == ("c", "a")
    assert rows.tolist() == [[1, 1, 1, 1], [0, 2, 2, 2]]
    assert rows.dtype == np.int16
    with pytest.raises(UsageError, match="nose"):
        select_joints(grid, some, ["nose"])


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="joints2d"):
        centres(jta(), np.zeros((1, 2, 2)), np.zeros((1, 2, 3)))
    with pytest.raises(ShapeError, match="joints3d"):
        centres(jta(), np.zeros((2, 1, 2)), np.zeros((1, 1, 3)))
