from __future__ import annotations

import numpy as np
import pytest

from mhbench.cameras import Camera
from mhbench.errors import UsageError
from mhbench.heatmaps import Grid, centres, peaks, render, to_camera
from mhbench.heatmaps.location_maps import draw_location_maps, read_location_maps
from mhbench.metrics import joint_f1

GRID = Grid(
    ("head", "foot"),
    depth_min=0,
    depth_max=100,
    height=270,
    width=480,
    depth_bins=316,
    pixel_rounding="truncate",
)
K = np.array([[290.0, 0, 240], [0, 290, 135], [0, 0, 1]])


def crowd(people, seed=0):
    """Heads and feet of people on a square, seen from above like a surveillance camera does."""
    random = np.random.default_rng(seed)
    depth = random.uniform(5, 40, people)
    x = random.uniform(-0.5, 0.5, people) * depth
    heads = np.stack([x, np.full(people, -0.5), depth], axis=-1)
    joints3d = np.stack([heads, heads + (0, 1.7, 0)], axis=1)
    return joints3d, joints3d[..., :2] / joints3d[..., 2:] * 290 + (240, 135)


def points_of(joints3d):
    types = np.tile([0.0, 1.0], len(joints3d))
    return np.column_stack([types, joints3d.reshape(-1, 3)])


def test_one_person_is_read_back_exactly():
    joints3d, joints2d = crowd(1)
    found, values = read_location_maps(draw_location_maps(GRID, joints2d, joints3d))
    assert np.allclose(found, points_of(joints3d), atol=1e-5)
    assert values.tolist() == [1, 1]


def test_of_two_people_in_a_cell_the_nearer_stays():
    joints3d = np.array([[[0.0, 0, 20], [0, 1, 20]], [[0.0, 0, 10], [1, 1, 10]]])
    joints2d = joints3d[..., :2] / joints3d[..., 2:] * 290 + (240, 135)
    found, _ = read_location_maps(draw_location_maps(GRID, joints2d, joints3d))
    assert found[found[:, 0] == 0].tolist() == [[0, 0, 0, 10]]
    assert len(found[found[:, 0] == 1]) == 2
    assert len(peaks(render(GRID, centres(GRID, joints2d, joints3d)))[0]) == 4


def test_coordinates_are_written_around_the_joint_if_asked_for():
    joints3d, joints2d = crowd(1)
    places = draw_location_maps(GRID, joints2d, joints3d, radius=1).places
    assert np.count_nonzero(places[0, 2]) == 9
    assert np.unique(places[0, 2]).tolist() == [0, np.float32(joints3d[0, 0, 2])]


def side_by_side(cells):
    """Two people, the nearer one first, whose joints lie so many cells apart."""
    joints3d = np.array([[[0.0, 0, 10], [0, 1, 10]], [[0.0, 0, 20], [0, 2, 20]]])
    joints2d = joints3d[..., :2] / joints3d[..., 2:] * 290 + (240, 135)
    joints2d[1, :, 0] += 8 * cells
    return joints2d, joints3d


@pytest.mark.parametrize(
    ("overlap", "near", "far"), [("nearest", 10, 10), ("last", 20, 20), ("mean", 15, 15)]
)
def test_who_wins_where_two_people_write(overlap, near, far):
    maps = draw_location_maps(GRID, *side_by_side(1), radius=1, overlap=overlap)
    found, _ = read_location_maps(maps)
    assert found[found[:, 0] == 0, 3].tolist() == [near, far]


def test_people_beyond_each_others_reach_are_exact():
    for overlap in ("nearest", "last", "mean"):
        maps = draw_location_maps(GRID, *side_by_side(3), radius=1, overlap=overlap)
        assert read_location_maps(maps)[0][:2, 3].tolist() == [10, 20]


def test_strict_maxima_lose_both_of_two_neighbours():
    for cells, left in ((0, 1), (1, 0), (2, 2)):
        found, _ = read_location_maps(draw_location_maps(GRID, *side_by_side(cells)), strict=True)
        assert len(found[found[:, 0] == 0]) == left


def test_rules_that_do_not_exist_are_refused():
    with pytest.raises(UsageError, match="radius -1"):
        draw_location_maps(GRID, *side_by_side(1), radius=-1)
    with pytest.raises(UsageError, match="first"):
        draw_location_maps(GRID, *side_by_side(1), overlap="first")


def test_a_crowd_is_lost_in_location_maps_and_kept_in_volumes():
    camera = Camera(K, np.zeros(8))
    volumes, maps = [], []
    for seed in range(3):
        joints3d, joints2d = crowd(150, seed)
        truth = points_of(joints3d)
        located, _ = peaks(render(GRID, centres(GRID, joints2d, joints3d)))
        decoded = np.column_stack([located[:, 0], to_camera(GRID, located, camera)])
        read, _ = read_location_maps(draw_location_maps(GRID, joints2d, joints3d))
        volumes.append(joint_f1(truth, decoded, threshold=0.8).f1)
        maps.append(joint_f1(truth, read, threshold=0.8).f1)
    assert min(volumes) > 0.97
    assert max(maps) < 0.8
