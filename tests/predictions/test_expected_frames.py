from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from mhbench.cli import main
from mhbench.errors import UsageError
from mhbench.frames import FrameTable
from mhbench.predictions import read_predictions
from mhbench.predictions.expected import write_expected_frames
from mhbench.protocols.loading import MatchingRule, load_protocol

GENERIC = load_protocol("panoptic/generic")


def frame_table(dataset, sequence, camera, split="all"):
    """Three frames (index 5 to 7) with 2, 0 and 1 people; the last has no box."""
    boxes = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8], [np.nan] * 4])
    return FrameTable(
        dataset=dataset,
        split=split,
        skeleton="panoptic_19",
        frames={
            "id": np.array([f"{sequence}/{camera}/{index}" for index in (5, 6, 7)]),
            "sequence": np.full(3, sequence),
            "camera": np.full(3, camera),
            "index": np.arange(5, 8),
            "image": np.array(["a.jpg", "", "c.jpg"]),
            "width": np.full(3, 640, dtype=np.int32),
            "K": np.tile(np.eye(3), (3, 1, 1)),
        },
        person_start=np.array([0, 2, 2, 3]),
        persons={"track": np.array([11, 12, 11]), "bbox": boxes},
        lens="opencv",
    )


@pytest.fixture
def shards(monkeypatch):
    """Let the shards be the given tables."""

    def use(*tables):
        class Shards:
            @staticmethod
            def tables():
                return iter(tables)

        monkeypatch.setattr("mhbench.predictions.expected.open_shards", lambda *_, **__: Shards)

    return use


def entries(protocol, tmp_path, **options):
    written = write_expected_frames(protocol, tmp_path, tmp_path / "frames.json", **options)
    listing = json.loads(written.listing.read_text())
    assert len(listing["frames"]) == written.frames
    return listing, written


def test_list_of_frames_and_the_file_to_fill(shards, tmp_path):
    shards(frame_table("panoptic", "band", "00_16"), frame_table("panoptic", "band", "01_02"))
    listing, written = entries(GENERIC, tmp_path)
    assert written.frames == 6
    assert (listing["lens"], listing["protocol"], listing["dataset"]) == ("opencv", GENERIC.name, "panoptic")
    first = listing["frames"][0]
    assert first == {
        "id": "band/00_16/5",
        "image": "a.jpg",
        "width": 640,
        "K": np.eye(3).tolist(),
        "video": "band/hdVideos/hd_00_16.mp4",
        "video_frame": 5,
    }
    assert "image" not in listing["frames"][1]
    assert "video" not in listing["frames"][3]
    template = read_predictions(written.template)
    assert (template.dataset, template.space, template.frame_count) == ("panoptic", "camera", 0)


def test_people_only_where_the_protocol_gives_them(shards, tmp_path):
    shards(frame_table("panoptic", "band", "00_16"))
    given = msgspec.structs.replace(GENERIC, matching=MatchingRule(rule="given"))
    frames = entries(given, tmp_path)[0]["frames"]
    assert frames[0]["persons"] == [
        {"person": "11", "bbox": [1, 2, 3, 4]},
        {"person": "12", "bbox": [5, 6, 7, 8]},
    ]
    assert frames[1]["persons"] == []
    assert frames[2]["persons"] == [{"person": "11"}]


def test_frame_lists_choose_frames(shards, tmp_path):
    shards(frame_table("panoptic", "band", "00_16"))
    listing, _ = entries(GENERIC, tmp_path, frame_lists={"band": (6,)})
    assert [frame["id"] for frame in listing["frames"]] == ["band/00_16/6"]
    with pytest.raises(UsageError, match="no frame under"):
        entries(GENERIC, tmp_path, frame_lists={"band": ()})


@pytest.mark.parametrize(
    ("table", "video"),
    [
        (frame_table("human36m", "S9_Directions_1", "54138969"), ("S9/Videos/Directions 1.54138969.mp4", 5)),
        (frame_table("jta", "seq_256", "0", "test"), ("videos/test/seq_256.mp4", 4)),
        (frame_table("mpi_inf_3dhp", "S1_Seq2", "3"), ("S1/Seq2/imageSequence/video_3.avi", 5)),
        (frame_table("mpi_inf_3dhp", "TS1", "0"), (None, None)),
        (frame_table("mupots", "TS1", "0"), (None, None)),
    ],
)
def test_video_and_frame_number(shards, tmp_path, table, video):
    shards(table)
    first = entries(GENERIC, tmp_path)[0]["frames"][0]
    assert (first.get("video"), first.get("video_frame")) == video


def test_command(shards, tmp_path, capsys):
    shards(frame_table("panoptic", "band", "00_16"))
    with pytest.raises(SystemExit) as caught:
        main(["frames", "panoptic/generic", "--out", str(tmp_path / "frames.json")])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "3 frames" in out
    assert "frames.predictions.json" in out
