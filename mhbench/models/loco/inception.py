"""The trunk of the code predictor: Inception v3 up to Mixed_7c.

Source of the architecture: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR
2016. Parameters are named as in torchvision's model, so that its ImageNet weights load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    Size = Callable[[int], int]

_BATCH_NORM_EPSILON: Final = 1e-3
# what torchvision's file holds beyond Mixed_7c: the classifier, and the auxiliary one of training
CLASSIFIERS: Final = ("AuxLogits.", "fc.")


class Inception(nn.Module):
    """(B, 3, H, W) in [-1, 1] -> (B, 2048, h, w), a 32nd of the image less the borders of the stem.

    Args:
        width: share of the channels of every layer; below 1 for tests and small machines.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()

        def size(channels: int) -> int:
            return max(1, round(channels * width))

        self.Conv2d_1a_3x3 = _Convolution(3, size(32), 3, stride=2)
        self.Conv2d_2a_3x3 = _Convolution(size(32), size(32), 3)
        self.Conv2d_2b_3x3 = _Convolution(size(32), size(64), 3, padding=1)
        self.Conv2d_3b_1x1 = _Convolution(size(64), size(80), 1)
        self.Conv2d_4a_3x3 = _Convolution(size(80), size(192), 3)
        self.Mixed_5b = _BlockA(size(192), 32, size)
        self.Mixed_5c = _BlockA(self.Mixed_5b.channels, 64, size)
        self.Mixed_5d = _BlockA(self.Mixed_5c.channels, 64, size)
        self.Mixed_6a = _BlockB(self.Mixed_5d.channels, size)
        self.Mixed_6b = _BlockC(self.Mixed_6a.channels, 128, size)
        self.Mixed_6c = _BlockC(self.Mixed_6b.channels, 160, size)
        self.Mixed_6d = _BlockC(self.Mixed_6c.channels, 160, size)
        self.Mixed_6e = _BlockC(self.Mixed_6d.channels, 192, size)
        self.Mixed_7a = _BlockD(self.Mixed_6e.channels, size)
        self.Mixed_7b = _BlockE(self.Mixed_7a.channels, size)
        self.Mixed_7c = _BlockE(self.Mixed_7b.channels, size)
        self.channels = self.Mixed_7c.channels

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in [-1, 1] -> features of Mixed_7c."""
        maps = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(image)))
        maps = functional.max_pool2d(maps, 3, stride=2)
        maps = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(maps))
        maps = functional.max_pool2d(maps, 3, stride=2)
        maps = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(maps)))
        maps = self.Mixed_6a(maps)
        maps = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(maps))))
        features: torch.Tensor = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(maps)))
        return features


def map_size(side: int) -> int:
    """Rows (or columns) of the features of an image of so many pixels; below 1 where it is too small."""
    # kernel, stride and padding of the layers before Mixed_5b that change the size
    for kernel, stride, padding in ((3, 2, 0), (3, 1, 0), (3, 1, 1), (3, 2, 0), (3, 1, 0), (3, 2, 0)):
        side = (side + 2 * padding - kernel) // stride + 1
    for _ in ("Mixed_6a", "Mixed_7a"):
        side = (side - 3) // 2 + 1
    return side


class _Convolution(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=_BATCH_NORM_EPSILON)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.bn(self.conv(maps)), inplace=True)


class _BlockA(nn.Module):
    """Branches of 1x1, 5x5 and two 3x3 convolutions, and an average."""

    def __init__(self, before: int, pooled: int, size: Size) -> None:
        super().__init__()
        self.branch1x1 = _Convolution(before, size(64), 1)
        self.branch5x5_1 = _Convolution(before, size(48), 1)
        self.branch5x5_2 = _Convolution(size(48), size(64), 5, padding=2)
        self.branch3x3dbl_1 = _Convolution(before, size(64), 1)
        self.branch3x3dbl_2 = _Convolution(size(64), size(96), 3, padding=1)
        self.branch3x3dbl_3 = _Convolution(size(96), size(96), 3, padding=1)
        self.branch_pool = _Convolution(before, size(pooled), 1)
        self.channels = 2 * size(64) + size(96) + size(pooled)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return torch.cat(
            [
                self.branch1x1(maps),
                self.branch5x5_2(self.branch5x5_1(maps)),
                self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(maps))),
                self.branch_pool(_average(maps)),
            ],
            dim=1,
        )


class _BlockB(nn.Module):
    """Halves the map: a 3x3 convolution, two of them, and the largest values."""

    def __init__(self, before: int, size: Size) -> None:
        super().__init__()
        self.branch3x3 = _Convolution(before, size(384), 3, stride=2)
        self.branch3x3dbl_1 = _Convolution(before, size(64), 1)
        self.branch3x3dbl_2 = _Convolution(size(64), size(96), 3, padding=1)
        self.branch3x3dbl_3 = _Convolution(size(96), size(96), 3, stride=2)
        self.channels = before + size(384) + size(96)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return torch.cat(
            [
                self.branch3x3(maps),
                self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(maps))),
                functional.max_pool2d(maps, 3, stride=2),
            ],
            dim=1,
        )


class _BlockC(nn.Module):
    """7x7 convolutions taken apart into rows and columns."""

    def __init__(self, before: int, narrow: int, size: Size) -> None:
        super().__init__()
        row: tuple[tuple[int, int], tuple[int, int]] = ((1, 7), (0, 3))
        column: tuple[tuple[int, int], tuple[int, int]] = ((7, 1), (3, 0))
        few, many = size(narrow), size(192)

        def turned(before: int, after: int, way: tuple[tuple[int, int], tuple[int, int]]) -> _Convolution:
            return _Convolution(before, after, way[0], padding=way[1])

        self.branch1x1 = _Convolution(before, many, 1)
        self.branch7x7_1 = _Convolution(before, few, 1)
        self.branch7x7_2 = turned(few, few, row)
        self.branch7x7_3 = turned(few, many, column)
        self.branch7x7dbl_1 = _Convolution(before, few, 1)
        self.branch7x7dbl_2 = turned(few, few, column)
        self.branch7x7dbl_3 = turned(few, few, row)
        self.branch7x7dbl_4 = turned(few, few, column)
        self.branch7x7dbl_5 = turned(few, many, row)
        self.branch_pool = _Convolution(before, many, 1)
        self.channels = 4 * many

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(maps)))
        return torch.cat(
            [
                self.branch1x1(maps),
                self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(maps))),
                self.branch7x7dbl_5(self.branch7x7dbl_4(double)),
                self.branch_pool(_average(maps)),
            ],
            dim=1,
        )


class _BlockD(nn.Module):
    """Halves the map: a 3x3 convolution, a 7x7 followed by a 3x3, and the largest values."""

    def __init__(self, before: int, size: Size) -> None:
        super().__init__()
        many = size(192)
        self.branch3x3_1 = _Convolution(before, many, 1)
        self.branch3x3_2 = _Convolution(many, size(320), 3, stride=2)
        self.branch7x7x3_1 = _Convolution(before, many, 1)
        self.branch7x7x3_2 = _Convolution(many, many, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = _Convolution(many, many, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = _Convolution(many, many, 3, stride=2)
        self.channels = before + size(320) + many

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(maps)))
        return torch.cat(
            [
                self.branch3x3_2(self.branch3x3_1(maps)),
                self.branch7x7x3_4(seven),
                functional.max_pool2d(maps, 3, stride=2),
            ],
            dim=1,
        )


class _BlockE(nn.Module):
    """3x3 convolutions that split into a row and a column."""

    def __init__(self, before: int, size: Size) -> None:
        super().__init__()
        many = size(384)
        self.branch1x1 = _Convolution(before, size(320), 1)
        self.branch3x3_1 = _Convolution(before, many, 1)
        self.branch3x3_2a = _Convolution(many, many, (1, 3), padding=(0, 1))
        self.branch3x3_2b = _Convolution(many, many, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = _Convolution(before, size(448), 1)
        self.branch3x3dbl_2 = _Convolution(size(448), many, 3, padding=1)
        self.branch3x3dbl_3a = _Convolution(many, many, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = _Convolution(many, many, (3, 1), padding=(1, 0))
        self.branch_pool = _Convolution(before, size(192), 1)
        self.channels = size(320) + 4 * many + size(192)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        three = self.branch3x3_1(maps)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(maps))
        return torch.cat(
            [
                self.branch1x1(maps),
                self.branch3x3_2a(three),
                self.branch3x3_2b(three),
                self.branch3x3dbl_3a(double),
                self.branch3x3dbl_3b(double),
                self.branch_pool(_average(maps)),
            ],
            dim=1,
        )


def _average(maps: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(maps, 3, stride=1, padding=1)
