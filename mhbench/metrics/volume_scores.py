"""Scores of bodies as volumes, silhouettes and surfaces, and PCKh (BodyNet's metrics; Varol et al. 2018).

One number per sample: the mean over samples is the caller's, and so is what becomes of samples whose score is
not defined. The published code counts an empty union as 0; here it is NaN. A probability that is NaN is below
every threshold: nothing is there. Scores of all samples together are in `segmentation_scores`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import ShapeError
from mhbench.metrics.joint_errors import pve

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def voxel_iou(predicted: npt.ArrayLike, target: npt.ArrayLike, *, threshold: float = 0.5) -> Floats:
    """Intersection over union of occupied voxels.

    Args:
        predicted: (N, ...) bool, or occupancies and probabilities; occupied from the threshold on, itself
            included.
        target: (N, ...), the same shape.
        threshold: for both, where they are not bool.

    Returns:
        (N,) in [0, 1]; NaN where both are empty.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    p, g = _masks(predicted, target, threshold)
    shared = [np.count_nonzero(a & b) for a, b in zip(p, g, strict=True)]
    either = [np.count_nonzero(a | b) for a, b in zip(p, g, strict=True)]
    return _share(np.array(shared, dtype=np.float64), np.array(either, dtype=np.float64))


def packed_iou(predicted: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8]) -> Floats:
    """`voxel_iou` of volumes as bits, as `mhbench.volumes.pack` makes them: (N, B) uint8, B a multiple of 8.

    Raises:
        ShapeError: no bits, or of different sizes.
    """
    sizes = check_shape("predicted", predicted, "N B")
    check_shape("target", target, "N B", sizes)
    if predicted.dtype != np.uint8 or target.dtype != np.uint8 or predicted.shape[1] % 8:
        raise ShapeError(
            f"the bits are {predicted.dtype}{list(predicted.shape)} and {target.dtype}{list(target.shape)}",
            expected="uint8[N, B] twice, B a multiple of 8",
            action="use mhbench.volumes.pack",
        )
    p, g = (np.ascontiguousarray(bits).view(np.uint64) for bits in (predicted, target))
    shared, either = (np.bitwise_count(words).sum(axis=1, dtype=np.int64) for words in (p & g, p | g))
    return _share(shared.astype(np.float64), either.astype(np.float64))


def part_iou(predicted: npt.ArrayLike, target: npt.ArrayLike, *, parts: int = 6) -> Floats:
    """Intersection over union of each part of label volumes; classes are the arg max of a network's channels.

    Args:
        predicted: (N, ...) labels 0 .. parts.
        target: (N, ...), likewise.
        parts: how many, without the background 0.

    Returns:
        (N, parts + 1): background first; NaN where neither has the part.

    Raises:
        ShapeError: shapes that do not belong together, or labels that are no integers.
    """
    p, g = np.asarray(predicted), np.asarray(target)
    _check_same(p, g)
    if p.dtype.kind not in "iub" or g.dtype.kind not in "iub":
        raise ShapeError(
            f"the labels are {p.dtype} and {g.dtype}",
            expected="integers, 0 for the background",
            action="take the arg max over the channels first",
        )
    scores = np.full((len(p), parts + 1), np.nan)
    for label in range(parts + 1):
        scores[:, label] = voxel_iou(p == label, g == label)
    return scores


@dataclass(frozen=True)
class SilhouetteScores:
    """Scores of N silhouettes, each in [0, 1].

    Attributes:
        iou: (N,) of the foreground; NaN where both are empty.
        f1: (N,) of the foreground pixels, 2 TP / (2 TP + FP + FN); NaN where both are empty.
        accuracy: (N,) right pixels of the whole image, background included: it depends on the crop.
    """

    iou: Floats
    f1: Floats
    accuracy: Floats


def silhouette_scores(
    predicted: npt.ArrayLike, target: npt.ArrayLike, *, threshold: float = 0.5
) -> SilhouetteScores:
    """IoU, F1 and accuracy of silhouettes.

    Args:
        predicted: (N, H, W) bool or probabilities; foreground from the threshold on, itself included.
        target: (N, H, W).
        threshold: for both, where they are not bool.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    p, g = _masks(predicted, target, threshold)
    both = np.array([np.count_nonzero(a & b) for a, b in zip(p, g, strict=True)], dtype=np.float64)
    one = np.array([np.count_nonzero(a ^ b) for a, b in zip(p, g, strict=True)], dtype=np.float64)
    pixels = float(p[0].size) if len(p) else 0.0
    right = pixels - one
    return SilhouetteScores(
        iou=_share(both, both + one),
        f1=_share(2 * both, 2 * both + one),
        accuracy=_share(right, np.full(len(right), pixels)),
    )


def surface_error(vertices_p: npt.ArrayLike, vertices_t: npt.ArrayLike) -> Floats:
    """Mean distance of corresponding vertices, nothing aligned: root depth and focal length count as known.

    Args:
        vertices_p: (N, V, 3) m, predicted.
        vertices_t: (N, V, 3) m, same topology; landmarks likewise.

    Returns:
        (N,) mm.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    return pve(vertices_p, vertices_t)


def pckh(
    predicted: npt.ArrayLike,
    target: npt.ArrayLike,
    head_sizes: npt.ArrayLike,
    *,
    valid: npt.ArrayLike | None = None,
    threshold: float = 0.5,
) -> float:
    """Percentage of 2D joints nearer to the truth than a share of the head's size (MPII), itself included.

    Args:
        predicted: (N, J, 2) px; NaN is wrong.
        target: (N, J, 2) px.
        head_sizes: (N,) px, length of the head segment; MPII takes 0.6 of the diagonal of the head box, and
            BodyNet's code, which has no heads, a tenth of the side of the crop. NaN is wrong, so leave such
            people out by `valid`.
        valid: (N, J) bool, the joints that count; none: all.
        threshold: share of the head's size.

    Returns:
        Percent over all joints that count; NaN for none.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    p, g = np.asarray(predicted, dtype=np.float64), np.asarray(target, dtype=np.float64)
    sizes = check_shape("predicted", p, "N J 2")
    check_shape("target", g, "N J 2", sizes)
    heads = np.asarray(head_sizes, dtype=np.float64)
    check_shape("head_sizes", heads, "N", sizes)
    counted = np.ones(p.shape[:2], dtype=np.bool_) if valid is None else np.asarray(valid, dtype=np.bool_)
    check_shape("valid", counted, "N J", sizes)
    distance = np.hypot(*np.moveaxis(p - g, -1, 0))
    right = distance <= threshold * heads[:, None]
    return 100.0 * float(np.sum(right & counted)) / float(np.sum(counted)) if counted.any() else float("nan")


def _masks(
    predicted: npt.ArrayLike, target: npt.ArrayLike, threshold: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    p, g = np.asarray(predicted), np.asarray(target)
    _check_same(p, g)
    return _occupied(p, threshold), _occupied(g, threshold)


def _check_same(predicted: npt.NDArray[Any], target: npt.NDArray[Any]) -> None:
    if predicted.ndim < 2 or predicted.shape != target.shape:
        raise ShapeError(
            f"predicted has shape {predicted.shape}, target {target.shape}",
            expected="(N, ...) twice, the same",
            action="give both on the same grid, with the samples along the first axis",
        )


def _occupied(values: npt.NDArray[Any], threshold: float) -> npt.NDArray[np.bool_]:
    return values if values.dtype == np.bool_ else np.asarray(values >= threshold)


def _share(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0))
