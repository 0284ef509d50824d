"""Average precision of root positions, AP_25^root, as RootNet's evaluation counts on MuPoTS-3D.

Source: mks0601/3DMPPE_ROOTNET_RELEASE, revision 735ce210. Two traits of its curve are kept: precision is not
interpolated, and the first prediction's share of the recall is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import PredictionError, ShapeError
from mhbench.kernels import kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

FARTHEST_MM: Final = 9999.0
"""The tool looks for the nearest person below this distance."""


def root_ap(
    target: Sequence[npt.ArrayLike],
    predicted: Sequence[npt.ArrayLike],
    scores: Sequence[npt.ArrayLike],
    *,
    threshold_mm: float = 250.0,
) -> float:
    """Average precision of predicted roots over a set of images.

    By score (equal scores: image order, then file order) each prediction takes the nearest true root of its
    image; it is right if that is nearer than the threshold and not taken. There is no second choice.

    Args:
        target: per image (P, 3) mm, camera frame, the people that take part. Images without any are skipped.
        predicted: per image (Q, 3) mm.
        scores: per image (Q,).
        threshold_mm: distances below it are right, the threshold itself is not.

    Returns:
        percent; 0 without predictions, -1 where no image has a true root.

    Raises:
        ShapeError: the lists do not belong together.
        PredictionError: a score is NaN.
    """
    if not len(target) == len(predicted) == len(scores):
        raise ShapeError(
            f"{len(target)} images of truth, {len(predicted)} of predictions, {len(scores)} of scores",
            expected="one entry per image in each list",
            action="pass empty arrays for images without people",
        )
    people = [_rows(f"target[{image}]", rows, 3) for image, rows in enumerate(target)]
    used = [image for image, rows in enumerate(people) if len(rows)]
    if not used:
        return -1.0
    found = [_rows(f"predicted[{image}]", predicted[image], 3) for image in used]
    score = [_rows(f"scores[{image}]", np.reshape(scores[image], (-1, 1)), 1)[:, 0] for image in used]
    for image, rows, values in zip(used, found, score, strict=True):
        check_shape(f"scores[{image}]", values, f"{len(rows)}")
        if np.any(np.isnan(values)):
            raise PredictionError(
                f"scores[{image}][{np.flatnonzero(np.isnan(values))[0]}] is NaN",
                expected="a number; a curve over NaN scores has no order",
                action="leave out people without a score",
            )
    matches = match_roots(
        np.concatenate([people[image] for image in used]),
        np.append(0, np.cumsum([len(people[image]) for image in used])),
        np.concatenate(found),
        np.append(0, np.cumsum([len(rows) for rows in found])),
        np.concatenate(score),
        threshold_mm=threshold_mm,
    )
    return matches.average_precision(np.ones(len(used)))


@dataclass(frozen=True)
class RootMatches:
    """Which predicted roots are right, best score first; subsets and bootstrap draws weigh images anew.

    Attributes:
        people: (F,) true roots of each image.
        image: (D,) image of each prediction, in images that have a true root.
        right: (D,) whether it is right.
    """

    people: Ints
    image: Ints
    right: npt.NDArray[np.bool_]

    def average_precision(self, weights: npt.ArrayLike) -> float:
        """Percent when image f counts `weights[f]` times, (F,) whole numbers; -1 without true roots."""
        times = np.asarray(weights).astype(np.int64)
        people = int(np.sum(times * self.people))
        if not people:
            return -1.0
        return 100.0 * _area(np.repeat(self.right, times[self.image]), people)


def match_roots(
    target: npt.ArrayLike,
    target_start: npt.ArrayLike,
    predicted: npt.ArrayLike,
    predicted_start: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    threshold_mm: float = 250.0,
) -> RootMatches:
    """Decide which predicted roots are right, as `root_ap` does.

    Args:
        target: (P, 3) mm, camera frame, image after image.
        target_start: (F + 1,) offsets of the images.
        predicted: (Q, 3) mm.
        predicted_start: (F + 1,) offsets of the images.
        scores: (Q,), no NaN.
        threshold_mm: distances below it are right.
    """
    roots, found = _rows("target", target, 3), _rows("predicted", predicted, 3)
    starts = [np.asarray(start, dtype=np.int64) for start in (target_start, predicted_start)]
    score = np.asarray(scores, dtype=np.float64)
    check_shape("scores", score, f"{len(found)}")
    people = np.diff(starts[0])
    image = np.repeat(np.arange(len(people)), np.diff(starts[1]))
    used = np.flatnonzero(people[image] > 0)
    order = used[np.argsort(-score[used], kind="stable")]
    right = np.zeros(order.size, dtype=np.bool_)
    _mark_right(roots, starts[0], found, image, order, float(threshold_mm), right)
    return RootMatches(people, image[order], right)


def _area(right: npt.NDArray[np.bool_], people: int) -> float:
    hits = np.cumsum(right)
    precision = hits / np.arange(1, right.size + 1)
    recall = hits / people
    return float(np.sum(precision[1:] * np.diff(recall)))


@kernel
def _mark_right(
    roots: Floats,
    start: Ints,
    predicted: Floats,
    image_of: Ints,
    order: Ints,
    threshold: float,
    right: npt.NDArray[np.bool_],
) -> None:
    taken = np.zeros(roots.shape[0], np.bool_)
    for rank in range(order.size):
        row = order[rank]
        image = image_of[row]
        nearest = -1
        least = FARTHEST_MM
        for person in range(start[image], start[image + 1]):
            distance = np.sqrt(
                (roots[person, 0] - predicted[row, 0]) ** 2
                + (roots[person, 1] - predicted[row, 1]) ** 2
                + (roots[person, 2] - predicted[row, 2]) ** 2
            )
            if distance < least:
                nearest = person
                least = distance
        if nearest >= 0 and least < threshold and not taken[nearest]:
            taken[nearest] = True
            right[rank] = True


def _rows(name: str, values: npt.ArrayLike, width: int) -> Floats:
    rows = np.ascontiguousarray(values, dtype=np.float64)
    if not rows.size:
        rows = rows.reshape(0, width)
    check_shape(name, rows, f"* {width}")
    return rows
