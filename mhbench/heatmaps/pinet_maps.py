"""PINet's target maps: part centres, keypoint scores, offsets from parts to keypoints, and their weights.

Paper and public code disagree in three places; `variant` names which is followed. All coordinates are cells
of the map (input / 4) and stay real-valued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import UsageError
from mhbench.heatmaps.flat_maps import draw_flat
from mhbench.kernels import kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]
    Maps = npt.NDArray[np.float32]

# keypoints whose mean is the centre of the head, the body and the legs
PARTS: Final = {
    "crowdpose": ((12, 13), (0, 1, 6, 7), (6, 7, 8, 9, 10, 11)),
    "coco": ((0, 1, 2, 3, 4), (5, 6, 11, 12), (11, 12, 13, 14, 15, 16)),
}
BACKGROUND_WEIGHT: Final = 0.1
SMALLEST_COCO_AREA: Final = 32.0**2  # after the affine map; smaller people have no part centres on COCO

Variant = Literal["code", "paper"]


class PinetMaps(NamedTuple):
    """Targets of one image.

    Attributes:
        points: (parts, H, W) Gaussians around the part centres.
        scores: (K, H, W) Gaussians around the keypoints.
        point_mask: (parts, H, W) loss weights of `points`: 1 near a centre, 0.1 elsewhere.
        score_mask: (K, H, W) the same of `scores`.
        offsets: (parts * K * 2, H, W) cell minus keypoint; channel (part * K + keypoint) * 2 + (0: x, 1: y).
        weights: like `offsets`: 1 / sqrt(area) where an offset is given, else 0.
    """

    points: Maps
    scores: Maps
    point_mask: Maps
    score_mask: Maps
    offsets: Maps
    weights: Maps


def part_centres(
    keypoints: npt.NDArray[np.floating[Any]],
    labelled: Flags,
    areas: npt.NDArray[np.floating[Any]],
    parts: Sequence[Sequence[int]] = PARTS["crowdpose"],
    *,
    smallest_area: float = 0.0,
) -> tuple[Floats, Flags]:
    """Centres of the parts: the mean of each part's labelled keypoints.

    Args:
        keypoints: (P, K, 2).
        labelled: (P, K).
        areas: (P,) box areas.
        parts: keypoints of each part.
        smallest_area: smaller people have no centres.

    Returns:
        (P, parts, 2), NaN where a part has no labelled keypoint; (P, parts) bool there is one.
    """
    known = np.asarray(labelled, dtype=np.bool_) & (np.asarray(areas) >= smallest_area)[:, None]
    counts = np.stack([known[:, list(part)].sum(axis=1) for part in parts], axis=1)
    placed = np.where(known[..., None], np.asarray(keypoints, dtype=np.float64), 0.0)
    sums = np.stack([placed[:, list(part)].sum(axis=1) for part in parts], axis=1)
    centres = np.full(sums.shape, np.nan)
    np.divide(sums, counts[..., None], out=centres, where=counts[..., None] > 0)
    return centres, counts > 0


def pinet_maps_of(
    keypoints: npt.NDArray[np.floating[Any]],
    labelled: Flags,
    areas: npt.NDArray[np.floating[Any]],
    parts: Sequence[Sequence[int]] = PARTS["crowdpose"],
    *,
    height: int = 128,
    width: int = 128,
    sigma: float = 2.0,
    variant: Variant = "code",
    smallest_area: float = 0.0,
    ignored: Flags | None = None,
) -> PinetMaps:
    """All target maps of one image.

    Gaussians are exp(-d^2 / (2 sigma^2)) in the code and exp(-d^2 / sigma^2) in the paper. Offsets lie in a
    4 x 4 block around the truncated part centre in the code, in the 9 cells within d^2 <= 2 in the paper.
    Where two people overlap, the one with the smaller area wins (the code lets a larger one overwrite an
    offset that is exactly zero; that is not copied).

    Args:
        keypoints: (P, K, 2) x, y in cells.
        labelled: (P, K).
        areas: (P,) box width x height after the affine map, above 0.
        parts: see `PARTS`.
        height: H.
        width: W.
        sigma: cells.
        variant: `code` or `paper`.
        smallest_area: see `part_centres`; `SMALLEST_COCO_AREA` on COCO and OCHuman, 0 on CrowdPose.
        ignored: (H, W) bool, crowds and unlabelled people: masks are 0 there.

    Raises:
        ShapeError: the arrays do not fit each other.
        UsageError: there is no such variant.
    """
    if variant not in {"code", "paper"}:
        raise UsageError(
            f"there is no variant {variant!r}",
            expected="code or paper",
            action="take `code` to train as the published weights were",
        )
    sizes = check_shape("keypoints", keypoints, "P K 2")
    check_shape("areas", areas, "P", check_shape("labelled", labelled, "P K", sizes))
    known = np.asarray(labelled, dtype=np.bool_)
    centres, present = part_centres(keypoints, known, areas, parts, smallest_area=smallest_area)
    points, point_mask = _gaussians(centres, present, (height, width), sigma, variant)
    scores, score_mask = _gaussians(keypoints, known, (height, width), sigma, variant)
    if ignored is not None:
        point_mask[:, ignored] = 0
        score_mask[:, ignored] = 0
    offsets, weights = _offsets(centres, present, keypoints, known, areas, (height, width), variant)
    return PinetMaps(points, scores, point_mask, score_mask, offsets, weights)


def _gaussians(
    places: npt.NDArray[np.floating[Any]], known: Flags, size: tuple[int, int], sigma: float, variant: Variant
) -> tuple[Maps, Maps]:
    """(C, H, W) Gaussians of (P, C, 2) places, and their masks."""
    height, width = size
    person, channel = np.nonzero(known & np.all((places >= 0) & (places < (width, height)), axis=-1))
    points = np.asarray(places, dtype=np.float64)[person, channel]
    first = np.floor(points - 3 * sigma - 1).astype(np.int64)
    last = np.ceil(points + 3 * sigma + 2).astype(np.int64) - 1
    shape = (places.shape[1], height, width)
    maps = draw_flat(shape, channel, points, sigma=sigma, halved=variant == "code", first=first, last=last)
    mask = np.full(shape, BACKGROUND_WEIGHT, dtype=np.float32)
    _mark(mask, channel, np.maximum(first, 0), np.minimum(last, (width - 1, height - 1)))
    return maps, mask


def _offsets(
    centres: Floats,
    present: Flags,
    keypoints: npt.NDArray[np.floating[Any]],
    known: Flags,
    areas: npt.NDArray[np.floating[Any]],
    size: tuple[int, int],
    variant: Variant,
) -> tuple[Maps, Maps]:
    height, width = size
    parts, joints = present.shape[1], known.shape[1]
    offsets = np.zeros((parts, joints, 2, height, width), dtype=np.float32)
    weights = np.zeros((parts, joints, 2, height, width), dtype=np.float32)
    inside = known & np.all((keypoints >= 0) & (keypoints < (width, height)), axis=-1)
    # from large to small, so that the smaller person is written last and stays
    order = np.argsort(-np.asarray(areas), kind="stable")
    places = np.asarray(keypoints, dtype=np.float64)
    scales = 1 / np.sqrt(np.asarray(areas, dtype=np.float64))
    before, after = (2, 1) if variant == "code" else (1, 1)
    _write(
        offsets,
        weights,
        order,
        np.where(present[..., None], centres, np.nan),
        places,
        inside,
        scales,
        before,
        after,
    )
    shape = (parts * joints * 2, height, width)
    return offsets.reshape(shape), weights.reshape(shape)


@kernel
def _mark(mask: Maps, channel: Any, first: Any, last: Any) -> None:
    for n in range(len(channel)):
        mask[channel[n], first[n, 1] : last[n, 1] + 1, first[n, 0] : last[n, 0] + 1] = 1


@kernel
def _write(
    offsets: Any,
    weights: Any,
    order: Any,
    centres: Floats,
    keypoints: Floats,
    inside: Flags,
    scales: Floats,
    before: int,
    after: int,
) -> None:
    """Cell minus keypoint in the cells around each part centre, NaN = there is none."""
    parts, joints, _, height, width = offsets.shape
    for person in order:
        for part in range(parts):
            x, y = centres[person, part]
            if not (0 <= x < width and 0 <= y < height):
                continue
            column, row = int(x), int(y)
            for cy in range(max(row - before, 0), min(row + after + 1, height)):
                for cx in range(max(column - before, 0), min(column + after + 1, width)):
                    for joint in range(joints):
                        if inside[person, joint]:
                            offsets[part, joint, 0, cy, cx] = cx - keypoints[person, joint, 0]
                            offsets[part, joint, 1, cy, cx] = cy - keypoints[person, joint, 1]
                            weights[part, joint, :, cy, cx] = scales[person]
