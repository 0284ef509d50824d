"""One item of a conversion, as a worker does it: fingerprint, read, encode, check, write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from mhbench import __version__
from mhbench.conversion.body_check import check_bodies
from mhbench.conversion.fingerprints import fingerprint
from mhbench.conversion.images import images_of, renewed
from mhbench.conversion.records import Converted
from mhbench.conversion.reprojection import reprojection_error
from mhbench.datasets.items import Exclusion, Item, Selection
from mhbench.errors import InputError
from mhbench.frames import FrameTable
from mhbench.heatmaps import Grid
from mhbench.shards.heatmap_store import no_heatmaps, peaks_of
from mhbench.shards.tables import ShardInfo
from mhbench.shards.verification import file_sha256
from mhbench.shards.writing import Origin, write_shard
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from mhbench.conversion.records import Recipe
    from mhbench.datasets.manifest import GridManifest
    from mhbench.shards.heatmap_store import HeatmapStore

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
        MissingExtraError: images are to be extracted and PyAV is not installed.
        OutputError: the output can take nothing more.
    """
    raw = fingerprint(task.raw, task.item.files)
    before = task.previous
    if before is not None and before.raw.content == raw.content and shard_is_there(task):
        images = before.images and renewed(before.images, task.raw, task.path)
        if images is not None or before.images is None:
            return msgspec.structs.replace(before, raw=raw, images=images, reused=True)
    table, excluded = task.read(task.raw, task.item, task.selection)
    store = heatmaps_of(table, task.grid, task.recipe.options.heatmaps)
    if not task.allow_outside_grid:
        check_depths(store)
    origin = Origin(
        item=task.item.name,
        frames_available=task.item.frames_available,
        converter_version=task.recipe.converter_version,
        manifest_hash=task.recipe.manifest_hash,
        raw_sha256=raw.content,
    )
    options = task.recipe.options
    image_store, image_record = images_of(options.images, task.raw, task.item, table)
    written = write_shard(task.path, table, origin, store, image_store, compression=options.compression)
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
            sha256=written.sha256,
            content_sha256=written.content_sha256,
            raw_sha256=raw.content,
        ),
        shard_bytes=written.size,
        excluded=tuple(excluded),
        drawn=store.drawn,
        outside=store.outside,
        reprojection=reprojection_error(table),
        bodies=check_bodies(table),
        images=image_record,
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


def heatmaps_of(table: FrameTable, known: GridManifest | None, form: str) -> HeatmapStore:
    """The heatmaps of a table in a form; `none` with its reason where there can be none.

    Args:
        table: the frames.
        known: the data set's grid, if it has one.
        form: one of `mhbench.shards.heatmap_forms.FORMS`.
    """
    if form == "none":
        return no_heatmaps("they were not asked for (--heatmaps none)")
    if known is None:
        return no_heatmaps(f"the data set {table.dataset} has no heatmap grid")
    missing = [
        f"persons/{name}" for name in ("joints3d", "joints2d", "joint_flags") if name not in table.persons
    ]
    missing += [f"frames/{name}" for name in ("height", "width") if name not in table.frames]
    if missing:
        return no_heatmaps(f"the data set has no column {missing[0]}")
    joints = skeleton(table.skeleton).joints
    # LoCO's joints where the skeleton has them all; a reader may ask for any others
    scored = known.joints if set(known.joints) <= set(joints) else joints
    grid = Grid(
        joints,
        depth_min=known.depth_min,
        depth_max=known.depth_max,
        height=int(table.frames["height"].max(initial=known.stride)),
        width=int(table.frames["width"].max(initial=known.stride)),
        depth_bins=known.depth_bins,
        stride=known.stride,
        sigma=known.sigma,
        depth_axis=known.depth_axis,
        pixel_rounding=known.pixel_rounding,
    )
    return replace(peaks_of(table, grid, scored), form=form)


def check_depths(store: HeatmapStore) -> None:
    """Refuse a grid whose depths do not fit the joints of an item.

    Raises:
        InputError: more than 0.1 % of the labelled joints lie outside.
    """
    if store.outside <= MOST_OUTSIDE * store.drawn:
        return
    assert store.grid is not None
    grid = store.grid
    raise InputError(
        f"{store.outside} of {store.drawn} labelled joints in the image lie outside the grid's"
        f" {grid.depth_min:g} to {grid.depth_max:g} m",
        expected=f"at most {MOST_OUTSIDE:.1%}",
        action="check the unit of the raw files; if it is right, convert with --allow-outside-grid",
    )
