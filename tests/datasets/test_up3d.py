from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.io
from click.testing import CliRunner
from dataset_contract import DatasetContract
from PIL import Image

from mhbench.bodies import rotations_of
from mhbench.cameras import project
from mhbench.cli.doctor import command as doctor
from mhbench.columns import JointFlag
from mhbench.conversion.pipeline import convert
from mhbench.datasets import up3d
from mhbench.datasets.items import Selection
from mhbench.datasets.raw.pickles import read_pickle
from mhbench.errors import InputError, MissingInputError, UnsafeInputError, UsageError
from mhbench.frames import concatenate
from mhbench.report.viewing import view_frame
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw.python2_pickles import python2_pickle
from mhbench.synthetic.raw.up3d import fitted_camera, shots_of, write
from mhbench.synthetic.scenes import scene
from mhbench.synthetic.smpl_body import body
from mhbench.synthetic.smpl_body import pose as posed
from mhbench.volumes import text_to_mask

LABELLED, OUTSIDE = JointFlag.LABELLED_2D, JointFlag.OUT_OF_IMAGE


@pytest.fixture(scope="session")
def people():
    return scene(frames=10, people=2, motion="walk", cameras=("0", "1"), absences=False)


@pytest.fixture
def raw(tmp_path, people):
    return write(people, tmp_path / "raw", images=False, masks=False).folder


@pytest.fixture(scope="session")
def drawn(tmp_path_factory, people):
    """A tree with images and masks; not to be changed."""
    return write(people, tmp_path_factory.mktemp("drawn") / "raw").folder


def read_all(raw, **selection):
    chosen = Selection(**selection)
    tables = [up3d.read(raw, item, chosen)[0] for item in up3d.items(raw, chosen)]
    return concatenate([replace(table, split="every") for table in tables])


def change(raw, number, **content):
    """Write a body anew with other content; None takes a key away."""
    path = raw / f"up-3d/{number:05d}_body.pkl"
    old = {key: np.asarray(value) if key != "f" else value for key, value in read_pickle(path).items()}
    path.write_bytes(python2_pickle({key: one for key, one in {**old, **content}.items() if one is not None}))


def body_joints(table):
    """(P, 24, 3) m joints of the synthetic body in the camera frame."""
    rest = body().shaped(table.persons["smpl_betas"])[1][:, :24]
    turns = rotations_of(table.persons["smpl_pose"].reshape(-1, 24, 3))
    root = rest[:, 0] + table.persons["smpl_transl"]
    return posed(turns, root, body().parents, rest)[1]


class TestContract(DatasetContract):
    dataset = "up3d"

    @pytest.fixture
    def raw(self, drawn):
        return drawn

    @pytest.fixture
    def expected(self, people):
        blocks = {}
        for shot in shots_of(people):
            blocks.setdefault((shot.split, shot.source), []).append(shot.number)
        return {
            f"{split}/{source}.{min(ones):05d}-{max(ones):05d}": (len(ones), len(ones))
            for (split, source), ones in blocks.items()
        }


def test_the_written_files_are_as_in_the_release(drawn):
    folder = drawn / "up-3d"
    assert (folder / "train.txt").read_text().splitlines()[:2] == ["/00000_image.png", "/00003_image.png"]
    content = read_pickle(folder / "00000_body.pkl")
    shapes = {name: np.shape(value) for name, value in content.items()}
    assert shapes == {
        "pose": (72,),
        "betas": (10,),
        "t": (3,),
        "rt": (3,),
        "trans": (3,),
        "j2d": (25, 2),
        "f": (),
    }
    assert content["f"] == 5000
    assert np.load(folder / "00000_joints.npy").shape == (3, 14)
    assert (folder / "00000_fit_crop_info.txt").read_text() == "402 290 0 201 0 145"
    assert (folder / "00000_dataset_info.txt").read_text() == "lsp 1"
    assert (drawn / "upi-s1h/lsp/im0001_segmentation.png").is_file()
    assert (drawn / "upi-s1h/lsp_extended/im00004_segmentation.png").is_file()
    assert (drawn / "upi-s1h/mpii/images/00007_segmentation.png").is_file()


def test_bodies_and_joints_are_brought_back_from_the_crop(raw, people):
    table = read_all(raw)
    owner = table.frame_of_person
    pixels = project(body_joints(table), table.frames["K"][owner], np.zeros((len(owner), 8)))
    np.testing.assert_allclose(pixels, table.persons["joints2d"], atol=0.02)
    shots = {shot.number: shot for shot in shots_of(people)}
    corners = [shots[number].part[:2] for number in table.frames["index"].tolist()]
    assert len(set(corners)) == 2  # some were fitted in a part of the image
    for row, number in enumerate(table.frames["index"].tolist()):
        np.testing.assert_allclose(table.frames["K"][row], fitted_camera(people, shots[number]).K)


def test_no_angle_is_more_than_half_a_turn(raw):
    given = read_pickle(raw / "up-3d/00001_body.pkl")["pose"].reshape(-1, 3)
    assert np.linalg.norm(given, axis=1).max() > 2 * np.pi  # as some of the release are
    table = read_all(raw)
    angles = table.persons["smpl_pose"].reshape(-1, 24, 3)
    assert np.linalg.norm(angles, axis=-1).max() <= np.pi + 1e-9
    row = table.frames["index"].tolist().index(1)
    np.testing.assert_allclose(rotations_of(angles[row]), rotations_of(given), atol=1e-9)


def test_detections_are_a_set_of_their_own(raw):
    table = read_all(raw)
    found = np.load(raw / "up-3d/00000_joints.npy")
    row = table.frames["index"].tolist().index(0)
    columns = table.sets["deepercut"].columns
    labelled = columns["joint_flags"][row] & LABELLED > 0
    assert labelled.tolist() == (found[2] > 0).tolist()
    np.testing.assert_allclose(columns["joints2d"][row][labelled], found[:2].T[labelled], atol=1e-4)
    assert np.isnan(columns["joints2d"][row][~labelled]).all()
    np.testing.assert_array_equal(table.persons["deepercut_confidence"][row], found[2])


def test_masks_are_those_people_drew_and_lie_where_the_body_is(drawn, people):
    table = read_all(drawn)
    sizes = list(zip(table.frames["height"].tolist(), table.frames["width"].tolist(), strict=True))
    assert set(sizes) == {(201, 145), (160, 180)}
    texts = table.persons["silhouette"].tolist()
    last = shots_of(people)[-1].number
    assert [number for number, text in zip(table.frames["index"], texts, strict=True) if not text] == [last]
    chest = skeleton("smpl_24").index("spine3")
    for row, (text, size) in enumerate(zip(texts, sizes, strict=True)):
        if text:
            x, y = np.rint(table.persons["joints2d"][row, chest]).astype(int)
            mask = text_to_mask(text, *size)
            assert mask[y, x]
            assert 0.02 < mask.mean() < 0.4
    with pytest.raises(InputError, match="not one of 200 x 145"):
        text_to_mask(texts[0], 200, 145)


def test_the_second_test_set_is_by_list(raw, people):
    table = read_all(raw)
    lsp = [shot.number for shot in shots_of(people) if shot.split == "test" and shot.source == "lsp"]
    assert table.frames["index"][table.frames["subset_t2"] > 0].tolist() == lsp[::2]
    (raw / "bmvc_subset/testlist").unlink()
    assert not read_all(raw).frames["subset_t2"].any()
    (raw / "namesUPbmvc.txt").write_text(f"/home/me/UP/data/test_bmvc/dummy/{lsp[1]:05d}_image.png\t\n")
    assert read_all(raw).frames["index"][read_all(raw).frames["subset_t2"] > 0].tolist() == lsp[1:2]


def test_blocks_are_of_a_thousand_images_whatever_is_selected(raw, monkeypatch):
    monkeypatch.setattr(up3d, "BLOCK", 2)
    names = [f"{item.split}/{item.name}" for item in up3d.items(raw, Selection(limit=1, splits=("test",)))]
    assert names == [
        "test/lsp.00002-00011",
        "test/lspext.00005-00014",
        "test/mpii.00008-00017",
    ]
    chosen = Selection(frame_lists={"lsp": (2, 9, 10_000, 11)}, splits=("train", "test"))
    indices, told = [], []
    for item in up3d.items(raw, chosen):
        table, report = up3d.read(raw, item, chosen)
        indices += table.frames["index"].tolist()
        told += [one.frames for one in report]
    # 10,000 is in no split; the one block at the end of lsp that is read tells so
    assert (sorted(indices), told) == ([2, 9, 11], [1])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"pose": np.zeros(66)}, r"pose is float64\[66\]"),
        ({"betas": None}, "has no betas"),
        ({"t": np.array([np.nan, 0, 0])}, "t is float64"),
        ({"t": np.array([1e300, 0, 0])}, "t is float64"),
        ({"rt": np.array([0.1, 0, 0])}, "camera is turned"),
    ],
)
def test_what_does_not_fit_is_named(raw, content, said):
    change(raw, 2, **content)
    with pytest.raises(InputError, match=said):
        read_all(raw)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("00002_fit_crop_info.txt", "402 290 0 201 0", "six whole numbers"),
        ("00002_fit_crop_info.txt", "0 290 0 201 0 145", "six whole numbers"),
        ("00002_dataset_info.txt", "coco 3", "'coco 3'"),
        ("00002_joints.npy", "nothing", "joints.npy cannot be read"),
        ("test.txt", "/00002_image.png\nnonsense", "test.txt, line 2: 'nonsense' names no image"),
    ],
)
def test_damaged_files_are_named(raw, name, text, said):
    (raw / "up-3d" / name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_all(raw)
    assert said in str(caught.value)


def test_a_hostile_body_is_refused_and_fails_alone(raw, tmp_path):
    (raw / "up-3d/00002_body.pkl").write_bytes(b"(S'pose'\ncos\nsystem\n(S'touch hacked'\ntRd.")
    with pytest.raises(UnsafeInputError):
        read_all(raw, splits=("test",))
    report = convert("up3d", raw, tmp_path / "out", engine="serial")
    assert list(report.failures) == ["test/lsp.00002-00011"]


def test_a_mask_of_another_size_is_refused(raw, people):
    shot = shots_of(people)[2]
    Image.new("RGB", shot.size).save(raw / "up-3d/00002_image.png")
    (raw / "upi-s1h/lsp").mkdir(parents=True)
    Image.new("L", (7, 9)).save(raw / "upi-s1h/lsp/im0003_segmentation.png")
    with pytest.raises(InputError, match="has 7 x 9 pixels"):
        read_all(raw)


def test_what_is_not_there_is_told(tmp_path, raw):
    with pytest.raises(MissingInputError, match="no raw folder"):
        up3d.items(tmp_path / "nowhere", Selection())
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingInputError, match="holds no UP-3D"):
        up3d.items(tmp_path / "empty", Selection())
    with pytest.raises(UsageError, match="no sequence 'coco'"):
        up3d.items(raw, Selection(sequences=("coco",)))
    (raw / "up-3d/00000_joints.npy").unlink()
    told = CliRunner().invoke(doctor, ["up3d", "--raw", str(raw)]).output
    assert "1 files of 7 images are missing, such as 00000_joints.npy" in told
    assert "2D scores need them" in told


@pytest.fixture
def real(samples, tmp_path):
    """The real image in the official layout, made of its repackaging."""
    folder, masks = tmp_path / "real/up-3d", tmp_path / "real/upi-s1h/lsp"
    folder.mkdir(parents=True)
    masks.mkdir(parents=True)
    info = scipy.io.loadmat(samples / "up3d/00001_info.mat")
    names = {"pose": "pose", "shape": "betas", "t": "t", "rt": "rt", "trans": "trans"}
    content = {new: info[old].ravel() for old, new in names.items()}
    content |= {"j2d": info["joints2D"], "f": float(info["f"][0, 0])}
    (folder / "00001_body.pkl").write_bytes(python2_pickle(content))
    np.save(folder / "00001_joints.npy", info["joints2Ddeepercut"])
    (folder / "00001_fit_crop_info.txt").write_text(str(info["cropinfo"][0]))
    (folder / "00001_dataset_info.txt").write_text(str(info["datasetinfo"][0]))
    (folder / "00001_image.png").write_bytes((samples / "up3d/00001_image.png").read_bytes())
    (folder / "train.txt").write_text("/00001_image.png\n")
    mask = scipy.io.loadmat(samples / "up3d/00001_segm.mat")["segm1"]
    Image.fromarray(mask * np.uint8(255)).save(masks / "im0002_segmentation.png")
    return tmp_path / "real"


def test_a_real_image_is_read_correctly(real, tmp_path, samples):
    table = read_all(real)
    assert table.frames["id"].tolist() == ["lsp/0/00001"]
    assert (table.frames["width"][0], table.frames["height"][0]) == (145, 201)
    np.testing.assert_allclose(table.frames["K"][0], [[5000, 0, 72.5], [0, 5000, 100.5], [0, 0, 1]])
    assert np.abs(table.persons["smpl_pose"]).max() < np.pi < 27
    # the joints of another body of that pose and place lie within a few pixels of the file's
    pixels = project(body_joints(table), table.frames["K"][0], np.zeros(8))
    assert np.linalg.norm(pixels - table.persons["joints2d"], axis=-1).max() < 7
    file = scipy.io.loadmat(samples / "up3d/00001_segm.mat")["segm1"] > 0
    mask = text_to_mask(str(table.persons["silhouette"][0]), 201, 145)
    np.testing.assert_array_equal(mask, file)
    joints = np.rint(table.sets["deepercut"].columns["joints2d"][0]).astype(int)
    assert mask[joints[:, 1], joints[:, 0]].mean() > 0.9
    assert (table.persons["joint_flags"] & OUTSIDE == 0).all()
    convert("up3d", real, tmp_path / "out", images="embed", engine="serial")
    assert view_frame(tmp_path / "out/up3d", "lsp/0/1", tmp_path / "view.png").stat().st_size > 10_000
