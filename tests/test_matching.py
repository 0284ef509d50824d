"""Person matching: against scipy, by hand, and against what public evaluators matched on golden inputs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment

from mhbench import matching
from mhbench.errors import ShapeError


def brute_force(distances, limit):
    """(pairs, total) of the best assignment by trying all of them."""
    rows, columns = distances.shape
    best = (0, 0.0)
    for chosen in itertools.product(range(-1, columns), repeat=rows):
        used = [column for column in chosen if column >= 0]
        if len(set(used)) < len(used):
            continue
        pairs = [(row, column) for row, column in enumerate(chosen) if column >= 0]
        if any(not distances[pair] <= limit for pair in pairs):
            continue
        total = sum(distances[pair] for pair in pairs)
        best = min(best, (-len(pairs), total))
    return best


def outcome(distances, match):
    rows = np.flatnonzero(match >= 0)
    assert len(set(match[rows])) == len(rows)
    return -len(rows), distances[rows, match[rows]].sum()


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.integers(0, 9)))
@settings(max_examples=60)
def test_hungarian_takes_most_pairs_then_least_total(distances):
    assert outcome(distances, matching.hungarian(distances, 5)) == brute_force(distances, 5)


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (7, 3), (20, 20), (40, 35)])
def test_hungarian_agrees_with_scipy_without_limit(shape):
    random = np.random.default_rng(5)
    for _ in range(20):
        distances = random.uniform(0, 2, shape)
        rows, columns = linear_sum_assignment(distances)
        match = matching.hungarian(distances)
        expected = np.full(shape[0], -1)
        expected[rows] = columns
        np.testing.assert_array_equal(match, expected)


def test_hungarian_agrees_with_scipy_under_a_limit():
    random = np.random.default_rng(6)
    for _ in range(50):
        distances = random.uniform(0, 1, (12, 10))
        distances[random.uniform(size=distances.shape) < 0.1] = np.nan
        admissible = distances <= 0.15
        rows, columns = linear_sum_assignment(np.where(admissible, distances, 1e6))
        kept = admissible[rows, columns]
        expected = (-kept.sum(), distances[rows[kept], columns[kept]].sum())
        assert outcome(distances, matching.hungarian(distances, 0.15)) == pytest.approx(expected, abs=1e-9)


def test_inadmissible_pairs_do_not_steal_from_admissible_ones():
    # cutting pairs only after the assignment would leave the first person alone
    distances = np.array([[0.4, 0.9], [0.1, 0.45]])
    np.testing.assert_array_equal(matching.hungarian(distances, 0.5), [0, 1])
    np.testing.assert_array_equal(matching.hungarian([[0.5, 0.5]], 0.5), [0])


def test_equal_totals_follow_file_order():
    np.testing.assert_array_equal(matching.hungarian(np.ones((3, 3))), [0, 1, 2])
    np.testing.assert_array_equal(matching.hungarian(np.ones((3, 2))), [0, 1, -1])


def test_frames_at_once_equal_frames_one_by_one():
    random = np.random.default_rng(7)
    counts = [(3, 2), (0, 4), (2, 0), (5, 5), (1, 3)]
    blocks = [random.uniform(0, 1, count) for count in counts]
    starts = np.concatenate([np.zeros((1, 2), int), np.cumsum(counts, axis=0)])
    flat = np.concatenate([block.ravel() for block in blocks])
    together = matching.hungarian_frames(flat, starts[:, 0], starts[:, 1], 0.6)
    alone = np.concatenate([matching.hungarian(block, 0.6) for block in blocks])
    np.testing.assert_array_equal(together, alone)


def test_offsets_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="3 values"):
        matching.hungarian_frames(np.zeros(3), [0, 2], [0, 2])
    with pytest.raises(ShapeError, match="no list of offsets"):
        matching.hungarian_frames(np.zeros(4), [1, 3], [0, 2])
