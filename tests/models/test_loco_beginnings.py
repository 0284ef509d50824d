"""How the autoencoder begins: as a resampler, with a loss that lets nothing die, its narrow part first."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from mhbench.models.loco.autoencoder import Autoencoder
from mhbench.models.loco.copying import MapsCopy, WholeCopy, copy_error
from mhbench.models.loco.initial_weights import initialise_autoencoder


def fresh(level=2, depth_bins=40):
    torch.manual_seed(0)
    network = Autoencoder(level, depth_bins, 3)
    initialise_autoencoder(network)
    return network


def gaussian(depth_bins=40, side=24, at=(20, 11, 12), sigma=2.0):
    axes = torch.meshgrid(*(torch.arange(size) for size in (depth_bins, side, side)), indexing="ij")
    distance = sum((axis - place) ** 2 for axis, place in zip(axes, at, strict=True))
    return torch.exp(-distance / (2 * sigma**2))


@pytest.mark.parametrize("level", [1, 2, 3])
def test_encoder_and_decoder_begin_as_a_blurred_copy(level):
    network, volume = fresh(level), gaussian()
    with torch.no_grad():
        copy = network.decoder(network.encoder(volume[None]))[0]
    assert ((copy - volume) ** 2).sum() < (volume**2).sum()  # better than to answer nothing
    if level < 3:  # the cells of level 3 are wider than the Gaussian
        place = torch.tensor(np.unravel_index(int(copy.argmax()), copy.shape))
        assert (place - torch.tensor([20, 11, 12])).abs().max() <= network.stride


def test_nothing_gives_nothing():
    network = fresh()
    with torch.no_grad():
        assert not network(torch.zeros(1, 3, 40, 16, 16)).any()


@given(seed=st.integers(0, 999), revive=st.booleans())
def test_where_no_value_is_negative_the_error_is_the_plain_one(seed, revive):
    random = torch.Generator().manual_seed(seed)
    copy, original = torch.rand(2, 3, 4, generator=random), torch.rand(2, 3, 4, generator=random)
    torch.testing.assert_close(
        copy_error(copy, original, revive=revive), functional.mse_loss(copy, original), rtol=0, atol=0
    )


def test_a_dead_peak_has_a_gradient_only_when_it_is_revived():
    copy = torch.tensor([-0.5, -0.5, 0.25], requires_grad=True)
    original = torch.tensor([1.0, 0.0, 1.0])
    plain = copy_error(copy, original, revive=False)
    (gradient,) = torch.autograd.grad(plain, copy)
    assert plain.item() == pytest.approx((1 + 0 + 0.75**2) / 3)
    assert gradient.tolist() == pytest.approx([0, 0, -0.5])
    revived = copy_error(copy, original, revive=True)
    (gradient,) = torch.autograd.grad(revived, copy)
    assert revived.item() == pytest.approx((1.5**2 + 0 + 0.75**2) / 3)
    assert gradient.tolist() == pytest.approx([-1.0, 0, -0.5])


def test_only_the_layers_that_mix_the_joints_learn_from_the_maps():
    network, volumes = fresh(), gaussian()[None, None].expand(1, 3, -1, -1, -1)
    copy, maps = MapsCopy(network)(volumes)
    assert copy.shape == maps.shape == (1, 3, 10, 6, 6)
    copy_error(copy, maps, revive=True).backward()
    learning = {name.partition(".")[0] for name, one in network.named_parameters() if one.grad is not None}
    assert learning == {"fuser", "defuser"}


def test_a_copy_rectified_is_the_networks_answer():
    network, volumes = fresh(), gaussian()[None, None].expand(1, 3, -1, -1, -1)
    with torch.no_grad():
        copy, original = WholeCopy(network)(volumes)
        assert (copy < 0).any()
        assert torch.equal(copy.relu(), network(volumes))
    assert original is volumes
