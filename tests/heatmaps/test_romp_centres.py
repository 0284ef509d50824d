from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhbench.heatmaps.romp_centres import body_centres, centre_map, parse_centres, push_apart

TORSO = (0, 1)


def test_the_torso_decides_where_it_is_visible():
    keypoints = np.array([[[0.0, 0], [0.2, 0], [0.4, 0.8]]] * 3)
    visible = np.array([[True, True, True], [False, False, True], [False, False, False]])
    found = body_centres(keypoints, visible, TORSO)
    assert found.centres == pytest.approx(np.array([[0.1, 0], [0.4, 0.8]]))
    assert found.person.tolist() == [0, 1]
    # half the diagonal of 0.4 x 0.8 is 0.447; times 4, plus 2
    assert found.radii.tolist() == [3, 2]


def test_the_largest_radius_is_seven():
    keypoints = np.array([[[-1.0, -1], [1, 1], [0, 0]]])
    assert body_centres(keypoints, np.ones((1, 3), dtype=bool), TORSO).radii.tolist() == [7]


def test_a_gaussian_by_hand():
    heat = centre_map(np.array([[0.0, -0.5], [1.0, 0]]), np.array([3, 3]))
    assert heat.shape == (64, 64)
    assert heat[16, 32] == 1
    assert heat[16, 34] == pytest.approx(np.exp(-4 / (2 * (7 / 6) ** 2)))
    assert np.count_nonzero(heat) == 49  # the other one lies beyond the last cell


def test_people_who_hide_each_other_move_apart():
    centres = np.array([[0.0, 0], [0.1, 0], [0.9, 0.9]])
    moved = push_apart(centres, np.array([3, 3, 3]))
    wanted = 7 / 32
    step = (wanted - 0.1) / 2 * 0.2
    # the first is hidden by the second; the second is not hidden by one that is hidden itself
    assert moved == pytest.approx(np.array([[-step, 0], [0.1 + step, 0], [0.9, 0.9]]))
    assert np.array_equal(
        push_apart(centres * 3, np.array([2, 2, 2])),
        np.clip(centres * 3, -1, 1) * [1, 1] - [[0, 0], [0, 0], [0.04, 0.04]],
    )


def test_equal_centres_and_edges():
    assert push_apart(np.zeros((2, 2)), np.array([3, 3])).tolist() == [[0, 0], [0, 0]]
    assert push_apart(np.array([[-1.0, 1.0]]), np.array([3])).tolist() == [[-0.96, 0.96]]
    assert push_apart(np.zeros((0, 2)), np.zeros(0, dtype=int)).shape == (0, 2)


def test_parsing_keeps_the_best_above_the_threshold():
    heat = np.zeros((64, 64))
    heat[10, 10], heat[10, 12], heat[30, 30], heat[50, 50] = 0.9, 0.8, 0.2, 0.21
    cells, values = parse_centres(heat)
    assert cells.tolist() == [[10, 10], [50, 50]]
    assert values.tolist() == [0.9, 0.21]
    assert len(parse_centres(heat, most=1)[0]) == 1
    assert len(parse_centres(heat, threshold=0.25)[0]) == 1


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20, unique=True))
def test_centres_five_cells_apart_are_all_found(places):
    centres = np.array(places) * 6 / 32 - 1 + 1 / 64
    cells, values = parse_centres(centre_map(centres, np.full(len(centres), 2)))
    assert sorted(map(tuple, (cells[:, ::-1] // 6).tolist())) == sorted(places)
    assert (values == 1).all()
