from __future__ import annotations

import json
import tarfile

import numpy as np
import pytest

from mhbench.errors import OutputError, UsageError
from mhbench.synthetic import scene
from mhbench.synthetic.raw import WRITERS, new_folder, panoptic, write_raw, writer

SMALL = (240, 136)


@pytest.fixture(scope="module")
def made():
    return scene(frames=5, people=3, cameras=("00_03", "00_16"), size=SMALL, seed=3)


def frame_of(folder, number):
    name = f"body3DScene_{number:08d}.json"
    return json.loads((folder / panoptic.SEQUENCE / panoptic.FOLDERS[19] / name).read_bytes())


def cameras_of(folder):
    path = folder / panoptic.SEQUENCE / f"calibration_{panoptic.SEQUENCE}.json"
    return {camera["name"]: camera for camera in json.loads(path.read_bytes())["cameras"]}


def test_the_files_hold_the_scene_to_rounding(made, tmp_path):
    panoptic.write(made, tmp_path, images=False, uncertain=False)
    truth = made.joints("panoptic_19")
    cameras = cameras_of(tmp_path)
    for frame in range(made.frames):
        bodies = frame_of(tmp_path, panoptic.FIRST_FRAME + frame)["bodies"]
        assert [body["id"] for body in bodies] == np.flatnonzero(made.present[frame]).tolist()
        for body in bodies:
            joints = np.array(body["joints19"]).reshape(19, 4)
            assert (joints[:, 3] > 0.1).all()
            for name, camera in made.cameras.items():
                written = cameras[name]
                seen = joints[:, :3] @ np.array(written["R"]).T + np.array(written["t"]).T
                expected = camera.to_camera(truth[frame, body["id"]])
                np.testing.assert_allclose(seen / 100, expected, atol=2e-5)  # 0.001 cm in each coordinate
            np.testing.assert_allclose(joints[2, :3], joints[[6, 12], :3].mean(axis=0), atol=1.1e-3)


def test_the_world_has_y_down_and_people_stand_on_it(made, tmp_path):
    panoptic.write(made, tmp_path, images=False, uncertain=False)
    joints = np.array(frame_of(tmp_path, panoptic.FIRST_FRAME)["bodies"][0]["joints19"]).reshape(19, 4)
    assert -20 < joints[[8, 14], 1].max() < 0  # ankles
    assert joints[1, 1] < joints[0, 1] < joints[2, 1] < -40  # nose above neck above hips


def test_the_calibration_holds_the_cameras_to_rounding(made, tmp_path):
    panoptic.write(made, tmp_path, images=False)
    cameras = cameras_of(tmp_path)
    assert {camera["type"] for camera in cameras.values()} == {"hd", "vga", "kinect-color"}
    for name, camera in made.cameras.items():
        written = cameras[name]
        assert set(written) == {"name", "type", "resolution", "panel", "node", "K", "distCoef", "R", "t"}
        assert written["resolution"] == list(SMALL)
        assert [written["panel"], written["node"]] == [0, int(name[3:])]
        np.testing.assert_allclose(written["K"], camera.K, rtol=1e-5)
        np.testing.assert_allclose(written["distCoef"], camera.distortion[:5], rtol=1e-5)
        assert np.shape(written["t"]) == (3, 1)
        R, t = np.array(written["R"]), np.array(written["t"])
        assert np.linalg.det(R) == pytest.approx(1, abs=1e-9)
        centre = (-R.T @ t)[:, 0] / 100
        np.testing.assert_allclose([centre[0], centre[2], -centre[1]], -camera.R.T @ camera.t, atol=1e-8)


def test_uncertain_joints_are_written_as_the_data_set_does(tmp_path):
    panoptic.write(scene(frames=40, people=3, cameras=("00_03",)), tmp_path, images=False)
    files = sorted((tmp_path / panoptic.SEQUENCE / panoptic.FOLDERS[19]).iterdir())
    rows = np.array(
        [body["joints19"] for file in files for body in json.loads(file.read_bytes())["bodies"]]
    ).reshape(-1, 4)
    missing, doubtful = rows[:, 3] == -1, (rows[:, 3] >= 0) & (rows[:, 3] <= 0.1)
    assert 0 < missing.mean() < 0.05
    assert 0 < doubtful.mean() < 0.05
    assert (rows[missing, :3] == 0).all()
    assert (rows[~missing, :3] != 0).any(axis=1).all()
    assert rows[:, 3].max() <= 0.71


def test_times_and_header_are_the_official_ones(made, tmp_path):
    panoptic.write(made, tmp_path, images=False)
    frames = [frame_of(tmp_path, panoptic.FIRST_FRAME + n) for n in range(made.frames)]
    assert {(frame["version"], frame["fpsType"]) for frame in frames} == {(0.7, "hd_29_97")}
    np.testing.assert_allclose(np.diff([frame["univTime"] for frame in frames]), 33.37, atol=0.01)


def test_the_layout_is_that_of_real_files(samples, made, tmp_path):
    panoptic.write(made, tmp_path, images=False)
    real = samples / "panoptic" / "160906_band1"
    calibration = json.loads((real / "calibration_160906_band1.json").read_bytes())
    written = cameras_of(tmp_path)["00_16"]
    model = next(camera for camera in calibration["cameras"] if camera["name"] == "00_16")
    assert list(written) == list(model)
    assert [np.shape(value) for value in written.values()] == [np.shape(value) for value in model.values()]
    text = (real / panoptic.FOLDERS[19] / "body3DScene_00000168.json").read_bytes()
    ours = (
        tmp_path / panoptic.SEQUENCE / panoptic.FOLDERS[19] / f"body3DScene_{panoptic.FIRST_FRAME:08d}.json"
    ).read_bytes()
    numbers = str.maketrans("", "", "0123456789.e-")
    line = [part.translate(numbers) for part in text.decode().split("\r\n")]
    assert [part.translate(numbers) for part in ours.decode().split("\r\n")][:8] == line[:8]
    assert ours.endswith(b"]\r\n}\r\n] }")
    assert text.endswith(b"]\r\n}\r\n] }")


def test_empty_frames_have_no_bodies_and_absent_frames_no_file(made, tmp_path):
    written = panoptic.write(made, tmp_path, images=False, empty=[1], absent=[2, 4])
    assert written.parts["pose files"] == 3
    assert frame_of(tmp_path, panoptic.FIRST_FRAME + 1)["bodies"] == []
    assert not list((tmp_path / panoptic.SEQUENCE).glob(f"*/*{panoptic.FIRST_FRAME + 2}.json"))


def test_old_files_have_the_head_top_where_new_ones_have_the_nose(made, tmp_path):
    panoptic.write(made, tmp_path / "old", images=False, uncertain=False, joints=15)
    path = tmp_path / "old" / panoptic.SEQUENCE / "hdPose3d_stage1"
    first = json.loads(min(path.iterdir()).read_bytes())["bodies"][0]
    joints = np.array(first["joints15"]).reshape(15, 4)
    x, y, z = made.points["head_top"][0, 0]
    np.testing.assert_allclose(joints[1, :3], [100 * x, -100 * z, 100 * y], atol=1e-3)


def test_the_tar_holds_what_the_folder_holds(made, tmp_path):
    panoptic.write(made, tmp_path / "folder", images=False)
    panoptic.write(made, tmp_path / "tar", images=False, archive=True)
    name = panoptic.FOLDERS[19]
    with tarfile.open(tmp_path / "tar" / panoptic.SEQUENCE / f"{name}.tar") as tar:
        packed = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}
    folder = tmp_path / "folder" / panoptic.SEQUENCE / name
    assert packed == {f"{name}/{file.name}": file.read_bytes() for file in folder.iterdir()}


def test_every_frame_of_every_camera_has_an_image(made, tmp_path):
    from PIL import Image

    written = panoptic.write(made, tmp_path)
    images = sorted((tmp_path / panoptic.SEQUENCE / "hdImgs").glob("*/*.jpg"))
    assert len(images) == written.parts["images"] == 10
    assert images[0].name == f"00_03_{panoptic.FIRST_FRAME:08d}.jpg"
    with Image.open(images[-1]) as image:
        assert image.size == SMALL


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        write_raw("panoptic", tmp_path / name, frames=2, people=2, size=SMALL, cameras=("00_01",))
    first = {p.relative_to(tmp_path / "first"): p for p in (tmp_path / "first").rglob("*") if p.is_file()}
    assert len(first) == 5
    for relative, path in first.items():
        assert path.read_bytes() == (tmp_path / "second" / relative).read_bytes()


def test_nothing_that_is_there_is_overwritten(made, tmp_path):
    panoptic.write(made, tmp_path, images=False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    with pytest.raises(OutputError, match="already there"):
        panoptic.write(made, tmp_path, images=False)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.json")}


def test_a_failed_try_leaves_no_sequence_and_the_next_one_succeeds(tmp_path):
    def fail():
        with new_folder(tmp_path / "sequence") as part:
            (part / "half").write_text("x")
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        fail()
    assert not (tmp_path / "sequence").exists()
    with new_folder(tmp_path / "sequence") as part:
        assert not list(part.iterdir())
    assert (tmp_path / "sequence").is_dir()


def test_wrong_names_are_refused(made, tmp_path):
    with pytest.raises(UsageError, match="no files of 17 joints"):
        panoptic.write(made, tmp_path, joints=17)
    with pytest.raises(UsageError, match="HD camera '00_31'"):
        panoptic.write(scene(frames=1, people=1, cameras=("00_31",)), tmp_path)
    with pytest.raises(UsageError, match=r"one of: .*panoptic"):
        writer("panoptik")


@pytest.mark.parametrize("dataset", WRITERS)
def test_every_writer_has_the_names_it_should(dataset):
    module = writer(dataset)
    assert module.CAMERAS
    assert callable(module.write)
