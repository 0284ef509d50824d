from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mhbench.errors import ShapeError, UsageError
from mhbench.heatmaps import PEAK_RULES, Grid, locate, peaks, peaks_sparse, render, render_sparse

SHAPE = (2, 5, 6, 7)


def reference(volume, threshold, neighbours, strict):
    """The definition with shifted copies of the zero-padded volume."""
    padded = np.pad(volume, ((0, 0), (1, 1), (1, 1), (1, 1)))
    found = volume > threshold if strict else volume >= threshold
    for dz, dy, dx in itertools.product((-1, 0, 1), repeat=3):
        steps = abs(dz) + abs(dy) + abs(dx)
        if steps == 0 or (steps > 1 and neighbours == 6):
            continue
        other = padded[
            :,
            1 + dz : 1 + dz + volume.shape[1],
            1 + dy : 1 + dy + volume.shape[2],
            1 + dx : 1 + dx + volume.shape[3],
        ]
        found &= (volume > other) if strict else (volume >= other)
    return np.argwhere(found)


# few levels, so that plateaus are common
volumes = hnp.arrays(
    np.float32, SHAPE, elements=st.sampled_from([np.float32(level) for level in (0, 0.05, 0.1, 0.5, 0.9, 1)])
)
rules = st.tuples(st.sampled_from([0.05, 0.1, 0.7]), st.sampled_from([6, 26]), st.booleans())


@given(volumes, rules)
def test_agrees_with_the_definition_by_shifted_copies(volume, rule):
    threshold, neighbours, strict = rule
    found, values = peaks(volume, threshold=threshold, neighbours=neighbours, strict=strict)
    assert np.array_equal(found, reference(volume, np.float32(threshold), neighbours, strict))
    assert np.array_equal(values, volume[tuple(found.T)])
    assert (found.dtype, values.dtype) == (np.int16, np.float32)


@given(volumes, rules)
def test_a_sparse_volume_gives_the_same_peaks(volume, rule):
    threshold, neighbours, strict = rule
    index = np.flatnonzero(volume).astype(np.int32)
    dense = peaks(volume, threshold=threshold, neighbours=neighbours, strict=strict)
    sparse = peaks_sparse(
        index, volume.reshape(-1)[index], SHAPE, threshold=threshold, neighbours=neighbours, strict=strict
    )
    assert np.array_equal(dense[0], sparse[0])
    assert np.array_equal(dense[1], sparse[1])


def test_volumes_longer_than_one_block_are_searched_to_the_end():
    rng = np.random.default_rng(0)
    volume = rng.random((2, 9, 11, 13), dtype=np.float32)  # 2,574 voxels: ten blocks and a rest
    assert np.array_equal(
        peaks(volume, threshold=0.9)[0], reference(volume, np.float32(0.9), 6, strict=False)
    )
    empty = np.zeros((1, 8, 8, 9), dtype=np.float32)
    empty[0, 7, 7, 8] = 1
    assert peaks(empty)[0].tolist() == [[0, 7, 7, 8]]


@pytest.mark.parametrize(
    ("offset", "counts"),
    [
        ((0, 0, 0), (1, 1, 1)),
        ((0, 0, 1), (2, 0, 0)),
        ((0, 1, 1), (2, 2, 0)),
        ((1, 1, 1), (2, 2, 0)),
        ((0, 0, 2), (2, 2, 2)),
        ((3, 0, 0), (2, 2, 2)),
    ],
)
def test_the_plateau_table(offset, counts):
    grid = Grid(("a",), depth_bins=20, depth_min=0, depth_max=1, height=160, width=160)
    centres = np.array([[0, 9, 9, 9], [0, *(9 + np.array(offset))]], dtype=np.int16)
    volume = render(grid, centres)
    rules = [PEAK_RULES[name] for name in ("validation", "paper", "evaluation")]
    assert tuple(len(peaks(volume, **rule._asdict())[0]) for rule in rules) == counts


def test_the_default_is_the_rule_that_keeps_neighbours():
    rule = PEAK_RULES["validation"]
    assert rule._asdict() == {"threshold": 0.1, "neighbours": 6, "strict": False}
    assert PEAK_RULES["evaluation"]._asdict() == {"threshold": 0.1, "neighbours": 26, "strict": True}


def test_every_distinct_centre_inside_the_grid_is_found_again():
    rng = np.random.default_rng(1)
    grid = Grid(tuple("abcd"), depth_min=0, depth_max=100, height=540, width=960)
    joints2d = rng.uniform(0, (960, 540), (60, 4, 2))
    located = locate(grid, joints2d, rng.uniform(5, 30, (60, 4, 3)))
    found, values = peaks(render(grid, located.centres))
    full = found[values == 1]
    inside = np.unique(located.centres[located.in_grid], axis=0)
    assert np.array_equal(full, inside)
    sparse = peaks_sparse(*render_sparse(grid, located.centres), grid.shape)
    assert np.array_equal(sparse[0], found)


def test_the_threshold_is_compared_in_the_type_of_the_volume():
    volume = np.zeros((1, 3, 3, 3), dtype=np.float32)
    volume[0, 1, 1, 1] = 0.1  # the float32 above the float64 0.1
    assert len(peaks(volume)[0]) == 1
    assert len(peaks(volume, strict=True)[0]) == 0
    assert len(peaks(volume.astype(np.float64), strict=True)[0]) == 1


def test_half_precision_is_widened():
    volume = np.zeros((1, 3, 3, 3), dtype=np.float16)
    volume[0, 1, 1, 1] = 0.75
    found, values = peaks(volume)
    assert (found.tolist(), values.tolist()) == ([[0, 1, 1, 1]], [0.75])


def test_nan_is_no_peak_and_lets_none_stand_beside_it():
    volume = np.zeros((1, 3, 3, 5), dtype=np.float32)
    volume[0, 1, 1] = [0, 0.9, np.nan, 0, 0.8]
    assert peaks(volume)[0].tolist() == [[0, 1, 1, 4]]


def test_what_cannot_be_searched_is_refused():
    volume = np.zeros((1, 3, 3, 3), dtype=np.float32)
    with pytest.raises(UsageError, match="18 neighbours"):
        peaks(volume, neighbours=18)
    with pytest.raises(UsageError, match="background"):
        peaks(volume, threshold=0)
    with pytest.raises(ShapeError, match="volume"):
        peaks(volume[0])
    with pytest.raises(ShapeError, match="uint8"):
        peaks(volume.astype(np.uint8))
    ones = np.ones(2, dtype=np.float32)
    for index in ([3, 3], [4, 3], [-1, 3], [3, 27]):
        with pytest.raises(ShapeError, match="ascend"):
            peaks_sparse(np.array(index), ones, volume.shape)
    with pytest.raises(ShapeError, match="values"):
        peaks_sparse(np.array([3]), ones, volume.shape)
