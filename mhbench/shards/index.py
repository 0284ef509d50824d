"""`index.json` of a converted data set: what is there, what was left out, what failed.

A pure function of the journals: no time, host or absolute path enters it.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec resolves the field types at run time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mhbench.datasets.items import Exclusion  # noqa: TC001 - same
from mhbench.errors import InputError, MissingInputError, UnsafeInputError
from mhbench.shards.files import write_atomically
from mhbench.shards.tables import ShardInfo  # noqa: TC001 - same

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Final = "mhbench-index/1"
INDEX_NAME: Final = "index.json"
JOURNAL_FOLDER: Final = "journal"


class FailedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that could not be converted, in the three parts of its error."""

    split: str
    item: str
    what: str
    expected: str = ""
    action: str = ""


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """Content of `index.json`.

    Attributes:
        format: `mhbench-index/1`.
        dataset: id of the data set.
        tool_versions: versions of mhbench that wrote the shards.
        converter_version: version of the data set's converter.
        manifest_hash: hash of the data set's manifest.
        options: what decides the content of a shard (stride, limit, heatmaps, ...).
        shards: by (split, item).
        excluded: frames left out on purpose.
        failed: items without a shard.
    """

    format: str
    dataset: str
    tool_versions: tuple[str, ...]
    converter_version: int
    manifest_hash: str
    options: Mapping[str, Any]
    shards: tuple[ShardInfo, ...]
    excluded: tuple[Exclusion, ...] = ()
    failed: tuple[FailedItem, ...] = ()


def dataset_folders(path: Path) -> list[Path]:
    """The folders of data sets at a path: itself, or those in it.

    Raises:
        MissingInputError: nothing was converted there.
    """
    candidates = [path, *sorted(one for one in path.glob("*") if one.is_dir())]
    found = [one for one in candidates if (one / INDEX_NAME).is_file() or (one / JOURNAL_FOLDER).is_dir()]
    if not found:
        raise MissingInputError(
            f"nothing was converted to {path}",
            expected=f"a data set's folder with {INDEX_NAME} or {JOURNAL_FOLDER}/, or the folder above it",
            action="run `mhbench convert`, or check the path",
        )
    return found


def read_index(folder: Path) -> Index:
    """The index of a data set's folder.

    Raises:
        MissingInputError: there is none.
        InputError: it is damaged or has another format.
    """
    path = folder / INDEX_NAME
    if not path.is_file():
        raise MissingInputError(
            f"there is no {path}",
            expected="the index that `mhbench convert` writes at its end",
            action="run the conversion to its end, or `mhbench index` if all of its jobs are done",
        )
    content = path.read_bytes()
    try:
        found = msgspec.json.decode(content, type=_Header).format
        if found == FORMAT:
            return _confined(path, msgspec.json.decode(content, type=Index))
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(
            f"{path} is damaged: {error}",
            expected=f"an index of the format {FORMAT}",
            action="`mhbench index` writes it anew from the journals",
        ) from error
    raise InputError(
        f"{path} has the format {found!r}",
        expected=FORMAT,
        action="`mhbench index` writes it anew; if that fails, convert with this version of mhbench",
    )


def write_index(folder: Path, index: Index) -> Path:
    """Write the index of a data set's folder, whole or not at all.

    Raises:
        OutputError: the disk is full or the folder cannot be written.
    """
    content = msgspec.json.format(msgspec.json.encode(index, order="deterministic"), indent=1)
    write_atomically(folder / INDEX_NAME, content + b"\n")
    return folder / INDEX_NAME


def _confined(path: Path, index: Index) -> Index:
    for info in index.shards:
        if PurePosixPath(info.path).is_absolute() or ".." in PurePosixPath(info.path).parts:
            raise UnsafeInputError(
                f"{path} lists the shard {info.path!r}",
                expected="paths inside the data set's folder",
                action="do not use this index; `mhbench index` writes it anew",
            )
    return index


class _Header(msgspec.Struct):
    format: str = "unknown"
