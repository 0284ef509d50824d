from __future__ import annotations

import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhbench.datasets.manifest import dataset_manifest
from mhbench.errors import UsageError
from mhbench.heatmaps import Grid

JTA = Grid(tuple("abcdefghijklmn"), depth_min=0, depth_max=100, height=1080, width=1920)


def test_the_published_grids():
    assert JTA.shape == (14, 316, 135, 240)
    assert JTA.voxels == 143_337_600
    assert JTA.depth_step == pytest.approx(0.31746, abs=1e-5)
    human36m = Grid(JTA.joints, depth_min=1.8, depth_max=8.1, height=1000, width=1000)
    assert human36m.voxels == 69_125_000
    assert human36m.depth_step == pytest.approx(0.02)


def test_images_of_1002_rows_give_the_same_volume_as_those_of_1000():
    shapes = {
        Grid(("a",), depth_min=1.8, depth_max=8.1, height=height, width=1000).shape for height in (1000, 1002)
    }
    assert shapes == {(1, 316, 125, 125)}


def test_padding_changes_rows_and_columns_only():
    assert JTA.padded(4).shape == JTA.padded(8).shape == (14, 316, 136, 240)
    assert JTA.padded(4).voxels == 144_399_360
    square = Grid(("a",), depth_min=0, depth_max=1, height=1000, width=1000)
    assert square.padded(4).shape == square.padded(8).shape == (1, 316, 128, 128)
    assert JTA.padded(8).padded(1) == JTA


@pytest.mark.parametrize(("sigma", "side"), [(1, 5), (2, 11), (4, 21), (8, 41), (3, 15), (0.1, 1)])
def test_the_cube_a_gaussian_is_cut_to(sigma, side):
    grid = Grid(("a",), depth_min=0, depth_max=1, height=80, width=80, sigma=sigma)
    assert 2 * grid.radius + 1 == side


@given(st.integers(8, 5000), st.integers(1, 64))
def test_padding_reaches_the_next_multiple(height, multiple):
    grid = Grid(("a",), depth_min=0, depth_max=1, height=height, width=80).padded(multiple)
    assert grid.rows % multiple == 0
    assert 0 <= grid.rows - height // 8 < multiple


def test_a_manifest_has_the_fields_of_a_grid():
    manifest = dataset_manifest("panoptic").grid
    grid = Grid(**msgspec.structs.asdict(manifest), height=1080, width=1920)
    assert grid.shape == (14, 316, 135, 240)
    assert (grid.depth_min, grid.depth_max) == (0, 7)


def test_a_grid_is_a_value():
    again = Grid(list(JTA.joints), depth_min=0, depth_max=100, height=1080, width=1920)
    assert again == JTA
    assert hash(again) == hash(JTA)
    assert pickle.loads(pickle.dumps(JTA)) == JTA  # noqa: S301, TID251 - our own bytes, as between processes


@pytest.mark.parametrize(
    "change",
    [
        {"joints": ()},
        {"joints": ("a", "a")},
        {"depth_max": 0},
        {"depth_max": float("nan")},
        {"depth_bins": 1},
        {"stride": 0},
        {"sigma": 0},
        {"pad_to": 0},
        {"height": 7},
        {"depth_bins": 40_000},
        {"depth_bins": 30_000, "height": 8000, "width": 8000},
        {"depth_axis": "w"},
        {"pixel_rounding": "up"},
    ],
)
def test_what_is_no_grid_is_refused(change):
    good = {"joints": ("a",), "depth_min": 0, "depth_max": 1, "height": 80, "width": 80}
    with pytest.raises(UsageError, match="expected"):
        Grid(**(good | change))
