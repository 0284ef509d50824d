"""The code of docs/own_model.md, as a reader would run it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from toy_people import HEIGHT, WIDTH, write_toy

from mhbench.cli.main import program
from mhbench.predictions import read_predictions

PAGE = Path(__file__).parents[2] / "docs" / "own_model.md"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the page's network as a file, and shards with images."""
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    # a name of its own: Python keeps modules between tests
    (tmp_path / "page_network.py").write_text("\n\n".join(code), encoding="utf-8")
    write_toy(tmp_path, {"train": (3, 2)})
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "page_network", raising=False)
    return tmp_path


def run(*words: str) -> str:
    arguments = [
        "run",
        *words,
        "--data",
        "shards/toy",
        "--raw",
        "raw",
        "--device",
        "cpu",
        "--out",
        "out.json",
    ]
    done = CliRunner(catch_exceptions=False).invoke(program, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_network_of_the_page_runs_with_weights(folder):
    import page_network

    torch.manual_seed(0)
    torch.save(page_network.Lifter(14).state_dict(), folder / "weights.pth")
    assert "5 frames, 5 people" in run("page_network:MyNetwork", "--weights", "weights.pth", "--batch", "2")
    table = read_predictions(folder / "out.json")
    assert (table.model, table.skeleton, table.space) == ("MyNetwork", "loco_14", "camera")
    assert table.trained_on == ("coco",)
    assert table.persons["joints3d"].shape == (5, 14, 3)
    assert not (folder / "out.json.parts").exists()


def test_the_smallest_network_finds_nobody(folder):
    assert "5 frames, 0 people" in run("page_network:Nobody")
    assert read_predictions(folder / "out.json").frame_count == 5


def test_the_exported_network_gives_what_its_code_gives(folder):
    import page_network

    torch.manual_seed(0)
    page_network.export("net.pt2", HEIGHT, WIDTH)
    (folder / "net.toml").write_text('skeleton = "loco_14"\nmin_score = 0.3\n')
    run("net.pt2")
    table = read_predictions(folder / "out.json")
    assert table.model == "net"
    assert np.isfinite(table.persons["joints3d"]).all()
    (folder / "net.toml").write_text('skeleton = "loco_14"\nmin_score = 1.1\n')
    assert "5 frames, 0 people" in run("net.pt2")


# torch warns itself while it exports
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_the_network_as_onnx_gives_what_its_code_gives(folder):
    import page_network

    torch.manual_seed(0)
    page_network.export("net.pt2", HEIGHT, WIDTH)
    torch.manual_seed(0)
    page_network.export_onnx("net.onnx", HEIGHT, WIDTH)
    (folder / "net.toml").write_text('skeleton = "loco_14"\n')
    found = []
    for name in ("net.pt2", "net.onnx"):
        run(name)
        found.append(read_predictions(folder / "out.json").persons["joints3d"])
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
