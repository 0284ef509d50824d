from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from dataset_contract import DatasetContract
from scipy.spatial.transform import Rotation

from mhbench.bodies import body_model, turn_body
from mhbench.cli import main
from mhbench.columns import JointFlag
from mhbench.conversion.pipeline import convert
from mhbench.datasets import threedpw
from mhbench.datasets.items import Selection
from mhbench.datasets.manifest import dataset_manifest
from mhbench.datasets.raw.pickles import read_pickle
from mhbench.datasets.threedpw_sequences import ReleaseManifest, released
from mhbench.errors import InputError, MissingInputError, UnsafeInputError, UsageError
from mhbench.manifests import read_manifest
from mhbench.shards import read_table
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw import threedpw as writing
from mhbench.synthetic.scenes import scene
from mhbench.synthetic.smpl_body import body

L3, L2, OUT = JointFlag.LABELLED_3D, JointFlag.LABELLED_2D, JointFlag.OUT_OF_IMAGE
FRAMES = 6
SMPL = skeleton("smpl_24")
COCO = skeleton("coco_18")

# formats: N frames, M samples at 60 Hz, "list" = one per actor
KEYS = {
    "sequence": "text",
    "genders": "list of text",
    "poses": "list of float (N, 72)",
    "trans": "list of float (N, 3)",
    "betas": "list of float (10,)",
    "poses_60Hz": "list of float (M, 72)",
    "trans_60Hz": "list of float (M, 3)",
    "betas_clothed": "list of float (10,)",
    "v_template_clothed": "list of float (6890, 3)",
    "texture_maps": "list of uint",
    "jointPositions": "list of float (N, 72)",
    "poses2d": "list of float (N, 3, 18)",
    "cam_poses": "float (N, 4, 4)",
    "campose_valid": "list of int (N,)",
    "cam_intrinsics": "float (3, 3)",
    "img_frame_ids": "int (N,)",
}


def rest_joints():
    """Places of a resting body with y up; enough like one for sizes and directions to mean something."""
    places = {
        name: place
        for name, place in zip(body().points, body().regressor @ body().template, strict=True)
        if name in SMPL.points
    }
    return np.array([places[name] for name in SMPL.points])


def content(frames=FRAMES, actors=2, **changes):
    """The dictionary of a hand-made file: actors stand side by side, 4 m before a camera that turns."""
    rest = rest_joints()
    poses, trans = np.zeros((actors, frames, 72)), np.zeros((actors, frames, 3))
    poses[:, :, 1] = np.linspace(0, 0.5, frames)  # about y
    trans[..., 0] = np.arange(actors)[:, None] - 0.5
    trans[..., 2] = 0.02 * np.arange(frames)
    turned = Rotation.from_rotvec(poses[..., :3].reshape(-1, 3)).as_matrix().reshape(actors, frames, 3, 3)
    joints = np.einsum("pnij,kj->pnki", turned, rest - rest[0]) + (rest[0] + trans)[:, :, None]
    cameras = np.tile(np.eye(4), (frames, 1, 1))
    # half a turn about x: y down, z away from the camera; then a little about y
    cameras[:, :3, :3] = (
        Rotation.from_rotvec(0.02 * np.arange(frames)[:, None] * [0, 1, 0])
        * Rotation.from_rotvec([np.pi, 0, 0])
    ).as_matrix()
    cameras[:, :3, 3] = [0, 0, 4]
    keypoints = np.zeros((actors, frames, 3, 18))
    keypoints[:, :, 0] = 100 + 10 * np.arange(18)
    keypoints[:, :, 1] = 300 + 20 * np.arange(18)
    keypoints[:, :, 2] = 0.8
    made = {
        "sequence": "any",
        "genders": ["m", "f"][:actors],
        "poses": list(poses),
        "trans": list(trans),
        "betas": [np.full(300, 0.1 * (n + 1)) for n in range(actors)],
        "jointPositions": list(joints.reshape(actors, frames, 72)),
        "poses2d": list(keypoints),
        "cam_poses": cameras,
        "campose_valid": [np.ones(frames, dtype=np.int64) for _ in range(actors)],
        "cam_intrinsics": np.array([[1000.0, 0, 540.3], [0, 1001.0, 960.2], [0, 0, 1]]),
        "img_frame_ids": np.arange(0, 2 * frames, 2),
    }
    made.update(changes)
    return {key: value for key, value in made.items() if value is not None}


def save(raw, made, name="downtown_bus_00", split="test"):
    path = raw / "sequenceFiles" / split / f"{name}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made if isinstance(made, bytes) else pickle.dumps(made, protocol=2))
    return path


def read_one(raw, selection=None):
    chosen = selection or Selection()
    item, *_ = threedpw.items(raw, chosen)
    return threedpw.read(raw, item, chosen)


class TestContract(DatasetContract):
    dataset = "3dpw"

    @pytest.fixture
    def raw(self, tmp_path):
        save(tmp_path, content())
        save(tmp_path, content(3, 1), "courtyard_golf_00", "train")
        return tmp_path

    @pytest.fixture
    def expected(self):
        return {"test/downtown_bus_00.0": (6, 12), "train/courtyard_golf_00.0": (3, 3)}


class TestContractOfSyntheticFiles(DatasetContract):
    dataset = "3dpw"

    @pytest.fixture
    def raw(self, tmp_path):
        writing.write(scene(frames=4, people=3, seed=2, cameras=writing.CAMERAS), tmp_path, images=False)
        return tmp_path

    @pytest.fixture
    def expected(self):
        return {f"{split}/studio_synthetic_{n:02d}.0": (4, 8) for n, split in enumerate(writing.SPLITS)}


def describe(value):
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return f"list of {describe(value[0])}"
    return f"{ {'f': 'float', 'i': 'int', 'u': 'uint'}[value.dtype.kind] } {value.shape}"


def test_3dpw_written_files_have_the_official_keys_shapes_and_types(tmp_path):
    frames = 5
    writing.write(scene(frames=frames, people=3, cameras=("0",)), tmp_path, images=False)
    found = read_pickle(tmp_path / "sequenceFiles" / "train" / "studio_synthetic_00.pkl")
    assert list(found) == list(KEYS)
    for key, wanted in KEYS.items():
        sizes = wanted.replace("N", str(frames)).replace("M", str(2 * frames - 1))
        assert describe(found[key]).startswith(sizes), key
        assert not isinstance(found[key], list) or len(found[key]) == 2, key
    assert set(found["genders"]) <= {"m", "f"}
    assert set(np.concatenate(found["campose_valid"]).tolist()) <= {0, 1}
    np.testing.assert_array_equal(found["poses_60Hz"][0][found["img_frame_ids"]], found["poses"][0])


def test_3dpw_a_synthetic_scene_comes_back(tmp_path):
    made = scene(frames=5, people=3, motion="mixed", cameras=writing.CAMERAS, seed=4)
    writing.write(made, tmp_path, images=False)
    filmed = writing.as_filmed(made)
    for number, item in enumerate(sorted(threedpw.items(tmp_path, Selection()), key=lambda one: one.name)):
        table, left_out = threedpw.read(tmp_path, item, Selection())
        assert not left_out
        camera = list(filmed.cameras.values())[number]
        assert table.persons["gender"].tolist() == [*filmed.genders[:2]] * 5
        people = table.persons
        for frame in range(5):
            held, rows = writing.held(camera, frame), table.people(frame)
            np.testing.assert_allclose(table.frames["R"][frame], held.R, atol=1e-15)
            np.testing.assert_allclose(table.frames["t"][frame], held.t, atol=1e-15)
            np.testing.assert_array_equal(table.frames["K"][frame], held.K)
            assert (table.frames["width"][frame], table.frames["height"][frame]) == (1920, 1080)
            here = made.present[frame, :2]
            expected = held.to_camera(made.joints("smpl_24")[frame, :2])[here]
            np.testing.assert_allclose(people["joints3d"][rows][here], expected, atol=1e-6)
            np.testing.assert_allclose(people["joints2d"][rows][here], held.project(expected), atol=1e-3)
            np.testing.assert_array_equal(people["campose_valid"][rows], here)
            labelled = people["joint_flags"][rows] & L3 > 0
            np.testing.assert_array_equal(labelled, np.repeat(here[:, None], 24, axis=1))
            seen = table.sets["poses2d"].columns["joints2d"][rows]
            truth = held.project(held.to_camera(made.joints("coco_18")[frame, :2]))
            found = np.isfinite(seen[..., 0])
            assert not found[~here].any()
            np.testing.assert_allclose(seen[found], truth[found], atol=1e-3)
        assert np.isfinite(table.sets["poses2d"].columns["joints2d"]).mean() > 0.2


def test_3dpw_stored_smpl_parameters_make_the_meshes_in_the_camera(tmp_path):
    made = scene(frames=3, people=2, motion="stand", cameras=("0",), seed=6, absences=False)
    writing.write(made, tmp_path, images=False)
    table, _ = read_one(tmp_path)
    model = body_model(body().model_arrays(), "male", "the synthetic body")
    persons = table.persons
    vertices = model.vertices(persons["smpl_pose"], persons["smpl_betas"], persons["smpl_transl"])
    (camera,) = writing.as_filmed(made).cameras.values()
    for row, frame in enumerate(table.frame_of_person):
        expected = writing.held(camera, frame).to_camera(made.vertices(frame)[row % 2])
        np.testing.assert_allclose(vertices[row], expected, atol=1e-6)
    joints = model.joints(persons["smpl_pose"], persons["smpl_betas"], persons["smpl_transl"])
    np.testing.assert_allclose(joints, persons["joints3d"], atol=1e-6)


def test_3dpw_pixels_and_camera_frame_by_hand(tmp_path):
    joints = np.tile(np.array([0.1, 0.2, 0.0]), (1, 24))
    cameras = np.eye(4)[None].copy()
    cameras[0, :3, :3] = [[1, 0, 0], [0, -1, 0], [0, 0, -1]]
    cameras[0, :3, 3] = [0.4, 0, 2]
    save(tmp_path, content(1, 1, jointPositions=[joints], cam_poses=cameras))
    table, _ = read_one(tmp_path)
    np.testing.assert_allclose(table.persons["joints3d"][0, 5], [0.5, -0.2, 2], atol=1e-7)
    np.testing.assert_allclose(table.persons["joints2d"][0, 5], [540.3 + 250, 960.2 - 1001 * 0.1], atol=1e-3)
    assert table.frames["id"].tolist() == ["downtown_bus_00/0/00000"]
    assert table.frames["image"].tolist() == ["imageFiles/downtown_bus_00/image_00000.jpg"]
    assert (table.frames["width"][0], table.frames["height"][0]) == (1080, 1920)
    assert table.persons["gender"].tolist() == ["male"]
    np.testing.assert_array_equal(table.persons["smpl_betas"], np.full((1, 10), 0.1))


def test_3dpw_trap_1_gender_betas_and_root_in_the_camera_are_kept_for_either_ground_truth(tmp_path):
    save(tmp_path, content())
    persons = read_one(tmp_path)[0].persons
    assert persons["gender"].tolist() == ["male", "female"] * FRAMES
    arrays = body().model_arrays()
    gendered = body_model(arrays, "male", "a")
    neutral = body_model(arrays | {"v_template": 1.03 * arrays["v_template"]}, "neutral", "a")
    made = (persons["smpl_pose"], persons["smpl_betas"])
    # what VIBE stores: the neutral body at the model's origin with the root turned, no translation
    vibe, challenge = neutral.joints(*made), gendered.joints(*made, persons["smpl_transl"])
    apart = np.linalg.norm((vibe - vibe[:, :1]) - (challenge - challenge[:, :1]), axis=-1)
    assert apart.max() > 0.01
    assert np.linalg.norm(vibe[:, 0], axis=-1).max() < 0.5 < challenge[:, 0, 2].min()


def test_3dpw_trap_2_poses2d_is_rows_of_x_y_and_confidence(tmp_path):
    made = content(1, 1)
    made["poses2d"][0][0, :, COCO.index("left_wrist")] = [11, 22, 0.33]
    made["poses2d"][0][0, :, COCO.index("nose")] = 0
    save(tmp_path, made)
    table, _ = read_one(tmp_path)
    columns = table.sets["poses2d"].columns
    np.testing.assert_allclose(columns["joints2d"][0, COCO.index("left_wrist")], [11, 22])
    assert np.isnan(columns["joints2d"][0, COCO.index("nose")]).all()
    assert columns["joint_flags"][0, COCO.index("nose")] == 0
    assert columns["joint_flags"][0, COCO.index("left_wrist")] == L2
    assert table.persons["poses2d_confidence"][0, COCO.index("left_wrist")] == np.float32(0.33)
    # right side first, unlike SMPL
    assert COCO.joints[2] == "right_shoulder"
    save(tmp_path, content(1, 1, poses2d=[np.zeros((1, 18, 3))]))
    with pytest.raises(InputError, match=r"poses2d\[0\] has shape \(1, 18, 3\)") as caught:
        read_one(tmp_path)
    assert caught.value.expected == "(1, 3, 18), as img_frame_ids has 1 frames"


def test_3dpw_trap_3_cameras_are_one_for_all_and_valid_for_each(tmp_path):
    valid = [np.array([1, 1, 0, 1, 1, 1]), np.array([1, 0, 0, 1, 1, 1], dtype=bool)]
    made = content(campose_valid=valid)
    made["poses2d"][0][3] = 0
    save(tmp_path, made)
    persons = read_one(tmp_path)[0].persons
    assert persons["campose_valid"].reshape(6, 2).T.tolist() == [[1, 1, 0, 1, 1, 1], [1, 0, 0, 1, 1, 1]]
    assert persons["poses2d_given"].reshape(6, 2).T.tolist() == [[1, 1, 1, 0, 1, 1], [1] * 6]
    labelled = (persons["joint_flags"] & L3 > 0).reshape(6, 2, 24)
    np.testing.assert_array_equal(labelled.all(axis=-1), labelled.any(axis=-1))
    np.testing.assert_array_equal(labelled[..., 0], persons["campose_valid"].reshape(6, 2))
    assert np.isfinite(persons["joints3d"]).all()  # kept, but not labelled
    challenge = persons["campose_valid"] & persons["poses2d_given"]
    assert (int(challenge.sum()), int(persons["campose_valid"].sum())) == (8, 9)


def test_3dpw_trap_4_bystanders_are_in_the_image_and_not_in_the_annotations(tmp_path):
    made = scene(frames=2, people=5, motion="crowd", cameras=("0",), absences=False)
    writing.write(made, tmp_path, images=False)
    table, _ = read_one(tmp_path)
    assert np.diff(table.person_start).tolist() == [2, 2]
    assert "bystanders are not annotated" in dataset_manifest("3dpw").about


def test_3dpw_trap_5_errors_relative_to_the_root_do_not_feel_the_cameras_translation(tmp_path):
    moved = content()
    moved["cam_poses"][:, :3, 3] += [0.5, -0.2, 1.0]
    tables = []
    for n, made in enumerate((content(), moved)):
        save(tmp_path / str(n), made)
        tables.append(read_one(tmp_path / str(n))[0].persons)
    one, other = (table["joints3d"] - table["joints3d"][:, :1] for table in tables)
    np.testing.assert_allclose(one, other, atol=1e-6)
    np.testing.assert_array_equal(tables[0]["smpl_pose"], tables[1]["smpl_pose"])
    np.testing.assert_allclose(
        tables[1]["smpl_transl"] - tables[0]["smpl_transl"], np.tile([0.5, -0.2, 1.0], (12, 1)), atol=1e-12
    )


def test_3dpw_trap_6_broken_poses_can_be_left_out_by_name(tmp_path):
    save(tmp_path, content(140, 1), "courtyard_dancing_01", "train")
    whole, report = read_one(tmp_path)
    assert (whole.frame_count, report) == (140, [])
    table, (left_out,) = read_one(tmp_path, Selection(exclusions=("3dpw_broken_poses",)))
    assert sorted(set(range(140)) - set(table.frames["index"].tolist())) == list(range(91, 135))
    assert left_out.frames == 44
    assert "TRACE" in left_out.reason


def test_3dpw_trap_7_world_poses_are_put_into_the_camera(tmp_path):
    made = content()
    save(tmp_path, made)
    table, _ = read_one(tmp_path)
    world = np.stack(made["jointPositions"], axis=1).reshape(12, 24, 3)
    head, foot = SMPL.index("head"), SMPL.index("left_ankle")
    assert (world[:, head, 1] > world[:, foot, 1]).all()  # upright with y up
    camera = table.persons["joints3d"]
    assert (camera[:, head, 1] < camera[:, foot, 1]).all()  # upright with y down
    matrices = np.repeat(made["cam_poses"], 2, axis=0)
    by_row = np.einsum("nij,nkj->nki", matrices, np.concatenate([world, np.ones((12, 24, 1))], axis=-1))
    np.testing.assert_allclose(camera, by_row[..., :3], atol=1e-6)
    root = Rotation.from_rotvec(table.persons["smpl_pose"][:, :3]).as_matrix()
    before = Rotation.from_rotvec(np.stack(made["poses"], axis=1).reshape(12, 72)[:, :3]).as_matrix()
    np.testing.assert_allclose(root, matrices[:, :3, :3] @ before, atol=1e-12)
    np.testing.assert_array_equal(
        table.persons["smpl_pose"][:, 3:], np.stack(made["poses"], axis=1).reshape(12, 72)[:, 3:]
    )


def test_3dpw_the_translation_minds_the_pelvis(tmp_path):
    made = content(1, 1)
    save(tmp_path, made)
    found = read_one(tmp_path)[0].persons["smpl_transl"][0]
    camera, trans = made["cam_poses"][0], made["trans"][0][0]
    naive = camera[:3, :3] @ trans + camera[:3, 3]
    assert np.linalg.norm(found - naive) > 0.4  # half a turn: twice the pelvis' distance from the origin
    _, expected = turn_body(
        np.zeros((1, 3)), trans[None], rest_joints()[None, 0], camera[None, :3, :3], camera[None, :3, 3]
    )
    np.testing.assert_allclose(found, expected[0], atol=1e-12)


def test_3dpw_a_camera_that_nobody_may_use_may_be_anything(tmp_path):
    made = content(campose_valid=[np.array([1, 0, 0, 1, 1, 1])] * 2)
    made["cam_poses"][1], made["cam_poses"][2] = np.nan, 0
    save(tmp_path, made)
    table, _ = read_one(tmp_path)
    lost = np.repeat([False, True, True, False, False, False], 2)
    for name in ("joints3d", "joints2d", "smpl_transl"):
        found = table.persons[name]
        assert np.isnan(found[lost]).all()
        assert np.isfinite(found[~lost]).all()
    assert (table.persons["joint_flags"][lost] == 0).all()
    assert np.isnan(table.frames["R"][1:3]).all()


def test_3dpw_the_release_has_60_sequences_and_the_published_counts():
    known, counts = released().values(), dataset_manifest("3dpw").known_counts
    assert len(known) == 60
    assert sum(one.actors for one in known) == 87
    for split in ("train", "validation", "test"):
        rows = [one for one in known if one.split == split]
        assert len(rows) == counts[f"{split}_sequences"]
        assert sum(one.frames for one in rows) == counts[f"{split}_frames"]
        assert sum(one.frames * one.actors for one in rows) == counts[f"{split}_people"]
    subsets = read_manifest("subsets/3dpw", ReleaseManifest).known_counts
    assert sum(one.pc[1] - one.pc[0] for one in known) == subsets["pc_images"] == 1380
    assert subsets["pc_images_stated"] == 1314
    assert all(one.pc[1] <= one.frames for one in known)
    for name in ("oc", "nc"):
        rows = [one for one in known if getattr(one, name)]
        assert len(rows) == subsets[f"{name}_sequences"]
        assert sum(one.frames * one.actors for one in rows) == subsets[f"{name}_people"]
    assert not any(one.nc and (one.oc or one.pc != (0, 0)) for one in known)


def test_3dpw_subsets_are_columns_and_ranges_half_open(tmp_path):
    save(tmp_path, content(90, 1), "courtyard_dancing_01", "train")
    save(tmp_path, content(2, 1), "flat_guitar_01", "test")
    save(tmp_path, content(2, 1), "office_phoneCall_00", "test")
    save(tmp_path, content(2, 1), "my_own_00", "test")
    found = {}
    for item in threedpw.items(tmp_path, Selection()):
        frames = threedpw.read(tmp_path, item, Selection())[0].frames
        found[item.keys["sequence"]] = [frames[f"subset_{name}"] for name in ("pc", "oc", "nc")]
    assert np.flatnonzero(found["courtyard_dancing_01"][0]).tolist() == list(range(60, 90))
    for name, flags in {
        "courtyard_dancing_01": [30, 0, 0],
        "flat_guitar_01": [0, 2, 0],
        "office_phoneCall_00": [0, 0, 2],
        "my_own_00": [0, 0, 0],
    }.items():
        assert [int(column.sum()) for column in found[name]] == flags


def test_3dpw_folders_unpacked_twice_and_files_of_macos(tmp_path):
    made = scene(frames=2, people=1, cameras=("0", "1"))
    writing.write(made, tmp_path / "doubled", doubled=True, images=False)
    writing.write(made, tmp_path / "plain", images=False)
    items = threedpw.items(tmp_path / "doubled", Selection())
    assert [f"{one.split}/{one.name}" for one in items] == [
        "train/studio_synthetic_00.0",
        "validation/studio_synthetic_01.0",
    ]
    assert items[0].files == ("sequenceFiles/sequenceFiles/train/studio_synthetic_00.pkl",)
    one, other = (read_one(tmp_path / name)[0] for name in ("doubled", "plain"))
    for name, column in one.persons.items():
        np.testing.assert_array_equal(column, other.persons[name])
    copy = tmp_path / "doubled" / "sequenceFiles" / "test" / "studio_synthetic_00.pkl"
    copy.parent.mkdir()
    copy.touch()
    with pytest.raises(InputError, match="studio_synthetic_00 is there twice"):
        threedpw.items(tmp_path / "doubled", Selection())


def test_3dpw_images_give_the_size_where_they_are(tmp_path):
    writing.write(scene(frames=1, people=1, cameras=("0",), size=(64, 96)), tmp_path)
    frames = read_one(tmp_path)[0].frames
    assert (tmp_path / frames["image"][0]).is_file()
    assert (frames["width"][0], frames["height"][0]) == (64, 96)
    path = save(tmp_path, content(1, 1), "studio_synthetic_00", "train")
    frames = read_one(tmp_path)[0].frames
    assert (frames["width"][0], frames["height"][0]) == (64, 96)
    (note,) = [one for one in threedpw.inventory(tmp_path) if one.part == "train/studio_synthetic_00"]
    assert "images of 64x96, intrinsics for 1080x1920" in note.detail
    (tmp_path / frames["image"][0]).write_bytes(b"no image")
    with pytest.raises(InputError, match=r"image_00000\.jpg is no image"):
        read_one(tmp_path)
    assert path.is_file()


def test_3dpw_the_readmes_spelling_of_two_keys_is_read(tmp_path):
    made = content()
    save(tmp_path / "files", made)
    made["gender"], made["poses2D"] = made.pop("genders"), made.pop("poses2d")
    save(tmp_path / "readme", made)
    one, other = (read_one(tmp_path / name)[0] for name in ("files", "readme"))
    assert one.persons["gender"].tolist() == other.persons["gender"].tolist()
    np.testing.assert_array_equal(
        one.sets["poses2d"].columns["joints2d"], other.sets["poses2d"].columns["joints2d"]
    )


class Payload:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_3dpw_a_hostile_file_runs_nothing_and_is_named(tmp_path):
    mark = tmp_path / "ran"
    path = save(tmp_path, content(poses=Payload(mark)))
    with pytest.raises(UnsafeInputError, match=r"downtown_bus_00\.pkl asks for (posix|nt)\.system"):
        read_one(tmp_path)
    (finding,) = [one for one in threedpw.inventory(tmp_path) if one.part == "test/downtown_bus_00"]
    assert not finding.present
    assert not mark.exists()
    assert path.is_file()


def test_3dpw_an_expression_where_an_array_belongs_is_named(tmp_path):
    from mhbench.synthetic.raw.python2_pickles import ChumpyArray, ChumpyExpression, python2_pickle

    made = content()
    leaf = [ChumpyArray(one) for one in made["betas"]]
    save(tmp_path, python2_pickle(made | {"betas": leaf}))
    np.testing.assert_array_equal(read_one(tmp_path)[0].persons["smpl_betas"][0], np.full(10, 0.1))
    node = ChumpyExpression(np.zeros(10), np.zeros(10))
    save(tmp_path, python2_pickle(made | {"v_template_clothed": [node]}))
    assert read_one(tmp_path)[0].frame_count == FRAMES  # nobody asked for it
    save(tmp_path, python2_pickle(made | {"betas": [node, node]}))
    with pytest.raises(UnsafeInputError, match=r"an expression of chumpy \(chumpy\.ch_ops\.add\)"):
        read_one(tmp_path)


HOLED = np.zeros((6, 72))
HOLED[2, 1] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cam_poses": None, "betas": None}, "it has no betas, cam_poses"),
        ({"genders": ["m", "x"]}, "there is no body model for the gender 'x'"),
        ({"genders": []}, "it has 6 frames of 0 actors"),
        ({"genders": ["m"]}, "poses has 2 actors|campose_valid has 2 actors"),
        ({"img_frame_ids": np.zeros(0, dtype=int)}, "it has 0 frames of 2 actors"),
        ({"poses": [np.zeros((6, 72)), np.zeros((5, 72))]}, r"poses\[1\] has shape \(5, 72\)"),
        ({"trans": [np.zeros((6, 3)), np.zeros((6, 4))]}, r"trans\[1\] has shape \(6, 4\)"),
        ({"jointPositions": [np.zeros((6, 24, 3))] * 2}, r"jointPositions\[0\] has shape \(6, 24, 3\)"),
        ({"betas": [np.zeros(8)] * 2}, r"betas\[0\] has shape \(8,\)"),
        ({"betas": [np.zeros(10)]}, "betas has 1 actors"),
        ({"trans": 7}, "trans is a int"),
        ({"trans": np.array(7.0)}, "trans is a ndarray"),
        ({"cam_poses": [np.eye(4), np.eye(3)]}, "cam_poses is a ragged list"),
        ({"trans": ["a", "b"]}, r"trans\[0\] holds no numbers"),
        ({"cam_poses": np.zeros((5, 4, 4))}, r"cam_poses has shape \(5, 4, 4\)"),
        ({"img_frame_ids": np.arange(7)}, "has shape"),
        ({"cam_intrinsics": np.eye(4)}, r"cam_intrinsics has shape \(4, 4\)"),
        ({"cam_intrinsics": -np.eye(3)}, "cam_intrinsics is no camera matrix"),
        ({"cam_poses": np.zeros((6, 4, 4))}, r"cam_poses\[0\] holds no rigid motion, but campose_valid"),
        ({"cam_poses": np.full((6, 4, 4), np.nan)}, r"cam_poses\[0\] holds NaN or a value"),
        (
            content(cam_poses=np.swapaxes(content()["cam_poses"], 1, 2)),
            r"cam_poses\[0\] holds no rigid motion",
        ),
        (
            {"poses": [np.zeros((6, 72)), HOLED]},
            r"poses\[1\] holds a NaN or a value of 100000 or more at \[2, 1\]",
        ),
        (
            {"jointPositions": [HOLED] * 2},
            r"jointPositions\[0\] holds a NaN or a value of 100000 or more at \[2, 1\]",
        ),
    ],
)
def test_3dpw_what_differs_is_said(tmp_path, changes, message):
    save(tmp_path, content(**changes))
    with pytest.raises(InputError, match=message) as caught:
        read_one(tmp_path)
    assert "downtown_bus_00.pkl" in caught.value.what
    assert caught.value.expected
    assert caught.value.action


def test_3dpw_a_file_cut_short_fails_its_item_and_not_the_run(tmp_path):
    raw = tmp_path / "raw"
    path = save(raw, content(), "downtown_cafe_00")
    save(raw, content())
    path.write_bytes(path.read_bytes()[:-500])
    report = convert("3dpw", raw, tmp_path / "out", engine="serial")
    assert list(report.results) == ["test/downtown_bus_00.0"]
    (failure,) = report.failures.values()
    assert "downtown_cafe_00.pkl is no complete pickle" in str(failure)


def test_3dpw_names_that_do_not_exist_are_refused(tmp_path):
    save(tmp_path, content())
    for selection, message in [
        (Selection(splits=("train",)), "no split 'train'"),
        (Selection(sequences=("downtown_cafe_01",)), "no sequence 'downtown_cafe_01'"),
        (Selection(cameras=("1",)), "no camera '1'"),
    ]:
        with pytest.raises(UsageError, match=message):
            threedpw.items(tmp_path, selection)


def test_3dpw_roots_that_hold_nothing_say_what_to_give(tmp_path):
    save(tmp_path, content())
    with pytest.raises(MissingInputError) as caught:
        threedpw.items(tmp_path / "sequenceFiles", Selection())
    assert caught.value.action == f"give the folder above it, {tmp_path}"
    with pytest.raises(MissingInputError, match="no raw folder"):
        threedpw.inventory(tmp_path / "none")
    (tmp_path / "empty" / "train").mkdir(parents=True)
    with pytest.raises(MissingInputError) as caught:
        threedpw.items(tmp_path / "empty", Selection())
    assert caught.value.action.startswith("move the folders of the splits into")
    assert [one.present for one in threedpw.inventory(tmp_path / "empty")] == [False]


def test_3dpw_the_inventory_notes_what_is_not_as_in_the_release(tmp_path):
    save(tmp_path, content())
    save(tmp_path, content(), "my_own_00", "train")
    notes = {one.part: one for one in threedpw.inventory(tmp_path)}
    assert notes["test"].detail == "1 of the 24 sequences of the release"
    assert "6 frames of 2 actors; the release has 2178 of 2, in test" in notes["test/downtown_bus_00"].detail
    assert "none of the 60 sequences" in notes["train/my_own_00"].detail
    assert not notes["images"].present


def test_3dpw_from_the_command_line_to_verified_shards(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "shards"
    commands = [
        ["synth", "3dpw", str(raw), "--frames", "3", "--no-images", "--size", "270x480"],
        ["convert", "3dpw", "--raw", str(raw), "--out", str(out), "-j", "1"],
        ["verify", str(out)],
    ]
    for arguments in commands:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert not ended.value.code
    table = read_table(out / "3dpw" / "test" / "studio_synthetic_02.0.h5")
    assert table.sets["poses2d"].skeleton == "coco_18"
    assert table.persons["poses2d_confidence"].shape == (6, 18)


def test_3dpw_a_real_image_path_is_one_of_ours(samples):
    # of a repackaged annotation; no original file is at hand
    with np.load(samples / "3dpw" / "sample_3dpw_test.npz") as sample:
        assert sample["image_path"][0] == "imageFiles/downtown_sitOnStairs_00/image_00812.jpg"
    assert released()["downtown_sitOnStairs_00"].frames > 812
