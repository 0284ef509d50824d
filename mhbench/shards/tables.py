"""Shard -> FrameTable, whole or some columns only."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import h5py
import msgspec

from mhbench.errors import InputError, MissingInputError
from mhbench.frames import FrameTable, JointSet
from mhbench.shards import layout

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import numpy.typing as npt

    from mhbench.cameras import Lens


# what h5py raises for a file that is damaged, and what its bytes raise where they should be text
FAULTS: Final = (OSError, KeyError, RuntimeError, UnicodeDecodeError)


class ShardInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One shard as the index lists it; `path` is relative to the data set's folder."""

    path: str
    split: str
    item: str
    skeleton: str
    frames: int
    frames_available: int
    persons: int
    sha256: str
    content_sha256: str
    raw_sha256: str


def read_table(path: Path | str, columns: Collection[str] | None = None) -> FrameTable:
    """The frames of one shard.

    Args:
        path: the shard.
        columns: paths of the columns wanted, such as `persons/joints3d` or `sets/<name>/joints2d`; the others
            are not read. `frames/id` and the offsets always are. None means all.

    Raises:
        InputError: the file is no shard, is damaged, or has no column of a wanted path.
    """
    with open_file(Path(path)) as file:
        wanted = None if columns is None else {"frames/id", *columns}
        present = column_paths(file)
        missing = sorted((wanted or set()) - set(present))
        if missing:
            raise InputError(
                f"{path} has no column {missing[0]!r}",
                expected=f"some of: {', '.join(present)}",
                action="ask for columns the data set has",
            )
        chosen = [name for name in present if wanted is None or name in wanted]
        return _table(file, {name: layout.unpacked(file[name][()]) for name in chosen})


def column_paths(file: h5py.File) -> list[str]:
    """Sorted paths of the table's columns in a shard (without the offsets and the heatmaps)."""
    paths = []
    for scope in (layout.FRAMES, layout.PERSONS):
        paths += [f"{scope}/{name}" for name in file.get(scope, ())]
    for set_name in file.get(layout.SETS, ()):
        paths += [f"{layout.SETS}/{set_name}/{name}" for name in file[f"{layout.SETS}/{set_name}"]]
    return sorted(path for path in paths if path != layout.PERSON_START)


@contextmanager
def open_file(path: Path) -> Iterator[h5py.File]:
    """A shard opened for reading; whatever HDF5 says about a damaged one becomes an InputError."""
    try:
        with _open(path) as file:
            yield file
    except FAULTS as error:
        if isinstance(error, InputError):
            raise
        raise damaged(path, error) from error


def open_handle(path: Path) -> h5py.File:
    """A shard opened for reading, to be kept open; checked as `open_file` checks it."""
    try:
        return _open(path)
    except FAULTS as error:
        if isinstance(error, InputError):
            raise
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> InputError:
    """The error of a shard that HDF5 cannot read."""
    return InputError(
        f"{path} is damaged: {error}",
        expected=f"a whole file of the format {layout.FORMAT}",
        action="`mhbench verify` lists all damaged shards; delete them and run `mhbench convert` again",
    )


def shard_info(path: Path, *, sha256: str = "") -> ShardInfo:
    """What a shard's own attributes say about it (the hash of the file is not among them)."""
    with open_file(path) as file:
        return ShardInfo(
            path=path.name,
            sha256=sha256,
            **{
                name: layout.attribute(file, name)
                for name in ShardInfo.__struct_fields__
                if name not in {"path", "sha256"}
            },
        )


def _open(path: Path) -> h5py.File:
    if not path.is_file():
        raise MissingInputError(
            f"there is no shard {path}",
            expected="a file that `mhbench convert` wrote",
            action="check the path",
        )
    # Locks fail on network file systems, and a shard never changes once it has its name.
    file = h5py.File(path, "r", locking=False)
    found = layout.attribute(file, "format") if "format" in file.attrs else "unknown"
    if found != layout.FORMAT:
        file.close()
        raise InputError(
            f"{path} has the format {found!r}",
            expected=layout.FORMAT,
            action="convert the data set with this version of mhbench, or read it with the one that wrote it",
        )
    return file


def _table(file: h5py.File, columns: dict[str, npt.NDArray[Any]]) -> FrameTable:
    def group(scope: str) -> dict[str, npt.NDArray[Any]]:
        start = f"{scope}/"
        return {
            name.removeprefix(start): column for name, column in columns.items() if name.startswith(start)
        }

    lens: Lens = "pinhole"
    if layout.DISTORTION in file:
        lens = layout.attribute(file[layout.DISTORTION], "lens")
    return FrameTable(
        dataset=layout.attribute(file, "dataset"),
        split=layout.attribute(file, "split"),
        skeleton=layout.attribute(file, "skeleton"),
        frames=group(layout.FRAMES),
        person_start=file[layout.PERSON_START][()],
        persons=group(layout.PERSONS),
        lens=lens,
        sets={
            name: JointSet(
                layout.attribute(file[f"{layout.SETS}/{name}"], "skeleton"), group(f"{layout.SETS}/{name}")
            )
            for name in file.get(layout.SETS, ())
        },
    )
