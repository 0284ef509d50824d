from __future__ import annotations

import json

import numpy as np
import pytest
from dataset_contract import DatasetContract, three_parts

from mhbench.columns import JointFlag
from mhbench.conversion.pipeline import convert
from mhbench.datasets import jta
from mhbench.datasets.items import Selection
from mhbench.datasets.jta_people import INTRINSICS
from mhbench.datasets.manifest import dataset_manifest
from mhbench.errors import InputError, MissingInputError, UsageError
from mhbench.shards import open_shards
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw import jta as fake
from mhbench.synthetic.scenes import scene

EVERYTHING = Selection()
LABELLED3D, LABELLED2D, VISIBLE = JointFlag.LABELLED_3D, JointFlag.LABELLED_2D, JointFlag.VISIBLE
SELF_OCCLUDED, OCCLUDED, OUT = JointFlag.SELF_OCCLUDED, JointFlag.OCCLUDED, JointFlag.OUT_OF_IMAGE


def row(frame=1, person=8450, joint=0, point=(0.5, -0.25, 5.0), hidden=(0, 0), pixel=None):
    x, y, z = point
    u, v = pixel or (1158 * x / z + 960, 1158 * y / z + 540)
    return [frame, person, joint, u, v, x, y, z, *hidden]


def place(raw, content, *, split="train", number=0):
    path = raw / "annotations" / split / f"seq_{number}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def read_one(raw, selection=EVERYTHING):
    item, *_ = jta.items(raw, selection)
    return jta.read(raw, item, selection)


class TestContract(DatasetContract):
    dataset = "jta"
    reprojection_px = None  # 2D is an annotation; see trap 6

    @pytest.fixture
    def raw(self, tmp_path):
        made = scene(frames=4, people=3, motion="stand", absences=False)
        fake.write(made, tmp_path, images=False, absent=(1,))
        fake.write(made, tmp_path, images=False, split="val", number=257, first_frame=897, whole_pixels=True)
        fake.write(made, tmp_path, images=False, split="train", number=3, shuffled=True, old_axes=True)
        return tmp_path

    @pytest.fixture
    def expected(self):
        return {"test/seq_256.0": (900, 9), "train/seq_3.0": (900, 12), "val/seq_257.0": (900, 12)}


@pytest.mark.parametrize("options", [{}, {"shuffled": True}, {"old_axes": True}, {"whole_pixels": True}])
def test_jta_a_synthetic_scene_comes_back(tmp_path, options):
    made = scene(frames=4, people=3, motion="stand", absences=False, seed=5)
    fake.write(made, tmp_path, images=False, first_frame=10, missing=False, **options)
    filmed = fake.as_filmed(made)
    truth = filmed.cameras["0"]
    table, _ = read_one(tmp_path)
    found = table.camera(9)
    np.testing.assert_array_equal(found.K, truth.K)
    assert (found.width, found.height, found.lens) == (truth.width, truth.height, "pinhole")
    assert np.flatnonzero(np.diff(table.person_start)).tolist() == [9, 10, 11, 12]
    points = truth.to_camera(filmed.joints("jta_22"))
    for frame in range(4):
        people = table.people(9 + frame)
        order = [
            int(np.argmin(np.linalg.norm(points[frame] - joints, axis=-1).mean(axis=-1)))
            for joints in table.persons["joints3d"][people]
        ]
        assert sorted(order) == [0, 1, 2]
        np.testing.assert_allclose(table.persons["joints3d"][people], points[frame][order], atol=1e-6)
        error = 1 if "whole_pixels" in options else 1e-3
        pixels = truth.project(points[frame][order])
        np.testing.assert_allclose(table.persons["joints2d"][people], pixels, atol=error)


def test_jta_shards_hold_every_frame(tmp_path):
    place(tmp_path / "raw", [row(7)])
    convert("jta", tmp_path / "raw", tmp_path / "out", Selection(every=10), heatmaps="none")
    shards = open_shards(tmp_path / "out" / "jta")
    assert len(shards) == 90
    assert shards[0].id == "seq_0/0/10"


def test_jta_the_grid_cuts_pixels_as_the_reference_does():
    assert dataset_manifest("jta").grid.pixel_rounding == "truncate"


def test_jta_one_joint_by_hand(tmp_path):
    place(tmp_path, [row(3, 8450, 6, (0.5, -0.25, 5.0))])
    table, left_out = read_one(tmp_path)
    s = skeleton("jta_22")
    assert s.joints[6] == "right_wrist"
    assert left_out == []
    assert table.frame_count == 900
    assert table.frames["id"][[0, 2, 899]].tolist() == ["seq_0/0/1", "seq_0/0/3", "seq_0/0/900"]
    assert table.frames["image"][2] == "frames/train/seq_0/3.jpg"
    np.testing.assert_array_equal(table.frames["K"][2], [[1158, 0, 960], [0, 1158, 540], [0, 0, 1]])
    assert table.persons["track"].tolist() == [8450]
    assert table.person_start[[0, 2, 3, 900]].tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(table.persons["joints3d"][0, 6], np.float32([0.5, -0.25, 5]))
    np.testing.assert_allclose(table.persons["joints2d"][0, 6], [1075.8, 482.1], atol=1e-4)
    assert np.isnan(table.persons["joints3d"][0, :6]).all()
    assert (np.flatnonzero(table.persons["joint_flags"][0]) == [6]).all()


def test_jta_both_kinds_of_occlusion_are_kept_apart(tmp_path):
    kinds = [(0, 0), (1, 0), (0, 1), (1, 1)]
    place(tmp_path, [row(joint=joint, hidden=hidden) for joint, hidden in enumerate(kinds)])
    flags = read_one(tmp_path)[0].persons["joint_flags"][0, :4] & ~np.uint8(LABELLED3D | LABELLED2D)
    assert flags.tolist() == [VISIBLE, OCCLUDED, SELF_OCCLUDED, OCCLUDED | SELF_OCCLUDED]


def test_jta_people_keep_the_order_of_the_file(tmp_path):
    rows = [row(2, 900), row(1, 70_000_123), row(2, 30, 1), row(1, -5), row(2, 900, 2), row(1, 4_000_000_000)]
    place(tmp_path, rows)
    table, _ = read_one(tmp_path)
    assert table.persons["track"].tolist() == [70_000_123, -5, 4_000_000_000, 900, 30]
    assert table.person_start[:4].tolist() == [0, 3, 5, 5]
    assert np.isfinite(table.persons["joints3d"][3, [0, 2], 0]).all()


def test_jta_a_sequence_without_people_has_all_its_frames(tmp_path):
    place(tmp_path, [])
    table, _ = read_one(tmp_path)
    assert (table.frame_count, table.person_count) == (900, 0)
    assert table.persons["joints2d"].shape == (0, 22, 2)


def test_jta_strides_refer_to_the_numbers_of_frames(tmp_path):
    place(tmp_path, [row(frame) for frame in range(1, 41)])
    table, _ = read_one(tmp_path, Selection(every=10))
    assert table.frames["index"].tolist() == list(range(10, 901, 10))
    assert table.person_count == 4
    table, _ = read_one(tmp_path, Selection(frame_lists={"seq_0": (1, 6, 11)}))
    assert table.frames["index"].tolist() == [1, 6, 11]


def test_jta_trap_1_the_axes_of_the_earlier_release_are_found_out(tmp_path):
    made = scene(frames=2, people=2, motion="stand", absences=False)
    for number, old in ((0, False), (2, True)):
        fake.write(made, tmp_path, images=False, number=number, old_axes=old)
    (new, new_report), (old, old_report) = (
        jta.read(tmp_path, item, EVERYTHING) for item in jta.items(tmp_path, EVERYTHING)
    )
    np.testing.assert_array_equal(old.persons["joints3d"], new.persons["joints3d"])
    np.testing.assert_array_equal(old.persons["joint_flags"], new.persons["joint_flags"])
    assert (set(new.frames["old_axes"]), set(old.frames["old_axes"])) == ({0}, {1})
    assert new_report == []
    assert "earlier release" in old_report[0].reason
    assert old_report[0].frames == 0


def test_jta_trap_1_other_axes_are_refused(tmp_path):
    place(tmp_path, [row(point=(0.5, -0.25, 5.0), pixel=(100, 100))])
    with pytest.raises(InputError, match="do not project onto the 2D joints") as caught:
        read_one(tmp_path)
    three_parts(caught.value)


@pytest.mark.parametrize("frame", [0, 901, 1.5])
def test_jta_trap_2_frames_are_counted_from_1(tmp_path, frame):
    place(tmp_path, [row(1), row(frame)])
    with pytest.raises(InputError, match=r"is no joint of JTA - at \$\[1\]") as caught:
        read_one(tmp_path)
    assert "frame 1 to 900" in caught.value.expected


def test_jta_trap_3_rows_may_be_unordered_and_joints_missing(tmp_path):
    made = scene(frames=3, people=4, motion="stand")
    for number, shuffled in ((0, False), (2, True)):
        fake.write(made, tmp_path, images=False, number=number, shuffled=shuffled)
    first, second = (jta.read(tmp_path, item, EVERYTHING)[0] for item in jta.items(tmp_path, EVERYTHING))
    assert 0.9 < np.isfinite(first.persons["joints3d"][..., 0]).mean() < 1
    assert not np.array_equal(first.persons["track"], second.persons["track"])
    for frame in range(3):
        one, two = (table.persons["track"][table.people(frame)].argsort() for table in (first, second))
        for name in ("track", "joints3d", "joints2d", "joint_flags"):
            a, b = (table.persons[name][table.people(frame)] for table in (first, second))
            if name != "joint_flags":  # drawn again for another order
                np.testing.assert_array_equal(a[one], b[two])


def test_jta_trap_4_the_recorders_own_files_are_no_annotations(tmp_path):
    place(tmp_path, [[0.0] * 17])
    with pytest.raises(InputError, match="row of more than 10 numbers: row 0"):
        read_one(tmp_path)
    (tmp_path / "annotations" / "train" / "seq_0.csv").touch()
    assert [item.name for item in jta.items(tmp_path, EVERYTHING)] == ["seq_0.0"]


def test_jta_trap_5_the_folder_of_the_readme_is_named(tmp_path):
    place(tmp_path, [row()], split="training")
    with pytest.raises(InputError, match="holds no sequence of JTA") as caught:
        jta.items(tmp_path, EVERYTHING)
    assert "the official folder is annotations/train" in caught.value.action


def test_jta_trap_6_pixels_may_be_whole_and_far_outside(tmp_path):
    far, grazing = (-30.0, 1.0, 2.0), (-0.1, 0.8, 0.003)
    rows = [row(joint=2, point=far), row(joint=3, point=grazing)]
    place(tmp_path, [row(joint=0, pixel=(1075, 482)), row(joint=1), *rows])
    persons = read_one(tmp_path)[0].persons
    np.testing.assert_array_equal(persons["joints2d"][0, 0], [1075, 482])
    assert persons["joints2d"][0, 2, 0] < -10_000
    assert persons["joints2d"][0, 3, 1] > 300_000
    assert (persons["joint_flags"][0, :4] & OUT > 0).tolist() == [False, False, True, True]
    assert (persons["joint_flags"][0, :4] & LABELLED2D > 0).all()


def test_jta_trap_7_pixels_of_joints_behind_the_camera_are_none(tmp_path):
    place(
        tmp_path,
        [row(joint=0), row(joint=1), row(joint=2, point=(0.5, 0.5, -2.0)), row(joint=3, point=(1, 1, 9))],
    )
    persons = read_one(tmp_path)[0].persons
    assert np.isfinite(persons["joints3d"][0, 2]).all()
    assert np.isnan(persons["joints2d"][0, 2]).all()
    assert persons["joint_flags"][0, 2] == LABELLED3D | VISIBLE | OUT


def test_jta_real_predictions_agree_with_the_camera(samples):
    # published results on JTA frames: everybody upright, in front of the camera, and seen by K
    for number in (1, 2, 3):
        content = json.loads((samples / "jta" / f"loco_demo_{number}.json").read_text())
        names, camera = content["joint_names"], content["camera"]
        assert set(names) <= set(skeleton("jta_22").joints)
        assert [camera["fx"], camera["cx"], camera["fy"], camera["cy"]] == [
            *INTRINSICS[0, ::2],
            *INTRINSICS[1, 1:],
        ]
        people = np.array(content["poses"])
        assert (people[:, names.index("head_top"), 1] < people[:, names.index("left_ankle"), 1]).all()
        pixels = people @ INTRINSICS.T
        pixels = pixels[..., :2] / pixels[..., 2:]
        assert np.mean((pixels >= 0) & (pixels <= [1920, 1080])) > 0.98


def test_jta_splits_are_the_folders(tmp_path):
    for split, number in (("train", 0), ("val", 257), ("test", 256)):
        place(tmp_path, [], split=split, number=number)
    assert [(one.split, one.name) for one in jta.items(tmp_path, EVERYTHING)] == [
        ("test", "seq_256.0"),
        ("train", "seq_0.0"),
        ("val", "seq_257.0"),
    ]
    assert [one.name for one in jta.items(tmp_path, Selection(splits=("val",)))] == ["seq_257.0"]
    with pytest.raises(UsageError, match="no sequence 'seq_0'"):
        jta.items(tmp_path, Selection(splits=("val",), sequences=("seq_0",)))
    with pytest.raises(UsageError, match="no split 'training'"):
        jta.items(tmp_path, Selection(splits=("training",)))
    with pytest.raises(UsageError, match="no camera '1'"):
        jta.items(tmp_path, Selection(cameras=("1",)))
    place(tmp_path, [], split="val", number=256)
    with pytest.raises(InputError, match=r"test/seq_256\.json is also a sequence of val") as caught:
        jta.items(tmp_path, EVERYTHING)
    three_parts(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "seq_0.json is empty"),
        (json.dumps([row(), row(2)]).encode()[:70], "ends in the middle (after 70 bytes, in row 1)"),
        ([row(), row(2)[:9]], "has a row of 9 numbers: row 1"),
        ([row(), [*row(2), 0]], "has a row of more than 10 numbers: row 1"),
        ([row(), row(2, point=(float("nan"), 0, 1), pixel=(0, 0))], "holds a NaN or an infinity: row 1"),
        (
            json.dumps([row()]).replace("]]", "}]").encode(),
            "has '}' where the end of the row ']' was expected",
        ),
        ({"annotations": []}, "has '{' where an array '[' was expected"),
        (b"\x89HDF\r\n\x1a\n", "where an array '[' was expected"),
        ([row(), row(), row(2)], "joint 0 of person 8450 in frame 1 is there twice - the second at $[1]"),
        ([row(joint=22)], "is no joint of JTA - at $[0]"),
        ([row(), row(person=2**53)], "is no joint of JTA - at $[1]"),
        ([row(person=1.5)], "is no joint of JTA - at $[0]"),
        ([row(hidden=(0, 2))], "is no joint of JTA - at $[0]"),
        ([row(point=(0, 0, 1e9))], "is no joint of JTA - at $[0]"),
    ],
)
def test_jta_a_bad_file_is_named(tmp_path, content, words):
    path = place(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_one(tmp_path)
    what = three_parts(caught.value)
    assert str(path) in what
    assert words in what
    assert [one.present for one in jta.inventory(tmp_path) if one.needed] == [False]


def test_jta_a_bad_file_fails_its_item_only(tmp_path):
    place(tmp_path / "raw", [row(), row(2)[:9]])
    place(tmp_path / "raw", [row()], number=1)
    report = convert("jta", tmp_path / "raw", tmp_path / "out", heatmaps="none")
    assert list(report.results) == ["train/seq_1.0"]
    assert "seq_0.json has a row of 9 numbers: row 1" in report.failures["train/seq_0.0"].what


def test_jta_bad_roots_are_named(tmp_path):
    with pytest.raises(MissingInputError, match="no raw folder") as caught:
        jta.items(tmp_path / "none", EVERYTHING)
    three_parts(caught.value)
    with pytest.raises(InputError, match="holds no sequence of JTA") as caught:
        jta.items(tmp_path, EVERYTHING)
    three_parts(caught.value)
    assert [one.present for one in jta.inventory(tmp_path) if one.needed] == [False]
    place(tmp_path, [row()])
    with pytest.raises(InputError) as caught:
        jta.items(tmp_path / "annotations", EVERYTHING)
    assert str(tmp_path) in caught.value.action


def test_jta_archives_that_lie_there_packed_are_named(tmp_path):
    (tmp_path / "annotations.zip").touch()
    with pytest.raises(InputError, match="holds no sequence") as caught:
        jta.items(tmp_path, EVERYTHING)
    assert "extract the archives, such as annotations.zip" in caught.value.action
    assert "annotations.zip" in jta.inventory(tmp_path)[-1].detail


def test_jta_the_inventory_tells_what_is_there(tmp_path):
    made = scene(frames=1, people=1, cameras=("0",))
    fake.write(made, tmp_path)
    findings = {one.part: one for one in jta.inventory(tmp_path)}
    assert findings["test: annotations"].detail == "1 sequences; seq_256 has 1 people in 900 frames"
    assert findings["test: images"].present
    assert not findings["train: annotations"].present
    table, _ = read_one(tmp_path)
    assert (tmp_path / table.frames["image"][0]).is_file()
