"""docs/predictions.md as a reader would follow it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from mhbench.cli.main import program
from mhbench.conversion.pipeline import convert
from mhbench.evaluation.results import read_result
from mhbench.predictions.reading import read_predictions
from mhbench.running.ground_truth import run_ground_truth
from mhbench.synthetic.raw import crowdpose, panoptic
from mhbench.synthetic.scenes import scene

TEXT = (Path(__file__).parents[2] / "docs" / "predictions.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def follow(block, *more):
    for line in block.splitlines():
        words = shlex.split(line)
        done = CliRunner(catch_exceptions=False).invoke(program, [*words[1:], *more])
        assert done.exit_code == 0, f"{line}\n{done.output}"


def test_the_page_leads_from_arrays_to_a_score(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    walk = scene(frames=4, people=2, motion="walk", seed=0, cameras=("00_16",), absences=False)
    panoptic.write(walk, tmp_path / "raw", images=False)
    convert("panoptic", tmp_path / "raw", tmp_path / "shards", jobs=1, engine="serial")
    which, score = blocks("sh")[:2]
    follow(which)
    listed = json.loads((tmp_path / "frames.json").read_text())["frames"]
    truth = run_ground_truth(tmp_path / "shards")
    assert [one["id"] for one in listed] == truth.frame_ids.tolist()
    empty = read_predictions(tmp_path / "frames.predictions.json")
    assert empty.dataset == "panoptic"
    np.savez(
        tmp_path / "mine.npz",
        frames=truth.frame_ids,
        people=np.diff(truth.person_start),
        joints=truth.persons["joints3d"],
        scores=np.ones(truth.person_count),
    )
    (code,) = blocks("python")
    exec(compile(code, "predictions.md", "exec"), {})  # noqa: S102 - the page's own code
    follow(score.replace("panoptic/generic", "panoptic/generic --out result.json --bootstrap 0"))
    result = read_result(tmp_path / "result.json")
    assert result.metrics["mpjpe_abs"].value == 0.0
    assert result.counts.frames_missing == 0


def test_the_file_of_the_page_is_read(tmp_path):
    (text,) = blocks("json")
    (tmp_path / "mine.json").write_text(text)
    table = read_predictions(tmp_path / "mine.json")
    assert (table.frame_count, table.person_count) == (2, 1)
    assert np.isnan(table.persons["joints3d"][0, 1]).all()
    assert np.isfinite(np.delete(table.persons["joints3d"][0], 1, axis=0)).all()


def test_keypoints_are_scored_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    crowdpose.write(scene(frames=3, people=2, seed=1), tmp_path / "raw", images=False)
    convert("crowdpose", tmp_path / "raw", tmp_path / "shards", jobs=1, engine="serial")
    annotations = json.loads(next((tmp_path / "raw").rglob("*test*.json")).read_text())["annotations"]
    found = [
        {"image_id": one["image_id"], "category_id": 1, "keypoints": one["keypoints"], "score": 1.0}
        for one in annotations
        if one["num_keypoints"]
    ]
    (tmp_path / "keypoints.json").write_text(json.dumps(found))
    (line,) = blocks("sh")[2].splitlines()
    done = CliRunner(catch_exceptions=False).invoke(program, shlex.split(line)[1:])
    assert "ap            100.00 %" in done.output.replace("  ap", "ap"), done.output
