"""A Hugging Face folder: Parquet files for each split and a card; `datasets.load_dataset(FOLDER)` reads it.

One row per frame. Columns of people are lists with one entry per person, in the same order in all of them;
NaN means not annotated. The column `image`, where there is one, is a struct of bytes and path, as the library
stores images: `dataset.cast_column("image", datasets.Image())` decodes it.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import InputError, MissingExtraError
from mhbench.export.sources import ExportReport, about, by_split
from mhbench.shards.files import atomic_file, write_atomically
from mhbench.shards.frame_images import encoded
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.shards import ShardInfo, Shards

_IMAGES_AT_ONCE: Final = 64  # frames of one row group with images: bounds the memory


def write(shards: Shards, out: Path, *, raw: Path | None, images: bool, most: int) -> ExportReport:
    """Write `data/<split>-00000-of-00002.parquet` and `README.md`; a file holds whole shards.

    Frames of data sets without official splits form the split `full`.

    Raises:
        MissingExtraError: pyarrow is not installed.
        InputError: shards of a split have different columns or skeletons.
    """
    arrow, parquet = _pyarrow()
    files = []
    for split, part in by_split(shards):
        groups = _groups(part, most)
        for number, group in enumerate(groups):
            path = out / "data" / f"{_name(split)}-{number:05d}-of-{len(groups):05d}.parquet"
            with atomic_file(path) as file, ExitStack() as closing:
                writer = None
                for block in _blocks(arrow, group, raw, images=images):
                    if writer is None:
                        writer = closing.enter_context(parquet.ParquetWriter(file, block.schema))
                    if block.schema != writer.schema:
                        raise _unlike(split, writer.schema, block.schema)
                    writer.write_table(block)
            files.append(path)
    write_atomically(out / "README.md", _card(shards).encode())
    people = sum(info.persons for info in shards.infos)
    return ExportReport("huggingface", (*files, out / "README.md"), len(shards), people)


def _name(split: str) -> str:
    """A split as the library may call it: it reserves `all`, so frames of no official split are `full`."""
    return "full" if split == "all" else split


def _groups(part: Shards, most: int) -> list[Shards]:
    """Neighbouring shards that make one file: at most so many frames, unless one shard alone has more."""
    groups: list[list[ShardInfo]] = []
    for info in part.infos:
        if not groups or sum(one.frames for one in groups[-1]) + info.frames > most:
            groups.append([])
        groups[-1].append(info)
    return [replace(part, infos=tuple(group)) for group in groups]


def _blocks(arrow: Any, part: Shards, raw: Path | None, *, images: bool) -> Iterator[Any]:
    """Arrow tables of the frames; small ones where images are in them."""
    begin = 0
    for table in part.tables():
        step = _IMAGES_AT_ONCE if images else max(table.frame_count, 1)
        for start in range(0, table.frame_count, step):
            rows = np.arange(start, min(start + step, table.frame_count))
            columns = _columns(arrow, table.select(rows))
            if images:
                files = [encoded(part[begin + row], raw)[0] for row in rows.tolist()]
                names = table.frames["image"][rows].tolist() if "image" in table.frames else [""] * len(rows)
                columns["image"] = arrow.StructArray.from_arrays(
                    [arrow.array(files, arrow.binary()), arrow.array(names)], ["bytes", "path"]
                )
            yield arrow.table(columns)
        begin += table.frame_count


def _columns(arrow: Any, table: FrameTable) -> dict[str, Any]:
    """Frame columns by name, people's as `persons_<name>`, further joint sets' as `<set>_<name>`."""
    offsets = arrow.array(table.person_start, arrow.int32())

    def of_people(column: npt.NDArray[Any]) -> Any:
        return arrow.ListArray.from_arrays(offsets, _values(arrow, column))

    columns = {name: _values(arrow, column) for name, column in table.frames.items()}
    columns |= {f"persons_{name}": of_people(column) for name, column in table.persons.items()}
    for set_name, joint_set in table.sets.items():
        columns |= {f"{set_name}_{name}": of_people(column) for name, column in joint_set.columns.items()}
    return {name: columns[name] for name in sorted(columns, key=lambda name: (name != "id", name))}


def _values(arrow: Any, column: npt.NDArray[Any]) -> Any:
    """One entry per row; further axes become lists of a fixed size."""
    values = arrow.array(np.ascontiguousarray(column).reshape(-1))
    for size in reversed(column.shape[1:]):
        values = arrow.FixedSizeListArray.from_arrays(values, size)
    return values


def _unlike(split: str, one: Any, other: Any) -> InputError:
    different = sorted(set(map(str, one)) ^ set(map(str, other)))
    return InputError(
        f"shards of the split {split} have different columns: {', '.join(different[:2])}",
        expected="one kind of row in one file",
        action="export them with --frames-per-file 1, or the splits one by one",
    )


def _card(shards: Shards) -> str:
    """The card of the folder: which files are which split, the licence, and what the columns are."""
    known = about(shards.dataset)
    splits = sorted({_name(info.split) for info in shards.infos})
    title = json.dumps(known["title"])  # a string of JSON is one of YAML, whatever it holds
    lines = ["---", f"pretty_name: {title}", "configs:", "- config_name: default", "  data_files:"]
    for split in splits:
        lines += [f"  - split: {split}", f"    path: data/{split}-*.parquet"]
    lines += ["---", "", f"# {known['title']}", ""]
    lines += [f"Licence: {known['licence']}. Source: {known['source']}.", "", known["citation"], ""]
    lines += [
        "One row per frame, written by `mhbench export` from converted shards. Columns `persons_...` hold",
        "one entry per person. 3D joints are metres in the camera frame (x right, y down, z forward), 2D",
        "joints pixels with (0, 0) in the centre of the top-left one; NaN means not annotated. The bits of",
        "`persons_joint_flags`: 1 labelled in 3D, 2 labelled in 2D, 4 visible, 8 hidden by the own body, 16",
        "hidden by something else, 32 out of the image, 64 approximate.",
    ]
    for name in sorted({info.skeleton for info in shards.infos}):
        lines += ["", f"Joints of `{name}`, in order: {', '.join(skeleton(name).joints)}."]
    return "\n".join([*lines, ""])


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow  # noqa: PLC0415, ICN001 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError.of("pyarrow", "parquet", "an export to Parquet") from error
    return pyarrow, parquet
