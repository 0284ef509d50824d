"""Weights: ours with their configuration, public ones known by keys and shapes, and what is refused."""

from __future__ import annotations

import pytest
import torch

from mhbench.errors import InputError, MissingInputError
from mhbench.models.loco.autoencoder import Autoencoder
from mhbench.models.loco.checkpoints import (
    Config,
    GridConfig,
    find_networks,
    load_network,
    load_trunk,
    save_network,
)
from mhbench.models.loco.inception import Inception
from mhbench.models.loco.predictor import Predictor
from mhbench.models.loco.refiner import Refiner
from mhbench.models.tensor_files import read_tensors

SMALL = GridConfig(depth_bins=16, depth_max=8.0)


def same(left: torch.nn.Module, right: torch.nn.Module) -> bool:
    ours, theirs = left.state_dict(), right.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    "config",
    [
        Config(kind="autoencoder", level=3, grid=SMALL, trained_on=("jta",), metrics={"f1": 97.0}),
        Config(kind="predictor", level=1, width=1 / 32, grid=SMALL),
        Config(kind="refiner", limits=(0.0, 0.5, 1.0), root=0),
    ],
)
def test_our_own_files_bring_their_configuration(tmp_path, config):
    network = config.build()
    save_network(tmp_path / "a.safetensors", network, config)
    loaded = load_network(tmp_path / "a.safetensors")
    assert loaded.config == config
    assert same(loaded.network, network)
    assert not loaded.network.training


@pytest.mark.parametrize("level", [1, 2, 3])
def test_public_files_are_known_by_keys_and_shapes(tmp_path, level):
    network = Autoencoder(level)
    torch.save(
        {"model": {f"module.{name}": one for name, one in network.state_dict().items()}}, tmp_path / "a.pth"
    )
    loaded = load_network(tmp_path / "a.pth", "autoencoder")
    assert (loaded.config.level, loaded.config.grid.depth_bins) == (level, 316)
    assert loaded.config.grid == GridConfig()
    assert same(loaded.network, network)


def test_only_what_data_parallel_put_before_all_names_is_taken_off(tmp_path):
    for given, names in ((["module.a", "module.b"], ["a", "b"]), (["module.a", "a"], ["module.a", "a"])):
        torch.save(dict.fromkeys(given, torch.ones(1)), tmp_path / "a.pth")
        assert list(read_tensors(tmp_path / "a.pth")[0]) == names


def test_a_folder_holds_one_of_each(tmp_path):
    torch.save(Refiner().state_dict(), tmp_path / "a.pth")
    save_network(tmp_path / "b.safetensors", Autoencoder(2, 16), Config(kind="autoencoder", grid=SMALL))
    (tmp_path / "notes.txt").write_text("other files do not count")
    assert set(find_networks([tmp_path])) == {"refiner", "autoencoder"}
    torch.save(Refiner().state_dict(), tmp_path / "c.pth")
    with pytest.raises(InputError, match="both hold the refiner"):
        find_networks([tmp_path])


def test_weights_of_another_level_are_named_as_what_they_are(tmp_path):
    torch.save(Autoencoder(3, 16).state_dict(), tmp_path / "a.pth")
    config = Config(kind="autoencoder", level=2, grid=SMALL)
    save_network(tmp_path / "b.safetensors", Autoencoder(3, 16), config)
    with pytest.raises(InputError) as caught:
        load_network(tmp_path / "b.safetensors")
    assert "encoder.4.weight has shape (2, 4, 5, 5)" in caught.value.what
    assert caught.value.expected == "(4, 4, 5, 5)"
    assert "the autoencoder of level 3 with 16 depth bins" in caught.value.action


def test_codes_of_no_level_are_refused(tmp_path):
    torch.save(Predictor(2, 16, width=1 / 32).state_dict(), tmp_path / "a.pth")
    with pytest.raises(InputError, match="a code of 4 channels") as caught:
        load_network(tmp_path / "a.pth")
    assert "158, 79 or 39" in caught.value.expected


@pytest.mark.parametrize(("change", "what"), [("drop", "no key 'fc3.0.bias'"), ("add", "unknown key 'fc4'")])
def test_the_first_key_that_does_not_fit_is_named(tmp_path, change, what):
    weights = Refiner().state_dict()
    if change == "drop":
        del weights["fc3.0.bias"]
    else:
        weights["fc4"] = torch.zeros(1)
    torch.save(weights, tmp_path / "a.pth")
    with pytest.raises(InputError, match=what):
        load_network(tmp_path / "a.pth")


def test_a_wrong_network_is_named(tmp_path):
    torch.save(Refiner().state_dict(), tmp_path / "a.pth")
    with pytest.raises(InputError, match="holds the refiner") as caught:
        load_network(tmp_path / "a.pth", "predictor")
    assert "predictor" in caught.value.expected


class Trap:
    """Would run something when unpickled."""

    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("trap.pth", {"fc1": Trap()}),
        ("list.pth", [1, 2]),
        ("strange.pth", {"weight": torch.zeros(1)}),
        ("text.pth", "damaged"),
        ("text.safetensors", "damaged"),
    ],
)
def test_files_that_hold_no_weights_are_refused_and_nothing_runs(tmp_path, capsys, name, content):
    path = tmp_path / name
    if content == "damaged":
        path.write_text("no tensors")
    else:
        torch.save(content, path)
    with pytest.raises(InputError) as caught:
        load_network(path)
    assert caught.value.expected
    assert "executed" not in capsys.readouterr().out


def test_missing_weights_say_where(tmp_path):
    with pytest.raises(MissingInputError, match="nothing"):
        load_network(tmp_path / "nothing.pth")
    with pytest.raises(MissingInputError, match="no weights in"):
        find_networks([tmp_path])


def test_imagenet_weights_go_into_the_trunk(tmp_path):
    trunk, predictor = Inception(1 / 32), Predictor(2, 16, width=1 / 32)
    weights = {
        **trunk.state_dict(),
        "fc.weight": torch.zeros(1000, 4),
        "AuxLogits.conv0.bn.bias": torch.zeros(1),
    }
    torch.save(weights, tmp_path / "inception.pth")
    load_trunk(tmp_path / "inception.pth", predictor)
    assert same(predictor.f_extractor, trunk)
