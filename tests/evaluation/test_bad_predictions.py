"""What bad predictions get from the command: a sentence in three parts, or a number that tells what it is."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from mhbench.cli.main import main
from mhbench.conversion.pipeline import convert
from mhbench.errors import PredictionError
from mhbench.predictions.reading import read_predictions
from mhbench.predictions.writing import write_predictions
from mhbench.running.ground_truth import run_ground_truth
from mhbench.shards import open_shards
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw import crowdpose, panoptic
from mhbench.synthetic.scenes import scene

JOINTS = skeleton("panoptic_19").joints


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    made = scene(frames=4, people=3, motion="walk", seed=2, cameras=("00_16",), fps=3.0)
    panoptic.write(made, folder / "raw" / "panoptic", seed=2, sequence="160906_pizza1", images=False)
    crowded = scene(seed=1, frames=6, people=4, motion="crowd")
    crowdpose.write(crowded, folder / "raw" / "crowdpose", images=False)
    for dataset in ("panoptic", "crowdpose"):
        convert(dataset, folder / "raw" / dataset, folder / "shards", jobs=1, engine="serial")
    return folder / "shards"


@pytest.fixture(scope="module")
def good(shards, tmp_path_factory):
    """The truth of every frame as the text of a predictions file."""
    path = tmp_path_factory.mktemp("good") / "preds.json"
    write_predictions(run_ground_truth(shards, dataset="panoptic"), path)
    return json.loads(path.read_text())


@pytest.fixture
def command(shards, tmp_path, capsys):
    """Runs `mhbench evaluate` (or another command) on a document; exit code, stdout, stderr."""

    def run(document, *options, protocol="panoptic/generic", name="evaluate"):
        path = tmp_path / "preds.json"
        path.write_text(json.dumps(document))
        with pytest.raises(SystemExit) as ended:
            main([name, str(path), "--protocol", protocol, "--data", str(shards), *options])
        return ended.value.code, *capsys.readouterr()

    return run


def people_of(document):
    return [person for frame in document["predictions"] for person in frame["persons"]]


def changed(document, change):
    bad = copy.deepcopy(document)
    change(bad)
    return bad


def as_it_is(_document):
    """Nothing is wrong with it, but it is not of the protocol."""


def twice(document):
    document["predictions"].append(document["predictions"][1])


def same_key(key):
    def change(document):
        for person in document["predictions"][0]["persons"]:
            person[key] = 7

    return change


def not_a_number(document):
    people_of(document)[2]["score"] = float("nan")


def scaled(factor):
    def change(document):
        for person in people_of(document):
            person["joints3d"] = [
                None if joint is None else [factor * one for one in joint] for joint in person["joints3d"]
            ]

    return change


def one_far_away(document):
    people_of(document)[1]["joints3d"][2] = [0.0, 1e38, 1.0]


def fewer_joints(document):
    document["skeleton"] = "crowdpose_14"
    for person in people_of(document):
        person["joints3d"] = person["joints3d"][:14]


def rooted(document):
    document["space"], document["root"] = "root", "body_center"
    centre = JOINTS.index("body_center")
    for person in people_of(document):
        origin = person["joints3d"][centre]
        person["joints3d"] = [
            None if joint is None else np.subtract(joint, origin).tolist() for joint in person["joints3d"]
        ]


@pytest.mark.parametrize(
    ("change", "protocol", "words"),
    [
        (twice, "panoptic/generic", r"predictions\[4\]\.frame is .* already \$\.predictions\[1\]\.frame"),
        (same_key("person"), "panoptic/generic", r"predictions\[0\]\.persons\[1\]\.person is 7"),
        (same_key("track"), "panoptic/generic", r"predictions\[0\]\.persons\[1\]\.track is 7"),
        (not_a_number, "panoptic/generic", r"persons\[\d\]\.score is NaN"),
        (scaled(1000.0), "panoptic/generic", r"declared as m, half of the people are larger than 1,\d\d\d m"),
        (scaled(1e-3), "panoptic/generic", r"half of the people are smaller than 0\.00\d+ m"),
        (one_far_away, "panoptic/generic", r"persons\[1\]\.joints3d has a coordinate of 1e\+38 m"),
        (fewer_joints, "panoptic/zanfir-loco", "cannot give the joints of panoptic/zanfir-loco: nose"),
        (rooted, "panoptic/zanfir-loco", r"\$\.space is 'root'"),
        (as_it_is, "jta/test", r"\$\.dataset is 'panoptic'"),
        (as_it_is, "panoptic/zanfir-crmh", "cannot be scored from shards"),
        (as_it_is, "panoptic/voxelpose", r"\$\.space is 'camera'"),
    ],
)
def test_it_is_refused_in_three_parts(good, command, change, protocol, words):
    code, out, err = command(changed(good, change), protocol=protocol)
    assert code == 2
    assert out == ""
    assert re.search(words, err)
    assert err.startswith("error: ")
    assert err.count("\n  expected: ") == err.count("\n  to do:    ") == 1
    assert "Traceback" not in err


@pytest.mark.parametrize(("column", "key"), [("person", "a"), ("track", 3)])
def test_identities_are_checked_in_the_other_form_too(good, tmp_path, column, key):
    (tmp_path / "good.json").write_text(json.dumps(good))
    table = read_predictions(tmp_path / "good.json")
    keys = np.full(table.person_count, key)
    path = write_predictions(replace(table, persons={**table.persons, column: keys}), tmp_path / "bad.h5")
    with pytest.raises(PredictionError, match=rf"/persons/{column}\[1\] is '?{key}'?, which another"):
        read_predictions(path)


def test_a_wrong_unit_is_found_by_the_audit(good, command):
    code, out, _ = command(changed(good, scaled(1000.0)), name="audit")
    assert code == 0
    assert "your millimetres seem declared as metres" in out


def test_swapped_sides_are_told_with_the_error_both_ways(good, command):
    order = list(range(len(JOINTS)))
    for left, right in skeleton("panoptic_19").pairs:
        order[left], order[right] = right, left

    def swap(document):
        for person in people_of(document):
            person["joints3d"] = [person["joints3d"][place] for place in order]

    code, out, _ = command(changed(good, swap), name="audit")
    assert code == 0
    assert re.search(r"warning: your left and right seem swapped: \d+ instead of \d+", out)


@pytest.mark.parametrize("frames", [0, 4])
def test_nobody_found_is_a_claim_and_no_frame_is_a_partial_result(good, command, frames):
    """Without joints, skeleton or units: an empty file has nothing to declare them for."""
    empty = {name: good[name] for name in ("format", "model", "dataset", "trained_on")}
    claims = [{"frame": frame["frame"], "persons": []} for frame in good["predictions"][:frames]]
    code, out, err = command({**empty, "predictions": claims})
    assert (code, err) == (0 if frames else 1, "")
    missed = len(people_of(good))
    assert re.search(rf"{missed} true +0 predicted|{missed} true +0 matched +\d+ missed", out)
    assert re.search(r"recall\.person@0\.5m +0\.00 %", out)


def test_ten_thousand_people_in_a_frame_are_scored(good, command):
    def crowd(document):
        frame = document["predictions"][0]
        frame["persons"] = frame["persons"] * (10_000 // len(frame["persons"]))

    bad = changed(good, crowd)
    extra = len(people_of(bad)) - len(people_of(good))
    code, out, _ = command(bad, "--bootstrap", "0")
    assert code == 0
    assert re.search(rf"{extra} false", out)
    assert re.search(r"mpjpe_abs +0\.00 mm", out)


@pytest.fixture(scope="module")
def keypoints(shards):
    """The annotated people of CrowdPose's val as COCO results."""
    table = next(open_shards(shards, dataset="crowdpose", split="val").tables())
    results = []
    for person in np.flatnonzero(table.persons["num_keypoints"] > 0).tolist():
        xy = np.nan_to_num(table.persons["joints2d"][person]).astype(float)
        triplets = np.concatenate([xy, np.ones((len(xy), 1))], axis=1)
        image = int(table.frames["image_id"][table.frame_of_person[person]])
        results.append(
            {"image_id": image, "category_id": 1, "keypoints": triplets.ravel().tolist(), "score": 0.5}
        )
    return results


def test_equal_scores_are_ranked_by_their_place_in_the_file(keypoints, command):
    code, out, _ = command(keypoints, protocol="crowdpose/val")
    assert code in {0, 1}
    assert re.search(r"ap +100\.00 %", out)


@pytest.mark.parametrize(
    ("score", "words"),
    [(None, "score"), (float("nan"), "NaN"), ("high", "score")],
    ids=["none", "nan", "text"],
)
def test_results_that_cannot_be_ranked_are_refused(keypoints, command, score, words):
    bad = [{**one} for one in keypoints]
    bad[1]["score"] = score
    if score is None:
        del bad[1]["score"]
    code, out, err = command(bad, protocol="crowdpose/val")
    assert (code, out) == (2, "")
    assert "[1]" in err
    assert words in err
    assert "\n  expected: " in err
