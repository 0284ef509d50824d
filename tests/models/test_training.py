"""Training: the same bits after a stop, learning by heart, selection, curriculum, and what is refused."""

from __future__ import annotations

import csv
import os
import signal

import msgspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from toy_people import write_toy

from mhbench.cli.main import program
from mhbench.errors import InputError, ManifestError, MissingInputError, OutputError, UsageError
from mhbench.manifests import manifest_path
from mhbench.models.loco.autoencoder import Autoencoder
from mhbench.models.loco.checkpoints import Config, GridConfig, load_network, save_network
from mhbench.models.loco.training_autoencoder import AutoencoderTask, _crop
from mhbench.models.tensor_files import read_tensors
from mhbench.models.training_config import (
    AutoencoderConfig,
    FrameChoice,
    PredictorConfig,
    RefinerConfig,
    UncompressedConfig,
    read_config,
)
from mhbench.models.training_frames import ShardSource
from mhbench.models.training_loop import LOG, STATE
from mhbench.models.training_task import State
from mhbench.shards import open_shards
from mhbench.training import MODELS, train

SMALL = {
    "loco-vha": {"level": "3", "sigma_start": "4.0", "patience": "1", "least_gain": "0.9", "batch": "2"},
    "loco-predictor": {"width": "0.03125", "batch": "2"},
    "loco-uncompressed": {"width": "0.03125", "batch": "2"},
    "loco-refiner": {"batch": "16"},
}
KINDS = {
    "loco-vha": ["autoencoder"],
    "loco-predictor": ["predictor"],
    "loco-refiner": ["refiner"],
    "loco-uncompressed": ["predictor", "autoencoder"],
}
CONFIGS = {
    "loco-vha": AutoencoderConfig,
    "loco-predictor": PredictorConfig,
    "loco-refiner": RefinerConfig,
    "loco-uncompressed": UncompressedConfig,
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads of torch that wait for each other slow small networks down on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    data, raw = write_toy(folder, {"train": (6, 4), "val": (3,)}, scale=0.5)
    grid = GridConfig(depth_bins=16, depth_max=8.0, pixel_rounding="none")
    torch.manual_seed(0)
    save_network(folder / "a.safetensors", Autoencoder(2, 16), Config(kind="autoencoder", grid=grid))
    return data, raw, folder / "a.safetensors"


def run(toy, out, model="loco-vha", stop_after=None, **changes):
    changes = {
        "epoch_steps": "3",
        "epochs": "4",
        "validate_every": "2",
        "tensorboard": "false",
        "train.every": "1",
        "validation.every": "1",
        "validation.indices": "[0, 1]",
        **({"autoencoder": str(toy[2])} if model == "loco-predictor" else {}),
        **SMALL[model],
        **{name.replace("__", "."): str(value) for name, value in changes.items()},
    }
    said = []
    outcome = train(
        model, toy[0], out, changes=changes, raw=toy[1], device="cpu", stop_after=stop_after, say=said.append
    )
    return outcome, said


def log(folder):
    return list(csv.DictReader((folder / LOG).read_text().splitlines()))


@pytest.mark.parametrize("model", MODELS)
def test_the_default_settings_fit_their_schema(model):
    assert read_config(manifest_path(f"training/{model}"), CONFIGS[model], {}).epochs > 1


@pytest.mark.parametrize(
    ("model", "precision"),
    [*((model, "fp32") for model in MODELS), ("loco-vha", "bf16"), ("loco-vha", "fp16")],
)
def test_a_training_that_was_stopped_ends_with_the_same_bits(toy, tmp_path, model, precision):
    options = {"accumulation": 2, "precision": precision}
    whole, _ = run(toy, tmp_path / "whole", model, **options)
    assert whole.finished
    for stop_after in (4, 1, 3, None):
        stopped, said = run(toy, tmp_path / "parts", model, stop_after, **options)
    assert stopped == whole
    assert said[0] == "going on after step 8"
    weights = [f"{kind}.safetensors" for kind in KINDS[model]]
    for name in (STATE, LOG, *weights):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    for name in weights:
        assert load_network(tmp_path / "whole" / name).config.trained_on == ("toy",)


def test_warm_up_decay_and_clipping_go_on_where_they_were(toy, tmp_path):
    options = {"warmup": 5, "decay": "true", "clip": 1.1, "epsilon": 1e-15, "revive": "true"}
    whole, _ = run(toy, tmp_path / "whole", **options)
    for stop_after in (4, None):
        stopped, _ = run(toy, tmp_path / "parts", "loco-vha", stop_after, **options)
    assert stopped == whole
    assert (tmp_path / "parts" / STATE).read_bytes() == (tmp_path / "whole" / STATE).read_bytes()
    (group,) = state(tmp_path / "whole").groups
    assert (group["lr"], group["eps"]) == (pytest.approx(1e-4 * (1 - 11 / 12)), 1e-15)


def state(folder):
    return msgspec.json.decode(read_tensors(folder / STATE)[1], type=State)


def test_the_learning_rate_grows_and_falls(toy, tmp_path):
    for stop_after, share in ((1, 1 / 5), (3, 4 / 5 * (1 - 3 / 12)), (2, 1 - 5 / 12)):
        run(toy, tmp_path, stop_after=stop_after, warmup=5, decay="true")
        assert state(tmp_path).groups[0]["lr"] == pytest.approx(1e-4 * share)


def test_a_gradient_is_clipped_at_a_multiple_of_the_usual_one(toy, tmp_path, monkeypatch):
    original, steps = AutoencoderTask.loss, []

    def loss(self, network, batch):
        steps.append(batch)
        return original(self, network, batch) * (1000 if len(steps) == 3 else 1)

    run(toy, tmp_path / "even", stop_after=2, clip=2.0)
    usual = state(tmp_path / "even").gradient
    monkeypatch.setattr(AutoencoderTask, "loss", loss)
    run(toy, tmp_path / "spike", stop_after=3, clip=2.0)
    # 2 % of the news, which is twice the usual length however long the gradient was
    assert state(tmp_path / "spike").gradient == pytest.approx(usual * (0.98 + 0.02 * 2))


def test_the_mixing_layers_learn_first_and_the_others_from_there(toy, tmp_path):
    first, _ = run(toy, tmp_path / "mixing", learn="mixing", level=2, sigma_start=2.0, learning_rate=1e-3)
    weights = tmp_path / "mixing" / "autoencoder.safetensors"
    assert load_network(weights).config.metrics == {"error.maps": first.best}
    learnt, _ = read_tensors(weights)
    run(toy, tmp_path / "begun", stop_after=1, level=2, learning_rate=1e-12)
    begun, _ = read_tensors(tmp_path / "begun" / STATE)
    same = {
        name.partition(".")[0]
        for name, one in learnt.items()
        if torch.allclose(one, begun[f"network.autoencoder.{name}"], rtol=0, atol=1e-9)
    }
    assert same >= {"encoder", "decoder"}
    assert "fuser" not in same
    errors = [float(row["error.maps"]) for row in log(tmp_path / "mixing") if row["error.maps"]]
    assert first.best == min(errors) < 1.5
    outcome, _ = run(toy, tmp_path / "all", start=weights, level=2, sigma_start=2.0)
    assert outcome.finished


def test_a_training_that_was_killed_ends_with_the_same_bits(toy, tmp_path, monkeypatch):
    whole, _ = run(toy, tmp_path / "whole")
    original, steps = AutoencoderTask.loss, []

    def loss(self, network, batch):
        steps.append(batch)
        if len(steps) == 8:
            raise RuntimeError("the power fails in the middle of an epoch")
        return original(self, network, batch)

    with monkeypatch.context() as patch:
        patch.setattr(AutoencoderTask, "loss", loss)
        with pytest.raises(RuntimeError, match="power fails"):
            run(toy, tmp_path / "parts")
    again, said = run(toy, tmp_path / "parts")
    assert said[0] == "going on after step 6"
    assert again == whole
    for name in (STATE, LOG, "autoencoder.safetensors"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.slow
def test_a_few_frames_are_learnt_by_heart(tmp_path):
    data, raw = write_toy(tmp_path, {"train": (2,)}, most=1, scale=0.5)
    changes = {
        "level": 1, "batch": 2, "epoch_steps": 25, "epochs": 36, "learning_rate": 0.0015,
        "patience": 1, "least_gain": 0.1, "seed": 2, "sigma_start": 8.0,
        "validation__split": "train",
    }  # fmt: skip
    outcome, _ = run((data, raw), tmp_path / "out", **changes)
    assert outcome.best == 100.0
    metrics = load_network(tmp_path / "out" / "autoencoder.safetensors").config.metrics
    assert metrics["f1.joint@1vx"] == metrics["f1.joint@2vx"] == 100.0


def test_the_code_predictor_learns(toy, tmp_path):
    outcome, _ = run(
        toy, tmp_path, "loco-predictor", epoch_steps=5, epochs=6, learning_rate=0.001, validate_every=3
    )
    rows = log(tmp_path)
    assert outcome.best == max(float(row["f1.joint@0.4m"]) for row in rows if row["f1.joint@0.4m"])
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"]) / 2
    assert set(rows[-1]) >= {"f1.joint@0.4m", "precision.joint@0.4m", "recall.joint@0.4m"}


def test_the_refiner_learns_to_undo_what_was_done(toy, tmp_path):
    outcome, _ = run(toy, tmp_path, "loco-refiner", epoch_steps=100, learning_rate=0.003, batch=64)
    rows = [row for row in log(tmp_path) if row["mpjpe"]]
    assert outcome.best == min(float(row["mpjpe"]) for row in rows)
    # a hole alone costs half a metre; the toy's people are all alike but for 30 mm
    assert outcome.best < 100


def test_only_weights_of_the_last_sigma_are_selected(toy, tmp_path):
    outcome, _ = run(toy, tmp_path, patience=5)
    assert outcome.best is None
    assert not (tmp_path / "autoencoder.safetensors").exists()


def task(toy, **changes):
    config = AutoencoderConfig(epoch_steps=1, epochs=1, level=2, **changes)
    source = ShardSource(open_shards(toy[0]), toy[1], FrameChoice(), FrameChoice())
    return AutoencoderTask(source, config, torch.device("cpu"))


def test_sigma_halves_down_to_that_of_the_shards(toy):
    made = task(toy, sigma_start=8.0, patience=2, least_gain=0.01)
    assert (made.schedule.sigma, made.schedule.final, made.schedule.patience) == (8.0, 2.0, 2)
    assert [made.schedule.step(loss) for loss in (1.0, 0.9, 0.899, 0.898)] == [8, 8, 8, 4]


def test_a_crop_holds_a_joint_and_moves_the_others_along(toy):
    frame = open_shards(toy[0])[0]
    grid, centres = frame.grid().padded(4), frame.centres()
    for seed in range(20):
        part, moved = _crop(grid, centres, (4, 8), np.random.default_rng(seed))
        assert part.shape == (14, 16, 4, 8)
        inside = np.all((moved[:, 2:] >= 0) & (moved[:, 2:] < (4, 8)), axis=1)
        assert inside.any()
        shift = centres - moved
        assert (shift == shift[0]).all()
        assert (shift[0, :2] == 0).all()
    assert _crop(grid, centres[:0], (0, 0), np.random.default_rng(0))[0].shape == grid.shape


def test_crops_train(toy, tmp_path):
    assert run(toy, tmp_path, crop="[4, 4]", level=2)[0].finished
    with pytest.raises(UsageError, match="crop of 6 x 4"):
        run(toy, tmp_path / "b", crop="[6, 4]", level=2)


def test_fine_tuning_begins_with_other_weights(toy, tmp_path):
    run(toy, tmp_path, stop_after=1, level=2, start=toy[2], learning_rate=1e-12)
    tensors, _ = read_tensors(tmp_path / STATE)
    begun, _ = read_tensors(toy[2])
    torch.testing.assert_close(tensors["network.autoencoder.encoder.0.weight"], begun["encoder.0.weight"])
    with pytest.raises(InputError, match="has shape"):
        run(toy, tmp_path / "b", level=1, start=toy[2])


def test_other_settings_in_the_same_folder_are_refused_longer_training_is_not(toy, tmp_path):
    run(toy, tmp_path, epochs=1)
    with pytest.raises(OutputError, match=r"learning_rate = 0\.0001"):
        run(toy, tmp_path, epochs=1, learning_rate=0.1)
    assert run(toy, tmp_path, epochs=2)[0].step == 6


def test_a_signal_ends_a_training_with_its_state_saved(toy, tmp_path, monkeypatch):
    original = AutoencoderTask.loss

    def loss(self, network, batch):
        os.kill(os.getpid(), signal.SIGTERM)
        return original(self, network, batch)

    monkeypatch.setattr(AutoencoderTask, "loss", loss)
    outcome, _ = run(toy, tmp_path)
    assert (outcome.step, outcome.finished) == (1, False)
    assert (tmp_path / STATE).exists()


def test_a_loss_that_is_not_finite_ends_the_training(toy, tmp_path):
    with pytest.raises(InputError, match="the loss is") as caught:
        run(toy, tmp_path, learning_rate=1e20, epochs=20)
    assert "learning_rate" in caught.value.action


@pytest.mark.parametrize(
    ("model", "changes", "error", "what"),
    [
        ("loco-vha", {"level": 4}, ManifestError, "level"),
        ("loco-vha", {"levels": 2}, ManifestError, "levels"),
        ("loco-vha", {"batch": 0}, ManifestError, "batch"),
        ("loco-vha", {"train__split": "test"}, UsageError, "no frame .* is chosen for train"),
        ("loco-predictor", {"autoencoder": "''"}, UsageError, "needs the autoencoder"),
        ("loco-predictor", {"autoencoder": "nowhere.pth"}, MissingInputError, "nowhere"),
    ],
)
def test_settings_that_make_no_training_are_refused(toy, tmp_path, model, changes, error, what):
    with pytest.raises(error, match=what) as caught:
        run(toy, tmp_path, model, **changes)
    assert caught.value.expected


def test_an_autoencoder_of_another_grid_is_refused(toy, tmp_path):
    other = GridConfig(depth_bins=16, depth_max=9.0, pixel_rounding="none")
    save_network(tmp_path / "a.safetensors", Autoencoder(2, 16), Config(kind="autoencoder", grid=other))
    with pytest.raises(InputError, match=r"depth_max = 8\.0"):
        run((*toy[:2], tmp_path / "a.safetensors"), tmp_path / "out", "loco-predictor")


def test_the_command_goes_on_and_says_what_came_out(toy, tmp_path):
    words = ["train", "loco-refiner", "--data", str(toy[0]), "--out", str(tmp_path / "r"), "--device", "cpu"]
    for setting in ("epoch_steps=2", "epochs=2", "batch=4", "train.every=1", "validation.every=1"):
        words += ["--set", setting]
    done = CliRunner(catch_exceptions=False).invoke(program, words)
    assert done.exit_code == 0
    assert "4 steps, best" in done.output
    assert any((tmp_path / "r" / "tensorboard").iterdir())
    with pytest.raises(UsageError, match="no training of 'loco'"):
        CliRunner(catch_exceptions=False).invoke(program, ["train", "loco", *words[2:]])
