"""The action, the workflow and the examples of the documentation: their very steps, run as CI runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from mhbench.evaluation.results import read_result

yaml = pytest.importorskip("yaml", reason="PyYAML comes with dask, which is an extra")

pytestmark = pytest.mark.slow  # some twenty processes

ROOT = Path(__file__).parents[2]
EXPRESSION = re.compile(r"\$\{\{\s*(?P<place>[\w.-]+)\s*\}\}")
CONDITION = re.compile(r"inputs\.(?P<name>[\w-]+) != ''")


def load(path):
    return yaml.safe_load((ROOT / path).read_text())


def bash(lines, folder, environment):
    """As GitHub runs a step with `shell: bash`."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", lines],
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def steps_of_the_action(given):
    """Name, script and environment of the steps that run with these inputs."""
    action = load("action.yml")
    known = {name: one.get("default", "") for name, one in action["inputs"].items()}
    assert set(given) <= set(known)
    values = {f"inputs.{name}": value for name, value in {**known, **given}.items()}
    values["github.action_path"] = str(ROOT)
    for step in action["runs"]["steps"]:
        condition = CONDITION.fullmatch(step.get("if", ""))
        if "run" not in step or (condition and not values[f"inputs.{condition['name']}"]):
            continue
        assert step["shell"] == "bash"
        environment = {
            name: EXPRESSION.sub(lambda found: values[found["place"]], text)
            for name, text in step.get("env", {}).items()
        }
        yield step["name"], step["run"], environment


def run_action(folder, given):
    """Run the steps until one fails: exit codes of all that ran, and the one that failed."""
    codes = {}
    for name, script, environment in steps_of_the_action(given):
        files = {"GITHUB_STEP_SUMMARY": folder / "step-summary.md", "GITHUB_OUTPUT": folder / "step-output"}
        done = bash(script, folder, environment | {key: str(path) for key, path in files.items()})
        codes[name] = done.returncode
        if done.returncode:
            return codes, done
    return codes, None


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """What the workflow's own steps leave behind: shards, predictions and the result to compare with."""
    folder = tmp_path_factory.mktemp("ci")
    steps = load(".github/workflows/leaderboard.yml")["jobs"]["gate"]["steps"]
    for step in steps:
        if "run" in step:
            done = bash(step["run"], folder, {})
            assert done.returncode == 0, f"{step['name']}: {done.stderr}"
    (folder / "main-result.json").rename(folder / "kept.json")
    return folder


@pytest.fixture
def place(workplace, tmp_path):
    """A copy of it with a leaderboard."""
    for name in ("shards", "raw"):
        (tmp_path / name).symlink_to(workplace / name)
    shutil.copy(workplace / "predictions.json", tmp_path)
    shutil.copy(workplace / "kept.json", tmp_path / "main-result.json")
    add = "mhbench leaderboard add main-result.json --store leaderboard --name main --own-data synthetic"
    assert bash(add, tmp_path, {}).returncode == 0
    return tmp_path


def inputs_of_the_workflow():
    steps = load(".github/workflows/leaderboard.yml")["jobs"]["gate"]["steps"]
    return next(step["with"] for step in steps if step.get("uses") == "./")


def worsened(folder):
    """Predictions a centimetre beside what they were."""
    text = (
        "from pathlib import Path\nfrom dataclasses import replace\n"
        "from mhbench.predictions.reading import read_predictions\n"
        "from mhbench.predictions.writing import write_predictions\n"
        "table = read_predictions(Path('predictions.json'))\n"
        "people = {**table.persons, 'joints3d': table.persons['joints3d'] + 0.01}\n"
        "write_predictions(replace(table, persons=people), Path('worse.json'))\n"
    )
    assert subprocess.run([sys.executable, "-c", text], cwd=folder, check=False).returncode == 0
    return "worse.json"


def test_the_action_evaluates_gates_and_builds(place):
    given = {**inputs_of_the_workflow(), "store": "leaderboard", "raw": "raw/panoptic", "dataset": "panoptic"}
    ran, failed = run_action(place, given)
    assert failed is None, failed.stderr
    assert list(ran) == ["Install", "Name the converter", "Convert", "Evaluate", "Gate", "Build the pages"]
    assert re.fullmatch(r"hash=[0-9a-f]{16}\n", (place / "step-output").read_text())
    out = place / "mhbench-out"
    assert read_result(out / "result.json").metrics["mpjpe_abs"].value < 15.0
    assert (out / "report" / "index.html").exists()
    assert (out / "site" / "panoptic" / "generic" / "main.html").exists()
    assert ET.parse(out / "gate.xml").getroot().get("failures") == "0"  # noqa: S314 - our own text
    assert "| mpjpe\\_abs |" in (place / "step-summary.md").read_text()


def test_a_conversion_that_was_cached_is_not_made_again(place):
    """The workflow has converted; the action finds its shards where the cache puts them."""
    shards = sorted((place / "shards").rglob("*.h5"))
    before = [path.stat().st_mtime_ns for path in shards]
    given = {**inputs_of_the_workflow(), "raw": "raw/panoptic", "dataset": "panoptic", "baseline": ""}
    (convert,) = [step for step in steps_of_the_action(given) if step[0] == "Convert"]
    done = bash(convert[1], place, convert[2])
    assert " 0 converted, 1 current, 0 failed" in done.stdout
    assert [path.stat().st_mtime_ns for path in shards] == before
    cache = next(step for step in load("action.yml")["runs"]["steps"] if step["name"] == "Cache the shards")
    assert "steps.converter.outputs.hash" in cache["with"]["key"]
    assert cache["with"]["path"] == "${{ inputs.data }}"


def test_the_action_stops_at_a_worse_model_and_publishes_nothing(place):
    given = {**inputs_of_the_workflow(), "predictions": worsened(place), "store": "leaderboard"}
    ran, failed = run_action(place, given)
    assert ran == {"Install": 0, "Evaluate": 0, "Gate": 3}
    assert "mpjpe_abs worse" in failed.stdout
    assert not (place / "mhbench-out" / "site").exists()


def test_without_a_baseline_and_a_store_the_action_only_evaluates():
    steps = steps_of_the_action({"protocol": "panoptic/generic", "predictions": "predictions.json"})
    assert [name for name, _, _ in steps] == ["Install", "Evaluate"]


def test_no_input_of_the_action_is_pasted_into_a_script():
    for step in load("action.yml")["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_gitlab_example_of_the_documentation_runs(place):
    text = (ROOT / "docs" / "ci.md").read_text()
    (example,) = [
        found
        for found in (yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))
        if "score" in found
    ]
    job = example["score"]
    variables = {**job["variables"], "DATA": "shards"}
    for line in job["script"]:
        done = bash(line, place, variables)
        assert done.returncode == 0, done.stderr
    for name in (*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]):
        assert (place / name).exists(), name


def test_the_github_example_of_the_documentation_uses_inputs_that_exist():
    text = (ROOT / "docs" / "ci.md").read_text()
    blocks = [yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    steps = next(one for one in blocks if "jobs" in one)["jobs"]["score"]["steps"]
    given = next(step["with"] for step in steps if "OWNER/mhbench" in step.get("uses", ""))
    assert set(given) <= set(load("action.yml")["inputs"])
