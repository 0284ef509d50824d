"""CrowdPose and OCHuman: the official numbers, through converted shards and the whole evaluation."""

from __future__ import annotations

import json

import numpy as np
import pytest
from people_tables import prediction_table, scored, truth_table, values

from mhbench.conversion.pipeline import convert
from mhbench.errors import PredictionError, UsageError
from mhbench.evaluation.options import EvaluationOptions
from mhbench.evaluation.pipeline import evaluate
from mhbench.protocols.loading import load_protocol, with_options

VAL = load_protocol("crowdpose/val")
# places of our metrics in the official list, which has two zeros for the areas
STATS = {
    "ap": 0,
    "ap50": 1,
    "ap75": 2,
    "ar": 5,
    "ar50": 6,
    "ar75": 7,
    "ap_easy": 8,
    "ap_medium": 9,
    "ap_hard": 10,
}


def converted(source, folder):
    raw = folder / "raw" / "json"
    raw.mkdir(parents=True)
    (raw / "crowdpose_val.json").write_text(source.read_text())
    convert("crowdpose", folder / "raw", folder / "shards", jobs=1, engine="serial")
    return folder / "shards"


def through_the_evaluation(place, folder, name):
    shards = converted(place / f"{name}_gt.json", folder)
    result = evaluate(
        place / f"{name}_dt.json", "crowdpose/val", shards, EvaluationOptions(bootstrap=0)
    ).result
    expected = json.loads((place / "ap_expected.json").read_text())[name]["crowdposetools"]["stats"]
    return result, {metric: 100 * expected[number] for metric, number in STATS.items()}


def test_made_up_crowds_score_as_the_official_tool(golden, tmp_path):
    result, expected = through_the_evaluation(golden / "metrics_multi", tmp_path, "ap_crowdpose_synth")
    for name, value in expected.items():
        assert result.metrics[name].value == pytest.approx(value, abs=1e-9)
    assert result.counts.matched is None
    assert "people" in str(result)


def test_real_crowds_score_as_the_official_tool(outside_golden, tmp_path):
    place = outside_golden / "metrics_multi"
    result, expected = through_the_evaluation(place, tmp_path, "ap_crowdpose_real")
    for name, value in expected.items():
        assert result.metrics[name].value == pytest.approx(value, abs=1e-9)


def body(centre):
    """(14, 2) joints spread around a point."""
    return np.array(centre) + np.stack([np.arange(14) * 7.0, (np.arange(14) % 5) * 11.0], axis=1)


def crowd(people_of_images, crowd_index, **more):
    """Images of CrowdPose, ids descending, so that file order and id order differ."""
    count = len(people_of_images)
    ids = np.arange(count, 0, -1)
    people = np.array([one for people in people_of_images for one in people]).reshape(-1, 14, 2)
    zeros = [[np.zeros((14, 3)) for _ in people] for people in people_of_images]
    low, high = people.min(axis=1), people.max(axis=1)
    return truth_table(
        "crowdpose",
        "crowdpose_14",
        zeros,
        split="val",
        frame_columns={"image_id": ids, "crowd_index": np.array(crowd_index, dtype=np.float64)},
        joints2d=people.astype(np.float32),
        bbox=np.concatenate([low, high - low], axis=1),
        num_keypoints=np.full(len(people), 14, dtype=np.int32),
        iscrowd=np.zeros(len(people), dtype=np.uint8),
        **more,
    )


def found(table, people_of_images, **more):
    zeros = [[np.zeros((14, 3)) for _ in people] for people in people_of_images]
    people = np.array([one for people in people_of_images for one in people]).reshape(-1, 14, 2)
    return prediction_table(table, "crowdpose_14", zeros, joints2d=people, **more)


def test_levels_divide_images_by_their_crowd_index():
    people = [[body((100, 100))], [body((200, 100))], [body((300, 100))]]
    table = crowd(people, [0.1, 0.5, 0.9])
    wrong = [people[0], [body((900, 900))], people[2]]
    numbers = values(scored(VAL, table, found(table, wrong)), VAL)
    assert [numbers[name] for name in ("ap_easy", "ap_medium", "ap_hard")] == [100.0, 0.0, 100.0]
    paper = with_options(VAL, {"levels": "0.1"})
    assert values(scored(paper, table, found(table, wrong)), paper)["ap_easy"] != 100.0


def test_shards_and_their_order_do_not_matter():
    first = crowd([[body((100, 100))], [body((200, 100))]], [0.1, 0.5])
    second = crowd([[body((300, 100))]], [0.9])
    second.frames["image_id"][:] = 9
    given = [found(first, [[body((101, 100))], [body((230, 140))]], scores=[0.6, 0.8])]
    given.append(found(second, [[body((305, 100))]], scores=[0.7]))
    straight = values(scored(VAL, [first, second], given), VAL)
    turned = values(scored(VAL, [second, first], given[::-1]), VAL)
    assert straight == turned


def test_a_null_joint_has_no_similarity():
    people = [[body((100, 100))]]
    table = crowd(people, [0.5])
    holed = body((100, 100))
    holed[:7] = np.nan
    assert values(scored(VAL, table, found(table, people)), VAL)["ap"] == pytest.approx(100.0)
    # half of the joints: a similarity of one half passes the first threshold only
    assert values(scored(VAL, table, found(table, [[holed]])), VAL)["ap"] == pytest.approx(10.0)


def test_scores_and_2d_joints_are_needed():
    table = crowd([[body((100, 100))]], [0.5])
    with pytest.raises(PredictionError, match="no score"):
        scored(VAL, table, found(table, [[body((1, 1))]], scores=[np.nan]))
    with pytest.raises(PredictionError, match="joints2d"):
        scored(VAL, table, prediction_table(table, "crowdpose_14", [[np.zeros((14, 3))]]))


def test_another_skeleton_lacks_head_and_neck():
    table = crowd([[body((100, 100))]], [0.5])
    given = prediction_table(table, "coco_17", [[np.zeros((17, 3))]], joints2d=np.zeros((1, 17, 2)))
    with pytest.raises(UsageError, match="head, neck"):
        scored(VAL, table, given)


def test_intervals_weigh_images_anew():
    people = [[body((100 + 9 * number, 100))] for number in range(6)]
    table = crowd(people, [0.5] * 6)
    wrong = [one if number % 2 else [body((900, 900))] for number, one in enumerate(people)]
    measure = scored(VAL, table, found(table, wrong)).measures["ap"]
    right = np.array([0.0, 1.0] * 3)
    assert measure.value(right) == 100.0
    assert measure.value(1.0 - right) == 0.0
    assert np.isnan(measure.value(np.zeros(6)))


def test_levels_of_overlap_ignore_the_others():
    val = load_protocol("ochuman/val")
    people = np.array([[100.0 + 10 * joint, 100.0 + (joint % 4) * 20] for joint in range(17)])
    shifted = people + (600.0, 0.0)
    table = truth_table(
        "ochuman",
        "coco_17",
        [[np.zeros((17, 3))] * 2],
        split="val",
        frame_columns={"image_id": np.array([1])},
        joints2d=np.stack([people, shifted]).astype(np.float32),
        bbox=np.array([[100.0, 100, 160, 60], [700.0, 100, 160, 60]]),
        num_keypoints=np.full(2, 17, dtype=np.int32),
        iscrowd=np.zeros(2, dtype=np.uint8),
        max_iou=np.array([0.6, 0.8]),
    )
    given = prediction_table(table, "coco_17", [[np.zeros((17, 3))]], joints2d=people[None])
    numbers = values(scored(val, table, given), val)
    assert numbers["ap.moderate"] == pytest.approx(100.0)
    assert numbers["ap.hard"] == 0.0
    assert numbers["ar"] == 50.0


def test_who_is_found_is_counted_in_the_order_of_the_frames():
    people = [[body((100, 100)), body((500, 100))], [body((200, 100))], [body((300, 100))]]
    table = crowd(people, [0.1, 0.5, 0.9])  # ids descend: the official order is the other one
    given = [[people[0][0]], [body((900, 900))], [people[2][0], body((900, 100))]]
    counts = scored(VAL, table, found(table, given)).frame_counts
    assert counts.how == "at similarity 0.5"
    np.testing.assert_array_equal(counts.counts, [[1, 1, 0], [0, 1, 1], [1, 0, 1]])
