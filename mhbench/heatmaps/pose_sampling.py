"""PINet's maps -> poses: each good cell of a part's point map proposes a whole person through its offsets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.heatmaps.flat_maps import best_cells, bilinear

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

PROPOSALS: Final = 30  # of each part, at inference
TRAINING_PROPOSALS: Final = 40  # of each part: 120 per image
LEAST_SCORE: Final = 0.01


class Proposals(NamedTuple):
    """Poses proposed by the parts, by part, then by descending part score.

    Attributes:
        poses: (N, K, 3) x, y in cells and the score of the keypoint.
        scores: (N,) pose scores, the mean of the keypoint scores.
        cells: (N, 3) part, row, column that proposed the pose.
    """

    poses: Floats
    scores: Floats
    cells: Ints


def sample_poses(
    points: npt.NDArray[np.floating[Any]],
    scores: npt.NDArray[np.floating[Any]],
    offsets: npt.NDArray[np.floating[Any]],
    *,
    most: int = PROPOSALS,
    above: float = LEAST_SCORE,
) -> Proposals:
    """Poses of an image at inference.

    A cell proposes a pose if it is largest in its 3 x 3 square (5 x 5 where the mean side of the maps is
    above 200, 7 x 7 above 300). A keypoint's score is the part's score times the bilinear value of its score
    map.

    Args:
        points: (parts, H, W) point maps.
        scores: (K, H, W) score maps.
        offsets: (parts * K * 2, H, W) offset maps.
        most: proposals of each part.
        above: least part score, exclusive.

    Raises:
        ShapeError: the maps do not fit each other.
    """
    sizes = check_shape("scores", scores, "K H W")
    parts = check_shape("points", points, "P H W", {"H": sizes["H"], "W": sizes["W"]})["P"]
    joints = sizes["K"]
    check_shape("offsets", offsets, f"{parts * joints * 2} H W", {"H": sizes["H"], "W": sizes["W"]})
    mean_side = (sizes["H"] + sizes["W"]) / 2
    side = 3 if mean_side <= 200 else 5 if mean_side <= 300 else 7
    cells, part_scores = best_cells(points, side, most, above)
    part, row, column = cells.T
    by_part = np.asarray(offsets, dtype=np.float64).reshape(parts, joints, 2, *points.shape[1:])
    places = cells[:, None, [2, 1]] - by_part[part, :, :, row, column]
    keypoint_scores = part_scores[:, None] * bilinear(scores, places)
    poses = np.concatenate([places, keypoint_scores[..., None]], axis=-1)
    return Proposals(poses, keypoint_scores.mean(axis=1), cells)


def training_cells(
    points: Sequence[npt.NDArray[np.floating[Any]]],
    weights: Sequence[npt.NDArray[np.floating[Any]]],
    *,
    most: int = TRAINING_PROPOSALS,
) -> list[Ints]:
    """Cells whose poses the refinement is trained on, for one batch.

    A cell scores its point map times the largest weight of the part's offset channels; every image gives the
    same number of cells of a part: the smallest number of cells above 0 in the batch, at most `most`.

    Args:
        points: for each image (parts, H, W).
        weights: for each image (parts * K * 2, H, W), see `PinetMaps`.
        most: cells of each part.

    Returns:
        For each image (N, 3) part, row, column, by part, then by descending score (ties: row, column).
    """
    scored = [
        one * weight.reshape(len(one), -1, *one.shape[1:]).max(axis=1)
        for one, weight in zip(points, weights, strict=True)
    ]
    cells: list[list[Ints]] = [[] for _ in scored]
    for part in range(len(scored[0]) if scored else 0):
        count = min(most, *(int(np.count_nonzero(one[part] > 0)) for one in scored))
        for found, one in zip(cells, scored, strict=True):
            order = np.argsort(-one[part], axis=None, kind="stable")[:count]
            rows, columns = np.unravel_index(order, one[part].shape)
            found.append(np.column_stack([np.full(count, part), rows, columns]))
    return [np.concatenate(found) for found in cells]
