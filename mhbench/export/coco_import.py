"""COCO keypoint JSON -> shards: annotations of one's own, and the way back from an export to COCO."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from mhbench import __version__
from mhbench.conversion.items import check_depths, heatmaps_of
from mhbench.datasets import DATASETS
from mhbench.datasets.image_blocks import ImageSet, block_items, block_table
from mhbench.datasets.items import Selection
from mhbench.datasets.manifest import dataset_manifest
from mhbench.errors import UsageError
from mhbench.export.coco_reading import read_coco
from mhbench.shards.index import FORMAT, INDEX_NAME, JOURNAL_FOLDER, Index, read_index, write_index
from mhbench.shards.tables import ShardInfo, shard_info
from mhbench.shards.verification import file_sha256
from mhbench.shards.writing import Origin, write_shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mhbench.datasets.items import Item
    from mhbench.export.coco_reading import CocoContent
    from mhbench.frames import FrameTable

# in place of the hash of a manifest: no converter answers for these annotations, so no result with them
# compares with one on converted ones
MADE_BY: Final = "import"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was written; printed, it is what the command says."""

    folder: Path
    skeleton: str
    shards: int
    frames: int
    people: int
    heatmaps: str

    def __str__(self) -> str:
        return (
            f"{self.frames} images and {self.people} people of {self.skeleton} in {self.shards} shards;"
            f" heatmaps: {self.heatmaps}\n  {self.folder}\nnext: mhbench verify {self.folder}"
        )


def import_coco(
    path: Path, out: Path, *, dataset: str | None = None, split: str | None = None
) -> ImportReport:
    """Write the images and people of a COCO keypoint file as shards, blocks of 1,000 images.

    Heatmaps are made where the file has 3D joints and the data set is one that mhbench knows the grid of.
    Several splits can be imported one after the other; one that is there already is replaced.

    Args:
        path: the file.
        out: the folder above that of the data set.
        dataset: its id; by default what the file's `info` says, else `coco`.
        split: by default what the file's `info` says, else `all`.

    Raises:
        MissingInputError: there is no such file.
        InputError: the file is damaged, its joints are those of no known skeleton, or they do not fit the
            depths of the grid.
        UsageError: a name makes no folder, or a conversion lies there.
        OutputError: the disk is full or the folder cannot be written.
    """
    content = read_coco(path)
    dataset, split = dataset or content.dataset, split or content.split
    for name in (dataset, split):
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} makes no folder",
                expected="letters, digits, _, - and .",
                action="name the data set and the split by --dataset and --split",
            )
    folder = out / dataset
    others = _other_shards(folder, split)
    grid = dataset_manifest(dataset).grid if dataset in DATASETS else None
    sha256 = file_sha256(path)
    made, heatmaps = [], "none, for want of people"
    for item, table in _tables(content, dataset, split, path.name):
        store = heatmaps_of(table, grid, "peaks")
        check_depths(store)
        made.append((item, table, store))
        heatmaps = f"none, {store.reason}" if store.reason else f"peaks, {store.drawn} joints drawn"
    # from here on nothing is wrong with the file; the index never names a shard that is not there
    if others:
        write_index(folder, _index(dataset, others))
    else:
        (folder / INDEX_NAME).unlink(missing_ok=True)
    for old in sorted((folder / split).glob("*.h5")):
        old.unlink()
    infos = []
    for item, table, store in made:
        origin = Origin(item.name, item.frames_available, 0, MADE_BY, sha256)
        target = folder / split / f"{item.name}.h5"
        written = write_shard(target, table, origin, store)
        info = shard_info(target, sha256=written.sha256)
        infos.append(msgspec.structs.replace(info, path=f"{split}/{target.name}"))
    write_index(folder, _index(dataset, [*others, *infos]))
    people = content.people
    return ImportReport(
        folder, content.skeleton, len(infos), len(people.image_id), len(people.annotation_id), heatmaps
    )


def _tables(content: CocoContent, dataset: str, split: str, file: str) -> Iterator[tuple[Item, FrameTable]]:
    images = ImageSet(dataset=dataset, skeleton=content.skeleton, folder=".")
    for item in block_items(split, file, content.people.image_id, Selection()):
        table, _ = block_table(
            images, content.people, item, Selection(), frames=content.frames, persons=content.persons
        )
        frames = dict(table.frames)
        if "image" not in content.frames:
            del frames["image"]  # the file does not name its images
        yield item, replace(table, lens=content.lens, frames=frames)


def _index(dataset: str, shards: Iterable[ShardInfo]) -> Index:
    return Index(
        format=FORMAT,
        dataset=dataset,
        tool_versions=(__version__,),
        converter_version=0,
        manifest_hash=MADE_BY,
        options={},
        shards=tuple(sorted(shards, key=lambda info: (info.split, info.item))),
    )


def _other_shards(folder: Path, split: str) -> tuple[ShardInfo, ...]:
    """Shards of other splits that were imported before.

    Raises:
        UsageError: what lies there was converted.
    """
    if not (folder / INDEX_NAME).is_file() and not (folder / JOURNAL_FOLDER).is_dir():
        return ()
    if (folder / JOURNAL_FOLDER).is_dir() or (index := read_index(folder)).manifest_hash != MADE_BY:
        raise UsageError(
            f"{folder} holds a converted data set",
            expected="an empty folder, or imported shards",
            action="choose another folder with --out, or another id with --dataset",
        )
    return tuple(info for info in index.shards if info.split != split)
