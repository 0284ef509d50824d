"""The layout of JTA's files, told apart from the reader: no original file was ever at hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from mhbench.errors import OutputError, UsageError
from mhbench.synthetic.raw.jta import FRAMES, as_filmed, write
from mhbench.synthetic.scenes import scene

SCENE = scene(frames=3, people=3, motion="stand", cameras=("0",), seed=2)


def written(folder, **options):
    write(SCENE, folder, images=False, **options)
    (path,) = (folder / "annotations").rglob("*.json")
    return path, json.loads(path.read_text())


@pytest.mark.parametrize("whole", [False, True])
def test_a_file_is_a_list_of_rows_of_ten_numbers_in_the_official_order(tmp_path, whole):
    path, rows = written(tmp_path, whole_pixels=whole)
    assert path.relative_to(tmp_path).as_posix() == "annotations/test/seq_256.json"
    assert isinstance(rows, list)
    assert {len(row) for row in rows} == {10}
    assert {type(value) for row in rows for value in row} == ({int, float} if whole else {float})
    frame, person, joint, u, v, x, y, z, occluded, self_occluded = np.array(rows).T
    assert set(frame) == {1, 2, 3}
    assert (frame <= FRAMES).all()
    assert len(set(person)) == 3
    assert person.min() > 1000  # a game's handle, not 0..n
    assert set(joint) == set(range(22))
    assert (np.abs([u, v]) < 1e4).all()
    assert z.min() > 0.5
    assert z.max() < 100
    assert np.ptp(y) < 3  # metres
    assert set(occluded) == set(self_occluded) == {0, 1}
    np.testing.assert_allclose(u, 1158 * x / z + 960, atol=1 if whole else 1e-9)
    np.testing.assert_allclose(v, 1158 * y / z + 540, atol=1 if whole else 1e-9)


def test_head_is_above_feet_and_right_is_right(tmp_path):
    _, rows = written(tmp_path, missing=False)
    one = np.array(rows)[:22]
    assert one[0, 6] < one[2, 6] < one[18, 6]  # head_top, neck, right_ankle: y points down
    world = as_filmed(SCENE).cameras["0"].to_world(one[:, 5:8])
    across, up = world[16] - world[19], world[0] - world[18]  # from the left hip to the right, and up
    toes = np.cross(up, across)
    assert up[2] > 1
    ahead = SCENE.points["left_foot"][0, 0] - SCENE.points["left_ankle"][0, 0]
    assert toes @ ahead > 0


def test_the_earlier_release_has_other_axes(tmp_path):
    new, old = (np.array(written(tmp_path / name, old_axes=name == "old")[1]) for name in ("new", "old"))
    np.testing.assert_array_equal(new[:, 5], old[:, 5])
    np.testing.assert_array_equal(new[:, 6], -old[:, 7])
    np.testing.assert_array_equal(new[:, 7], old[:, 6])


def test_frames_are_cut_out_without_padding(tmp_path):
    result = write(SCENE, tmp_path, split="val", number=257, first_frame=9)
    assert result.parts["images"] == 3
    names = sorted(path.name for path in (tmp_path / "frames" / "val" / "seq_257").iterdir())
    assert names == ["10.jpg", "11.jpg", "9.jpg"]
    with Image.open(tmp_path / "frames/val/seq_257/9.jpg") as image:
        assert image.size == (1920, 1080)


def test_nothing_that_is_there_is_touched(tmp_path):
    write(SCENE, tmp_path, images=False)
    with pytest.raises(OutputError, match="already there"):
        write(SCENE, tmp_path, images=False)
    with pytest.raises(UsageError, match="no split 'testing'"):
        write(SCENE, tmp_path, split="testing")
    with pytest.raises(UsageError, match="frames 899 to 901"):
        write(SCENE, tmp_path, first_frame=899)
    with pytest.raises(UsageError, match="one camera"):
        write(scene(frames=1, cameras=()), tmp_path)
