"""The image that a picture of a frame is drawn over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mhbench.errors import MissingInputError, UsageError
from mhbench.shards.frame_images import decoded_image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from mhbench.shards.single_frame import Frame


def image_of(frame: Frame, raw: Path | None) -> tuple[npt.NDArray[np.uint8] | None, str]:
    """(H, W, 3) the image in the shard or under the raw root; None and the reason where there is none.

    Raises:
        InputError: the file is no image.
        UnsafeInputError: its path leads out of the raw root.
    """
    if "image" not in frame.columns:
        return None, "no image: the data set has none"
    try:
        return decoded_image(frame, raw), ""
    except (MissingInputError, UsageError) as error:
        return None, f"{error.what}; {error.action}"
