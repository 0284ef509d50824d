"""MuCo-3DHP as re-released by Moon et al.: `MuCo-3DHP.json`, one file for all images.

The file is read as a whole once, to find where in it each image and each person stands; an item carries the
ranges of bytes of its images and people, and only those are read and decoded for it.

Source of the layout: mks0601/3DMPPE_ROOTNET_RELEASE, loader and README. No real file was ever seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import msgspec
import numpy as np

from mhbench.datasets.raw.archives import confined
from mhbench.datasets.raw.files import FILE_LIMIT, read_bytes
from mhbench.datasets.raw.json_files import Integer, Pixel, Size, decode_json
from mhbench.datasets.raw.kept import kept
from mhbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

JOINTS: Final = 21
_NUMBER: Final = re.compile(r"(\d{1,15})$")
_Record = TypeVar("_Record", bound=msgspec.Struct)
_Focal = Annotated[float, msgspec.Meta(gt=0, le=1e6)]  # px
_Place = Annotated[float, msgspec.Meta(ge=-1e5, le=1e5)]  # mm; no joint is 100 m away


class _Content(msgspec.Struct):
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]


class _ImageName(msgspec.Struct):
    id: Integer
    file_name: str


class _Owner(msgspec.Struct):
    image_id: Integer


class ReleasedImage(msgspec.Struct):
    """An image of the file: its size and the focal lengths and centre of its camera, px."""

    id: Integer
    file_name: str
    width: Size
    height: Size
    f: tuple[_Focal, _Focal]
    c: tuple[Pixel, Pixel]


class ReleasedPerson(msgspec.Struct):
    """A person of the file: joints in pixels and in millimetres of the camera's frame."""

    id: Integer
    image_id: Integer
    bbox: tuple[Pixel, Pixel, Pixel, Pixel]
    keypoints_img: list[tuple[Pixel, Pixel]]
    keypoints_cam: list[tuple[_Place, _Place, _Place]]
    keypoints_vis: list[float | bool]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where the images of a sequence stand in the file.

    Attributes:
        number: (F,) number of each image, ascending.
        images: (F, 3) position in the file's list and range of bytes of each image.
        people: (P, 3) the same of each person, in the order of the file within each image.
        person_start: (F + 1,) offsets of each image's people.
    """

    number: Ints
    images: Ints
    people: Ints
    person_start: Ints


def release_file(raw: Path) -> Path | None:
    """The file under a raw root, if it is there."""
    places = (raw / folder / "MuCo-3DHP.json" for folder in (".", "data", "annotations"))
    return next((place for place in places if place.is_file()), None)


def sequence_and_number(file_name: str, where: str) -> tuple[str, int]:
    """The folder of an image, as a sequence, and its number.

    Raises:
        UnsafeInputError: the name leaves the folder.
        InputError: it has no folder or no number.
    """
    path = PurePosixPath(confined(file_name, where))
    number = _NUMBER.search(path.stem)
    if not path.parent.parts or number is None:
        raise InputError(
            f"{where}: {file_name!r} is no image of a set",
            expected="names such as augmented_set/000001.jpg",
            action="check that the file belongs to this data set",
        )
    return "_".join(path.parent.parts), int(number[1])


@kept(1)
def places(path: Path) -> Mapping[str, Place]:
    """Where the images of each sequence stand in the file; kept for the last file.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, an image is there twice, or a person belongs to none.
    """
    content = read_bytes(path, limit=FILE_LIMIT)
    lists = decode_json(content, _Content, str(path))
    names = [
        decode_json(bytes(one), _ImageName, str(path), root=f"$.images[{row}]")
        for row, one in enumerate(lists.images)
    ]
    row_of = {name.id: row for row, name in reversed(list(enumerate(names)))}
    found: dict[str, list[tuple[int, int]]] = {}
    for row, name in enumerate(names):
        sequence, number = sequence_and_number(name.file_name, str(path))
        found.setdefault(sequence, []).append((number, row))
    _check_once(path, names, found, row_of)
    owner = np.zeros(len(lists.annotations), dtype=np.int64)
    for row, one in enumerate(lists.annotations):
        root = f"$.annotations[{row}]"
        image = decode_json(bytes(one), _Owner, str(path), root=root).image_id
        if image not in row_of:
            raise _unfit(f"{path}: there is no image {image} - at {root}.image_id")
        owner[row] = row_of[image]
    images, people = _ranges(content, lists.images), _ranges(content, lists.annotations)
    by_owner = np.argsort(owner, kind="stable")
    start = np.searchsorted(owner[by_owner], np.arange(len(names) + 1))
    return {
        sequence: _place(np.array(sorted(rows)), images, people[by_owner], start)
        for sequence, rows in sorted(found.items())
    }


def runs(records: Ints) -> str:
    """Records as text: `first:begin-end` for all that follow each other in the file, then a comma."""
    ordered = records[np.argsort(records[:, 0], kind="stable")]
    breaks = np.flatnonzero(np.diff(ordered[:, 0]) != 1) + 1
    edges = [0, *breaks.tolist(), len(ordered)] if len(ordered) else []
    return ",".join(
        f"{ordered[first, 0]}:{ordered[first, 1]}-{ordered[last - 1, 2]}" for first, last in pairwise(edges)
    )


def read_images(path: Path, text: str) -> list[ReleasedImage]:
    """The images of some runs (see `runs`), by number.

    Raises:
        InputError: one is damaged, or the file was changed since its places were found.
    """
    images = [image for _, image in _read(path, text, ReleasedImage, "images")]
    return sorted(images, key=lambda image: sequence_and_number(image.file_name, str(path)))


def read_people(path: Path, text: str) -> list[ReleasedPerson]:
    """The people of some runs (see `runs`), in the order of the file.

    Raises:
        InputError: one is damaged, or the file was changed since its places were found.
    """
    people = []
    for place, person in _read(path, text, ReleasedPerson, "annotations"):
        sizes = [len(one) for one in (person.keypoints_img, person.keypoints_cam, person.keypoints_vis)]
        if sizes != [JOINTS] * 3:
            raise _unfit(f"{path}: a person has {sizes} joints in keypoints_img, _cam and _vis - at {place}")
        people.append(person)
    return people


def _place(rows: Ints, images: Ints, people: Ints, start: Ints) -> Place:
    number, row = rows.T
    counts = start[row + 1] - start[row]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    mine = np.repeat(start[row] - offsets[:-1], counts) + np.arange(offsets[-1])
    return Place(number, images[row], people[mine], offsets)


def _check_once(
    path: Path,
    names: Sequence[_ImageName],
    found: Mapping[str, list[tuple[int, int]]],
    row_of: Mapping[int, int],
) -> None:
    for row, name in enumerate(names):
        if row_of[name.id] != row:
            raise _unfit(f"{path}: two images have the id {name.id} - at $.images[{row}].id")
    for sequence, rows in found.items():
        for one, other in pairwise(sorted(rows)):
            if one[0] == other[0]:
                place = f"$.images[{other[1]}].file_name"
                raise _unfit(f"{path}: {sequence} has two images of the number {one[0]} - at {place}")


def _ranges(content: bytes, records: Sequence[msgspec.Raw]) -> Ints:
    """(N, 3) position, first byte and last byte + 1 of each record of a list."""
    found = np.zeros((len(records), 3), dtype=np.int64)
    found[:, 0] = np.arange(len(records))
    if records:
        # A Raw is a view of the text it was decoded from, so its place is a difference of addresses.
        base, first = (np.frombuffer(one, dtype=np.uint8).ctypes.data for one in (content, records[0]))
        end = first - base
        for row, record in enumerate(records):
            begin = content.index(b"{", end) if row else end
            end = begin + memoryview(record).nbytes
            found[row, 1:] = begin, end
    return found


def _read(path: Path, text: str, kind: type[_Record], name: str) -> Iterator[tuple[str, _Record]]:
    """The records of some runs with their JSON path."""
    with path.open("rb") as file:
        for run in text.split(",") if text else ():
            first, begin, end = map(int, re.split("[:-]", run))
            file.seek(begin)
            content = b"[" + file.read(end - begin) + b"]"
            where = f"{path} (bytes {begin} to {end})"
            for row, record in enumerate(decode_json(content, list[msgspec.Raw], where), start=first):
                place = f"$.{name}[{row}]"
                yield place, decode_json(bytes(record), kind, str(path), root=place)


def _unfit(what: str) -> InputError:
    return InputError(
        what,
        expected="the layout of the re-release, millimetres and pixels",
        action="download the file again",
    )
