"""The three networks of LoCO: parameter counts of the table, shapes, keys, and the rules around them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mhbench.errors import ShapeError, UsageError
from mhbench.heatmaps.association import REFINER_LIMITS
from mhbench.models.loco.autoencoder import LEVELS, Autoencoder
from mhbench.models.loco.inception import map_size
from mhbench.models.loco.predictor import Predictor, code_size, image_tensor
from mhbench.models.loco.refiner import HOLE, Refiner, normalise, restore

PARAMETERS = {  # encoder, fuser, defuser, decoder
    1: (4_369_332, 7_505, 7_518, 4_369_490),
    2: (1_716_591, 7_505, 7_518, 1_716_828),
    3: (1_637_551, 7_505, 7_518, 1_637_828),
}


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("level", LEVELS)
def test_autoencoders_have_the_parameters_of_the_table(level):
    network = Autoencoder(level)
    parts = (network.encoder, network.fuser, network.defuser, network.decoder)
    assert tuple(count(part) for part in parts) == PARAMETERS[level]
    assert count(network) == {1: 8_753_845, 2: 3_448_442, 3: 3_290_402}[level]


@pytest.mark.parametrize("level", LEVELS)
def test_autoencoders_keep_the_keys_of_the_public_weights(level):
    stems = {name.rpartition(".")[0] for name in Autoencoder(level, 16).state_dict()}
    assert stems == {
        *(f"encoder.{n}" for n in (0, 2, 4)),
        *(f"fuser.{n}" for n in (0, 2)),
        *(f"defuser.{n}" for n in (0, 2)),
        *(f"decoder.{n}" for n in (0, 3, 6)),
    }


@pytest.mark.parametrize(("level", "code"), [(1, (8, 12, 20)), (2, (4, 6, 10)), (3, (2, 3, 5))])
def test_codes_shrink_by_level_and_volumes_come_back_whole(level, code):
    network = Autoencoder(level, 16, 3)
    volumes = torch.rand(2, 3, 16, 24, 40)
    encoded = network.encode(volumes)
    assert encoded.shape == (2, *code)
    assert encoded.min() >= 0
    assert network.decode(encoded).shape == volumes.shape


def test_joints_share_their_weights():
    network = Autoencoder(2, 16, 2)
    volumes = torch.rand(1, 2, 16, 8, 8)
    maps = network.encoder(volumes.reshape(2, 16, 8, 8))
    torch.testing.assert_close(maps[1:], network.encoder(volumes[:, 1]))


def test_the_decoder_enlarges_before_it_rectifies():
    kinds = [type(layer).__name__ for layer in Autoencoder(2, 16).decoder]
    assert kinds == ["Conv2d", "Upsample", "ReLU", "Conv2d", "Upsample", "ReLU", "Conv2d", "Identity", "ReLU"]


@pytest.mark.parametrize("shape", [(1, 14, 16, 135, 8), (1, 13, 16, 8, 8), (1, 14, 15, 8, 8), (14, 16, 8, 8)])
def test_volumes_that_do_not_fit_are_refused(shape):
    with pytest.raises(ShapeError, match="volumes have shape"):
        Autoencoder(2, 16).encode(torch.zeros(shape))


def test_a_code_of_another_level_is_refused():
    with pytest.raises(ShapeError) as caught:
        Autoencoder(2, 16).decode(torch.zeros(1, 8, 4, 4))
    assert "code of level 2" in caught.value.expected


@pytest.mark.parametrize(("level", "bins"), [(4, 316), (3, 7)])
def test_impossible_levels_and_bins_are_refused(level, bins):
    with pytest.raises(UsageError):
        Autoencoder(level, bins)


def test_the_predictor_has_the_parameters_of_the_table():
    network = Predictor(2)
    assert count(network.f_extractor) == 21_785_568
    assert count(network.main) == 44_062_287
    assert count(network) == 65_847_855


def test_the_predictor_keeps_the_keys_of_the_public_weights():
    keys = {
        name.rpartition(".")[0] for name in Predictor(2, width=1 / 32).state_dict() if name.startswith("main")
    }
    assert keys == {"main.0.main.0", "main.1.main.1", "main.2.main.1", "main.3"}


@pytest.mark.parametrize(("level", "code"), [(1, (158, 68, 120)), (2, (79, 34, 60)), (3, (39, 17, 30))])
def test_a_full_image_gives_a_code_of_the_published_size(level, code):
    # tensors of the device "meta" have shapes and no numbers: the full network costs nothing
    with torch.device("meta"):
        assert Predictor(level)(torch.zeros(1, 3, 1080, 1920)).shape == (1, *code)
        assert Autoencoder(level).encode(torch.zeros(1, 14, 316, 136, 240)).shape == (1, *code)


def operations(call):
    """10^9 operations, two for a multiplication and addition."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() / 1e9


def test_a_frame_takes_the_operations_that_were_measured():
    # every kernel, stride and channel has its part in these: 373, 314 and 1,223 in the specification
    with torch.device("meta"):
        predictor, autoencoder = Predictor(2), Autoencoder(2)
    assert operations(lambda: predictor(torch.zeros(1, 3, 1080, 1920))) == pytest.approx(373, abs=0.5)
    volumes, code = (1, 14, 316, 136, 240), (1, 79, 34, 60)
    assert operations(lambda: autoencoder.encode(torch.zeros(volumes))) == pytest.approx(314, abs=0.5)
    assert operations(lambda: autoencoder.decode(torch.zeros(code))) == pytest.approx(1223, abs=0.5)


@pytest.mark.parametrize(
    ("side", "cells"), [(939, 30), (1002, 30), (1003, 32), (1066, 32), (1067, 34), (1130, 34)]
)
def test_features_of_a_side_are_those_measured(side, cells):
    assert 2 * (map_size(side) // 2) + 2 == cells


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [(1000, 1000), (128, 192), (240, 320), (100, 517), (8, 64)])
def test_any_image_gives_the_code_of_its_padded_volume(level, size):
    with torch.device("meta"):
        code = Predictor(level, 32)(torch.zeros(1, 3, *size))
        volume = Autoencoder(level, 32, 1).decode(torch.zeros(1, *code.shape[1:]))
    assert code.shape[2:] == code_size(level, *size)
    padded = [-(-(side // 8) // LEVELS[level].pad_to) * LEVELS[level].pad_to for side in size]
    assert list(volume.shape[3:]) == padded


def test_images_become_tensors_between_0_and_1():
    image = np.full((16, 24, 3), 255, dtype=np.uint8)
    assert image_tensor(image).shape == (1, 3, 16, 24)
    assert image_tensor(image).max() == 1
    for wrong in (image[..., 0], image.astype(np.float32), image[:4]):
        with pytest.raises(ShapeError):
            image_tensor(wrong)


def test_the_refiner_has_the_numbers_of_the_table():
    assert count(Refiner()) == 26_663
    assert {name.rpartition(".")[0] for name in Refiner().state_dict()} == {"fc1.0", "fc2.0", "fc3.0"}


def test_vectors_are_shifted_and_come_back():
    joints = np.random.default_rng(0).normal(size=(5, 14, 3))
    vectors = normalise(joints, REFINER_LIMITS, 0)
    expected = 0.5 + (joints[2, 4] - joints[2, 0]) / (2 * 0.93)
    np.testing.assert_allclose(vectors[2, 3], expected, rtol=1e-12)
    np.testing.assert_allclose(restore(vectors, joints[:, 0], REFINER_LIMITS, 0), joints, atol=1e-12)


def test_nobody_is_refined_to_nobody():
    assert Refiner().refine(np.zeros((0, 14, 3)), np.zeros((0, 14))).shape == (0, 14, 3)


@pytest.mark.parametrize("root", [0, 1])
def test_an_untrained_refiner_keeps_what_lies_within_the_limits(root):
    limits = [0.5] * 4
    network = Refiner(limits, root)
    torch.nn.init.zeros_(network.fc3[0].weight)
    torch.nn.init.zeros_(network.fc3[0].bias)
    joints = np.array([[[0, 0, 5], [0.1, 0.2, 5], [0, 0.4, 5.1], [np.nan] * 3]])
    confidence = np.array([[0.9, 0.9, 0.9, 0.0]])
    refined = network.refine(joints, confidence)
    np.testing.assert_allclose(refined[:, :3], joints[:, :3], atol=1e-6)
    # a hole enters as -1, which the skip connection cuts to 0: half the range below the root
    np.testing.assert_allclose(refined[0, 3], joints[0, root] - 0.5, atol=1e-6)


def test_holes_and_doubtful_joints_enter_as_minus_one_and_sure_ones_stay():
    network, seen = Refiner([1.0] * 3), []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    joints = np.array([[[0, 0, 4.0], [0.5, 0, 4], [0, 0.5, 4]]])
    refined = network.refine(joints, np.array([[0.5, 0.2, 1.5]]))
    assert seen[0].tolist() == [[HOLE] * 3 + [0.5, 0.75, 0.5]]
    assert refined[0, 2].tolist() == joints[0, 2].tolist()
    assert refined[0, 1].tolist() != joints[0, 1].tolist()


def test_people_without_a_root_are_refused():
    with pytest.raises(ShapeError, match="no root"):
        Refiner([1.0] * 2).refine(np.full((1, 2, 3), np.nan), np.zeros((1, 2)))
