"""Meshes -> voxels, distances, winding numbers, silhouettes and label maps (contract 7). Knows arrays only.

A mesh is vertices (V, 3) in metres and faces (T, 3) that share them, counter-clockwise seen from outside.
A function is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

_HOME: Final = {
    "Box": "occupancy",
    "voxelize": "occupancy",
    "fill_holes": "occupancy",
    "part_labels": "parts",
    "SEGMENT_PARTS": "parts",
    "PARTS": "parts",
    "parts_of_segments": "parts",
    "Block": "lattice",
    "Lattice": "lattice",
    "block_of": "lattice",
    "lattice_of": "lattice",
    "place_in_grid": "network_grid",
    "grid_in_space": "network_grid",
    "pack": "packing",
    "unpack": "packing",
    "signed_distance": "distance",
    "distance_field": "distance",
    "winding_numbers": "winding",
    "contains": "winding",
    "overlap_volume": "overlap",
    "label_map": "silhouettes",
    "depth_maps": "silhouettes",
    "romp_label_map": "silhouettes",
    "projections": "silhouettes",
    "mask_to_text": "mask_text",
    "text_to_mask": "mask_text",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
