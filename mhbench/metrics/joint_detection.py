"""Joints found, whoever they belong to: precision, recall and F1 of joint points in metres or voxels (LoCO).

Source: fabbrimatteo/LoCO, revision 2ce56f32. `reference` is its matching: each true joint takes its nearest
prediction of its type, a prediction keeps the nearest of those, and who loses gets no second choice. It is
neither optimal nor symmetric; `hungarian` is the optimal alternative, and no table of the field holds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import ShapeError, UsageError
from mhbench.kernels import kernel
from mhbench.matching import hungarian_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Matching = Literal["reference", "hungarian"]


@dataclass(frozen=True)
class JointScore:
    """Counts of one frame and their shares as fractions.

    Both sides empty: 1, 1, 1. One side empty: 0, 0, 0.
    """

    tp: int
    fp: int
    fn: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class JointScores:
    """Many frames: each share is averaged over frames on its own, so `f1` is not that of the two others.

    Attributes:
        counts: (F, 3) int64, found, false and missed joints.
        precision: mean over frames, NaN without frames.
        recall: the same.
        f1: the same.
    """

    counts: Ints
    precision: float
    recall: float
    f1: float


def joint_f1(
    target_points: npt.ArrayLike,
    predicted_points: npt.ArrayLike,
    *,
    threshold: float,
    matching: Matching = "reference",
) -> JointScore:
    """Score the joints of one frame.

    Args:
        target_points: (N, 4) joint type, x, y, z in metres, or type and integer cell.
        predicted_points: (M, 4), the same.
        threshold: largest distance that is a hit (the threshold itself is one), in the unit of the points.
        matching: `reference` or `hungarian`.

    Raises:
        ShapeError: the points have no four columns.
        UsageError: unknown matching.
    """
    target, predicted = _points("target_points", target_points), _points("predicted_points", predicted_points)
    edges = [0, len(target)], [0, len(predicted)]
    (counts,) = joint_counts(target, predicted, *edges, thresholds=[threshold], matching=matching)
    (shares,) = joint_shares(counts).tolist()
    tp, fp, fn = (int(count) for count in counts[0])
    return JointScore(tp, fp, fn, *shares)


def joint_f1_frames(
    target_points: npt.ArrayLike,
    predicted_points: npt.ArrayLike,
    gt_start: npt.ArrayLike,
    pred_start: npt.ArrayLike,
    *,
    threshold: float,
    matching: Matching = "reference",
) -> JointScores:
    """`joint_f1` of every frame and the mean over frames: (sum N, 4), (sum M, 4) and two (F + 1,) offsets."""
    (counts,) = joint_counts(
        target_points, predicted_points, gt_start, pred_start, thresholds=[threshold], matching=matching
    )
    shares = joint_shares(counts)
    means = shares.mean(axis=0) if len(shares) else np.full(3, np.nan)
    return JointScores(counts, *means.tolist())


def joint_counts(
    target_points: npt.ArrayLike,
    predicted_points: npt.ArrayLike,
    gt_start: npt.ArrayLike,
    pred_start: npt.ArrayLike,
    *,
    thresholds: Sequence[float],
    matching: Matching = "reference",
) -> Ints:
    """(T, F, 3) found, false and missed joints of every frame at T thresholds, which share the distances.

    Other arguments as in `joint_f1_frames`.
    """
    target, predicted = _points("target_points", target_points), _points("predicted_points", predicted_points)
    targets, predictions = (np.ascontiguousarray(start, dtype=np.int64) for start in (gt_start, pred_start))
    check_shape("pred_start", predictions, "F+1", check_shape("gt_start", targets, "F+1"))
    if targets[-1] != len(target) or predictions[-1] != len(predicted):
        raise ShapeError(
            f"the offsets end at {targets[-1]} and {predictions[-1]}",
            expected=f"{len(target)} true and {len(predicted)} predicted points",
            action="pass the cumulative number of points, starting with 0",
        )
    kinds = _types("target_points", target), _types("predicted_points", predicted)
    count = 1 + max(int(kind.max(initial=-1)) for kind in kinds)
    if matching not in _MATCHINGS:
        raise UsageError(
            f"matching is {matching!r}", expected="reference or hungarian", action="see the published rule"
        )
    found = _MATCHINGS[matching](target, predicted, *kinds, count, targets, predictions, thresholds)
    counts = [found, np.diff(predictions) - found, np.diff(targets) - found]
    return np.stack(counts, axis=-1)


def joint_shares(counts: npt.ArrayLike) -> Floats:
    """(F, 3) precision, recall and F1 as fractions, from (F, 3) found, false and missed joints."""
    found, false, missed = np.asarray(counts, dtype=np.float64).reshape(-1, 3).T
    empty = (found + false + missed) == 0
    parts = [(found, found + false), (found, found + missed), (2 * found, 2 * found + missed + false)]
    return np.stack([np.where(empty, 1.0, part / np.maximum(whole, 1.0)) for part, whole in parts], axis=1)


def _count_nearest(
    target: Floats,
    predicted: Floats,
    target_kind: Ints,
    predicted_kind: Ints,
    kinds: int,
    target_start: Ints,
    predicted_start: Ints,
    thresholds: Sequence[float],
) -> Ints:
    """(T, F) predictions that are the nearest of some joint, within each threshold."""
    kept = np.full(len(predicted), np.inf)
    _keep_nearest(target, predicted, target_kind, predicted_kind, kinds, target_start, predicted_start, kept)
    found: Ints = np.zeros((len(thresholds), len(predicted_start) - 1), dtype=np.int64)
    for place, threshold in enumerate(thresholds):
        hits = np.append(0, np.cumsum(kept <= threshold))
        found[place] = np.diff(hits[predicted_start])
    return found


@kernel
def _keep_nearest(
    target: Floats,
    predicted: Floats,
    target_kind: Ints,
    predicted_kind: Ints,
    kinds: int,
    target_start: Ints,
    predicted_start: Ints,
    kept: Floats,
) -> None:
    """The distance of the nearest joint whose nearest prediction it is, for every prediction that is one."""
    # predictions of one type hang together in file order, so a joint looks at its own type only
    first = np.full(kinds, -1, np.int64)
    following = np.full(predicted.shape[0], -1, np.int64)
    for frame in range(target_start.size - 1):
        first[:] = -1
        for row in range(predicted_start[frame + 1] - 1, predicted_start[frame] - 1, -1):
            following[row] = first[predicted_kind[row]]
            first[predicted_kind[row]] = row
        for joint in range(target_start[frame], target_start[frame + 1]):
            nearest = -1
            least = np.inf
            row = first[target_kind[joint]]
            while row >= 0:
                distance = np.sqrt(
                    (target[joint, 1] - predicted[row, 1]) ** 2
                    + (target[joint, 2] - predicted[row, 2]) ** 2
                    + (target[joint, 3] - predicted[row, 3]) ** 2
                )
                if distance < least:
                    nearest = row
                    least = distance
                row = following[row]
            if nearest >= 0 and least < kept[nearest]:
                kept[nearest] = least


def _count_assigned(
    target: Floats,
    predicted: Floats,
    target_kind: Ints,
    predicted_kind: Ints,
    kinds: int,
    target_start: Ints,
    predicted_start: Ints,
    thresholds: Sequence[float],
) -> Ints:
    """(T, F) pairs of the best assignment within each threshold."""
    # one block per frame and type: joints of different types never meet
    true, true_start = _by_type(target, target_kind, kinds, target_start)
    given, given_start = _by_type(predicted, predicted_kind, kinds, predicted_start)
    distances = np.zeros(int(np.sum(np.diff(true_start) * np.diff(given_start))))
    _block_distances(true, given, true_start, given_start, distances)
    found: Ints = np.zeros((len(thresholds), len(target_start) - 1), dtype=np.int64)
    for place, threshold in enumerate(thresholds):
        match = hungarian_frames(distances, true_start, given_start, threshold)
        hits = np.append(0, np.cumsum(match >= 0))
        found[place] = np.diff(hits[target_start])
    return found


_MATCHINGS: Final = {"reference": _count_nearest, "hungarian": _count_assigned}


def _by_type(points: Floats, kind: Ints, kinds: int, start: Ints) -> tuple[Floats, Ints]:
    """Positions sorted by frame and type, and the offsets of each frame's types."""
    block = np.repeat(np.arange(start.size - 1), np.diff(start)) * kinds + kind
    order = np.argsort(block, kind="stable")
    edges = np.searchsorted(block[order], np.arange((start.size - 1) * kinds + 1)).astype(np.int64)
    return np.ascontiguousarray(points[order, 1:]), edges


@kernel
def _block_distances(
    target: Floats, predicted: Floats, target_start: Ints, predicted_start: Ints, distances: Floats
) -> None:
    index = 0
    for block in range(target_start.size - 1):
        for joint in range(target_start[block], target_start[block + 1]):
            for row in range(predicted_start[block], predicted_start[block + 1]):
                distances[index] = np.sqrt(
                    (target[joint, 0] - predicted[row, 0]) ** 2
                    + (target[joint, 1] - predicted[row, 1]) ** 2
                    + (target[joint, 2] - predicted[row, 2]) ** 2
                )
                index += 1


def _types(name: str, points: Floats) -> Ints:
    kind = points[:, 0].astype(np.int64)
    if not np.array_equal(kind, points[:, 0]) or kind.min(initial=0) < 0:
        raise ShapeError(
            f"{name} has a joint type that is no index",
            expected="0, 1, 2, ... in the first column",
            action="check the order of the columns: type, x, y, z",
        )
    return kind


def _points(name: str, values: npt.ArrayLike) -> Floats:
    points = np.ascontiguousarray(values, dtype=np.float64)
    if not points.size:
        points = points.reshape(0, 4)
    check_shape(name, points, "* 4")
    return points
