"""`run loco`, then `evaluate` under the protocols of its paper, with networks that give the true heatmaps."""

from __future__ import annotations

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from mhbench.cli.main import program
from mhbench.conversion.pipeline import convert
from mhbench.datasets.items import Selection
from mhbench.evaluation.pipeline import evaluate
from mhbench.models.loco.checkpoints import Config, GridConfig, save_network
from mhbench.models.loco.pipeline import Loco
from mhbench.models.loco.volumes import rendered
from mhbench.predictions import read_predictions
from mhbench.shards import open_shards
from mhbench.synthetic.raw import panoptic, write_raw
from mhbench.synthetic.scenes import scene


def scored(folder, dataset, protocol, monkeypatch, every=1):
    """The metrics of LoCO's own rules on true heatmaps, through both commands, and its predictions."""
    convert(dataset, folder / "raw", folder / "shards", Selection(every=every), engine="serial", jobs=1)
    shards = open_shards(folder / "shards", dataset=dataset)
    frames = {shards[n].id: shards[n] for n in range(len(shards))}
    grid = GridConfig.of(shards[0].grid())
    torch.manual_seed(0)
    for kind, options in (("predictor", {"width": 1 / 32}), ("autoencoder", {})):
        config = Config(kind=kind, level=3, grid=grid, trained_on=("nothing",), **options)
        save_network(folder / "weights" / f"{kind}.safetensors", config.build(), config)
    for frame in frames.values():
        # what is in the picture is not looked at, only that it is there and of the camera's size
        path = folder / "raw" / str(frame.columns["image"])
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (int(frame.columns["width"]), int(frame.columns["height"]))).save(path)

    def predict(self, given):
        found = []
        for one in given:
            frame = frames[one.id]
            true = frame.grid(grid.joints).padded(8)
            found += self.read(rendered(true, [frame.centres(grid.joints)], torch.device("cpu")), [one])
        return found

    monkeypatch.setattr(Loco, "predict", predict)
    out = folder / "loco.json"
    words = ["--data", str(folder / "shards"), "--dataset", dataset, "--raw", str(folder / "raw")]
    words += ["--weights", str(folder / "weights"), "--protocol", protocol, "--device", "cpu"]
    done = CliRunner(catch_exceptions=False).invoke(program, ["run", "loco", *words, "--out", str(out)])
    assert done.exit_code == 0, done.output
    result = evaluate(out, protocol, folder / "shards").result
    return {name: value.value for name, value in result.metrics.items()}, read_predictions(out)


@pytest.mark.slow
def test_jta_counts_people_and_joints_without_one(tmp_path, monkeypatch):
    write_raw("jta", tmp_path / "raw", frames=20, people=8, motion="crowd", images=False)
    numbers, table = scored(tmp_path, "jta", "jta/test", monkeypatch, every=10)
    # in a crowd the published association leaves joints without a person; they are found all the same
    assert len(table.loose["score"]) > 0
    assert table.loose["score"].min() > 0.6
    assert numbers["f1.joint@0.4m"] > 99.5


@pytest.mark.slow
def test_panoptic_gets_its_people_within_centimetres(tmp_path, monkeypatch):
    for number, sequence in enumerate(("160422_haggling1", "160422_mafia2")):
        made = scene(frames=1, people=2, motion="walk", seed=number, cameras=("00_16", "00_30"))
        panoptic.write(made, tmp_path / "raw", sequence=sequence, images=False)
    numbers, table = scored(tmp_path, "panoptic", "panoptic/zanfir-loco", monkeypatch)
    assert table.skeleton == "panoptic_19"
    assert numbers["mpjpe_abs"] == pytest.approx(10, abs=4)
    assert numbers["f1.person@0.5m"] == 100.0
