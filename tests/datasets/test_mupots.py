from __future__ import annotations

import hashlib

import msgspec
import numpy as np
import pytest
from dataset_contract import DatasetContract, three_parts
from scipy import io

from mhbench.cameras import project
from mhbench.columns import JointFlag
from mhbench.conversion.pipeline import convert
from mhbench.datasets import mupots
from mhbench.datasets.items import Selection
from mhbench.datasets.manifest import dataset_manifest
from mhbench.datasets.mupots_files import ReleasedFile, fitted_camera, read_annotation, release, verified
from mhbench.errors import InputError, MissingInputError, UsageError
from mhbench.shards import open_shards
from mhbench.skeletons import conversion, skeleton
from mhbench.synthetic.raw import mupots as fake
from mhbench.synthetic.scenes import scene

OUT, IN_3D, IN_2D = JointFlag.OUT_OF_IMAGE, JointFlag.LABELLED_3D, JointFlag.LABELLED_2D
VISIBLE, OCCLUDED = JointFlag.VISIBLE, JointFlag.OCCLUDED


def make(folder, *, people=3, frames=6, cameras=("TS1", "TS10"), **options):
    made = scene(frames=frames, people=people, motion="stand", cameras=cameras, seed=3)
    fake.write(made, folder, images=False, **options)
    return fake.as_filmed(made)


def read_one(raw, selection=None):
    item, *_ = mupots.items(raw, selection or Selection())
    return mupots.read(raw, item, selection or Selection())[0]


def annotation_path(raw, name="annot.mat"):
    return raw / "MultiPersonTestSet" / "TS1" / name


def change(raw, edit, name="annot.mat"):
    """Rewrite a file of TS1 with its cells changed in place; `edit` may return others."""
    path = annotation_path(raw, name)
    key = "annotations" if name == "annot.mat" else "occlusion_labels"
    cells = io.loadmat(path)[key]
    edited = edit(cells)
    io.savemat(path, {key: cells if edited is None else edited})


def put(field, place, value):
    """An edit that sets one number of the first person of the first frame."""

    def edit(cells):
        cells[0, 0][field][0, 0][place] = value

    return edit


class TestContract(DatasetContract):
    dataset = "mupots"

    @pytest.fixture
    def raw(self, tmp_path):
        make(tmp_path)
        return tmp_path

    @pytest.fixture
    def expected(self):
        return {"all/TS1.0": (6, 18), "all/TS10.0": (6, 18)}


def test_mupots_written_files_have_the_documented_layout(tmp_path):
    made = make(tmp_path, people=2)
    for sequence in ("TS1", "TS10"):
        folder = tmp_path / "MultiPersonTestSet" / sequence
        content = io.loadmat(folder / "annot.mat")
        assert (folder / "annot.mat").read_bytes().startswith(b"MATLAB 5.0")
        assert [name for name in content if name[0] != "_"] == ["annotations"]
        cells = content["annotations"]
        assert (cells.shape, cells.dtype) == ((6, 2), object)
        fields = ("annot2", "annot3", "univ_annot3", "isValidFrame")
        assert {cell.shape for cell in cells.ravel()} == {(1, 1)}
        assert {cell.dtype.names for cell in cells.ravel()} == {fields}
        for slot in np.argwhere(made.present):
            struct = cells[tuple(slot)]
            shapes = {name: struct[name][0, 0].shape for name in fields}
            assert shapes == dict(zip(fields, [(2, 17), (3, 17), (3, 17), (1, 1)], strict=True))
            assert {struct[name][0, 0].dtype.kind for name in fields} <= {"f", "u"}
        content = io.loadmat(folder / "occlusion.mat")
        assert [name for name in content if name[0] != "_"] == ["occlusion_labels"]
        assert content["occlusion_labels"].shape == (6, 2)
        assert {cell.shape for cell in content["occlusion_labels"].ravel()} == {(1, 17)}
        assert set(np.concatenate(content["occlusion_labels"].ravel(), axis=None)) == {0, 1}


def test_mupots_a_synthetic_scene_comes_back(tmp_path):
    made = make(tmp_path)
    for item in mupots.items(tmp_path, Selection()):
        table, report = mupots.read(tmp_path, item, Selection())
        assert not report
        truth = made.cameras[item.keys["sequence"]]
        camera = table.camera(0)
        np.testing.assert_allclose(camera.K, truth.K, rtol=1e-9)
        assert (camera.width, camera.height) == (truth.width, truth.height)
        points = truth.to_camera(made.joints("mpi_17")).reshape(-1, 17, 3)
        np.testing.assert_allclose(table.persons["joints3d"], points, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(table.persons["joints2d"], truth.project(points), rtol=1e-6)
        scaled = fake.universal(points, skeleton("mpi_17").joints)
        np.testing.assert_allclose(table.sets["universal"].columns["joints3d"], scaled, rtol=1e-6, atol=1e-6)
        assert (table.persons["ignore"] == ~made.present.ravel()).all()
        assert table.persons["track"].tolist() == [0, 1, 2] * 6


def test_mupots_slots_that_are_not_valid_have_no_joints_and_no_labels(tmp_path):
    made = make(tmp_path)
    assert 0 < made.present.sum() < made.present.size
    table = read_one(tmp_path)
    gone = ~made.present.ravel()
    for columns in (table.persons, table.sets["universal"].columns):
        assert (columns["joint_flags"][gone] == 0).all()
        assert np.isnan(columns["joints3d"][gone]).all()
        assert (columns["joint_flags"][~gone] & IN_3D > 0).all()
    assert np.isnan(table.persons["joints2d"][gone]).all()
    assert np.diff(table.person_start).tolist() == [3] * 6


def test_mupots_occlusion_labels_become_flags(tmp_path):
    made = make(tmp_path)
    labels = io.loadmat(annotation_path(tmp_path, "occlusion.mat"))["occlusion_labels"]
    labels = np.array([[cell[0] for cell in row] for row in labels]).reshape(-1, 17)[made.present.ravel()]
    table = read_one(tmp_path)
    for columns in (table.persons, table.sets["universal"].columns):
        flags = columns["joint_flags"][made.present.ravel()]
        np.testing.assert_array_equal(flags & OCCLUDED > 0, labels == 1)
        np.testing.assert_array_equal(flags & VISIBLE > 0, labels == 0)
    assert 0 < labels.mean() < 1


def test_mupots_the_camera_is_fitted_to_all_frames_whatever_is_selected(tmp_path):
    make(tmp_path, noise=2.0)
    whole = read_one(tmp_path).frames["K"][0]
    part = read_one(tmp_path, Selection(every=3, limit=1)).frames["K"]
    np.testing.assert_array_equal(part, whole[None])
    annotation = read_annotation(annotation_path(tmp_path).parent)
    kept = np.setdiff1d(np.arange(17), (8, 11, 15))
    points = annotation.metric[annotation.valid][:, kept].reshape(-1, 3)
    pixels = annotation.pixels[annotation.valid][:, kept].reshape(-1, 2)
    for axis in range(2):
        ray = np.stack([points[:, axis] / points[:, 2], np.ones(len(points))], axis=1)
        solution = np.linalg.lstsq(ray, pixels[:, axis], rcond=None)[0]
        np.testing.assert_allclose(whole[axis, [axis, 2]], solution, rtol=1e-9)


def test_mupots_the_fit_tells_what_is_left_and_leaves_out_bad_joints(tmp_path):
    made = make(tmp_path)

    def move_a_hip(cells):
        for slot in np.argwhere(made.present):
            cells[tuple(slot)]["annot2"][0, 0][0, 11] = 9.0

    change(tmp_path, move_a_hip)
    annotation = read_annotation(annotation_path(tmp_path).parent)
    camera, off = fitted_camera(annotation, "TS1", tmp_path)
    np.testing.assert_allclose(camera.K, made.cameras["TS1"].K, rtol=1e-9)
    assert off < 1e-6
    with_them, off = fitted_camera(annotation, "TS1", tmp_path, left_out=())
    assert np.abs(with_them.K - camera.K).max() > 1
    assert off > 1
    told = {one.part: one.detail for one in mupots.inventory(tmp_path)}
    assert "0.00 px off on average (right_hip, left_hip, spine left out)" in told["TS1: poses"]
    flags = read_one(tmp_path).persons["joint_flags"]
    assert (flags[0] & IN_2D > 0).all()


def test_mupots_real_counts_of_the_release():
    sequences = release()
    assert list(sequences) == list(fake.SEQUENCES)
    counts = dataset_manifest("mupots").known_counts
    assert counts["sequences"] == len(sequences)
    assert counts["frames"] == sum(one.frames for one in sequences.values())
    assert counts["people"] == sum(one.frames * one.people for one in sequences.values())
    three = [name for name, one in sequences.items() if one.people == 3]
    assert three == ["TS7", *(f"TS{n}" for n in range(13, 21))]


def test_mupots_trap_1_images_are_counted_from_0(tmp_path):
    made = scene(frames=2, people=1, motion="stand", cameras=("TS2",))
    fake.write(made, tmp_path)
    table = read_one(tmp_path)
    assert table.frames["id"].tolist() == ["TS2/0/0", "TS2/0/1"]
    assert table.frames["image"].tolist() == [f"MultiPersonTestSet/TS2/img_00000{n}.jpg" for n in (0, 1)]
    assert all((tmp_path / image).is_file() for image in table.frames["image"])


def test_mupots_trap_2_sequences_go_by_their_whole_number(tmp_path):
    make(tmp_path, frames=1, cameras=("TS1", "TS10", "TS2", "TS20", "TS6"))
    named = [one.part for one in mupots.inventory(tmp_path) if one.part.endswith("poses")]
    assert named == [f"TS{n}: poses" for n in (1, 2, 6, 10, 20)]
    sizes = {}
    for item in mupots.items(tmp_path, Selection()):
        frames = mupots.read(tmp_path, item, Selection())[0].frames
        sizes[item.keys["sequence"]] = (frames["width"][0], frames["height"][0])
    square, wide = (2048, 2048), (1920, 1080)
    assert sizes == {"TS1": square, "TS2": square, "TS6": wide, "TS10": wide, "TS20": wide}


@pytest.mark.parametrize(("frames", "people"), [(1, 1), (1, 3), (4, 1)])
def test_mupots_trap_3_one_frame_or_one_person_nests_alike(tmp_path, frames, people):
    make(tmp_path, frames=frames, people=people, cameras=("TS6",))
    table = read_one(tmp_path)
    assert (table.frame_count, table.person_count) == (frames, frames * people)
    assert np.isfinite(table.persons["joints3d"][0]).all()


def test_mupots_trap_4_spine_and_head_are_kept_but_not_scored(tmp_path):
    make(tmp_path)
    table = read_one(tmp_path)
    assert table.persons["joints3d"].shape[1:] == (17, 3)
    assert skeleton(table.skeleton).joints[14:] == ("pelvis", "spine", "head")
    assert not {"spine", "head"} & set(dataset_manifest("mupots").grid.joints)


def test_mupots_trap_5_of_21_predicted_joints_the_first_17_are_meant():
    np.testing.assert_array_equal(conversion("muco_21", "mpi_17").indices, np.arange(17))


def test_mupots_trap_6_files_are_verified_by_their_hash(tmp_path, monkeypatch):
    make(tmp_path)
    path = annotation_path(tmp_path)
    told = {one.part: one for one in mupots.inventory(tmp_path)}["TS1: checksums"]
    assert not told.present
    assert not told.needed
    size = path.stat().st_size
    assert f"annot.mat differs: {size} bytes, the official one has 345316" in told.detail
    ours = ReleasedFile(bytes=size, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    known = msgspec.structs.replace(release()["TS1"], files={"annot.mat": ours})
    monkeypatch.setattr("mhbench.datasets.mupots_files.release", lambda: {"TS1": known})
    assert verified(path, "TS1") == "annot.mat verified"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    assert verified(path, "TS1") == "annot.mat differs: another sha256 than the official one"


def test_mupots_missing_sequences_are_told(tmp_path):
    make(tmp_path)
    told = {one.part: one for one in mupots.inventory(tmp_path)}["sequences"]
    assert told.detail.startswith("2 of 20; missing: TS2, TS3")
    assert not told.present
    assert not told.needed


def test_mupots_the_sequences_may_be_the_raw_root(tmp_path):
    make(tmp_path)
    table = read_one(tmp_path / "MultiPersonTestSet")
    assert table.frames["image"][0] == "TS1/img_000000.jpg"


def test_mupots_frame_lists_choose_sequences_and_frames(tmp_path):
    make(tmp_path)
    selection = Selection(frame_lists={"TS10": (5, 2, 77)})
    (item,) = mupots.items(tmp_path, selection)
    table, (absent,) = mupots.read(tmp_path, item, selection)
    assert table.frames["id"].tolist() == ["TS10/0/2", "TS10/0/5"]
    assert absent.frames == 1


def test_mupots_shards_hold_what_was_read(tmp_path):
    make(tmp_path / "raw")
    report = convert("mupots", tmp_path / "raw", tmp_path / "out")
    assert report.results["all/TS1.0"].reprojection.largest_px < 0.001
    assert open_shards(tmp_path / "out" / "mupots")[6].id == "TS10/0/0"


def test_mupots_bad_roots_are_named(tmp_path):
    with pytest.raises(MissingInputError, match="no raw folder") as caught:
        mupots.items(tmp_path / "none", Selection())
    three_parts(caught.value)
    with pytest.raises(InputError, match="holds no sequence of MuPoTS-3D") as caught:
        mupots.items(tmp_path, Selection())
    assert "mhbench datasets" in caught.value.action
    assert [one.present for one in mupots.inventory(tmp_path)] == [False]
    (tmp_path / "MultiPersonTestSet.zip").touch()
    with pytest.raises(InputError, match="holds no sequence") as caught:
        mupots.items(tmp_path, Selection())
    assert caught.value.action == "extract MultiPersonTestSet.zip there"


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(sequences=("TS21",)), "no sequence 'TS21'"),
        (Selection(frame_lists={"TS2": (1,)}), "no sequence 'TS2'"),
        (Selection(cameras=("1",)), "no camera '1'"),
        (Selection(splits=("test",)), "no split 'test'"),
    ],
)
def test_mupots_names_that_do_not_exist(tmp_path, selection, words):
    make(tmp_path)
    with pytest.raises(UsageError, match=words) as caught:
        mupots.items(tmp_path, selection)
    three_parts(caught.value)


def as_hdf5(raw):
    annotation_path(raw).write_bytes(b"MATLAB 7.3 MAT-file".ljust(128) + b"\x89HDF\r\n\x1a\n")


def without_mark(cells):
    cells[1, 0] = {name: cells[1, 0][name][0, 0] for name in ("annot2", "annot3", "univ_annot3")}


def nobody(cells):
    for cell in cells.ravel():
        cell["isValidFrame"][0, 0][...] = 0


def flat(cells):
    for cell in cells.ravel():
        if cell["annot3"][0, 0].size:
            cell["annot3"][0, 0][...] = 1


@pytest.mark.parametrize(
    ("spoil", "file", "words"),
    [
        (lambda raw: annotation_path(raw).write_bytes(b""), "annot.mat", "is no MATLAB file, or cut short"),
        (
            lambda raw: annotation_path(raw).write_bytes(annotation_path(raw).read_bytes()[:3000]),
            "annot.mat",
            "cut short",
        ),
        (as_hdf5, "annot.mat", "is a MATLAB file of version 7.3"),
        (
            lambda raw: annotation_path(raw).write_bytes(annotation_path(raw, "occlusion.mat").read_bytes()),
            "annot.mat",
            "has no variable annotations",
        ),
        (
            lambda raw: annotation_path(raw, "occlusion.mat").unlink(),
            "occlusion.mat",
            "is not there",
        ),
        (
            lambda raw: change(raw, lambda cells: cells[:-1], "occlusion.mat"),
            "occlusion.mat",
            "has 5 frames of 3 people, and annot.mat 6 of 3",
        ),
        (
            lambda raw: change(raw, lambda cells: cells[0, 0].__setitem__((0, 3), 2), "occlusion.mat"),
            "occlusion.mat",
            "the labels of frame 0, person 0 (from 0) are not 17 numbers 0 or 1",
        ),
        (
            lambda raw: change(raw, without_mark),
            "annot.mat",
            "frame 1, person 0 (from 0) is no struct",
        ),
        (
            lambda raw: change(raw, put("isValidFrame", (0, 0), 3)),
            "annot.mat",
            "`isValidFrame` of frame 0, person 0 (from 0) is neither 0 nor 1",
        ),
        (
            lambda raw: change(raw, put("annot3", (2, 5), np.nan)),
            "annot.mat",
            "`annot3` of frame 0, person 0 (from 0) holds a NaN",
        ),
        (
            lambda raw: change(raw, lambda c: c[0, 0]["annot2"].__setitem__((0, 0), np.zeros((2, 16)))),
            "annot.mat",
            "has the shape (2, 16) and not (2, 17)",
        ),
        (lambda raw: change(raw, lambda _: np.zeros((6, 3))), "annot.mat", "is no cell array of frames"),
        (lambda raw: change(raw, nobody), "TS1", "no camera can be fitted to 0 joints"),
        (lambda raw: change(raw, flat), "TS1", "no camera can be fitted"),
    ],
)
def test_mupots_a_bad_file_fails_its_sequence_only(tmp_path, spoil, file, words):
    make(tmp_path)
    spoil(tmp_path)
    broken, whole = mupots.items(tmp_path, Selection())
    with pytest.raises(InputError) as caught:
        mupots.read(tmp_path, broken, Selection())
    what = three_parts(caught.value)
    assert str(annotation_path(tmp_path).parent) in what
    assert file in what
    assert words in what
    assert mupots.read(tmp_path, whole, Selection())[0].frame_count == 6
    present = {one.part: one.present for one in mupots.inventory(tmp_path)}
    assert (present["TS1: poses"], present["TS10: poses"]) == (False, True)


def test_mupots_a_conversion_goes_on_without_a_bad_sequence(tmp_path):
    make(tmp_path / "raw")
    as_hdf5(tmp_path / "raw")
    report = convert("mupots", tmp_path / "raw", tmp_path / "out", engine="serial")
    assert list(report.results) == ["all/TS10.0"]
    assert "annot.mat is a MATLAB file of version 7.3" in report.failures["all/TS1.0"].what


def test_mupots_people_outside_the_image_are_flagged(tmp_path):
    make(tmp_path)
    change(tmp_path, put("annot2", (0, 4), -12.5))
    table = read_one(tmp_path)
    assert table.persons["joint_flags"][0, 4] & OUT
    assert table.sets["universal"].columns["joint_flags"][0, 4] & OUT
    assert table.persons["joints2d"][0, 4, 0] == -12.5
    pixels = project(table.persons["joints3d"][0], table.frames["K"][0], np.zeros(8))
    assert np.abs(pixels - table.persons["joints2d"][0])[4].max() > 1


def test_mupots_the_writer_refuses_what_the_data_set_does_not_have(tmp_path):
    with pytest.raises(UsageError, match="no sequences TS21 of 1 people"):
        fake.write(scene(frames=1, people=1, cameras=("TS21",)), tmp_path)
    with pytest.raises(UsageError, match="of 0 people"):
        fake.write(scene(frames=1, people=0, cameras=("TS1",)), tmp_path)
