"""Every protocol on converted data of its data set: the truth as predictions scores perfectly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mhbench.columns import JointFlag
from mhbench.conversion.pipeline import convert
from mhbench.errors import UsageError
from mhbench.evaluation.options import EvaluationOptions
from mhbench.evaluation.pipeline import evaluate, score_predictions
from mhbench.predictions.table import PredictionTable
from mhbench.predictions.writing import write_predictions
from mhbench.protocols.frame_selection import expected_frames
from mhbench.protocols.loading import load_protocol, protocol_names
from mhbench.running.ground_truth import run_ground_truth
from mhbench.scoring.intervals import averaging_groups, headline
from mhbench.scoring.people import joint_columns, truth_skeleton
from mhbench.shards.reading import open_shards
from mhbench.synthetic.body_model import write_body_models
from mhbench.synthetic.raw import crowdpose, human36m, jta, mpi_inf_3dhp, mupots, ochuman, threedpw
from mhbench.synthetic.scenes import scene

# what a data set of few frames cannot have: these sequences, or frames beyond the 200th
TOO_SMALL = {"3dpw/pc", "3dpw/nc", "3dpw/crowd"}
WRITERS = {
    "human36m": (human36m, {"frames": 66, "people": 1, "motion": "stand"}, {"subject": "S11"}),
    "mpi_inf_3dhp": (mpi_inf_3dhp, {"frames": 6, "people": 1, "cameras": mpi_inf_3dhp.CAMERAS}, {}),
    "mupots": (mupots, {"frames": 4, "people": 3, "cameras": ("TS1", "TS20")}, {}),
    "3dpw": (threedpw, {"frames": 4, "people": 2, "absences": False}, {"sequence": "courtyard_basketball"}),
    "jta": (jta, {"frames": 20, "people": 3, "absences": False}, {}),
    "crowdpose": (crowdpose, {"frames": 4, "people": 4, "motion": "crowd"}, {}),
    "ochuman": (ochuman, {"frames": 4, "people": 4, "motion": "crowd"}, {}),
}
SCORED = [
    name
    for name in protocol_names()
    if name.partition("/")[0] in WRITERS and name not in TOO_SMALL and not load_protocol(name).refused
]
# 31 strict thresholds begin at zero; of 200 inclusive ones the first is missed by the rounding of float32
LIMITS = {
    "auc@0-150mm": 100 * 30 / 31,
    "auc_abs@0-150mm": 100 * 30 / 31,
    "auc@0-200mm": 100 * 198.5 / 199,
}
# without a value where the data have nothing of the kind: no such images, no overlaps in OCHuman's COCO form
LEVELS = {"ap_easy", "ap_medium", "ap_hard", "ap.moderate", "ap.hard"}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    made = {}

    def of(dataset):
        if dataset not in made:
            module, content, options = WRITERS[dataset]
            module.write(scene(seed=1, **content), folder / "raw" / dataset, images=False, **options)
            convert(dataset, folder / "raw" / dataset, folder / "shards", jobs=1, engine="serial")
            made[dataset] = folder / "shards"
        return made[dataset]

    return of


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bodies") / "models"
    write_body_models(folder)
    return folder


def annotated(table, protocol):
    """(P,) who has joints to predict: nobody is found where the files have no person, or none that counts."""
    if protocol.scoring == "keypoints":
        return (table.persons["num_keypoints"] > 0) & (table.persons["iscrowd"] == 0)
    if protocol.truth.body:
        return np.isfinite(table.persons["smpl_pose"]).all(axis=1)
    columns = joint_columns(table, protocol)
    labelled = (columns["joint_flags"] & JointFlag.LABELLED_3D) != 0
    return (labelled & np.isfinite(columns["joints3d"][..., 0])).any(axis=1)


def truth(data, protocol):
    """The expected frames with what their people really are, in every form the shards have."""
    dataset = protocol.frames.dataset
    tables = []
    for table in open_shards(data, dataset=dataset).tables():
        wanted = expected_frames(protocol, table)
        tables += [table.select(wanted)] if wanted.any() else []
    if not tables:
        return None
    known = set.intersection(*(set(table.persons) for table in tables))
    persons = {
        name: np.concatenate([table.persons[name] for table in tables]).astype(np.float64)
        for name in known & {"joints2d", "smpl_pose", "smpl_betas", "smpl_transl"}
    }
    count = sum(table.person_count for table in tables)
    if protocol.scoring != "keypoints":
        columns = [joint_columns(table, protocol)["joints3d"] for table in tables]
        persons["joints3d"] = np.concatenate(columns).astype(np.float64)
        tracks = np.concatenate([table.persons["track"] for table in tables])
        persons["person"] = tracks.astype(np.str_)
    if protocol.truth.body:
        del persons["joints3d"]
    start = np.concatenate(
        [[0], np.cumsum(np.concatenate([np.diff(table.person_start) for table in tables]))]
    )
    given = PredictionTable(
        dataset=dataset,
        frame_ids=np.concatenate([table.frames["id"] for table in tables]),
        person_start=start.astype(np.int64),
        persons={**persons, "score": np.ones(count)},
        skeleton=truth_skeleton(tables[0], protocol),
        body_model="smpl" if "smpl_pose" in persons else None,
        model="truth",
        space="camera",
        trained_on=(),
    )
    given = given.keep(np.concatenate([annotated(table, protocol) for table in tables]))
    return without_people(given) if protocol.prediction.people == "refused" else given


def without_people(given):
    """Their joints, belonging to nobody."""
    joints = given.persons["joints3d"]
    people, joint = np.nonzero(np.isfinite(joints[..., 0]))
    frame = given.frame_of_person[people]
    nobody = given.keep(np.full(given.person_count, fill_value=False))
    counts = np.bincount(frame, minlength=given.frame_count)
    return replace(
        nobody,
        loose_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        loose={"joint": joint, "position": joints[people, joint], "score": np.ones(len(joint))},
    )


@pytest.mark.parametrize("name", SCORED)
def test_the_truth_is_perfect(name, shards, bodies, monkeypatch):
    monkeypatch.setenv("MHBENCH_BODIES", str(bodies))
    protocol = load_protocol(name)
    data = shards(protocol.frames.dataset)
    given = truth(data, protocol)
    if given is None:
        pytest.skip("the writer makes no frame of it")
    result, gathered = score_predictions(given, protocol, data, EvaluationOptions())
    assert gathered.complete
    assert result.counts.true > 0
    groups = averaging_groups(result.frames, protocol)
    for metric, measure in result.measures.items():
        value = headline(measure, groups)
        if measure.unit in {"mm", "deg"}:
            assert value == pytest.approx(0.0, abs=2e-2), metric
        elif np.isnan(value):
            assert metric in LEVELS
        else:
            # RootNet's curve loses the share of its first prediction
            lost = 1.0 / result.counts.true if metric == "root_ap25" else 0.0
            assert value == pytest.approx(LIMITS.get(metric, 100.0 * (1.0 - lost)), abs=1e-6), metric


@pytest.mark.parametrize("dataset", ["crowdpose", "ochuman"])
def test_the_truth_of_images_without_depth_runs_as_predictions(dataset, shards, tmp_path):
    table = run_ground_truth(shards(dataset), dataset, "test")
    assert (table.space, set(table.persons)) == (None, {"joints2d", "score"})
    path = write_predictions(table, tmp_path / "gt.json")
    result = evaluate(path, f"{dataset}/test", shards(dataset), EvaluationOptions(bootstrap=10)).result
    assert result.metrics["ap"].value == pytest.approx(100.0)
    assert "\nno intervals for parts of the data: ap, ap50" in str(result)


@pytest.mark.parametrize("name", [name for name in protocol_names() if load_protocol(name).refused])
def test_what_needs_another_source_is_refused_with_the_reason(name, shards):
    protocol = load_protocol(name)
    with pytest.raises(UsageError, match="annotation files"):
        score_predictions(None, protocol, shards("jta"), EvaluationOptions())
