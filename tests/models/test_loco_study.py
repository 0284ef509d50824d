"""`reports/loco/train.py`, every stage for a moment: rows, page and pictures, and that it goes on."""

from __future__ import annotations

import json
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mhbench.manifests import manifest_path
from mhbench.models.training_config import (
    AutoencoderConfig,
    PredictorConfig,
    RefinerConfig,
    UncompressedConfig,
    read_config,
)
from mhbench.models.training_crowds import grid_of, kind_of

STUDY = Path(__file__).parents[2] / "reports" / "loco"
MODULES = ("train", "recipes", "scores", "page")


@pytest.fixture
def study(monkeypatch):
    """The script, with one step per training."""
    monkeypatch.syspath_prepend(STUDY)
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    import recipes
    import train

    def short(stage):
        narrow = {"width": "0.03125"} if "width" in stage.changes else {}
        once = {"epoch_steps": "1", "validate_every": "1", "crowds.validation": "1"}
        return replace(stage, changes=stage.changes | once | narrow)

    size = recipes.SIZES["toy"]
    monkeypatch.setitem(
        recipes.SIZES, "toy", replace(size, stages=[short(stage) for stage in size.stages], test=1)
    )
    threads = torch.get_num_threads()
    yield train
    torch.set_num_threads(threads)
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["toy", "full"])
def test_the_recipes_fit_the_settings_of_their_trainings(name):
    source = (STUDY / "recipes.py").read_text()
    recipes = types.ModuleType("recipes_alone")
    sys.modules["recipes_alone"] = recipes  # dataclasses look their module up
    exec(compile(source, "recipes.py", "exec"), vars(recipes))  # noqa: S102 - our own file
    kinds = {
        "loco-vha": AutoencoderConfig,
        "loco-predictor": PredictorConfig,
        "loco-refiner": RefinerConfig,
        "loco-uncompressed": UncompressedConfig,
    }
    size = recipes.SIZES[name]
    for stage in size.stages:
        changes = {**size.common, **stage.changes, **stage.weights}
        config = read_config(manifest_path(f"training/{stage.model}"), kinds[stage.model], changes)
        grid = grid_of(config.crowds)
        assert kind_of(config.crowds).far < grid.depth_max
        if name == "full":
            assert (grid.depth_bins, kind_of(config.crowds).height) == (
                316,
                1000 if "human" in stage.name else 1080,
            )


@pytest.mark.slow
def test_every_stage_makes_a_row_once(study, tmp_path, monkeypatch, capsys):
    words = ["train.py", "--size", "toy", "--minutes", "1e-6", "--device", "cpu"]
    words += ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", words)
    study.main()
    rows = json.loads((tmp_path / "out" / "toy.json").read_bytes())["rows"]
    assert [row["stage"] for row in rows] == [
        "mixing1", "vha1", "mixing2", "vha2", "mixing3", "vha3", "refiner", "predictor2", "uncompressed",
        "vha2-panoptic", "vha2-human36m", "vha3-panoptic", "vha3-human36m",
    ]  # fmt: skip
    assert all(row["steps"] == 1 and row["minutes"] > 0 for row in rows)
    assert {"precision.joint@0.4m", "f1.joint@1.2m+"} <= set(rows[7]["metrics"])
    page = (tmp_path / "out" / "toy.md").read_text()
    assert "56.5 / 90.3 / 92.9" in page
    assert "50.82 / 64.76 / 70.44" in page
    assert page.count("\n| ") == 2 + 7 + 4
    assert len((tmp_path / "out" / "toy.csv").read_text().splitlines()) == 1 + 7 * 3 + 3 + 2 + 2 * 18
    assert (tmp_path / "out" / "toy-people.png").stat().st_size > 10_000
    capsys.readouterr()
    study.main()
    assert "minutes" not in capsys.readouterr().out
