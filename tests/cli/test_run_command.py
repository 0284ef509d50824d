"""`mhbench run` on bad input: the exit code, and one message of what, what was expected and what to do."""

from __future__ import annotations

import shutil
import sys
import types

import numpy as np
import pytest
import torch
from PIL import Image
from toy_people import DEPTH, DEPTH_BINS, write_toy

from mhbench.cli.main import main
from mhbench.models.loco.checkpoints import Config, GridConfig, save_network
from mhbench.models.protocol import Poses
from mhbench.predictions import read_predictions

GRID = GridConfig(depth_bins=DEPTH_BINS, depth_max=DEPTH, pixel_rounding="none")
WIDTH = 1 / 32


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Shards, images and a folder of weights of level 2."""
    folder = tmp_path_factory.mktemp("run")
    write_toy(folder, {"train": (2,)}, scale=0.5)
    torch.manual_seed(0)
    for config in (Config(kind="predictor", width=WIDTH, grid=GRID), Config(kind="autoencoder", grid=GRID)):
        save_network(folder / "weights" / f"{config.kind}.safetensors", config.build(), config)
    return folder


@pytest.fixture
def toy(made, tmp_path):
    shutil.copytree(made, tmp_path / "toy")
    return tmp_path / "toy"


def run(folder, capsys, model, *words, data="shards/toy"):
    arguments = ["run", model, "--data", str(folder / data), "--raw", str(folder / "raw")]
    if "--device" not in words:
        words = (*words, "--device", "cpu")
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--out", str(folder / "out.json"), *words])
    told = capsys.readouterr()
    return left.value.code, told.out, told.err


def refused(folder, capsys, model, *words, **options):
    code, _, told = run(folder, capsys, model, *words, **options)
    assert code == 2, told
    assert told.count("error: ") == 1
    assert "Traceback" not in told
    assert not (folder / "out.json").exists()
    return told


def network(monkeypatch, predict):
    """A module whose class `Net` predicts with a function of one frame."""

    class Net:
        skeleton = "loco_14"

        def __init__(self, setup):
            self.setup = setup

        def predict(self, frames):
            return [predict(self, frames, frame) for frame in frames]

    module = types.ModuleType("nets_of_the_command")
    module.Net = Net
    monkeypatch.setitem(sys.modules, "nets_of_the_command", module)
    return "nets_of_the_command:Net"


def one_person(_, __, frame):
    return Poses(joints3d=np.full((1, 14, 3), 1 + frame.image.mean()), scores=np.array([0.5]))


def test_weights_of_another_level_are_named_by_both_files(toy, capsys):
    config = Config(kind="predictor", level=1, width=WIDTH, grid=GRID)
    save_network(toy / "weights" / "predictor.safetensors", config.build(), config)
    told = refused(toy, capsys, "loco", "--weights", str(toy / "weights"))
    assert "predictor.safetensors" in told
    assert "autoencoder.safetensors do not belong together: level 1 and level 2" in told


def test_weights_of_another_shape_are_named_by_key_shape_and_what_they_look_like(toy, capsys):
    other = Config(kind="autoencoder", level=3, grid=GRID)
    said = Config(kind="autoencoder", level=2, grid=GRID)
    save_network(toy / "weights" / "autoencoder.safetensors", other.build(), said)
    told = refused(toy, capsys, "loco", "--weights", str(toy / "weights"))
    assert "encoder.4.weight has shape (2, 4, 5, 5)" in told
    assert "(4, 4, 5, 5)" in told
    assert "looks like the autoencoder of level 3 with 16 depth bins" in told


def test_public_weights_of_two_levels_do_not_meet(toy, capsys):
    for kind, level in (("predictor", 2), ("autoencoder", 3)):
        with torch.device("meta"):
            shapes = Config(kind=kind, level=level).build().state_dict()
        folder = toy / "public"
        folder.mkdir(exist_ok=True)
        zeros = {name: torch.zeros(()).expand(one.shape) for name, one in shapes.items()}
        torch.save(zeros, folder / f"{kind}.pth")
    told = refused(toy, capsys, "loco", "--weights", str(toy / "public"))
    assert "level 2 and level 3" in told


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_said(toy, capsys):
    told = refused(toy, capsys, "loco", "--weights", str(toy / "weights"), "--device", "cuda")
    assert "torch sees no GPUs" in told
    assert "--device cpu" in told


@pytest.mark.parametrize(
    ("arrays", "what"),
    [
        ({"joints3d": np.zeros((1, 13, 3))}, "joints3d of type float64 and shape (1, 13, 3)"),
        ({"joints3d": np.full((1, 14, 3), np.nan)}, "only NaN for person 0"),
        ({"scores": np.full(1, np.nan)}, "a number in score that is not finite"),
    ],
)
def test_a_class_that_gives_wrong_shapes_or_nan_is_told_the_frame(toy, capsys, monkeypatch, arrays, what):
    given = {"joints3d": np.zeros((1, 14, 3)), "scores": np.zeros(1), **arrays}
    told = refused(toy, capsys, network(monkeypatch, lambda *_: Poses(**given)))
    assert what in told
    assert "walk0/0/0000" in told


def test_weights_that_give_nan_are_told_the_frame_and_a_way_out(toy, capsys):
    config = Config(kind="predictor", width=WIDTH, grid=GRID)
    broken = config.build()
    torch.nn.init.constant_(broken.main[3].bias, float("nan"))
    save_network(toy / "weights" / "predictor.safetensors", broken, config)
    told = refused(toy, capsys, "loco", "--weights", str(toy / "weights"))
    assert "not finite for the frame walk0/0/0000" in told
    assert "--precision bf16 or fp32" in told


def test_shards_without_images_say_which_and_what_needs_none(toy, capsys, monkeypatch):
    write_toy(toy / "blind", {"train": (1,)}, images=False)
    code, out, _ = run(toy, capsys, network(monkeypatch, one_person))
    assert code == 0
    assert "2 frames, 2 people" in out
    (toy / "out.json").unlink()
    told = refused(
        toy, capsys, "nets_of_the_command:Net", "--raw", str(toy / "blind" / "raw"), data="blind/shards/toy"
    )
    assert "there is no raw folder" in told
    assert "--images embed or extract" in told


def test_images_of_another_size_missing_or_damaged_are_listed_and_the_rest_is_kept(toy, capsys, monkeypatch):
    write_toy(toy, {"train": (5,)}, scale=0.5)
    Image.new("RGB", (48, 32)).save(toy / "raw" / "walk0" / "0001.png")
    (toy / "raw" / "walk0" / "0002.png").unlink()
    (toy / "raw" / "walk0" / "0003.png").write_bytes(b"no image")
    code, out, _ = run(toy, capsys, network(monkeypatch, one_person))
    assert code == 1
    assert "3 frames were left out:" in out
    assert "walk0/0/0001: walk0/0001.png has 48 x 32 pixels" in out
    assert "0002.png cannot be read" in out
    assert "0003.png is no image" in out
    assert read_predictions(toy / "out.json").frame_ids.tolist() == ["walk0/0/0000", "walk0/0/0004"]


def test_memory_that_ends_halves_the_batch_and_says_so(toy, capsys, monkeypatch):
    def small(_, frames, frame):
        if len(frames) > 1:
            raise MemoryError
        return one_person(None, None, frame)

    code, out, err = run(toy, capsys, network(monkeypatch, small), "--batch", "4")
    assert code == 0
    assert "batch of 2 does not fit into memory: going on with 1" in err
    assert "frames/s, batches of 1" in out


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_loco_runs_in_every_precision_and_tells_its_throughput(toy, capsys, precision):
    code, out, _ = run(
        toy, capsys, "loco", "--weights", str(toy / "weights"), "--precision", precision, "--batch", "2"
    )
    assert code == 0
    assert "2 frames, " in out
    assert "frames/s, batches of 2" in out
    assert "GB of memory" in out


def test_a_class_is_told_that_compilation_is_wanted(toy, capsys, monkeypatch):
    told = []

    def noting(net, _, frame):
        told.append(net.setup.compiled)
        return one_person(None, None, frame)

    name = network(monkeypatch, noting)
    assert run(toy, capsys, name)[0] == run(toy, capsys, name, "--compile")[0] == 0
    assert told == [False, False, True, True]
