from __future__ import annotations

import json
import re
import tarfile

import numpy as np
import pytest
from dataset_contract import DatasetContract, three_parts

from mhbench.columns import JointFlag
from mhbench.conversion.fingerprints import fingerprint
from mhbench.conversion.pipeline import convert
from mhbench.datasets import panoptic
from mhbench.datasets.items import Selection
from mhbench.errors import InputError, MhbenchError, MissingInputError, UsageError
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw.panoptic import write
from mhbench.synthetic.scenes import scene

COCO19 = "hdPose3d_stage1_coco19"
JOINTS15 = "hdPose3d_stage1"
OUT, LABELLED3D, LABELLED2D = JointFlag.OUT_OF_IMAGE, JointFlag.LABELLED_3D, JointFlag.LABELLED_2D
ONE_CAMERA = Selection(cameras=("00_16",))

# cm, y down; x to the left of a person who faces -z
TRUNK = [(0, -145, 0), (0, -160, -10), (0, -90, 0)]
LEFT = [(18, -142, 0), (22, -115, 0), (24, -90, -5), (10, -90, 0), (11, -48, -2), (11, -8, 2)]
FACE = [(4, -164, -8), (8, -162, 0), (-4, -164, -8), (-8, -162, 0)]
STANDING = np.array([*TRUNK, *LEFT, *((-x, y, z) for x, y, z in LEFT), *FACE], dtype=float)


def body(number, place=(0.0, 0.0), *, joints=19, confidence=0.5, missing=()):
    values = np.full((joints, 4), confidence)
    values[:, :3] = STANDING[:joints] + np.array([place[0], 0, place[1]])
    values[list(missing)] = [0, 0, 0, -1]
    return {"id": number, f"joints{joints}": values.ravel().round(4).tolist()}


def camera(name, kind, angle):
    """A camera 250 cm from the dome's axis, at breast height, that looks at it."""
    centre = np.array([250 * np.sin(angle), -100, -250 * np.cos(angle)])
    forward = -centre * [1, 0, 1] / 250
    R = np.stack([np.cross([0, 1, 0], forward), [0, 1, 0], forward])
    return {
        "name": name,
        "type": kind,
        "resolution": [1920, 1080],
        "panel": int(name[:2]),
        "node": int(name[3:]),
        "K": [[1400, 0, 960], [0, 1390, 540], [0, 0, 1]],
        "distCoef": [-0.35, 0.1, 0.0003, -0.0002, -0.01],
        "R": R.tolist(),
        "t": (-R @ centre)[:, None].tolist(),
    }


def write_calibration(folder, **changes):
    cameras = [camera(f"00_{node:02d}", "hd", 0.2 * node) for node in range(31)]
    cameras += [camera("01_01", "vga", 0.3), camera("50_01", "kinect-color", 0.4)]
    (folder / f"calibration_{folder.name}.json").write_text(json.dumps({"cameras": cameras} | changes))


def write_poses(folder, frames):
    folder.mkdir(parents=True, exist_ok=True)
    for number, bodies in frames.items():
        content = {"version": 0.7, "univTime": 33.356 * number, "fpsType": "hd_29_97", "bodies": bodies}
        (folder / f"body3DScene_{number:08d}.json").write_text(json.dumps(content))


def write_sequence(raw, name="160422_haggling1", frames=None, *, poses=COCO19):
    folder = raw / name
    if frames is None:
        frames = {245: [body(0), body(4, (80, 50))], 246: [body(4, (81, 50))], 248: [], 249: [body(0)]}
    write_poses(folder / poses, frames)
    write_calibration(folder)
    return folder


def pack(folder, poses=COCO19):
    with tarfile.open(folder / f"{poses}.tar", "w") as archive:
        archive.add(folder / poses, arcname=poses)


def read_one(raw, selection=ONE_CAMERA):
    item, *_ = panoptic.items(raw, selection)
    return panoptic.read(raw, item, selection)


def same(one, other):
    return all(
        np.array_equal(a[name], b[name], equal_nan=a[name].dtype.kind == "f")
        for a, b in ((one.frames, other.frames), (one.persons, other.persons))
        for name in a
    )


class TestContract(DatasetContract):
    dataset = "panoptic"
    selection = Selection(cameras=("00_03", "00_16"))

    @pytest.fixture
    def raw(self, tmp_path):
        write_sequence(tmp_path)
        write_sequence(tmp_path, "160906_band1", {0: [body(1)], 2: [body(1, missing=(8,))]})
        return tmp_path

    @pytest.fixture
    def expected(self):
        cameras = ("00_03", "00_16")
        return {f"all/160422_haggling1.{one}": (4, 4) for one in cameras} | {
            f"all/160906_band1.{one}": (2, 2) for one in cameras
        }


class TestContractOfRealFiles(DatasetContract):
    dataset = "panoptic"

    @pytest.fixture
    def raw(self, samples):
        return samples / "panoptic"

    @pytest.fixture
    def expected(self):
        return {f"all/160906_band{n}.00_{node:02d}": (2, 6) for n in (1, 2) for node in range(31)}


def test_panoptic_real_joints_project_where_opencv_puts_them(samples):
    raw = samples / "panoptic"
    expected = json.loads((raw / "expected_projections.json").read_text())
    compared = 0
    for item in panoptic.items(raw, Selection(cameras=("00_16", "00_30"))):
        table, _ = panoptic.read(raw, item, Selection())
        for person, frame in enumerate(table.frame_of_person):
            sequence, name, number = table.frames["id"][frame].split("/")
            truth = expected[f"{sequence}/{number}/{name}/{table.persons['track'][person]}"]
            pixels = np.array([[np.nan, np.nan] if uv is None else uv for uv in truth["uv"]])
            depth = [np.nan if z is None else z / 100 for z in truth["depth_cm"]]
            np.testing.assert_allclose(table.persons["joints2d"][person], pixels, atol=0.05)
            np.testing.assert_allclose(table.persons["joints3d"][person, :, 2], depth, atol=1e-5)
            compared += int(np.isfinite(pixels[:, 0]).sum())
    assert compared == 440


def test_panoptic_real_people_stand_upright_in_the_image(samples):
    s = skeleton("panoptic_19")
    upright = 0
    for item in panoptic.items(samples / "panoptic", Selection()):
        table, _ = panoptic.read(samples / "panoptic", item, Selection())
        centre = -table.frames["R"][0].T @ table.frames["t"][0]
        if centre[1] < -2.5:  # m, y down: looks steeply down on people
            continue
        neck, hips = (table.persons["joints2d"][:, s.index(name), 1] for name in ("neck", "body_center"))
        seen = np.isfinite(neck) & np.isfinite(hips)
        assert (neck < hips)[seen].all()
        upright += int(seen.sum())
    assert upright > 100


def test_panoptic_joints_keep_the_official_order(tmp_path):
    write_sequence(tmp_path)
    joints = read_one(tmp_path)[0].persons["joints3d"][0]
    s = skeleton("panoptic_19")
    assert list(s.joints[:4]) == ["neck", "nose", "body_center", "left_shoulder"]
    hips = joints[list(s.indices(["left_hip", "right_hip"]))].mean(axis=0)
    np.testing.assert_allclose(joints[s.index("body_center")], hips, atol=1e-6)


def test_panoptic_camera_frame_by_hand(tmp_path):
    # camera 00_00 stands 2.5 m in front of the axis, 1 m above the floor, and looks along world z
    write_sequence(tmp_path, frames={7: [body(3, (20, 30))]})
    table, left_out = read_one(tmp_path, Selection(cameras=("00_00",)))
    assert left_out == []
    assert table.frames["id"].tolist() == ["160422_haggling1/00_00/00000007"]
    assert table.frames["action"].tolist() == ["haggling"]
    assert table.persons["track"].tolist() == [3]
    np.testing.assert_allclose(table.persons["joints3d"][0, 0], [0.20, -0.45, 2.80], atol=1e-6)
    np.testing.assert_allclose(table.frames["t"][0], [0, 1, 2.5], atol=1e-12)
    np.testing.assert_array_equal(table.frames["distortion"][0, 5:], 0)


def test_panoptic_confidence_decides_what_is_labelled(tmp_path):
    one = body(0)
    one["joints19"][3::4] = [0.1, 0.1001, 0.0] + [0.5] * 16
    write_sequence(tmp_path, frames={1: [one]})
    persons = read_one(tmp_path)[0].persons
    assert np.isfinite(persons["joints3d"]).all()
    assert (persons["joint_flags"][0] & LABELLED3D > 0).tolist() == [False, True, False] + [True] * 16
    np.testing.assert_allclose(persons["confidence"][0, :3], [0.1, 0.1001, 0.0], atol=1e-7)


def test_panoptic_trap_1_people_outside_the_camera_stay_with_flags(tmp_path):
    behind, beside = body(5, (0, -400)), body(6, (240, -200))
    write_sequence(tmp_path, frames={1: [behind, body(0), beside]})
    persons = read_one(tmp_path, Selection(cameras=("00_00",)))[0].persons
    flags = persons["joint_flags"]
    assert persons["track"].tolist() == [5, 0, 6]
    assert np.isfinite(persons["joints3d"]).all()
    assert np.isnan(persons["joints2d"][0]).all()  # behind
    assert (flags[0] == LABELLED3D | OUT).all()
    assert (flags[1] == LABELLED3D | LABELLED2D).all()
    assert np.isnan(persons["joints2d"][2]).all()  # in front, but beyond the lens' fold-back
    assert (persons["joints3d"][2, :, 2] > 0).all()
    assert (flags[2] == LABELLED3D | OUT).all()


def test_panoptic_trap_1_real_people_lie_partly_outside(samples):
    raw = samples / "panoptic"
    item, *_ = panoptic.items(raw, Selection(sequences=("160906_band1",), cameras=("00_16",)))
    persons = panoptic.read(raw, item, Selection())[0].persons
    nearest = np.nanargmin(np.nanmean(persons["joints3d"][:3, :, 2], axis=1))
    inside = np.isfinite(persons["joints2d"][nearest, :, 0]) & (persons["joint_flags"][nearest] & OUT == 0)
    assert 7 <= inside.sum() <= 10


def test_panoptic_trap_2_missing_joints_are_nan_and_not_the_origin(tmp_path):
    write_sequence(tmp_path, frames={1: [body(0, missing=(8, 14))]})
    persons = read_one(tmp_path)[0].persons
    for name in ("joints3d", "joints2d", "confidence"):
        assert np.isnan(persons[name][0, [8, 14]]).all()
        assert np.isfinite(persons[name][0, :8]).all()
    assert (persons["joint_flags"][0, [8, 14]] == 0).all()


def test_panoptic_trap_3_images_are_jpg_or_png(tmp_path):
    folder = write_sequence(tmp_path)
    assert read_one(tmp_path)[0].frames["image"][0] == "160422_haggling1/hdImgs/00_16/00_16_00000245.jpg"
    images = folder / "hdImgs" / "00_16"
    images.mkdir(parents=True)
    for name in ("00_16_00000245.png", "00_16_00000246.png", "00_16_00000246.jpg"):
        (images / name).touch()
    found = read_one(tmp_path)[0].frames["image"]
    assert [image.rpartition("_")[2] for image in found[:3]] == [
        "00000245.png",
        "00000246.jpg",
        "00000248.jpg",
    ]
    assert any(
        finding.part.endswith("images") and finding.present for finding in panoptic.inventory(tmp_path)
    )


def test_panoptic_trap_4_vga_cameras_and_poses_are_not_mixed_in(tmp_path):
    folder = write_sequence(tmp_path)
    write_poses(folder / "vgaPose3d_stage1_coco19", {9: [body(0)]})
    with pytest.raises(
        UsageError, match="'01_01' is a vga camera, whose frames are not numbered like the poses"
    ):
        panoptic.items(tmp_path, Selection(cameras=("01_01",)))
    found = panoptic.items(tmp_path, Selection())
    assert len(found) == 31
    assert {item.keys["camera"] for item in found} == set(panoptic.HD_CAMERAS)
    assert 9 not in read_one(tmp_path)[0].frames["index"]


def test_panoptic_older_files_are_another_skeleton(tmp_path):
    folder = write_sequence(tmp_path, frames={1: [body(0, joints=15)]}, poses=JOINTS15)
    table, _ = read_one(tmp_path)
    assert table.skeleton == "panoptic_15"
    assert skeleton("panoptic_15").joints[1] == "head_top"
    assert table.persons["joints3d"].shape == (1, 15, 3)
    write_poses(folder / COCO19, {1: [body(0)]})
    assert read_one(tmp_path)[0].skeleton == "panoptic_19"


def test_panoptic_tars_are_read_in_place(tmp_path):
    for poses, joints in ((COCO19, 19), (JOINTS15, 15)):
        raw = tmp_path / poses
        folder = write_sequence(raw, frames={3: [body(0, joints=joints)], 12: []}, poses=poses)
        extracted, _ = read_one(raw)
        files = panoptic.items(raw, ONE_CAMERA)[0].files
        pack(folder, poses)
        archived = (files[0], f"{files[1]}.tar")
        assert fingerprint(raw, archived).content == fingerprint(raw, files).content
        for file in (folder / poses).iterdir():
            file.unlink()
        assert same(read_one(raw)[0], extracted)  # an emptied folder hides no archive
        (folder / poses).rmdir()
        assert same(read_one(raw)[0], extracted)
        assert not (folder / poses).exists()
        assert panoptic.items(raw, ONE_CAMERA)[0].files == archived


def test_panoptic_an_extraction_that_stopped_is_noticed(tmp_path):
    folder = write_sequence(tmp_path)
    pack(folder)
    (folder / COCO19 / "body3DScene_00000246.json").unlink()
    with pytest.raises(
        InputError, match=r"lacks 1 frames of hdPose3d_stage1_coco19\.tar beside it, first 246"
    ):
        read_one(tmp_path)


def test_panoptic_frames_without_people_and_without_file(tmp_path):
    write_sequence(tmp_path)
    table, _ = read_one(tmp_path)
    assert table.frames["index"].tolist() == [245, 246, 248, 249]
    assert table.person_start.tolist() == [0, 2, 3, 3, 4]
    write_sequence(tmp_path, "160422_mafia2", {3: []})
    empty, _ = read_one(tmp_path, Selection(sequences=("160422_mafia2",), cameras=("00_16",)))
    assert empty.persons["joints2d"].shape == (0, 19, 2)


def test_panoptic_frame_lists_choose_sequences_and_frames(tmp_path):
    write_sequence(tmp_path)
    write_sequence(tmp_path, "160422_mafia2")
    selection = Selection(cameras=("00_16", "00_30"), frame_lists={"160422_haggling1": (249, 245, 999)})
    found = panoptic.items(tmp_path, selection)
    assert [item.name for item in found] == ["160422_haggling1.00_16", "160422_haggling1.00_30"]
    table, left_out = panoptic.read(tmp_path, found[0], selection)
    assert table.frames["index"].tolist() == [245, 249]
    assert [(one.frames, one.reason) for one in left_out] == [
        (1, "in the frame list, but the data set has no annotation of them")
    ]


def test_panoptic_green_images_are_left_out_by_name_only(tmp_path):
    numbers = (*range(1400, 1416), 2944, 2945, 2954, 2955)
    write_sequence(tmp_path, frames={number: [body(0)] for number in numbers})
    switched = Selection(cameras=("00_16", "00_30"), exclusions=("panoptic_green_images",))
    kept = {}
    for item in panoptic.items(tmp_path, switched):
        assert panoptic.read(tmp_path, item, Selection())[0].frame_count == len(numbers)
        table, (report,) = panoptic.read(tmp_path, item, switched)
        kept[item.keys["camera"]] = table.frames["index"].tolist()
        assert report.frames == len(numbers) - table.frame_count > 0
        assert "green" in report.reason
        assert "ROMP" in report.reason
    assert kept["00_16"] == [*range(1400, 1416), 2944, 2955]
    assert kept["00_30"] == [1400, 1401, 1413, 1415, 2944, 2945, 2954, 2955]
    with pytest.raises(UsageError, match="no exclusion list 'greens'"):
        read_one(tmp_path, Selection(exclusions=("greens",)))


def test_panoptic_a_changed_file_is_read_anew(tmp_path):
    folder = write_sequence(tmp_path)
    before, _ = read_one(tmp_path)
    write_poses(folder / COCO19, {246: [body(4, (10, 10)), body(5, (200, 100))]})
    after, _ = read_one(tmp_path)
    assert (before.person_count, after.person_count) == (4, 5)


@pytest.mark.parametrize(("joints", "archive"), [(19, False), (15, True)])
def test_panoptic_a_synthetic_scene_comes_back(tmp_path, joints, archive):
    made = scene(frames=4, people=3, motion="stand", cameras=("00_16", "00_30"), absences=False, seed=3)
    write(made, tmp_path, images=False, joints=joints, archive=archive, empty=(1,), absent=(2,))
    world = made.joints(f"panoptic_{joints}")[[0, 3]].reshape(-1, joints, 3)
    for item in panoptic.items(tmp_path, Selection()):
        table, _ = panoptic.read(tmp_path, item, Selection())
        truth = made.cameras[item.keys["camera"]]
        assert np.diff(table.person_start).tolist() == [3, 0, 3]
        present = np.isfinite(table.persons["joints3d"][..., 0])
        expected = truth.to_camera(world)[present]
        np.testing.assert_allclose(table.persons["joints3d"][present], expected, atol=2e-5)  # rounded files
        assert 0.9 < present.mean() < 1
        labelled = table.persons["joint_flags"] & LABELLED3D > 0
        assert 0.9 * present.sum() < labelled.sum() < present.sum()


def test_panoptic_bad_roots_are_named(tmp_path):
    with pytest.raises(MissingInputError, match="no raw folder") as caught:
        panoptic.items(tmp_path / "none", Selection())
    three_parts(caught.value)
    (tmp_path / "160422_haggling1").mkdir()
    with pytest.raises(InputError, match="holds no sequence of CMU Panoptic") as caught:
        panoptic.items(tmp_path, Selection())
    three_parts(caught.value)
    assert [finding.present for finding in panoptic.inventory(tmp_path)] == [False]
    folder = write_sequence(tmp_path)
    with pytest.raises(InputError, match="holds no sequence") as caught:
        panoptic.items(folder, Selection())
    assert str(tmp_path) in caught.value.action


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(sequences=("160422_hagling1",)), "no sequence '160422_hagling1'"),
        (Selection(frame_lists={"other": (1,)}), "no sequence 'other'"),
        (Selection(cameras=("00_31",)), "camera '00_31' does not exist"),
        (Selection(splits=("train",)), "no split 'train'"),
    ],
)
def test_panoptic_names_that_do_not_exist(tmp_path, selection, words):
    write_sequence(tmp_path)
    with pytest.raises(UsageError, match=words) as caught:
        panoptic.items(tmp_path, selection)
    three_parts(caught.value)


def spoil(folder, content):
    path = folder / COCO19 / "body3DScene_00000246.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def short(number):
    return {"id": number, "joints19": body(number)["joints19"][:75]}


def far(number):
    return {"id": number, "joints19": [1e30, *body(number)["joints19"][1:]]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b'{"version": 0.7, "bodies": [{"id": 0, "joints19": [1, 2', "ends in the middle"),
        (b'{"bodies": [{"id": 0, "joints19": [NaN, 2]}]}', "holds a NaN or an infinity"),
        (b'{"bodies": [{"id": 0, "joints19": [1e999, 2]}]}', "out of range - at $.bodies[0].joints19[0]"),
        ({"bodies": [body(0), short(1)]}, "a body has 75 numbers - at $.bodies[1].joints19"),
        ({"bodies": [body(0), body(3), body(0)]}, "two bodies have the id 0 - at $.bodies[2].id"),
        ({"bodies": [body(0, joints=15)]}, "missing required field `joints19` - at $.bodies[0]"),
        ({"people": []}, "missing required field `bodies`"),
    ],
)
def test_panoptic_a_bad_pose_file_is_named(tmp_path, content, words):
    spoil(write_sequence(tmp_path), content)
    item, *_ = panoptic.items(tmp_path, ONE_CAMERA)
    with pytest.raises(InputError) as caught:
        panoptic.read(tmp_path, item, ONE_CAMERA)
    what = three_parts(caught.value)
    assert "body3DScene_00000246.json" in what
    assert words in what
    skipped = Selection(cameras=("00_16",), every=5)
    assert panoptic.read(tmp_path, item, skipped)[0].frame_count == 1  # only frames that are wanted are read


def test_panoptic_a_bad_pose_file_fails_its_items_and_not_the_run(tmp_path):
    spoil(write_sequence(tmp_path / "raw"), b"")
    write_sequence(tmp_path / "raw", "160422_mafia2")
    report = convert("panoptic", tmp_path / "raw", tmp_path / "out", ONE_CAMERA, engine="serial")
    assert list(report.results) == ["all/160422_mafia2.00_16"]
    assert list(report.failures) == ["all/160422_haggling1.00_16"]
    assert "body3DScene_00000246.json is empty" in report.failures["all/160422_haggling1.00_16"].what


def test_panoptic_joints_outside_of_any_dome_are_named(tmp_path):
    spoil(write_sequence(tmp_path), {"bodies": [body(0), far(1)]})
    with pytest.raises(InputError, match=r"image number 246 has a joint .* at \$\.bodies\[1\]\.joints19"):
        read_one(tmp_path)


def test_panoptic_duplicate_frame_numbers_are_named(tmp_path):
    folder = write_sequence(tmp_path)
    (folder / COCO19 / "body3DScene_246.json").write_text('{"bodies": []}')
    with pytest.raises(InputError, match=r"number 246 twice; the second is body3DScene_246\.json") as caught:
        read_one(tmp_path)
    three_parts(caught.value)


@pytest.mark.parametrize("size", [0, 700, 2000])
def test_panoptic_a_tar_cut_short_fails_its_items_only(tmp_path, size):
    folder = write_sequence(tmp_path)
    pack(folder)
    for file in (folder / COCO19).iterdir():
        file.unlink()
    archive = folder / f"{COCO19}.tar"
    archive.write_bytes(archive.read_bytes()[:size])
    write_sequence(tmp_path, "160422_mafia2")
    broken, whole = panoptic.items(tmp_path, ONE_CAMERA)
    assert (broken.frames_available, whole.frames_available) == (0, 4)
    with pytest.raises(InputError, match=r"coco19\.tar is cut short") as caught:
        panoptic.read(tmp_path, broken, ONE_CAMERA)
    three_parts(caught.value)
    assert panoptic.read(tmp_path, whole, ONE_CAMERA)[0].frame_count == 4
    assert [one.present for one in panoptic.inventory(tmp_path) if one.needed] == [False, True, True, True]


def test_panoptic_a_folder_without_poses_is_named(tmp_path):
    folder = write_sequence(tmp_path)
    for file in (folder / COCO19).iterdir():
        file.unlink()
    with pytest.raises(InputError, match="holds no pose files") as caught:
        read_one(tmp_path)
    three_parts(caught.value)


def test_panoptic_a_bad_calibration_fails_its_items_only(tmp_path):
    folder = write_sequence(tmp_path)
    path = folder / f"calibration_{folder.name}.json"
    whole = path.read_text()
    first = '"K": [[1400, 0, 960], [0, 1390, 540], [0, 0, 1]]'
    cases = [
        (None, "is not there"),
        ("", "is empty"),
        (whole[: len(whole) // 2], "ends in the middle"),
        ("[]", "Expected `object`, got `array` - at $"),
        (whole.replace(first, '"K": [[1400, 0, 960], [0, 1390, 540]]'), "- at $.cameras[16].K"),
        (whole.replace('"distCoef": [', '"distCoef": [NaN, '), "holds a NaN"),
        (re.sub(r'"R": \[\[[^,]*', '"R": [[2', whole), "R is no rotation"),
        (whole.replace(first, first.replace("1400", "0")), "R is no rotation, or K has no focal length"),
        (whole.replace('"00_17"', '"00_16"'), "two cameras have the name '00_16' - at $.cameras[17].name"),
    ]
    for content, words in cases:
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        (item,) = panoptic.items(tmp_path, ONE_CAMERA)
        with pytest.raises(MhbenchError) as caught:
            panoptic.read(tmp_path, item, ONE_CAMERA)
        what = three_parts(caught.value)
        assert path.name in what
        assert words in what
    path.unlink()
    assert len(panoptic.items(tmp_path, Selection())) == 31
