from __future__ import annotations

import dataclasses
import errno
import json

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from mhbench.errors import InputError, OutputError, PredictionError, UnsafeInputError
from mhbench.predictions import PredictionTable, read_predictions, write_predictions
from mhbench.predictions.reading import decode_predictions
from mhbench.predictions.writing import encode_predictions
from mhbench.skeletons import skeleton

HEADER = ("dataset", "model", "skeleton", "units", "space", "root", "rotation_set", "topology", "trained_on")
SUFFIXES = ["json", "json.gz", "h5"]


def assert_same(first, second):
    for name in (*HEADER, "depth_kind", "body_model"):
        assert getattr(first, name) == getattr(second, name), name
    assert first.frame_ids.tolist() == second.frame_ids.tolist()
    np.testing.assert_array_equal(first.person_start, second.person_start)
    assert list(first.persons) == list(second.persons)
    for name, column in first.persons.items():
        assert column.dtype.kind == second.persons[name].dtype.kind
        np.testing.assert_array_equal(column, second.persons[name], err_msg=name)
    assert set(first.loose) == set(second.loose)
    if first.loose_start is not None:
        np.testing.assert_array_equal(first.loose_start, second.loose_start)
    for name, column in first.loose.items():
        np.testing.assert_array_equal(column, second.loose[name], err_msg=name)


@pytest.fixture
def full_table():
    """Four people of three frames with every column there is, some values missing."""
    rng = np.random.default_rng(5)
    joints = len(skeleton("panoptic_15"))
    joints3d = rng.normal(size=(4, joints, 3))
    joints3d[1, 3] = np.nan
    joints2d = rng.uniform(0, 1920, size=(4, joints, 2))
    joints2d[2] = np.nan
    rotations = rng.normal(size=(4, 9, 3, 3))
    rotations[0, 2] = np.nan
    return PredictionTable(
        dataset="panoptic",
        frame_ids=np.array(["a b/0/1", "a b/0/2", "été/0/03"]),
        person_start=np.array([0, 1, 1, 4]),
        persons={
            "score": np.array([0.1, np.nan, 1 / 3, 1]),
            "person": np.array(["", "7", "left one", ""]),
            "track": np.array([-1, 2**62, 0, 5]),
            "bbox": rng.uniform(0, 100, size=(4, 4)),
            "depth": np.array([np.nan, 1, 2.5, 1e-7]),
            "joints3d": joints3d,
            "joints2d": joints2d,
            "joint_scores": np.where(rng.random((4, joints)) < 0.3, np.nan, rng.random((4, joints))),
            "rotations": rotations,
            "vertices": rng.normal(size=(4, 5, 3)).astype(np.float32),
            "smpl_pose": rng.normal(size=(4, 72)),
            "smpl_betas": rng.normal(size=(4, 10)),
            "smpl_transl": rng.normal(size=(4, 3)),
            "gender": np.array(["male", "", "female", "neutral"]),
        },
        skeleton="panoptic_15",
        model="every column",
        space="camera",
        rotation_set="challenge_9",
        depth_kind="metric",
        topology="pentagon",
        trained_on=("coco", "muco"),
        body_model="smpl",
        loose_start=np.array([0, 0, 2, 3]),
        loose={
            "joint": np.array([0, 14, 3]),
            "position": rng.normal(size=(3, 3)),
            "score": np.array([0.5, np.nan, 1]),
        },
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip_is_exact(full_table, tmp_path, suffix):
    path = write_predictions(full_table, tmp_path / f"p.{suffix}")
    back = read_predictions(path)
    assert_same(full_table, back)
    again = write_predictions(back, tmp_path / f"again.{suffix}")
    assert again.read_bytes() == path.read_bytes()


def test_json_and_hdf5_hold_the_same(document, write, tmp_path):
    table = read_predictions(write(document | {"units": "mm"}))
    assert table.units == "mm"
    through_hdf5 = read_predictions(write_predictions(table, tmp_path / "p.h5"))
    through_json = read_predictions(write_predictions(through_hdf5, tmp_path / "p.json"))
    assert_same(through_hdf5, through_json)
    assert_same(dataclasses.replace(table, units="m"), through_json)


@given(st.data())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_numbers_survive(data):
    counts = data.draw(st.lists(st.integers(0, 3), max_size=4))
    people = sum(counts)
    numbers = st.floats(allow_infinity=False, allow_nan=False)
    joints = data.draw(st_numpy.arrays(np.float64, (people, 15, 3), elements=numbers))
    missing = data.draw(st_numpy.arrays(np.bool_, (people, 15)))
    table = PredictionTable(
        dataset="panoptic",
        frame_ids=np.array([f"s/0/{index}" for index in range(len(counts))], dtype=np.str_),
        person_start=np.cumsum([0, *counts]),
        persons={"joints3d": np.where(missing[..., None], np.nan, joints)} if people else {},
        skeleton="panoptic_15",
        space="camera",
    )
    assert_same(table, decode_predictions(encode_predictions(table), "memory"))


def test_decimals_shorten_metres_and_pixels(full_table, tmp_path):
    exact = write_predictions(full_table, tmp_path / "exact.json")
    short = write_predictions(full_table, tmp_path / "short.json", decimals=6)
    assert short.stat().st_size < 0.7 * exact.stat().st_size
    back = read_predictions(short)
    np.testing.assert_allclose(back.persons["joints3d"], full_table.persons["joints3d"], atol=0.51e-6, rtol=0)
    np.testing.assert_allclose(back.persons["joints2d"], full_table.persons["joints2d"], atol=0.51e-3, rtol=0)


def test_float32_vertices_are_written_short(full_table):
    vertices = np.zeros((4, 5, 3), dtype=np.float32)
    vertices[:] = 0.1
    table = dataclasses.replace(full_table, persons=full_table.persons | {"vertices": vertices})
    assert json.loads(encode_predictions(table))["predictions"][0]["persons"][0]["vertices"][0] == [0.1] * 3


def test_missing_joints_are_null_and_absent_values_are_left_out(full_table):
    frames = json.loads(encode_predictions(full_table))["predictions"]
    assert frames[1]["persons"] == []
    first, second, third = frames[0]["persons"][0], *frames[2]["persons"][:2]
    assert second["joints3d"][3] is None
    assert "joints2d" not in third
    assert not {"person", "track", "depth"} & set(first)
    assert "gender" not in second["smpl"]


def test_a_person_without_any_joint_keeps_its_nulls():
    table = PredictionTable(
        dataset="panoptic",
        frame_ids=np.array(["s/0/1"]),
        person_start=np.array([0, 1]),
        persons={"joints3d": np.full((1, 15, 3), np.nan)},
        skeleton="panoptic_15",
        space="camera",
    )
    assert_same(table, decode_predictions(encode_predictions(table), "memory"))
    with pytest.raises(PredictionError, match="predicts nothing"):
        encode_predictions(dataclasses.replace(table, persons={"score": np.ones(1)}))


def test_the_gender_of_a_person_without_a_body_is_left_out(full_table):
    bodiless = {name: full_table.persons[name] for name in ("gender", "joints3d", "smpl_betas", "smpl_pose")}
    bodiless["smpl_pose"] = bodiless["smpl_pose"].copy()
    bodiless["smpl_betas"] = bodiless["smpl_betas"].copy()
    bodiless["smpl_pose"][0] = bodiless["smpl_betas"][0] = np.nan
    text = encode_predictions(dataclasses.replace(full_table, persons=bodiless))
    assert "smpl" not in json.loads(text)["predictions"][0]["persons"][0]
    assert decode_predictions(text, "memory").persons["gender"].tolist() == ["", "", "female", "neutral"]


def test_places_that_take_no_file(full_table, tmp_path, monkeypatch):
    with pytest.raises(OutputError, match="suffix"):
        write_predictions(full_table, tmp_path / "p.txt")
    with monkeypatch.context() as patch:
        patch.setattr("mhbench.predictions.writing.SIZE_LIMIT", 10)
        with pytest.raises(OutputError, match=r"p\.h5"):
            write_predictions(full_table, tmp_path / "p.json")

    def full_disk(_):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("os.fsync", full_disk)
    for suffix in SUFFIXES:
        with pytest.raises(OutputError, match="disk is full"):
            write_predictions(full_table, tmp_path / f"p.{suffix}")
    assert list(tmp_path.iterdir()) == []


def change(path, edit):
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def rename(old, new):
    return lambda file: file.move(old, new)


def replace(path, values):
    def edit(file):
        del file[path]
        file[path] = values

    return edit


def spoil(path, place):
    """Make one number of a column, or one row, NaN."""

    def edit(file):
        values = file[path][()]
        values[place] = np.nan
        file[path][...] = values

    return edit


def strange_column(file):
    """A date of HDF5, which NumPy does not know."""
    del file["persons/score"]
    h5py.h5d.create(file["persons"].id, b"score", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((4,)))


def strange_attribute(file):
    del file.attrs["model"]
    h5py.h5a.create(file.id, b"model", h5py.h5t.UNIX_D32LE, h5py.h5s.create(h5py.h5s.SCALAR))


def bomb(file):
    del file["frames/id"]
    file.create_dataset("frames/id", (10**12,), "S8", chunks=(1024,))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (rename("persons/joints3d", "persons/joint3d"), ["/persons/joint3d", "'joints3d'"]),
        (rename("frames/id", "frames/ids"), ["/frames/ids", "'id'"]),
        (replace("persons/score", [1.0]), ["persons/score has 1 rows", "4 rows"]),
        (replace("persons/score", ["a"] * 4), ["/persons/score is object", "numbers"]),
        (replace("persons/score", [np.inf] * 4), ["/persons/score holds an infinite number"]),
        (replace("persons/person", [1] * 4), ["/persons/person", "texts"]),
        (replace("persons/joints3d", np.zeros((4, 15, 2))), ["persons/joints3d is float64[4, 15, 2]"]),
        (replace("persons/bbox", [[1, 2, 3, np.nan]] * 4), ["persons[0].bbox has a null and a number"]),
        (spoil("persons/vertices", (2, 3, 1)), ["$.predictions[2].persons[1].vertices[3] has a null"]),
        (spoil("persons/rotations", (3, 1, 0, 0)), ["persons[2].rotations[1] has a null and a number"]),
        (spoil("persons/smpl_betas", 1), ["/persons/smpl_betas[1] and smpl_pose are not both there"]),
        (lambda file: file["persons"].__delitem__("smpl_betas"), ["/persons/smpl_betas[0]", "zeros"]),
        (replace("persons/rotations", np.zeros((4, 24, 3, 3))), ["/persons/rotations has 24", "challenge_9"]),
        (replace("frames/person_start", [0, 2, 1, 4]), ["person_start is no list of offsets"]),
        (replace("frames/id", ["a/0/1", "a/0/2", "a/0/02"]), ["/frames/id[2] is 'a/0/02'", "/frames/id[1]"]),
        (replace("loose_joints/joint", [0, 1, 15]), ["/loose_joints/joint", "0 to 14"]),
        (lambda file: file.attrs.__delitem__("space"), ["attribute space is missing", "joints3d"]),
        (lambda file: file.attrs.__delitem__("body_model"), ["attribute body_model is missing"]),
        (lambda file: file.attrs.__setitem__("skeleton", "coco_17"), ["has 15 entries", "17, as coco_17"]),
        (lambda file: file.attrs.__setitem__("colour", "red"), ["colour is no key"]),
        (lambda file: file.attrs.__setitem__("format", "other"), ["attribute format is 'other'"]),
        (strange_column, ["/persons/score cannot be read", "numbers or texts"]),
        (strange_attribute, ["an attribute cannot be read", "texts and numbers"]),
        (bomb, ["/frames/id declares 8000000000000 bytes and stores 0"]),
    ],
)
def test_hdf5_faults(full_table, tmp_path, edit, words):
    path = change(write_predictions(full_table, tmp_path / "p.h5"), edit)
    with pytest.raises(PredictionError) as caught:
        read_predictions(path)
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_hdf5_that_reaches_outside_is_refused(full_table, tmp_path):
    path = write_predictions(full_table, tmp_path / "p.h5")
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["score"] = np.zeros(4)
    with h5py.File(path, "r+") as file:
        del file["persons/score"]
        file["persons/score"] = h5py.ExternalLink(str(other), "score")
    with pytest.raises(UnsafeInputError, match="lies outside"):
        read_predictions(path)


def test_damaged_hdf5(full_table, tmp_path):
    path = write_predictions(full_table, tmp_path / "p.h5")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        read_predictions(path)
    (tmp_path / "text.h5").write_text("{}")
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        read_predictions(tmp_path / "text.h5")


def test_hdf5_of_other_programs(tmp_path):
    """Variable-length texts, narrow numbers, millimetres."""
    path = tmp_path / "p.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update(
            {
                "format": "mhbench-predictions/1",
                "dataset": "panoptic",
                "skeleton": "panoptic_15",
                "units": "mm",
                "space": "camera",
                "trained_on": ["coco"],
            }
        )
        file["frames/id"] = ["s/0/1", "s/0/2"]
        file["frames/person_start"] = np.array([0, 1, 3], dtype=np.int32)
        file["persons/joints3d"] = np.full((3, 15, 3), 500, dtype=np.float32)
    table = read_predictions(path)
    assert table.trained_on == ("coco",)
    assert table.frame_ids.tolist() == ["s/0/1", "s/0/2"]
    assert table.persons["joints3d"].dtype == np.float64
    assert np.all(table.persons["joints3d"] == 0.5)


def with_volumes(table, **changes):
    people = table.person_count
    columns = {
        "volume": np.random.default_rng(0).integers(0, 7, size=(people, 4, 8, 6), dtype=np.uint8),
        "volume_corner": np.tile([0.0, -1.0, 4.0], (people, 1)),
        "volume_cell": np.full((people, 3), 0.02),
    }
    return dataclasses.replace(table, persons={**table.persons, **columns, **changes})


def test_volumes_go_into_the_hdf5_form_only(full_table, tmp_path):
    table = with_volumes(full_table)
    again = read_predictions(write_predictions(table, tmp_path / "p.h5"))
    for name in ("volume", "volume_corner", "volume_cell"):
        np.testing.assert_array_equal(again.persons[name], table.persons[name])
    with pytest.raises(OutputError, match="cannot hold volumes"):
        write_predictions(table, tmp_path / "p.json")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda persons: persons.pop("volume_cell"), "/persons/volume_cell is missing"),
        (lambda persons: persons["volume"].__setitem__((0, 0), 9), "/persons/volume holds 9"),
        (lambda persons: persons["volume_cell"].__setitem__((0, 1), 0), r"volume_cell\[0\] is"),
        (lambda persons: persons["volume_cell"].__setitem__((0, 2), -1), r"volume_cell\[0\] is"),
    ],
)
def test_volumes_with_faults_are_refused(full_table, tmp_path, edit, said):
    table = with_volumes(full_table)
    persons = {name: column.copy() for name, column in table.persons.items()}
    edit(persons)
    path = write_predictions(dataclasses.replace(table, persons=persons), tmp_path / "p.h5")
    with pytest.raises(PredictionError, match=said):
        read_predictions(path)


def test_probabilities_are_no_volume(full_table, tmp_path):
    path = write_predictions(with_volumes(full_table), tmp_path / "p.h5")
    with h5py.File(path, "r+") as file:
        values = file["persons/volume"][()] / 6
        del file["persons/volume"]
        file["persons/volume"] = values
    with pytest.raises(PredictionError, match="/persons/volume is float64"):
        read_predictions(path)
