"""PINet's pose fusion: poses of one person, proposed by its parts, become one with the best of each keypoint.

Checked against the public code's results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SAME_PERSON: Final = 0.7  # object keypoint similarity, exclusive
_EPSILON: Final = float(np.spacing(1))


class Fused(NamedTuple):
    """People of one image, by the score of their best pose.

    Attributes:
        poses: (M, K, 3) x, y and score of each keypoint, the best copy of the group.
        scores: (M,) mean of those keypoint scores.
        kept: (M,) row of the best pose of each group: plain suppression.
        suppressed: for each group the rows of its other poses, by descending score.
    """

    poses: Floats
    scores: Floats
    kept: tuple[int, ...]
    suppressed: tuple[tuple[int, ...], ...]


def fuse_poses(
    poses: npt.NDArray[np.floating[Any]],
    scores: npt.NDArray[np.floating[Any]],
    sigmas: Sequence[float],
    *,
    same_person: float = SAME_PERSON,
) -> Fused:
    """Group poses by similarity to the best one left, and fuse each group.

    Args:
        poses: (N, K, 3) x, y in px of the image and the score of each keypoint.
        scores: (N,) pose scores.
        sigmas: (K,) falloffs of the keypoints.
        same_person: similarity above which two poses are one person.

    Raises:
        ShapeError: the arrays do not fit each other.
    """
    sizes = check_shape("poses", poses, "N K 3")
    check_shape("scores", scores, "N", sizes)
    if len(sigmas) != sizes["K"]:
        raise ShapeError(
            f"there are {len(sigmas)} sigmas",
            expected=f"{sizes['K']}, one for each keypoint",
            action="take those of the skeleton: mhbench.skeletons.skeleton(NAME).sigmas",
        )
    places = np.asarray(poses, dtype=np.float64)
    order = np.argsort(-np.asarray(scores), kind="stable")
    kept, suppressed = [], []
    while order.size:
        best, others = order[0], order[1:]
        same = pose_similarity(places[best], places[others], sigmas) > same_person
        kept.append(int(best))
        suppressed.append(tuple(others[same].tolist()))
        order = others[~same]
    joints = np.arange(sizes["K"])
    fused = np.zeros((len(kept), sizes["K"], 3))
    for number, (best_row, group) in enumerate(zip(kept, suppressed, strict=True)):
        rows = np.array([best_row, *group])
        # of equal copies the one of the better pose stays
        fused[number] = places[rows[np.argmax(places[rows, :, 2], axis=0)], joints]
    return Fused(fused, fused[..., 2].mean(axis=1), tuple(kept), tuple(suppressed))


def pose_similarity(one: Floats, others: Floats, sigmas: Sequence[float]) -> Floats:
    """(N,) object keypoint similarity of poses; a pose's area is the box of all its keypoints.

    Args:
        one: (K, 2 or more) x, y.
        others: (N, K, 2 or more).
        sigmas: (K,).
    """
    variances = (2 * np.asarray(sigmas, dtype=np.float64)) ** 2
    squares = np.sum((others[..., :2] - one[..., :2]) ** 2, axis=-1)
    areas = (_area(one) + _area(others)) / 2
    return np.asarray(np.mean(np.exp(-squares / variances / (areas[:, None] + _EPSILON) / 2), axis=-1))


def _area(poses: Floats) -> Floats:
    sides = poses[..., :2].max(axis=-2) - poses[..., :2].min(axis=-2)
    return np.asarray(sides[..., 0] * sides[..., 1])
