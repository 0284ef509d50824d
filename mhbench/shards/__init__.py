"""Shards: FrameTable <-> HDF5, format `mhbench-shard/1` (contract 2). Functions load when first used."""

from __future__ import annotations

import importlib
from typing import Any, Final

_HOME: Final = {
    "write_shard": "writing",
    "shard_image": "writing",
    "Origin": "writing",
    "HeatmapStore": "heatmap_store",
    "peaks_of": "heatmap_store",
    "no_heatmaps": "heatmap_store",
    "open_shards": "reading",
    "Shards": "reading",
    "Frame": "single_frame",
    "read_table": "tables",
    "shard_info": "tables",
    "ShardInfo": "tables",
    "Samples": "samples",
    "Sample": "samples",
    "Augmentation": "augmentation",
    "Transform": "augmentation",
    "BlockOrder": "sampling",
    "frame_counts": "sampling",
    "decoded_image": "frame_images",
    "Index": "index",
    "read_index": "index",
    "write_index": "index",
    "verify": "verification",
    "Verification": "verification",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
