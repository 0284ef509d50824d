"""One item of a conversion, as a worker does it: fingerprint, read, encode, check, write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from mhbench import __version__
from mhbench.conversion_records import Converted
from mhbench.datasets.items import Exclusion, Item, Selection
from mhbench.errors import InputError
from mhbench.fingerprints import fingerprint
from mhbench.frames import FrameTable
from mhbench.heatmaps import Grid
from mhbench.reprojection import reprojection_error
from mhbench.shards.heatmap_forms import no_heatmaps, peaks_of
from mhbench.shards.tables import ShardInfo
from mhbench.shards.verification import file_sha256
from mhbench.shards.writing import Origin, write_shard
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from mhbench.conversion_records import Recipe
    from mhbench.datasets.manifest import GridManifest
    from mhbench.shards.heatmap_forms import HeatmapStore

Check = Literal["quick", "full"]
Read = Callable[[Path, Item, Selection], tuple[FrameTable, list[Exclusion]]]

MOST_OUTSIDE: Final = (
    0.001  # share of joints beyond the depths of the grid; more means a grid that does not fit
)


@dataclass(frozen=True, slots=True)
class ItemTask:
    """One item with all that a worker needs to convert it.

    Attributes:
        item: the item.
        read: the data set's `read`.
        raw: the raw root.
        folder: the data set's folder of shards.
        selection: which frames are wanted.
        recipe: how the shard is made.
        grid: the data set's heatmap grid, if it has one.
        previous: result of an earlier run with the same recipe, if it may be kept.
        check: whether a shard that may be kept is known by its size or by its hash.
        allow_outside_grid: joints beyond the depths of the grid are no failure.
    """

    item: Item
    read: Read
    raw: Path
    folder: Path
    selection: Selection
    recipe: Recipe
    grid: GridManifest | None
    previous: Converted | None
    check: Check
    allow_outside_grid: bool

    @property
    def name(self) -> str:
        """Name of the item in the journals."""
        return f"{self.item.split}/{self.item.name}"

    @property
    def path(self) -> Path:
        """Path of the shard."""
        return self.folder / self.item.split / f"{self.item.name}.h5"


def convert_item(task: ItemTask) -> Converted:
    """Convert one item, or find that its shard is what it would become.

    Raises:
        MhbenchError: the raw files are missing or damaged, or the grid does not fit the joints.
        OutputError: the output can take nothing more.
    """
    raw = fingerprint(task.raw, task.item.files)
    before = task.previous
    if before is not None and before.raw.content == raw.content and shard_is_there(task):
        return msgspec.structs.replace(before, raw=raw, reused=True)
    table, excluded = task.read(task.raw, task.item, task.selection)
    store = heatmaps_of(table, task)
    _check_depths(store, task)
    origin = Origin(
        item=task.item.name,
        frames_available=task.item.frames_available,
        converter_version=task.recipe.converter_version,
        manifest_hash=task.recipe.manifest_hash,
        raw_sha256=raw.content,
    )
    image = write_shard(task.path, table, origin, store, compression=task.recipe.options.compression)
    return Converted(
        recipe=task.recipe,
        raw=raw,
        shard=ShardInfo(
            path=f"{task.name}.h5",
            split=task.item.split,
            item=task.item.name,
            skeleton=table.skeleton,
            frames=table.frame_count,
            frames_available=task.item.frames_available,
            persons=table.person_count,
            sha256=image.sha256,
            content_sha256=image.content_sha256,
            raw_sha256=raw.content,
        ),
        shard_bytes=len(image.content),
        excluded=tuple(excluded),
        drawn=store.drawn,
        outside=store.outside,
        reprojection=reprojection_error(table),
        tool_version=__version__,
    )


def shard_is_there(task: ItemTask) -> bool:
    """The shard of the earlier run still lies there: by its size, or with the full check by its hash."""
    assert task.previous is not None
    if not task.path.is_file():
        return False
    if task.check == "full":
        return file_sha256(task.path) == task.previous.shard.sha256
    return task.path.stat().st_size == task.previous.shard_bytes


def heatmaps_of(table: FrameTable, task: ItemTask) -> HeatmapStore:
    """The heatmaps of a table in the form the recipe asks for."""
    if task.recipe.options.heatmaps == "none":
        return no_heatmaps("they were not asked for (--heatmaps none)")
    if task.grid is None:
        return no_heatmaps(f"the data set {table.dataset} has no heatmap grid")
    missing = [
        f"persons/{name}" for name in ("joints3d", "joints2d", "joint_flags") if name not in table.persons
    ]
    missing += [f"frames/{name}" for name in ("height", "width") if name not in table.frames]
    if missing:
        return no_heatmaps(f"the data set has no column {missing[0]}")
    joints = skeleton(table.skeleton).joints
    # LoCO's joints where the skeleton has them all; a reader may ask for any others
    scored = task.grid.joints if set(task.grid.joints) <= set(joints) else joints
    grid = Grid(
        joints,
        depth_min=task.grid.depth_min,
        depth_max=task.grid.depth_max,
        height=int(table.frames["height"].max(initial=task.grid.stride)),
        width=int(table.frames["width"].max(initial=task.grid.stride)),
        depth_bins=task.grid.depth_bins,
        stride=task.grid.stride,
        sigma=task.grid.sigma,
        depth_axis=task.grid.depth_axis,
        pixel_rounding=task.grid.pixel_rounding,
    )
    return peaks_of(table, grid, scored)


def _check_depths(store: HeatmapStore, task: ItemTask) -> None:
    if task.allow_outside_grid or store.outside <= MOST_OUTSIDE * store.drawn:
        return
    assert store.grid is not None
    grid = store.grid
    raise InputError(
        f"{task.name}: {store.outside} of {store.drawn} labelled joints in the image"
        f" lie outside the grid's {grid.depth_min:g} to {grid.depth_max:g} m",
        expected=f"at most {MOST_OUTSIDE:.1%}",
        action="check the unit of the raw files; if it is right, convert with --allow-outside-grid",
    )
