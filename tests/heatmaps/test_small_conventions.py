"""Sigma schedule, root-relative grids, integral regression and VoxelPose: short conventions by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mhbench.errors import UsageError
from mhbench.heatmaps import peaks, render
from mhbench.heatmaps.integral import integral_coordinates
from mhbench.heatmaps.root_relative import bodynet_grid, relative_depths, root_relative_centres
from mhbench.heatmaps.sigma_schedule import SigmaSchedule
from mhbench.heatmaps.voxelpose import RootSpace, person_scaled_maps, read_root_volume, root_volume


def test_sigma_halves_at_each_plateau():
    schedule = SigmaSchedule(patience=2)
    losses = [1.0, 0.5, 0.499, 0.498, 0.9, 0.8, 0.8, 0.8, 0.7, 0.7, 0.7, 0.7]
    assert [schedule.step(loss) for loss in losses] == [8, 8, 8, 4, 4, 4, 4, 2, 2, 2, 2, 2]
    other = SigmaSchedule(patience=2)
    other.load_state_dict(schedule.state_dict())
    assert other.state_dict() == schedule.state_dict()
    hurried = SigmaSchedule(patience=9)
    assert [hurried.step(1.0, share / 10) for share in range(1, 8)] == [8, 8, 4, 4, 4, 2, 2]
    for options in ({"start": 3, "final": 2}, {"start": 2, "final": 8}, {"patience": 0}, {"final": 0}):
        with pytest.raises(UsageError, match="no schedule"):
            SigmaSchedule(**options)


def test_the_volume_of_bodynet():
    grid = bodynet_grid([f"joint{number}" for number in range(16)])
    assert grid.shape == (16, 19, 64, 64)
    joints3d = np.zeros((16, 3)) + (0, 0, 4.0)
    joints3d[1:4, 2] += 0.045 * 3, 2.0, -2.0
    joints2d = np.full((16, 2), 30.0)
    joints2d[5] = np.nan
    centres = root_relative_centres(grid, joints2d, joints3d, 0)
    assert centres[:5].tolist() == [
        [0, 9, 30, 30],
        [1, 12, 30, 30],
        [2, 18, 30, 30],
        [3, 0, 30, 30],
        [4, 9, 30, 30],
    ]
    assert len(centres) == 15
    assert relative_depths(grid, centres[:2]) == pytest.approx([0, 0.135])
    volume = render(grid, centres)
    assert np.array_equal(np.unique(peaks(volume)[0][:, 0]), np.unique(centres[:, 0]))
    assert volume[0, 10, 30, 30] == pytest.approx(math.exp(-0.5))
    assert volume[0, 12, 30, 30] > 0 == volume[0, 13, 30, 30]


def test_expectations_of_one_cell_and_of_two():
    volume = np.full((2, 4, 8, 8), -1e4)
    volume[0, 1, 2, 6] = 0
    volume[1, 1, 2, 6] = volume[1, 1, 2, 7] = 0
    assert integral_coordinates(volume) == pytest.approx(
        np.array([[0.25, -0.25, -0.25], [0.3125, -0.25, -0.25]])
    )
    assert integral_coordinates(volume, convention="dsnt")[0] == pytest.approx([0.625, -0.375, -0.25])
    assert integral_coordinates(volume, convention="cells")[1] == pytest.approx([6.5, 2, 1])
    with pytest.raises(UsageError):
        integral_coordinates(volume, convention="mean")


def test_roots_are_found_again_in_their_space():
    x, y, z = RootSpace().nodes()
    assert (x[0], x[-1], y[0], z[0], z[-1]) == (-4000, 4000, -4500, -200, 1800)
    assert x[1] - x[0] == pytest.approx(8000 / 79)
    roots = np.array([[x[40], y[20], z[10]], [x[10], y[60], z[3]]])
    volume = root_volume(roots)
    assert volume.shape == (80, 80, 20)
    assert volume[41, 20, 10] == pytest.approx(math.exp(-((8000 / 79) ** 2) / (2 * 200**2)))
    found, values = read_root_volume(volume)
    assert np.allclose(found, roots[[1, 0]])
    assert values.tolist() == [1, 1]
    assert len(read_root_volume(volume, most=1)[0]) == 1
    assert volume[46, 20, 10] == 0  # 608 mm away


def test_larger_people_have_wider_gaussians():
    small = np.array([[[50.0, 60.9], [60, 70]]])
    large = np.array([[[50.0, 20], [60, 116]]])
    for joints, sigma in ((small, 3 * math.sqrt(0.5)), (large, 3 * math.sqrt(2))):
        maps = person_scaled_maps(joints)
        x, y = np.trunc(joints[0, 0]).astype(int)
        assert maps[0, y, x] == 1
        assert maps[0, y, x + 2] == pytest.approx(math.exp(-4 / (2 * sigma**2)))
        assert maps[0, y, x + int(3 * sigma)] > 0 == maps[0, y, x + int(3 * sigma) + 1]
    assert not person_scaled_maps(np.full((1, 2, 2), np.nan)).any()
