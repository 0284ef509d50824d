"""Audit: every convention against its own definition, and common mistakes found and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import people_tables
import pytest
from click.testing import CliRunner

from mhbench.cli.main import program
from mhbench.conversion.pipeline import convert
from mhbench.evaluation.conventions import audit, conventions
from mhbench.evaluation.options import EvaluationOptions
from mhbench.evaluation.perturbations import PERTURBATIONS, mirrored_depth, shifted, swapped_sides
from mhbench.evaluation.pipeline import evaluate, score_predictions
from mhbench.evaluation.rescoring import Rescorer, records_agree
from mhbench.predictions.writing import write_predictions
from mhbench.protocols.loading import load_protocol, protocol_names
from mhbench.running.ground_truth import run_ground_truth
from mhbench.synthetic.raw.panoptic import write
from mhbench.synthetic.scenes import scene

QUIET = EvaluationOptions(bootstrap=0)
CHANGES = {one.name: one.change for one in PERTURBATIONS}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    for number, sequence in enumerate(("160422_haggling1", "160906_pizza1")):
        made = scene(frames=6, people=2 + number, motion="walk", seed=number, cameras=("00_16",), fps=3.0)
        write(made, folder / "raw", seed=number, sequence=sequence, images=False)
    convert("panoptic", folder / "raw", folder / "shards", jobs=1, engine="serial")
    return folder / "shards"


@pytest.fixture(scope="module")
def noisy(shards):
    truth = run_ground_truth(shards)
    noise = np.random.default_rng(0).normal(0.0, 0.02, truth.persons["joints3d"].shape)
    people = {"joints3d": truth.persons["joints3d"] + noise, "score": np.ones(truth.person_count)}
    return replace(truth, model="noisy", persons=people)


@pytest.fixture
def audited(shards, tmp_path):
    def run(table, protocol="generic"):
        write_predictions(table, tmp_path / "preds.json")
        return audit(tmp_path / "preds.json", shards, protocol, QUIET)

    return run


@pytest.fixture(scope="module")
def plain(shards, noisy, tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "preds.json"
    write_predictions(noisy, path)
    return audit(path, shards, "generic", QUIET), evaluate(path, "panoptic/generic", shards, QUIET)


def found(one, axis, value):
    return {row.metric: row for row in one.rows if (row.axis, row.value) == (axis, value)}


def test_the_chosen_protocols_own_conventions_change_nothing(plain):
    audited, evaluation = plain
    numbers = {name: value.value for name, value in evaluation.result.metrics.items()}
    assert {name: value for name, (value, _) in audited.chosen.items()} == numbers
    own = [row for row in audited.rows if row.chosen]
    assert {row.axis for row in own} >= {"root", "alignment", "threshold", "AUC", "missed people", "matching"}
    for row in own:
        assert row.number == pytest.approx(numbers[row.metric])
        assert row.difference == pytest.approx(0.0)


def test_conventions_are_ordered_as_mathematics_has_it(plain):
    one, _ = plain

    def value(axis, convention, metric):
        return found(one, axis, convention)[metric].number

    rigid = value("alignment", "rigid, no scale", "pmpjpe")
    assert (
        value("alignment", "similarity", "pmpjpe")
        <= rigid
        <= value("alignment", "translation only", "pmpjpe")
    )
    assert value("threshold", "< 150 mm", "pck@150mm") <= value("threshold", "<= 150 mm", "pck@150mm")
    assert value("threshold", "<= 50 mm", "pck@50mm") < value("threshold", "<= 150 mm", "pck@150mm")
    assert (
        value("AUC", "0:5:150, mean", "auc@0-150mm")
        < value("AUC", "0:5:195, mean", "auc@0-200mm")
        < value("AUC", "0:1:199, <=, trapezoid", "auc@0-199mm")
    )


def test_misses_cost_what_the_convention_says(noisy, audited):
    first_of_each = np.zeros(noisy.person_count, dtype=bool)
    first_of_each[noisy.person_start[:-1]] = True
    one = audited(noisy.keep(~first_of_each))
    missed, people = 12, noisy.person_count
    error = one.chosen["mpjpe_abs"][0]
    costly = found(one, "missed people", "150 mm each")["mpjpe_abs"].number
    assert costly == pytest.approx((error * (people - missed) + 150.0 * missed) / people)
    assert found(one, "missed people", "every joint wrong")["pck@150mm"].number < 100.0


def test_options_of_the_protocol_are_rows_and_other_data_sets_conventions_are_not(noisy, audited):
    one = audited(noisy, "panoptic/zanfir-loco")
    assert found(one, "option root", "mid_hip")["mpjpe"].difference is not None
    assert not found(one, "averaging", "mean of actions")
    assert any("pelvis" in text for text in one.impossible)


@pytest.mark.parametrize("name", [name for name in protocol_names() if name.endswith("/generic")])
def test_every_convention_makes_a_protocol(name):
    protocol = load_protocol(name)
    listed = list(conventions(protocol))
    assert len({(one.axis, one.value) for one, _ in listed}) == len(listed) > 30
    for one, changed in listed:
        assert one.source
        assert changed.name == protocol.name


@pytest.mark.parametrize("name", ["panoptic/generic", "panoptic/zanfir-loco"])
def test_errors_made_once_give_the_numbers_of_a_pass_of_its_own(name, shards, noisy):
    """A person short and a joint missing, so that what these cost differs between the conventions."""
    joints = noisy.persons["joints3d"].copy()
    joints[1, 4] = np.nan
    holed = replace(noisy, persons={**noisy.persons, "joints3d": joints})
    fewer = holed.keep(np.arange(noisy.person_count) != 3)
    protocol = load_protocol(name)
    rescorer = Rescorer(fewer, protocol, shards, QUIET)
    reused = [changed for _, changed in conventions(protocol) if records_agree(protocol, changed)]
    assert len(reused) > 8
    for changed in reused:
        anew, _ = score_predictions(fewer, changed, shards, QUIET)
        assert people_tables.values(rescorer.under(changed), changed) == pytest.approx(
            people_tables.values(anew, changed), abs=0.0, nan_ok=True
        )


def test_errors_of_another_root_or_matching_are_made_anew():
    protocol = load_protocol("panoptic/generic")
    fresh = {
        one.value: records_agree(protocol, changed)
        for one, changed in conventions(protocol)
        if one.axis in {"root", "alignment", "joints", "matching", "joints outside"}
    }
    assert fresh.pop("none")
    assert fresh.pop("similarity")
    assert {name for name, agrees in fresh.items() if agrees} == {
        "all shared", "not scored", "Hungarian within 0.5 m",
    }  # fmt: skip


def test_training_on_tested_frames_is_told(noisy, audited):
    one = audited(replace(noisy, trained_on=("panoptic/160906_pizza1",)), "panoptic/zanfir-loco")
    assert one.contamination == ("trained on panoptic/160906_pizza1, which the protocol forbids",)
    assert "contamination: trained on panoptic/160906_pizza1" in str(one)


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        ("left and right exchanged", "left and right seem swapped"),
        ("moved one frame on", "one too late"),
        ("moved one frame back", "one too early"),
        ("y and z flipped", "OpenGL"),
        ("times 1000", "millimetres seem declared as metres"),
        ("divided by 1000", "metres seem declared as millimetres"),
        ("depth mirrored in each person", "inverted"),
    ],
)
def test_a_mistake_made_is_found_by_undoing_it(noisy, audited, mistake, word):
    one = audited(CHANGES[mistake](noisy))
    assert any(word in warning for warning in one.warnings), one.warnings
    assert word in str(one)


def test_an_order_of_depth_is_judged_by_itself(noisy, audited):
    one = audited(noisy, "panoptic/coherence")
    assert one.judged_by == "100 - depth_order, %"
    assert one.error == pytest.approx(100.0 - one.chosen["depth_order"][0])
    assert "n/a" in str(one).partition("common mistakes")[2]  # nobody is met where people are elsewhere


def test_good_predictions_are_not_suspected(plain):
    one, _ = plain
    assert one.warnings == ()
    assert "no mistake undone makes them better" in str(one)


def test_undoing_twice_gives_the_predictions_back(noisy):
    for change in (swapped_sides, mirrored_depth, CHANGES["x flipped"]):
        again = change(change(noisy))
        assert again.persons["joints3d"] == pytest.approx(noisy.persons["joints3d"], nan_ok=True)


def test_a_shift_stays_inside_its_sequence(noisy):
    moved = shifted(1)(noisy)
    assert moved.frame_count == noisy.frame_count - 2
    head = [one.rpartition("/")[0] for one in moved.frame_ids.tolist()]
    origin = noisy.frame_ids[moved.frame_origin].tolist()
    assert head == [one.rpartition("/")[0] for one in origin]
    index = [int(one.rpartition("/")[2]) for one in moved.frame_ids.tolist()]
    assert all(new > int(old.rpartition("/")[2]) for new, old in zip(index, origin, strict=True))


def test_images_without_an_order_are_not_shifted(noisy):
    names = np.array([f"image{number}" for number in range(noisy.frame_count)])
    assert shifted(1)(replace(noisy, frame_ids=names)) is None


def test_the_command_prints_conventions_and_sources(shards, noisy, tmp_path, monkeypatch):
    write_predictions(noisy, tmp_path / "preds.json")
    monkeypatch.chdir(tmp_path)  # a long path would be a long line
    done = CliRunner(catch_exceptions=False).invoke(program, ["audit", "preds.json", "--data", str(shards)])
    assert done.exit_code == 0
    for word in ("mean of the hips", "the 3DPW challenge", "common mistakes undone", "not possible"):
        assert word in done.output
    assert max(map(len, done.stdout.splitlines())) <= 80
