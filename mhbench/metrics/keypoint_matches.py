"""What every detection met at every similarity threshold, and the statistics that follow from it.

Images are matched once. Crowd levels, subsets and bootstrap draws only weigh the images anew.

Sources: pycocotools 2.0.11 (`coco`, `ochuman`) and the CrowdPose API, revision 86fe5e11 (`crowdpose`); both
give these numbers to the last digit. Where they raise on an empty result list, the value here is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from mhbench.errors import InputError, PredictionError, ShapeError, UsageError
from mhbench.metrics import keypoint_kernels
from mhbench.metrics.keypoint_conventions import CONVENTIONS, convention_rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from mhbench.metrics.keypoint_conventions import Convention, ConventionName
    from mhbench.metrics.keypoint_input import KeypointDetections, KeypointTruth

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

    ZeroId = Literal["reject", "shift", "official"]

THRESHOLDS: Final = np.linspace(0.5, 0.95, 10)
RECALL_POINTS: Final = np.linspace(0.0, 1.0, 101)
DETECTIONS_PER_IMAGE: Final = 20
NOT_DEFINED: Final = -1.0
HARD_FROM: Final = 0.8
"""Crowd index from which an image is hard; the level below ends before it."""


@dataclass(frozen=True)
class KeypointMatches:
    """What every detection met, image by image; parts of a data set merge to the whole.

    Attributes:
        convention: whose rules were used.
        image_ids: (N,) int64, ascending.
        crowd_index: (N,), NaN where the image has none.
        people: (N, A) truths that count, per area range of the convention.
        detection_start: (N + 1,) offsets of the kept detections of an image, best first.
        scores: (D,).
        matched: (A, D) uint16, bit t says that the detection met a truth at threshold t.
        ignored: (A, D) uint16, bit t says that it counts neither as right nor as wrong.
    """

    convention: ConventionName
    image_ids: npt.NDArray[np.int64]
    crowd_index: npt.NDArray[np.float64]
    people: npt.NDArray[np.int64]
    detection_start: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    matched: npt.NDArray[np.uint16]
    ignored: npt.NDArray[np.uint16]

    def curves(self, weights: npt.ArrayLike | None = None, area_range: int = 0) -> tuple[Floats, Floats]:
        """Precision at the recall points (10, 101) and final recall (10,); -1 where nobody counts."""
        weight = self._weights(weights)
        precision = np.full((THRESHOLDS.size, RECALL_POINTS.size), NOT_DEFINED)
        recall = np.full(THRESHOLDS.size, NOT_DEFINED)
        people = float(weight @ self.people[:, area_range])
        if people > 0:
            order, image_of = self._by_score
            weight = weight[image_of]
            counted = order[weight > 0]
            keypoint_kernels.precision_curves(
                self.matched[area_range][counted],
                self.ignored[area_range][counted],
                weight[weight > 0],
                people,
                RECALL_POINTS,
                precision,
                recall,
            )
        return precision, recall

    def summary(self, weights: npt.ArrayLike | None = None, *, easy_below: float = 0.2) -> dict[str, float]:
        """The statistics of the convention as fractions, -1 = not defined.

        Args:
            weights: (N,), how often each image counts (a bootstrap draw, a subset); once by default.
            easy_below: crowd index where CrowdPose's medium level begins; 0.2 in the tools, 0.1 in the paper.

        Returns:
            ap, ap50, ap75, ap_m, ap_l, ar, ar50, ar75, ar_m, ar_l; for CrowdPose without the areas and with
            ap_easy, ap_medium, ap_hard, rounded to four digits as its tool does.
        """
        weight = self._weights(weights)
        ranges = list(CONVENTIONS[self.convention].ranges)
        precision: dict[str, float] = {}
        recall: dict[str, float] = {}
        for number, suffix in enumerate(ranges):
            at_points, final = self.curves(weight, number)
            precision["ap" + suffix], recall["ar" + suffix] = float(np.mean(at_points)), float(np.mean(final))
            if number == 0:
                for name, level in (("50", 0), ("75", 5)):
                    precision["ap" + name] = float(np.mean(at_points[level]))
                    recall["ar" + name] = float(final[level])
        return precision | recall | self._levels(weight, easy_below)

    def _levels(self, weight: Floats, easy_below: float) -> dict[str, float]:
        if not CONVENTIONS[self.convention].crowd_levels:
            return {}
        easy, medium = self.crowd_index < easy_below, self.crowd_index < HARD_FROM
        levels = {"ap_easy": easy, "ap_medium": medium & ~easy, "ap_hard": ~medium}
        return {
            name: round(float(np.mean(self.curves(weight * inside)[0])), 4) for name, inside in levels.items()
        }

    @cached_property
    def _by_score(self) -> tuple[Ints, Ints]:
        """Detections best score first, and the image of each; ties keep image order, then file order."""
        image_of = np.repeat(np.arange(self.image_ids.size), np.diff(self.detection_start))
        order = np.argsort(-self.scores, kind="stable")
        return order, image_of[order]

    def _weights(self, weights: npt.ArrayLike | None) -> Floats:
        if weights is None:
            return np.ones(self.image_ids.size)
        weight = np.ascontiguousarray(weights, dtype=np.float64)
        if weight.shape != self.image_ids.shape or not np.all(weight >= 0):
            raise ShapeError(
                f"weights has shape {weight.shape}",
                expected=f"({self.image_ids.size},), one number of at least 0 per image",
                action="give the weights in the order of image_ids",
            )
        return weight


def match_keypoints(
    truth: KeypointTruth,
    detections: KeypointDetections,
    convention: ConventionName = "coco",
    *,
    zero_id: ZeroId = "reject",
) -> KeypointMatches:
    """Match every image of the truth once.

    Per image the 20 best detections are kept; equal scores keep file order. At each threshold the detections
    choose in this order, each the most similar free person (equal similarities: the later person).

    Args:
        truth: annotated people.
        detections: detected people of the same images.
        convention: `coco`, `crowdpose` or `ochuman`.
        zero_id: what to do with a person of id 0, which the tools take for "nobody": `reject` the file,
            `shift` (treat 0 as any other id), or `official` (whoever meets that person is wrong).

    Raises:
        UsageError: unknown convention.
        InputError: a needed field is missing, or a person has id 0.
        PredictionError: see `read_detections`.
    """
    rules = convention_rules(convention)
    _require_fields(truth, rules, zero_id)
    area = truth.area
    if rules.area_factor is not None:
        area = truth.box[:, 3] * truth.box[:, 2] * rules.area_factor
    order, start = _best_of_each_image(detections, truth.image_ids)
    ranges = np.array(list(rules.ranges.values()))
    people = np.zeros((truth.image_ids.size, len(ranges)), dtype=np.int64)
    matched = np.zeros((len(ranges), order.size), dtype=np.uint16)
    ignored = np.zeros_like(matched)
    keypoint_kernels.match_images(
        truth.person_start,
        truth.xy,
        truth.labelled,
        truth.box,
        area,
        ~truth.countable,
        truth.crowd,
        (truth.ids == 0) & (zero_id == "official"),
        start,
        detections.xy,
        detections.area,
        order,
        (np.array(rules.sigmas) * 2) ** 2,
        THRESHOLDS,
        ranges,
        people,
        matched,
        ignored,
    )
    return KeypointMatches(
        convention=convention,
        image_ids=truth.image_ids,
        crowd_index=truth.crowd_index,
        people=people,
        detection_start=start,
        scores=detections.scores[order],
        matched=matched,
        ignored=ignored,
    )


def merge_matches(parts: Iterable[KeypointMatches]) -> KeypointMatches:
    """Matches of disjoint sets of images as one, whatever the order of the parts.

    Raises:
        UsageError: no parts, parts of different conventions, or an image that is in two of them.
    """
    pieces = list(parts)
    image_ids = np.concatenate([piece.image_ids for piece in pieces]) if pieces else np.zeros(0, np.int64)
    if len({piece.convention for piece in pieces}) != 1 or np.unique(image_ids).size < image_ids.size:
        raise UsageError(
            "these matches cannot be merged",
            expected="at least one part, one convention, and every image in one part only",
            action="match the parts of the data set with the same convention",
        )
    order = np.argsort(image_ids, kind="stable")
    counts = np.concatenate([np.diff(piece.detection_start) for piece in pieces])
    first = np.cumsum(counts) - counts
    rows = np.concatenate(
        [np.arange(first[image], first[image] + counts[image]) for image in order] or [np.zeros(0, np.int64)]
    )
    return KeypointMatches(
        convention=pieces[0].convention,
        image_ids=image_ids[order],
        crowd_index=np.concatenate([piece.crowd_index for piece in pieces])[order],
        people=np.concatenate([piece.people for piece in pieces])[order],
        detection_start=np.append(0, np.cumsum(counts[order])),
        scores=np.concatenate([piece.scores for piece in pieces])[rows],
        matched=np.concatenate([piece.matched for piece in pieces], axis=1)[:, rows],
        ignored=np.concatenate([piece.ignored for piece in pieces], axis=1)[:, rows],
    )


def _require_fields(truth: KeypointTruth, rules: Convention, zero_id: ZeroId) -> None:
    if zero_id == "reject" and np.any(truth.ids == 0):
        raise InputError(
            "a person of the ground truth has the id 0",
            expected="ids from 1, because the published tools read 0 as 'met nobody'",
            action="pass zero_id='shift' for the right numbers or zero_id='official' for the tools'",
        )
    if rules.area_factor is None and np.any(np.isnan(truth.area)):
        raise InputError(
            f"person {truth.ids[np.isnan(truth.area)][0]} has no area",
            expected="the field `area` in every annotation",
            action="use the convention crowdpose for files without areas",
        )
    if rules.crowd_levels and np.any(np.isnan(truth.crowd_index)):
        raise InputError(
            f"image {truth.image_ids[np.isnan(truth.crowd_index)][0]} has no crowdIndex",
            expected="the field in every image, as in the official files; it cannot be recomputed",
            action="use the official annotation file",
        )


def _best_of_each_image(detections: KeypointDetections, image_ids: Ints) -> tuple[Ints, Ints]:
    """Rows of the kept detections, grouped by image, best first; offsets (N + 1,)."""
    known = np.isin(detections.image_ids, image_ids)
    if not np.all(known):
        raise PredictionError(
            f"[{np.flatnonzero(~known)[0]}].image_id is {detections.image_ids[~known][0]}",
            expected="an image of the ground truth",
            action="check that truth and detections are of one split",
        )
    if not np.all(np.isfinite(detections.scores)):
        raise PredictionError(
            f"[{np.flatnonzero(~np.isfinite(detections.scores))[0]}].score is not finite",
            expected="a number; a curve over NaN scores has no order",
            action="leave out people without a score",
        )
    order = np.lexsort((-detections.scores, detections.image_ids))
    start = np.searchsorted(detections.image_ids[order], image_ids)
    end = np.searchsorted(detections.image_ids[order], image_ids, side="right")
    rank = np.arange(order.size) - np.repeat(start, end - start)
    kept = np.append(0, np.cumsum(np.minimum(end - start, DETECTIONS_PER_IMAGE)))
    return order[rank < DETECTIONS_PER_IMAGE], kept
