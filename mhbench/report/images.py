"""Images of frames, for pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mhbench.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.frames import FrameTable


def read_image(raw: Path, table: FrameTable) -> npt.NDArray[np.uint8] | None:
    """(H, W, 3) the image of the one frame of a table; None if there is no such file under the raw root.

    Raises:
        InputError: the file is no image.
    """
    from PIL import Image  # noqa: PLC0415 - only for pictures

    if "image" not in table.frames or not (raw / str(table.frames["image"][0])).is_file():
        return None
    path = raw / str(table.frames["image"][0])
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise InputError(
            f"{path}: {error}", expected="an image", action="extract or copy it again"
        ) from error
