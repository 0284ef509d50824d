"""FrameTable -> shard: built in memory, hashed, and put in place whole.

HDF5 dies with a segmentation fault on a full disk, so it never writes to one here. Only a shard with dense
heatmaps or with images is too large for the memory: it grows in its file, behind a guard.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import h5py

from mhbench.shards import layout
from mhbench.shards.files import GuardedFile, atomic_file, check_space, write_atomically
from mhbench.shards.heatmap_forms import put_heatmaps
from mhbench.shards.heatmap_store import DENSE_FORM
from mhbench.shards.heatmap_voxels import dense_bytes
from mhbench.shards.images import put_images

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mhbench.frames import FrameTable
    from mhbench.shards.heatmap_store import HeatmapStore
    from mhbench.shards.images import ImageStore

_BLOCK: Final = 2**20


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a shard's content comes from. Nothing of the time, the host or a path belongs here.

    Args:
        item: name of the item in the data set.
        frames_available: frames the raw data hold for it.
        converter_version: version of the data set's converter.
        manifest_hash: hash of the data set's manifest.
        raw_sha256: fingerprint of the raw annotation files.
    """

    item: str
    frames_available: int
    converter_version: int
    manifest_hash: str
    raw_sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class ShardImage:
    """The bytes of a shard with their hash and the hash of the decoded columns."""

    content: memoryview
    sha256: str
    content_sha256: str


@dataclass(frozen=True, slots=True)
class Written:
    """A shard that was written: its size in bytes, its hash, and the hash of the decoded columns."""

    size: int
    sha256: str
    content_sha256: str


def shard_image(
    table: FrameTable, origin: Origin, heatmaps: HeatmapStore, *, compression: str = "gzip"
) -> ShardImage:
    """The file image of a shard; the same arguments give the same bytes.

    Args:
        table: the frames of one item.
        origin: where they come from.
        heatmaps: the heatmaps in one of the forms.
        compression: `gzip`, or `zstd` with the extra of that name.

    Raises:
        MissingExtraError: zstd is asked for and hdf5plugin is not installed.
    """
    buffer = io.BytesIO()
    content_sha256 = _fill(buffer, table, origin, heatmaps, compression)
    content = buffer.getbuffer()
    return ShardImage(content, hashlib.sha256(content).hexdigest(), content_sha256)


def write_shard(
    path: Path,
    table: FrameTable,
    origin: Origin,
    heatmaps: HeatmapStore,
    images: ImageStore | None = None,
    *,
    compression: str = "gzip",
) -> Written:
    """Write a table as one shard (see `shard_image`), with images or without, whole or not at all.

    Raises:
        OutputError: the disk is full, has no room for dense heatmaps or images, or the folder cannot be
            written.
    """
    dense = heatmaps.form == DENSE_FORM
    if not dense and images is None:
        image = shard_image(table, origin, heatmaps, compression=compression)
        write_atomically(path, image.content)
        return Written(len(image.content), image.sha256, image.content_sha256)
    room = dense_bytes(heatmaps) if dense else 0
    check_space(path.parent, room + (images.most_bytes if images else 0))
    with atomic_file(path, buffering=0) as file:
        guarded = GuardedFile(file)
        content_sha256 = _fill(guarded, table, origin, heatmaps, compression, images, guarded.check)
        guarded.check()
        file.seek(0)
        digest = hashlib.sha256()
        while block := file.read(_BLOCK):
            digest.update(block)
        return Written(file.tell(), digest.hexdigest(), content_sha256)


def _fill(
    target: io.BytesIO | GuardedFile,
    table: FrameTable,
    origin: Origin,
    heatmaps: HeatmapStore,
    compression: str,
    images: ImageStore | None = None,
    check: Callable[[], None] | None = None,
) -> str:
    """Write all of a shard to an empty file; returns the hash of the decoded columns."""
    columns = dict(layout.table_columns(table))
    content_sha256 = layout.content_sha256({**columns, **heatmaps.columns()})
    # the oldest layout that can hold the data: every HDF5 program reads it, and every version writes it alike
    with h5py.File(target, "w", libver="earliest", track_order=False) as file:
        _put_root(file, table, origin, content_sha256)
        for path, column in columns.items():
            layout.put_column(file, path, column, compression=compression)
        for scope in (layout.FRAMES, layout.PERSONS):
            file.require_group(scope)
        for name, joint_set in sorted(table.sets.items()):
            layout.put_attribute(file.require_group(f"{layout.SETS}/{name}"), "skeleton", joint_set.skeleton)
        if layout.DISTORTION in file:
            layout.put_attribute(file[layout.DISTORTION], "lens", table.lens)
        put_heatmaps(file, heatmaps, compression=compression, check=check)
        if images is not None:
            put_images(file, images, check=check)
    return content_sha256


def _put_root(file: h5py.File, table: FrameTable, origin: Origin, content_sha256: str) -> None:
    attributes: dict[str, str | int] = {
        "format": layout.FORMAT,
        "dataset": table.dataset,
        "split": table.split,
        "item": origin.item,
        "skeleton": table.skeleton,
        "units": layout.UNITS,
        "frames": table.frame_count,
        "frames_available": origin.frames_available,
        "persons": table.person_count,
        "converter_version": origin.converter_version,
        "manifest_hash": origin.manifest_hash,
        "raw_sha256": origin.raw_sha256,
        "content_sha256": content_sha256,
    }
    for name, value in attributes.items():
        layout.put_attribute(file, name, value)
