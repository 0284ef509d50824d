"""Keypoint AP: to the last digit against the tools' own numbers, by hand, and where the tools raise."""

from __future__ import annotations

import contextlib
import copy
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mhbench.errors import InputError, MissingInputError, PredictionError, ShapeError, UsageError
from mhbench.metrics import keypoint_ap, keypoint_kernels
from mhbench.metrics.keypoint_conventions import CONVENTIONS
from mhbench.metrics.keypoint_input import read_detections, read_truth
from mhbench.metrics.keypoint_matches import match_keypoints, merge_matches

GOLDEN = [
    "ap_coco_synth_gt",
    "ap_coco_synth_dt",
    "ap_crowdpose_synth_gt",
    "ap_crowdpose_synth_dt",
    "ap_crowdpose_real_gt",
    "ap_crowdpose_real_dt",
    "ap_expected",
    "ap_edge_cases",
]

NAMES = {
    "coco": ["ap", "ap50", "ap75", "ap_m", "ap_l", "ar", "ar50", "ar75", "ar_m", "ar_l"],
    # the tool prints two zeros where COCO has the areas
    "crowdpose": ["ap", "ap50", "ap75", "", "", "ar", "ar50", "ar75", "ap_easy", "ap_medium", "ap_hard"],
}
TOOLS = {"coco": "pycocotools", "crowdpose": "crowdposetools"}


def as_the_tool_prints(summary, convention):
    return [summary.get(name, 0.0) for name in NAMES[convention]]


def matches_of(truth, detections, convention, **options):
    joints = len(CONVENTIONS[convention].sigmas)
    people = read_truth(truth, joints)
    return match_keypoints(
        people, read_detections(detections, joints, people.image_ids), convention, **options
    )


@pytest.mark.parametrize(
    ("name", "convention"), [("ap_coco_synth", "coco"), ("ap_crowdpose_synth", "crowdpose")]
)
def test_made_up_sets_to_the_last_digit(golden, name, convention):
    folder = golden / "metrics_multi"
    expected = json.loads((folder / "ap_expected.json").read_text())[name][TOOLS[convention]]
    truth, detections = folder / f"{name}_gt.json", folder / f"{name}_dt.json"
    summary = keypoint_ap(truth, detections, convention=convention)
    assert as_the_tool_prints(summary, convention) == expected["stats"]
    matches = matches_of(truth, detections, convention)
    for number in range(matches.people.shape[1]):
        precision, recall = matches.curves(area_range=number)
        expected_precision = [row[number] for row in expected["ap_per_iou_per_area"]]
        np.testing.assert_allclose(precision.mean(axis=1), expected_precision, rtol=0, atol=1e-15)
        assert recall.tolist() == [row[number] for row in expected["ar_per_iou_per_area"]]


def test_real_annotations_to_the_last_digit(outside_golden):
    folder = outside_golden / "metrics_multi"
    expected = json.loads((folder / "ap_expected.json").read_text())["ap_crowdpose_real"]["crowdposetools"]
    summary = keypoint_ap(
        str(folder / "ap_crowdpose_real_gt.json"),
        str(folder / "ap_crowdpose_real_dt.json"),
        convention="crowdpose",
    )
    assert as_the_tool_prints(summary, "crowdpose") == expected["stats"]


def edge_cases(golden):
    for case in json.loads((golden / "metrics_multi/ap_edge_cases.json").read_text())["cases"]:
        convention = "coco" if case["name"].startswith("coco") else "crowdpose"
        yield case, convention, case["expected"][TOOLS[convention]]


def test_edge_cases_to_the_last_digit(golden):
    cases = list(edge_cases(golden))
    assert len(cases) == 26
    for case, convention, expected in cases:
        summary = keypoint_ap(case["gt"], case["dt"], convention=convention, zero_id="official")
        if case["name"] == "no_detections":  # the tool raises; a model may find nobody
            assert set(summary.values()) == {0.0, -1.0}
            continue
        assert as_the_tool_prints(summary, convention) == expected["stats"], case["why"]


def test_edge_cases_meet_whom_the_tools_let_them_meet(golden):
    bits = 1 << np.arange(10)[:, None]
    for case, convention, expected in edge_cases(golden):
        matches = matches_of(case["gt"], case["dt"], convention, zero_id="official")
        seen = 0
        for image in expected.get("matches_area_all", []):
            number = np.searchsorted(matches.image_ids, image["image_id"])
            rows = slice(*matches.detection_start[number : number + 2])
            met = (matches.matched[0, rows] & bits) != 0
            ignored = (matches.ignored[0, rows] & bits) != 0
            np.testing.assert_array_equal(met, np.reshape(image["dtMatches"], (10, -1)) != 0, case["why"])
            np.testing.assert_array_equal(ignored, np.reshape(image["dtIgnore"], (10, -1)) != 0, case["why"])
            seen += met.shape[1]
        assert seen == matches.scores.size or case["name"] == "no_detections"


def test_similarities_of_the_edge_cases(golden):
    for case, convention, expected in edge_cases(golden):
        rules = CONVENTIONS[convention]
        truth = read_truth(case["gt"], len(rules.sigmas))
        found = read_detections(case["dt"], len(rules.sigmas), truth.image_ids)
        variances = (np.array(rules.sigmas) * 2) ** 2
        area = truth.area if rules.area_factor is None else truth.box[:, 3] * truth.box[:, 2] * 0.53
        for image_id, table in expected.get("oks", {}).items():
            number = int(np.searchsorted(truth.image_ids, int(image_id)))
            people = range(*truth.person_start[number : number + 2])
            rows = np.flatnonzero(found.image_ids == int(image_id))
            rows = rows[np.argsort(-found.scores[rows], kind="stable")][:20]
            ours = [
                keypoint_kernels.similarity(
                    truth.xy[person],
                    truth.labelled[person],
                    truth.box[person],
                    area[person],
                    found.xy[row],
                    variances,
                )
                for row in rows
                for person in people
            ]
            np.testing.assert_allclose(ours, np.ravel(table), rtol=0, atol=1e-15)


def random_person(random, joints, unlabelled):
    x, y, w, h = random.uniform(0, 300), random.uniform(0, 300), *random.uniform(10, 200, 2)
    points = np.c_[x + random.uniform(0, w, joints), y + random.uniform(0, h, joints)].round(1)
    flags = random.integers(0, 3, joints) * (random.uniform() > unlabelled)
    return points, {
        "category_id": 1,
        "iscrowd": int(random.uniform() < 0.1),
        "bbox": [x, y, w, h],
        "area": float(random.choice([500.0, 1024.0, 9216.0, w * h])),
        "num_keypoints": int(np.sum(flags > 0)),
        "keypoints": np.c_[points, flags].ravel().tolist(),
    }


def random_set(seed, joints=17, images=12, unlabelled=0.1):
    random = np.random.default_rng(seed)
    annotations, detections = [], []
    for image in range(1, images + 1):
        for _ in range(random.integers(0, 5)):
            points, person = random_person(random, joints, unlabelled)
            annotations.append({"id": len(annotations) + 1, "image_id": image} | person)
            for _ in range(random.integers(0, 9)):
                moved = points + random.normal(0, random.choice([1, 5, 20]), points.shape)
                detections.append(
                    {
                        "image_id": image,
                        "category_id": 1,
                        "keypoints": np.c_[moved, random.uniform(0, 1, joints)].ravel().tolist(),
                        "score": float(random.integers(0, 8)) / 8,
                    }
                )
    truth = {
        "images": [{"id": image, "crowdIndex": image / images} for image in range(1, images + 1)],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}],
    }
    return truth, detections


@pytest.mark.parametrize("seed", range(4))
def test_random_sets_agree_with_pycocotools(seed):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, detections = random_set(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        official = COCO()
        official.dataset = copy.deepcopy(truth)
        official.createIndex()
        evaluation = COCOeval(official, official.loadRes(copy.deepcopy(detections)), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert as_the_tool_prints(keypoint_ap(truth, detections), "coco") == evaluation.stats.tolist()
    assert keypoint_ap(truth, detections, convention="ochuman") == keypoint_ap(truth, detections)


def test_random_sets_agree_with_faster_coco_eval():
    peer = pytest.importorskip("faster_coco_eval")
    truth, detections = random_set(11, joints=14)
    with contextlib.redirect_stdout(io.StringIO()):
        official = peer.COCO(copy.deepcopy(truth))
        evaluation = peer.COCOeval_faster(
            official,
            official.loadRes(copy.deepcopy(detections)),
            "keypoints_crowd",
            kpt_oks_sigmas=np.array(CONVENTIONS["crowdpose"].sigmas),
            use_area=False,
        )
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    ours = list(keypoint_ap(truth, detections, convention="crowdpose").values())
    np.testing.assert_allclose(ours, evaluation.stats, rtol=0, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_order_of_images_and_of_people_does_not_matter(seed):
    # without ties, which go by file order: neither equal scores nor people whose similarity is 1 by their box
    truth, detections = random_set(5, unlabelled=0)
    for number, found in enumerate(detections):
        found["score"] += number * 1e-6
    random = np.random.default_rng(seed)
    shuffled = {
        "images": random.permutation(truth["images"]).tolist(),
        "annotations": random.permutation(truth["annotations"]).tolist(),
    }
    again = keypoint_ap(shuffled, random.permutation(detections).tolist())
    assert again == keypoint_ap(truth, detections)


def test_parts_merge_to_the_whole():
    truth, detections = random_set(6, joints=14)
    whole = matches_of(truth, detections, "crowdpose")
    parts = []
    for remainder in (2, 0, 1):
        chosen = {image["id"] for image in truth["images"] if image["id"] % 3 == remainder}
        part = {
            "images": [image for image in truth["images"] if image["id"] in chosen],
            "annotations": [person for person in truth["annotations"] if person["image_id"] in chosen],
        }
        found = [detection for detection in detections if detection["image_id"] in chosen]
        parts.append(matches_of(part, found, "crowdpose"))
    merged = merge_matches(parts)
    assert merged.summary() == whole.summary()
    np.testing.assert_array_equal(merged.matched, whole.matched)
    with pytest.raises(UsageError, match="cannot be merged"):
        merge_matches([parts[0], parts[0]])


def test_a_weight_of_two_is_the_image_twice():
    truth, detections = random_set(7)
    weights = np.random.default_rng(1).integers(0, 3, 12)
    copies = {"images": [], "annotations": []}
    found = []
    for image, weight in enumerate(weights, start=1):
        for number in range(weight):
            twin = image * 10 + number
            people = [person for person in truth["annotations"] if person["image_id"] == image]
            copies["images"].append({"id": twin})
            copies["annotations"] += [
                person | {"image_id": twin, "id": person["id"] * 10 + number} for person in people
            ]
            found += [entry | {"image_id": twin} for entry in detections if entry["image_id"] == image]
    for entry in detections + found:  # no ties but between copies
        entry["score"] += float(np.sum(entry["keypoints"])) * 1e-9
    weighed = matches_of(truth, detections, "coco").summary(weights)
    assert weighed == pytest.approx(keypoint_ap(copies, found), abs=1e-12)


def one_person(**changes):
    person = {
        "id": 1,
        "image_id": 1,
        "iscrowd": 0,
        "bbox": [0, 0, 100, 100],
        "num_keypoints": 12,
        "keypoints": [10.0, 10.0, 2.0] * 14,
    }
    return {"images": [{"id": 1, "crowdIndex": 0.0}], "annotations": [person | changes]}


def detection(**changes):
    return {"image_id": 1, "keypoints": [10.0, 10.0, 1.0] * 14, "score": 0.5} | changes


def test_a_perfect_detection_by_hand():
    # 1 of 1 + eps found: precision is the float below 1
    summary = keypoint_ap(one_person(), [detection()], convention="crowdpose")
    assert summary["ap"] == pytest.approx(1, abs=1e-15)
    assert (summary["ar"], summary["ap_easy"], summary["ap_hard"]) == (1.0, 1.0, -1.0)


def test_a_joint_that_was_not_found_scores_nothing():
    # 10 of 14 joints found: 0.714 reaches the five thresholds from 0.5 to 0.7
    joints = [10.0, 10.0, 1.0] * 10 + [None, None, None] * 4
    assert keypoint_ap(one_person(), [detection(keypoints=joints)], convention="crowdpose")["ar"] == 0.5


def test_numpy_values_are_welcome():
    found = detection(keypoints=np.tile(np.float32([10, 10, 1]), 14), score=np.float32(0.5))
    assert keypoint_ap(one_person(), [found], convention="crowdpose")["ar"] == 1


def test_levels_of_the_paper():
    truth = one_person()
    truth["images"][0]["crowdIndex"] = 0.15
    assert keypoint_ap(truth, [detection()], convention="crowdpose")["ap_easy"] == 1
    assert keypoint_ap(truth, [detection()], convention="crowdpose", easy_below=0.1)["ap_easy"] == -1


def test_a_person_with_id_zero():
    truth = one_person(id=0)
    with pytest.raises(InputError, match="id 0"):
        keypoint_ap(truth, [detection()], convention="crowdpose")
    assert keypoint_ap(truth, [detection()], convention="crowdpose", zero_id="shift")["ar"] == 1
    assert keypoint_ap(truth, [detection()], convention="crowdpose", zero_id="official")["ar"] == 0


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (detection(score=float("nan")), r"detections: \[0\]: Expected `float`, got `null` - at `\$.score`"),
        (detection(image_id=7), r"detections: \[0\].image_id is 7"),
        (detection(image_id=2**63), r"Expected `int` <= 9223372036854775807 - at `\$.image_id`"),
        (detection(keypoints=[1.0] * 51), r"detections: \[0\].keypoints has 51 numbers"),
        ({"image_id": 1, "score": 1.0}, "missing required field `keypoints`"),
        (detection(bbox=[1.0]), r"detections: \[0\].bbox has 1 numbers"),
    ],
)
def test_broken_detections_are_named(found, message):
    with pytest.raises(PredictionError, match=message):
        keypoint_ap(one_person(), [found], convention="crowdpose")


def test_broken_truths_are_named():
    with pytest.raises(InputError, match=r"annotations\[0\].bbox has 3 numbers"):
        keypoint_ap(one_person(bbox=[1, 2, 3]), [], convention="crowdpose")
    with pytest.raises(InputError, match=r"annotations\[0\].image_id is 5"):
        keypoint_ap(one_person(image_id=5), [], convention="crowdpose")
    with pytest.raises(InputError, match=r"Expected `int` <= \d+ - at `\$.num_keypoints`"):
        keypoint_ap(one_person(num_keypoints=2**63), [], convention="crowdpose")
    with pytest.raises(InputError, match="crowdIndex"):
        keypoint_ap(one_person() | {"images": [{"id": 1}]}, [], convention="crowdpose")
    with pytest.raises(InputError, match="has no area"):
        keypoint_ap(one_person(keypoints=[1.0] * 51), [], convention="coco")
    with pytest.raises(UsageError, match="no convention 'posetrack'"):
        keypoint_ap(one_person(), [], convention="posetrack")


def test_broken_files_are_named(tmp_path):
    with pytest.raises(MissingInputError, match="no such file"):
        keypoint_ap(tmp_path / "nothing.json", [])
    broken = tmp_path / "broken.json"
    broken.write_text('[{"image_id": 1, "keypoints": [NaN], "score": 1}]')
    with pytest.raises(PredictionError, match=r"broken\.json: JSON is malformed"):
        keypoint_ap(one_person(), broken, convention="crowdpose")
    broken.write_text("")
    with pytest.raises(PredictionError, match=r"broken\.json"):
        keypoint_ap(one_person(), broken, convention="crowdpose")


def test_weights_must_fit():
    matches = matches_of(*random_set(8), "coco")
    with pytest.raises(ShapeError, match="weights"):
        matches.summary([1.0])
