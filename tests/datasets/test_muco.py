from __future__ import annotations

import functools
import json
import shutil

import h5py
import numpy as np
import pytest
from dataset_contract import DatasetContract, three_parts
from scipy import io

from mhbench.columns import FRAME_COLUMNS, PERSON_COLUMNS, JointFlag
from mhbench.conversion.pipeline import convert
from mhbench.datasets import muco
from mhbench.datasets.items import Selection
from mhbench.datasets.manifest import dataset_manifest
from mhbench.datasets.muco_composites import read_sources
from mhbench.datasets.muco_release import places
from mhbench.errors import InputError, MissingInputError, UnsafeInputError, UsageError
from mhbench.shards import open_shards
from mhbench.skeletons import conversion, skeleton
from mhbench.synthetic.raw import mpi_inf_3dhp as source
from mhbench.synthetic.raw import muco as fake
from mhbench.synthetic.scenes import scene

OUT, IN_3D, IN_2D = JointFlag.OUT_OF_IMAGE, JointFlag.LABELLED_3D, JointFlag.LABELLED_2D
RELEASE = Selection(sequences=("augmented_set",))
AUTHORS = Selection(sequences=("augmented_set_001",))
COMPOSITES = 8


def make(folder, **options):
    """Eight composites in each of the two sets; the scene before the cameras, and what is in each image."""
    made = standing()
    fake.write(made, folder, images=False, **options)
    return source.as_filmed(made), fake.composites(made, 0)


@functools.cache
def standing():
    return scene(frames=COMPOSITES // 2, people=3, motion="stand", cameras=fake.CAMERAS, seed=3)


def read_one(raw, selection):
    item, *_ = muco.items(raw, selection)
    return muco.read(raw, item, selection)[0]


def release_path(raw):
    return raw / "data" / "MuCo-3DHP.json"


def chunk_path(raw, number=1):
    return raw / "augmented_set_001" / f"chunk_{number:05d}_annot.mat"


def change_release(raw, edit):
    content = json.loads(release_path(raw).read_text())
    edit(content)
    release_path(raw).write_text(json.dumps(content))


def change_chunk(raw, edit):
    content = {name: value for name, value in io.loadmat(chunk_path(raw)).items() if name[0] != "_"}
    edit(content)
    io.savemat(chunk_path(raw), content)


class Declared(DatasetContract):
    """The two forms differ in their columns; the manifest declares those of both."""

    dataset = "muco"
    extras: set[str] = set()  # noqa: RUF012 - never changed
    sets: set[str] = set()  # noqa: RUF012 - never changed

    def test_columns_are_known_or_declared(self, tables):
        manifest = dataset_manifest(self.dataset)
        assert self.extras <= set(manifest.extras)
        for table in tables.values():
            assert (table.dataset, table.lens) == (self.dataset, manifest.lens)
            extra = set(table.frames) - set(FRAME_COLUMNS) | set(table.persons) - set(PERSON_COLUMNS)
            assert extra == self.extras
            assert set(table.sets) == self.sets
            assert all(manifest.joint_sets[name] == one.skeleton for name, one in table.sets.items())
            for name in extra:
                declared = manifest.extras[name]
                assert table.persons[name].shape[1:] == declared.row
                assert table.persons[name].dtype == declared.dtype


class TestContractOfTheRelease(Declared):
    @pytest.fixture
    def raw(self, tmp_path):
        make(tmp_path)
        return tmp_path

    @pytest.fixture
    def expected(self):
        return {f"all/{name}.000000001-000000008": (8, 32) for name in fake.SETS}


class TestContractOfTheAuthorsForm(Declared):
    extras = {"source"}  # noqa: RUF012 - never changed
    sets = {"universal_root"}  # noqa: RUF012 - never changed

    @pytest.fixture
    def raw(self, tmp_path):
        make(tmp_path, form="authors", chunk=3)
        return tmp_path

    @pytest.fixture
    def expected(self):
        return {f"all/{name}_001.000000001-000000008": (8, 32) for name in fake.SETS}

    def test_splits_share_no_frame(self, tables):
        assert len({image for one in tables.values() for image in one.frames["image"].tolist()}) == 16


def test_muco_the_written_release_has_the_documented_layout(tmp_path):
    make(tmp_path)
    content = json.loads(release_path(tmp_path).read_text())
    assert set(content) == {"images", "annotations"}
    assert (len(content["images"]), len(content["annotations"])) == (16, 64)
    for image in content["images"]:
        assert set(image) == {"id", "file_name", "width", "height", "f", "c"}
        assert image["file_name"].split("/")[0] in {"augmented_set", "unaugmented_set"}
        assert [len(image[name]) for name in "fc"] == [2, 2]
    for person in content["annotations"]:
        sizes = {"bbox": (4,), "keypoints_img": (21, 2), "keypoints_cam": (21, 3), "keypoints_vis": (21,)}
        assert set(person) == {"id", "image_id", *sizes}
        assert {name: np.shape(person[name]) for name in sizes} == sizes
        assert 1000 < person["keypoints_cam"][14][2] < 9000  # millimetres


def test_muco_written_chunks_have_the_documented_layout(tmp_path):
    make(tmp_path, form="authors", chunk=7)
    for folder in ("augmented_set_001", "unaugmented_set_001"):
        first, last = (tmp_path / folder / f"chunk_0000{n}_annot.mat" for n in (1, 2))
        assert first.read_bytes().startswith(b"MATLAB 5.0")
        shapes = {"img_names": (1, 7), "joint_loc2": (2, 21, 4, 7), "joint_loc3": (3, 21, 4, 7)}
        content = io.loadmat(first)
        assert {name: value.shape for name, value in content.items() if name[0] != "_"} == shapes
        assert content["img_names"][0, 6].tolist() == ["000007.jpg"]
        assert content["joint_loc3"].dtype == np.float64
        assert not content["joint_loc3"][:, 14].any()
        # one image: MATLAB drops the last axis
        content = io.loadmat(last)
        shapes = {"img_names": (1, 1), "joint_loc2": (2, 21, 4), "joint_loc3": (3, 21, 4)}
        assert {name: value.shape for name, value in content.items() if name[0] != "_"} == shapes
        assert content["img_names"][0, 0].tolist() == ["000008.jpg"]
    with h5py.File(tmp_path / "sampled_dataset_info.mat") as file:
        cells = file["composite_info"]
        assert (cells.shape, cells.dtype) == ((4, 8), h5py.ref_dtype)
        vector = file[file[cells[0, 0]][0, 0]]
        assert vector.shape == (4, 1)
        assert vector[2, 0] in range(11)
    assert (tmp_path / "sampled_dataset_info.mat").read_bytes().startswith(b"MATLAB 7.3 MAT-file")


@pytest.mark.parametrize(("form", "selection"), [("release", RELEASE), ("authors", AUTHORS)])
def test_muco_a_synthetic_scene_comes_back(tmp_path, form, selection):
    filmed, composites = make(tmp_path, form=form)
    table = read_one(tmp_path, selection)
    for frame, composite in enumerate(composites):
        truth, camera = filmed.cameras[composite.camera], table.camera(frame)
        np.testing.assert_allclose(camera.K, truth.K, rtol=1e-6)
        assert (camera.width, camera.height) == (truth.width, truth.height)
        points = truth.to_camera(fake.composed(filmed, composite).joints("mpi_21")[0])
        here = table.people(frame)
        np.testing.assert_allclose(table.persons["joints3d"][here], points, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(table.persons["joints2d"][here], truth.project(points), rtol=1e-6)
        if form == "authors":
            scaled = source.universal(points, skeleton("mpi_21").joints)
            rooted = scaled - scaled[:, [14]]
            found = table.sets["universal_root"].columns["joints3d"][here]
            np.testing.assert_allclose(found, rooted, atol=1e-6)


def test_muco_without_its_sources_joints_are_relative_and_there_are_no_heatmaps(tmp_path):
    make(tmp_path / "raw", form="authors", sources=False)
    table = read_one(tmp_path / "raw", AUTHORS)
    assert not {"joints3d", "source"} & set(table.persons)
    assert "K" not in table.frames
    assert (table.persons["joint_flags"] & IN_3D == 0).all()
    assert (table.persons["joint_flags"] & IN_2D > 0).all()
    rooted = table.sets["universal_root"]
    assert (rooted.columns["joint_flags"] & IN_3D > 0).all()
    assert not rooted.columns["joints3d"][:, 14].any()
    report = convert("muco", tmp_path / "raw", tmp_path / "out", AUTHORS)
    (result,) = report.results.values()
    assert (result.drawn, result.reprojection) == (0, None)
    shard = tmp_path / "out" / "muco" / result.shard.path
    with h5py.File(shard) as file:
        assert file["heatmaps"].attrs["form"] == b"none"
        assert "joints3d" in file["heatmaps"].attrs["reason"].decode()
        assert file["sets/universal_root/joints3d"].shape == (32, 21, 3)
    told = {one.part: one for one in muco.inventory(tmp_path / "raw")}["true joints"]
    assert not told.present
    assert not told.needed
    assert "no sampled_dataset_info.mat and no MPI-INF-3DHP: joints are relative" in told.detail


def test_muco_chunks_that_keep_the_pelvis_are_another_joint_set(tmp_path):
    make(tmp_path, form="authors", sources=False)
    change_chunk(tmp_path, lambda content: content["joint_loc3"].__iadd__(10.0))
    table = read_one(tmp_path, AUTHORS)
    assert set(table.sets) == {"universal"}
    assert "joints3d" not in table.persons  # everybody has one height: no true size


def test_muco_people_stand_nearest_first_whatever_the_order_of_their_sources(tmp_path):
    make(tmp_path, form="authors")
    table = read_one(tmp_path, AUTHORS)
    depth = table.persons["joints3d"][:, 14, 2].reshape(-1, 4)
    assert (np.diff(depth, axis=1) >= 0).all()
    listed = read_sources(tmp_path / "sampled_dataset_info.mat", table.frames["index"])
    found = table.persons["source"].reshape(-1, 4, 4)
    assert not np.array_equal(found, listed)
    for one, other in zip(found.tolist(), listed.tolist(), strict=True):
        assert sorted(one) == sorted(other)


def test_muco_joints_are_taken_from_the_28_by_name():
    taken = [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6, 17, 12, 27, 22]
    np.testing.assert_array_equal(conversion("mpi_28", "mpi_21").indices, taken)


def test_muco_the_frame_of_a_source_is_the_row_of_the_annotation(tmp_path):
    """Images may have been extracted with numbers from 1; poses are found by the row from 0 all the same."""
    filmed, composites = make(tmp_path, form="authors")
    table = read_one(tmp_path, AUTHORS)
    for frame, composite in enumerate(composites):
        found = table.persons["source"][table.people(frame)]
        np.testing.assert_array_equal(found[:, 3], composite.poses[:, 1])
        np.testing.assert_array_equal(found[:, 0], composite.poses[:, 0] // 2 + 1)
        np.testing.assert_array_equal(found[:, 2], int(composite.camera))
    assert filmed.frames == composites[0].poses[:, 1].max(initial=3) + 1


def test_muco_sources_of_another_run_are_noticed(tmp_path):
    make(tmp_path, form="authors", chunk=3)
    path = tmp_path / "sampled_dataset_info.mat"
    with h5py.File(path, "r+") as file:
        file["composite_info"][:, 5] = file["composite_info"][:, 6]
    with pytest.raises(InputError, match=r"image 6 are up to \d+ px away") as caught:
        read_one(tmp_path, AUTHORS)
    three_parts(caught.value)


def test_muco_mpi_inf_3dhp_may_lie_in_the_raw_root_or_beside_it(tmp_path):
    raw = tmp_path / "muco"
    make(raw, form="authors")
    inside = read_one(raw, AUTHORS)
    shutil.move(raw / "mpi_inf_3dhp", tmp_path / "mpi_inf_3dhp")
    item, *_ = muco.items(raw, AUTHORS)
    assert "../mpi_inf_3dhp/S1/Seq1/annot.mat" in item.files
    beside, _ = muco.read(raw, item, AUTHORS)
    for place in (tmp_path / "mpi_inf_3dhp").iterdir():
        shutil.move(place, raw / place.name)
    (tmp_path / "mpi_inf_3dhp").rmdir()
    for table in (beside, read_one(raw, AUTHORS)):
        np.testing.assert_array_equal(table.persons["joints3d"], inside.persons["joints3d"])
    shutil.rmtree(raw / "S1" / "Seq2")
    with pytest.raises(MissingInputError, match="names S1/Seq2 of MPI-INF-3DHP, which is not") as caught:
        read_one(raw, AUTHORS)
    assert "take sampled_dataset_info.mat away" in caught.value.action


def test_muco_blocks_hold_1000_images_by_number_whatever_the_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(muco, "BLOCK", 5)
    make(tmp_path / "authors", form="authors", chunk=3)
    make(tmp_path / "release")
    for form, selection in (("authors", AUTHORS), ("release", RELEASE)):
        raw = tmp_path / form
        found = muco.items(raw, selection)
        (name,) = selection.sequences
        assert [item.name for item in found] == [
            f"{name}.00000000{n}" for n in ("1-000000005", "6-000000008")
        ]
        tables = [muco.read(raw, item, selection)[0] for item in found]
        assert [one.frames["index"].tolist() for one in tables] == [[1, 2, 3, 4, 5], [6, 7, 8]]
        if form == "authors":
            chunks = [[file for file in item.files if "chunk" in file] for item in found]
            assert [[file[-11] for file in files] for files in chunks] == [["1", "2"], ["2", "3"]]
        listed = Selection(frame_lists={name: (2, 7, 99)})
        lists = [muco.read(raw, item, listed) for item in muco.items(raw, listed)]
        assert [table.frames["index"].tolist() for table, _ in lists] == [[2], [7]]
        assert [one.frames for _, report in lists for one in report] == [1]
        only = muco.items(raw, Selection(frame_lists={name: (7,)}))
        assert [item.name for item in only] == [found[1].name]


def test_muco_a_file_in_any_order_gives_the_same_people(tmp_path):
    make(tmp_path)
    before = read_one(tmp_path, RELEASE)

    def shuffle(content):
        content["images"].reverse()
        content["annotations"] = content["annotations"][::2] + content["annotations"][1::2]

    change_release(tmp_path, shuffle)
    item, *_ = muco.items(tmp_path, RELEASE)
    assert item.keys["annotations"].count(",") == 1
    after = read_one(tmp_path, RELEASE)
    assert after.frames["id"].tolist() == before.frames["id"].tolist()
    order = np.arange(32).reshape(-1, 4)[:, [0, 2, 1, 3]].ravel()  # as the file has them now
    for name in ("annotation_id", "joints3d"):
        np.testing.assert_array_equal(after.persons[name], before.persons[name][order])


def test_muco_files_may_lie_deeper_and_be_called_otherwise(tmp_path):
    make(tmp_path)

    def rename(content):
        for image in content["images"]:
            image["file_name"] = image["file_name"].replace("_set/", "_set/images/img_")

    change_release(tmp_path, rename)
    table = read_one(tmp_path, Selection(sequences=("augmented_set_images",)))
    assert table.frames["image"][0] == "data/augmented_set/images/img_000001.jpg"
    assert table.frames["id"][0] == "augmented_set_images/0/1"
    release_path(tmp_path).rename(tmp_path / "MuCo-3DHP.json")
    table = read_one(tmp_path, Selection(sequences=("unaugmented_set_images",)))
    assert table.frames["image"][0] == "unaugmented_set/images/img_000001.jpg"


def test_muco_ids_sizes_and_visibility_are_those_of_the_file(tmp_path):
    make(tmp_path)

    def edit(content):
        content["images"][2] |= {"width": 1000, "height": 900, "id": 7000}
        for person in content["annotations"][8:12]:
            person["image_id"] = 7000
        content["annotations"][8]["keypoints_vis"] = [True] + [0] * 20
        content["annotations"][8]["keypoints_img"][3] = [950, 950]
        content["annotations"][9]["id"] = 123

    change_release(tmp_path, edit)
    table = read_one(tmp_path, RELEASE)
    assert table.frames["image_id"].tolist() == [1, 2, 7000, 4, 5, 6, 7, 8]
    assert (table.frames["width"][2], table.frames["height"][2]) == (1000, 900)
    flags = table.persons["joint_flags"][8]
    assert flags[0] & JointFlag.VISIBLE
    assert not (flags[1:] & JointFlag.VISIBLE).any()
    assert flags[3] & OUT
    assert table.persons["annotation_id"][9] == 123


def test_muco_an_image_without_people_stays(tmp_path):
    make(tmp_path)
    change_release(tmp_path, lambda content: content.update(annotations=content["annotations"][4:]))
    table = read_one(tmp_path, RELEASE)
    assert np.diff(table.person_start).tolist() == [0] + [4] * 7
    change_release(tmp_path, lambda content: content.update(annotations=[]))
    table = read_one(tmp_path, RELEASE)
    assert (table.frame_count, table.person_count) == (8, 0)
    assert table.persons["joints3d"].shape == (0, 21, 3)


def test_muco_the_release_is_read_before_chunks_and_told(tmp_path):
    make(tmp_path)
    make(tmp_path, form="authors")
    assert {item.keys["sequence"] for item in muco.items(tmp_path, Selection())} == set(fake.SETS)
    told = {one.part: one for one in muco.inventory(tmp_path)}
    assert "8 images of 32 people in augmented_set" in told["annotations"].detail
    assert not told["augmented_set"].present


def test_muco_images_of_the_writer_are_where_the_table_says(tmp_path):
    made = scene(frames=1, people=2, motion="stand", cameras=fake.CAMERAS)
    fake.write(made, tmp_path)
    for item in muco.items(tmp_path, Selection()):
        table, _ = muco.read(tmp_path, item, Selection())
        assert all((tmp_path / image).is_file() for image in table.frames["image"])


def test_muco_shards_hold_what_was_read(tmp_path):
    make(tmp_path / "raw", form="authors")
    report = convert("muco", tmp_path / "raw", tmp_path / "out")
    assert all(one.reprojection.largest_px < 0.01 for one in report.results.values())
    assert all(one.drawn for one in report.results.values())
    assert open_shards(tmp_path / "out" / "muco")[8].id == "unaugmented_set_001/0/1"


def test_muco_bad_roots_are_named(tmp_path):
    with pytest.raises(MissingInputError, match="no raw folder") as caught:
        muco.items(tmp_path / "none", Selection())
    three_parts(caught.value)
    with pytest.raises(InputError, match="holds no annotations of MuCo-3DHP") as caught:
        muco.items(tmp_path, Selection())
    assert "mhbench datasets" in caught.value.action
    assert [one.present for one in muco.inventory(tmp_path)] == [False]
    (tmp_path / "MuCo-3DHP.zip").touch()
    with pytest.raises(InputError, match="holds no annotations") as caught:
        muco.items(tmp_path, Selection())
    assert caught.value.action == "extract MuCo-3DHP.zip there"


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(sequences=("augmented_set_001",)), "no sequence 'augmented_set_001'"),
        (Selection(cameras=("3",)), "no camera '3'"),
        (Selection(splits=("train",)), "no split 'train'"),
    ],
)
def test_muco_names_that_do_not_exist(tmp_path, selection, words):
    make(tmp_path)
    with pytest.raises(UsageError, match=words) as caught:
        muco.items(tmp_path, selection)
    three_parts(caught.value)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda c: c.pop("annotations"), "missing required field `annotations`"),
        (lambda c: c["images"][3].pop("file_name"), "missing required field `file_name` - at $.images[3]"),
        (lambda c: c["images"].__setitem__(3, 5), "Expected `object`, got `int` - at $.images[3]"),
        (lambda c: c["annotations"][3].update(image_id=99), "no image 99 - at $.annotations[3].image_id"),
        (lambda c: c["images"][3].update(id=1), "two images have the id 1 - at $.images[3].id"),
        (
            lambda c: c["images"][3].update(file_name="augmented_set/1.jpg"),
            "augmented_set has two images of the number 1 - at $.images[3].file_name",
        ),
        (lambda c: c["images"][3].update(file_name="4.jpg"), "'4.jpg' is no image of a set"),
    ],
)
def test_muco_a_release_with_a_bad_list_is_named(tmp_path, edit, words):
    make(tmp_path)
    change_release(tmp_path, edit)
    with pytest.raises(InputError) as caught:
        muco.items(tmp_path, Selection())
    what = three_parts(caught.value)
    assert "MuCo-3DHP.json" in what
    assert words in what
    assert [one.present for one in muco.inventory(tmp_path)] == [False]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda _: b"", "is empty"),
        (lambda text: text[: len(text) // 2], "ends in the middle"),
        (lambda text: text.replace(b"1]", b"NaN]", 1), "holds a NaN or an infinity"),
    ],
)
def test_muco_a_release_that_is_no_json_is_named(tmp_path, content, words):
    make(tmp_path)
    release_path(tmp_path).write_bytes(content(release_path(tmp_path).read_bytes()))
    with pytest.raises(InputError, match=words) as caught:
        muco.items(tmp_path, Selection())
    three_parts(caught.value)


def test_muco_names_that_leave_the_folder_are_refused(tmp_path):
    make(tmp_path)
    change_release(tmp_path, lambda c: c["images"][0].update(file_name="../../etc/1.jpg"))
    with pytest.raises(UnsafeInputError, match="names a file outside its folder"):
        muco.items(tmp_path, Selection())


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda c: c["annotations"][5].update(bbox=[1, 2, 3]),
            "at $.annotations[5].bbox",
        ),
        (
            lambda c: c["annotations"][5]["keypoints_cam"].pop(),
            "has [21, 20, 21] joints in keypoints_img, _cam and _vis - at $.annotations[5]",
        ),
        (
            lambda c: c["annotations"][5]["keypoints_cam"][2].__setitem__(0, 1e30),
            "<= 100000.0 - at $.annotations[5].keypoints_cam[2][0]",
        ),
        (lambda c: c["images"][5].update(f=[0, 1]), "> 0.0 - at $.images[5].f[0]"),
        (lambda c: c["images"][5].pop("c"), "missing required field `c` - at $.images[5]"),
    ],
)
def test_muco_a_bad_record_fails_its_block_only(tmp_path, edit, words):
    make(tmp_path / "raw")
    change_release(tmp_path / "raw", edit)
    report = convert("muco", tmp_path / "raw", tmp_path / "out", engine="serial")
    assert list(report.results) == ["all/unaugmented_set.000000001-000000008"]
    (failure,) = report.failures.values()
    assert "MuCo-3DHP.json" in failure.what
    assert words in failure.what
    assert failure.expected
    assert failure.action


def test_muco_a_release_changed_while_it_is_read_is_noticed(tmp_path):
    make(tmp_path)
    item, *_ = muco.items(tmp_path, RELEASE)
    change_release(tmp_path, lambda c: c["images"][0].update(file_name="augmented_set/0000010.jpg"))
    with pytest.raises(InputError):
        muco.read(tmp_path, item, RELEASE)
    assert places(release_path(tmp_path))["augmented_set"].number[-1] == 10


def rename_image(content):
    content["img_names"][0, 2] = "three.jpg"


def empty_name(content):
    content["img_names"][0, 2] = np.zeros((0, 0))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda raw: chunk_path(raw).write_bytes(b""), "is no MATLAB file, or cut short"),
        (
            lambda raw: chunk_path(raw).write_bytes(chunk_path(raw).read_bytes()[:600]),
            "damaged or cut short",
        ),
        (
            lambda raw: shutil.copy(raw / "sampled_dataset_info.mat", chunk_path(raw)),
            "is a MATLAB file of version 7.3",
        ),
        (lambda raw: change_chunk(raw, lambda c: c.pop("img_names")), "has no variable img_names"),
        (lambda raw: change_chunk(raw, lambda c: c.pop("joint_loc2")), "has no variable joint_loc2"),
        (lambda raw: change_chunk(raw, rename_image), "holds 'three.jpg', which is no image number"),
        (lambda raw: change_chunk(raw, empty_name), "holds '', which is no image number"),
        (
            lambda raw: change_chunk(raw, lambda c: c.update(joint_loc3=c["joint_loc3"][..., :2])),
            "`joint_loc3` has the shape (3, 21, 4, 2) and not (3, 21, people, 3)",
        ),
        (
            lambda raw: change_chunk(raw, lambda c: c.update(joint_loc3=c["joint_loc3"][:, :, :2])),
            "`joint_loc2` and `joint_loc3` differ in the number of people",
        ),
        (
            lambda raw: change_chunk(raw, lambda c: c["joint_loc2"].__setitem__((0, 0, 0, 0), np.nan)),
            "`joint_loc2` holds a NaN",
        ),
    ],
)
def test_muco_a_bad_chunk_fails_alone(tmp_path, monkeypatch, spoil, words):
    monkeypatch.setattr(muco, "BLOCK", 3)
    make(tmp_path / "raw", form="authors", chunk=3)
    spoil(tmp_path / "raw")
    report = convert("muco", tmp_path / "raw", tmp_path / "out", AUTHORS, engine="serial")
    assert len(report.results) == 2
    (failure,) = report.failures.values()
    assert "chunk_00001_annot.mat" in failure.what
    assert words in failure.what
    assert failure.expected
    assert failure.action


def test_muco_two_chunks_of_one_image_are_named(tmp_path):
    make(tmp_path, form="authors", chunk=3)
    shutil.copy(chunk_path(tmp_path, 2), chunk_path(tmp_path, 9))
    with pytest.raises(InputError, match="two chunks hold the image 4") as caught:
        muco.items(tmp_path, AUTHORS)
    three_parts(caught.value)


def shorten(file):
    cells = file["composite_info"][:, :5]
    del file["composite_info"]
    file.create_dataset("composite_info", data=cells, dtype=h5py.ref_dtype)


def flatten(file):
    del file["composite_info"]
    file["composite_info"] = np.zeros((4, 8))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda file: file.pop("composite_info"), "has no variable composite_info"),
        (shorten, "`composite_info` has 5 rows, and there is image 8"),
        (flatten, "`composite_info` is no cell array"),
        (
            lambda file: file["#refs#/v0_0"].__setitem__(3, 77),
            "sampled_dataset_info.mat names frame 77 of S",
        ),
        (
            lambda file: file["#refs#/v0_0"].__setitem__(2, 12),
            "or several cameras for one image",
        ),
    ],
)
def test_muco_bad_sources_are_named(tmp_path, edit, words):
    make(tmp_path, form="authors")
    with h5py.File(tmp_path / "sampled_dataset_info.mat", "r+") as file:
        edit(file)
    with pytest.raises(InputError) as caught:
        read_one(tmp_path, AUTHORS)
    assert words in three_parts(caught.value)


@pytest.mark.parametrize("size", [0, 3000])
def test_muco_sources_that_are_cut_short_are_named(tmp_path, size):
    make(tmp_path, form="authors")
    path = tmp_path / "sampled_dataset_info.mat"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"is no MATLAB file of version 7\.3, or damaged") as caught:
        read_one(tmp_path, AUTHORS)
    three_parts(caught.value)


def test_muco_the_writer_refuses_what_the_data_set_does_not_have(tmp_path):
    made = scene(frames=1, people=1, cameras=("0",))
    with pytest.raises(UsageError, match="no form 'release' with 1 people and 1 cameras"):
        fake.write(made, tmp_path)
    with pytest.raises(UsageError, match="no form 'other'"):
        fake.write(made, tmp_path, form="other")
