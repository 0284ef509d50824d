"""The way from a converted data set to a result, through the functions and through the command."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import contextmanager
from dataclasses import replace

import h5py
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from mhbench.cli.main import main, program
from mhbench.conversion.pipeline import convert
from mhbench.datasets.items import Selection
from mhbench.errors import InputError, PredictionError, UsageError
from mhbench.evaluation import passes
from mhbench.evaluation.options import EvaluationOptions
from mhbench.evaluation.pipeline import evaluate
from mhbench.evaluation.results import Result, read_result
from mhbench.predictions.writing import write_predictions
from mhbench.running.ground_truth import run_ground_truth, run_ground_truth_heatmaps
from mhbench.shards.reading import open_shards
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw.panoptic import write
from mhbench.synthetic.scenes import scene

SEQUENCES = ("160422_haggling1", "160906_pizza1")
CAMERAS = ("00_16", "00_30")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("panoptic")
    for number, sequence in enumerate(SEQUENCES):
        made = scene(frames=4, people=3, motion="walk", seed=number, cameras=CAMERAS, fps=3.0)
        write(made, folder / "raw", seed=number, sequence=sequence, images=False)
    convert("panoptic", folder / "raw", folder / "shards", jobs=1, engine="serial")
    return folder / "shards"


@pytest.fixture(scope="module")
def truth(shards):
    return run_ground_truth(shards)


@pytest.fixture
def saved(tmp_path):
    def save(table, name="preds.json"):
        path = tmp_path / name
        write_predictions(table, path)
        return path

    return save


def run(*arguments):
    return CliRunner(catch_exceptions=False).invoke(program, [str(one) for one in arguments])


def exit_code(*arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(one) for one in arguments])
    return caught.value.code


def values(evaluation):
    return {name: value.value for name, value in evaluation.result.metrics.items()}


def test_ground_truth_scores_perfectly_in_json_and_hdf5(shards, truth, saved):
    for name in ("preds.json", "preds.h5"):
        numbers = values(evaluate(saved(truth, name), "panoptic/generic", shards))
        assert numbers["mpjpe_abs"] < 1e-3
        assert numbers["f1.person@0.5m"] == 100.0


def test_people_without_positions_in_crowds_alone_are_refused_and_not_crashed_on(tmp_path, saved):
    made = scene(frames=2, people=2, motion="walk", seed=0, cameras=CAMERAS, absences=False)
    write(made, tmp_path / "raw", sequence=SEQUENCES[0], images=False)
    convert("panoptic", tmp_path / "raw", tmp_path / "shards", jobs=1, engine="serial")
    truth = run_ground_truth(tmp_path / "shards")
    joints = truth.persons["joints3d"]
    relative = replace(truth, space="root", root="neck", persons={"joints3d": joints - joints[:, :1]})
    with pytest.raises(PredictionError, match="every frame has several"):
        evaluate(saved(relative), "panoptic/generic", tmp_path / "shards")


def test_crowded_frames_left_out_for_want_of_positions_are_counted_and_told(tmp_path, saved):
    for people, sequence in zip((1, 2), SEQUENCES, strict=False):
        made = scene(frames=3, people=people, motion="walk", seed=0, cameras=CAMERAS, absences=False)
        write(made, tmp_path / "raw", sequence=sequence, images=False)
    convert("panoptic", tmp_path / "raw", tmp_path / "shards", jobs=1, engine="serial")
    truth = run_ground_truth(tmp_path / "shards")
    joints = truth.persons["joints3d"]
    relative = replace(truth, space="root", root="neck", persons={"joints3d": joints - joints[:, :1]})
    result = evaluate(saved(relative), "panoptic/generic", tmp_path / "shards").result
    half = 3 * len(CAMERAS)
    assert (result.counts.frames, result.counts.frames_with_several) == (half, half)
    assert f"{half} frames with several people were left out" in " ".join(str(result).split())
    assert not result.comparable.value
    assert f"{half} of {2 * half} expected frames" in result.comparable.reasons[0]


def test_processes_tell_of_every_shard_that_is_done(shards, truth, saved, monkeypatch):
    told = []

    @contextmanager
    def progress(_label, total, count_done):
        yield
        told.append((count_done(), total))

    monkeypatch.setattr(passes, "shown_progress", progress)
    for jobs in (1, 2):
        evaluate(saved(truth), "panoptic/generic", shards, EvaluationOptions(jobs=jobs), progress=True)
    assert told == [(len(open_shards(shards).infos),) * 2] * 2


def test_predictions_of_nobody_miss_everybody(shards, truth, saved, tmp_path):
    nobody = {name: column[:0] for name, column in truth.persons.items()}
    empty = replace(truth, persons=nobody, person_start=np.zeros_like(truth.person_start))
    for path in (saved(empty), write_predictions(empty, tmp_path / "nobody.h5")):
        result = evaluate(path, "panoptic/generic", shards, EvaluationOptions(bootstrap=0)).result
        assert (result.counts.predicted_persons, result.counts.matched) == (0, 0)
        assert result.metrics["recall.person@0.5m"].value == 0.0


def test_where_nobody_is_matched_it_is_said_where_to_look(shards, truth, saved):
    far = replace(truth, persons={"joints3d": truth.persons["joints3d"] + [0.0, 0.0, 9.0]})
    result = evaluate(saved(far), "panoptic/generic", shards, EvaluationOptions(bootstrap=0)).result
    assert "nobody was matched: `mhbench audit`" in str(result)


def test_heatmaps_cost_about_a_centimetre_and_nobody(shards, saved):
    numbers = values(evaluate(saved(run_ground_truth_heatmaps(shards)), "panoptic/generic", shards))
    assert 7.0 < numbers["mpjpe_abs"] < 12.0
    assert numbers["f1.person@0.5m"] == 100.0


def test_the_json_result_is_the_contracts(shards, truth, saved, tmp_path):
    out = tmp_path / "result.json"
    done = run("evaluate", saved(truth), "--protocol", "generic", "--data", shards, "--out", out)
    assert done.exit_code == 0
    content = json.loads(out.read_text())
    assert content["format"] == "mhbench-result/1"
    assert set(content["counts"]) >= {
        "frames",
        "frames_missing",
        "gt_persons",
        "predicted_persons",
        "matched",
        "missed",
        "false_positives",
        "joints_dropped",
        "persons_without_root",
    }
    assert set(content["protocol"]) >= {"name", "version", "hash", "frames_sha256", "gt_sha256", "evidence"}
    assert content["comparable"]["value"] is True
    assert read_result(out) == msgspec.json.decode(out.read_bytes(), type=Result)


def test_the_table_always_shows_who_was_matched_missed_and_false(shards, truth, saved):
    done = run("evaluate", saved(truth), "--protocol", "panoptic/generic", "--data", shards)
    assert "matched" in done.output
    assert "missed" in done.output
    assert "false" in done.output
    assert "not an official score" in done.output


def test_a_missing_frame_makes_the_result_partial(shards, truth, saved):
    fewer = truth.select(np.arange(1, truth.frame_count))
    evaluation = evaluate(saved(fewer), "panoptic/generic", shards)
    assert evaluation.result.counts.frames_missing == 1
    assert evaluation.result.counts.missed > 0
    assert not evaluation.result.comparable.value
    assert exit_code("evaluate", saved(fewer), "--protocol", "generic", "--data", shards) == 1


def test_padding_of_ids_and_image_paths_are_the_same_frame(shards, truth, saved):
    first = truth.frame_ids.astype("U64")
    head, _, index = str(first[0]).rpartition("/")
    first[0] = f"{head}/{int(index)}"
    sequence, camera = head.split("/")
    first[1] = f"{sequence}/hdImgs/{camera}/{camera}_{int(index) + 1:08d}.jpg"
    renamed = replace(truth, frame_ids=first)
    assert evaluate(saved(renamed), "panoptic/generic", shards).result.counts.frames_missing == 0


def test_groups_and_user_lists_of_the_activity_protocol(shards, truth, saved, tmp_path):
    path = saved(truth)
    plain = evaluate(path, "panoptic/zanfir-loco", shards).result
    assert any("frame list" in reason for reason in plain.comparable.reasons)
    assert "no frames of mafia, ultimatum: the mean is over fewer groups" in plain.comparable.reasons
    assert {part.key for part in plain.breakdown if part.by == "group"} == {"haggling", "pizza"}
    lists = tmp_path / "lists"
    lists.mkdir()
    index = int(str(truth.frame_ids[0]).rpartition("/")[2])
    for sequence in SEQUENCES:
        (lists / f"{sequence}.txt").write_text(f"{index}\n{index + 1}\n")
    out = tmp_path / "r.json"
    run("evaluate", path, "--protocol", "zanfir-loco", "--data", shards, "--frames", lists, "--out", out)
    result = read_result(out)
    assert result.counts.frames == 2 * len(CAMERAS) * len(SEQUENCES)
    assert result.counts.frames_outside_protocol == truth.frame_count - result.counts.frames
    assert result.protocol.hash != plain.protocol.hash


def test_options_change_the_number_and_are_told(shards, truth, saved):
    options = EvaluationOptions(options={"root": "mid_hip"})
    evaluation = evaluate(saved(truth), "panoptic/zanfir-loco", shards, options)
    assert "mpjpe" in values(evaluation)
    assert "option root = mid_hip" in evaluation.result.comparable.reasons


def test_training_on_tested_frames_is_told_and_makes_the_result_not_comparable(shards, truth, saved):
    given = replace(truth, trained_on=("coco", "panoptic/160906_pizza1"))
    result = evaluate(saved(given), "panoptic/zanfir-loco", shards).result
    assert "trained on panoptic/160906_pizza1, which the protocol forbids" in result.comparable.reasons
    undeclared = evaluate(saved(replace(truth, trained_on=None)), "panoptic/zanfir-loco", shards).result
    assert any(reason.startswith("trained_on is not declared") for reason in undeclared.comparable.reasons)


@pytest.mark.parametrize("protocol", ["panoptic/generic", "panoptic/zanfir-loco"])
def test_several_processes_give_the_same_result_to_the_last_bit(protocol, shards, truth, saved):
    joints = truth.persons["joints3d"]
    noise = np.random.default_rng(5).normal(0.0, 0.05, joints.shape)
    path = saved(replace(truth, persons={**truth.persons, "joints3d": joints + noise}))
    alone, together = (
        evaluate(path, protocol, shards, EvaluationOptions(jobs=jobs, bootstrap=50)).result for jobs in (1, 2)
    )
    clocks = dict.fromkeys(("seconds", "interval_seconds"), 0.0)
    first, second = (
        msgspec.structs.replace(one, provenance={**one.provenance, **clocks}) for one in (alone, together)
    )
    assert first == second
    assert exit_code("evaluate", path, "--protocol", protocol, "--data", shards, "-j", 2) == 0


def test_faults_found_in_another_process_are_told_as_usual(shards, truth, saved):
    bad = replace(truth, frame_ids=np.char.replace(truth.frame_ids, "haggling1", "haggling9"))
    with pytest.raises(PredictionError, match="160422_haggling9") as caught:
        evaluate(saved(bad), "panoptic/generic", shards, EvaluationOptions(jobs=2))
    assert caught.value.expected
    unfit = replace(truth, skeleton="jta_22", persons={"joints3d": np.zeros((truth.person_count, 22, 3))})
    with pytest.raises(UsageError, match="cannot give the joints"):
        evaluate(saved(unfit), "panoptic/zanfir-loco", shards, EvaluationOptions(jobs=2))


def test_the_cost_of_the_intervals_is_printed(shards, truth, saved):
    result = evaluate(saved(truth), "panoptic/generic", shards, EvaluationOptions(bootstrap=20)).result
    assert f"made in {result.provenance['interval_seconds']:.2f} s" in " ".join(str(result).split())
    without = evaluate(saved(truth), "panoptic/generic", shards, EvaluationOptions(bootstrap=0)).result
    assert "interval_seconds" not in without.provenance


def test_joint_f1_counts_joints_whoever_they_belong_to(shards, truth, saved):
    options = EvaluationOptions(options={"f1": "joint"})
    numbers = values(evaluate(saved(truth), "panoptic/zanfir-loco", shards, options))
    assert numbers["recall.joint@0.5m"] == 100.0
    # the truth also has labelled joints outside the image, which are not scored: false positives here
    assert numbers["precision.joint@0.5m"] <= 100.0


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"dataset": "human36m"}, "dataset"),
        ({"space": "world"}, "space"),
    ],
)
def test_predictions_that_cannot_enter_are_refused(shards, truth, saved, change, hint):
    with pytest.raises(PredictionError, match=hint):
        evaluate(saved(replace(truth, **change)), "panoptic/generic", shards)


def test_ids_the_data_set_does_not_have_are_errors(shards, truth, saved):
    ids = truth.frame_ids.astype("U64")
    ids[3] = "160422_haggling1/00_16/99999999"
    with pytest.raises(PredictionError, match="99999999"):
        evaluate(saved(replace(truth, frame_ids=ids)), "panoptic/generic", shards)


def test_the_wrong_skeleton_is_named_with_the_missing_joints(shards, truth, saved):
    joints = np.zeros((truth.person_count, len(skeleton("limb_12")), 3))
    wrong = replace(truth, skeleton="limb_12", persons={"joints3d": joints})
    with pytest.raises(UsageError, match="neck"):
        evaluate(saved(wrong), "panoptic/zanfir-loco", shards)


def test_a_protocol_without_converted_frames_says_what_it_needs(shards, truth, saved):
    path = saved(truth)
    with pytest.raises(UsageError, match="no protocol"):
        evaluate(path, "panoptic/nothing", shards)


def test_details_have_one_row_per_person(shards, truth, saved, tmp_path):
    out = tmp_path / "details.csv"
    run("evaluate", saved(truth), "--protocol", "generic", "--data", shards, "--details", out)
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert len(rows) == truth.person_count
    assert {row["kind"] for row in rows} == {"matched"}
    flat = tmp_path / "details.h5"
    run("evaluate", saved(truth), "--protocol", "generic", "--data", shards, "--details", flat)
    with h5py.File(flat) as file:
        assert len(file["mpjpe_abs_mm"]) == truth.person_count


def test_a_least_score_is_a_number():
    with pytest.raises(UsageError, match="no number"):
        EvaluationOptions(min_score=float("nan"))


def test_a_wrong_wish_costs_no_result(shards, truth, saved, tmp_path, monkeypatch):
    words = ("evaluate", saved(truth), "--protocol", "generic", "--data", shards, "--bootstrap", 0)
    assert exit_code(*words, "--out", tmp_path / "kept.json", "--by", "moon") == 2
    assert read_result(tmp_path / "kept.json").metrics["mpjpe"].value == 0.0
    monkeypatch.setattr("mhbench.evaluation.pipeline.evaluate", None)  # not even called
    with pytest.raises(UsageError, match=r"ending '\.txt'"):
        run(*words, "--details", tmp_path / "details.txt")


def test_results_of_other_formats_are_refused(tmp_path):
    path = tmp_path / "result.json"
    path.write_text('{"format": "mhbench-result/9"}')
    with pytest.raises(InputError):
        read_result(path)


def test_report_is_one_page_without_network(shards, truth, saved, tmp_path):
    noisy = replace(truth, persons={"joints3d": truth.persons["joints3d"] + 0.03})
    done = run(
        "evaluate", saved(noisy), "--protocol", "generic", "--data", shards, "--report", tmp_path / "report"
    )
    assert done.exit_code == 0
    page = (tmp_path / "report" / "index.html").read_text()
    assert "<svg" in page
    assert "data:image/png;base64," in page
    assert not re.search(r'(?<!xlink:)(?:src|href)="(?:https?:)?//', page)


def test_a_model_name_cannot_inject_html(shards, truth, saved, tmp_path):
    evil = replace(truth, model="<script>alert(1)</script>")
    run("evaluate", saved(evil), "--protocol", "generic", "--data", shards, "--report", tmp_path / "report")
    assert "<script>alert" not in (tmp_path / "report" / "index.html").read_text()


def test_what_was_left_out_of_the_raw_data_stands_in_the_result(tmp_path):
    made = scene(frames=6, people=1, motion="stand", seed=0, cameras=("00_16",), fps=3.0, absences=False)
    write(made, tmp_path / "raw", sequence="160422_haggling1", first_frame=2943, images=False)
    green = Selection(exclusions=("panoptic_green_images",))
    convert("panoptic", tmp_path / "raw", tmp_path / "shards", green, jobs=1, engine="serial")
    path = tmp_path / "preds.json"
    write_predictions(run_ground_truth(tmp_path / "shards"), path)
    result = evaluate(path, "panoptic/generic", tmp_path / "shards").result
    assert [entry.frames for entry in result.excluded] == [4]
    assert "green" in result.excluded[0].reason
    assert result.excluded[0].reason in " ".join(str(result).split())
