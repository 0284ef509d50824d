"""Augmentation that keeps heatmaps exact: an affine map of the pixels, applied to joints before rendering.

Nothing is resampled but the image. Depth does not change: a mirrored, turned, scaled or cut image shows the
same points at the same distances, through another camera. `Transform.invert` leads back to pixels of the
original image, where the frame's own camera and lens hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Transform:
    """An affine map of pixels; the centre of the top-left pixel is (0, 0) in both images.

    Attributes:
        matrix: (2, 3) float64, (x, y, 1) of the original image -> (x, y) of the new one.
        mirrored: left and right are swapped, so joints must be too.
        height: of the new image, px.
        width: of the new image, px.
    """

    matrix: Floats
    mirrored: bool
    height: int
    width: int

    def apply(self, pixels: npt.NDArray[np.floating[Any]]) -> Floats:
        """Pixels (..., 2) of the original image -> the new one."""
        return _mapped(self.matrix, pixels)

    def invert(self, pixels: npt.NDArray[np.floating[Any]]) -> Floats:
        """Pixels (..., 2) of the new image -> the original one."""
        return _mapped(self._inverse(), pixels)

    def warp(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The new image (height, width, 3) of an image; black where there was none.

        Without rotation and scale every pixel is copied; else it is interpolated between its four neighbours.
        """
        from PIL import Image  # noqa: PLC0415 - only for images

        inverse = self._inverse()
        # Pillow counts from the corner of the top-left pixel
        shift = inverse[:, 2] + 0.5 - inverse[:, :2] @ (0.5, 0.5)
        data = (*inverse[0, :2], shift[0], *inverse[1, :2], shift[1])
        copied = np.array_equal(self.matrix, np.rint(self.matrix)) and abs(self.matrix[0, 0]) == 1
        resample = Image.Resampling.NEAREST if copied else Image.Resampling.BILINEAR
        size = (self.width, self.height)
        return np.asarray(Image.fromarray(image).transform(size, Image.Transform.AFFINE, data, resample))

    def _inverse(self) -> Floats:
        a, b, c, d = self.matrix[:, :2].reshape(-1).tolist()
        linear = np.array([[d, -b], [-c, a]]) / (a * d - b * c)
        return np.column_stack([linear, -(linear @ self.matrix[:, 2])])


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How transforms are drawn; each part is independent of the others.

    Args:
        mirror: share of mirrored images.
        scale: lowest and highest factor, uniform.
        rotation: largest angle, degrees, either way.
        shift: largest shift, px of the new image, either way.
        crop: height and width of the new image, cut at random from what is there; None keeps the size.

    Raises:
        UsageError: a number makes no sense.
    """

    mirror: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0
    shift: float = 0.0
    crop: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.mirror <= 1 or not 0 < self.scale[0] <= self.scale[1]:
            raise UsageError(
                f"no image can be mirrored with probability {self.mirror} and scaled by {self.scale}",
                expected="a probability, and a lowest factor above 0 that is not above the highest",
                action="correct mirror= or scale=",
            )
        if self.crop is not None and min(self.crop) < 1:
            raise UsageError(
                f"no image can be cut to {self.crop}",
                expected="a height and a width of at least 1 px",
                action="correct crop=",
            )

    def draw(self, random: np.random.Generator, height: int, width: int) -> Transform:
        """One transform for an image; equal generators give equal ones."""
        mirrored = bool(random.random() < self.mirror)
        factor = random.uniform(*self.scale)
        angle = np.deg2rad(random.uniform(-self.rotation, self.rotation))
        shift = random.uniform(-self.shift, self.shift, 2)
        spare = random.random(2)
        turn = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = turn * ([-1.0, 1.0] if mirrored else [1.0, 1.0])
        middle = np.array([width - 1, height - 1]) / 2
        new_height, new_width = self.crop or (height, width)
        # where the window begins in the scaled image: anywhere inside it, or in the middle of a larger window
        room = factor * np.array([width, height]) - (new_width, new_height)
        begin = np.where(room > 0, np.floor(spare * (room + 1)), np.floor(room / 2))
        centre = (factor * np.array([width, height]) - 1) / 2 - begin
        offset = centre - linear @ middle + shift
        return Transform(np.column_stack([linear, offset]), mirrored, new_height, new_width)


def _mapped(matrix: Floats, pixels: npt.NDArray[np.floating[Any]]) -> Floats:
    x, y = np.asarray(pixels[..., 0], dtype=np.float64), np.asarray(pixels[..., 1], dtype=np.float64)
    return np.stack([row[0] * x + row[1] * y + row[2] for row in matrix], axis=-1)
