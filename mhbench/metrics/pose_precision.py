"""Average precision of whole 3D poses over a set, as VoxelPose evaluates its Panoptic sequences.

Source: microsoft/voxelpose-pytorch, revision 53bc0dd7, `lib/dataset/panoptic.py` (read, not run). Its 1e-5 in
the denominators of precision and recall is kept: a perfect result has an AP just below 100.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import PredictionError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

THRESHOLDS_MM: Final = (25.0, 50.0, 75.0, 100.0, 125.0, 150.0)
HIT_MM: Final = 500.0
"""Distance below which a prediction counts for recall and for the mean error."""
TINY: Final = 1e-5


@dataclass(frozen=True)
class PoseScore:
    """Scores of a set of frames.

    Attributes:
        ap: percent by threshold in mm.
        recall: percent of people that some prediction is nearest to, below 500 mm.
        mpjpe: mean error in mm over hits below 500 mm, one per person; NaN without hits.
        people: true people.
        hits: people with a hit below 500 mm.
    """

    ap: dict[float, float]
    recall: float
    mpjpe: float
    people: int
    hits: int


@dataclass(frozen=True)
class PoseMatches:
    """Whom every prediction belongs to, best score first; subsets and bootstrap draws weigh frames anew.

    Attributes:
        people: (F,) true people of each frame.
        frame: (D,) frame of each prediction, in frames that have people.
        distance: (D,) mm to its nearest true person.
        hits: for each threshold in mm (D,) whether the prediction is the first of its person below it.
    """

    people: Ints
    frame: Ints
    distance: Floats
    hits: dict[float, npt.NDArray[np.bool_]]

    def score(self, weights: npt.ArrayLike | None = None) -> PoseScore:
        """The scores when frame f counts `weights[f]` times, (F,) whole numbers; once by default."""
        times = np.ones(len(self.people), dtype=np.int64)
        if weights is not None:
            times = np.asarray(weights).astype(np.int64)
        people = int(np.sum(times * self.people))
        limits = [limit for limit in self.hits if limit != HIT_MM]
        if not people:
            return PoseScore(dict.fromkeys(limits, -1.0), -1.0, np.nan, 0, 0)
        copies = times[self.frame]
        near = np.repeat(self.distance, np.where(self.hits[HIT_MM], copies, 0))
        return PoseScore(
            ap={limit: 100.0 * _area(np.repeat(self.hits[limit], copies), people) for limit in limits},
            recall=100.0 * near.size / people,
            mpjpe=float(near.mean()) if near.size else np.nan,
            people=people,
            hits=near.size,
        )


def pose_ap(
    target: Sequence[npt.ArrayLike],
    predicted: Sequence[npt.ArrayLike],
    scores: Sequence[npt.ArrayLike],
    *,
    visible: Sequence[npt.ArrayLike] | None = None,
    thresholds_mm: Sequence[float] = THRESHOLDS_MM,
) -> PoseScore:
    """Score predicted poses over a set of frames.

    Every prediction belongs to its nearest true person: mean distance over that person's visible joints, the
    earlier of equally near ones. By score it is a hit if the distance is below the threshold and its person
    has none yet; there is no second choice. Frames without people are skipped, with their predictions.

    Args:
        target: per frame (P, J, 3) mm, any common frame.
        predicted: per frame (Q, J, 3) mm.
        scores: per frame (Q,); equal scores keep frame and file order.
        visible: per frame (P, J); all by default. People without any visible joint are never the nearest.
        thresholds_mm: strict.

    Returns:
        the scores; without true people -1 as AP and recall.

    Raises:
        ShapeError: the lists do not belong together.
        PredictionError: a score is NaN, or a joint is missing (NaN): the rule has no place for it.
    """
    return match_poses(target, predicted, scores, visible=visible, thresholds_mm=thresholds_mm).score()


def match_poses(
    target: Sequence[npt.ArrayLike],
    predicted: Sequence[npt.ArrayLike],
    scores: Sequence[npt.ArrayLike],
    *,
    visible: Sequence[npt.ArrayLike] | None = None,
    thresholds_mm: Sequence[float] = THRESHOLDS_MM,
) -> PoseMatches:
    """Find the person of every prediction; arguments and errors of `pose_ap`."""
    if not len(target) == len(predicted) == len(scores) == len(target if visible is None else visible):
        raise ShapeError(
            f"{len(target)} frames of truth, {len(predicted)} of predictions, {len(scores)} of scores",
            expected="one entry per frame in each list",
            action="pass empty arrays for frames without people",
        )
    people = np.array([len(np.asarray(truth)) for truth in target], dtype=np.int64)
    first = np.cumsum(people) - people
    distances, owners, ranks, frames = [np.zeros(0)], [np.zeros(0, np.int64)], [np.zeros(0)], []
    for frame in np.flatnonzero(people).tolist():
        true = np.asarray(target[frame], dtype=np.float64)
        seen = np.ones(true.shape[:2], np.bool_) if visible is None else np.asarray(visible[frame]) > 0
        found, score = _predictions(frame, predicted[frame], scores[frame], true)
        distance = _mean_distances(true, seen, found)
        distances.append(distance.min(axis=1))
        owners.append(first[frame] + distance.argmin(axis=1))
        ranks.append(score)
        frames += [frame] * len(found)
    order = np.argsort(-np.concatenate(ranks), kind="stable")
    distance, owner = np.concatenate(distances)[order], np.concatenate(owners)[order]
    return PoseMatches(
        people=people,
        frame=np.array(frames, dtype=np.int64)[order],
        distance=distance,
        hits={limit: _first_hits(distance, owner, limit) for limit in (*thresholds_mm, HIT_MM)},
    )


def _predictions(
    frame: int, predicted: npt.ArrayLike, scores: npt.ArrayLike, true: Floats
) -> tuple[Floats, Floats]:
    sizes = check_shape(f"target[{frame}]", true, "P J 3")
    found = np.asarray(predicted, dtype=np.float64)
    if not found.size:
        found = found.reshape(0, *true.shape[1:])
    score = np.asarray(scores, dtype=np.float64).reshape(-1)
    check_shape(f"predicted[{frame}]", found, "Q J 3", sizes)
    check_shape(f"scores[{frame}]", score, "Q", sizes)
    if np.any(np.isnan(score)) or np.any(np.isnan(found)):
        raise PredictionError(
            f"predicted[{frame}] or scores[{frame}] contains NaN",
            expected="every joint of every person and a score: the rule has no place for missing joints",
            action="leave out people with missing joints, or fill them in",
        )
    return found, score


def _mean_distances(true: Floats, seen: npt.NDArray[np.bool_], found: Floats) -> Floats:
    """(Q, P) mean distance over the visible joints of each true person."""
    distance = np.sqrt(np.sum((found[:, None] - true[None]) ** 2, axis=-1))
    total = np.sum(np.where(seen[None], distance, 0.0), axis=-1)
    count = seen.sum(axis=-1)
    mean: Floats = np.where(count > 0, total / np.maximum(count, 1), np.inf)
    return mean


def _first_hits(distance: Floats, owner: Ints, limit: float) -> npt.NDArray[np.bool_]:
    near = np.flatnonzero(distance < limit)
    _, first = np.unique(owner[near], return_index=True)
    hit = np.zeros(distance.size, dtype=np.bool_)
    hit[near[first]] = True
    return hit


def _area(hit: npt.NDArray[np.bool_], people: int) -> float:
    right = np.cumsum(hit)
    precision = right / (np.arange(1, hit.size + 1) + TINY)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(right / (people + TINY), prepend=0.0) * envelope))
