from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mhbench.errors import ShapeError
from mhbench.heatmaps import Grid, centres, render
from mhbench.heatmaps.flat_maps import best_cells, bilinear, draw_flat, joint_maps, local_maxima


@given(st.lists(st.tuples(st.floats(0, 127), st.floats(0, 95)), max_size=5), st.sampled_from([1.0, 2.0]))
@settings(max_examples=25)
def test_the_defaults_are_the_projection_of_the_volume(pixels, sigma):
    grid = Grid(("a",), depth_min=0, depth_max=20, depth_bins=21, height=96, width=128, sigma=sigma)
    joints2d = np.array(pixels).reshape(-1, 1, 2)
    joints3d = np.concatenate(
        [np.zeros((len(joints2d), 1, 2)), np.full((len(joints2d), 1, 1), 10.0)], axis=-1
    )
    volume = render(grid, centres(grid, joints2d, joints3d))
    flat = joint_maps(joints2d, height=96, width=128, sigma=sigma)
    assert np.allclose(flat, volume.max(axis=1), atol=1e-7)


def test_by_hand():
    # one person at cell (2.25, 1), sigma 1: halved or not, rounded or not
    joints2d = np.array([[[9.0, 4.0]]])
    size = {"height": 12, "width": 20, "stride": 4, "sigma": 1.0}
    assert joint_maps(joints2d, **size)[0, 1, :4] == pytest.approx(np.exp([-4.0, -1, 0, -1]))
    exact = joint_maps(joints2d, **size, rounding="none", halved=True)
    assert exact[0, 1, 2] == pytest.approx(np.exp(-(0.25**2) / 2))
    assert joint_maps(joints2d + 3, **size, rounding="truncate")[0, 1, 3] == 1
    assert not joint_maps(np.array([[[np.nan, 4.0]], [[21.0, 4.0]]]), **size).any()


def test_each_point_has_its_width_and_window():
    maps = draw_flat(
        (2, 5, 5),
        np.array([0, 1]),
        np.array([[2.0, 2], [4, 4]]),
        sigma=np.array([1.0, 2]),
        halved=True,
        first=np.array([[1, 1], [-9, 3]]),
        last=np.array([[3, 2], [9, 9]]),
    )
    assert np.count_nonzero(maps[0]) == 6
    assert np.count_nonzero(maps[1]) == 10
    assert maps[1, 4, 2] == pytest.approx(np.exp(-4 / 8))


def test_channels_are_checked():
    window = np.zeros((1, 2), dtype=int)
    with pytest.raises(ShapeError, match="no valid channel"):
        draw_flat((1, 5, 5), np.array([1]), np.zeros((1, 2)), sigma=1, halved=True, first=window, last=window)


@given(
    hnp.arrays(np.float64, (2, 7, 6), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    st.sampled_from([3, 5]),
)
@settings(max_examples=25)
def test_maxima_are_those_of_the_window(maps, side):
    found, strict = local_maxima(maps, side), local_maxima(maps, side, strict=True)
    for channel, row, column in np.ndindex(maps.shape):
        low = np.maximum(np.array([row, column]) - side // 2, 0)
        window = maps[channel, low[0] : row + side // 2 + 1, low[1] : column + side // 2 + 1]
        largest = maps[channel, row, column] == window.max()
        assert found[channel, row, column] == largest
        assert strict[channel, row, column] == (largest and np.count_nonzero(window == window.max()) == 1)


def test_nan_is_no_maximum_and_has_none_beside_it():
    maps = np.array([[0.0, 1, np.nan, 1, 0, 1]])
    assert np.flatnonzero(local_maxima(maps, 3)).tolist() == [5]
    assert local_maxima(np.zeros((2, 0, 3)), 3).shape == (2, 0, 3)


def test_the_best_cells_come_first_and_ties_keep_their_order():
    maps = np.zeros((2, 5, 9))
    maps[0, 2, [1, 4, 7]] = 0.5, 0.9, 0.5
    maps[1, 0, 0] = 0.2
    cells, values = best_cells(maps, 3, 2, 0.1)
    assert cells.tolist() == [[0, 2, 4], [0, 2, 1], [1, 0, 0]]
    assert values.tolist() == [0.9, 0.5, 0.2]
    assert best_cells(maps, 3, 2, 0.2)[1].tolist() == [0.9, 0.5]


def test_between_cells():
    maps = np.array([[[0.0, 1], [2, 3]]])
    points = np.array([[[0.5, 0.5]], [[1, 1]], [[1.5, 0]], [[-1, 0]]])
    assert bilinear(maps, points)[:, 0].tolist() == [1.5, 3, 0.5, 0]
