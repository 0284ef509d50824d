"""Images of raw data sets: their sizes, which are read from their heads, and their pixels."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.datasets.raw.files import check_file
from mhbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt
    from PIL.Image import Image


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in px, without decoding the pixels.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is no image.
    """
    with _opened(path) as image:
        return image.size


def image_values(path: Path) -> npt.NDArray[Any]:
    """The pixels as they are stored: (H, W), or (H, W, channels).

    Raises:
        MissingInputError: there is no such file.
        InputError: it is no image, or a damaged one.
    """
    with _opened(path) as image:
        return np.asarray(image)


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    check_file(path)
    from PIL import Image  # noqa: PLC0415 - many trees have no images

    try:
        with Image.open(path) as image:
            yield image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # Pillow calls a broken chunk of a PNG file an error of syntax
        raise InputError(
            f"{path} is no image: {error}",
            expected="a whole JPEG or PNG file",
            action="extract the images again, or move this one away",
        ) from error
