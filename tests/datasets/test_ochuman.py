from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from dataset_contract import DatasetContract

from mhbench.columns import JointFlag
from mhbench.datasets import ochuman
from mhbench.datasets.items import Selection
from mhbench.errors import InputError, UsageError
from mhbench.frames import concatenate
from mhbench.metrics import keypoint_ap
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw.ochuman import write
from mhbench.synthetic.scenes import scene

LABELLED, VISIBLE, OCCLUDED = JointFlag.LABELLED_2D, JointFlag.VISIBLE, JointFlag.OCCLUDED
SELF = JointFlag.SELF_OCCLUDED
JOINTS = skeleton("coco_17").joints
NAMES = [*JOINTS, "head", "neck"]


@pytest.fixture(scope="session")
def small_scene():
    return scene(frames=4, people=5, motion="crowd", cameras=("0", "1"), size=(320, 200))


@pytest.fixture
def tree(tmp_path, small_scene):
    def make(form, name="raw", **options):
        return write(small_scene, tmp_path / name, images=False, form=form, **options).folder

    return make


def read_split(raw, split="val", selection=None):
    chosen = selection or Selection(splits=(split,))
    return concatenate([ochuman.read(raw, item, chosen)[0] for item in ochuman.items(raw, chosen)])


def coco_content(raw, split="val"):
    return json.loads((raw / "annotations" / ochuman.COCO_FORM.format(split=split)).read_text())


def native_person(sights=(1,) * 19, **changes):
    marks = np.column_stack([np.arange(19) * 3, np.arange(19) * 2, sights])
    entry = {
        "bbox": [10, 20, 110, 220],
        "keypoints": marks.ravel().tolist(),
        "segms": {"outer": [], "inner": [], "height": 240, "width": 320},
        "max_iou": 0.6,
    }
    return {**entry, **changes}


def write_native(tmp_path, people, **changes):
    """`ochuman.json` with one image for each list of people."""
    images = [
        {
            "image_id": f"{n:06d}",
            "file_name": f"{n:06d}.jpg",
            "width": 320,
            "height": 240,
            "annotations": found,
        }
        for n, found in enumerate(people)
    ]
    content = {
        "keypoint_names": NAMES,
        "keypoint_visible": {"missing": 0, "vis": 1, "self_occluded": 2, "others_occluded": 3},
        "images": images,
    }
    (tmp_path / "ochuman.json").write_text(json.dumps({**content, **changes}))
    return tmp_path


@pytest.fixture
def real(samples, tmp_path):
    """The real excerpt under the official name."""
    raw = tmp_path / "real"
    shutil.copytree(samples / "ochuman" / "images", raw / "images")
    shutil.copy(samples / "ochuman" / "test_ochuman.json", raw / ochuman.COCO_FORM.format(split="test"))
    return raw


class TestContractOfTheCocoForm(DatasetContract):
    dataset = "ochuman"

    @pytest.fixture
    def raw(self, tree):
        return tree("coco")

    @pytest.fixture
    def expected(self, raw):
        counts = {}
        for split in ("val", "test"):
            content = coco_content(raw, split)
            images = len(content["images"])
            counts[f"{split}/{1:09d}-{images:09d}"] = (images, len(content["annotations"]))
        return counts


class TestContractOfTheNativeForm(DatasetContract):
    dataset = "ochuman"

    @pytest.fixture
    def raw(self, tmp_path):
        hidden = native_person((2,) * 10 + (3,) * 5 + (0,) * 4)
        return write_native(tmp_path, [[native_person()], [], [hidden, native_person(), hidden]])

    @pytest.fixture
    def expected(self):
        return {"val/000000001-000000002": (2, 4)}


class TestContractOfRealFiles(DatasetContract):
    dataset = "ochuman"

    @pytest.fixture
    def raw(self, real):
        return real

    @pytest.fixture
    def expected(self):
        return {"test/000000001-000000003": (3, 5)}


def test_ochuman_real_values(real):
    table = read_split(real, "test")
    content = json.loads((real / ochuman.COCO_FORM.format(split="test")).read_text())
    flags = table.persons["joint_flags"]
    assert [(flags & bit > 0).sum() for bit in (LABELLED, VISIBLE, OCCLUDED)] == [73, 66, 7]
    assert table.frames["image"].tolist() == [f"images/{n}.jpg" for n in ("003799", "000817", "003896")]
    assert table.frames["width"].tolist() == [900, 665, 602]
    assert table.frames["height"].tolist() == [864, 1000, 900]
    for name in ("bbox", "area", "num_keypoints", "iscrowd"):
        assert table.persons[name].tolist() == [one[name] for one in content["annotations"]]
    assert np.isnan(table.persons["max_iou"]).all()
    joints = np.array([one["keypoints"] for one in content["annotations"]]).reshape(5, 17, 3)
    labelled = joints[..., 2] > 0
    np.testing.assert_array_equal(
        table.persons["joints2d"][labelled], joints[labelled][:, :2].astype(np.float32)
    )
    assert np.isnan(table.persons["joints2d"][~labelled]).all()


def test_ochuman_real_images_have_the_size_of_the_file(real):
    from PIL import Image

    table = read_split(real, "test")
    columns = (table.frames[key] for key in ("image", "width", "height"))
    for name, width, height in zip(*columns, strict=True):
        with Image.open(real / name) as image:
            assert image.size == (width, height)


def test_ochuman_real_score_from_the_table_is_that_of_the_file(real):
    path = real / ochuman.COCO_FORM.format(split="test")
    random = np.random.default_rng(0)
    detections = []
    for entry in json.loads(path.read_text())["annotations"]:
        joints = np.array(entry["keypoints"], dtype=float).reshape(17, 3)
        joints[:, :2] += random.normal(0, 25, (17, 2))
        detections.append({"image_id": entry["image_id"], "category_id": 1, "score": float(random.random())})
        detections[-1]["keypoints"] = joints.ravel().tolist()
    expected = keypoint_ap(path, detections, convention="ochuman")
    table = read_split(real, "test")
    truth = {"images": [{"id": one} for one in table.frames["image_id"].tolist()], "annotations": []}
    owner = table.frames["image_id"][table.frame_of_person].tolist()
    for row, image in enumerate(owner):
        v = np.where(table.persons["joint_flags"][row] > 0, 2, 0)
        keypoints = np.column_stack([np.nan_to_num(table.persons["joints2d"][row]), v])
        names = ("bbox", "area", "num_keypoints", "iscrowd")
        plain = {name: table.persons[name][row].tolist() for name in names}
        number = int(table.persons["annotation_id"][row])
        entry = {"id": number, "image_id": image, "keypoints": keypoints.ravel().tolist(), **plain}
        truth["annotations"].append(entry)
    found = keypoint_ap(truth, detections, convention="ochuman")
    assert 0.2 < expected["ap"] < 1
    assert found == pytest.approx(expected, abs=1e-9)


def test_ochuman_both_forms_give_the_same_people_with_the_same_ids(tree):
    native, coco = tree("native"), tree("coco", "coco", val=1.0)
    (coco / "annotations" / ochuman.COCO_FORM.format(split="test")).unlink()
    one, other = read_split(native), read_split(coco)
    assert one.person_count > 10
    for name in ("id", "image", "image_id", "width", "height"):
        np.testing.assert_array_equal(one.frames[name], other.frames[name])
    np.testing.assert_array_equal(one.person_start, other.person_start)
    for name in ("annotation_id", "joints2d", "bbox", "area", "num_keypoints", "iscrowd"):
        np.testing.assert_array_equal(one.persons[name], other.persons[name])
    assert np.isnan(other.persons["max_iou"]).all()
    assert ((one.persons["max_iou"] > 0) & (one.persons["max_iou"] < 1)).all()
    seen, said = one.persons["joint_flags"], other.persons["joint_flags"]
    np.testing.assert_array_equal(seen & (VISIBLE | SELF) > 0, said & VISIBLE > 0)
    np.testing.assert_array_equal(seen & OCCLUDED, said & OCCLUDED)
    assert (seen & SELF > 0).any()


def test_ochuman_the_coco_form_comes_first(tree):
    assert np.isnan(read_split(tree("both")).persons["max_iou"]).all()


def test_ochuman_native_joints_are_found_by_name_and_flags_by_word(tmp_path):
    sights = [0, 1, 2, 3] + [1] * 15
    table = read_split(
        write_native(
            tmp_path,
            [[native_person(sights)]],
            keypoint_names=NAMES[::-1],
            keypoint_visible={"vis": 0, "self_occluded": 1, "others_occluded": 2, "missing": 3},
        )
    )
    # the joint with the number n of the file stands at 18 - n
    s = skeleton("coco_17")
    flags = dict(zip(s.joints, table.persons["joint_flags"][0].tolist(), strict=True))
    ankle, knee = flags["right_ankle"], flags["left_knee"]
    assert ankle == LABELLED | OCCLUDED  # number 2
    assert flags["left_ankle"] == 0  # number 3: missing
    assert knee == LABELLED | SELF  # number 5: 1
    np.testing.assert_array_equal(table.persons["joints2d"][0, s.index("right_ankle")], [6, 4])
    assert np.isnan(table.persons["joints2d"][0, s.index("left_ankle")]).all()
    assert table.persons["num_keypoints"][0] == 16
    assert table.persons["bbox"][0].tolist() == [10, 20, 100, 200]
    assert table.persons["area"][0] == 20000


def test_ochuman_native_people_without_joints_or_mask_are_in_no_split_and_told(tmp_path):
    raw = write_native(
        tmp_path,
        [
            [native_person(segms=None), native_person(keypoints=None)],
            [native_person(max_iou=1.0)],
            [native_person(), native_person(keypoints=None), native_person(max_iou=0.8)],
        ],
    )
    (item,) = ochuman.items(raw, Selection())
    table, notes = ochuman.read(raw, item, Selection())
    assert table.frames["id"].tolist() == ["val/0/1"]
    assert table.frames["image"].tolist() == ["images/000002.jpg"]
    assert table.persons["max_iou"].tolist() == [0.6, 0.8]
    assert [entry.frames for entry in notes] == [0]
    assert "2 images and 4 people without" in notes[0].reason


def test_ochuman_native_val_is_the_first_2500_images_and_test_the_rest(tmp_path):
    bare = native_person(keypoints=None, segms=None)
    raw = write_native(tmp_path, [[bare]] + [[native_person()]] * 2503)
    found = [(item.split, item.name, item.frames_available) for item in ochuman.items(raw, Selection())]
    assert found == [
        ("test", "000000001-000000003", 3),
        ("val", "000000001-000001000", 1000),
        ("val", "000001001-000002000", 1000),
        ("val", "000002001-000002500", 500),
    ]
    table = read_split(raw, "test")
    assert table.frames["image"].tolist() == [f"images/{n:06d}.jpg" for n in (2501, 2502, 2503)]
    assert table.persons["annotation_id"].tolist() == [1, 2, 3]


def test_ochuman_the_inventory_tells_what_differs_from_the_release(tree, tmp_path):
    told = {one.part: one for one in ochuman.inventory(tree("coco"))}
    assert "the release of June 2019 has 2500 images" in told["annotations of val"].detail
    assert not told["images"].present
    assert not told["images"].needed
    (tmp_path / "none").mkdir()
    assert not any(one.present for one in ochuman.inventory(tmp_path / "none"))
    with pytest.raises(InputError, match="holds no annotations of OCHuman"):
        ochuman.items(tmp_path / "none", Selection())


def test_ochuman_a_wrong_split_is_named(tree):
    with pytest.raises(UsageError, match="there is no split 'train'"):
        ochuman.items(tree("coco"), Selection(splits=("train",)))


@pytest.mark.parametrize(
    ("people", "changes", "words"),
    [
        (
            [[native_person(keypoints=[1, 2, 1])]],
            {},
            "has 3 numbers - at $.images[0].annotations[0].keypoints",
        ),
        (
            [[native_person((7,) * 19)]],
            {},
            "a visibility that $.keypoint_visible does not list - at $.images[0].annotations[0].keypoints",
        ),
        ([[native_person()]], {"keypoint_names": NAMES[1:]}, "no joint 'nose' - at $.keypoint_names"),
        ([[native_person()]], {"keypoint_visible": {"vis": 1}}, "- at $.keypoint_visible"),
        ([[native_person(bbox=[1, 2])]], {}, "- at $.images[0].annotations[0].bbox"),
    ],
)
def test_ochuman_faults_of_the_native_form_are_named(tmp_path, people, changes, words):
    raw = write_native(tmp_path, people, **changes)
    with pytest.raises(InputError) as caught:
        read_split(raw)
    assert "ochuman.json" in caught.value.what
    assert words in caught.value.what
    assert words in ochuman.inventory(raw)[0].detail


def test_ochuman_the_written_coco_form_has_the_keys_of_the_real_one(tree, samples):
    real = json.loads((samples / "ochuman" / "test_ochuman.json").read_text())
    made = coco_content(tree("coco"))
    assert set(made) == set(real) - {"info"}
    for key in ("images", "annotations", "categories"):
        assert set(made[key][0]) == set(real[key][0])
    assert made["categories"][0]["keypoints"] == real["categories"][0]["keypoints"]
    assert {type(number).__name__ for one in made["annotations"] for number in one["bbox"]} == {"int"}


def test_ochuman_images_are_written(tmp_path, small_scene):
    written = write(small_scene, tmp_path / "raw", form="both")
    table = read_split(written.folder)
    assert all((written.folder / name).is_file() for name in table.frames["image"].tolist())
