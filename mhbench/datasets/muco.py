"""MuCo-3DHP: training images composited from up to four people of MPI-INF-3DHP; everybody's copy is another.

Two forms are read, the re-release (`MuCo-3DHP.json`) before the output of the authors' scripts. One item is a
block of 1,000 images of one set (the folder, which is the sequence) by their numbers, which are the index.

The re-release has absolute joints in true size and a camera for each image. The authors' chunks have
universal joints without their pelvis, kept as the joint set `universal_root` (or `universal`, if a copy has
the pelvis). Where `sampled_dataset_info.mat` and MPI-INF-3DHP are there, true joints, cameras and the sources
are looked up; otherwise `joints3d` is absent, no camera is known, and so there are no heatmaps.

In both forms a joint may lie outside the image or be hidden by a nearer person; only the re-release has
visibility. People are sorted nearest first in the chunks. All is training data; S8 of MPI-INF-3DHP is in it.

Sources of the layout: mks0601/3DMPPE_ROOTNET_RELEASE; the authors' published MATLAB scripts.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from mhbench.datasets.choosing import (
    check_root,
    chosen_frames,
    chosen_names,
    chosen_sequences,
    excluded_frames,
)
from mhbench.datasets.items import Exclusion, Finding, Item, Selection
from mhbench.datasets.muco_composites import SOURCES, actors, chunk_files, image_numbers
from mhbench.datasets.muco_release import places, release_file, runs
from mhbench.datasets.muco_tables import CAMERA, chunk_table, release_table
from mhbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    from mhbench.frames import FrameTable

NAME: Final = "muco"
BLOCK: Final = 1000  # images
_LAST: Final = int(np.iinfo(np.int64).max)


def inventory(raw: Path) -> list[Finding]:
    """What of the data set lies under the raw root: annotations of either form, what they need, and images.

    Raises:
        MissingInputError: there is no such folder.
    """
    check_root(raw, "MuCo-3DHP, with MuCo-3DHP.json or augmented_set_001")
    file = release_file(raw)
    if file is not None:
        return _find_release(file)
    chunks = chunk_files(raw)
    if not chunks:
        detail = f"neither MuCo-3DHP.json nor augmented_set_*/chunk_*_annot.mat in {raw}"
        return [Finding(part="annotations", present=False, detail=detail)]
    findings = [_find_chunks(raw / name, files) for name, files in chunks.items()]
    return [*findings, _find_sources(raw)]


def items(raw: Path, selection: Selection) -> list[Item]:
    """One item for each block of 1,000 images of each set, sorted by name.

    Frame lists without named sequences choose the sets they are for, and leave out blocks without a number.

    Raises:
        MissingInputError: there is no such folder.
        InputError: it holds neither form, or the list of the images is damaged.
        UsageError: a split, sequence or camera does not exist.
    """
    check_root(raw, "MuCo-3DHP, with MuCo-3DHP.json or augmented_set_001")
    chosen_names("split", selection.splits, ("all",))
    chosen_names("camera", selection.cameras, (CAMERA,))
    file, chunks = release_file(raw), chunk_files(raw)
    if file is None and not chunks:
        packed = sorted(raw.glob("*.zip"))
        raise InputError(
            f"{raw} holds no annotations of MuCo-3DHP",
            expected="MuCo-3DHP.json, or augmented_set_001/chunk_00001_annot.mat",
            action=f"extract {packed[0].name} there" if packed else "`mhbench datasets` says where to get it",
        )
    found: list[Item] = []
    if file is not None:
        for sequence in chosen_sequences(selection, places(file)):
            found += _release_items(raw, file, sequence, selection)
    else:
        for sequence in chosen_sequences(selection, chunks):
            found += _chunk_items(raw, sequence, chunks[sequence], selection)
    return sorted(found, key=lambda item: item.name)


def read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
    """The images of one block.

    Returns:
        The table (pinhole; which columns it has depends on the form, see the module), and what was left out.

    Raises:
        MissingInputError: a file is gone.
        InputError: a file is damaged or was changed, or the looked-up poses are not those of the images.
    """
    sequence, first, last = str(item.keys["sequence"]), int(item.keys["first"]), int(item.keys["last"])
    table = release_table(raw, item) if "images" in item.keys else chunk_table(raw, item)
    number = table.frames["index"]
    listed = selection.frame_lists.get(sequence, ())
    within = tuple(one for one in listed if first <= one <= last)
    narrowed = msgspec.structs.replace(selection, frame_lists={sequence: within} if listed else {})
    kept, report = chosen_frames(number, narrowed, item, sequence)
    out, bad = excluded_frames(kept, selection, item, dataset=NAME, sequence=sequence, camera=CAMERA)
    return table.select(np.searchsorted(number, kept[~out])), [*report, *bad]


def _blocks(sequence: str, number: Ints, selection: Selection) -> Iterator[tuple[slice, Item]]:
    """The blocks of a set: rows of its images, and an item that lacks its files."""
    listed = np.array(selection.frame_lists.get(sequence, ()), dtype=np.int64)
    for begin in range(0, len(number), BLOCK):
        block = number[begin : begin + BLOCK]
        # every number belongs to exactly one block, so one that no image has is told once
        first = int(block[0]) if begin else 0
        last = int(number[begin + BLOCK]) - 1 if begin + BLOCK < len(number) else _LAST
        if not listed.size or np.any((listed >= first) & (listed <= last)):
            yield (
                slice(begin, begin + len(block)),
                Item(
                    name=f"{sequence}.{block[0]:09d}-{block[-1]:09d}",
                    split="all",
                    files=(),
                    frames_available=len(block),
                    keys={"sequence": sequence, "first": first, "last": last},
                ),
            )


def _release_items(raw: Path, file: Path, sequence: str, selection: Selection) -> Iterator[Item]:
    place = places(file)[sequence]
    path = file.relative_to(raw).as_posix()
    for rows, item in _blocks(sequence, place.number, selection):
        people = slice(int(place.person_start[rows.start]), int(place.person_start[rows.stop]))
        ranges = {
            "file": path,
            "images": runs(place.images[rows]),
            "annotations": runs(place.people[people]),
        }
        yield msgspec.structs.replace(item, files=(path,), keys={**item.keys, **ranges})


def _chunk_items(raw: Path, sequence: str, files: Sequence[Path], selection: Selection) -> Iterator[Item]:
    """The blocks of a set of the authors' form; a damaged chunk is an item of its own, which will fail."""
    numbers: dict[Path, Ints] = {}
    for file in files:
        try:
            numbers[file] = image_numbers(file)
        except InputError:
            path = file.relative_to(raw).as_posix()
            keys: dict[str, str | int] = {"sequence": sequence, "first": 0, "last": _LAST}
            name = f"{sequence}.{file.stem}"
            yield Item(name=name, split="all", files=(path,), frames_available=0, keys=keys)
    if not numbers:
        return
    together = np.sort(np.concatenate(list(numbers.values())))
    twice = together[1:][np.diff(together) == 0]
    if len(twice):
        raise InputError(
            f"{raw / sequence}: two chunks hold the image {twice[0]}",
            expected="each image once",
            action="remove the chunks of another run of the scripts",
        )
    lookups = _lookups(raw)
    for rows, item in _blocks(sequence, together, selection):
        block = together[rows]
        chunks = [file for file, own in numbers.items() if np.isin(own, block).any()]
        paths = tuple(file.relative_to(raw).as_posix() for file in chunks)
        yield msgspec.structs.replace(item, files=paths + lookups)


def _lookups(raw: Path) -> tuple[str, ...]:
    """The files that tell true joints of the authors' form, if all are there; relative to the raw root."""
    folders = actors(raw).values()
    if not folders or not (raw / SOURCES).is_file():
        return ()
    files = (folder / name for folder in folders for name in ("annot.mat", "camera.calibration"))
    # MPI-INF-3DHP may lie beside the raw root
    return (SOURCES, *(os.path.relpath(file, raw) for file in files))


def _find_release(file: Path) -> list[Finding]:
    part = "annotations"
    try:
        sets = places(file)
    except InputError as error:
        return [Finding(part=part, present=False, detail=error.what)]
    counts = [f"{len(one.number)} images of {len(one.people)} people in {name}" for name, one in sets.items()]
    findings = [Finding(part=part, present=True, detail=f"{file.name}: {', '.join(counts)}")]
    for folder in ("augmented_set", "unaugmented_set"):
        images = sum(1 for _ in (file.parent / folder).rglob("*.jpg"))
        detail = f"{images} images" if images else "no images; poses convert without them"
        findings.append(Finding(part=folder, present=images > 0, detail=detail, needed=False))
    return findings


def _find_chunks(folder: Path, files: Sequence[Path]) -> Finding:
    try:
        images = sum(len(image_numbers(file)) for file in files)
    except InputError as error:
        return Finding(part=f"{folder.name}: chunks", present=False, detail=error.what)
    there = len(list(folder.glob("*.jpg")))
    detail = f"{images} images in {len(files)} chunks, {there} of them on disk"
    return Finding(part=f"{folder.name}: chunks", present=True, detail=detail)


def _find_sources(raw: Path) -> Finding:
    lacking = [] if (raw / SOURCES).is_file() else [SOURCES]
    folders = actors(raw)
    lacking += [] if folders else ["MPI-INF-3DHP"]
    detail = f"true joints are looked up in {len(folders)} sequences of MPI-INF-3DHP"
    if lacking:
        detail = (
            f"no {' and no '.join(lacking)}: joints are relative to their root, and there are no heatmaps"
        )
    return Finding(part="true joints", present=not lacking, detail=detail, needed=False)
