from __future__ import annotations

import gzip
import json
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mhbench.errors import InputError, MhbenchError, MissingInputError, PredictionError, UsageError
from mhbench.predictions import frame_key, read_predictions
from mhbench.predictions.faults import json_path
from mhbench.predictions.reading import decode_predictions
from mhbench.skeletons import skeleton


def decode(document, report=None):
    return decode_predictions(json.dumps(document).encode(), "preds.json", report)


def fault(document):
    with pytest.raises(PredictionError) as caught:
        decode(document)
    error = caught.value
    assert error.what.startswith("preds.json: ")
    assert error.expected
    return error


def test_columns_of_a_small_file(document, write):
    table = read_predictions(write(document))
    assert (table.dataset, table.skeleton, table.space, table.units) == (
        "panoptic",
        "panoptic_15",
        "camera",
        "m",
    )
    assert table.trained_on == ("coco",)
    assert table.frame_ids.tolist()[2] == "band/00_16/170"
    assert table.frame_keys == ["band/00_16/168", "band/00_16/169", "band/00_16/170"]
    assert table.person_start.tolist() == [0, 2, 2, 3]
    assert set(table.persons) == {
        "score",
        "person",
        "track",
        "joints3d",
        "joints2d",
        "joint_scores",
    }
    np.testing.assert_array_equal(table.persons["score"], [0.5, np.nan, 1.0])
    assert table.persons["track"].tolist() == [7, -1, -1]
    assert table.persons["person"].tolist() == ["", "3", ""]
    assert table.persons["joints3d"].shape == (3, 15, 3)
    assert table.persons["joints3d"].dtype == np.float64
    assert table.persons["joints3d"][1, 2].tolist() == [3.0, 3.1, 3.2]
    assert np.isnan(table.persons["joints3d"][2, 0]).all()
    assert not np.isnan(table.persons["joints3d"][2, 1:]).any()
    assert np.isnan(table.persons["joints2d"][1:]).all()
    assert (table.where_frame(2), table.where(2)) == ("$.predictions[2]", "$.predictions[2].persons[0]")


def test_origin_survives_selection(document):
    table = decode(document).keep(np.array([False, True, True])).select(np.array([2, 0]))
    assert table.frame_ids.tolist() == ["band/00_16/170", "band/00_16/00000168"]
    assert table.person_start.tolist() == [0, 1, 2]
    assert table.where(0) == "$.predictions[2].persons[0]"
    assert table.where(1) == "$.predictions[0].persons[1]"
    assert table.persons["person"].tolist() == ["", "3"]


def test_millimetres_become_metres_and_ranks_stay(document):
    document |= {"units": "mm"}
    person = document["predictions"][0]["persons"][0]
    person |= {"depth": 1500.0, "vertices": [[1000.0, 0, 0]]}
    person["smpl"] = {"pose": [0.1] * 72, "betas": [0.0] * 10, "transl": [0, 0, 3000]}
    document["predictions"] = document["predictions"][:1]
    document["predictions"][0]["persons"] = [person]
    document["predictions"][0]["loose_joints"] = [["neck", 0, 0, 2500, 0.5], [1, 0, 0, 1, None]]
    table = decode(document)
    assert table.persons["joints3d"][0, 14].tolist() == [14 / 1000, 14.1 / 1000, 14.2 / 1000]
    assert table.persons["joints2d"][0, 14].tolist() == [14, 14.1]
    assert table.persons["depth"].tolist() == [1.5]
    assert table.persons["vertices"].tolist() == [[[1, 0, 0]]]
    assert table.persons["smpl_transl"].tolist() == [[0, 0, 3]]
    assert table.body_model == "smpl"
    assert table.loose["joint"].tolist() == [skeleton("panoptic_15").index("neck"), 1]
    assert table.loose["position"][:, 2].tolist() == [2.5, 0.001]
    np.testing.assert_array_equal(table.loose["score"], [0.5, np.nan])
    assert decode(document | {"depth_kind": "ordinal"}).persons["depth"].tolist() == [1500]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"units": "cm"}, ["$.units", "cm", "'m' or 'mm'"]),
        ({"units": None}, ["$.units is missing", "$.predictions[0].persons[0] has joints3d"]),
        ({"space": None}, ["$.space is missing", "'camera' (absolute)"]),
        ({"space": "image"}, ["$.space", "image"]),
        ({"space": "root"}, ["$.root is missing", "right_hip"]),
        ({"space": "root", "root": "tail"}, ["$.root is 'tail'", "no joint of panoptic_15"]),
        ({"root": "neck"}, ["$.root is 'neck'", "'camera'"]),
        ({"space": "world"}, ["$.predictions[0].frame", "<sequence>/world/<index>"]),
        ({"skeleton": "panoptic_20"}, ["$.skeleton is 'panoptic_20'", "panoptic_19"]),
        ({"skeleton": "panoptic_19"}, ["$.predictions[0].persons[0].joints3d has 15 joints", "19 joints"]),
        ({"skeleton": None}, ["$.skeleton is missing"]),
        ({"format": "mhbench-predictions/2"}, ["$.format", "'mhbench-predictions/1'"]),
        ({"dataset": ""}, ["$.dataset", "length >= 1"]),
        ({"dataset": "a\nb"}, ["$.dataset", "control characters"]),
        ({"dataset": 3}, ["$.dataset", "got `int`"]),
        ({"modle": "x"}, ["$.modle is no key", "'model'"]),
        ({"predictions": {}}, ["$.predictions", "got `object`", '"persons"']),
    ],
)
def test_header_faults(document, change, words):
    document |= change
    message = str(fault({key: value for key, value in document.items() if value is not None}))
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"joint3d": []}, ["$.predictions[2].persons[0].joint3d is no key", "'joints3d'"]),
        ({"joints3d": None}, ["$.predictions[2].persons[0] predicts nothing", "joints2d"]),
        ({"joints3d": [[0, 0, "x"]]}, ["$.predictions[2].persons[0].joints3d[0][2]", "got `str`", "or null"]),
        ({"joints3d": [[0, 0]]}, ["$.predictions[2].persons[0].joints3d[0]", "length 3"]),
        ({"joints3d": [[0, None, 0]] * 15}, ["$.predictions[2].persons[0].joints3d[0] has a null"]),
        ({"score": "high"}, ["$.predictions[2].persons[0].score", "a finite number"]),
        ({"score": True}, ["$.predictions[2].persons[0].score", "got `bool`"]),
        ({"track": -1}, ["$.predictions[2].persons[0].track", ">= 0"]),
        ({"track": 2**70}, ["$.predictions[2].persons[0].track"]),
        ({"bbox": [0, 0, 1]}, ["$.predictions[2].persons[0].bbox", "width"]),
        ({"rotations": []}, ["$.rotation_set is missing"]),
        ({"vertices": [[0, 0, 0]]}, ["$.predictions[2].persons[0] has vertices", "everybody"]),
        ({"smpl": {"pose": [0], "betas": []}}, ["$.predictions[2].persons[0].smpl.pose has 1", "72"]),
        ({"smpl": {"pose": [0]}}, ["$.predictions[2].persons[0].smpl", "betas"]),
    ],
)
def test_person_faults(document, change, words):
    document["predictions"][2]["persons"][0] |= change
    message = str(fault(document))
    for word in words:
        assert word in message


def test_frame_faults(document):
    frames = document["predictions"]
    frames[1]["frame"] = "band/00_16/0168"
    assert "$.predictions[1].frame is 'band/00_16/0168', which is already $.predictions[0].frame" in str(
        fault(document)
    )
    frames[1] = {"frame": "x"}
    assert "has neither persons nor loose_joints" in str(fault(document))
    frames[1] = {"frame": "x\0", "persons": []}
    assert "control characters" in str(fault(document))
    frames[1] = {"frame": "x", "loose_joints": [[15, 0, 0, 0, 1]]}
    assert "$.predictions[1].loose_joints[0][0] is 15" in str(fault(document))
    frames[1] = {"frame": "x", "loose_joints": [["tail", 0, 0, 0, 1]]}
    assert "right_hip" in str(fault(document))
    frames[1] = {"frame": "x", "loose_joints": [["neck", 0, 0, 0, 1]]}
    document |= {"space": "root", "root": "neck"}
    assert "$.space is 'root', but $.predictions[1].loose_joints[0][0] has joints without" in str(
        fault(document)
    )


def test_report_collects_the_fault_of_every_frame(document):
    document["predictions"][0]["persons"][0]["score"] = "x"
    document["predictions"][2]["persons"][0]["joints3d"] = []
    faults = []
    table = decode(document, faults.append)
    assert [error.what.split()[1] for error in faults] == [
        "$.predictions[0].persons[0].score:",
        "$.predictions[2].persons[0].joints3d",
    ]
    assert table.frame_ids.tolist() == ["band/00_16/00000169"]
    assert table.where_frame(0) == "$.predictions[1]"


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_number_literals_json_does_not_have(document, literal):
    document["predictions"][0]["persons"][1]["joints3d"][2][1] = float(literal.replace("Infinity", "inf"))
    error = fault(document)
    assert f"$.predictions[0].persons[1].joints3d[2][1] is {literal} (byte " in error.what
    assert "null" in error.action


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b'{"predictions":' + b"[" * 100_000, "nests brackets too deeply"),
        (b'{"predictions":[{"frame":"a', "ends too early, inside $.predictions[0].frame"),
        (b'{"predictions":[{"a":[1,[2,3', "ends too early, inside $.predictions[0].a[1][1]"),
        (b'{"predictions":[1,]}', "trailing comma"),
        (b"\x00", "invalid character"),
        ('{"format": "a"}'.encode("utf-16"), "a mark of byte order"),
        ('{"format": "a"}'.encode("utf-8-sig"), "a mark of byte order"),
        (b'"text"', "got `str`"),
        (b"3", "got `int`"),
        (b'{"format":"\xff"}', "UTF-8"),
    ],
)
def test_what_is_no_json(content, words):
    with pytest.raises(PredictionError) as caught:
        decode_predictions(content, "preds.json")
    assert words in str(caught.value)


def test_json_path_counts_strings_with_brackets():
    text = b'{"a": "]\\"[", "b": [{"c": [1, 2, NaN]}]}'
    assert json_path(text, text.index(b"NaN")) == "$.b[0].c[2]"


def test_packed_json(document, write):
    packed = gzip.compress(json.dumps(document).encode())
    assert read_predictions(write(packed, "p.json.gz")).person_count == 3
    with pytest.raises(InputError, match="cannot be read"):
        read_predictions(write(packed[:-20], "half.json.gz"))
    with pytest.raises(InputError, match="cannot be read"):
        read_predictions(write(b"{}", "plain.json.gz"))


def test_paths_that_are_no_file(tmp_path):
    with pytest.raises(MissingInputError):
        read_predictions(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_predictions(tmp_path)


def test_too_long_files_point_to_hdf5(document, write, monkeypatch):
    monkeypatch.setattr("mhbench.predictions.reading.SIZE_LIMIT", 100)
    with pytest.raises(InputError, match=r"predictions\.h5"):
        read_predictions(write(document))


def test_the_named_data_set_must_fit(document, write):
    path = write(document)
    assert read_predictions(path, dataset="panoptic").frame_count == 3
    with pytest.raises(PredictionError, match="dataset is 'panoptic'"):
        read_predictions(path, dataset="jta")


def test_coco_results(write):
    person = {"image_id": 12, "category_id": 1, "keypoints": [1.5, 2.5, 0.75] * 17, "score": 0.5, "bbox": [1]}
    people = [person, person | {"image_id": 7}, person | {"score": 0.25}]
    path = write(people)
    with pytest.raises(UsageError, match="do not name their data set"):
        read_predictions(path)
    table = read_predictions(path, dataset="ochuman")
    assert (table.skeleton, table.space, table.dataset) == ("coco_17", None, "ochuman")
    assert table.frame_ids.tolist() == ["12", "7"]
    assert table.person_start.tolist() == [0, 2, 3]
    assert table.persons["score"].tolist() == [0.5, 0.25, 0.5]
    assert table.persons["joints2d"][0, 16].tolist() == [1.5, 2.5]
    assert table.persons["joint_scores"][0, 16] == 0.75
    short = [person | {"keypoints": [0.0] * 42}]
    assert read_predictions(write(short), dataset="crowdpose").skeleton == "crowdpose_14"
    for wrong, words in [
        (person | {"keypoints": [0.0] * 50}, r"\$\[1\].keypoints has 50"),
        (person | {"keypoints": "x"}, r"\$\[1\].keypoints"),
        (person | {"category_id": 2}, r"\$\[1\].category_id is 2"),
        ({"image_id": 1}, r"\$\[1\]"),
    ]:
        with pytest.raises(PredictionError, match=words):
            read_predictions(write([person, wrong]), dataset="ochuman")
    assert read_predictions(write([]), dataset="ochuman").frame_count == 0


def test_frame_keys_ignore_padding_only():
    assert frame_key("a/0/007") == frame_key("a/0/7") == "a/0/7"
    assert frame_key("a/0/000") == "a/0/0"
    assert frame_key("a/b/0/07") == "a/b/0/7"
    for other in ("7", "images/007", "a/0/7.jpg", "a/0/\u0667", "a/0/"):
        assert frame_key(other) == other


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
KEYS = ["score", "person", "track", "bbox", "depth", "joints3d", "joints2d", "rotations", "vertices", "smpl"]


@given(JSON)
@settings(max_examples=100)
def test_any_json_reads_or_is_refused(value):
    with suppress(MhbenchError):
        decode_predictions(json.dumps(value).encode(), "preds.json")


@given(st.binary(max_size=60))
@settings(max_examples=100)
def test_any_bytes_read_or_are_refused(data):
    for text in (data, b'{"format": "mhbench-predictions/1", "predictions": [' + data):
        with suppress(MhbenchError):
            decode_predictions(text, "preds.json")


@given(st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_change_of_a_good_file_reads_or_is_refused(document, data):
    document = json.loads(json.dumps(document))
    person = document["predictions"][data.draw(st.sampled_from([0, 2]))]["persons"][0]
    target = data.draw(st.sampled_from([document, document["predictions"][0], person]))
    target[data.draw(st.sampled_from([*KEYS, *target]))] = data.draw(JSON)
    with suppress(MhbenchError):
        decode(document)


def test_memory_stays_near_the_size_of_the_file(tmp_path):
    program = """
import json, re, sys
import numpy as np
from mhbench.predictions import read_predictions
person = {"score": 0.5, "joints3d": np.random.default_rng(1).normal(size=(15, 3)).tolist()}
frame = '{"frame": "s/0/%d", "persons": [' + ", ".join([json.dumps(person)] * 4) + "]}"
head = '{"format": "mhbench-predictions/1", "dataset": "panoptic", "skeleton": "panoptic_15", "units": "m",'
with open(sys.argv[1], "w") as file:
    file.write(head + '"space": "camera", "predictions": [')
    for index in range(5000):
        file.write(", " * bool(index) + frame % index)
    file.write("]}")
    size = file.tell()
read_predictions.__module__
def peak():
    # not ru_maxrss, which a process inherits from its parent
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
before = peak()
table = read_predictions(sys.argv[1])
assert table.person_count == 20_000
print((peak() - before) / size)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "big.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 2.5
