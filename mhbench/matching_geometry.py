"""Distances between people and overlaps of boxes, as the matching rules of the evaluators read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def box_overlap(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Intersection over union (P, Q) of boxes (P, 4), (Q, 4): left, top, right, bottom, inclusive pixels."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.maximum(high - low + 1, 0), axis=-1)
    areas = [np.prod(box[:, 2:] - box[:, :2] + 1, axis=-1) for box in (first, second)]
    overlap: npt.NDArray[np.float64] = shared / (areas[0][:, None] + areas[1][None, :] - shared)
    return overlap


def boxes(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Boxes (P, 4) around all joints of people (P, J, 2): left, top, right, bottom."""
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=-1)


def largest_singular_value(difference: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Spectral norm (...,) of matrices (..., n, 2): the root of the larger eigenvalue of the Gram matrix."""
    x, y = difference[..., 0], difference[..., 1]
    xx, yy, xy = np.sum(x * x, axis=-1), np.sum(y * y, axis=-1), np.sum(x * y, axis=-1)
    value: npt.NDArray[np.float64] = np.sqrt((xx + yy + np.hypot(xx - yy, 2 * xy)) / 2)
    return value
