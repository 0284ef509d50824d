"""Coherence: collisions of predicted bodies with and without ground truth, and people in order of depth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from people_tables import prediction_table, scored, truth_table, values

from mhbench.errors import MissingInputError, PredictionError, UsageError
from mhbench.evaluation.options import EvaluationOptions
from mhbench.evaluation.pipeline import evaluate, score_predictions
from mhbench.metrics import collisions
from mhbench.predictions.coverage import frames_without_truth
from mhbench.predictions.table import PredictionTable
from mhbench.protocols.loading import load_protocol, with_options
from mhbench.scoring.intervals import averaging_groups, headline
from mhbench.skeletons import skeleton
from mhbench.synthetic import body
from mhbench.synthetic.body_model import write_body_models

ANYWHERE, PANOPTIC, MUPOTS = (
    load_protocol(name) for name in ("any/collisions", "panoptic/coherence", "mupots/coherence")
)
ASIDE = np.array([0.25, 0.0, 3.0])


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bodies") / "models"
    write_body_models(folder)
    return folder


@pytest.fixture(autouse=True)
def _models_found(models, monkeypatch):
    monkeypatch.setenv("MHBENCH_BODIES", str(models))


def person(place):
    """Camera-space mesh of the synthetic body at a place."""
    return body().template + np.asarray(place)


def meshes(frames, *, ids=None, scores=None, **header):
    """Predictions of meshes: a list of (V, 3) or None for each frame."""
    people = [one for frame in frames for one in frame]
    nothing = np.full(body().template.shape, np.nan)
    columns = {"vertices": np.array([nothing if one is None else one for one in people], dtype=np.float32)}
    if not people:
        columns["vertices"] = np.zeros((0, *nothing.shape), dtype=np.float32)
    columns["score"] = np.ones(len(people)) if scores is None else np.array(scores)
    return PredictionTable(
        dataset=header.pop("dataset", "posetrack"),
        frame_ids=np.array(ids or [f"walk/0/{number}" for number in range(len(frames))]),
        person_start=np.concatenate([[0], np.cumsum([len(frame) for frame in frames])]).astype(np.int64),
        persons=columns,
        space=header.pop("space", "camera"),
        **header,
    )


def counted(predictions, protocol=ANYWHERE, **options):
    result, gathered = score_predictions(predictions, protocol, None, EvaluationOptions(**options))
    groups = averaging_groups(result.frames, protocol)
    return {name: headline(one, groups) for name, one in result.measures.items()}, result, gathered


def four_frames():
    """Nobody touching; two touching; one person alone; three in a row that touch."""
    return [
        [person([0, 0, 3]), person([2, 0, 3])],
        [person([0, 0, 3]), person(ASIDE)],
        [person([0, 0, 3])],
        [person([0, 0, 3]), person(ASIDE), person(2 * ASIDE - [0, 0, 3])],
    ]


def test_collisions_without_a_ground_truth():
    frames = four_frames()
    numbers, result, gathered = counted(meshes(frames))
    found = [collisions(np.float32(np.stack(people)), body().triangles) for people in frames]
    depths = [one.penetration_mm * one.colliding_vertices for one in found if one.pairs]
    inside = sum(one.colliding_vertices for one in found)
    assert numbers["collisions.frames"] == 2
    assert numbers["collisions.pairs"] == sum(len(one.pairs) for one in found) >= 3
    assert numbers["collisions.vertices"] == inside
    assert numbers["collisions.litres"] == pytest.approx(sum(one.overlap_litres for one in found))
    assert numbers["collisions.penetration_mm"] == pytest.approx(sum(depths) / inside)
    assert numbers["collisions.penetration_max_mm"] == max(
        one.penetration_max_mm for one in found if one.pairs
    )
    assert result.provenance["collision_frames"] == "4"
    assert result.provenance["collision_people"] == "8"
    assert gathered.frame_ids == [f"walk/0/{number}" for number in range(4)]
    assert result.frames["sequence"].tolist() == ["walk"] * 4


@pytest.mark.parametrize("mode", ["crmh-torch11", "crmh-now"])
def test_coded_modes_know_volumes_only(mode):
    frames = four_frames()
    numbers, _, _ = counted(meshes(frames), with_options(ANYWHERE, {"collision_mode": mode}))
    found = [collisions(np.float32(np.stack(people)), body().triangles, mode=mode) for people in frames]
    assert numbers["collisions.frames"] == sum(one.overlap_litres > 0 for one in found) > 0
    assert numbers["collisions.litres"] == pytest.approx(sum(one.overlap_litres for one in found))
    for name in ("vertices", "penetration_mm", "penetration_max_mm"):
        assert np.isnan(numbers[f"collisions.{name}"])


def test_parameters_give_the_same_bodies():
    pytest.importorskip("smplx")
    given = meshes([[person([0, 0, 3]), person(ASIDE)]])
    columns = {
        "smpl_pose": np.zeros((2, 72)),
        "smpl_betas": np.zeros((2, 10)),
        "smpl_transl": np.array([[0, 0, 3], ASIDE]),
    }
    parameters = PredictionTable(
        dataset="posetrack",
        frame_ids=given.frame_ids,
        person_start=given.person_start,
        persons=columns,
        space="camera",
        body_model="smpl",
    )
    expected, _, _ = counted(given)
    numbers, _, _ = counted(parameters)
    assert numbers == pytest.approx(expected, rel=1e-3)


def test_people_without_a_mesh_are_counted_and_low_scores_are_not():
    frames = [[person([0, 0, 3]), None, person(ASIDE)]]
    numbers, result, _ = counted(meshes(frames))
    assert numbers["collisions.pairs"] == 1
    assert (result.provenance["collision_people"], result.provenance["people_without_mesh"]) == ("2", "1")
    numbers, result, _ = counted(meshes(frames, scores=[0.9, 0.9, 0.1]), min_score=0.5)
    assert numbers["collisions.pairs"] == 0
    assert np.isnan(numbers["collisions.penetration_mm"])
    assert result.provenance["collision_people"] == "1"


def test_ids_of_any_form_are_sequences_of_their_own():
    given = meshes([[], [], []], ids=["000817.jpg", "a/b/cam/00012", "images/x.png"])
    frames = frames_without_truth(given).frames
    assert frames["sequence"].tolist() == ["000817.jpg", "a/b", "images/x.png"]
    assert frames["camera"].tolist() == ["0", "cam", "0"]
    assert frames["index"].tolist() == [0, 12, 0]
    numbers, _, _ = counted(given)
    assert numbers["collisions.frames"] == 0


def test_many_frames_are_the_same_in_any_batch(monkeypatch):
    import mhbench.scoring.body_collisions as module

    frames = four_frames()
    expected, _, _ = counted(meshes(frames))
    monkeypatch.setattr(module, "AT_ONCE", 2)
    assert counted(meshes(frames))[0] == expected


def joints_at(place, name):
    spread = np.random.default_rng(0).normal(size=(len(skeleton(name)), 3)) * [0.2, 0.4, 0.05]
    root = skeleton(name).index("body_center")
    return spread - spread[root] + np.asarray(place)


def test_depth_order_and_collisions_on_panoptic():
    name = "panoptic_19"
    depths = [3.0, 3.05, 5.0]
    true = [joints_at([x, 0, z], name) for x, z in zip((-1, 0, 1), depths, strict=True)]
    # the first two in the wrong order, the third far from its truth: missed
    given = [true[0] + [0, 0, 0.1], true[1] - [0, 0, 0.1], true[2] + [3, 0, 0]]
    table = truth_table("panoptic", name, [true])
    vertices = np.float32(np.stack([person([0, 0, 3]), person(ASIDE), person([9, 0, 9])]))
    result = scored(PANOPTIC, table, prediction_table(table, name, [given], vertices=vertices))
    numbers = values(result, PANOPTIC)
    assert numbers["depth_order"] == 0
    assert numbers["depth_order.coverage"] == pytest.approx(100 / 3)
    assert numbers["depth_order.strict"] == 0
    assert np.isnan(numbers["depth_order@0.1m"])
    assert numbers["collisions.pairs"] == 1
    assert list(result.measures) == [rule.name for rule in PANOPTIC.metric]
    assert result.counts.matched == 2
    # the same people in the right order, without bodies
    numbers = values(scored(PANOPTIC, table, prediction_table(table, name, [true])), PANOPTIC)
    assert {key for key in numbers if key.startswith("collisions")} == set()
    assert (numbers["depth_order"], numbers["depth_order.strict"], numbers["depth_order@0.2m"]) == (100,) * 3


def test_bodies_without_joints_are_scored_for_collisions_alone():
    table = truth_table("panoptic", "panoptic_19", [[joints_at([0, 0, 3], "panoptic_19")]])
    given = meshes([[person([0, 0, 3]), person(ASIDE)]], ids=table.frames["id"].tolist(), dataset="panoptic")
    numbers = values(scored(PANOPTIC, table, given), PANOPTIC)
    assert set(numbers) == {rule.name for rule in PANOPTIC.metric if rule.name.startswith("collisions")}
    assert numbers["collisions.frames"] == 1


def test_the_point_of_comparison_is_an_option():
    other = with_options(MUPOTS, {"depth_point": "mean_joints"})
    assert {rule.root for rule in MUPOTS.metric if rule.name.startswith("depth")} == {("pelvis",)}
    assert {len(rule.root) for rule in other.metric if rule.name.startswith("depth")} == {15}


def test_the_whole_way_from_a_file_to_a_result(tmp_path):
    frames = [
        {"frame": f"walk/0/{number}", "persons": [{"vertices": np.round(one, 4).tolist()} for one in people]}
        for number, people in enumerate(four_frames()[1:3])
    ]
    header = {"format": "mhbench-predictions/1", "model": "m", "dataset": "posetrack", "units": "m"}
    content = {**header, "space": "camera", "topology": "smpl", "predictions": frames}
    path = tmp_path / "preds.json"
    path.write_text(json.dumps(content))
    result = evaluate(path, "any/collisions", tmp_path, EvaluationOptions(bootstrap=20)).result
    assert result.metrics["collisions.frames"].value == 1
    assert result.metrics["collisions.litres"].unit == "l"
    assert result.counts.predicted_persons == 3
    assert result.comparable.value
    assert "collision_candidate_pairs" in result.provenance


def test_skeletons_alone_have_collisions_that_are_not_defined():
    skeletons = prediction_table(
        truth_table("panoptic", "panoptic_19", [[joints_at([0, 0, 3], "panoptic_19")]]),
        "panoptic_19",
        [[joints_at([0, 0, 3], "panoptic_19")]],
    )
    numbers, result, _ = counted(skeletons)
    assert set(numbers) == {rule.name for rule in ANYWHERE.metric}
    assert all(np.isnan(number) for number in numbers.values())
    assert result.provenance == {"people_without_mesh": "1"}


def test_refusals(tmp_path, monkeypatch):
    with pytest.raises(PredictionError, match="nobody has a body"):
        counted(meshes(four_frames(), space="root", root="pelvis"))
    with pytest.raises(PredictionError, match="topology 'smplx'"):
        counted(meshes(four_frames(), topology="smplx"))
    with pytest.raises(UsageError, match="no frame"):
        counted(meshes([]))
    monkeypatch.setenv("MHBENCH_BODIES", str(tmp_path))
    with pytest.raises(MissingInputError, match="SMPL"):
        counted(meshes(four_frames()))
