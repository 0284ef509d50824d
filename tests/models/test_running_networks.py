"""Runs of networks: order, resume, memory, images that are missing, and networks that are wrong."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from toy_people import table as toy_table
from toy_people import write_toy

import mhbench.running.networks as running
from mhbench.cli.main import program
from mhbench.errors import (
    InputError,
    MhbenchError,
    MissingInputError,
    OutputError,
    PredictionError,
    UsageError,
)
from mhbench.heatmaps import Grid
from mhbench.models.protocol import Poses
from mhbench.predictions import read_predictions
from mhbench.running.networks import run_network
from mhbench.skeletons import skeleton


class Echo:
    """One person per frame whose every joint is the mean colour of the image; notes what it was given."""

    skeleton = "loco_14"
    calls: list[list[str]]

    def __init__(self, setup):
        type(self).calls = []
        self.setup = setup

    def predict(self, frames):
        self.calls.append([frame.id for frame in frames])
        return [
            Poses(joints3d=np.full((1, 14, 3), 1 + frame.image.mean()), scores=np.array([0.5]))
            for frame in frames
        ]


@pytest.fixture
def toy(tmp_path):
    return write_toy(tmp_path, {"train": (5, 4), "val": (3,)})


@pytest.fixture
def module(monkeypatch):
    made = types.ModuleType("nets_of_a_test")
    monkeypatch.setitem(sys.modules, "nets_of_a_test", made)
    return made


def run(module, toy, out, network=Echo, **options):
    module.Net = network
    options = {"raw": toy[1], "device": "cpu", **options}
    return run_network("nets_of_a_test:Net", toy[0], out, **options)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(running, "BLOCK", 4)


def test_every_frame_comes_once_in_the_order_of_the_shards(module, toy, tmp_path):
    report = run(module, toy, tmp_path / "a.json", batch=3)
    table = read_predictions(tmp_path / "a.json")
    expected = [f"walk{n}/0/{one:04d}" for n, count in enumerate((5, 4, 3)) for one in range(count)]
    assert table.frame_ids.tolist() == expected
    assert [len(call) for call in Echo.calls] == [3, 3, 3, 3]
    assert (report.frames, report.people, report.skipped, report.batch) == (12, 12, (), 3)
    assert report.frames_per_second > 0
    assert report.memory > 0


def test_a_frame_of_two_splits_is_predicted_once(module, toy, tmp_path, monkeypatch):
    plain = running.open_shards

    def overlapping(*words, **options):
        shards = plain(*words, **options)
        return replace(shards, infos=(*shards.infos, *shards.infos[:1]))

    monkeypatch.setattr(running, "open_shards", overlapping)
    run(module, toy, tmp_path / "a.json")
    ids = read_predictions(tmp_path / "a.json").frame_ids.tolist()
    assert len(ids) == len(set(ids)) == 12


def test_loco_runs_from_weights_to_a_file_of_predictions(toy, tmp_path):
    from mhbench.models.loco.checkpoints import Config, GridConfig, save_network

    grid = GridConfig(depth_bins=16, depth_max=8.0, pixel_rounding="none")
    torch.manual_seed(0)
    for kind, options in (("autoencoder", {}), ("predictor", {"width": 1 / 32})):
        config = Config(kind=kind, grid=grid, trained_on=("toy",), **options)
        save_network(tmp_path / "weights" / f"{kind}.safetensors", config.build(), config)
    report = run_network(
        "loco", toy[0], tmp_path / "a.json", raw=toy[1], weights=[tmp_path / "weights"], device="cpu"
    )
    table = read_predictions(tmp_path / "a.json")
    assert (report.frames, table.model, table.skeleton, table.trained_on) == (12, "loco", "loco_14", ("toy",))
    weights = [tmp_path / "weights" / "predictor.safetensors"]
    with pytest.raises(InputError, match="no autoencoder among the weights"):
        run_network("loco", toy[0], tmp_path / "b.json", raw=toy[1], weights=weights, device="cpu")


def test_images_reach_the_network_as_they_are(module, toy, tmp_path):
    run(module, toy, tmp_path / "a.h5", split="val")
    image = np.asarray(Image.open(toy[1] / "walk2" / "0001.png"))
    assert read_predictions(tmp_path / "a.h5").persons["joints3d"][1, 0, 0] == 1 + image.mean()


@pytest.mark.usefixtures("small_blocks")
def test_a_killed_run_goes_on_without_losing_or_doubling_a_frame(module, toy, tmp_path):
    class Killed(Echo):
        def predict(self, frames):
            if "walk1/0/0001" in [frame.id for frame in frames]:
                raise KeyboardInterrupt
            return super().predict(frames)

    whole = run(module, toy, tmp_path / "whole.json", batch=2)
    assert whole.done_before == 0
    with pytest.raises(KeyboardInterrupt):
        run(module, toy, tmp_path / "a.json", Killed, batch=2)
    assert not (tmp_path / "a.json").exists()
    report = run(module, toy, tmp_path / "a.json", batch=2)
    assert report.done_before == 4
    assert Echo.calls[0] == ["walk0/0/0004", "walk1/0/0000"]
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


SLOW_NETWORK = """
import time, numpy as np
import mhbench.running.networks as running
from mhbench.models.protocol import Poses
running.BLOCK = 2

class Net:
    skeleton = "loco_14"

    def __init__(self, setup):
        pass

    def predict(self, frames):
        time.sleep(0.2)
        return [Poses(joints3d=np.full((1, 14, 3), 1 + one.image.mean())) for one in frames]
"""


def test_a_process_that_was_killed_goes_on_to_the_same_file(toy, tmp_path):
    (tmp_path / "slow_network.py").write_text(SLOW_NETWORK)

    def start(out):
        words = ["run", "slow_network:Net", "--data", toy[0], "--raw", toy[1], "--out", out, "--batch", "1"]
        return subprocess.Popen(
            [sys.executable, "-m", "mhbench", *map(str, words), "--device", "cpu"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    assert start(tmp_path / "whole.json").communicate()[0].startswith("12 frames, 12 people")
    killed = start(tmp_path / "a.json")
    while not (tmp_path / "a.json.parts" / "000001.npz").exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert not (tmp_path / "a.json").exists()
    said = start(tmp_path / "a.json").communicate()[0]
    assert re.match(r"12 frames \([1-9]\d* by the run before\)", said)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


@pytest.mark.usefixtures("small_blocks")
def test_parts_of_another_run_are_refused(module, toy, tmp_path):
    class Broken(Echo):
        def predict(self, _):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(module, toy, tmp_path / "a.json", Broken)
    with pytest.raises(OutputError, match="another precision: fp32"):
        run(module, toy, tmp_path / "a.json", precision="bf16")
    (tmp_path / "a.json.parts" / "000000.npz").write_bytes(b"PK damaged")
    with pytest.raises(InputError, match=r"000000\.npz is damaged"):
        run(module, toy, tmp_path / "a.json")


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("out"), MemoryError(), RuntimeError("not enough memory")]
)
def test_a_batch_that_does_not_fit_is_halved_and_said(module, toy, tmp_path, error):
    class Small(Echo):
        def predict(self, frames):
            if len(frames) > 2:
                raise error
            return super().predict(frames)

    said = []
    report = run(module, toy, tmp_path / "a.json", Small, batch=8, say=said.append)
    assert report.batch == 2
    assert report.frames == 12
    assert said == [
        "a batch of 8 does not fit into memory: going on with 4",
        "a batch of 4 does not fit into memory: going on with 2",
    ]


def test_one_frame_that_does_not_fit_ends_the_run(module, toy, tmp_path):
    class Huge(Echo):
        def predict(self, _):
            raise MemoryError

    with pytest.raises(UsageError, match="one frame does not fit"):
        run(module, toy, tmp_path / "a.json", Huge)


def test_missing_damaged_and_resized_images_are_listed_and_left_out(module, toy, tmp_path):
    raw = toy[1] / "walk0"
    (raw / "0001.png").unlink()
    (raw / "0002.png").write_bytes((raw / "0002.png").read_bytes()[:60])
    Image.new("RGB", (96, 64)).save(raw / "0003.png")
    module.Net = Echo
    words = ["run", "nets_of_a_test:Net", "--data", str(toy[0]), "--raw", str(toy[1])]
    done = CliRunner(catch_exceptions=False).invoke(program, [*words, "--out", str(tmp_path / "a.json")])
    assert done.exit_code == 1
    assert "3 frames were left out" in done.output
    assert "0001.png cannot be read: No such file" in done.output
    assert "0002.png is no image" in done.output
    assert "0003.png has 96 x 64 pixels" in done.output
    ids = read_predictions(tmp_path / "a.json").frame_ids.tolist()
    assert len(ids) == 9
    assert not {"walk0/0/0001", "walk0/0/0002", "walk0/0/0003"} & set(ids)


def test_without_any_image_nothing_is_written(module, toy, tmp_path):
    for path in toy[1].rglob("*.png"):
        path.unlink()
    with pytest.raises(InputError, match="none of 12 frames could be predicted"):
        run(module, toy, tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()
    with pytest.raises(MissingInputError, match="no raw folder"):
        run(module, toy, tmp_path / "a.json", raw=tmp_path / "elsewhere")


def test_shards_without_images_are_refused(module, toy, tmp_path):
    from dataclasses import replace

    from mhbench.shards import Origin, write_shard
    from mhbench.shards.heatmap_store import no_heatmaps

    whole = toy_table(2)
    frames = {name: column for name, column in whole.frames.items() if name != "image"}
    origin = Origin("x", 2, 1, "a" * 64, "b" * 64)
    write_shard(tmp_path / "x.h5", replace(whole, frames=frames), origin, no_heatmaps("a test"))
    with pytest.raises(InputError, match="no images and no paths") as caught:
        run(module, (tmp_path / "x.h5", toy[1]), tmp_path / "a.json")
    assert "embed" in caught.value.action


def test_images_inside_the_shards_need_no_raw_folder(module, toy, tmp_path):
    from mhbench.shards import Origin, peaks_of, write_shard
    from mhbench.shards.images import ImageStore

    whole = toy_table(3, seed=0)
    files = [toy[1] / name for name in whole.frames["image"]]
    images = ImageStore("embed", 10**6, [path.read_bytes() for path in files])
    origin = Origin("x", 3, 1, "a" * 64, "b" * 64)
    heatmaps = peaks_of(
        whole,
        Grid(skeleton("loco_14").joints, depth_min=0.0, depth_max=8.0, height=128, width=192),
        skeleton("loco_14").joints,
    )
    write_shard(tmp_path / "x.h5", whole, origin, heatmaps, images)
    run(module, (tmp_path / "x.h5", tmp_path / "no raw folder"), tmp_path / "a.json")
    means = [1 + np.asarray(Image.open(path)).mean() for path in files]
    assert read_predictions(tmp_path / "a.json").persons["joints3d"][:, 0, 0].tolist() == means


def poses(**arrays):
    class Wrong(Echo):
        def predict(self, frames):
            given = {"joints3d": np.zeros((2, 14, 3)), "scores": np.zeros(2), **arrays}
            return [Poses(**given) for _ in frames]

    return Wrong


def holed(place, value=np.nan):
    array = np.zeros((2, 14, 3))
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("arrays", "what"),
    [
        ({"joints3d": np.zeros((2, 13, 3))}, r"joints3d of type float64 and shape \(2, 13, 3\)"),
        ({"joints3d": np.zeros((2, 14, 3), dtype=int)}, "of type int64"),
        ({"joints3d": None}, "no joints"),
        ({"scores": np.zeros(3)}, r"score of type float64 and shape \(3,\)"),
        ({"scores": np.array([0.1, np.nan])}, "a number in score that is not finite"),
        ({"joints3d": holed((1, 3, 2))}, r"NaN in a part of joints3d\[1, 3\]"),
        ({"joints3d": holed(1)}, "only NaN for person 1"),
        ({"joints3d": holed((0, 0, 0), np.inf)}, "an infinite number in joints3d"),
        ({"loose": np.zeros((1, 4))}, r"loose of shape \(1, 4\)"),
        ({"loose": np.full((1, 5), 14.0)}, "a loose joint of no number"),
    ],
)
def test_what_no_file_can_hold_is_refused_with_the_frame(module, toy, tmp_path, arrays, what):
    with pytest.raises(PredictionError, match=what) as caught:
        run(module, toy, tmp_path / "a.json", poses(**arrays))
    assert "walk0/0/0000" in caught.value.what
    assert caught.value.expected


def test_whole_joints_may_be_missing_and_joints_may_be_loose(module, toy, tmp_path):
    given = poses(joints3d=holed((1, 3)), loose=np.array([[4, 0.1, 0.2, 3, 0.7]]))
    assert run(module, toy, tmp_path / "a.json", given).loose == 12
    table = read_predictions(tmp_path / "a.json")
    assert np.isnan(table.persons["joints3d"][1, 3]).all()
    assert table.loose["joint"].tolist() == [4] * 12


class Failing(Echo):
    def predict(self, frames):
        return frames[0].nothing


class Few(Echo):
    def predict(self, frames):
        return super().predict(frames)[1:]


class NoPeople(Echo):
    def predict(self, frames):
        return [None for _ in frames]


class Unbuilt(Echo):
    def __init__(self, setup):
        raise ValueError(f"{len(setup.weights)} files")


@pytest.mark.parametrize(
    ("network", "what"),
    [
        (Unbuilt, r"could not be imported and built: ValueError: 0 files \(.*test_running_networks.py, line"),
        (Failing, "Failing failed on the frames from walk0/0/0000 on: AttributeError"),
        (Few, "3 results for 4 frames"),
        (NoPeople, "a NoneType"),
        (lambda _: object(), "no 'skeleton'"),
        (type("Lame", (), {"skeleton": "loco_14", "__init__": lambda _, __: None}), "no 'predict'"),
    ],
)
def test_networks_that_are_wrong_are_named(module, toy, tmp_path, network, what):
    with pytest.raises(PredictionError, match=what):
        run(module, toy, tmp_path / "a.json", network)


@pytest.mark.parametrize(
    ("model", "what"),
    [
        ("loko", "no model 'loko'"),
        ("not_there_at_all:Net", "no module 'not_there_at_all'"),
        ("toy_people:Net", "has no 'Net'"),
        ("loco", "no predictor among the weights"),
        ("net.pt2", "net.pt2 is not there"),
    ],
)
def test_models_that_are_not_there_say_what_is(toy, tmp_path, model, what):
    with pytest.raises(MhbenchError, match=what) as caught:
        run_network(model, toy[0], tmp_path / "a.json", raw=toy[1], device="cpu")
    assert caught.value.expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize(
    ("device", "what"),
    [("cuda", "torch sees no GPUs"), ("toaster", "no kind of device"), ("meta", "no kind of device")],
)
def test_a_device_that_is_not_there_is_refused(module, toy, tmp_path, device, what):
    with pytest.raises(UsageError, match=what):
        run(module, toy, tmp_path / "a.json", device=device)


def test_a_wrong_suffix_is_refused_before_the_work(module, toy, tmp_path):
    Echo.calls = []
    with pytest.raises(OutputError, match="no suffix"):
        run(module, toy, tmp_path / "a.txt")
    assert not Echo.calls


def test_installed_networks_are_found_by_name(monkeypatch, module, toy, tmp_path):
    import importlib.metadata

    module.Net = Echo
    point = importlib.metadata.EntryPoint("echo", "nets_of_a_test:Net", "mhbench.models")
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda **_: importlib.metadata.EntryPoints([point])
    )
    run_network("echo", toy[0], tmp_path / "a.json", raw=toy[1], device="cpu")
    assert read_predictions(tmp_path / "a.json").model == "echo"
