"""BodyNet's grid: where a body lands, by hand, and the box in space that brings it back."""

from __future__ import annotations

import numpy as np
import pytest

from mhbench.errors import UsageError
from mhbench.metrics import voxel_iou
from mhbench.synthetic import body
from mhbench.volumes import Box, grid_in_space, place_in_grid, voxelize
from mhbench.volumes.meshes import checked_mesh
from mhbench.volumes.occupancy import occupy


def rectangle(size, top, bottom, left, right):
    """A silhouette with rows top .. bottom and columns left .. right."""
    mask = np.zeros((size, size), dtype=bool)
    mask[top : bottom + 1, left : right + 1] = True
    return mask


def test_a_block_by_hand():
    cells = np.ones((2, 8, 4), dtype=np.uint8)
    # rows 4 .. 20 of 32 in a grid of 16: 16 pixels between first and last, 8 cells: scale 1
    grid, placement = place_in_grid(cells, rectangle(32, 4, 20, 10, 18), size=16)
    assert placement.scale == 1
    occupied = np.argwhere(grid)
    assert occupied.min(axis=0).tolist() == placement.first.tolist() == [7, 2, 5]
    assert (np.ptp(occupied, axis=0) + 1).tolist() == [2, 8, 4]


def test_a_wide_body_is_scaled_by_its_width():
    cells = np.ones((2, 4, 8), dtype=np.uint8)
    grid, placement = place_in_grid(cells, rectangle(32, 0, 20, 0, 16), size=32)
    assert placement.scale == 2
    assert (np.ptp(np.argwhere(grid), axis=0) + 1).tolist() == [4, 8, 16]


def test_cut_bodies_lie_at_the_other_edge():
    cells = np.ones((2, 8, 4), dtype=np.uint8)
    mask = rectangle(16, 2, 10, 3, 9)
    grid, _ = place_in_grid(cells, mask, size=16, cut_at_top=True, cut_at_left=True)
    assert np.argwhere(grid).max(axis=0)[1:].tolist() == [10, 9]


def test_deep_bodies_are_trimmed_and_large_ones_do_not_fit():
    deep = np.arange(20, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), dtype=np.uint8)
    grid, placement = place_in_grid(deep, rectangle(8, 1, 5, 1, 5), size=8)
    assert grid[:, 3, 3].tolist() == list(range(6, 14))
    assert placement.first.tolist() == [-6, 1, 1]
    # its width goes beyond the right edge of the grid
    assert place_in_grid(np.ones((2, 4, 4)), rectangle(8, 1, 7, 6, 7), size=8) is None
    with pytest.raises(UsageError, match="no silhouette"):
        place_in_grid(np.ones((2, 4, 4)), np.zeros((8, 8), dtype=bool))


def test_the_box_of_a_grid_is_where_the_body_is():
    figure = body()
    upright = figure.template * [1, -1, 1] + [0.3, -0.2, 5.0]
    faces = figure.triangles[:, ::-1]
    volume, box = voxelize(upright, faces, 64, conservative=True)
    ends = [np.flatnonzero(volume.any(axis=axes))[[0, -1]] for axes in ((1, 2), (0, 2), (0, 1))]
    x, y, z = (slice(a, b + 1) for a, b in ends)
    cropped = volume[x, y, z].transpose()
    front = cropped.max(axis=0)
    mask = np.zeros((128, 128), dtype=bool)
    mask[20 : 20 + front.shape[0], 30 : 30 + front.shape[1]] = front
    grid, placement = place_in_grid(cropped, mask)
    corner, cell = grid_in_space(box, 64, placement)

    def overlap(move):
        there = Box(corner + move, 128 * cell)
        again = occupy(checked_mesh(upright, faces), there, 128, conservative=True).transpose()
        return voxel_iou(grid[None] > 0, again[None])[0]

    assert overlap(0) > 0.8  # sizes are rounded, so cells are not quite the same
    for axis in np.eye(3):
        assert overlap(0) > max(overlap(0.04 * axis), overlap(-0.04 * axis))
