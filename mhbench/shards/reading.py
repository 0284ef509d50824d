"""Shards as one sequence of frames: random access, heatmaps on demand, whole tables one shard at a time."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import msgspec
import numpy as np

from mhbench.errors import MissingInputError, UsageError
from mhbench.shards import layout
from mhbench.shards.index import INDEX_NAME, read_index
from mhbench.shards.single_frame import Frame
from mhbench.shards.tables import ShardInfo, open_file, read_table, shard_info

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import numpy.typing as npt

    from mhbench.datasets.items import Exclusion
    from mhbench.frames import FrameTable


def open_shards(path: Path | str, dataset: str | None = None, split: str | None = None) -> Shards:
    """The frames of a converted data set, without reading any yet.

    Args:
        path: the folder of one data set (with its `index.json`), the folder above it, or a single shard.
        dataset: which data set; needed where the folder holds several.
        split: only this split.

    Raises:
        MissingInputError: nothing is there, or the conversion was never finished (no index).
        InputError: the index or the shard is damaged or has another format.
        UsageError: the folder holds several data sets and none is chosen, or there is no such split.
    """
    path = Path(path)
    shards = _single(path) if path.is_file() else _indexed(_dataset_folder(path, dataset))
    if dataset is not None and shards.dataset != dataset:
        raise UsageError(
            f"{path} holds {shards.dataset}",
            expected=f"shards of {dataset}",
            action="give the folder of that data set",
        )
    if split is None:
        return shards
    chosen = tuple(info for info in shards.infos if info.split == split)
    if not chosen:
        splits = sorted({info.split for info in shards.infos})
        raise UsageError(
            f"{path} has no split {split!r}",
            expected=f"one of: {', '.join(splits) or 'none was converted'}",
            action="choose one of these, or convert that split",
        )
    return replace(shards, infos=chosen)


@dataclass(frozen=True)
class Shards(Sequence["Frame"]):
    """Frames of many shards in the order (split, item, frame). It pickles: open files belong to the process.

    Attributes:
        folder: the data set's folder; paths of `infos` are relative to it.
        dataset: id of the data set.
        infos: the shards in order.
        converter_version: version of the converter that made them.
        manifest_hash: hash of the data set's manifest at that time.
        failed: items that could not be converted.
        excluded: frames that were left out on purpose, and why.
    """

    folder: Path
    dataset: str
    infos: tuple[ShardInfo, ...]
    converter_version: int
    manifest_hash: str
    failed: int = 0
    excluded: tuple[Exclusion, ...] = ()
    _stops: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # derived once: looking a frame up must not cost a pass over the shards
        object.__setattr__(self, "_stops", tuple(accumulate(info.frames for info in self.infos)))

    def __len__(self) -> int:
        return self._stops[-1] if self._stops else 0

    @overload
    def __getitem__(self, number: int) -> Frame: ...

    @overload
    def __getitem__(self, number: slice) -> list[Frame]: ...

    def __getitem__(self, number: int | slice) -> Frame | list[Frame]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        position = number + len(self) if number < 0 else number
        if not 0 <= position < len(self):
            raise IndexError(f"frame {number} of {len(self)}")
        shard = bisect_right(self._stops, position)
        begin = self._stops[shard - 1] if shard else 0
        return Frame(self.folder / self.infos[shard].path, self.infos[shard], position - begin)

    def tables(self, columns: Collection[str] | None = None) -> Iterator[FrameTable]:
        """The table of each shard, in the order of `infos`; only one is in memory at a time.

        Args:
            columns: paths of the columns wanted (see `read_table`).
        """
        for info in self.infos:
            yield read_table(self.folder / info.path, columns)

    @property
    def complete(self) -> bool:
        """Every frame the raw data hold was converted: no limit, stride, exclusion or failure."""
        return not self.failed and all(info.frames == info.frames_available for info in self.infos)

    def gt_facts(self) -> dict[str, Any]:
        """What the ground truth was made of: raw annotation hashes, converter version, manifest hash.

        Computed floats are no part of it, so two machines that converted the same raw files agree.
        """
        return {
            "dataset": self.dataset,
            "converter_version": self.converter_version,
            "manifest_hash": self.manifest_hash,
            "raw": sorted({info.raw_sha256 for info in self.infos}),
        }

    def gt_sha256(self) -> str:
        """sha256 of `gt_facts`."""
        return hashlib.sha256(msgspec.json.encode(self.gt_facts(), order="deterministic")).hexdigest()


def first_met(ids: npt.NDArray[np.str_], met: set[str]) -> npt.NDArray[np.bool_]:
    """(F,) which frames are not among those met before; now they all are.

    A split may be a part of another one (SURREAL's val of its test): whoever goes over several splits meets
    its frames twice, and a predictions file has every frame once.
    """
    new = np.array([one not in met for one in ids.tolist()], dtype=np.bool_)
    met.update(ids.tolist())
    return new


def _dataset_folder(path: Path, dataset: str | None) -> Path:
    """The folder with the index: the path itself or a data set's folder in it."""
    if (path / INDEX_NAME).is_file():
        return path
    found = sorted(one.parent.name for one in path.glob(f"*/{INDEX_NAME}"))
    if dataset is None and len(found) == 1:
        return path / found[0]
    if dataset is None and found:
        raise UsageError(
            f"{path} holds several data sets",
            expected=f"the choice of one of: {', '.join(found)}",
            action="name the data set, or give its folder",
        )
    if dataset in found:
        return path / str(dataset)
    raise MissingInputError(
        f"there are no shards of {dataset or 'any data set'} in {path}",
        expected=f"{path / (dataset or '<dataset>') / INDEX_NAME}",
        action="`mhbench convert` makes them; after an interrupted conversion run it again",
    )


def _indexed(folder: Path) -> Shards:
    index = read_index(folder)
    return Shards(
        folder=folder,
        dataset=index.dataset,
        infos=tuple(sorted(index.shards, key=lambda info: (info.split, info.item))),
        converter_version=index.converter_version,
        manifest_hash=index.manifest_hash,
        failed=len(index.failed),
        excluded=index.excluded,
    )


def _single(path: Path) -> Shards:
    info = shard_info(path)
    with open_file(path) as file:
        return Shards(
            folder=path.parent,
            dataset=layout.attribute(file, "dataset"),
            infos=(info,),
            converter_version=layout.attribute(file, "converter_version"),
            manifest_hash=layout.attribute(file, "manifest_hash"),
        )
