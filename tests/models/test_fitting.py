"""Volumes to predictions: where they lie, resumed work, damaged volumes, the oracle, and the command."""

from __future__ import annotations

from dataclasses import replace

import h5py
import msgspec
import numpy as np
import pytest
from people_tables import truth_table

from mhbench.cli.main import main
from mhbench.datasets.raw.body_models import read_body_model
from mhbench.errors import (
    InputError,
    MissingInputError,
    OutputError,
    PredictionError,
    UnsafeInputError,
    UsageError,
)
from mhbench.jobs.journal import read_journals
from mhbench.metrics import surface_error
from mhbench.models.body_fit import FitOptions
from mhbench.predictions.reading import read_predictions
from mhbench.predictions.table import PredictionTable
from mhbench.predictions.volume_files import FORMAT, read_volume, read_volume_header
from mhbench.predictions.writing import write_predictions
from mhbench.running import fitting
from mhbench.running.fitting import fit_volumes
from mhbench.running.oracle_grids import oracle_grid
from mhbench.shards import Index, Origin, no_heatmaps, shard_info, write_index, write_shard
from mhbench.shards.verification import file_sha256
from mhbench.synthetic.body_model import write_body_models
from mhbench.volumes import voxelize

CELLS, GRID = 40, 48
FEW = FitOptions(steps=4)


@pytest.fixture(scope="module")
def smpl(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "smpl"
    write_body_models(folder, names=("SMPL_NEUTRAL.pkl", "SMPL_FEMALE.pkl"))
    return folder


@pytest.fixture(scope="module")
def people(smpl):
    """Three people in two frames: parameters, meshes and joints at the model's origin."""
    model = read_body_model(smpl / "SMPL_NEUTRAL.pkl")
    random = np.random.default_rng(8)
    pose = random.normal(0, 0.15, (3, 72))
    pose[:, :3] = [[np.pi, 0, 0], [0, 2, 0.3], [3, 0.5, 0]]
    betas = random.normal(0, 0.8, (3, 10))
    transl = np.array([[0.2, 0.1, 3.0], [-1, 0, 4], [0.5, 0.2, 5]])
    return {
        "pose": pose,
        "betas": betas,
        "transl": transl,
        "mesh": model.vertices(pose, betas),
        "joints": model.joints(pose, betas),
        "faces": model.faces,
    }


def write_file(path, people, *, axes="z y x", conservative=False, leave_out=(), attributes=(), **columns):
    """The people's volumes, padded to a larger grid; columns replace what would be written."""
    volumes, corners, cells = [], [], []
    for mesh, transl in zip(people["mesh"], people["transl"], strict=True):
        volume, box = voxelize(mesh, people["faces"], CELLS, conservative=conservative)
        cell = box.side / CELLS
        volumes.append(np.pad(volume, [(3, 5), (4, 4), (2, 6)]))
        corners.append(box.corner + transl - cell * np.array([3, 4, 2]))
        cells.append(np.full(3, cell))
    stored = np.stack(volumes)
    order = ["xyz".index(word[-1]) for word in axes.split()]
    backwards = [1 + axis for axis, word in enumerate(axes.split()) if word.startswith("-")]
    stored = np.flip(stored.transpose(0, *(1 + one for one in order)), backwards)
    content = {
        "frame": ["a/0/0", "a/0/0", "a/0/1"],
        "person": ["0", "1", "0"],
        "volumes": stored,
        "target": stored,
        "corner": np.array(corners),
        "cell": np.array(cells),
        "joints3d": people["joints"] + people["transl"][:, None],
        **columns,
    }
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": FORMAT, "dataset": "3dpw", "skeleton": "smpl_24", "axes": axes})
        file.attrs.update(dict(attributes))
        for name, column in content.items():
            if name not in leave_out:
                file[name] = column
    return path


@pytest.fixture(scope="module")
def shards(people, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards") / "3dpw"
    joints = (people["joints"] + people["transl"][:, None]).astype(np.float32)
    whole = truth_table(
        "3dpw",
        "smpl_24",
        [joints[:2], joints[2:]],
        split="test",
        smpl_pose=people["pose"],
        smpl_betas=people["betas"],
        smpl_transl=people["transl"],
        gender=np.full(3, "neutral"),
    )
    path = folder / "test/a.0.h5"
    origin = Origin(
        item="a.0", frames_available=2, converter_version=1, manifest_hash="a" * 64, raw_sha256="b" * 64
    )
    write_shard(path, whole, origin, no_heatmaps("a test"))
    info = msgspec.structs.replace(shard_info(path, sha256=file_sha256(path)), path="test/a.0.h5")
    index = Index(
        format="mhbench-index/1", dataset="3dpw", tool_versions=("0",), converter_version=1,
        manifest_hash="a" * 64, options={}, shards=(info,),
    )  # fmt: skip
    write_index(folder, index)
    return folder.parent


def errors_mm(out, people, shift=None):
    table = read_predictions(out)
    truth = people["mesh"] + (people["transl"] if shift is None else shift)[:, None]
    return table, surface_error(table.persons["vertices"], truth)


def test_volumes_lie_where_their_file_says(people, smpl, tmp_path):
    volumes = write_file(tmp_path / "v.h5", people, axes="-z x -y")
    report = fit_volumes(volumes, tmp_path / "out.json", bodies=smpl, options=FEW)
    table, errors = errors_mm(tmp_path / "out.json", people)
    assert errors.max() < 15  # cells of 45 mm
    assert table.frame_ids.tolist() == ["a/0/0", "a/0/1"]
    assert table.person_start.tolist() == [0, 2, 3]
    assert table.persons["person"].tolist() == ["0", "1", "0"]
    assert (table.space, table.body_model) == ("camera", "smpl")
    np.testing.assert_allclose(table.persons["smpl_transl"], people["transl"], atol=0.03)
    # the parameters are the mesh's
    model = read_body_model(smpl / "SMPL_NEUTRAL.pkl")
    made = model.vertices(*(table.persons[f"smpl_{name}"] for name in ("pose", "betas", "transl")))
    np.testing.assert_allclose(made, table.persons["vertices"], atol=1e-5)
    assert "3 bodies in 2 frames" in str(report)
    assert not (tmp_path / "out.json.parts").exists()


def test_the_oracle_finds_the_place_and_says_so(people, smpl, shards, tmp_path):
    volumes = write_file(tmp_path / "v.h5", people, conservative=True, leave_out=("corner", "cell"))
    arguments = {"bodies": smpl, "data": shards, "options": replace(FEW, thinned=True)}
    fit_volumes(volumes, tmp_path / "o.h5", alignment="oracle", **arguments)
    table, errors = errors_mm(tmp_path / "o.h5", people)
    assert errors.max() < 30  # a body is up to two cells of 45 mm larger than its box says
    assert "placed by the truth (oracle)" in table.model
    np.testing.assert_allclose(table.persons["smpl_transl"], people["transl"])
    fit_volumes(volumes, tmp_path / "c.h5", alignment="oracle-as-coded", **arguments)
    coded = read_predictions(tmp_path / "c.h5")
    assert "oracle-as-coded" in coded.model
    # the surface is half a cell nearer to the smallest coordinates, and pulls the body there
    shift = (coded.persons["vertices"] - table.persons["vertices"]).mean(axis=1)
    assert (shift < 0).all()
    with pytest.raises(UsageError, match="needs the truth"):
        fit_volumes(volumes, tmp_path / "x.h5", bodies=smpl, alignment="oracle")
    with pytest.raises(InputError, match="does not say where its volumes lie"):
        fit_volumes(volumes, tmp_path / "x.h5", bodies=smpl)
    strangers = write_file(tmp_path / "s.h5", people, person=["0", "7", "0"])
    with pytest.raises(InputError, match=r"no person 7 in the frame a/0/0"):
        fit_volumes(strangers, tmp_path / "x.h5", alignment="oracle", **arguments)


def test_oracle_grid_is_the_box_of_the_true_mesh(people):
    mesh = people["mesh"][0]
    volume, box = voxelize(mesh, people["faces"], 64, conservative=True)
    grid = oracle_grid(np.pad(volume, [(7, 1), (2, 6), (0, 9)]), mesh, 64, as_coded=False)
    np.testing.assert_allclose(grid.cell, box.side / 64, rtol=0.05)  # a cell more or less
    np.testing.assert_allclose(grid.corner + grid.cell * [7, 2, 0], box.corner, atol=1e-12)
    coded = oracle_grid(np.pad(volume, [(7, 1), (2, 6), (0, 9)]), mesh, 64, as_coded=True)
    np.testing.assert_allclose(coded.corner, grid.corner - grid.cell / 2)
    with pytest.raises(InputError, match="true volume is empty"):
        oracle_grid(np.zeros((4, 4, 4), dtype=bool), mesh, 64, as_coded=False)


def test_a_stopped_run_goes_on_and_a_bad_volume_is_listed(people, smpl, tmp_path, monkeypatch):
    volumes = write_file(tmp_path / "v.h5", people)
    with h5py.File(volumes, "r+") as file:
        file["volumes"][1] = 0
    done = []

    def interrupted(task):
        if done:
            raise KeyboardInterrupt
        done.append(task.number)
        return real(task)

    real = fitting.fit_volume
    monkeypatch.setattr(fitting, "fit_volume", interrupted)
    arguments = {"bodies": smpl, "options": FEW}
    with pytest.raises(KeyboardInterrupt):
        fit_volumes(volumes, tmp_path / "out.h5", **arguments)
    assert list(read_journals(tmp_path / "out.h5.parts/items")) == ["000000"]
    with pytest.raises(OutputError, match="unfinished run with another options"):
        fit_volumes(volumes, tmp_path / "out.h5", bodies=smpl, options=replace(FEW, steps=5))
    monkeypatch.setattr(fitting, "fit_volume", real)
    report = fit_volumes(volumes, tmp_path / "out.h5", **arguments)
    assert report.done_before == 1
    assert "no occupancy is above 0.5" in report.failures["a/0/0, volume 1"].what
    assert "1 volumes were not fitted" in str(report)
    fit_volumes(volumes, tmp_path / "whole.h5", **arguments)
    resumed, whole = (read_predictions(tmp_path / name) for name in ("out.h5", "whole.h5"))
    for name, column in whole.persons.items():
        assert np.array_equal(resumed.persons[name], column), name
    with h5py.File(volumes, "r+") as file:
        file["volumes"][:] = 0
    with pytest.raises(InputError, match="none of the 3 volumes"):
        fit_volumes(volumes, tmp_path / "none.h5", **arguments)


def test_predictions_with_volumes_get_their_bodies(people, smpl, tmp_path):
    labels, corners, cells = [], [], []
    for mesh, transl in zip(people["mesh"], people["transl"], strict=True):
        volume, box = voxelize(mesh, people["faces"], CELLS)
        labels.append(2 * volume.transpose().astype(np.uint8))
        corners.append(box.corner + transl)
        cells.append(np.full(3, box.side / CELLS))
    given = PredictionTable(
        dataset="3dpw",
        frame_ids=np.array(["a/0/0", "a/0/1"]),
        person_start=np.array([0, 2, 3]),
        persons={
            "volume": np.stack(labels),
            "volume_corner": np.array(corners),
            "volume_cell": np.array(cells),
            "joints3d": people["joints"] + people["transl"][:, None],
        },
        skeleton="smpl_24",
        model="voxels",
        space="camera",
    )
    write_predictions(given, tmp_path / "given.h5")
    report = fit_volumes(tmp_path / "given.h5", tmp_path / "out.h5", bodies=smpl, options=FEW)
    assert not report.failures
    table, errors = errors_mm(tmp_path / "out.h5", people)
    assert errors.max() < 15
    assert np.array_equal(table.persons["volume"], given.persons["volume"])
    assert table.model == "voxels, SMPL fitted to its volumes"

    # one that cannot be fitted stays as it was, without a body
    given.persons["volume"][1] = 0
    write_predictions(given, tmp_path / "given.h5")
    once = replace(FEW, steps=1)
    report = fit_volumes(tmp_path / "given.h5", tmp_path / "out.json", bodies=smpl, options=once)
    assert list(report.failures) == ["a/0/0, volume 1"]
    partly = read_predictions(tmp_path / "out.json").persons
    assert np.isnan(partly["smpl_pose"]).all(axis=1).tolist() == [False, True, False]
    assert not {"volume", "volume_corner", "volume_cell", "vertices"} & set(partly)
    outside = replace(given, space="world", frame_ids=np.array(["a/world/0", "a/world/1"]))
    write_predictions(outside, tmp_path / "world.h5")
    with pytest.raises(PredictionError, match="no volumes with a place"):
        fit_volumes(tmp_path / "world.h5", tmp_path / "x.h5", bodies=smpl)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attributes": {"format": "other"}}, "Invalid enum value 'other' - at `\\$.format`"),
        ({"attributes": {"axes": "z y y"}}, "attribute axes is 'z y y'"),
        ({"attributes": {"axes": 3}}, "got `int` - at `\\$.axes`"),
        ({"attributes": {"space": "world"}}, "Invalid enum value 'world' - at `\\$.space`"),
        ({"attributes": {"space": ["camera", "root"]}}, "got `array` - at `\\$.space`"),
        ({"attributes": {"skeleton": "smpl_25"}}, "attribute skeleton is 'smpl_25'"),
        ({"frame": [1, 2, 3]}, r"/frame is int64\[1\]"),
        ({"gender": [1, 2, 3]}, r"/gender is int64\[1\]"),
        ({"volumes": np.full((3, 4, 4, 4), b"a"), "leave_out": ("target",)}, "/volumes holds"),
        ({"corner": np.full((3, 3), b"a")}, "/corner holds"),
        ({"leave_out": ("frame",)}, "lacks /frame"),
        ({"leave_out": ("cell",)}, "corner and cell together"),
        ({"corner": np.zeros((2, 3))}, r"/corner has the shape \(2, 3\)"),
        ({"volumes": np.zeros((3, 4, 4)), "leave_out": ("target",)}, r"/volumes has the shape"),
        ({"masks": np.zeros(3)}, "unknown column /masks"),
    ],
)
def test_files_that_are_none(people, tmp_path, change, message):
    with pytest.raises(PredictionError, match=message):
        read_volume_header(write_file(tmp_path / "v.h5", people, **change))


def test_volumes_that_are_none(people, tmp_path):
    path = write_file(tmp_path / "v.h5", people, volumes=np.full((3, 48, 48, 48), 255))
    with pytest.raises(PredictionError, match="beyond 0 and 1"):
        read_volume(path, read_volume_header(path), 0)
    cell = np.array([[1.0, 1, 1], [1, 1, 1], [1, np.nan, 1]])
    path = write_file(tmp_path / "n.h5", people, cell=cell)
    with pytest.raises(PredictionError, match="/corner or /cell of volume 2"):
        read_volume(path, read_volume_header(path), 2)
    with h5py.File(path, "r+") as file:
        del file["cell"]
        file["cell"] = h5py.ExternalLink(str(tmp_path / "v.h5"), "cell")
    with pytest.raises(UnsafeInputError, match="/cell lies outside"):
        read_volume_header(path)
    with pytest.raises(MissingInputError):
        read_volume_header(tmp_path / "nothing.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        read_volume_header(tmp_path / "text.h5")


def test_the_command(people, smpl, tmp_path, capsys):
    volumes = write_file(tmp_path / "v.h5", people, attributes={"space": "root"}.items())

    def fit(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in ("fit", volumes, "--bodies", smpl, *arguments)])
        return left.value.code

    assert fit("--out", tmp_path / "out.h5", "--steps", 1, "--limit", 1, "--distance", "points") == 0
    assert "1 bodies in 1 frames" in capsys.readouterr().out
    assert read_predictions(tmp_path / "out.h5").space == "root"
    assert fit("--out", tmp_path / "out.txt") == 2
    assert "no suffix of a predictions file" in capsys.readouterr().err
