"""The bundles, run as the platforms run them: EvalAI imports and calls, Codabench starts a command."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from mhbench.cli.main import main
from mhbench.conversion.pipeline import convert
from mhbench.errors import InputError, PredictionError, UsageError
from mhbench.evaluation.pipeline import evaluate
from mhbench.leaderboard.bridges import write_bridge
from mhbench.leaderboard.submissions import SUFFIXES, column_key, evalai_output
from mhbench.predictions.writing import write_predictions
from mhbench.protocols.loading import load_protocol
from mhbench.running.ground_truth import run_ground_truth
from mhbench.synthetic.raw.panoptic import write
from mhbench.synthetic.scenes import scene

PROTOCOL = "panoptic/generic"
METRICS = [rule.name for rule in load_protocol(PROTOCOL).metric]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bridges")
    made = scene(frames=3, people=2, motion="walk", seed=1, cameras=("00_16",), fps=3.0)
    write(made, folder / "raw", seed=1, sequence="band", images=False)
    convert("panoptic", folder / "raw", folder / "shards", jobs=1, engine="serial")
    return folder / "shards"


@pytest.fixture(scope="module")
def predictions(shards, tmp_path_factory):
    """Two centimetres beside the truth."""
    folder = tmp_path_factory.mktemp("predictions")
    truth = run_ground_truth(shards)
    joints = truth.persons["joints3d"] + np.array([0.02, 0.0, 0.0])
    write_predictions(replace(truth, persons={**truth.persons, "joints3d": joints}), folder / "mine.json")
    return folder / "mine.json"


@pytest.fixture(scope="module")
def evalai(shards, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evalai")
    write_bridge("evalai", PROTOCOL, folder, data=shards, start="2026-01-01")
    return folder


def imported(folder):
    """The challenge's package as EvalAI's worker loads it, from the zip that is uploaded."""
    with zipfile.ZipFile(folder / "evaluation_script.zip") as archive:
        archive.extractall(folder / "worker" / "challenge_1")
    place = folder / "worker" / "challenge_1" / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        "challenge_1", place, submodule_search_locations=[str(place.parent)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["challenge_1"] = module
    spec.loader.exec_module(module)
    return module


def test_evalai_calls_evaluate_and_gets_the_numbers_of_mhbench(evalai, predictions, shards):
    challenge = imported(evalai)
    output = challenge.evaluate(
        str(evalai / "annotations" / "shards.zip"), str(predictions), "test", submission_metadata={"id": 1}
    )
    ((scores,),) = [list(one.values()) for one in output["result"]]
    expected = evaluate(predictions, PROTOCOL, shards).result
    assert scores == {name: one.value for name, one in expected.metrics.items()}
    assert list(scores) == METRICS
    assert scores["mpjpe_abs"] == pytest.approx(20.0, abs=0.01)
    json.dumps(output)  # the worker stores it so


def test_the_evalai_configuration_names_files_splits_and_columns_that_exist(evalai):
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((evalai / "challenge_config.yaml").read_text())
    phase = config["challenge_phases"][0]
    pages = ("description", "evaluation_details", "terms_and_conditions", "submission_guidelines")
    for name in (*(config[page] for page in pages), phase["description"], phase["test_annotation_file"]):
        assert (evalai / name).is_file(), name
    schema = config["leaderboard"][0]["schema"]
    assert schema["labels"] == METRICS == list(schema["metadata"])
    assert schema["metadata"]["mpjpe_abs"]["sort_ascending"] is True
    assert schema["metadata"]["pck@150mm"]["sort_ascending"] is False
    assert config["dataset_splits"][0]["codename"] == "all"
    assert str(config["start_date"]) == "2026-01-01 00:00:00"


def test_a_submission_may_be_zipped_and_must_be_one_whole_file(shards, predictions, tmp_path):
    archive = tmp_path / "mine.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(predictions, "../../etc/mine.json")
        file.writestr("readme.txt", "hello")
    zipped = evalai_output(archive, shards, PROTOCOL, "all")
    assert zipped == evalai_output(predictions, shards, PROTOCOL, "all")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("second.json", "{}")
    with pytest.raises(InputError, match="holds 2 predictions files"):
        evalai_output(archive, shards, PROTOCOL, "all")
    assert {".json", ".h5"} <= set(SUFFIXES)


def test_partial_submissions_and_undefined_metrics_are_refused_with_a_reason(shards, predictions, tmp_path):
    content = json.loads(predictions.read_text())
    frames = content["predictions"]
    (tmp_path / "part.json").write_text(json.dumps({**content, "predictions": frames[:-1]}))
    with pytest.raises(UsageError, match="1 of 3 frames are not predicted"):
        evalai_output(tmp_path / "part.json", shards, PROTOCOL, "all")
    for frame in frames:
        for person in frame["persons"]:
            person["joints3d"] = [joint and [joint[0] + 9.0, *joint[1:]] for joint in person["joints3d"]]
    (tmp_path / "far.json").write_text(json.dumps(content))
    with pytest.raises(PredictionError, match="give no mpjpe_abs"):
        evalai_output(tmp_path / "far.json", shards, PROTOCOL, "all")


def run_codabench(bundle, folder, submission):
    """Unpack and start everything where Codabench does, with its folders in place of /app."""
    for name, part in (("program", "scoring_program"), ("input/ref", "reference_data")):
        shutil.unpack_archive(bundle / f"{part}.zip", folder / name)
    (folder / "input" / "res").mkdir()
    shutil.copy(submission, folder / "input" / "res")
    (folder / "output").mkdir()
    key, _, command = (folder / "program" / "metadata.yaml").read_text().partition(": ")
    assert key == "command"
    words = shlex.split(command.replace("/app/", f"{folder}/"))
    return subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def codabench(shards, tmp_path_factory):
    folder = tmp_path_factory.mktemp("codabench")
    write_bridge("codabench", PROTOCOL, folder / "parts", data=shards, start="2026-01-01")
    shutil.unpack_archive(folder / "parts" / "bundle.zip", folder / "bundle")
    return folder / "bundle"


def test_codabench_runs_the_program_and_finds_scores_and_a_page(codabench, predictions, shards, tmp_path):
    done = run_codabench(codabench, tmp_path, predictions)
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "output" / "scores.json").read_text())
    expected = evaluate(predictions, PROTOCOL, shards).result
    assert scores == {column_key(name): one.value for name, one in expected.metrics.items()}
    page = (tmp_path / "output" / "detailed_results.html").read_text()
    assert "<svg" in page
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((codabench / "competition.yaml").read_text())
    columns = config["leaderboards"][0]["columns"]
    assert [one["key"] for one in columns] == list(scores)
    assert {one["title"]: one["sorting"] for one in columns}["mpjpe"] == "asc"
    task = config["tasks"][0]
    for name in (config["image"], config["terms"], task["scoring_program"], task["reference_data"]):
        assert (codabench / name).is_file(), name


def test_codabench_shows_a_sentence_and_fails_on_what_is_no_submission(codabench, tmp_path):
    (tmp_path / "bad.json").write_text("{}")
    (tmp_path / "run").mkdir()
    done = run_codabench(codabench, tmp_path / "run", tmp_path / "bad.json")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "output" / "scores.json").exists()


def test_the_same_input_gives_the_same_bytes(shards, tmp_path):
    for name in ("one", "two"):
        write_bridge("codabench", PROTOCOL, tmp_path / name, data=shards, start="2026-01-01")
    assert (tmp_path / "one" / "bundle.zip").read_bytes() == (tmp_path / "two" / "bundle.zip").read_bytes()


def test_protocols_that_need_more_than_shards_are_refused(shards, tmp_path):
    with pytest.raises(UsageError, match="list of frames is not public"):
        write_bridge("evalai", "panoptic/zanfir-loco", tmp_path)
    with pytest.raises(UsageError, match="holds no converted data set"):
        write_bridge("evalai", PROTOCOL, tmp_path, data=shards / "panoptic")


def test_the_command_says_how_many_files_and_what_is_left(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main(
            [
                "leaderboard",
                "bridge",
                "evalai",
                PROTOCOL,
                "--out",
                str(tmp_path / "x"),
                "--title",
                'A "b" <c>: d',
            ]
        )
    assert caught.value.code == 0
    assert "add the shards as ground truth" in capsys.readouterr().out
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((tmp_path / "x" / "challenge_config.yaml").read_text())
    assert config["title"] == 'A "b" <c>: d'
