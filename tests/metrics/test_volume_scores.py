"""Scores of volumes, silhouettes and surfaces: by hand, and against each other."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from mhbench.errors import ShapeError
from mhbench.metrics import packed_iou, part_iou, pckh, silhouette_scores, surface_error, voxel_iou
from mhbench.volumes import pack


def test_iou_by_hand():
    predicted = np.zeros((3, 2, 2, 2))
    target = np.zeros((3, 2, 2, 2))
    predicted[0, 0] = 0.5  # the threshold itself is occupied
    predicted[0, 1] = 0.49
    target[0, :, 0] = 1
    target[1] = 1
    found = voxel_iou(predicted, target)
    assert found[:2].tolist() == [2 / 6, 0]
    assert np.isnan(found[2])
    assert voxel_iou(predicted, target, threshold=0.4)[0] == 4 / 8


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
@settings(max_examples=20)
def test_bits_score_as_volumes_do(seed, side):
    random = np.random.default_rng(seed)
    predicted, target = random.random((2, 4, side, side, side)) < 0.3
    target[0] = predicted[0] = False
    expected = voxel_iou(predicted, target)
    assert np.array_equal(packed_iou(pack(predicted), pack(target)), expected, equal_nan=True)
    assert np.array_equal(voxel_iou(target, predicted), expected, equal_nan=True)


def test_parts_by_hand():
    predicted = np.array([[0, 1, 1, 2], [0, 0, 0, 0]])
    target = np.array([[0, 1, 2, 2], [0, 0, 0, 3]])
    found = part_iou(predicted, target, parts=3)
    assert found[0, :3].tolist() == [1, 0.5, 0.5]
    assert np.isnan(found[0, 3])
    assert found[1, [0, 3]].tolist() == [0.75, 0]
    with pytest.raises(ShapeError, match="float64"):
        part_iou(predicted * 0.5, target)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_f1_and_iou_are_tied_in_each_image(seed):
    random = np.random.default_rng(seed)
    predicted, target = random.random((2, 5, 8, 9))
    scores = silhouette_scores(predicted, target)
    np.testing.assert_allclose(scores.f1, 2 * scores.iou / (1 + scores.iou))
    np.testing.assert_allclose(scores.accuracy, np.mean((predicted >= 0.5) == (target >= 0.5), axis=(1, 2)))


def test_silhouettes_by_hand():
    predicted = np.array([[[1, 1, 0, 0]], [[0, 0, 0, 0]]], dtype=bool)
    target = np.array([[[1, 0, 1, 0]], [[0, 0, 0, 0]]], dtype=bool)
    scores = silhouette_scores(predicted, target)
    assert (scores.iou[0], scores.f1[0], scores.accuracy[0]) == (1 / 3, 0.5, 0.5)
    assert np.isnan([scores.iou[1], scores.f1[1]]).all()
    assert scores.accuracy[1] == 1
    assert silhouette_scores(predicted[:0], target[:0]).accuracy.shape == (0,)


def test_a_published_segmentation_against_its_own_silhouette(samples):
    file = scipy.io.loadmat(samples / "up3d/00001_segm.mat")
    scores = silhouette_scores(file["segm7"][None] > 0, file["segm1"][None])
    # they differ along the outline
    assert 0.97 < scores.iou[0] < 1
    assert scores.accuracy[0] > 0.99


def test_surface_error_aligns_nothing():
    target = np.random.default_rng(0).normal(size=(2, 20, 3))
    assert surface_error(target + [0.003, 0, 0.004], target).tolist() == pytest.approx([5, 5])


def test_pckh_by_hand():
    target = np.zeros((2, 3, 2))
    predicted = target.copy()
    predicted[0, :, 0] = [10, 10.1, np.nan]
    predicted[1, :, 1] = [5, 5, 5.1]
    assert pckh(predicted, target, [20, 10]) == pytest.approx(100 * 3 / 6)
    valid = np.array([[True, True, False], [True, True, False]])
    assert pckh(predicted, target, [20, 10], valid=valid) == pytest.approx(75)
    assert np.isnan(pckh(predicted, target, [20, 10], valid=valid & False))


def test_refusals():
    with pytest.raises(ShapeError, match="predicted has shape"):
        voxel_iou(np.zeros((2, 4)), np.zeros((2, 5)))
    with pytest.raises(ShapeError, match="bits"):
        packed_iou(np.zeros((2, 4), np.uint8), np.zeros((2, 4), np.uint8))
    with pytest.raises(ShapeError, match="head_sizes"):
        pckh(np.zeros((2, 3, 2)), np.zeros((2, 3, 2)), [1])
