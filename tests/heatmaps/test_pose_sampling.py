from __future__ import annotations

import numpy as np
import pytest

from mhbench.errors import ShapeError
from mhbench.heatmaps.pinet_maps import pinet_maps_of
from mhbench.heatmaps.pose_sampling import sample_poses, training_cells


def crowd(people=3, seed=0):
    random = np.random.default_rng(seed)
    middle = np.stack([np.linspace(25, 100, people), random.uniform(40, 80, people)], axis=-1)
    keypoints = middle[:, None] + random.uniform(-12, 12, (people, 14, 2))
    return keypoints, np.ones((people, 14), dtype=bool), random.uniform(400, 900, people)


def test_targets_give_back_the_people_they_were_made_of():
    keypoints, labelled, areas = crowd()
    maps = pinet_maps_of(keypoints, labelled, areas)
    found = sample_poses(maps.points, maps.scores, maps.offsets)
    assert len(found.poses) == 9  # three parts propose each person
    assert np.bincount(found.cells[:, 0]).tolist() == [3, 3, 3]
    for pose in found.poses:
        assert np.abs(keypoints - pose[:, :2]).max(axis=(1, 2)).min() < 1e-4
    assert found.scores == pytest.approx(found.poses[..., 2].mean(axis=1))
    assert found.scores.min() > 0.6
    for part in range(3):
        values = [maps.points[tuple(cell)] for cell in found.cells if cell[0] == part]
        assert values == sorted(values, reverse=True)


def test_larger_maps_have_larger_squares():
    points = np.zeros((1, 250, 250))
    points[0, 100, [100, 102]] = 0.9, 0.8
    zeros = np.zeros((1, 250, 250)), np.zeros((2, 250, 250))
    assert len(sample_poses(points, *zeros).poses) == 1
    assert (
        len(sample_poses(points[:, :200, :200], zeros[0][:, :200, :200], zeros[1][:, :200, :200]).poses) == 2
    )
    assert (
        len(
            sample_poses(
                points[:, :200, :200], zeros[0][:, :200, :200], zeros[1][:, :200, :200], most=1
            ).poses
        )
        == 1
    )
    assert len(sample_poses(points * 0.01, *zeros).poses) == 0


def test_a_keypoint_outside_scores_nothing():
    points, scores, offsets = np.zeros((1, 9, 9)), np.ones((1, 9, 9)), np.zeros((2, 9, 9))
    points[0, 4, 4] = 0.5
    offsets[0, 4, 4] = 20
    assert sample_poses(points, scores, offsets).poses[0, 0].tolist() == [-16, 4, 0]


def test_training_takes_the_same_number_of_cells_from_every_image():
    first, second = (pinet_maps_of(*crowd(people)) for people in (1, 4))
    cells = training_cells([first.points, second.points], [first.weights, second.weights])
    assert [len(one) for one in cells] == [48, 48]  # 16 cells of one person and part
    assert np.bincount(cells[1][:, 0]).tolist() == [16, 16, 16]
    cells = training_cells([second.points], [second.weights])
    assert len(cells[0]) == 120
    part, row, column = cells[0].T
    assert (second.points[part, row, column] > 0).all()


def test_maps_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError):
        sample_poses(np.zeros((3, 9, 9)), np.zeros((14, 9, 9)), np.zeros((80, 9, 9)))
