"""WebDataset: archives of samples, each a record in JSON, the heatmap's centres and, if wanted, the image.

A sample's key is its frame id, so `<key>.json`, `<key>.centres.npy` and `<key>.jpg` belong together. Archives
are named `<data set>-<split>-000000.tar`; `<data set>.json` beside them describes the joints.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec
import numpy as np

from mhbench.errors import InputError
from mhbench.export.sources import ExportReport, about, by_split, plain
from mhbench.shards.files import atomic_file, write_atomically
from mhbench.shards.frame_images import encoded
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mhbench.shards import Shards
    from mhbench.shards.single_frame import Frame

# first bytes of the image formats of the data sets
_SUFFIXES: Final = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"RIFF": "webp", b"BM": "bmp"}


def write(shards: Shards, out: Path, *, raw: Path | None, images: bool, most: int) -> ExportReport:
    """Write archives of at most `most` frames, one sample in memory at a time."""
    files, people = [], 0
    for split, part in by_split(shards):
        for number, start in enumerate(range(0, len(part), most)):
            path = out / f"{shards.dataset}-{split}-{number:06d}.tar"
            numbers = range(start, min(start + most, len(part)))
            with atomic_file(path) as file:
                people += _write_archive(file, part, numbers, raw, images=images)
            files.append(path)
    names = sorted({info.skeleton for info in shards.infos})
    described = {
        "dataset": shards.dataset,
        **about(shards.dataset),
        "units": "joints3d in metres in the camera frame (x right, y down, z forward), joints2d in pixels",
        "skeletons": {name: _described(name) for name in names},
    }
    content = msgspec.json.format(msgspec.json.encode(described), indent=1)
    write_atomically(out / f"{shards.dataset}.json", content + b"\n")
    return ExportReport("webdataset", (*files, out / f"{shards.dataset}.json"), len(shards), people)


def frame_record(frame: Frame) -> dict[str, Any]:
    """All columns of a frame and its people as JSON holds them."""
    columns = {name: plain(frame.columns[name]) for name in frame.columns}
    rows = {name: plain(column) for name, column in frame.persons.items()}
    count = len(next(iter(rows.values()), []))
    people = [{name: column[row] for name, column in rows.items()} for row in range(count)]
    return {**columns, "split": frame.info.split, "skeleton": frame.info.skeleton, "persons": people}


def _write_archive(
    file: BinaryIO, part: Shards, numbers: Sequence[int], raw: Path | None, *, images: bool
) -> int:
    people = 0
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in numbers:
            frame = part[number]
            record = frame_record(frame)
            people += len(record["persons"])
            if frame.has_heatmaps:
                record["heatmap"] = asdict(frame.grid())
                buffer = io.BytesIO()
                np.save(buffer, frame.centres())
                _put(archive, f"{frame.id}.centres.npy", buffer.getvalue())
            _put(archive, f"{frame.id}.json", msgspec.json.encode(record))
            if images:
                content, name = encoded(frame, raw)
                _put(archive, f"{frame.id}.{_suffix(content, name)}", content)
    return people


def _put(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # no time and no owner: the same shards give the same bytes
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _suffix(content: bytes, name: str) -> str:
    found = [suffix for begin, suffix in _SUFFIXES.items() if content.startswith(begin)]
    if not found:
        raise InputError(
            f"{name} is no image of a known format",
            expected=f"one of: {', '.join(_SUFFIXES.values())}",
            action="export without images",
        )
    return found[0]


def _described(name: str) -> dict[str, Any]:
    bones = skeleton(name)
    return {"joints": bones.joints, "parents": bones.parents, "limbs": bones.limbs, "pairs": bones.pairs}
