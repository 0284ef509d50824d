"""Networks whose answer should be a copy of their input, and how far from one it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from mhbench.models.loco.autoencoder import Autoencoder

_NEAR: Final = 0.01  # voxels of at least this share of a peak are part of it


class WholeCopy(nn.Module):
    """Volumes through the whole autoencoder."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, volumes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The copy of (B, J, D, H', W') volumes before the last ReLU, and the original."""
        code = self.autoencoder.encode(volumes)
        return self.autoencoder.decode(code, last_relu=False), volumes


class MapsCopy(nn.Module):
    """Maps of the joint types through the layers that mix them and part them again; all else is frozen.

    These layers are the narrowest part of the autoencoder and its slowest to learn. Trained alone, without
    the decoder and without gradients of the encoder, they see several times as many frames.
    """

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        autoencoder.encoder.requires_grad_(requires_grad=False)
        autoencoder.decoder.requires_grad_(requires_grad=False)

    def forward(self, volumes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The copy of the maps (B, J, C, h, w) before its last ReLU, and the original."""
        maps = self.autoencoder.maps(volumes)
        return self.autoencoder.defuser[:-1](self.autoencoder.fuser(maps)), maps


def copy_error(copy: torch.Tensor, original: torch.Tensor, *, revive: bool) -> torch.Tensor:
    """Mean squared error of a copy to which the last ReLU is still to be applied.

    Args:
        copy: what the last convolution says, negative or not.
        original: the same shape, nowhere negative.
        revive: near a peak, a negative value counts as it is. It is wrong by more than the zero the ReLU
            makes of it, and unlike that zero it has a gradient that leads back up; everywhere else, and
            in every place where the copy is not negative, the error is the plain one.
    """
    copy, original = copy.float(), original.float()
    answer = functional.relu(copy)
    if revive:
        answer = torch.where((copy < 0) & (original > _NEAR), copy, answer)
    return functional.mse_loss(answer, original)
