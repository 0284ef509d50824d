"""Shards as one sequence of frames: random access, heatmaps on demand, whole tables one shard at a time."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import msgspec

from mhbench.errors import MissingInputError, UsageError
from mhbench.heatmaps import select_joints
from mhbench.shards import layout
from mhbench.shards.heatmap_forms import get_grid
from mhbench.shards.index import INDEX_NAME, read_index
from mhbench.shards.pool import pool
from mhbench.shards.tables import ShardInfo, column_paths, open_file, read_table, shard_info

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import numpy as np
    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.heatmaps import Grid, HeatmapBuffer


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
    """

    folder: Path
    dataset: str
    infos: tuple[ShardInfo, ...]
    converter_version: int
    manifest_hash: str
    failed: int = 0
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


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a shard; columns are read when they are asked for.

    Attributes:
        path: the shard.
        info: what the index says about it.
        row: row of the frame in the shard.
    """

    path: Path
    info: ShardInfo
    row: int

    @property
    def id(self) -> str:
        """`<sequence>/<camera>/<index>`."""
        return str(self.columns["id"])

    @property
    def columns(self) -> Mapping[str, Any]:
        """The frame's own columns by name: one value, or an array of the row's shape."""
        return _Columns(self.path, layout.FRAMES, self.row, self.row + 1, single=True)

    @property
    def persons(self) -> Mapping[str, Any]:
        """Columns of the frame's people by name, P rows each, read-only."""
        return _Columns(self.path, layout.PERSONS, *self._people())

    def joint_set(self, name: str) -> Mapping[str, Any]:
        """Columns of a further joint set of the frame's people, P rows each."""
        return _Columns(self.path, f"{layout.SETS}/{name}", *self._people())

    def grid(self, joints: Sequence[str] | None = None) -> Grid:
        """Grid of the frame's heatmaps (see `heatmaps`).

        Raises:
            InputError: the shard has no heatmaps.
            UsageError: it has no such joint.
        """
        return self._selected(joints)[0]

    def centres(self, joints: Sequence[str] | None = None) -> npt.NDArray[np.int16]:
        """(N, 4) channel, depth bin, row, column of the drawn joints, channels as in `grid(joints)`."""
        return self._selected(joints)[1]

    def heatmaps(
        self, joints: Sequence[str] | None = None, out: npt.NDArray[np.float32] | HeatmapBuffer | None = None
    ) -> npt.NDArray[np.float32]:
        """The volumetric heatmap of the frame.

        Args:
            joints: names of the channels; by default those the data set is scored on.
            out: memory to use again: a volume, which is cleared as a whole, or (for frame after frame) a
                `HeatmapBuffer` of `grid(joints)`, which clears what the last frame touched.

        Returns:
            (J, D, H', W') float32 in [0, 1].

        Raises:
            InputError: the shard has no heatmaps; the message says why.
            UsageError: it has no such joint, or the buffer is of another grid.
        """
        from mhbench.heatmaps import HeatmapBuffer, render  # noqa: PLC0415 - loads the compiled kernels

        grid, centres = self._selected(joints)
        if not isinstance(out, HeatmapBuffer):
            volume: npt.NDArray[np.float32] = render(grid, centres, out)
            return volume
        if out.grid != grid:
            raise UsageError(
                f"the buffer does not fit the heatmaps of {self.id}",
                expected=f"a buffer of {grid}",
                action="make one buffer for each grid: HeatmapBuffer(frame.grid(joints))",
            )
        rendered: npt.NDArray[np.float32] = out.render(centres)
        return rendered

    def _selected(self, joints: Sequence[str] | None) -> tuple[Grid, npt.NDArray[np.int16]]:
        grid, scored = pool().derived(self.path, get_grid)
        start, stop = pool().rows(self.path, layout.FRAME_PTR, self.row, self.row + 2).tolist()
        centres = pool().rows(self.path, layout.CENTRES, start, stop)
        names = tuple(scored if joints is None else joints)
        return (grid, centres) if names == grid.joints else select_joints(grid, centres, names)

    def _people(self) -> tuple[int, int]:
        start, stop = pool().rows(self.path, layout.PERSON_START, self.row, self.row + 2).tolist()
        return start, stop


@dataclass(frozen=True, slots=True)
class _Columns(Mapping[str, Any]):
    """Rows `start:stop` of the columns of one group, each read when it is asked for."""

    path: Path
    scope: str
    start: int
    stop: int
    single: bool = False

    def __getitem__(self, name: str) -> Any:
        if name not in self._names():
            raise KeyError(name)
        rows = pool().rows(self.path, f"{self.scope}/{name}", self.start, self.stop)
        return rows[0] if self.single else rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> list[str]:
        start = f"{self.scope}/"
        return [
            path.removeprefix(start)
            for path in pool().derived(self.path, column_paths)
            if path.startswith(start)
        ]


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
