"""Bodies from raw files to a result, through the commands: the truth is perfect, a shift costs its length."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from mhbench.cli.main import program
from mhbench.errors import UsageError
from mhbench.predictions import read_predictions, write_predictions
from mhbench.synthetic.body_model import write_body_models

SHIFT_M = 0.02


def run(*words):
    done = CliRunner(catch_exceptions=False).invoke(program, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bodies") / "models"
    write_body_models(folder)
    return folder


CASES = [("surreal", "surreal/test", "--no-images"), ("up3d", "up3d/t2", "--images")]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case[0])
def converted(request, bodies, tmp_path_factory):
    """Data set, protocol, shards, and the ground truth as predictions."""
    dataset, protocol, images = request.param
    folder = tmp_path_factory.mktemp(dataset)
    raw, data, truth = folder / "raw", folder / "shards", folder / "gt.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MHBENCH_BODIES", str(bodies))
        run("synth", dataset, raw, "--frames", "4", "--people", "3", "--motion", "stand", images)
        run("convert", dataset, "--raw", raw, "--out", data)
        run("verify", data / dataset)
        run("run", "gt", "--data", data / dataset, "--out", truth)
        yield dataset, protocol, data, truth


def test_heatmaps_of_the_truth_have_every_frame_once(converted, tmp_path):
    dataset, _, data, truth = converted
    if dataset == "up3d":
        with pytest.raises(UsageError, match="no 3D joints"):
            run("run", "gt-heatmaps", "--data", data / dataset, "--out", tmp_path / "heatmaps.json")
        return
    run("run", "gt-heatmaps", "--data", data / dataset, "--out", tmp_path / "heatmaps.json")
    told = run("validate", tmp_path / "heatmaps.json", "--data", data / dataset)
    assert "no faults" in told
    ids = read_predictions(tmp_path / "heatmaps.json").frame_ids.tolist()
    assert ids == read_predictions(truth).frame_ids.tolist()


def evaluated(predictions, protocol, data, out):
    told = run(
        "evaluate", predictions, "--protocol", protocol, "--data", data, "--out", out, "--bootstrap", "10"
    )
    assert protocol in told
    result = json.loads(out.read_text())
    return result, {name: one["value"] for name, one in result["metrics"].items()}


def test_the_truth_is_perfect_and_a_shift_costs_its_length(converted, tmp_path):
    dataset, protocol, data, truth = converted
    result, numbers = evaluated(truth, protocol, data, tmp_path / "gt-result.json")
    errors = {name: numbers.pop(name) for name in ("surface_error", "mpjpe") if name in numbers}
    assert set(errors.values()) == {0.0}
    assert set(numbers.values()) == {100.0}
    assert ("mpjpe" in errors) == (dataset == "surreal")
    assert "landmark_error" not in result["metrics"]
    assert not result["comparable"]["value"]
    table = read_predictions(truth)
    # SURREAL's frames of val are in test, too, and are counted once
    outside = table.frame_count - result["counts"]["frames"]
    assert result["counts"]["frames_outside_protocol"] == outside
    placed = {"surreal": "joints3d", "up3d": "smpl_transl"}[dataset]
    table.persons[placed][...] += [0, 0, SHIFT_M]
    moved = write_predictions(table, tmp_path / "moved.h5")
    _, shifted = evaluated(moved, protocol, data, tmp_path / "moved-result.json")
    assert shifted["surface_error"] == pytest.approx(1000 * SHIFT_M, abs=1e-3)
    if dataset == "surreal":
        assert shifted["mpjpe"] == pytest.approx(0, abs=1e-3)  # of the root alone
        assert shifted["silhouette_iou.front"] > 97
        assert 40 < shifted["voxel_iou"] < 90
        assert {one["key"] for one in result["breakdown"] if one["by"] == "subset s10"} == {
            "inside",
            "outside",
        }
        assert len(result["provenance"]["s10_sha256"]) == 64


def test_a_protocol_is_explained_and_its_frames_are_listed(converted, tmp_path):
    dataset, protocol, data, _ = converted
    assert "volumes" in run("protocols", protocol)
    out = tmp_path / "frames.json"
    run("frames", protocol, "--data", data, "--out", out)
    listed = json.loads(out.read_text())["frames"]
    assert np.array(listed[0]["K"]).shape == (3, 3)
    if dataset == "surreal":
        assert listed[0]["video"] == "cmu/val/run0/01_01/01_01_c0001.mp4"
        assert listed[0]["video_frame"] == int(listed[0]["id"].rpartition("/")[2]) - 1 == 1
