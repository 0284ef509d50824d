from __future__ import annotations

import math

import numpy as np
import pytest

from mhbench.errors import ShapeError, UsageError
from mhbench.heatmaps.pinet_maps import PARTS, SMALLEST_COCO_AREA, part_centres, pinet_maps_of

PAIR = ((0, 1), (1,))


def person(*places, area=400.0, labelled=None):
    keypoints = np.array([places], dtype=float)
    known = np.ones((1, len(places)), dtype=bool) if labelled is None else np.array([labelled], dtype=bool)
    return keypoints, known, np.array([area])


def test_parts_are_means_of_what_is_labelled():
    keypoints = np.array([[[10.0, 20], [30, 40]], [[0, 0], [8, 8]]])
    labelled = np.array([[True, True], [True, False]])
    centres, present = part_centres(keypoints, labelled, np.array([2000.0, 900]), PAIR)
    assert centres[0].tolist() == [[20, 30], [30, 40]]
    assert present.tolist() == [[True, True], [True, False]]
    assert np.isnan(centres[1, 1]).all()
    small = part_centres(keypoints, labelled, np.array([2000.0, 900]), PAIR, smallest_area=SMALLEST_COCO_AREA)
    assert small[1].tolist() == [[True, True], [False, False]]
    assert [len(part) for part in PARTS["coco"]] == [5, 4, 6]


@pytest.mark.parametrize(("variant", "divisor"), [("code", 8), ("paper", 4)])
def test_the_two_gaussians(variant, divisor):
    maps = pinet_maps_of(*person((20.25, 30), (40, 40)), PAIR, variant=variant)
    assert maps.scores.shape == (2, 128, 128)
    assert maps.scores[0, 30, 20] == pytest.approx(math.exp(-(0.25**2) / divisor))
    assert maps.scores[0, 32, 22] == pytest.approx(math.exp(-(1.75**2 + 4) / divisor))
    # columns floor(20.25 - 7) .. ceil(20.25 + 8) - 1, rows 23 .. 37
    assert np.flatnonzero(maps.score_mask[0].max(axis=0) == 1)[[0, -1]].tolist() == [13, 28]
    assert np.flatnonzero(maps.score_mask[0].max(axis=1) == 1)[[0, -1]].tolist() == [23, 37]
    assert np.unique(maps.score_mask).tolist() == [np.float32(0.1), 1]
    assert not maps.scores[0, :, 29:].any()


def test_offsets_lead_from_every_cell_of_the_block_to_the_keypoint():
    keypoints, labelled, areas = person((20.5, 30.25), (41.5, 50.75))
    maps = pinet_maps_of(keypoints, labelled, areas, PAIR)
    offsets = maps.offsets.reshape(2, 2, 2, 128, 128)
    weights = maps.weights.reshape(2, 2, 2, 128, 128)
    # the centre (31, 40.5) is cut to (31, 40); 4 x 4 cells around it
    rows, columns = np.nonzero(weights[0, 0, 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max(), len(rows)) == (38, 41, 29, 32, 16)
    for joint in range(2):
        for row, column in zip(rows, columns, strict=True):
            cell = np.array([column, row])
            assert cell - offsets[0, joint, :, row, column] == pytest.approx(keypoints[0, joint])
    assert np.unique(weights).tolist() == [0, np.float32(0.05)]
    assert np.count_nonzero(pinet_maps_of(keypoints, labelled, areas, PAIR, variant="paper").weights[0]) == 9


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_smaller_person_wins_where_two_overlap(order):
    keypoints = np.array([[[20.0, 30]], [[21.0, 30]]])[order]
    areas = np.array([900.0, 400.0])[order]
    maps = pinet_maps_of(keypoints, np.ones((2, 1), dtype=bool), areas, ((0,),))
    assert np.count_nonzero(maps.weights[0] == np.float32(1 / 20)) == 16
    assert np.count_nonzero(maps.weights[0] == np.float32(1 / 30)) == 4


def test_what_is_outside_or_not_labelled_has_no_weight():
    maps = pinet_maps_of(*person((1.0, 1), (200, 1), (5, 5), labelled=[1, 1, 0]), ((0,), (1,), (2,)))
    weights = maps.weights.reshape(3, 3, 2, 128, 128)
    assert np.count_nonzero(weights[0, 0, 0]) == 9  # cut by the edge
    assert not weights[0, 1:].any()
    assert not weights[1:].any()
    assert not maps.scores[1:].any()


def test_crowds_are_masked_out():
    ignored = np.zeros((128, 128), dtype=bool)
    ignored[:64] = True
    maps = pinet_maps_of(*person((20.0, 63), (20, 63)), PAIR, ignored=ignored)
    assert not maps.point_mask[:, :64].any()
    assert maps.score_mask[0, 64, 20] == 1


def test_nobody_is_nothing():
    maps = pinet_maps_of(np.zeros((0, 14, 2)), np.zeros((0, 14), dtype=bool), np.zeros(0))
    assert maps.offsets.shape == (84, 128, 128)
    assert not maps.points.any()


def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="variant 'book'"):
        pinet_maps_of(*person((1.0, 1)), ((0,),), variant="book")
    with pytest.raises(ShapeError):
        pinet_maps_of(np.zeros((1, 14, 2)), np.zeros((1, 13), dtype=bool), np.ones(1))
