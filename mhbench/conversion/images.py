"""Images of an item on their way into its shard: the data set's files as they are, or frames of its video."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from mhbench.conversion.fingerprints import Fingerprint, fingerprint, quick_fingerprint
from mhbench.datasets.raw.archives import confined
from mhbench.datasets.raw.files import read_bytes
from mhbench.datasets.raw.video import count_frames, read_frames
from mhbench.datasets.videos import video_of
from mhbench.errors import InputError, MissingInputError
from mhbench.shards.images import ImageStore
from mhbench.shards.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mhbench.datasets.items import Item
    from mhbench.datasets.videos import Video
    from mhbench.frames import FrameTable

CHOICES: Final = ("path", "embed", "extract")
QUALITY: Final = 95  # of JPEG; colours are not thinned out
_LARGEST: Final = 256 << 20  # bytes of an image file
_BYTES_PER_PIXEL: Final = 1.0  # of a JPEG of that quality; street scenes take about 0.5


class ImageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the images of an item were made from, as its journal holds it.

    Attributes:
        raw: fingerprints of the image files, or of the video.
        stored: number of images in the shard.
        video: the video, relative to the raw root; empty for image files, whose names are in the shard.
        video_frames: number of its frames.
    """

    raw: Fingerprint
    stored: int
    video: str = ""
    video_frames: int = 0


def images_of(
    choice: str, raw: Path, item: Item, table: FrameTable
) -> tuple[ImageStore | None, ImageRecord | None]:
    """What is to be stored of the images of an item, and from which files; nothing for `path`.

    Args:
        choice: one of `CHOICES`.
        raw: the raw root.
        item: the item.
        table: its frames.

    Raises:
        MissingExtraError: PyAV is not installed, and images are to be extracted.
        MissingInputError: an image or the video is missing.
        InputError: the data set has no images or videos, or a video is too short.
    """
    if choice == "path":
        return None, None
    return _embedded(raw, item, table) if choice == "embed" else _extracted(raw, item, table)


def images_are_current(record: ImageRecord | None, raw: Path, shard: Path) -> bool:
    """The files the images of a shard were made from are what they were, by their sizes and times."""
    if record is None:
        return True
    try:
        return quick_fingerprint(raw, _sources(record, shard)) == record.raw.quick
    except MissingInputError:
        return False  # converting the item says which one is missing


def renewed(record: ImageRecord, raw: Path, shard: Path) -> ImageRecord | None:
    """The record with fingerprints of today; None if the files have other content, or are gone."""
    try:
        found = fingerprint(raw, _sources(record, shard))
    except MissingInputError:
        return None
    same = found.content == record.raw.content
    return msgspec.structs.replace(record, raw=found) if same else None


def _sources(record: ImageRecord, shard: Path) -> tuple[str, ...]:
    return (record.video,) if record.video else _names(read_table(shard, ("frames/image",)))


def _names(table: FrameTable) -> tuple[str, ...]:
    return tuple(sorted(set(table.frames["image"].tolist())))


def _embedded(raw: Path, item: Item, table: FrameTable) -> tuple[ImageStore, ImageRecord]:
    if "image" not in table.frames:
        raise InputError(
            f"the data set {table.dataset} has no images", expected="frames with an image", action="use path"
        )
    names = [confined(name, item.name).as_posix() for name in table.frames["image"].tolist()]
    missing = [name for name in names if not (raw / name).is_file()]
    if missing:
        raise MissingInputError(
            f"{item.split}/{item.name}: {len(missing)} of {len(names)} images are missing,"
            f" such as {missing[0]}",
            expected=f"all of them below {raw}",
            action="extract the images there, cut them out of the videos (--images extract), or use path",
        )
    store = ImageStore(
        source="embed",
        most_bytes=sum((raw / name).stat().st_size for name in names),
        contents=(read_bytes(raw / name, limit=_LARGEST) for name in names),
    )
    return store, ImageRecord(raw=fingerprint(raw, _names(table)), stored=len(names))


def _extracted(raw: Path, item: Item, table: FrameTable) -> tuple[ImageStore, ImageRecord]:
    video = video_of(table.dataset, raw, item)
    length = count_frames(video.path)
    numbers = (table.frames["index"] - video.first_index).tolist()
    if numbers and max(numbers) >= length:
        raise InputError(
            f"{video.path} has {length} frames, and the annotations of {item.name} go to frame"
            f" {max(numbers) + 1} of it",
            expected="a video as long as its annotations",
            action="download the video again, or convert the item with --images path",
        )
    size = int(np.sum(table.frames["width"].astype(np.int64) * table.frames["height"]))
    name = video.path.relative_to(raw).as_posix()
    store = ImageStore(
        source="extract",
        most_bytes=int(_BYTES_PER_PIXEL * size),
        contents=_pictures(video, numbers, table),
    )
    found = fingerprint(raw, (name,))
    return store, ImageRecord(raw=found, stored=len(numbers), video=name, video_frames=length)


def _pictures(video: Video, numbers: Sequence[int], table: FrameTable) -> Iterator[bytes]:
    """JPEGs of some frames of a video; tables have their frames in the order of the video."""
    from PIL import Image  # noqa: PLC0415 - only videos need it

    sizes = list(zip(table.frames["width"].tolist(), table.frames["height"].tolist(), strict=True))
    for (number, pixels), size in zip(read_frames(video.path, numbers), sizes, strict=True):
        if pixels.shape[1::-1] != size:
            raise InputError(
                f"{video.path}: frame {number} has {pixels.shape[1]} x {pixels.shape[0]} pixels",
                expected=f"{size[0]} x {size[1]}, as in the annotations",
                action="use the video of the official release, not a smaller copy",
            )
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="JPEG", quality=QUALITY, subsampling=0)
        yield buffer.getvalue()
