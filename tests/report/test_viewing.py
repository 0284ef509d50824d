"""`mhbench view`: pictures of frames, compared with stored ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from pictures import assert_looks_like
from PIL import Image

from mhbench.cli.main import program
from mhbench.conversion.pipeline import convert
from mhbench.errors import UsageError
from mhbench.predictions.writing import write_predictions
from mhbench.report.viewing import view_frame
from mhbench.running.ground_truth import run_ground_truth_heatmaps
from mhbench.shards.reading import open_shards
from mhbench.synthetic.raw import crowdpose
from mhbench.synthetic.raw.panoptic import write
from mhbench.synthetic.scenes import scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("view")
    made = scene(frames=1, people=3, motion="walk", seed=1, cameras=("00_16",), fps=3.0, absences=False)
    write(made, folder / "raw", sequence="170101_view1", uncertain=False)
    convert("panoptic", folder / "raw", folder / "shards", jobs=1, engine="serial")
    return folder


def test_a_frame_with_image_skeletons_and_heatmaps_looks_as_it_did(folder, tmp_path):
    out = view_frame(folder / "shards", "0", tmp_path / "a.png", raw=folder / "raw")
    assert_looks_like(out.read_bytes(), "frame")


def test_without_the_raw_root_a_canvas_is_drawn(folder, tmp_path):
    out = view_frame(folder / "shards", "0", tmp_path / "a.png", heatmaps=False)
    assert_looks_like(out.read_bytes(), "frame_canvas")


def test_predictions_are_drawn_beside_the_truth(folder, tmp_path):
    predictions = tmp_path / "p.json"
    write_predictions(run_ground_truth_heatmaps(folder / "shards"), predictions)
    plain = view_frame(folder / "shards", "0", tmp_path / "a.png").read_bytes()
    both = view_frame(folder / "shards", "0", tmp_path / "b.png", predictions=predictions).read_bytes()
    assert plain != both
    assert_looks_like(both, "frame_overlay")


def test_frames_are_found_by_id_with_any_padding(folder, tmp_path):
    out = tmp_path / "a.png"
    words = ["view", str(folder / "shards"), "--frame", "170101_view1/00_16/137", "--out", str(out)]
    done = CliRunner(catch_exceptions=False).invoke(program, words)
    assert done.exit_code == 0
    assert out.stat().st_size > 10_000


@pytest.mark.parametrize(("ending", "start"), [(".pdf", b"%PDF"), (".svg", b"<?xml"), (".PNG", b"\x89PNG")])
def test_a_picture_can_go_into_a_paper_and_is_the_same_each_time(folder, tmp_path, ending, start):
    first, again = (
        view_frame(folder / "shards", out=tmp_path / f"{name}{ending}").read_bytes() for name in "ab"
    )
    assert first.startswith(start)
    assert first == again


def test_another_ending_is_refused(folder, tmp_path):
    with pytest.raises(UsageError, match="no kind of picture"):
        view_frame(folder / "shards", "0", tmp_path / "a.docx")


def test_a_frame_of_pixels_alone_is_its_image_and_nothing_else(tmp_path):
    """CrowdPose, predicted in COCO's form of results: found by the image's number, drawn in the image."""
    crowd = scene(frames=3, people=3, motion="crowd", seed=1)
    crowdpose.write(crowd, tmp_path / "raw")
    convert("crowdpose", tmp_path / "raw", tmp_path / "shards", jobs=1, engine="serial")
    (table,) = (one for one in open_shards(tmp_path / "shards").tables() if one.split == "test")
    joints = np.nan_to_num(table.persons["joints2d"][table.people(0)][0] + 20.0)
    guess = {
        "image_id": int(table.frames["image_id"][0]),
        "category_id": 1,
        "keypoints": np.hstack([joints, np.ones((len(joints), 1))]).ravel().tolist(),
        "score": 0.9,
    }
    (tmp_path / "coco.json").write_text(json.dumps([guess]))
    frame = str(table.frames["id"][0])
    out = view_frame(
        tmp_path / "shards",
        frame,
        tmp_path / "a.png",
        raw=tmp_path / "raw",
        predictions=tmp_path / "coco.json",
    )
    assert_looks_like(out.read_bytes(), "frame_flat")
    with Image.open(out) as picture:
        width, height = picture.size
    shape = float(table.frames["width"][0] / table.frames["height"][0])
    # all but a head and a foot is the picture
    assert width / (height - 125) == pytest.approx(shape, rel=0.03)


def test_an_unknown_frame_names_one_that_exists(folder, tmp_path):
    with pytest.raises(UsageError) as caught:
        view_frame(folder / "shards", "170101_view1/00_16/999", tmp_path / "a.png")
    assert "170101_view1/00_16/00000137" in caught.value.expected
