from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhbench.errors import UsageError
from mhbench.shards import Augmentation, Transform

WILD = Augmentation(mirror=0.5, scale=(0.5, 2.0), rotation=180, shift=30, crop=(70, 90))


def image(seed=0, height=48, width=64):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(st.integers(0, 2**32 - 1))
def test_there_and_back_again(seed):
    transform = WILD.draw(np.random.default_rng(seed), 96, 128)
    points = np.random.default_rng(seed).uniform(-200, 400, (9, 2))
    assert np.allclose(transform.invert(transform.apply(points)), points, atol=1e-9)
    assert (np.linalg.det(transform.matrix[:, :2]) < 0) == transform.mirrored


@given(st.integers(0, 2**32 - 1))
def test_the_same_numbers_draw_the_same_transform(seed):
    first, second = (WILD.draw(np.random.default_rng(seed), 96, 128) for _ in range(2))
    assert np.array_equal(first.matrix, second.matrix)


def test_nothing_asked_for_is_nothing_done():
    transform = Augmentation().draw(np.random.default_rng(0), 48, 64)
    assert np.array_equal(transform.matrix, [[1, 0, 0], [0, 1, 0]])
    assert not transform.mirrored
    assert np.array_equal(transform.warp(image()), image())


def test_a_mirror_and_a_cut_copy_every_pixel():
    mirrored = Augmentation(mirror=1).draw(np.random.default_rng(0), 48, 64)
    assert np.array_equal(mirrored.warp(image()), image()[:, ::-1])
    assert mirrored.apply(np.array([[0.0, 5.0], [10.25, 7.0]])).tolist() == [[63, 5], [52.75, 7]]
    for seed in range(20):
        cut = Augmentation(mirror=0.5, crop=(20, 30)).draw(np.random.default_rng(seed), 48, 64)
        x, y = cut.invert(np.zeros(2)).astype(int)
        expected = (
            image()[y : y + 20, x - 29 : x + 1][:, ::-1] if cut.mirrored else image()[y : y + 20, x : x + 30]
        )
        assert np.array_equal(cut.warp(image()), expected)


def test_a_window_larger_than_the_image_has_black_borders():
    wide = Augmentation(crop=(60, 64)).draw(np.random.default_rng(0), 48, 64)
    assert np.array_equal(wide.warp(image())[6:54], image())
    assert not wide.warp(image())[:6].any()


@pytest.mark.parametrize("seed", range(5))
def test_pixels_land_where_joints_do(seed):
    """A white dot of the image is found again where the transform says."""
    transform = Augmentation(mirror=0.5, scale=(0.9, 1.6), rotation=40, shift=5).draw(
        np.random.default_rng(seed), 96, 128
    )
    dot = np.array([70.0, 40.0])
    black = np.zeros((96, 128, 3), dtype=np.uint8)
    black[38:43, 68:73] = 255
    rows, columns = np.nonzero(transform.warp(black)[..., 0] > 127)
    assert np.allclose([columns.mean(), rows.mean()], transform.apply(dot), atol=0.2)


def test_nonsense_is_refused():
    for options in ({"mirror": 2}, {"scale": (0, 1)}, {"scale": (2, 1)}, {"crop": (0, 5)}):
        with pytest.raises(UsageError):
            Augmentation(**options)


def test_a_transform_is_a_plain_matrix():
    turned = Transform(np.array([[0.0, -1, 10], [1, 0, 0]]), mirrored=False, height=5, width=5)
    assert turned.apply(np.array([[1.0, 2.0]])).tolist() == [[8, 1]]
