"""Images of a raw tree, rendered and saved as JPEG: what most of the data sets are released as."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mhbench.synthetic.scenes import Scene

QUALITY: Final = 90


def write_pictures(scene: Scene, shots: Iterable[tuple[int, str, Path]]) -> int:
    """Render and save what cameras see; the number of images.

    Args:
        scene: the scene.
        shots: frame, camera and path of each image; those of a frame, one after the other, share its meshes.

    Raises:
        OSError: a file cannot be written (`new_folder` tells it).
    """
    from PIL import Image  # noqa: PLC0415 - only trees with images need it

    from mhbench.synthetic.images import picture  # noqa: PLC0415 - compiles kernels

    count = 0
    for frame, of_frame in groupby(shots, key=itemgetter(0)):
        vertices = scene.vertices(frame)
        for _, camera, path in of_frame:
            path.parent.mkdir(parents=True, exist_ok=True)
            seen = picture(scene, frame, camera, vertices=vertices)
            Image.fromarray(seen.image).save(path, quality=QUALITY)
            count += 1
    return count
