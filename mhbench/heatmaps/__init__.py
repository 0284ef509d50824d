"""Volumetric heatmaps: grids, encoding, rendering, peaks, decoding (contract 7). Knows arrays only.

A frame is stored as the integer centres of its joints and a `Grid`; the volume is a pure function of both.
A function is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

_HOME: Final = {
    "Grid": "grid",
    "centres": "encoding",
    "locate": "encoding",
    "outside_depth": "encoding",
    "select_joints": "encoding",
    "render": "rendering",
    "render_sparse": "rendering",
    "HeatmapBuffer": "rendering",
    "peaks": "decoding",
    "peaks_sparse": "decoding",
    "PEAK_RULES": "decoding",
    "to_camera": "camera_space",
    "place": "camera_space",
    "render_batch": "rendering_torch",
    "BatchBuffer": "rendering_torch",
    "render_sparse_batch": "rendering_torch",
    "peaks_batch": "decoding_torch",
    "joint_maps": "flat_maps",
    "draw_location_maps": "location_maps",
    "read_location_maps": "location_maps",
    "pinet_maps_of": "pinet_maps",
    "sample_poses": "pose_sampling",
    "fuse_poses": "pose_fusion",
    "body_centres": "romp_centres",
    "push_apart": "romp_centres",
    "centre_map": "romp_centres",
    "parse_centres": "romp_centres",
    "integral_coordinates": "integral",
    "SigmaSchedule": "sigma_schedule",
    "bodynet_grid": "root_relative",
    "root_relative_centres": "root_relative",
    "associate": "association",
    "associate_optimally": "association",
    "head_limits": "association",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
