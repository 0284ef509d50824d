from __future__ import annotations

import json
import re

import h5py
import numpy as np
import pytest
from cdflib.cdfwrite import CDF
from dataset_contract import DatasetContract, three_parts

from mhbench.columns import JointFlag
from mhbench.conversion.certificates import check_conversion
from mhbench.conversion.pipeline import convert
from mhbench.datasets import human36m
from mhbench.datasets.human36m_metadata import CAMERAS, metadata_path, read_metadata
from mhbench.datasets.human36m_poses import read_poses
from mhbench.datasets.items import Selection
from mhbench.datasets.raw.pickles import read_pickle
from mhbench.errors import InputError, MhbenchError, MissingInputError, UnsafeInputError, UsageError
from mhbench.shards import open_shards
from mhbench.skeletons import skeleton
from mhbench.synthetic.images import picture
from mhbench.synthetic.raw import human36m as fake
from mhbench.synthetic.scenes import scene

LABELLED = JointFlag.LABELLED_3D | JointFlag.LABELLED_2D
KINDS = fake.KINDS
ONE_CAMERA = Selection(cameras=("54138969",))


def make(folder, *, people=1, frames=4, **options):
    made = scene(frames=frames, people=people, motion="stand", cameras=CAMERAS, seed=3)
    fake.write(made, folder, images=False, **options)
    return fake.as_filmed(made)


def read_one(raw, selection=ONE_CAMERA):
    item, *_ = human36m.items(raw, selection)
    return human36m.read(raw, item, selection)


def pose_path(raw, kind="D3_Positions", ending=".cdf"):
    return raw / "S9" / "MyPoseFeatures" / kind / f"Directions 1{ending}"


def masks_path(raw, camera="54138969", stem="Directions 1"):
    return raw / "S9" / "MySegmentsMat" / "ground_truth_bb" / f"{stem}.{camera}.mat"


def write_masks(path, mask, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("m", data=mask)
        file.create_dataset("Masks", data=[[stored.ref]] * frames, dtype=h5py.ref_dtype)


def write_cdf(path, poses, variable="Pose"):
    path.unlink(missing_ok=True)
    file = CDF(path, cdf_spec={"rDim_sizes": []})
    spec = {"Variable": variable, "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Compress": 0}
    spec |= {"Var_Type": "zVariable", "Dim_Sizes": list(poses.shape[1:])}
    file.write_var(spec, var_data=poses.astype(np.float32))
    file.close()


@pytest.fixture(scope="session")
def real(samples, tmp_path_factory):
    """The real excerpt as a raw root: metadata.xml beside the subject's folder."""
    raw = tmp_path_factory.mktemp("human36m")
    (raw / "metadata.xml").symlink_to(samples / "human36m" / "metadata.xml")
    (raw / "S1").symlink_to(samples / "human36m" / "rebuilt" / "S1")
    return raw


class TestContract(DatasetContract):
    dataset = "human36m"

    @pytest.fixture
    def raw(self, tmp_path):
        make(tmp_path, people=2)
        return tmp_path

    @pytest.fixture
    def expected(self):
        return {f"all/S9_{stem}.{one}": (4, 4) for stem in ("Directions", "Directions_1") for one in CAMERAS}


class TestContractOfRealFiles(DatasetContract):
    dataset = "human36m"

    @pytest.fixture
    def raw(self, real):
        return real

    @pytest.fixture
    def expected(self):
        return {f"all/S1_Directions_1.{one}": (40, 40) for one in CAMERAS}


def test_human36m_real_cameras_give_the_official_2d_and_camera_poses(real):
    metadata = read_metadata(metadata_path(real))
    world = read_poses(pose_path(real).parents[3] / "S1/MyPoseFeatures/D3_Positions/Directions 1.cdf", 3)
    for name in CAMERAS:
        camera = metadata.camera("S1", name)
        points = camera.to_camera(world / 1000)
        folder = real / "S1" / "MyPoseFeatures"
        mono = read_poses(folder / "D3_Positions_mono" / f"Directions 1.{name}.cdf", 3)
        np.testing.assert_allclose(points * 1000, mono, atol=5e-4)
        pixels = read_poses(folder / "D2_Positions" / f"Directions 1.{name}.cdf", 2)
        np.testing.assert_allclose(camera.project(points), pixels, atol=1e-3)


def test_human36m_real_frame_of_another_project_is_the_same(real, samples):
    with np.load(samples / "human36m" / "frames" / "test_h36m_body3d.npz") as other:
        part, position = other["part"][0, :, :2], other["S"][0, :, :3]
    table, _ = read_one(real)
    joints = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
    np.testing.assert_allclose(table.persons["joints2d"][0, joints], part, atol=1e-3)
    np.testing.assert_allclose(table.persons["joints3d"][0, joints], position, atol=1e-6)


def test_human36m_camera_by_hand(tmp_path):
    # a camera that looks along world y: its right is world x, its down is -z
    make(tmp_path)
    path = metadata_path(tmp_path)
    text = path.read_text()
    numbers = re.search(r"<w0>\[(.*)\]</w0>", text)[1].split()
    numbers[6 * 8 : 6 * 9] = [str(np.pi / 2), "0", "0", "100", "-5000", "1500"]  # camera 1, subject 9
    numbers[264:273] = ["1100", "1200", "500", "510", "-0.2", "0.1", "0.03", "0.001", "0.002"]
    path.write_text(re.sub(r"<w0>.*</w0>", f"<w0>[{' '.join(numbers)}]</w0>", text))
    metadata = read_metadata(path)
    camera = metadata.camera("S9", "54138969")
    np.testing.assert_allclose(camera.R, [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-12)
    np.testing.assert_allclose(camera.to_camera([0.1, 0.0, 1.0]), [0, 0.5, 5], atol=1e-12)
    assert camera.K.tolist() == [[1100, 0, 500], [0, 1200, 510], [0, 0, 1]]
    assert camera.distortion.tolist() == [-0.2, 0.1, 0.001, 0.002, 0.03, 0, 0, 0]
    # x = 0, y = 0.1: the factor is 1 - 0.002 + 0.00001 + 0.00000003 + 0.0001
    factor = 1 - 0.2 * 0.01 + 0.1 * 0.01**2 + 0.03 * 0.01**3 + 0.001 * 0.1
    u, v = 1100 * 0.002 * 0.01 + 500, 1200 * (0.1 * factor + 0.001 * 0.01) + 510
    np.testing.assert_allclose(camera.project([0, 0.5, 5]), [u, v], atol=1e-9)
    assert (camera.width, camera.height) == (1000, 1002)
    assert metadata.camera("S9", "55011271").height == 1000


@pytest.mark.parametrize("tree", ["official", "renamed", "derived"])
def test_human36m_a_synthetic_scene_comes_back(tmp_path, tree):
    made = make(tmp_path, people=2, tree=tree)
    joints = made.joints("h36m_32")
    for item in human36m.items(tmp_path, Selection()):
        table, _ = human36m.read(tmp_path, item, Selection())
        truth = made.cameras[item.keys["camera"]]
        found = table.camera(0)
        for name in ("K", "distortion", "R", "t"):
            np.testing.assert_allclose(getattr(found, name), getattr(truth, name), atol=1e-9)
        assert (found.width, found.height) == (truth.width, truth.height)
        points = truth.to_camera(joints[:, 0 if item.keys["stem"] == "Directions 1" else 1])
        np.testing.assert_allclose(table.persons["joints3d"], points, atol=1e-6)
        np.testing.assert_allclose(table.persons["joints2d"], truth.project(points), atol=1e-3)
        assert (table.persons["joint_flags"] & LABELLED == LABELLED).all()


@pytest.mark.parametrize("kinds", [KINDS[:1], KINDS[1:], KINDS[1:2]])
def test_human36m_any_kind_of_3d_poses_will_do(tmp_path, kinds):
    make(tmp_path / "all")
    make(tmp_path / "some", kinds=kinds)
    for camera in CAMERAS:
        one = Selection(cameras=(camera,))
        whole, part = (read_one(tmp_path / name, one)[0].persons for name in ("all", "some"))
        np.testing.assert_allclose(part["joints3d"], whole["joints3d"], atol=1e-6)
        np.testing.assert_allclose(part["joints2d"], whole["joints2d"], atol=1e-3)


def test_human36m_shards_hold_what_was_read(tmp_path):
    make(tmp_path / "raw", people=2)
    convert("human36m", tmp_path / "raw", tmp_path / "out", heatmaps="none")
    table, _ = read_one(tmp_path / "raw")
    row = open_shards(tmp_path / "out" / "human36m")[0]
    assert row.id == table.frames["id"][0] == "S9_Directions/54138969/0"


def test_human36m_ids_and_names_follow_the_files(tmp_path):
    make(tmp_path)
    item, *_ = human36m.items(tmp_path, Selection())
    frames = human36m.read(tmp_path, item, Selection())[0].frames
    assert item.name == "S9_Directions_1.54138969"
    assert item.keys["stem"] == "Directions 1"
    assert frames["id"].tolist() == [f"S9_Directions_1/54138969/{row}" for row in range(4)]
    assert frames["image"][3] == "S9_Directions_1.54138969_000004.jpg"  # images are counted from 1
    assert (frames["subject"][0], frames["action"][0], frames["subaction"][0]) == ("S9", "Directions", 1)
    for folder in ("images", "images/S9/S9_Directions_1.54138969"):
        (tmp_path / folder).mkdir(parents=True)
        name = human36m.read(tmp_path, item, Selection())[0].frames["image"][0]
        assert name == f"{folder}/S9_Directions_1.54138969_000001.jpg"


def test_human36m_images_of_the_writer_are_where_the_table_says(tmp_path):
    made = scene(frames=1, people=1, motion="stand", cameras=CAMERAS, size=(96, 96))
    written = fake.write(made, tmp_path)
    assert written.parts["images"] == 4
    for item in human36m.items(tmp_path, Selection()):
        table, _ = human36m.read(tmp_path, item, Selection())
        assert (tmp_path / table.frames["image"][0]).is_file()


def test_human36m_real_mapping_names_stems_as_the_subjects_have_them(real):
    takes = read_metadata(metadata_path(real)).takes
    assert all(len(stems) == 30 for stems in takes.values())
    assert takes["S9"]["Directions 1"].subaction == 1
    assert takes["S5"]["Directions 2"].subaction == 2
    assert takes["S11"]["Phoning 3"].subaction == 1
    assert takes["S5"]["SittingDown"].subaction == 1
    assert takes["S1"]["TakingPhoto"].action == takes["S9"]["Photo"].action == "TakingPhoto"
    assert list(takes["S9"]["Directions 1"].video_frames.values()) == [2357, 2360, 2360, 2357]


def test_human36m_derived_files_have_short_names(tmp_path):
    make(tmp_path, people=28, frames=1, subject="S1", tree="derived")
    names = {path.stem for path in (tmp_path / "S1").rglob("*.h5")}
    assert {"Photo", "Photo 1", "WalkDog"} <= names
    found = {item.keys["stem"] for item in human36m.items(tmp_path, ONE_CAMERA)}
    assert {"TakingPhoto", "TakingPhoto 1", "WalkingDog", "WalkingDog 1"} <= found
    assert len(found) == 28


def test_human36m_names_that_contain_each_other_are_kept_apart(tmp_path):
    make(tmp_path, people=18, frames=1)
    chosen = Selection(sequences=("S9_Sitting",), cameras=("54138969",))
    assert [item.name for item in human36m.items(tmp_path, chosen)] == ["S9_Sitting.54138969"]


def test_human36m_whole_sessions_are_no_part_of_the_data_set(tmp_path):
    make(tmp_path)
    for name in ("_ALL", "_ALL 1"):
        whole = pose_path(tmp_path).with_name(f"{name}.cdf")
        whole.write_bytes(pose_path(tmp_path).read_bytes())
    assert {item.keys["stem"] for item in human36m.items(tmp_path, Selection())} == {"Directions 1"}
    assert not any("_ALL" in stem for stem in read_metadata(metadata_path(tmp_path)).takes["S9"])


def test_human36m_trap_1_the_corrupt_video_is_left_out_by_name(tmp_path):
    make(tmp_path, people=2, subject="S11")
    switched = Selection(exclusions=("human36m_corrupt_video",))
    kept = {}
    for item in human36m.items(tmp_path, switched):
        table, report = human36m.read(tmp_path, item, switched)
        kept[item.name] = table.frame_count
        assert human36m.read(tmp_path, item, Selection())[0].frame_count == 4
        if not table.frame_count:
            assert "corrupt" in report[-1].reason
            assert "hmr" in report[-1].reason
    assert [name for name, frames in kept.items() if frames == 0] == ["S11_Directions.54138969"]
    assert sum(kept.values()) == 4 * 7


def test_human36m_trap_2_shifted_takes_are_left_out_by_name(tmp_path):
    make(tmp_path, people=24, frames=1, kinds=KINDS[:1])
    switched = Selection(exclusions=("human36m_shifted_takes",))
    empty = [
        item.name
        for item in human36m.items(tmp_path, switched)
        if human36m.read(tmp_path, item, switched)[0].frame_count == 0
    ]
    shifted = ("S9_Greeting", "S9_SittingDown_1", "S9_Waiting_1")
    present = {item.keys["stem"] for item in human36m.items(tmp_path, Selection())}
    assert {"Greeting", "Greeting 1", "SittingDown", "SittingDown 1", "Waiting", "Waiting 1"} <= present
    assert empty == [f"{name}.{camera}" for name in shifted for camera in CAMERAS]


def test_human36m_trap_2_shifted_takes_are_moved_by_name(tmp_path):
    switched = Selection(corrections=("human36m_shifted_takes",))
    for tree, kinds in (("official", KINDS), ("renamed", KINDS[1:])):  # world and camera poses
        raw = tmp_path / tree
        make(raw, people=23, frames=1, tree=tree, kinds=kinds)
        write_masks(masks_path(raw, stem="Greeting"), np.ones((1000, 1002), dtype=np.uint8), 1)
        moved, boxed = set(), False
        for item in human36m.items(raw, switched):
            before, after = (human36m.read(raw, item, one)[0] for one in (Selection(), switched))
            off = after.persons["joints3d"] - before.persons["joints3d"]
            if not off.any():
                np.testing.assert_array_equal(after.persons["joints2d"], before.persons["joints2d"])
                continue
            moved.add(item.keys["stem"])
            world = np.einsum("ij,pni->pnj", after.frames["R"][0], off)
            np.testing.assert_allclose(world, np.broadcast_to([-0.2, 0, 0], world.shape), atol=1e-6)
            pixels = after.camera(0).project(after.persons["joints3d"])
            np.testing.assert_allclose(after.persons["joints2d"], pixels, atol=1e-3)
            if "bbox" in after.persons:
                moved_box = after.persons["bbox"] - before.persons["bbox"]
                by = (after.persons["joints2d"] - before.persons["joints2d"]).mean(axis=1)
                np.testing.assert_allclose(moved_box[:, :2], by, atol=1e-3)
                assert np.abs(by).max() > 5
                assert not moved_box[:, 2:].any()
                boxed = True
            assert "PosePile" in human36m.read(raw, item, switched)[1][-1].reason
        assert moved == {"Greeting", "SittingDown 1", "Waiting 1"}
        assert boxed


def test_human36m_boxes_are_those_of_the_masks(tmp_path):
    made = fake.as_filmed(scene(frames=3, people=1, motion="stand", cameras=CAMERAS, seed=3))
    fake.write(made, tmp_path, images=True)
    for item in human36m.items(tmp_path, Selection()):
        assert item.files[-1].endswith(".mat")
        table = human36m.read(tmp_path, item, Selection())[0]
        for frame, (x, y, width, height) in enumerate(table.persons["bbox"]):
            actor = picture(made, frame, item.keys["camera"]).labels == 0
            down, right = np.nonzero(actor)
            assert (x, y, width, height) == (
                right.min(),
                down.min(),
                right.max() + 1 - right.min(),
                down.max() + 1 - down.min(),
            )
            joints = table.persons["joints2d"][frame]
            assert (joints >= [x - 15, y - 15]).all()
            assert (joints <= [x + width + 15, y + height + 15]).all()
    with h5py.File(masks_path(tmp_path), "r+") as file:
        file["#refs#/m1"][...] = 0
    whole = read_one(tmp_path)[0].persons["bbox"]
    assert np.isnan(whole).all(axis=1).tolist() == [False, True, False]
    last = read_one(tmp_path, Selection(cameras=("54138969",), every=2))[0].persons["bbox"]
    np.testing.assert_array_equal(last, whole[[0, 2]])
    masks_path(tmp_path).unlink()
    assert "bbox" not in read_one(tmp_path)[0].persons


def test_human36m_files_of_masks_that_are_damaged_are_named(tmp_path):
    make(tmp_path)
    path = masks_path(tmp_path)
    other = tmp_path / "other.mat"
    with h5py.File(other, "w") as file:
        file["mask"] = np.ones((1000, 1002), dtype=np.uint8)

    def elsewhere(file):
        file["m"] = h5py.ExternalLink(str(other), "mask")
        file.create_dataset("Masks", data=[["/m"]] * 4, dtype=h5py.string_dtype())

    write_masks(path, np.ones((1002, 1000), dtype=np.uint8), 4)
    with pytest.raises(InputError, match=r"shape \(1002, 1000\) and not \(1000, 1002\)"):
        read_one(tmp_path)
    for fill, words in (
        (elsewhere, "no cells `Masks`"),
        (lambda file: file.create_dataset("other", data=[1]), "no cells `Masks`"),
        (None, "damaged"),
    ):
        path.write_bytes(b"<html>")
        if fill is not None:
            with h5py.File(path, "w") as file:
                fill(file)
        with pytest.raises(InputError) as caught:
            read_one(tmp_path)
        what = three_parts(caught.value)
        assert path.name in what
        assert words in what


def test_corrected_shards_are_another_ground_truth(tmp_path):
    make(tmp_path / "raw", people=2, frames=1)
    hashes = []
    for names in ((), ("human36m_shifted_takes",)):
        out = tmp_path / f"out{len(names)}"
        report = convert("human36m", tmp_path / "raw", out, Selection(corrections=names), engine="serial")
        assert not report.failures
        assert check_conversion("human36m", out).manifest_is_current
        hashes.append(open_shards(out).gt_sha256())
    assert hashes[0] != hashes[1]
    for wrong in (Selection(corrections=("human36m_corrupt_video",)), Selection(exclusions=("nonsense",))):
        with pytest.raises(UsageError, match="there is no"):
            convert("human36m", tmp_path / "raw", tmp_path / "out", wrong, engine="serial")


def test_human36m_trap_3_videos_and_poses_differ_in_length(tmp_path):
    make(tmp_path)  # 4 poses; 5, 7, 7 and 5 images
    lengths = {}
    for item in human36m.items(tmp_path, Selection()):
        table, (report,) = human36m.read(tmp_path, item, Selection())
        lengths[item.keys["camera"]] = report.frames
        assert item.frames_available == table.frame_count == 4
        assert "without a pose" in report.reason
    assert list(lengths.values()) == [1, 3, 3, 1]
    poses = next(one for one in human36m.inventory(tmp_path) if one.part == "S9_Directions_1: poses")
    assert "4 poses" in poses.detail
    assert "video frames 5 7 7 5" in poses.detail
    path = metadata_path(tmp_path)
    path.write_text(path.read_text().replace("[5 7 7 5 24]", "[3 7 7 3 20]"))
    item, *_ = human36m.items(tmp_path, Selection())
    table, (report,) = human36m.read(tmp_path, item, Selection())
    assert item.frames_available == table.frame_count == 3
    assert (report.frames, "beyond the end" in report.reason) == (1, True)
    path.write_text(path.read_text().replace("[3 7 7 3 20]", ""))
    item, *_ = human36m.items(tmp_path, Selection())
    table, report = human36m.read(tmp_path, item, Selection())
    assert (item.frames_available, table.frame_count, report) == (4, 4, [])


def test_human36m_trap_4_other_projects_cameras_say_the_same_in_other_words(real, samples):
    folder = samples / "human36m"
    metadata = read_metadata(metadata_path(real))
    karfly = json.loads((folder / "camera-parameters.json").read_text())
    mmpose = read_pickle(folder / "frames" / "cameras.pkl")
    for (subject, name), other in mmpose.items():
        camera = metadata.camera(subject, name)
        np.testing.assert_allclose(camera.R.T, other["R"], atol=1e-12)  # camera to world
        position = -camera.R.T @ camera.t
        np.testing.assert_allclose(position, np.ravel(other["T"]), atol=1e-9)  # metres
        same = karfly["extrinsics"][subject][name]
        np.testing.assert_allclose(camera.R, same["R"], atol=1e-12)
        np.testing.assert_allclose(camera.t * 1000, np.ravel(same["t"]), atol=1e-6)
        lens = karfly["intrinsics"][name]
        np.testing.assert_allclose(camera.K, lens["calibration_matrix"], atol=1e-9)
        np.testing.assert_allclose(camera.distortion[[0, 1, 2, 3, 4]], lens["distortion"], atol=1e-12)
    assert len(mmpose) == 44


def test_human36m_trap_5_index_1_is_the_right_hip(real):
    s = skeleton("h36m_32")
    assert s.joints[1] == "right_hip"
    persons = read_one(real)[0].persons
    right, left = persons["joints2d"][0, s.index("right_hip")], persons["joints2d"][0, s.index("left_hip")]
    toe, ankle = (persons["joints3d"][0, s.index(name), 2] for name in ("right_toe_base", "right_ankle"))
    assert toe > ankle  # the actor looks away from the camera, so right is right
    assert right[0] > left[0]


def test_human36m_trap_6_the_challenges_split_is_no_split(tmp_path):
    make(tmp_path)
    assert "<train_subjects>" in metadata_path(tmp_path).read_text()
    assert {item.split for item in human36m.items(tmp_path, Selection())} == {"all"}
    with pytest.raises(UsageError, match="no split 'train'"):
        human36m.items(tmp_path, Selection(splits=("train",)))


def test_human36m_joints_that_the_files_repeat_are_the_same_point(real):
    joints = read_one(real)[0].persons["joints3d"]
    for same in ((13, 16, 24), (19, 20), (22, 23), (27, 28), (30, 31)):
        for other in same[1:]:
            np.testing.assert_array_equal(joints[:, same[0]], joints[:, other])


def test_human36m_bad_roots_are_named(tmp_path):
    with pytest.raises(MissingInputError, match="no raw folder") as caught:
        human36m.items(tmp_path / "none", Selection())
    three_parts(caught.value)
    with pytest.raises(MissingInputError, match=r"holds no metadata\.xml") as caught:
        human36m.items(tmp_path, Selection())
    three_parts(caught.value)
    assert [one.present for one in human36m.inventory(tmp_path)] == [False]


def test_human36m_archives_that_lie_there_packed_are_named(tmp_path):
    make(tmp_path)
    (tmp_path / "S9").rename(tmp_path / "S9.away")
    with pytest.raises(InputError, match="holds no poses") as caught:
        human36m.items(tmp_path, Selection())
    assert "mhbench datasets" in caught.value.action
    (tmp_path / "SubjectSpecific_4.tgz").touch()
    with pytest.raises(InputError, match="holds no poses") as caught:
        human36m.items(tmp_path, Selection())
    assert "extract the archives, such as SubjectSpecific_4.tgz" in caught.value.action
    assert "SubjectSpecific_4.tgz" in human36m.inventory(tmp_path)[-1].detail


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(sequences=("S9_Direction",)), "no sequence 'S9_Direction'"),
        (Selection(frame_lists={"S10_Walking": (1,)}), "no sequence 'S10_Walking'"),
        (Selection(cameras=("2",)), "no camera '2'"),
    ],
)
def test_human36m_names_that_do_not_exist(tmp_path, selection, words):
    make(tmp_path)
    with pytest.raises(UsageError, match=words) as caught:
        human36m.items(tmp_path, selection)
    three_parts(caught.value)


def spoil_cut(path):
    path.write_bytes(path.read_bytes()[:900])


def spoil_hdf5(path):
    path.unlink()
    with h5py.File(path, "w") as file:
        file["Pose"] = np.zeros((1, 4, 96))


def spoil_nan(path):
    poses = np.zeros((1, 4, 96))
    poses[0, 2, 5] = np.nan
    write_cdf(path, poses)


def spoil_signalling_nan(path):
    """A NaN that raises a flag of the processor wherever it is converted."""
    poses = np.zeros((1, 4, 96), dtype=np.float32)
    poses.view(np.uint32)[0, 2, 5] = 0x7FA00000
    write_cdf(path, poses)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b""), "does not begin like a CDF file"),
        (spoil_cut, "damaged or cut short"),
        (spoil_hdf5, "does not begin like a CDF file"),
        (lambda path: write_cdf(path, np.zeros((1, 4, 96)), "Poses"), "no variable 'Pose'"),
        (lambda path: write_cdf(path, np.zeros((1, 4, 64))), "holds an array of shape"),
        (lambda path: write_cdf(path, np.zeros((2, 4, 96))), "holds an array of shape (2, 4, 96)"),
        (spoil_nan, "pose 2 (from 0) holds a NaN"),
        (spoil_signalling_nan, "pose 2 (from 0) holds a NaN"),
        (
            lambda path: write_cdf(path, np.full((1, 4, 96), 1e30)),
            "pose 0 (from 0) holds a NaN or a",
        ),
    ],
)
def test_human36m_a_bad_pose_file_fails_its_take_only(tmp_path, spoil, words):
    make(tmp_path, people=2)
    spoil(pose_path(tmp_path))
    whole, broken = human36m.items(tmp_path, ONE_CAMERA)
    assert broken.frames_available == 0
    with pytest.raises(InputError) as caught:
        human36m.read(tmp_path, broken, ONE_CAMERA)
    what = three_parts(caught.value)
    assert "Directions 1.cdf" in what
    assert words in what
    assert human36m.read(tmp_path, whole, ONE_CAMERA)[0].frame_count == 4
    present = {one.part: one.present for one in human36m.inventory(tmp_path)}
    assert (present["S9_Directions_1: poses"], present["S9_Directions: poses"]) == (False, True)


def test_human36m_a_conversion_goes_on_without_a_bad_take(tmp_path):
    make(tmp_path / "raw", people=2)
    spoil_cut(pose_path(tmp_path / "raw"))
    report = convert("human36m", tmp_path / "raw", tmp_path / "out", ONE_CAMERA, heatmaps="none")
    assert list(report.results) == ["all/S9_Directions.54138969"]
    assert "Directions 1.cdf is damaged" in report.failures["all/S9_Directions_1.54138969"].what


def test_human36m_2d_and_3d_of_different_length_are_named(tmp_path):
    make(tmp_path)
    write_cdf(pose_path(tmp_path, "D2_Positions", ".54138969.cdf"), np.zeros((1, 3, 64)))
    with pytest.raises(InputError, match="has 3 poses, and the 3D poses of the take are 4") as caught:
        read_one(tmp_path)
    three_parts(caught.value)


def test_human36m_a_missing_camera_fails_its_item_only(tmp_path):
    make(tmp_path / "raw", kinds=KINDS[1:2])
    pose_path(tmp_path / "raw", "D3_Positions_mono", ".58860488.cdf").unlink()
    report = convert("human36m", tmp_path / "raw", tmp_path / "out", heatmaps="none")
    assert list(report.failures) == ["all/S9_Directions_1.58860488"]
    assert "Directions 1.58860488.cdf is missing" in report.failures["all/S9_Directions_1.58860488"].what
    assert len(report.results) == 3


def test_human36m_an_unknown_take_fails_alone(tmp_path):
    make(tmp_path)
    pose_path(tmp_path).with_name("Dancing.cdf").write_bytes(pose_path(tmp_path).read_bytes())
    unknown, known = human36m.items(tmp_path, ONE_CAMERA)
    with pytest.raises(InputError, match="has no take 'Dancing' of S9") as caught:
        human36m.read(tmp_path, unknown, ONE_CAMERA)
    three_parts(caught.value)
    assert human36m.read(tmp_path, known, ONE_CAMERA)[0].frame_count == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda _: "", "it is empty"),
        (lambda text: text[: len(text) // 2], "damaged: "),
        (lambda text: text.replace("<mapping>", "<map>").replace("</mapping>", "</map>"), "no heading"),
        (lambda text: text.replace("<td>S4</td>", "<td>S44</td>", 1), "no heading"),
        (
            lambda text: text.replace("<item>58860488</item>", ""),
            "cameras 54138969, 55011271, 60457274",
        ),
        (lambda text: re.sub(r"<w0>\[\S+ ", "<w0>[", text), "w0 holds 299 finite numbers and not 300"),
        (lambda text: re.sub(r"<w0>\[\S+ ", "<w0>[NaN ", text), "w0 holds 299 finite numbers"),
        (lambda text: re.sub(r"<w0>\[\S+ ", "<w0>[x ", text), "w0 holds could not convert"),
        (lambda text: text.replace("<td>S9</td>", "", 1), "no heading"),
        (
            lambda text: text.replace("</mapping>", f"<tr><td>{'9' * 5000}</td><td>1</td></tr></mapping><x>"),
            "damaged",
        ),
        (lambda text: text.replace("<td>Eating</td>", "", 1), "of the table `mapping` fits no action"),
    ],
)
def test_human36m_bad_metadata_is_named(tmp_path, change, words):
    make(tmp_path)
    path = metadata_path(tmp_path)
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError) as caught:
        human36m.items(tmp_path, Selection())
    what = three_parts(caught.value)
    assert str(path) in what
    assert words in what


def test_human36m_xml_entities_are_refused(tmp_path):
    make(tmp_path)
    path = metadata_path(tmp_path)
    text = path.read_text().replace("<a>", '<!DOCTYPE a [<!ENTITY b "b">]><a>', 1)
    path.write_text(text)
    with pytest.raises(UnsafeInputError, match="declares XML entities"):
        human36m.items(tmp_path, Selection())


def test_human36m_derived_files_that_are_none_are_named(tmp_path):
    make(tmp_path, tree="derived")
    path = tmp_path / "S9" / "MyPoses" / "3D_positions" / "Directions 1.h5"
    for write, words in (
        (lambda: path.write_bytes(b"\xcd\xf3\x00\x01"), "Directions 1.h5 is no MATLAB file, or cut short"),
        (lambda: h5py.File(path, "w").close(), "has no variable 3D_positions"),
    ):
        path.unlink()
        write()
        with pytest.raises(MhbenchError) as caught:
            read_one(tmp_path)
        assert words in three_parts(caught.value)


def test_human36m_the_writer_refuses_what_the_data_set_does_not_have(tmp_path):
    made = scene(frames=1, people=1, cameras=("0", "1"))
    with pytest.raises(UsageError, match="four cameras"):
        fake.write(made, tmp_path)
    with pytest.raises(UsageError, match="no subject 'S12'"):
        fake.write(made, tmp_path, subject="S12")
