from __future__ import annotations

import json
import re
from collections import Counter

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from mhbench.cli.selfcheck import command
from mhbench.conversion.known_counts import MEASURES, _measure
from mhbench.conversion.pipeline import convert
from mhbench.datasets.items import Selection
from mhbench.datasets.manifest import dataset_manifest
from mhbench.errors import ManifestError, MissingInputError
from mhbench.frames import FrameTable
from mhbench.manifests import manifest_names


@pytest.fixture(scope="module")
def converted(samples, tmp_path_factory):
    out = tmp_path_factory.mktemp("shards")
    convert("crowdpose", samples / "crowdpose", out, engine="serial")
    return out


def selfcheck(*words):
    result = CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    text = re.search(
        r"--- begin mhbench certificate ---\n(.*)\n--- end mhbench certificate ---", result.output, re.DOTALL
    )
    return result.return_value, result.output, json.loads(text[1])


def table(frames, persons=None, people=0, split="test"):
    count = len(next(iter(frames.values())))
    start = np.zeros(count + 1, dtype=np.int64)
    start[-1] = people
    columns = {name: np.array(column) for name, column in frames.items()}
    ids = np.array([f"s/0/{n}" for n in range(count)], dtype=np.str_)
    return FrameTable(
        dataset="fake",
        split=split,
        skeleton="fake",
        frames={"id": ids, **columns},
        person_start=start,
        persons={name: np.array(column) for name, column in (persons or {}).items()},
    )


def counted(thing, *tables):
    measure = MEASURES[thing]
    return measure.total(sum((measure.tally(one) for one in tables), Counter()))


def test_the_real_split_agrees_and_the_others_are_told(converted):
    code, told, certificate = selfcheck("crowdpose", converted)
    assert code == 0
    assert re.search(r"val_people_scored +7074 +7074  agrees", told)
    assert re.search(r"train_images +10000 +-  not converted", told)
    assert certificate["agrees"]
    assert certificate["format"] == "mhbench-certificate/1"
    found = {one["name"]: one["found"] for one in certificate["counts"]}
    assert (found["val_people_scored"], found["val_groups"], found["train_images"]) == (7074, 106, None)
    content = certificate["splits"]["val"]
    assert (content["items"], content["frames"], content["persons"]) == (2, 2000, 8527)
    assert len(content["content_sha256"]) == 64


def test_the_certificate_is_the_same_anywhere_and_names_no_place(converted, samples, tmp_path):
    convert("crowdpose", samples / "crowdpose", tmp_path / "again", engine="serial")
    first, second = (selfcheck("crowdpose", folder)[2] for folder in (converted, tmp_path / "again"))
    assert first == second
    assert str(tmp_path) not in json.dumps(second)


def test_a_partial_conversion_differs_and_gives_1(samples, tmp_path):
    convert("crowdpose", samples / "crowdpose", tmp_path, Selection(limit=3), engine="serial")
    code, told, certificate = selfcheck("crowdpose", tmp_path / "crowdpose")
    assert code == 1
    assert re.search(r"val_images +2000 +6  DIFFERS", told)
    assert not certificate["agrees"]
    assert certificate["options"]["limit"] == 3
    assert certificate["splits"]["val"]["frames_available"] == 2000


def test_another_manifest_gives_1(converted, monkeypatch):
    monkeypatch.setattr("mhbench.conversion.certificates.conversion_hash", lambda *_: "0" * 64)
    code, told, certificate = selfcheck("crowdpose", converted)
    assert (code, certificate["manifest_is_current"]) == (1, False)
    assert "convert again" in told


def test_what_cannot_be_compared_is_refused(converted, tmp_path):
    with pytest.raises(ManifestError, match="no manifest"):
        selfcheck("mars", converted)
    with pytest.raises(MissingInputError, match="no shards"):
        selfcheck("panoptic", converted)
    with pytest.raises(MissingInputError):
        selfcheck("crowdpose", tmp_path)


@pytest.mark.parametrize("name", manifest_names("datasets"))
def test_every_known_count_can_be_counted(name):
    manifest = dataset_manifest(name)
    for count in manifest.known_counts:
        split, measure = _measure(count, manifest)
        if measure not in MEASURES.values():
            assert re.fullmatch(r"S\d+_Seq\d|TS\d+", count), f"{name}: nobody counts {count}"
        assert split in {"", *manifest.splits}


def test_frames_and_people_are_added_up():
    one = table({"sequence": ["a", "a", "b"], "camera": ["0", "1", "0"], "index": [0, 0, 7]}, people=5)
    other = table({"sequence": ["b"], "camera": ["2"], "index": [8]}, people=2)
    things = (
        "frames",
        "images",
        "people",
        "sequences",
        "cameras",
        "frames_per_camera",
        "frames_per_sequence",
    )
    assert [counted(thing, one, other) for thing in things] == [4, 4, 7, 2, 3, 3, 2]


def test_frames_of_a_sequence_count_once_for_all_cameras():
    manifest = msgspec.structs.replace(dataset_manifest("crowdpose"), known_counts={"TS1": 2})
    split, measure = _measure("TS1", manifest)
    cameras = table({"sequence": ["TS1", "TS1", "TS1", "TS2"], "index": [4, 4, 5, 9]})
    assert (split, measure.total(measure.tally(cameras))) == ("", 2)


def test_counts_of_the_protocols():
    subjects = table(
        {
            "subject": ["S11", "S11", "S11", "S9", "S11"],
            "camera": ["55011271", "55011271", "54138969", "55011271", "55011271"],
            "index": [0, 64, 64, 0, 65],
        }
    )
    assert counted("s11_every_64th_one_camera", subjects) == 2
    assert counted("every_10th_frames", table({"index": [1, 10, 20, 25]})) == 2
    valid = table({"valid_frame": [1, 0, 1]}, {"campose_valid": [1, 0, 1, 1]}, people=4)
    assert (counted("valid_frames", valid), counted("valid_people", valid)) == (2, 3)
    crowd = table(
        {"crowd_index": [0.19, 0.2, 0.8, 3.02]},
        {"num_keypoints": np.int32([0, 3, 0, 12]), "iscrowd": np.uint8([0, 0, 1, 0])},
        people=4,
    )
    things = ("easy_images", "medium_images", "hard_images", "people_scored", "groups")
    assert [counted(thing, crowd) for thing in things] == [1, 1, 2, 2, 1]
