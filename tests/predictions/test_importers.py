"""What other programs write, read into tables: layouts made by hand as their sources describe them."""

from __future__ import annotations

import json
import pickle
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

from mhbench.bodies import rotations_of
from mhbench.cli.main import program
from mhbench.conversion.pipeline import convert
from mhbench.errors import InputError, MissingInputError, PredictionError, UnsafeInputError
from mhbench.predictions.importers.challenge import read_challenge_tree
from mhbench.predictions.importers.humans4d import read_humans4d
from mhbench.predictions.importers.mmpose import read_mmpose
from mhbench.predictions.importers.naming import known_frames
from mhbench.predictions.importers.romp import read_romp
from mhbench.predictions.reading import read_predictions
from mhbench.synthetic.raw.threedpw import write
from mhbench.synthetic.scenes import scene

KNOWN = known_frames(
    (f"{sequence}/0/{index}", f"imageFiles/{sequence}/image_{index:05d}.jpg")
    for sequence in ("walk_00", "run_00")
    for index in range(3)
)


def romp_people(count, *, betas=10, seed=0):
    generator = np.random.default_rng(seed)
    return {
        "smpl_thetas": generator.normal(size=(count, 72)).astype(np.float32),
        "smpl_betas": generator.normal(size=(count, betas)).astype(np.float32),
        "joints": generator.normal(size=(count, 71, 3)).astype(np.float32),
        "pj2d_org": generator.uniform(0, 500, size=(count, 71, 2)).astype(np.float32),
        "center_confs": np.full((count, 1), 0.5, dtype=np.float32),
        "cam_trans": np.zeros((count, 3), dtype=np.float32),
    }


def save_romp(path, people):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, results=people)


def test_romp_gives_joints_pixels_and_bodies(tmp_path):
    people = romp_people(2) | {"track_ids": np.array([4, 7])}
    save_romp(tmp_path / "walk_00" / "image_00002.npz", people)
    save_romp(tmp_path / "run_00" / "image_00002.npz", romp_people(1) | {"track_ids": np.array([0])})
    save_romp(tmp_path / "video_results.npz", {"ignored": 1})
    table = read_romp(tmp_path, "3dpw", KNOWN)
    assert table.frame_ids.tolist() == ["run_00/0/2", "walk_00/0/2"]
    assert (table.space, table.root, table.skeleton) == ("root", "pelvis", "smpl_24")
    walkers = table.people(1)
    joints = people["joints"][:, :24].astype(np.float64)
    assert table.persons["joints3d"][walkers] == pytest.approx(joints - joints[:, :1])
    assert table.persons["joints2d"][walkers] == pytest.approx(people["pj2d_org"][:, :24])
    assert table.persons["smpl_pose"][walkers] == pytest.approx(people["smpl_thetas"])
    assert table.persons["track"].tolist() == [0, 4, 7]
    assert table.persons["score"].tolist() == [0.5] * 3


def test_bev_appends_its_threshold_and_its_bodies_are_not_smpls(tmp_path):
    save_romp(tmp_path / "walk_00" / "image_00001_0.1.npz", romp_people(1, betas=11))
    save_romp(tmp_path / "run_00" / "image_00001__2_0.25.npz", romp_people(1, betas=11))
    table = read_romp(tmp_path, "3dpw", KNOWN)
    assert sorted(table.frame_ids.tolist()) == ["run_00/0/1", "walk_00/0/1"]
    assert "smpl_pose" not in table.persons


class _Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_nothing_in_a_result_is_executed(tmp_path, capsys):
    save_romp(tmp_path / "walk_00" / "image_00000.npz", {"joints": _Evil()})
    with pytest.raises(UnsafeInputError):
        read_romp(tmp_path, "3dpw", KNOWN)
    (tmp_path / "tracks.pkl").write_bytes(pickle.dumps({"image_00000.jpg": _Evil()}))
    with pytest.raises(UnsafeInputError):
        read_humans4d(tmp_path / "tracks.pkl", "3dpw", KNOWN)
    assert "executed" not in capsys.readouterr().out


def test_damaged_romp_results_are_refused(tmp_path):
    path = tmp_path / "walk_00" / "image_00000.npz"
    path.parent.mkdir()
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="cannot be read"):
        read_romp(tmp_path, "3dpw", KNOWN)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.npy", b"")
    with pytest.raises(InputError, match="results"):
        read_romp(tmp_path, "3dpw", KNOWN)
    np.savez(path, results=np.zeros(3))
    with pytest.raises(PredictionError, match="float64"):
        read_romp(tmp_path, "3dpw", KNOWN)
    save_romp(path, {key: value for key, value in romp_people(1).items() if key != "joints"})
    with pytest.raises(PredictionError, match="joints is missing"):
        read_romp(tmp_path, "3dpw", KNOWN)
    for change, words in (
        ({"joints": np.zeros((1, 20, 3))}, "less than SMPL's joints"),
        ({"joints": np.zeros((2, 71, 3))}, "different people"),
        ({"joints": np.zeros(3)}, r"joints is float64\[3\]"),
        ({"joints": np.full((1, 71, 3), np.inf)}, "infinite"),
        ({"center_confs": [[1.0], [1.0, 2.0]]}, "center_confs is list"),
        ({"track_ids": np.array([np.nan])}, "track_ids is nan"),
        ({"smpl_thetas": "a"}, "smpl_thetas is str"),
    ):
        save_romp(path, romp_people(1) | change)
        with pytest.raises(PredictionError, match=words):
            read_romp(tmp_path, "3dpw", KNOWN)


@pytest.mark.parametrize("read", [read_romp, read_humans4d, read_mmpose])
def test_places_without_results(tmp_path, read):
    with pytest.raises(MissingInputError, match="is not there"):
        read(tmp_path / "absent", "3dpw", KNOWN)
    with pytest.raises(PredictionError, match=r"holds no \."):
        read(tmp_path, "3dpw", KNOWN)


def test_one_file_is_enough_where_its_name_is(tmp_path):
    known = known_frames([("walk/0/1", "frames/walk_0001.jpg")])
    save_romp(tmp_path / "walk_0001.npz", romp_people(1))
    assert read_romp(tmp_path / "walk_0001.npz", "3dpw", known).frame_ids.tolist() == ["walk/0/1"]
    (tmp_path / "walk_0001.json").write_text(json.dumps([instance()]))
    assert read_mmpose(tmp_path / "walk_0001.json", "3dpw", known).frame_ids.tolist() == ["walk/0/1"]


def test_an_image_without_people_may_have_a_file(tmp_path):
    save_romp(tmp_path / "walk_00" / "image_00000.npz", romp_people(0))
    table = read_romp(tmp_path, "3dpw", KNOWN)
    assert (table.frame_count, table.person_count) == (1, 0)


def test_an_image_without_its_folder_is_ambiguous_and_a_strange_one_unknown(tmp_path):
    save_romp(tmp_path / "image_00000.npz", romp_people(1))
    with pytest.raises(PredictionError, match="could be 2 frames"):
        read_romp(tmp_path, "3dpw", KNOWN)
    with pytest.raises(PredictionError, match="no image of the shards"):
        KNOWN.frame_id("walk_00/image_00099.jpg", "here")
    assert KNOWN.frame_id("/somewhere/imageFiles/run_00/image_00001.png", "here") == "run_00/0/1"


def track(angles, *, seen_before=0, tid=1):
    matrices = rotations_of(angles.reshape(24, 3))
    return {
        "tid": tid,
        "tracked_time": seen_before,
        "conf": np.array([0.8]),
        "bbox": np.array([1.0, 2.0, 3.0, 4.0]),
        "smpl": {
            "global_orient": matrices[:1],
            "body_pose": matrices[1:],
            "betas": np.arange(10.0),
        },
    }


def by_list(*tracks):
    return {name: [one[name] for one in tracks] for name in tracks[0]} | {"time": 0, "shot": 0}


def test_4d_humans_gives_the_bodies_that_were_seen(tmp_path):
    angles = np.random.default_rng(0).uniform(-1.0, 1.0, 72)
    content = {
        "outputs/_DEMO/walk_00/image_00001.jpg": by_list(track(angles), track(angles, seen_before=3, tid=2))
    }
    (tmp_path / "demo.pkl").write_bytes(pickle.dumps(content))
    table = read_humans4d(tmp_path, "3dpw", KNOWN)
    assert table.frame_ids.tolist() == ["walk_00/0/1"]
    assert table.persons["track"].tolist() == [1]
    assert table.persons["smpl_pose"][0] == pytest.approx(angles)
    assert table.persons["bbox"][0].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert table.body_model == "smpl"


def test_files_of_joblib_are_told_from_plain_pickles(tmp_path):
    joblib = pytest.importorskip("joblib")
    joblib.dump({"image_00001.jpg": {"tid": [np.zeros(3)]}}, tmp_path / "demo.pkl")
    with pytest.raises(InputError, match="plain pickle"):
        read_humans4d(tmp_path / "demo.pkl", "3dpw", KNOWN)


def test_other_pickles_of_tracks_are_refused(tmp_path):
    short = by_list(track(np.zeros(72)))
    for content, word in (
        ({"walk_00/image_00001.jpg": {"tid": [1]}}, "another layout"),
        ({"walk_00/image_00001.jpg": short | {"tid": [1, 2]}}, "different lengths"),
        ({"walk_00/image_00001.jpg": short | {"smpl": [{"betas": np.zeros(3)}]}}, "global_orient"),
        ({"walk_00/image_00001.jpg": short | {"conf": ["sure"]}}, "conf is str"),
        ({"walk_00/image_00001.jpg": short | {"conf": [np.nan]}}, "conf is nan"),
        ({"walk_00/image_00001.jpg": short | {"tid": [None]}}, "tid is"),
        ({"walk_00/image_00001.jpg": short | {"bbox": [np.zeros(5)]}}, "bbox is float64[5]"),
        ({"walk_00/image_00001.jpg": short, "a/walk_00/image_00001.png": short}, "already"),
        ([1, 2], "a dictionary"),
    ):
        (tmp_path / "demo.pkl").write_bytes(pickle.dumps(content))
        with pytest.raises(PredictionError) as caught:
            read_humans4d(tmp_path, "3dpw", KNOWN)
        assert word in str(caught.value)


def instance(joints=17, **more):
    points = np.random.default_rng(joints).uniform(0, 100, (joints, 2)).tolist()
    return {"keypoints": points, "keypoint_scores": [0.5] * joints, **more}


def test_mmpose_gives_keypoints_with_scores_and_boxes(tmp_path):
    (tmp_path / "walk_00").mkdir()
    path = tmp_path / "walk_00" / "image_00000.json"
    people = [instance(bbox=[[1, 2, 11, 22]], bbox_score=0.9), instance(bbox=[[0, 0, 1, 1]], bbox_score=0.3)]
    path.write_text(json.dumps(people))
    (tmp_path / "walk_00" / "image_00001.json").write_text(json.dumps({"meta_info": {}, "instance_info": []}))
    table = read_mmpose(tmp_path, "3dpw", KNOWN)
    assert table.frame_ids.tolist() == ["walk_00/0/0", "walk_00/0/1"]
    assert np.diff(table.person_start).tolist() == [2, 0]
    assert table.skeleton == "coco_17"
    assert table.persons["bbox"][0].tolist() == [1.0, 2.0, 10.0, 20.0]
    assert table.persons["score"].tolist() == [0.9, 0.3]
    path.write_text(json.dumps([instance(14)]))
    table = read_mmpose(tmp_path, "3dpw", KNOWN)
    assert (table.skeleton, table.persons["score"][0]) == ("crowdpose_14", 0.5)


@pytest.mark.parametrize(
    "content",
    [
        '[{"frame_id": 0, "instances": []}]',
        '[{"keypoints": [[1, 2, 3]], "keypoint_scores": [1]}]',
        '[{"keypoints": [[1, 2], [1]], "keypoint_scores": [1, 1]}]',
        "nonsense",
        json.dumps([{"keypoints": [[1, 2]] * 5, "keypoint_scores": [1] * 5}]),
        json.dumps([{"keypoints": [[1, 2]] * 17, "keypoint_scores": [1] * 17, "bbox": [[1, 2, 3]]}]),
    ],
)
def test_other_json_is_refused(tmp_path, content):
    (tmp_path / "run_00").mkdir()
    (tmp_path / "run_00" / "image_00000.json").write_text(content)
    with pytest.raises(PredictionError):
        read_mmpose(tmp_path, "3dpw", KNOWN)


def save_challenge(folder, golden_file):
    """The submission of the golden case, as its 60 pickles."""
    with np.load(golden_file) as arrays:
        names = sorted({key.rpartition("/")[0] for key in arrays if key.endswith("/jointPositions")})
        for name in names:
            path = folder / f"{name}.pkl"
            path.parent.mkdir(parents=True, exist_ok=True)
            content = {key: arrays[f"{name}/{key}"] for key in ("jointPositions", "orientations")}
            path.write_bytes(pickle.dumps(content))
    return names


def test_the_golden_submission_comes_through_whole(tmp_path, golden):
    source = golden / "metrics_3d" / "challenge_pipeline.npz"
    names = save_challenge(tmp_path, source)
    table = read_predictions(tmp_path, dataset="3dpw")
    assert len(names) == 60
    assert table.frame_count == 180
    assert table.person_count == 87 * 3
    assert (table.space, table.skeleton, table.rotation_set) == ("root", "smpl_24", "challenge_9")
    rows = {frame: table.people(row) for row, frame in enumerate(table.frame_ids.tolist())}
    with np.load(source) as arrays:
        for name in names:
            joints = arrays[f"{name}/jointPositions"].astype(np.float64)
            for image in range(3):
                people = rows[f"{name.partition('/')[2]}/0/{image}"]
                rooted = joints[:, image] - joints[:, image, :1]
                assert table.persons["joints3d"][people] == pytest.approx(rooted, abs=1e-12)
                turned = arrays[f"{name}/orientations"][:, image]
                assert table.persons["rotations"][people] == pytest.approx(turned)
                assert table.persons["person"][people].tolist() == [str(one) for one in range(len(joints))]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({"jointPositions": np.zeros((2, 3, 24, 2))}, "24, 2"),
        ({"jointPositions": [[1.0], [1.0, 2.0]]}, "list"),
        ({"other": np.zeros(3)}, "no key"),
        (
            {"jointPositions": np.zeros((2, 3, 24, 3)), "orientations": np.zeros((1, 3, 9, 3, 3))},
            "differ in actors",
        ),
    ],
)
def test_other_submissions_are_refused(tmp_path, content, word):
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "walk_00.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(PredictionError, match=word):
        read_challenge_tree(tmp_path)


def test_submissions_carry_the_same_keys_everywhere(tmp_path):
    (tmp_path / "test").mkdir()
    for name, key, shape in (
        ("a", "jointPositions", (1, 2, 24, 3)),
        ("b", "orientations", (1, 2, 9, 3, 3)),
    ):
        (tmp_path / "test" / f"{name}.pkl").write_bytes(pickle.dumps({key: np.zeros(shape)}))
    with pytest.raises(PredictionError, match="carries orientations"):
        read_challenge_tree(tmp_path)
    with pytest.raises(InputError, match="no submission"):
        read_challenge_tree(tmp_path / "test")


def test_a_submission_is_checked_as_a_file_of_ours(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        content = {"jointPositions": np.zeros((1, 2, 24, 3))}
        (tmp_path / split / "a.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(PredictionError, match="is 'a/0/0', which is already"):
        read_predictions(tmp_path)
    (tmp_path / "train" / "a.pkl").write_bytes(pickle.dumps({"orientations": np.zeros((1, 2, 9, 3, 3))}))
    (tmp_path / "test" / "a.pkl").unlink()
    content = {"orientations": np.full((1, 2, 9, 3, 3), np.inf)}
    (tmp_path / "test" / "b.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(PredictionError, match="infinite"):
        read_predictions(tmp_path)


def test_the_command_names_frames_by_the_shards_images(tmp_path):
    made = scene(frames=2, people=2, motion="walk", seed=0, cameras=("0",), fps=3.0)
    write(made, tmp_path / "raw", images=False)
    convert("3dpw", tmp_path / "raw", tmp_path / "shards", jobs=1, engine="serial")
    save_romp(tmp_path / "results" / "studio_synthetic_00" / "image_00001.npz", romp_people(2))
    done = CliRunner(catch_exceptions=False).invoke(
        program,
        ["translate", "romp", str(tmp_path / "results"), "--data", str(tmp_path / "shards"), "--out"]
        + [str(tmp_path / "preds.json")],
    )
    assert done.exit_code == 0, done.output
    table = read_predictions(tmp_path / "preds.json")
    assert (table.dataset, table.model) == ("3dpw", "results")
    assert table.frame_ids.tolist() == ["studio_synthetic_00/0/00001"]
