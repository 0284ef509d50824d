"""Average precision and recall by object keypoint similarity: COCO, CrowdPose, OCHuman."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mhbench.metrics.keypoint_conventions import convention_rules
from mhbench.metrics.keypoint_input import read_detections, read_truth
from mhbench.metrics.keypoint_matches import match_keypoints

if TYPE_CHECKING:
    from mhbench.metrics.keypoint_conventions import ConventionName
    from mhbench.metrics.keypoint_input import Source
    from mhbench.metrics.keypoint_matches import ZeroId


def keypoint_ap(
    ground_truth: Source,
    detections: Source,
    *,
    convention: ConventionName = "coco",
    zero_id: ZeroId = "reject",
    easy_below: float = 0.2,
) -> dict[str, float]:
    """Average precision and recall of a COCO keypoint result.

    Args:
        ground_truth: path of a COCO keypoint file, or its content as a dictionary.
        detections: path of a COCO result file, or its content as a list. A null coordinate says that the
            joint was not found; such a joint has similarity 0.
        convention: `coco` (17 joints, field `area`), `crowdpose` (14 joints, 0.53 of the box, crowd levels)
            or `ochuman` (as `coco`).
        zero_id: see `match_keypoints`.
        easy_below: see `KeypointMatches.summary`.

    Returns:
        see `KeypointMatches.summary`.

    Raises:
        UsageError, MissingInputError, InputError, PredictionError: see `match_keypoints` and `read_truth`.
    """
    joints = len(convention_rules(convention).sigmas)
    truth = read_truth(ground_truth, joints)
    found = read_detections(detections, joints, truth.image_ids)
    return match_keypoints(truth, found, convention, zero_id=zero_id).summary(easy_below=easy_below)
