"""Metrics: pure functions on arrays (contract 7). Knows no files; means over people are `mhbench.scoring`'s.

Errors are in millimetres and degrees, shares in percent. A function is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

_HOME: Final = {
    "mpjpe": "joint_errors",
    "n_mpjpe": "joint_errors",
    "pve": "joint_errors",
    "mpjve": "joint_errors",
    "acceleration_error": "joint_errors",
    "procrustes": "alignment",
    "pmpjpe": "alignment",
    "mpjae": "rotation_errors",
    "pmpjae": "rotation_errors",
    "pck": "thresholds",
    "auc": "thresholds",
    "keypoint_ap": "keypoint_precision",
    "mupots_pck": "mupots",
    "root_ap": "root_precision",
    "joint_f1": "joint_detection",
    "pose_ap": "pose_precision",
    "nmve": "detection",
    "nmje": "detection",
    "detection_scores": "detection",
    "pcdr": "depth_ordering",
    "depth_order": "depth_ordering",
    "reversed_neighbours": "depth_ordering",
    "collisions": "interpenetration",
    "voxel_iou": "volume_scores",
    "packed_iou": "volume_scores",
    "part_iou": "volume_scores",
    "pckh": "volume_scores",
    "silhouette_scores": "volume_scores",
    "surface_error": "volume_scores",
    "confusion": "segmentation_scores",
    "mean_class_iou": "segmentation_scores",
    "macro_f1": "segmentation_scores",
    "block_counts": "segmentation_scores",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
