"""The surface of a volume: closed forms, borders, confidence, nobody."""

from __future__ import annotations

import numpy as np
import pytest

from mhbench.errors import InputError, ShapeError
from mhbench.volumes.isosurface import isosurface
from mhbench.volumes.meshes import Mesh, enclosed_volume


def test_a_ball_lies_where_it_is():
    corner, cell = np.array([-1.0, 2, 3]), np.array([0.05, 0.04, 0.06])
    x, y, z = np.meshgrid(*[(np.arange(n) + 0.5) for n in (40, 50, 34)], indexing="ij")
    centre = np.array([0.1, 3.05, 4.1])
    places = corner + cell * np.stack([x, y, z], axis=-1)
    away = np.linalg.norm(places - centre, axis=-1)
    # falls through 0.5 at a radius of 0.6 m
    surface = isosurface(np.clip(0.5 + 2 * (0.6 - away), 0, 1), corner, cell)
    np.testing.assert_allclose(np.linalg.norm(surface.points - centre, axis=1), 0.6, atol=2e-3)
    enclosed = abs(enclosed_volume(Mesh(surface.points, surface.faces)))
    assert enclosed == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.01)
    assert surface.confidence.max() < 2 * np.linalg.norm(cell)  # a soft edge is not sure
    # another level is another radius
    wider = isosurface(np.clip(0.5 + 2 * (0.6 - away), 0, 1), corner, cell, level=0.3)
    np.testing.assert_allclose(np.linalg.norm(wider.points - centre, axis=1), 0.7, atol=3e-3)


def test_a_full_volume_is_closed_at_its_border():
    surface = isosurface(np.ones((3, 4, 5)), [1, 1, 1], [0.1, 0.1, 0.1])
    np.testing.assert_allclose(surface.points.min(axis=0), [1, 1, 1])
    np.testing.assert_allclose(surface.points.max(axis=0), [1.3, 1.4, 1.5])
    edges = np.sort(surface.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_confidence_is_the_difference_of_the_cells_around():
    volume = np.full((12, 7, 7), 0.2)
    volume[2:5, 2:5, 2:5], volume[8:11, 2:5, 2:5] = 0.9, 0.6
    surface = isosurface(volume, np.zeros(3), np.ones(3))
    left = surface.points[:, 0] < 6
    np.testing.assert_allclose(surface.confidence[left], 0.7, atol=1e-6)
    np.testing.assert_allclose(surface.confidence[~left], 0.4, atol=1e-6)


def test_nobody_and_refusals():
    with pytest.raises(InputError, match=r"no occupancy is above 0.5: the largest of 8 is 0.4"):
        isosurface(np.full((2, 2, 2), 0.4), np.zeros(3), np.ones(3))
    with pytest.raises(ShapeError, match="volume"):
        isosurface(np.zeros((2, 2)), np.zeros(3), np.ones(3))
    with pytest.raises(ShapeError, match="cell"):
        isosurface(np.zeros((2, 2, 2)), np.zeros(3), np.ones(2))
