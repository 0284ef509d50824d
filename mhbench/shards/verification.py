"""Is what lies in a data set's folder what its index says? Every hash, every column, every file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mhbench.errors import MhbenchError
from mhbench.shards import layout
from mhbench.shards.files import is_temporary
from mhbench.shards.heatmap_forms import check_heatmaps
from mhbench.shards.images import check_images
from mhbench.shards.index import INDEX_NAME, JOURNAL_FOLDER, read_index
from mhbench.shards.tables import open_file, read_table, shard_info

if TYPE_CHECKING:
    from pathlib import Path

    from mhbench.shards.tables import ShardInfo

_BLOCK: Final = 2**20


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: the file, relative to the data set's folder, and what."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and what was found wrong; `folder` is the data set's."""

    folder: Path
    dataset: str
    shards: int
    frames: int
    persons: int
    failed: int
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        lines = [f"{self.dataset}: {self.shards} shards, {self.frames} frames, {self.persons} people"]
        if self.failed:
            lines.append(
                f"  {self.failed} items failed and have no shard; {self.folder / INDEX_NAME} says why"
            )
        width = max((len(fault.path) for fault in self.faults), default=0)
        lines += [f"  {fault.path:<{width}}  {fault.what}" for fault in self.faults]
        return "\n".join(lines if self.faults else [*lines, "  all as the index says"])


def verify(folder: Path) -> Verification:
    """Check every shard of a data set's folder against its index, and the folder for strange files.

    Raises:
        MissingInputError: there is no index.
        InputError: the index is damaged or has another format.
    """
    index = read_index(folder)
    faults = [fault for info in index.shards for fault in _faults_of(folder, info)]
    known = {INDEX_NAME, *(info.path for info in index.shards)}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name in known or name.startswith(f"{JOURNAL_FOLDER}/"):
            continue
        unfinished = "left by a run that was killed; `mhbench convert` removes it"
        faults.append(
            Fault(name, unfinished if is_temporary(path.name) else "the index does not know this file")
        )
    return Verification(
        folder=folder,
        dataset=index.dataset,
        shards=len(index.shards),
        frames=sum(info.frames for info in index.shards),
        persons=sum(info.persons for info in index.shards),
        failed=len(index.failed),
        faults=tuple(faults),
    )


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _faults_of(folder: Path, info: ShardInfo) -> list[Fault]:
    """What is wrong with one shard; the first fault of a file explains the others."""
    path = folder / info.path
    if not path.is_file():
        return [Fault(info.path, "missing")]
    try:
        sha256 = file_sha256(path)
        if sha256 != info.sha256:
            return [Fault(info.path, f"its sha256 is {sha256[:12]}..., the index says {info.sha256[:12]}...")]
        return _faults_inside(path, info)
    except MhbenchError as error:
        return [Fault(info.path, error.what)]
    except OSError as error:
        return [Fault(info.path, f"cannot be read: {error.strerror or error}")]


def _faults_inside(path: Path, info: ShardInfo) -> list[Fault]:
    found = shard_info(path, sha256=info.sha256)
    faults = [
        Fault(info.path, f"{name} is {getattr(found, name)!r}, the index says {getattr(info, name)!r}")
        for name in info.__struct_fields__
        if name != "path" and getattr(found, name) != getattr(info, name)
    ]
    table = read_table(path)  # checks lengths, shapes and types of all columns
    if (table.frame_count, table.person_count) != (info.frames, info.persons):
        counts = f"{table.frame_count} frames and {table.person_count} people"
        faults.append(Fault(info.path, f"holds {counts}, the index says {info.frames} and {info.persons}"))
    with open_file(path) as file:
        columns = {**dict(layout.table_columns(table)), **check_heatmaps(file, table.frame_count)}
        check_images(file, table.frame_count)
    if layout.content_sha256(columns) != info.content_sha256:
        faults.append(Fault(info.path, "the columns do not have the content_sha256 of the index"))
    return faults
