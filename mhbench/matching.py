"""Named, deterministic rules that say which prediction meets which true person.

Every rule takes arrays of one frame and returns `match`, (P,) int64: the index of the prediction that each
true person met, or -1. `..._frames` takes many frames at once: their (P, Q) blocks stored row by row, one
after the other, and offsets; indices in the result count inside their frame.

Order decides ties: the earlier true person, then the earlier prediction. No rule reads random state, and
NaN distances never match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mhbench import matching_kernels
from mhbench.checks import check_shape
from mhbench.errors import ShapeError

if TYPE_CHECKING:
    import numpy.typing as npt

    Match = npt.NDArray[np.int64]


def given(target_keys: npt.ArrayLike, predicted_keys: npt.ArrayLike) -> Match:
    """The model was given a person's box and says whose: equal keys meet.

    Args:
        target_keys: (P,) tracks of the true people.
        predicted_keys: (Q,) the track each prediction names; of several with one track the first counts.

    Returns:
        match, (P,).
    """
    targets, predictions = np.atleast_1d(target_keys), np.atleast_1d(predicted_keys)
    same = targets[:, None] == predictions[None, :]
    return _first(same)


def track_index(target_count: int, predicted_count: int) -> Match:
    """Prediction i is person i (the 3DPW challenge)."""
    index = np.arange(target_count, dtype=np.int64)
    return np.where(index < predicted_count, index, -1)


def highest_score(scores: npt.ArrayLike, target_count: int = 1) -> Match:
    """The prediction with the highest score meets the one true person of the frame.

    Args:
        scores: (Q,); of equal scores the first counts, NaN is below every score.
        target_count: number of true people, 0 or 1.

    Raises:
        ShapeError: there are several true people; the rule is for data sets with one.
    """
    if target_count > 1:
        raise ShapeError(
            f"highest_score got {target_count} true people in one frame",
            expected="0 or 1: the rule is for data sets with one person per frame",
            action="use hungarian",
        )
    score = np.nan_to_num(np.atleast_1d(np.asarray(scores, dtype=np.float64)), nan=-np.inf)
    best = int(np.argmax(score)) if score.size else -1
    return np.full(target_count, best, dtype=np.int64)


def hungarian(distances: npt.ArrayLike, limit: float = np.inf) -> Match:
    """One-to-one assignment: first the largest number of pairs within the limit, then the least total.

    Args:
        distances: (P, Q), true people by predictions, any unit.
        limit: pairs above it are inadmissible before the assignment; the limit itself is admissible.

    Returns:
        match, (P,).
    """
    block = np.ascontiguousarray(distances, dtype=np.float64)
    sizes = check_shape("distances", block, "P Q")
    return hungarian_frames(block.ravel(), np.array([0, sizes["P"]]), np.array([0, sizes["Q"]]), limit)


def hungarian_frames(
    distances: npt.ArrayLike, gt_start: npt.ArrayLike, pred_start: npt.ArrayLike, limit: float = np.inf
) -> Match:
    """`hungarian` for many frames in one compiled loop.

    Args:
        distances: (sum of P_f * Q_f,), the blocks of the frames, row by row (true people are rows).
        gt_start: (F + 1,) offsets of the true people of each frame.
        pred_start: (F + 1,) offsets of the predictions of each frame.
        limit: as in `hungarian`.

    Returns:
        match, (sum of P_f,), indices inside the frame.

    Raises:
        ShapeError: the offsets do not describe as many distances as were given.
    """
    flat = np.ascontiguousarray(distances, dtype=np.float64)
    check_shape("distances", flat, "*")
    targets, predictions = _offsets(gt_start, pred_start)
    pairs = int(np.sum(np.diff(targets) * np.diff(predictions)))
    if pairs != flat.size:
        raise ShapeError(
            f"distances has {flat.size} values",
            expected=f"{pairs}, the sum over frames of true people times predictions",
            action="check the offsets, and that the blocks of all frames are there",
        )
    match = np.full(targets[-1], -1, dtype=np.int64)
    matching_kernels.assign_frames(flat, targets, predictions, float(limit), match)
    return match


MUPOTS_JOINTS = slice(1, 14)
"""The joints of the 17 that MuPoTS-3D matches by: all but head top, pelvis, spine and head."""
MUPOTS_LIMIT_PX = 40.0


def mupots_2d(target2d: npt.ArrayLike, predicted2d: npt.ArrayLike) -> Match:
    """The rule of MuPoTS-3D's tool: by number of joints found in the image, in file order of the truth.

    A joint is found if both |dx| and |dy| are below 40 px (a square, not a circle); a predicted joint at
    exactly (0, 0) is not. One found joint is enough. Equal numbers: the earlier prediction.

    Args:
        target2d: (P, 17, 2) px, the joints of the benchmark.
        predicted2d: (Q, 17, 2) px.

    Returns:
        match, (P,).
    """
    target, predicted = np.asarray(target2d), np.asarray(predicted2d)
    return mupots_2d_frames(target, predicted, [0, len(target)], [0, len(predicted)])


def mupots_2d_frames(
    target2d: npt.ArrayLike, predicted2d: npt.ArrayLike, gt_start: npt.ArrayLike, pred_start: npt.ArrayLike
) -> Match:
    """`mupots_2d` for many frames: (sum P, 17, 2), (sum Q, 17, 2) px and the offsets of each."""
    targets, predictions = _offsets(gt_start, pred_start)
    target = np.asarray(target2d, dtype=np.float64)
    predicted = np.asarray(predicted2d, dtype=np.float64)
    check_shape("target2d", target, f"{targets[-1]} 17 2")
    check_shape("predicted2d", predicted, f"{predictions[-1]} 17 2")
    match = np.full(targets[-1], -1, dtype=np.int64)
    matching_kernels.most_hits_frames(
        np.ascontiguousarray(target[:, MUPOTS_JOINTS]),
        np.ascontiguousarray(predicted[:, MUPOTS_JOINTS]),
        targets,
        predictions,
        MUPOTS_LIMIT_PX,
        match,
    )
    return match


def greedy(distances: npt.ArrayLike, limit: float = np.inf, *, inclusive: bool = True) -> Match:
    """Least distance first, each side once.

    Args:
        distances: (P, Q), any unit.
        limit: largest distance that matches.
        inclusive: whether a distance equal to the limit matches.

    Returns:
        match, (P,).
    """
    block = np.ascontiguousarray(distances, dtype=np.float64)
    check_shape("distances", block, "P Q")
    match = np.full(len(block), -1, dtype=np.int64)
    matching_kernels.greedy(block, float(limit), inclusive, match)
    return match


def nearest_2d(target2d: npt.ArrayLike, predicted2d: npt.ArrayLike) -> Match:
    """Each true person takes the nearest prediction, centres (P, 2) and (Q, 2) px; it may serve several."""
    target, predicted = np.asarray(target2d, dtype=np.float64), np.asarray(predicted2d, dtype=np.float64)
    check_shape("target2d", target, "P 2")
    check_shape("predicted2d", predicted, "Q 2")
    return _nearest(np.linalg.norm(target[:, None] - predicted[None], axis=-1))


def nearest_3d(
    target: npt.ArrayLike,
    predicted: npt.ArrayLike,
    visible: npt.ArrayLike | None = None,
    *,
    root: int = 0,
    predicted_root: int | None = None,
) -> Match:
    """The rule of CRMH's Panoptic test: the least root-relative distance, and a prediction may serve several.

    Args:
        target: (P, J, 3), any unit.
        predicted: (Q, J, 3), the same unit.
        visible: (P, J); only joints that are visible in every true person of the frame are compared.
        root: joint that is subtracted from the true people.
        predicted_root: the one for the predictions, if it is another.

    Returns:
        match, (P,).
    """
    truth, found = np.asarray(target, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    sizes = check_shape("target", truth, "P J 3")
    check_shape("predicted", found, "Q J 3", sizes)
    seen = np.ones(truth.shape[:2], dtype=np.bool_) if visible is None else np.asarray(visible) > 0
    check_shape("visible", seen, "P J", sizes)
    common = seen.all(axis=0)
    truth = truth - truth[:, [root]]
    found = found - found[:, [root if predicted_root is None else predicted_root]]
    difference = truth[:, None, common] - found[None][:, :, common]
    return _nearest(np.sqrt(np.sum(difference**2, axis=(-2, -1))))


def _nearest(distances: npt.NDArray[np.float64]) -> Match:
    if not distances.shape[1]:
        return np.full(len(distances), -1, dtype=np.int64)
    known = np.where(np.isnan(distances), np.inf, distances)
    return np.where(known.min(axis=1) < np.inf, known.argmin(axis=1), -1)


def _first(same: npt.NDArray[np.bool_]) -> Match:
    if not same.shape[1]:
        return np.full(len(same), -1, dtype=np.int64)
    return np.where(same.any(axis=1), same.argmax(axis=1), -1)


def _offsets(gt_start: npt.ArrayLike, pred_start: npt.ArrayLike) -> tuple[Match, Match]:
    starts = []
    sizes: dict[str, int] = {}
    for name, value in (("gt_start", gt_start), ("pred_start", pred_start)):
        start = np.ascontiguousarray(value, dtype=np.int64)
        check_shape(name, start, "F+1", sizes)
        if start.size == 0 or start[0] != 0 or np.any(np.diff(start) < 0):
            raise ShapeError(
                f"{name} is no list of offsets",
                expected="F + 1 numbers that start at 0 and never fall",
                action="pass the cumulative number of people, starting with 0",
            )
        starts.append(start)
    return starts[0], starts[1]


def greedy_2d(
    target2d: npt.ArrayLike,
    predicted2d: npt.ArrayLike,
    valid: npt.ArrayLike | None = None,
    *,
    least_overlap: float,
) -> Match:
    """The rule of AGORA (overlap 0.1), BEV's Panoptic test and Relative Human (both 0.05).

    Pairs in ascending 2D distance, each side once. The distance is the largest singular value of the
    differences of the valid joints, not divided by their number. A pair whose boxes overlap too little is
    rejected, and every rejection uses up one prediction: the search ends when pairs and rejections together
    are as many as there are predictions, so it may end before everyone was tried.

    Args:
        target2d: (P, J, 2) px; a person's box holds all joints, the sentinel of invalid ones included.
        predicted2d: (Q, J, 2) px; joints that are NaN are not read.
        valid: (P, J), which true joints the distance reads; all by default.
        least_overlap: least intersection over union of the boxes, sizes with one pixel added.

    Returns:
        match, (P,).
    """
    target, predicted = np.asarray(target2d, dtype=np.float64), np.asarray(predicted2d, dtype=np.float64)
    sizes = check_shape("target2d", target, "P J 2")
    check_shape("predicted2d", predicted, "Q J 2", sizes)
    read = np.ones(target.shape[:2], dtype=np.bool_) if valid is None else np.asarray(valid) != 0
    check_shape("valid", read, "P J", sizes)
    match = np.full(sizes["P"], -1, dtype=np.int64)
    matching_kernels.greedy_boxes(
        np.ascontiguousarray(target), np.ascontiguousarray(predicted), read, float(least_overlap), match
    )
    return match


def oks(similarities: npt.ArrayLike, scores: npt.ArrayLike, *, threshold: float = 0.5) -> Match:
    """The rule of the keypoint AP for people who all count: best score first, each the most similar free one.

    Args:
        similarities: (P, Q) object keypoint similarity.
        scores: (Q,); equal scores keep file order.
        threshold: least similarity that matches.

    Returns:
        match, (P,). Of equally similar people the later one is met.
    """
    block = np.asarray(similarities, dtype=np.float64)
    sizes = check_shape("similarities", block, "P Q")
    score = np.asarray(scores, dtype=np.float64)
    check_shape("scores", score, "Q", sizes)
    match = np.full(sizes["P"], -1, dtype=np.int64)
    for row in np.argsort(-score, kind="stable"):
        free = np.where(match < 0, block[:, row], -np.inf)
        # of equal values the last: the tools compare with "not smaller"
        best = sizes["P"] - 1 - int(np.argmax(free[::-1])) if sizes["P"] else -1
        if best >= 0 and free[best] >= min(threshold, 1 - 1e-10):
            match[best] = row
    return match
