"""Encoded images in a shard: the bytes of one after the other, where each begins, and their hashes.

They are no part of `content_sha256`: shards with and without images hold the same ground truth, and an image
cut out of a video may differ in its last bits between machines. Each image has its own sha256 instead.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import InputError
from mhbench.shards import layout
from mhbench.shards.tables import open_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import h5py
    import numpy.typing as npt

IMAGES: Final = "images"
CONTENT: Final = f"{IMAGES}/content"
START: Final = f"{IMAGES}/start"
HASHES: Final = f"{IMAGES}/sha256"
_CHUNK: Final = 1 << 18  # bytes; a photograph has about this size


@dataclass(frozen=True, slots=True, eq=False)
class ImageStore:
    """Images on their way into a shard.

    Attributes:
        source: `embed` (the data set's own files) or `extract` (cut out of its videos).
        most_bytes: about as much as they may take, for the check of free space.
        contents: the encoded image of every frame, made one at a time.
    """

    source: str
    most_bytes: int
    contents: Iterable[bytes]


def put_images(file: h5py.File, store: ImageStore, *, check: Callable[[], None] | None = None) -> None:
    """Write the group `/images`; `check` is called after each image."""
    layout.put_attribute(file.create_group(IMAGES), "source", store.source)
    content = file.create_dataset(
        CONTENT, (0,), dtype=np.uint8, maxshape=(None,), chunks=(_CHUNK,), track_times=False
    )
    start, hashes = [0], []
    for image in store.contents:
        content.resize(start[-1] + len(image), axis=0)
        content[start[-1] :] = np.frombuffer(image, dtype=np.uint8)
        start.append(start[-1] + len(image))
        hashes.append(hashlib.sha256(image).digest())
        if check is not None:
            check()
    file.create_dataset(START, data=np.array(start, dtype=np.int64), track_times=False)
    digests: npt.NDArray[Any] = np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, 32)
    file.create_dataset(HASHES, data=digests, track_times=False)


def stored_images(path: Path) -> ImageStore | None:
    """The images of a shard, on their way into another one; None if it holds none."""

    def contents() -> Iterator[bytes]:
        with open_file(path) as file:
            for row in range(len(file[START]) - 1):
                yield encoded_image(file, row)

    with open_file(path) as file:
        if not has_images(file):
            return None
        source = layout.attribute(file[IMAGES], "source")
        return ImageStore(source, len(file[CONTENT]), contents())


def has_images(file: h5py.File) -> bool:
    """The shard holds the images themselves and not only their paths."""
    return IMAGES in file


def encoded_image(file: h5py.File, row: int) -> bytes:
    """The encoded image of a frame of a shard that has images."""
    first, stop = file[START][row : row + 2].tolist()
    return bytes(file[CONTENT][first:stop].tobytes())


def check_images(file: h5py.File, frames: int) -> None:
    """Compare every image of a shard, if it has any, with its hash.

    Raises:
        InputError: one differs, or there is not one for each frame.
    """
    if not has_images(file):
        return
    start, hashes = file[START][()], file[HASHES][()]
    if len(start) != frames + 1 or len(hashes) != frames or start[-1] != len(file[CONTENT]):
        raise InputError(
            f"{file.filename}: {START} is no list of the images of {frames} frames",
            expected="one image for each frame",
            action="convert the item again",
        )
    for row in range(frames):
        if hashlib.sha256(encoded_image(file, row)).digest() != hashes[row].tobytes():
            raise InputError(
                f"{file.filename}: the image of frame {row} is not the one that was stored",
                expected=f"bytes with the sha256 in {HASHES}",
                action="convert the item again",
            )
