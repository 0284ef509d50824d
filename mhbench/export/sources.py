"""What every export needs: frames by split, numbers JSON can hold, the licence, and a report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.datasets import DATASETS
from mhbench.datasets.manifest import dataset_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mhbench.datasets.manifest import DatasetManifest
    from mhbench.shards import Shards


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written; printed, it is what the command says."""

    kind: str
    files: tuple[Path, ...]
    frames: int
    people: int
    left_out: int = 0
    reason: str = ""

    def __str__(self) -> str:
        lines = [f"{self.kind}: {self.frames} frames, {self.people} people in {len(self.files)} files"]
        if self.left_out:
            lines.append(f"  left out: {self.left_out} people, {self.reason}")
        lines += [f"  {path}" for path in self.files[:5]]
        if len(self.files) > 5:
            lines.append(f"  and {len(self.files) - 5} more in {self.files[-1].parent}")
        return "\n".join(lines)


def by_split(shards: Shards) -> Iterator[tuple[str, Shards]]:
    """The shards of each split, splits sorted by name."""
    for split in sorted({info.split for info in shards.infos}):
        yield split, replace(shards, infos=tuple(info for info in shards.infos if info.split == split))


def about(dataset: str) -> dict[str, str]:
    """Title, licence, source and citation of a data set, which go with every copy of it."""
    if dataset not in DATASETS:
        own = "that of the annotations it was imported from"
        return {"title": dataset, "licence": own, "source": own, "citation": own}
    manifest: DatasetManifest = dataset_manifest(dataset)
    return {
        "title": manifest.title,
        "licence": manifest.licence,
        "source": manifest.source,
        "citation": manifest.citation,
    }


def plain(value: Any) -> Any:
    """A value of a column as lists and numbers; msgspec writes NaN, what is not annotated, as null.

    float32 is written with the fewest digits that give it back, 0.1 and not 0.10000000149011612.
    """
    array = np.asarray(value)
    return array.astype(np.str_).astype(np.float64).tolist() if array.dtype == np.float32 else array.tolist()
