"""Segmentations and blocks: by hand, against scikit-style sums written out, and under shifts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mhbench.errors import ShapeError, UsageError
from mhbench.metrics import block_counts, confusion, macro_f1, mean_class_iou


def test_scores_by_hand():
    target = np.array([[0, 0, 1, 1], [2, 2, 2, 0]])
    predicted = np.array([[0, 1, 1, 1], [2, 0, 0, 0]])
    counts = confusion(predicted, target, classes=4)
    assert counts.tolist() == [[2, 1, 0, 0], [0, 2, 0, 0], [2, 0, 1, 0], [0, 0, 0, 0]]
    # class 3 is nowhere, so it counts for nothing
    assert mean_class_iou(counts) == pytest.approx(100 * (2 / 3 + 1 / 3) / 2)
    assert macro_f1(counts) == pytest.approx(100 * (4 / 7 + 4 / 5 + 2 / 4) / 3)
    assert np.isnan(mean_class_iou(np.zeros((3, 3))))
    assert macro_f1(np.diag([5, 1])) == 100


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_counts_of_images_add_up(seed):
    random = np.random.default_rng(seed)
    predicted, target = random.integers(0, 15, size=(2, 3, 6, 7))
    parts = [confusion(p, g, classes=15) for p, g in zip(predicted, target, strict=True)]
    assert np.array_equal(sum(parts), confusion(predicted, target, classes=15))
    shares = [
        np.sum((predicted == one) & (target == one)) / np.sum((predicted == one) | (target == one))
        for one in range(1, 15)
        if np.any(predicted == one) or np.any(target == one)
    ]
    assert mean_class_iou(sum(parts)) == pytest.approx(100 * np.mean(shares))


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
@settings(max_examples=50)
def test_blocks_count_as_they_do_in_one_volume(seed, axes):
    random = np.random.default_rng(seed)
    sizes = random.integers(0, 5, size=(2, axes))
    given_, true = (random.random(tuple(size)) < 0.5 for size in sizes)
    shift = random.integers(-7, 8, size=axes)
    room = np.zeros((2, *([24] * axes)), dtype=bool)
    room[(0, *(slice(10 + s, 10 + s + n) for s, n in zip(shift, sizes[0], strict=True)))] = given_
    room[(1, *(slice(10, 10 + n) for n in sizes[1]))] = true
    expected = np.sum(room[0] & room[1]), np.sum(room[0] | room[1])
    assert block_counts(given_, true, shift) == expected


@pytest.mark.parametrize("kind", [np.uint8, np.uint64, np.int32])
def test_labels_of_any_integer_type_count_alike(kind):
    counts = confusion(np.array([0, 1, 2, 2], dtype=kind), np.array([0, 1, 1, 2], dtype=kind), classes=3)
    assert counts.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]


def test_refusals():
    labels = np.zeros((2, 3), dtype=int)
    with pytest.raises(ShapeError, match="float64"):
        confusion(labels * 0.5, labels, classes=3)
    with pytest.raises(UsageError, match=r"target has labels 3 \.\. 3"):
        confusion(labels, labels + 3, classes=3)
    with pytest.raises(ShapeError, match="counts"):
        macro_f1(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="a shift of 1"):
        block_counts(labels > 0, labels > 0, [0])
