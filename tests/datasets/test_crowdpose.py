from __future__ import annotations

import json

import numpy as np
import pytest
from dataset_contract import DatasetContract

from mhbench.columns import JointFlag
from mhbench.conversion.pipeline import convert
from mhbench.datasets import crowdpose
from mhbench.datasets.image_blocks import BLOCK
from mhbench.datasets.items import Selection
from mhbench.errors import InputError, UnsafeInputError, UsageError
from mhbench.frames import concatenate
from mhbench.metrics import keypoint_ap
from mhbench.shards import layout, open_shards
from mhbench.shards.index import read_index
from mhbench.shards.tables import open_file
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw.crowdpose import write
from mhbench.synthetic.scenes import scene

OUT, LABELLED, VISIBLE = JointFlag.OUT_OF_IMAGE, JointFlag.LABELLED_2D, JointFlag.VISIBLE
OCCLUDED = JointFlag.OCCLUDED
KINDS = {0: 0, 1: LABELLED | OCCLUDED, 2: LABELLED | VISIBLE}


@pytest.fixture(scope="session")
def small_scene():
    return scene(frames=3, people=4, motion="crowd", cameras=("0", "1"), size=(320, 200))


@pytest.fixture
def tree(tmp_path, small_scene):
    """A raw tree without images, old or new."""

    def make(name="raw", **options):
        return write(small_scene, tmp_path / name, images=False, **options).folder

    return make


def content_of(raw, split="val"):
    return json.loads((raw / "json" / f"crowdpose_{split}.json").read_text())


def rewrite(raw, content, split="val"):
    (raw / "json" / f"crowdpose_{split}.json").write_text(json.dumps(content))


def read_all(raw, selection=None):
    chosen = selection or Selection()
    return {
        f"{item.split}/{item.name}": crowdpose.read(raw, item, chosen)[0]
        for item in crowdpose.items(raw, chosen)
    }


def read_split(raw, split="val"):
    return concatenate(list(read_all(raw, Selection(splits=(split,))).values()))


def person(image=100001, number=1, v=(2,) * 14, **changes):
    joints = np.column_stack([np.arange(14) * 5 + 10, np.arange(14) * 4 + 20, v])
    joints[joints[:, 2] == 0] = 0
    entry = {
        "num_keypoints": int(np.sum(joints[:12, 2] > 0)),
        "iscrowd": 0,
        "keypoints": joints.ravel().tolist(),
        "image_id": image,
        "bbox": [5, 10.5, 80, 90],
        "category_id": 1,
        "id": number,
    }
    return {**entry, **changes}


def image(number=100001, **changes):
    entry = {"file_name": f"{number}.jpg", "id": number, "height": 240, "width": 320, "crowdIndex": 0.1}
    return {**entry, **changes}


def by_hand(tmp_path, images, people, split="val"):
    (tmp_path / "json").mkdir(exist_ok=True)
    rewrite(tmp_path, {"images": images, "annotations": people, "categories": []}, split)
    return tmp_path


def coco_of(tables):
    """The ground truth of the shards as a COCO dictionary."""
    images, people = [], []
    for table in tables:
        columns = [table.frames[name].tolist() for name in ("image_id", "crowd_index")]
        images += [{"id": one, "crowdIndex": index} for one, index in zip(*columns, strict=True)]
        joints, flags = table.persons["joints2d"].astype(np.float64), table.persons["joint_flags"]
        owner = table.frames["image_id"][table.frame_of_person]
        for row in range(table.person_count):
            v = np.where(flags[row] & VISIBLE, 2, np.where(flags[row] & LABELLED, 1, 0))
            keypoints = np.column_stack([np.nan_to_num(joints[row]), v]).ravel().tolist()
            plain = {name: table.persons[name][row].tolist() for name in ("bbox", "num_keypoints", "iscrowd")}
            number = int(table.persons["annotation_id"][row])
            people.append(
                {"id": number, "image_id": int(owner[row]), "keypoints": keypoints, "category_id": 1, **plain}
            )
    return {"images": images, "annotations": people}


def random_detections(truth, seed=0):
    """Two noisy detections for most people, and some of nobody, with ties of scores."""
    random = np.random.default_rng(seed)
    found = []
    for entry in truth["annotations"]:
        joints = np.array(entry["keypoints"], dtype=float).reshape(-1, 3)
        if random.random() < 0.2 or not joints[:, 2].any():
            continue
        for spread in random.choice([1.0, 4.0, 12.0, 40.0], size=2):
            noisy = joints + np.column_stack([random.normal(0, spread, (len(joints), 2)), joints[:, 2] * 0])
            score = float(round(random.random(), 2))
            found.append({"image_id": entry["image_id"], "category_id": 1, "score": score})
            found[-1]["keypoints"] = noisy.ravel().tolist()
    return found


class TestContract(DatasetContract):
    dataset = "crowdpose"

    @pytest.fixture
    def raw(self, tree):
        return tree()

    @pytest.fixture
    def expected(self, raw):
        counts = {}
        for split in ("train", "val", "test"):
            content = content_of(raw, split)
            ids = sorted(one["id"] for one in content["images"])
            counts[f"{split}/{ids[0]:09d}-{ids[-1]:09d}"] = (len(ids), len(content["annotations"]))
        return counts


class TestContractOfRealFiles(DatasetContract):
    dataset = "crowdpose"

    @pytest.fixture
    def raw(self, samples):
        return samples / "crowdpose"

    @pytest.fixture
    def expected(self):
        return {"val/000100018-000110014": (1000, 5903), "val/000110017-000119953": (1000, 2624)}


def test_crowdpose_real_counts(samples):
    table = read_split(samples / "crowdpose")
    assert (table.frame_count, table.person_count) == (2000, 8527)
    crowd, joints = table.persons["iscrowd"], table.persons["num_keypoints"]
    assert crowd.sum() == 106
    assert ((crowd == 0) & (joints > 0)).sum() == 7074
    level = np.digitize(table.frames["crowd_index"], [0.2, 0.8])
    assert np.bincount(level).tolist() == [411, 1240, 349]
    flags = table.persons["joint_flags"]
    assert [(flags & bit > 0).sum() for bit in (VISIBLE, OCCLUDED, OUT)] == [27041, 51590, 9]
    assert np.isnan(table.persons["joints2d"][..., 0]).sum() == 40747


def test_crowdpose_columns_are_those_of_the_file(tree):
    raw = tree()
    for split in ("train", "val", "test"):
        content, table = content_of(raw, split), read_split(raw, split)
        assert table.frames["image_id"].tolist() == sorted(one["id"] for one in content["images"])
        assert table.frames["id"][0] == f"{split}/0/{table.frames['image_id'][0]}"
        assert table.frames["image"][0] == f"images/{table.frames['image_id'][0]}.jpg"
        images = {one["id"]: one for one in content["images"]}
        for row, number in enumerate(table.frames["image_id"].tolist()):
            one = images[number]
            size = (table.frames["width"][row], table.frames["height"][row], table.frames["crowd_index"][row])
            assert size == (one["width"], one["height"], one["crowdIndex"])
            people = [entry for entry in content["annotations"] if entry["image_id"] == number]
            rows = table.people(row)
            assert table.persons["annotation_id"][rows].tolist() == [entry["id"] for entry in people]
            for entry, person_row in zip(people, range(rows.start, rows.stop), strict=True):
                assert table.persons["bbox"][person_row].tolist() == entry["bbox"]
                assert table.persons["iscrowd"][person_row] == entry["iscrowd"]
                assert table.persons["num_keypoints"][person_row] == entry["num_keypoints"]
                joints = np.array(entry["keypoints"]).reshape(14, 3)
                labelled = joints[:, 2] > 0
                found = table.persons["joints2d"][person_row]
                np.testing.assert_array_equal(found[labelled], joints[labelled, :2])
                assert np.isnan(found[~labelled]).all()
                flags = table.persons["joint_flags"][person_row]
                assert flags.tolist() == [KINDS[v] for v in joints[:, 2]]
    assert skeleton(table.skeleton).joints == tuple(content["categories"][0]["keypoints"])


def test_crowdpose_score_through_the_shards_is_that_of_the_file(samples, tmp_path):
    raw, path = samples / "crowdpose", samples / "crowdpose" / "json" / "crowdpose_val.json"
    report = convert("crowdpose", raw, tmp_path, engine="serial")
    assert not report.failures
    detections = random_detections(json.loads(path.read_text()))
    expected = keypoint_ap(path, detections, convention="crowdpose")
    assert 0.1 < expected["ap"] < 0.9
    assert len({expected["ap_easy"], expected["ap_medium"], expected["ap_hard"]}) == 3
    truth = coco_of(open_shards(tmp_path).tables())
    assert keypoint_ap(truth, detections, convention="crowdpose") == expected


def test_crowdpose_shards_say_why_they_have_no_heatmaps(tree, tmp_path):
    report = convert("crowdpose", tree(), tmp_path / "out", engine="serial")
    assert not report.failures
    for path in report.folder.rglob("*.h5"):
        with open_file(path) as file:
            assert "has no heatmap grid" in layout.attribute(file["heatmaps"], "reason")


@pytest.mark.parametrize("place", ["annotations", "."])
def test_crowdpose_annotations_are_found_where_users_keep_them(tree, place):
    raw = tree()
    expected = read_all(raw)
    (raw / place).mkdir(exist_ok=True)
    for path in list((raw / "json").iterdir()):
        path.rename(raw / place / f"mmpose_{path.name}" if "test" in path.name else raw / place / path.name)
    found = read_all(raw)
    assert found.keys() == expected.keys()
    for name, table in found.items():
        np.testing.assert_array_equal(table.persons["bbox"], expected[name].persons["bbox"])


def test_crowdpose_a_second_copy_is_told_and_not_read(tree):
    raw = tree()
    (raw / "crowdpose_val.json").write_text("{")
    told = [one.detail for one in crowdpose.inventory(raw) if one.part == "annotations of val"]
    assert "crowdpose_val.json is not read" in told[0]
    assert read_all(raw)


def test_crowdpose_blocks_are_thousands_of_ascending_ids_whatever_is_selected(tmp_path):
    ids = np.random.default_rng(0).permutation(2 * BLOCK + 5) * 3 + 100000
    raw = by_hand(tmp_path, [image(int(one)) for one in ids], [person(int(one), int(one)) for one in ids])
    names = ["000100000-000102997", "000103000-000105997", "000106000-000106012"]
    for selection in (Selection(), Selection(limit=2), Selection(every=7)):
        assert [item.name for item in crowdpose.items(raw, selection)] == names
    assert [item.frames_available for item in crowdpose.items(raw, Selection())] == [BLOCK, BLOCK, 5]
    limited = read_all(raw, Selection(every=7, limit=2))
    assert limited[f"val/{names[1]}"].frames["image_id"].tolist() == [103012, 103033]


def test_crowdpose_frame_lists_choose_images_and_tell_once_what_is_absent(tmp_path):
    ids = range(100000, 100000 + 2 * BLOCK + 5)
    raw = by_hand(tmp_path, [image(one) for one in ids], [person(one, one) for one in ids])
    by_hand(raw, [image(7)], [person(7)], "train")
    chosen = Selection(frame_lists={"val": (7, 100001, 101999, 109999)})
    report = []
    kept = []
    for item in crowdpose.items(raw, chosen):
        assert item.split == "val"
        table, left_out = crowdpose.read(raw, item, chosen)
        kept += table.frames["image_id"].tolist()
        report += left_out
    assert kept == [100001, 101999]
    assert sum(entry.frames for entry in report) == 2
    only = Selection(frame_lists={"val": (100001,)})
    assert [item.name for item in crowdpose.items(raw, only)] == ["000100000-000100999"]


def test_crowdpose_the_file_is_parsed_once_for_all_its_blocks(tmp_path, monkeypatch):
    ids = range(100000, 100000 + 3 * BLOCK)
    raw = by_hand(tmp_path, [image(one) for one in ids], [])
    found = crowdpose.items(raw, Selection())
    monkeypatch.setattr("mhbench.datasets.raw.coco_people.read_json", None)
    for item in found:
        assert crowdpose.read(raw, item, Selection())[0].frame_count == BLOCK


def test_crowdpose_a_changed_file_is_read_again(tmp_path):
    raw = by_hand(tmp_path, [image()], [person()])
    assert read_split(raw).person_count == 1
    by_hand(tmp_path, [image()], [person(), person(number=2)])
    assert read_split(raw).person_count == 2


def test_crowdpose_wrong_selections_name_what_there_is(tree):
    raw = tree()
    for selection in (
        Selection(splits=("validation",)),
        Selection(sequences=("seq_1",)),
        Selection(cameras=("1",)),
    ):
        with pytest.raises(UsageError, match="there is no"):
            crowdpose.items(raw, selection)
    with pytest.raises(InputError, match="holds no annotations"):
        crowdpose.items(raw / "images", Selection())
    assert not any(one.present for one in crowdpose.inventory(raw / "images"))
    assert [one.needed for one in crowdpose.inventory(raw / "images")][-2]


@pytest.mark.parametrize(
    ("images", "people", "words"),
    [
        ([image(), image()], [], "two images have the id 100001 - at $.images[1].id"),
        ([image()], [person(), person(5)], "there is no image 5 - at $.annotations[1].image_id"),
        ([image(width=0)], [], ">= 1 - at $.images[0].width"),
        ([image(height=2**40)], [], "<= 1000000 - at $.images[0].height"),
        ([image(), image(id=2**80)], [], "- at $.images[1].id"),
        ([image(id=-1)], [], "the id -1 - at $.images[0].id"),
        ([image()], [person(number=2**70)], "- at $.annotations[0].id"),
        ([image()], [person(keypoints=[1e30, 2, 2] * 14)], "<= 1000000.0 - at $.annotations[0].keypoints[0]"),
        ([image()], [person(v=(3,) * 14)], "v is 3 - at $.annotations[0].keypoints[2]"),
        ([image()], [person(keypoints=[1, 2, 2] * 17)], "51 numbers - at $.annotations[0].keypoints"),
        ([image()], [person(bbox=[1, 2, 3])], "- at $.annotations[0].bbox"),
        ([image()], [person(category_id=2)], "- at $.annotations[0].category_id"),
        ([image()], [person(iscrowd=None)], "- at $.annotations[0].iscrowd"),
        ([{"id": 1}], [], "- at $.images[0]"),
    ],
)
def test_crowdpose_faults_are_named_with_their_place(tmp_path, images, people, words):
    raw = by_hand(tmp_path, images, people)
    with pytest.raises(InputError) as caught:
        read_split(raw)
    assert "crowdpose_val.json" in caught.value.what
    assert words in caught.value.what
    assert caught.value.expected
    assert caught.value.action
    found = next(one for one in crowdpose.inventory(raw) if one.part == "annotations of val")
    assert not found.present
    assert words in found.detail


def test_crowdpose_a_file_name_cannot_leave_the_folder(tmp_path):
    raw = by_hand(tmp_path, [image(file_name="../../etc/passwd")], [])
    with pytest.raises(UnsafeInputError, match="outside its folder"):
        read_split(raw)


def test_crowdpose_cut_files_say_so_and_cost_only_their_split(tree, tmp_path):
    raw = tree()
    path = raw / "json" / "crowdpose_val.json"
    whole = path.read_text()
    path.write_text(whole[:1000])
    with pytest.raises(InputError, match="ends in the middle"):
        read_split(raw)
    report = convert("crowdpose", raw, tmp_path, engine="serial")
    assert list(report.failures) == ["val/crowdpose_val"]  # and the other splits are converted
    assert {name.partition("/")[0] for name in report.results} == {"train", "test"}
    path.write_text(whole)
    assert not convert("crowdpose", raw, tmp_path, engine="serial").failures
    assert not read_index(tmp_path / "crowdpose").failed


def test_crowdpose_trap_1_num_keypoints_is_never_recomputed(tmp_path, samples):
    only_head = person(v=(0,) * 12 + (2, 1))
    raw = by_hand(tmp_path, [image()], [only_head])
    table = read_split(raw)
    assert table.persons["num_keypoints"].tolist() == [0]
    assert (table.persons["joint_flags"] & LABELLED > 0).sum() == 2
    real = read_split(samples / "crowdpose")
    labelled = real.persons["joint_flags"] & LABELLED > 0
    np.testing.assert_array_equal(real.persons["num_keypoints"], labelled[:, :12].sum(axis=1))
    assert (labelled[:, 12:].any(axis=1) & (real.persons["num_keypoints"] == 0)).sum() == 954


def test_crowdpose_trap_2_the_limbs_in_the_file_are_not_used(tree):
    raw = tree()
    limbs = content_of(raw)["categories"][0]["skeleton"]
    assert max(max(limb) for limb in limbs) == 17
    s = skeleton(read_split(raw).skeleton)
    assert len(s) == 14
    assert max(max(limb) for limb in s.limbs) == 13


def test_crowdpose_trap_3_swapped_sizes_are_put_right_and_told(tree):
    new, old = tree(), tree("old", swapped=True, union=True)
    for split in ("train", "val", "test"):
        one, other = read_split(new, split), read_split(old, split)
        for name in ("width", "height"):
            np.testing.assert_array_equal(one.frames[name], other.frames[name])
        np.testing.assert_array_equal(one.persons["joint_flags"], other.persons["joint_flags"])
        (item,) = crowdpose.items(old, Selection(splits=(split,)))
        notes = crowdpose.read(old, item, Selection())[1]
        assert [entry.frames for entry in notes] == ([] if split == "val" else [0])
        assert all("width and height are swapped" in entry.reason for entry in notes)
    report = str(convert("crowdpose", old, new.parent / "out", engine="serial"))
    assert "note: width and height are swapped in json/crowdpose_train.json" in report
    assert "left out" not in report
    told = {one.part: one.detail for one in crowdpose.inventory(old)}
    assert "are swapped" in told["annotations of test"]
    assert "are swapped" not in told["annotations of val"]


def test_crowdpose_trap_3_one_box_beyond_its_image_is_no_swapped_file(tmp_path):
    images = [image(one, width=200, height=100) for one in (1, 2, 3)]
    wide, tall = [0, 0, 180, 50], [0, 0, 50, 180]
    people = [person(1, 1, bbox=wide), person(2, 2, bbox=wide), person(3, 3, bbox=tall)]
    assert read_split(by_hand(tmp_path, images, people)).frames["width"].tolist() == [200] * 3
    # a union of an old and a new file: an image that fits only as it is stays as it is
    people[1]["bbox"] = tall
    assert read_split(by_hand(tmp_path, images, people)).frames["width"].tolist() == [200, 100, 100]


def test_crowdpose_trap_4_there_is_no_area_and_scoring_needs_none(tree):
    table = read_split(tree())
    assert "area" not in table.persons
    truth = coco_of([table])
    perfect = [
        {key: entry[key] for key in ("image_id", "keypoints")} | {"score": 0.5, "category_id": 1}
        for entry in truth["annotations"]
        if entry["num_keypoints"]
    ]
    assert keypoint_ap(truth, perfect, convention="crowdpose")["ap"] == pytest.approx(1)


def test_crowdpose_trap_5_the_levels_can_be_scored_from_the_shards(tmp_path):
    # three images, one of each level; only the hard one is detected
    images = [image(1, crowdIndex=0.19), image(2, crowdIndex=0.2), image(3, crowdIndex=3.02)]
    people = [person(one, one) for one in (1, 2, 3)]
    truth = coco_of([read_split(by_hand(tmp_path, images, people))])
    found = [{"image_id": 3, "keypoints": person()["keypoints"], "score": 1.0, "category_id": 1}]
    scores = keypoint_ap(truth, found, convention="crowdpose")
    assert [scores[f"ap_{level}"] for level in ("easy", "medium", "hard")] == [0, 0, 1]


def test_crowdpose_trap_6_no_image_is_left_out(samples):
    table = read_split(samples / "crowdpose")
    flags, joints = table.persons["joint_flags"], table.persons["joints2d"]
    sums = (np.where(flags & VISIBLE, 2, 0) + np.where(flags & OCCLUDED, 1, 0)).sum(axis=1)
    packed = 0
    for frame in range(table.frame_count):
        rows = table.people(frame)
        best = rows.start + int(np.argmax(sums[rows]))
        y = joints[best, flags[best] & LABELLED > 0, 1]
        packed += bool(sums[best] > 2 and np.ptp(y) > 40)
    assert (packed, table.frame_count) == (1997, 2000)


def test_crowdpose_trap_7_ap_at_one_threshold_is_another_number(tree):
    raw = tree()
    detections = random_detections(content_of(raw, "train"))
    scores = keypoint_ap(coco_of([read_split(raw, "train")]), detections, convention="crowdpose")
    assert scores["ap50"] > scores["ap"]


def test_crowdpose_trap_8_the_union_is_converted_only_when_it_is_asked_for(tree):
    raw = tree(union=True)
    assert {item.split for item in crowdpose.items(raw, Selection())} == {"train", "val", "test"}
    told = [one.detail for one in crowdpose.inventory(raw) if one.part == "annotations of trainval"]
    assert "the union of train and val, converted only with --split trainval" in told[0]
    union = read_split(raw, "trainval")
    parts = [read_split(raw, split) for split in ("train", "val")]
    images = [number for part in parts for number in part.frames["image_id"].tolist()]
    assert union.frames["image_id"].tolist() == sorted(images)
    assert union.person_count == sum(part.person_count for part in parts)
    for split in ("train", "val", "test"):
        (raw / "json" / f"crowdpose_{split}.json").unlink()
    with pytest.raises(UsageError, match="only the split trainval") as caught:
        crowdpose.items(raw, Selection())
    assert "--split trainval" in caught.value.action


def test_crowdpose_the_written_file_has_the_keys_of_the_real_one(tree, samples):
    def shape(content):
        return (
            list(content),
            {key: type(value).__name__ for key, value in content["categories"][0].items()},
            {key: {type(one[key]).__name__ for one in content["images"]} for key in content["images"][0]},
            sorted(content["annotations"][0]),
            {type(number).__name__ for one in content["annotations"] for number in one["bbox"]},
            {type(number).__name__ for one in content["annotations"] for number in one["keypoints"]},
            {len(one["keypoints"]) for one in content["annotations"]},
            {one["iscrowd"] for one in content["annotations"]},
        )

    real = json.loads((samples / "crowdpose" / "json" / "crowdpose_val.json").read_text())
    assert shape(content_of(tree(), "train")) == shape(real)
    for one in content_of(tree("other"), "test")["annotations"]:
        joints = np.array(one["keypoints"]).reshape(14, 3)
        assert one["num_keypoints"] == np.sum(joints[:12, 2] > 0)
        assert not joints[joints[:, 2] == 0].any()


def test_crowdpose_images_are_written_with_their_people(tmp_path, small_scene):
    from PIL import Image

    written = write(small_scene, tmp_path / "raw")
    (item, *_) = crowdpose.items(written.folder, Selection())
    table, _ = crowdpose.read(written.folder, item, Selection())
    for name, width, height in zip(*(table.frames[key] for key in ("image", "width", "height")), strict=True):
        with Image.open(written.folder / name) as opened:
            assert opened.size == (width, height)
