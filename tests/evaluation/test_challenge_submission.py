"""The golden submission to the 3DPW challenge: raw pickles and body models in, the same six scores out."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from click.testing import CliRunner

from mhbench.bodies import body_model
from mhbench.cli.main import program
from mhbench.conversion.pipeline import convert
from mhbench.evaluation.results import read_result
from mhbench.synthetic.raw.python2_pickles import python2_pickle

SCORES = {
    "mpjpe": "MPJPE",
    "pmpjpe": "MPJPE_PA",
    "pck@50mm": "PCK",
    "mpjae": "MPJAE",
    "pmpjae": "MPJAE_PA",
}
FILES = {
    "m": "basicmodel_m_lbs_10_207_0_v1.1.0.pkl",
    "f": "basicmodel_f_lbs_10_207_0_v1.1.0.pkl",
}


@pytest.fixture(scope="module")
def case(request, tmp_path_factory):
    """Raw tree, bodies and submission of the golden case; its scores."""
    golden = request.config.rootpath / "tests" / "golden" / "metrics_3d"
    folder = tmp_path_factory.mktemp("challenge")
    with np.load(golden / "challenge_pipeline.npz") as file:
        arrays = {key: file[key] for key in file.files}
    models = {}
    (folder / "bodies").mkdir()
    for letter, name in FILES.items():
        parts = {
            key.partition("/")[2]: value for key, value in arrays.items() if key.startswith(f"body_{letter}/")
        }
        models[letter] = body_model(parts, "male" if letter == "m" else "female", name)
        (folder / "bodies" / name).write_bytes(pickle.dumps(parts))
    for name in sorted({key.rpartition("/")[0] for key in arrays if key.endswith("/poses")}):
        one = {key.rpartition("/")[2]: value for key, value in arrays.items() if key.startswith(f"{name}/")}
        _save(folder / "raw" / "sequenceFiles" / f"{name}.pkl", python2_pickle(_annotation(one, models)))
        keys = ("jointPositions", "orientations")
        _save(folder / "submission" / f"{name}.pkl", pickle.dumps({key: one[key] for key in keys}))
    convert("3dpw", folder / "raw", folder / "shards", jobs=1, engine="serial", heatmaps="none")
    return folder, json.loads((golden / "challenge_pipeline.json").read_text())


def _save(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _annotation(one, models):
    """The pickle of a sequence as 3DPW has it; 2D poses only say whether somebody was found."""
    actors, frames = one["poses"].shape[:2]
    world = [
        models[one["genders"][n]].joints(one["poses"][n], one["betas"][n][:10], one["trans"][n])
        for n in range(actors)
    ]
    found = np.zeros((actors, frames, 3, 18))
    found[one["poses2d_nonzero"]] = 10.0
    return {
        "genders": [str(letter) for letter in one["genders"]],
        "poses": [one["poses"][n].astype(np.float64) for n in range(actors)],
        "trans": [one["trans"][n].astype(np.float64) for n in range(actors)],
        "betas": [one["betas"][n].astype(np.float64) for n in range(actors)],
        "jointPositions": [joints.reshape(frames, 72) for joints in world],
        "poses2d": [found[n] for n in range(actors)],
        "cam_poses": one["cam_poses"].astype(np.float64),
        "campose_valid": [one["campose_valid"][n] for n in range(actors)],
        "cam_intrinsics": np.array([[1961.9, 0, 540], [0, 1969.2, 960], [0, 0, 1]]),
        "img_frame_ids": np.arange(0, 2 * frames, 2),
    }


def test_the_challenges_scores_come_out_of_its_own_files(case, monkeypatch, tmp_path):
    folder, golden = case
    monkeypatch.setenv("MHBENCH_BODIES", str(folder / "bodies"))
    out = tmp_path / "result.json"
    done = CliRunner(catch_exceptions=False).invoke(
        program,
        [
            "evaluate",
            str(folder / "submission"),
            "--protocol",
            "3dpw/challenge",
            "--data",
            str(folder / "shards"),
            "--out",
            str(out),
        ],
    )
    assert done.exit_code == 0, done.output
    result = read_result(out)
    assert result.counts.gt_persons == golden["evaluated_person_frames"]
    assert result.protocol.evidence == "run"
    for metric, name in SCORES.items():
        assert result.metrics[metric].value == pytest.approx(golden["scores"][name], abs=1e-3), metric
    assert result.metrics["auc@0-200mm"].value / 100 == pytest.approx(golden["scores"]["AUC"], abs=5e-5)
    assert result.resampling.unit == "sequence"
    assert result.resampling.units == 59  # in one of the sixty nobody counts
