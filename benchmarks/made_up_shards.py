"""Shards of made-up people, for benchmarks of whole evaluations: converted data without raw data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mhbench.shards import HeatmapStore, Index, Origin, shard_info, write_index, write_shard
from mhbench.shards.verification import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mhbench.frames import FrameTable

_NO_HASH = "0" * 64


def write_shards(folder: Path, tables: Iterable[FrameTable]) -> None:
    """Write one shard per sequence, complete and without heatmaps, and the index of their data set."""
    infos, dataset = [], ""
    for table in tables:
        dataset, item = table.dataset, f"{table.frames['sequence'][0]}.0"
        path = folder / dataset / table.split / f"{item}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        origin = Origin(
            item=item,
            frames_available=table.frame_count,
            converter_version=1,
            manifest_hash=_NO_HASH,
            raw_sha256=_NO_HASH,
        )
        write_shard(path, table, origin, HeatmapStore(form="none", reason="not needed here"))
        info = shard_info(path, sha256=file_sha256(path))
        infos.append(msgspec.structs.replace(info, path=f"{table.split}/{path.name}"))
    index = Index(
        format="mhbench-index/1",
        dataset=dataset,
        tool_versions=("0",),
        converter_version=1,
        manifest_hash=_NO_HASH,
        options={},
        shards=tuple(infos),
    )
    write_index(folder / dataset, index)
