"""The image of a frame, decoded when it is asked for: from the shard, or from the raw root."""

from __future__ import annotations

import io
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from mhbench.errors import InputError, MissingInputError, UnsafeInputError, UsageError
from mhbench.shards.images import encoded_image, has_images
from mhbench.shards.pool import pool

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.shards.single_frame import Frame


def decoded_image(frame: Frame, raw: Path | None = None) -> npt.NDArray[np.uint8]:
    """The image of a frame.

    Args:
        frame: the frame.
        raw: raw root of the data set; needed where the shard holds paths only.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        UsageError: the shard holds no images and no raw root is given.
        MissingInputError: there is no such file under the raw root.
        InputError: the frame has no image, or the file is none.
        UnsafeInputError: the path leads out of the raw root.
    """
    content, name = encoded(frame, raw)
    return pixels_of(content, f"{name} of {frame.id}")


def pixels_of(content: bytes, name: str) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of an encoded image.

    Raises:
        InputError: it is no image, is damaged, or would fill the memory.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - only for images

    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))
    # what Pillow raises for files that are no images, damaged, or of a hundred thousand rows and columns
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        why = "" if isinstance(error, UnidentifiedImageError) else f": {error}"  # it names an object of ours
        raise InputError(
            f"{name} is no image{why}",
            expected="a whole image",
            action="extract or copy it again, or `mhbench verify` the shards",
        ) from error


def encoded(frame: Frame, raw: Path | None = None) -> tuple[bytes, str]:
    """The bytes of a frame's image file and what it is called; errors as in `decoded_image`."""
    if pool().derived(frame.path, has_images):
        return pool().ask(frame.path, partial(encoded_image, row=frame.row)), "the image in the shard"
    if "image" not in frame.columns:
        raise InputError(
            f"{frame.id} has no image",
            expected="a data set with images",
            action="use the frames without images",
        )
    name = str(frame.columns["image"])
    if raw is None:
        raise UsageError(
            f"the shards hold the path of {name} only",
            expected="the raw root of the data set",
            action="pass raw=..., or convert with --images embed",
        )
    path = raw / name
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise UnsafeInputError(
            f"the image {name!r} of {frame.id} leads out of {raw}",
            expected="a path in it",
            action="do not use these shards; convert the data set again",
        )
    if not path.is_file():
        raise MissingInputError(
            f"there is no image {path}",
            expected=f"the image of {frame.id} as the data set names it",
            action="check the raw root; where a data set comes as videos, convert with --images extract",
        )
    return path.read_bytes(), str(path)
