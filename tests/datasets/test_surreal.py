from __future__ import annotations

import shutil

import numpy as np
import pytest
import scipy.io
from click.testing import CliRunner
from dataset_contract import DatasetContract

from mhbench.bodies import rotations_of
from mhbench.cli.doctor import command as doctor
from mhbench.columns import JointFlag
from mhbench.conversion.body_check import check_bodies
from mhbench.conversion.pipeline import convert
from mhbench.conversion.reprojection import reprojection_error
from mhbench.datasets import surreal
from mhbench.datasets.items import Selection
from mhbench.datasets.surreal_clips import bodynet_clips, find_clips
from mhbench.errors import InputError, MissingInputError, UsageError
from mhbench.report.viewing import view_frame
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw.surreal import write
from mhbench.synthetic.scenes import scene
from mhbench.synthetic.smpl_body import body
from mhbench.synthetic.smpl_body import pose as posed

ROUNDED = 0.5  # px
JOINTS = skeleton("smpl_24").joints
CLIP = "run0_01_01_c0002"
ITEM = f"val/{CLIP}.0"


@pytest.fixture(scope="session")
def small_scene():
    return scene(frames=7, people=2, motion="walk", cameras=("0",), size=(320, 240))


@pytest.fixture
def raw(tmp_path, small_scene):
    return write(small_scene, tmp_path / "raw", images=False, length=3).folder


@pytest.fixture
def real(samples, tmp_path):
    """The real clip where the release has it."""
    folder = tmp_path / "real/cmu/val/run1/03_01"
    folder.mkdir(parents=True)
    shutil.copy(samples / "surreal/03_01_c0008_info.mat", folder)
    return tmp_path / "real"


def tables(raw, **selection):
    chosen = Selection(**selection)
    return {
        f"{one.split}/{one.name}": surreal.read(raw, one, chosen)[0] for one in surreal.items(raw, chosen)
    }


def change(raw, name=CLIP, split="val", **content):
    """Write a clip's file anew with other content; None takes a variable away."""
    run, _, clip = name.partition("_")
    path = raw / "cmu" / split / run / clip.rpartition("_")[0] / f"{clip}_info.mat"
    file = {key: value for key, value in scipy.io.loadmat(path).items() if not key.startswith("__")}
    file |= {key: value(file[key]) if callable(value) else value for key, value in content.items()}
    scipy.io.savemat(path, {key: value for key, value in file.items() if value is not None})
    return path


def pose_distance_mm(table):
    """Mean distance of the joints of the synthetic body in the table's pose and those of the table."""
    rest = body().shaped(table.persons["smpl_betas"])[1][:, :24]
    turns = rotations_of(table.persons["smpl_pose"].reshape(-1, 24, 3))
    _, joints = posed(turns, rest[:, 0], body().parents, rest)
    there = table.persons["joints3d"]
    return 1000 * np.linalg.norm(joints - joints[:, :1] - there + there[:, :1], axis=-1).mean()


class TestContract(DatasetContract):
    dataset = "surreal"
    reprojection_px = ROUNDED + 0.01

    @pytest.fixture
    def raw(self, raw):
        return raw

    @pytest.fixture
    def expected(self):
        take = {"train": 2, "test": 1}
        counts = {
            f"{split}/run{n}_0{n + 1}_0{take[split]}_c000{m}.0": ((m < 3) * 2 + 1,) * 2
            for split in take
            for n in (0, 1)
            for m in (1, 2, 3)
        }
        return counts | {f"val/run{n}_0{n + 1}_01_c0002.0": (3, 3) for n in (0, 1)}

    def test_ids_are_unique_and_say_where_the_frame_is(self, tables):
        # val is a part of test, and the same frame has the same id
        ids = {
            split: {one for name in tables if name.startswith(split) for one in tables[name].frames["id"]}
            for split in ("val", "test")
        }
        assert ids["val"] < ids["test"]
        apart = {name: table for name, table in tables.items() if not name.startswith("val/")}
        super().test_ids_are_unique_and_say_where_the_frame_is(apart)


def test_the_written_files_have_the_keys_of_the_release(raw):
    path = change(raw)
    file = scipy.io.loadmat(path)
    kinds = {name: (value.shape, value.dtype.kind) for name, value in file.items() if name[:2] != "__"}
    assert kinds == {
        "joints2D": ((2, 24, 3), "f"),
        "joints3D": ((3, 24, 3), "f"),
        "pose": ((72, 3), "f"),
        "shape": ((10, 3), "f"),
        "gender": ((3, 1), "u"),
        "zrot": ((3, 1), "f"),
        "camLoc": ((3, 1), "f"),
        "camDist": ((1, 1), "f"),
        "light": ((9, 3), "f"),
        "bg": ((1, 3), "O"),
        "cloth": ((1, 3), "O"),
        "clipNo": ((1, 1), "u"),
        "stride": ((1, 1), "u"),
        "source": ((1,), "U"),
        "sequence": ((1,), "U"),
    }
    assert np.array_equal(file["joints2D"], np.rint(file["joints2D"]))


def test_left_and_right_are_those_of_the_image(raw):
    table = tables(raw)[ITEM]
    file = scipy.io.loadmat(change(raw))
    left, right = JOINTS.index("left_knee"), JOINTS.index("right_knee")
    assert np.array_equal(table.persons["joints2d"][:, left].T, file["joints2D"][:, right])
    assert np.array_equal(table.persons["joints2d"][:, right].T, file["joints2D"][:, left])
    assert np.array_equal(table.persons["joints2d"][:, 0].T, file["joints2D"][:, 0])
    # the pose is that of the mirrored body: the synthetic one is nearly symmetric, so it fits to a millimetre
    assert pose_distance_mm(table) < 1
    assert np.allclose(np.linalg.det(table.frames["R"]), 1)


def test_the_world_is_mirrored_with_the_people(raw):
    table = tables(raw)[ITEM]
    file = scipy.io.loadmat(change(raw))
    mirror = np.array([1, 1, -1])
    pelvis = file["joints3D"][:, 0].T * mirror
    placed = np.einsum("fij,fj->fi", table.frames["R"], pelvis) + table.frames["t"]
    assert np.allclose(placed, table.persons["joints3d"][:, 0], atol=1e-5)
    stands = -np.einsum("fji,fj->fi", table.frames["R"], table.frames["t"])
    assert np.allclose(stands, file["camLoc"].ravel() * mirror)


def test_a_clip_of_one_frame_has_an_axis_less(raw):
    table = tables(raw)["test/run0_01_01_c0003.0"]
    file = scipy.io.loadmat(change(raw, "run0_01_01_c0003", "test"))
    assert file["joints3D"].shape == (3, 24)
    assert table.persons["joints3d"].shape == (1, 24, 3)
    assert table.frames["bodynet_test"].tolist() == [0]


def test_frames_of_zeros_are_not_labelled(raw):
    def empty(values):
        return values * np.array([1, 0, 1])

    change(raw, joints3D=empty, joints2D=empty)
    table = tables(raw)[ITEM]
    assert (table.persons["joint_flags"][1] == 0).all()
    assert np.isnan(table.persons["joints3d"][1]).all()
    assert (table.persons["joint_flags"][[0, 2]] & JointFlag.LABELLED_3D > 0).all()


def test_gender_is_a_word_and_a_guess_is_refused(raw, small_scene):
    genders = [tables(raw)[f"val/run{n}_0{n + 1}_01_c0002.0"].persons["gender"][0] for n in (0, 1)]
    assert genders == ["male" if one == "male" else "female" for one in small_scene.genders]
    change(raw, gender=lambda values: values * 0 + 2)
    with pytest.raises(InputError, match="gender is 2"):
        tables(raw)


def test_the_middle_frame_of_the_middle_clip_is_tested(raw):
    marked = {
        name: (np.flatnonzero(table.frames["bodynet_test"]) + 1).tolist()
        for name, table in tables(raw).items()
    }
    assert {name for name, found in marked.items() if found} == {
        f"{split}/run{n}_0{n + 1}_0{take}_c0002.0"
        for split, take in (("train", 2), ("val", 1), ("test", 1))
        for n in (0, 1)
    }
    assert all(found in ([], [2]) for found in marked.values())
    # of four clips the second one, rounded up
    clips = [one for one in find_clips(raw) if one.split == "test" and one.sequence == "01_01"]
    assert bodynet_clips(raw, [*clips, clips[-1]]) == {"test/run0_01_01_c0002"}


def test_the_authors_list_decides_where_it_is(raw):
    listing = raw / "namescmu.txt"
    listing.write_text("/home/me/data/cmu/val/run1/02_01/02_01_c0002.mp4\t\n")
    marked = [name for name, table in tables(raw).items() if table.frames["bodynet_test"].any()]
    assert marked == ["val/run1_02_01_c0002.0"]
    assert "namescmu.txt" in surreal.items(raw, Selection())[0].files
    listing.write_text("02_01_c0002\n")
    with pytest.raises(InputError, match=r"namescmu.txt, line 1: '02_01_c0002' names no clip"):
        surreal.items(raw, Selection())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"pose": None}, "no variable pose"),
        ({"pose": lambda values: values[:66]}, r"pose is float64\[66, 3\]"),
        ({"joints3D": lambda values: values * np.nan}, "joints3D"),
        ({"camLoc": lambda values: values[:2]}, "camLoc"),
        ({"shape": "thin"}, "shape is"),
    ],
)
def test_what_does_not_fit_is_named(raw, content, said):
    change(raw, **content)
    with pytest.raises(InputError, match=said):
        tables(raw)


def test_a_damaged_clip_fails_alone(raw, tmp_path):
    path = change(raw)
    path.write_bytes(path.read_bytes()[:1000])
    report = convert("surreal", raw, tmp_path / "out", Selection(splits=("val",)), engine="serial")
    assert list(report.failures) == [f"val/{CLIP}.0"]
    assert report.done == 1


def test_what_is_not_there_is_told(tmp_path, raw):
    with pytest.raises(MissingInputError, match="no raw folder"):
        surreal.items(tmp_path / "nowhere", Selection())
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingInputError, match="no clips of SURREAL"):
        surreal.items(tmp_path / "empty", Selection())
    assert [one.present for one in surreal.inventory(tmp_path / "empty")] == [False]
    with pytest.raises(UsageError, match="no clip 'run9_x'"):
        surreal.items(raw, Selection(sequences=("run9_x",)))
    told = CliRunner().invoke(doctor, ["surreal", "--raw", str(raw)]).output
    assert "val" in told
    assert "2 clips of 2 sequences (run0, run1)" in told


def test_the_release_may_lie_below_data(raw):
    (raw / "SURREAL" / "data").mkdir(parents=True)
    (raw / "cmu").rename(raw / "SURREAL" / "data" / "cmu")
    assert len(surreal.items(raw, Selection(splits=("val",)))) == 2


def test_frames_are_cut_out_of_the_video_where_the_joints_are(tmp_path):
    small = scene(frames=2, people=1, motion="stand", cameras=("0",), size=(320, 240))
    raw = write(small, tmp_path / "raw", splits=("val",)).folder
    report = convert("surreal", raw, tmp_path / "out", images="extract", engine="serial")
    assert not report.failures
    picture = view_frame(tmp_path / "out/surreal", "run0_01_01_c0001/0/1", tmp_path / "view.png")
    assert picture.stat().st_size > 10_000
    from mhbench.datasets.raw.video import read_frames

    ((_, image),) = read_frames(raw / "cmu/val/run0/01_01/01_01_c0001.mp4", [0])
    (pixels,) = tables(raw)["val/run0_01_01_c0001.0"].persons["joints2d"][:1].astype(int)
    backdrop = image[:40].astype(int).mean(axis=(0, 1))
    chest = image[tuple(pixels[JOINTS.index("spine3")][::-1])].astype(int)
    assert np.abs(chest - backdrop).max() > 30


class TestContractOfARealClip(DatasetContract):
    dataset = "surreal"
    reprojection_px = ROUNDED + 0.01

    @pytest.fixture
    def raw(self, real):
        return real

    @pytest.fixture
    def expected(self):
        return {"val/run1_03_01_c0008.0": (100, 100)}


def test_a_real_clip_is_read_correctly(real, samples):
    table = tables(real)["val/run1_03_01_c0008.0"]
    assert table.frames["id"][0] == "run1_03_01_c0008/0/001"
    assert np.flatnonzero(table.frames["bodynet_test"]).tolist() == [49]
    assert set(table.persons["gender"]) == {"female"}
    # another body of the same pose: a mirrored pose, or no turn by zrot, would cost decimetres
    assert pose_distance_mm(table) < 40
    assert reprojection_error(table).median_px < 0.45
    bodies = check_bodies(table)
    assert (bodies.judged, bodies.mirrored) == (100, 0)
    # published voxels: x runs against the camera's, y and z with it
    volumes = scipy.io.loadmat(samples / "surreal/03_01_c0008_voxelsfill.mat")
    for row in (0, 49, 99):
        volume = volumes[f"voxelsfill_{row + 1}"][::-1] > 0
        joints = table.persons["joints3d"][row].astype(float)
        assert inside(volume, joints) >= 23
        assert inside(volume[::-1], joints) < 23
        assert inside(volume[..., ::-1], joints) < 23


def inside(volume, joints):
    """How many joints lie in a volume whose place and scale are sought."""
    best = 0
    height = np.ptp(joints[:, 1])
    for side in np.linspace(height + 0.1, height + 0.45, 15):
        cells = joints / side * 128
        middle = np.array(volume.shape) / 2 - (cells.max(axis=0) + cells.min(axis=0)) / 2
        for down in np.linspace(103 - cells[:, 1].max(), 25 - cells[:, 1].min(), 12):
            for x in (-4, 0, 4):
                for z in (-4, 0, 4):
                    place = np.floor(cells + [middle[0] + x, down, middle[2] + z]).astype(int)
                    fits = ((place >= 0) & (place < volume.shape)).all(axis=1)
                    best = max(best, int(volume[tuple(place[fits].T)].sum()))
    return best
