"""The code predictor: image -> code of the heatmap autoencoder (head f-c2d on an Inception v3 trunk).

Level 2 is the published network. How levels 1 and 3 reach their maps is not published; here level 1 has a
second transposed convolution, and level 3 resizes the features of the trunk and has none. Names of parameters
are those of the public weights.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn
from torch.nn import functional

from mhbench.errors import ShapeError
from mhbench.models.loco.autoencoder import DEPTH_BINS, level_of
from mhbench.models.loco.inception import Inception, map_size

if TYPE_CHECKING:
    import numpy.typing as npt

_HEAD: Final = (1024, 512, 256)
_KERNEL: Final = 4
_STRIDE: Final = 8  # image pixels per row and column of the volume
_FINE: Final = 64  # pixels per two cells of level 2
_SMALLEST: Final = 128  # pixels a side needs to come through the trunk
# level -> (stride, padding) of the transposed convolutions; the layers after them keep the size
_GROWING: Final[dict[int, tuple[tuple[int, int], ...]]] = {1: ((2, 0), (2, 1)), 2: ((2, 0),), 3: ()}


class Predictor(nn.Module):
    """(B, 3, H, W) RGB in [0, 1] -> code (B, C, h, w).

    The published network normalises by the mean and deviation of ImageNet and its trunk undoes that; the net
    effect, 2 rgb - 1, is computed at once.

    Args:
        level: 1, 2 or 3.
        depth_bins: D of the volumes; it decides the channels of the code.
        width: share of the channels of trunk and head; below 1 for tests and small machines.

    Raises:
        UsageError: there is no such level.
    """

    def __init__(self, level: int = 2, depth_bins: int = DEPTH_BINS, width: float = 1.0) -> None:
        super().__init__()
        self.level, self.depth_bins, self.width = level, depth_bins, width
        self.code_channels = level_of(level).channels(depth_bins)[-1]
        self.f_extractor = Inception(width)
        channels = (self.f_extractor.channels, *(max(1, round(n * width)) for n in _HEAD))
        blocks: list[nn.Module] = []
        for n, (before, after) in enumerate(pairwise(channels)):
            grows = n < len(_GROWING[level])
            blocks.append(_Growing(before, after, *_GROWING[level][n]) if grows else _Keeping(before, after))
        self.main = nn.Sequential(*blocks, nn.Conv2d(channels[-1], self.code_channels, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> (B, C, h, w), the code of `grid.padded(pad_to)` of that image.

        An image whose side gives another number of cells (1000 px: 30 instead of 32) is continued in grey to
        the right and below.
        """
        height, width = image.shape[2:]
        rows, columns = code_size(self.level, height, width)
        tall, wide = _whole(height), _whole(width)
        image = functional.pad(image * 2 - 1, (0, wide - width, 0, tall - height))
        features = functional.avg_pool2d(self.f_extractor(image), 2, stride=2)
        if not _GROWING[self.level]:
            features = functional.interpolate(features, (rows, columns), mode="bilinear")
        code: torch.Tensor = self.main(features)
        return code[:, :, :rows, :columns]


def code_size(level: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the code of an image: those of the padded volume by the level's stride."""
    kind = level_of(level)
    rows, columns = (-(-(side // _STRIDE) // kind.pad_to) * kind.pad_to for side in (height, width))
    return rows // kind.stride, columns // kind.stride


def image_tensor(image: npt.NDArray[Any], device: torch.device | str = "cpu") -> torch.Tensor:
    """(H, W, 3) uint8 RGB -> (1, 3, H, W) float32 in [0, 1].

    Raises:
        ShapeError: it is no such image.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype.name != "uint8":
        raise ShapeError(
            f"the image is {image.dtype}{list(image.shape)}",
            expected="uint8[H, W, 3], RGB",
            action="convert it to 8-bit RGB",
        )
    if min(image.shape[:2]) < _STRIDE:
        raise ShapeError(
            f"the image has {image.shape[1]} x {image.shape[0]} pixels",
            expected="at least 8 x 8",
            action="leave it out",
        )
    # copied: Pillow's arrays are read-only, which torch warns about
    tensor = torch.from_numpy(image.copy()).to(device)
    return tensor.permute(2, 0, 1)[None].to(torch.float32) / 255


def _whole(side: int) -> int:
    """The side that gives the right number of cells of level 2: itself, or two cells per 64 px."""
    cells = code_size(2, side, side)[0]
    pooled = map_size(side) // 2
    return side if pooled > 0 and 2 * pooled + 2 == cells else max(-(-cells // 2) * _FINE, _SMALLEST)


class _Growing(nn.Module):
    """Transposed convolution and ReLU; doubles the map (and adds a border without padding)."""

    def __init__(self, before: int, after: int, stride: int, padding: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(before, after, _KERNEL, stride=stride, padding=padding), nn.ReLU()
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        grown: torch.Tensor = self.main(maps)
        return grown


class _Keeping(nn.Module):
    """Convolution with an even kernel and ReLU; the uneven border keeps the size."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.main = nn.Sequential(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(before, after, _KERNEL), nn.ReLU())

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        kept: torch.Tensor = self.main(maps)
        return kept
