"""Weights to begin a training with; the paper does not say how it begins.

A volume is 99 % empty, so a network is nearly right when it answers nothing at all, and one that begins with
random weights goes there first; where the last ReLU is then zero for every voxel, it stays for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import nn

if TYPE_CHECKING:
    from mhbench.models.loco.autoencoder import Autoencoder

_NOISE: Final = 0.1  # of random weights, so that no two channels stay alike


def initialise(network: nn.Module) -> None:
    """Weights of the variance 1 / inputs (LeCun et al. 1998), so that a signal keeps its size; no biases.

    Torch's own choice has a third of that variance, so that the signal fades from layer to layer, and biases
    that are larger than the mean of a volume.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d):
            nn.init.kaiming_uniform_(layer.weight, a=1.0)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def initialise_autoencoder(network: Autoencoder) -> None:
    """Encoder and decoder that resample their volume, with some noise; random layers that mix the joints.

    Channels of the 2D convolutions are depth bins: each layer begins as a linear interpolation, along depth
    from the bins before it to those after it, along the image to every cell or every second one. So the first
    answer already is a blurred copy of the volume as far as the layers between, which mix the joint types and
    are a hundredth of the network at most, let it through.
    """
    initialise(network)
    with torch.no_grad():
        for layer in (*network.encoder, *network.decoder):
            if isinstance(layer, nn.Conv2d):
                depth = _interpolation(layer.in_channels, layer.out_channels)
                image = _triangle(layer.kernel_size[0], layer.stride[0])
                layer.weight.mul_(_NOISE).add_(torch.einsum("oi,y,x->oiyx", depth, image, image))


def _interpolation(before: int, after: int) -> torch.Tensor:
    """(after, before) weights that sum to 1 per row: triangles as wide as the coarser of both axes' bins."""
    centres = (torch.arange(after) + 0.5) * before / after - 0.5
    distances = (centres[:, None] - torch.arange(before)).abs()
    weights = (1 - distances / max(1.0, before / after)).relu()
    return weights / weights.sum(dim=1, keepdim=True)


def _triangle(taps: int, stride: int) -> torch.Tensor:
    """(taps,) weights that sum to 1; with a stride of 1, the cell itself."""
    weights = (1 - (torch.arange(taps) - taps // 2).abs() / stride).relu()
    return weights / weights.sum()
