from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from shard_samples import write_dataset

from mhbench.cli import main
from mhbench.errors import MissingInputError
from mhbench.frames import FrameTable
from mhbench.plausibility import body_extents, handedness, repeated_people, uprightness
from mhbench.predictions import PredictionTable, validate_file, write_predictions
from mhbench.predictions.coverage import predicted_rows
from mhbench.skeletons import skeleton, skeleton_names
from mhbench.synthetic import scene


@pytest.fixture(scope="module")
def people():
    """A scene's world joints by skeleton name: (P, J, 3), z up."""
    made = scene(frames=10, people=6, seed=1, absences=False)

    def joints(name):
        return made.joints(name).reshape(-1, len(skeleton(name)), 3)

    return joints


def table_of(joints, **header):
    frames = len(joints)
    return PredictionTable(
        dataset="panoptic",
        frame_ids=np.array([f"s/0/{index}" for index in range(frames)]),
        person_start=np.arange(frames + 1),
        persons={"joints3d": joints, "score": np.ones(frames)},
        **({"skeleton": "panoptic_19", "space": "camera", "trained_on": ()} | header),
    )


def in_camera(joints):
    """World (z up) -> a level camera (y down), five metres away."""
    return joints @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).T + [0, 0, 8]


@pytest.mark.parametrize("name", [name for name in skeleton_names() if name != "challenge_9"])
def test_left_is_left_in_every_skeleton_and_turns_with_the_person(people, name):
    joints, known = people(name), skeleton(name)
    hands = handedness(joints, known)
    assert np.isfinite(hands).mean() > 0.7
    assert np.all(hands[np.isfinite(hands)] == 1)
    turned = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turned *= np.sign(np.linalg.det(turned))
    np.testing.assert_array_equal(handedness(joints @ turned.T + 3, known), hands)
    np.testing.assert_array_equal(handedness(joints * [-1, 1, 1], known), -hands)
    swapped = joints.copy()
    for left, right in known.pairs:
        swapped[:, [left, right]] = joints[:, [right, left]]
    np.testing.assert_array_equal(handedness(swapped, known), -hands)


def test_real_people_are_not_mirrored(samples):
    people = [
        np.reshape(body["joints19"], (19, 4))
        for file in sorted(samples.glob("panoptic/*/hdPose3d_stage1_coco19/body3DScene_*.json"))
        for body in json.loads(file.read_text())["bodies"]
    ]
    joints = np.array(people)
    metres = np.where(joints[..., 3:] > 0.1, joints[..., :3] / 100, np.nan)
    hands = handedness(metres, skeleton("panoptic_19"))
    assert np.isfinite(hands).mean() > 0.7
    assert not np.any(hands < 0)
    assert np.nanmedian(uprightness(metres, skeleton("panoptic_19"))) > 0.9


def test_extent_needs_half_of_the_joints():
    joints = np.full((3, 4, 3), np.nan)
    joints[0, :2] = [[0, 0, 0], [2, 3, 6]]
    joints[1, 0] = 0
    np.testing.assert_array_equal(body_extents(joints), [7, np.nan, np.nan])


def test_copies_count_inside_a_frame_only():
    joints = np.zeros((4, 2, 3))
    joints[1] = 1
    assert repeated_people(joints, np.array([0, 3, 4])) == 1


def test_report_of_a_good_file(people, tmp_path):
    joints = in_camera(people("panoptic_19"))
    joints[::2, 1] = np.nan
    report = validate_file(write_predictions(table_of(joints), tmp_path / "p.json"))
    text = str(report)
    assert report.fault_count == 0
    assert report.warnings == ()
    for words in ("camera, m", "60, at most 1", "97.4 % of the joints given; least nose 50.0 %", "no faults"):
        assert words in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda joints: joints * [-1, 1, 1], "left and right exchanged"),
        (lambda joints: joints * [1, -1, -1] + [0, 0, 16], "upside down"),
        (lambda joints: joints - [0, 0, 20], "behind the camera"),
        (lambda joints: joints * 3, "larger than"),
        (lambda joints: (joints - [0, 0, 8]) * 0.1 + [0, 0, 8], "smaller than"),
    ],
)
def test_bodies_that_look_wrong(people, tmp_path, change, words):
    joints = change(in_camera(people("panoptic_19")))
    report = validate_file(write_predictions(table_of(joints), tmp_path / "p.json"))
    assert report.fault_count == 0
    assert any(words in warning for warning in report.warnings)


def test_what_is_not_declared_is_said(people, tmp_path):
    table = table_of(in_camera(people("panoptic_19")), trained_on=None)
    two = np.append(np.arange(59), 58)
    table = dataclasses.replace(
        table,
        dataset="unheard_of",
        frame_ids=table.frame_ids[:59],
        person_start=np.append(np.arange(59), 60),
        persons={"joints3d": table.persons["joints3d"][two]},
    )
    warnings = " ".join(validate_file(write_predictions(table, tmp_path / "p.h5")).warnings)
    for words in ("'unheard_of'", "nobody has a score", "trained_on", "1 people have exactly the joints3d"):
        assert words in warnings


@pytest.mark.parametrize(("units", "per_metre", "right"), [("m", 1000, "'mm'"), ("mm", 1, "'m'")])
def test_the_wrong_unit_is_a_fault(people, write, units, per_metre, right):
    joints = in_camera(people("panoptic_19"))[0] * per_metre
    document = {
        "format": "mhbench-predictions/1",
        "dataset": "panoptic",
        "skeleton": "panoptic_19",
        "units": units,
        "space": "camera",
        "predictions": [{"frame": "s/0/1", "persons": [{"joints3d": joints.tolist()}]}],
    }
    report = validate_file(write(document))
    assert report.fault_count == 1
    assert right in report.faults[0].action


def test_all_faults_are_listed_up_to_a_limit(document, write):
    document["predictions"] = [{"frame": f"s/0/{index}", "persons": [{}]} for index in range(30)]
    report = validate_file(write(document))
    assert report.fault_count == 30
    assert [fault.what.split()[1] for fault in report.faults[:2]] == [
        "$.predictions[0].persons[0]",
        "$.predictions[1].persons[0]",
    ]
    assert "... and 10 more\n30 faults" in str(report)


def test_a_file_that_cannot_be_decoded_is_one_fault(write, tmp_path):
    report = validate_file(write(b"{"))
    assert (report.table, report.fault_count) == (None, 1)
    with pytest.raises(MissingInputError):
        validate_file(tmp_path / "none.json")


def test_coverage_names_missing_and_unknown_frames(write, tmp_path):
    write_dataset(tmp_path / "fake", (7,), ("all",))
    document = {
        "format": "mhbench-predictions/1",
        "dataset": "fake",
        "predictions": [
            {"frame": "wälk/00_16/3", "persons": []},
            {"frame": "wälk/00_16/99", "persons": []},
        ],
    }
    report = validate_file(write(document), tmp_path)
    assert report.coverage is not None
    assert report.coverage.predicted == 1
    assert report.coverage.missing[0] == "wälk/00_16/00000000"
    assert "1 of 7 converted frames (14.3 %)" in str(report)
    assert "$.predictions[1].frame is 'wälk/00_16/99'" in str(report.faults[0])


def test_frames_are_found_by_id_image_path_and_image_id():
    frames = {
        "id": np.array(["val/0/12", "val/0/13", "val/0/14", "val/0/15"]),
        "image": np.array(["a.jpg", "b.jpg", "c.jpg", "d.jpg"]),
        "image_id": np.array([12, 13, 14, 15]),
    }
    table = FrameTable("crowdpose", "val", "crowdpose_14", frames, np.zeros(5, dtype=np.int64), {})
    rows = predicted_rows(table, {"val/0/13": 5, "a.jpg": 2, "15": 0})
    assert rows.tolist() == [2, 5, -1, 0]


def command(capsys, *words):
    with pytest.raises(SystemExit) as caught:
        main(["validate", *map(str, words)])
    out = capsys.readouterr()
    return caught.value.code, out.out, out.err


def test_command(document, write, capsys, tmp_path):
    code, out, _ = command(capsys, write(document))
    assert (code, out.splitlines()[-1]) == (0, "no faults")
    document["predictions"][1]["persons"] = [{}]
    code, _, err = command(capsys, write(document))
    assert code == 2
    assert "$.predictions[1].persons[0] predicts nothing" in err
    assert "expected:" in err
    assert command(capsys, tmp_path / "none.json")[0] == 2
