"""The volumetric heatmap autoencoder (VHA): the volumes of a frame <-> one small code.

Depth is the channel axis of 2D convolutions that all joint types share; 3D convolutions then fuse the joint
types. Levels 1, 2 and 3 compress ever more. Names of parameters are those of the public weights of level 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import torch
from torch import nn

from mhbench.errors import ShapeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

JOINTS: Final = 14
DEPTH_BINS: Final = 316
_KERNEL: Final = 5
_FUSED: Final = 4  # joint types are fused in two steps: J -> 4 -> 1


@dataclass(frozen=True, slots=True)
class Level:
    """How much a level compresses.

    Attributes:
        divisors: channels of the three convolutions are the depth bins divided by these (rounded down).
        strides: of the three convolutions; the decoder doubles its map where the encoder halves.
        pad_to: rows and columns of the volume must be multiples of this.
    """

    divisors: tuple[int, int, int]
    strides: tuple[int, int, int]
    pad_to: int

    def channels(self, depth_bins: int) -> tuple[int, int, int]:
        """Channels of the three convolutions; the last are those of the code."""
        first, second, third = (depth_bins // divisor for divisor in self.divisors)
        return first, second, third

    @property
    def stride(self) -> int:
        """Rows and columns of the volume per row and column of the code."""
        first, second, third = self.strides
        return first * second * third


LEVELS: Final = {
    1: Level((1, 2, 2), (1, 2, 1), 4),
    2: Level((2, 4, 4), (2, 2, 1), 4),
    3: Level((2, 4, 8), (2, 2, 2), 8),
}


def level_of(number: int) -> Level:
    """The level of a number.

    Raises:
        UsageError: there is none.
    """
    if number not in LEVELS:
        raise UsageError(f"LoCO has no level {number}", expected="level 1, 2 or 3", action="choose one")
    return LEVELS[number]


class Autoencoder(nn.Module):
    """Volumes (B, J, D, H', W') -> code (B, C, h, w) -> volumes.

    Args:
        level: 1, 2 or 3.
        depth_bins: D, at least 8.
        joints: J.

    Raises:
        UsageError: there is no such level, or too few depth bins.
    """

    def __init__(self, level: int = 2, depth_bins: int = DEPTH_BINS, joints: int = JOINTS) -> None:
        super().__init__()
        self.level, self.depth_bins, self.joints = level, depth_bins, joints
        channels = level_of(level).channels(depth_bins)
        if min(channels) < 1:
            raise UsageError(
                f"{depth_bins} depth bins are too few for level {level}",
                expected="at least 8",
                action="make heatmaps with more depth bins",
            )
        self.code_channels = channels[-1]
        self.pad_to, self.stride = LEVELS[level].pad_to, LEVELS[level].stride
        self.encoder = nn.Sequential(*_halving((depth_bins, *channels), LEVELS[level].strides))
        self.fuser = nn.Sequential(*_mixing((joints, _FUSED, 1)))
        self.defuser = nn.Sequential(*_mixing((1, _FUSED, joints)))
        self.decoder = nn.Sequential(*_doubling((*channels[::-1], depth_bins), LEVELS[level].strides))

    def forward(self, volumes: torch.Tensor) -> torch.Tensor:
        """The volumes (B, J, D, H', W') as the code lets them be seen again."""
        return self.decode(self.encode(volumes))

    def encode(self, volumes: torch.Tensor) -> torch.Tensor:
        """(B, J, D, H', W') -> (B, C, h, w), nowhere negative.

        Raises:
            ShapeError: see `maps`.
        """
        fused: torch.Tensor = self.fuser(self.maps(volumes))
        return fused[:, 0]

    def maps(self, volumes: torch.Tensor) -> torch.Tensor:
        """(B, J, D, H', W') -> (B, J, C, h, w): the joint types one by one, in the size of the code.

        Raises:
            ShapeError: other joints or depth bins, or rows or columns that cannot be halved so often.
        """
        batch, joints, depth_bins, rows, columns = _checked(volumes, self)
        maps: torch.Tensor = self.encoder(volumes.reshape(batch * joints, depth_bins, rows, columns))
        return maps.reshape(batch, joints, *maps.shape[1:])

    def decode(self, code: torch.Tensor, *, last_relu: bool = True) -> torch.Tensor:
        """(B, C, h, w) -> (B, J, D, H', W').

        Args:
            code: of one or more frames.
            last_relu: without it, what the last convolution says, negative or not.

        Raises:
            ShapeError: the code has another number of channels.
        """
        if code.ndim != 4 or code.shape[1] != self.code_channels:
            raise ShapeError(
                f"the code has shape {tuple(code.shape)}",
                expected=f"(B, {self.code_channels}, h, w), the code of level {self.level}",
                action="use the code predictor and the autoencoder of the same level and depth bins",
            )
        maps = self.defuser(code[:, None])
        decoder = self.decoder if last_relu else self.decoder[:-1]
        volumes: torch.Tensor = decoder(maps.reshape(-1, *code.shape[1:]))
        return volumes.reshape(len(code), self.joints, *volumes.shape[1:])


def _halving(channels: Sequence[int], strides: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for (before, after), stride in zip(pairwise(channels), strides, strict=True):
        layers += [nn.Conv2d(before, after, _KERNEL, stride=stride, padding=_KERNEL // 2), nn.ReLU()]
    return layers


def _doubling(channels: Sequence[int], strides: Sequence[int]) -> list[nn.Module]:
    """Convolutions that double the map before their ReLU; three modules each keep the keys of all levels."""
    layers: list[nn.Module] = []
    for (before, after), stride in zip(pairwise(channels), strides, strict=True):
        enlarge = nn.Identity() if stride == 1 else nn.Upsample(scale_factor=stride, mode="bilinear")
        layers += [nn.Conv2d(before, after, _KERNEL, padding=_KERNEL // 2), enlarge, nn.ReLU()]
    return layers


def _mixing(channels: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv3d(before, after, _KERNEL, padding=_KERNEL // 2), nn.ReLU()]
    return layers


def _checked(volumes: torch.Tensor, model: Autoencoder) -> tuple[int, int, int, int, int]:
    wanted, multiple = (model.joints, model.depth_bins), model.pad_to
    fits = volumes.ndim == 5 and volumes.shape[1:3] == wanted
    if not fits or any(size % multiple for size in volumes.shape[3:]):
        raise ShapeError(
            f"the volumes have shape {tuple(volumes.shape)}",
            expected=f"(B, {model.joints}, {model.depth_bins}, H', W'), H' and W' multiples of {multiple}",
            action=f"render them on grid.padded({multiple}) with the joints and depth bins of the model",
        )
    batch, joints, depth_bins, rows, columns = volumes.shape
    return batch, joints, depth_bins, rows, columns
