"""`mhbench view --mesh`: bodies inside each other and both orders of depth, compared with stored pictures."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from pictures import assert_looks_like

from mhbench.cli.main import program
from mhbench.conversion.pipeline import convert
from mhbench.errors import UsageError
from mhbench.predictions.table import PredictionTable
from mhbench.predictions.writing import write_predictions
from mhbench.report.mesh_picture import DepthOrder
from mhbench.shards.reading import open_shards
from mhbench.synthetic import scene
from mhbench.synthetic.body_model import write_body_models
from mhbench.synthetic.raw import mupots, threedpw


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A MuPoTS frame of three people who touch, the bodies of the truth, and models to join them."""
    folder = tmp_path_factory.mktemp("meshes")
    crowd = scene(frames=1, people=3, motion="crowd", seed=3, absences=False, cameras=("TS6",))
    mupots.write(crowd, folder / "raw")
    convert("mupots", folder / "raw", folder / "shards", jobs=1, engine="serial")
    write_body_models(folder / "models")
    filmed = mupots.as_filmed(crowd)
    np.save(folder / "bodies.npy", filmed.cameras["TS6"].to_camera(filmed.vertices(0)))
    return folder


@pytest.fixture(autouse=True)
def _models_found(folder, monkeypatch):
    monkeypatch.setenv("MHBENCH_BODIES", str(folder / "models"))


def swapped(bodies):
    """The nearest person moved along the line of sight until behind the next."""
    depth = bodies.mean(axis=1)[:, 2]
    nearest, second = np.argsort(depth)[:2]
    moved = bodies.copy()
    moved[nearest] += bodies[nearest].mean(axis=0) * (depth[second] - depth[nearest] + 0.25) / depth[nearest]
    return moved


def view(folder, tmp_path, bodies, *words, **columns):
    table = PredictionTable(
        dataset="mupots",
        frame_ids=np.array(["TS6/0/0"]),
        person_start=np.array([0, len(bodies)]),
        persons={"vertices": np.float32(bodies), **columns},
        depth_kind="ordinal" if "depth" in columns else None,
        space="camera",
        topology="smpl",
        model="toy",
    )
    write_predictions(table, tmp_path / "preds.h5")
    picture = tmp_path / "a.png"
    given = ["--preds", str(tmp_path / "preds.h5"), "--out", str(picture), *words]
    done = CliRunner().invoke(program, ["view", str(folder / "shards"), "--frame", "0", "--mesh", *given])
    return done, picture


def test_a_frame_in_the_wrong_order_shows_both_orders(folder, tmp_path):
    bodies = swapped(np.load(folder / "bodies.npy"))
    done, picture = view(folder, tmp_path, bodies, "--raw", str(folder / "raw"))
    assert done.exit_code == 0, done.output
    assert_looks_like(picture.read_bytes(), "mesh_wrong_order")


def test_ranks_are_an_order_too(folder, tmp_path):
    bodies = np.load(folder / "bodies.npy")
    ranks = np.argsort(np.argsort(-bodies.mean(axis=1)[:, 2])).astype(np.float64)
    done, picture = view(folder, tmp_path, bodies, depth=ranks)
    assert done.exit_code == 0, done.output
    assert_looks_like(picture.read_bytes(), "mesh_ranks")


def test_bodies_that_are_not_finite_are_left_out_and_none_is_said(folder, tmp_path):
    bodies = np.load(folder / "bodies.npy")
    bodies[0] = np.nan
    done, picture = view(folder, tmp_path, bodies)
    assert done.exit_code == 0, done.output
    assert picture.stat().st_size > 10_000
    done, _ = view(folder, tmp_path, np.full_like(bodies, np.nan))
    assert isinstance(done.exception, UsageError)
    assert "every body in TS6/0/0 has coordinates that are not finite" in str(done.exception)


def test_without_bodies_it_is_said_what_is_missing(folder, tmp_path):
    words = ["view", str(folder / "shards"), "--frame", "0", "--mesh", "--out", str(tmp_path / "a.png")]
    done = CliRunner().invoke(program, words)
    assert isinstance(done.exception, UsageError)
    assert "nobody in TS6/0/0 has a body in the shards" in str(done.exception)
    assert not (tmp_path / "a.png").exists()


def test_bodies_of_shards_with_parameters(tmp_path):
    pytest.importorskip("smplx")
    crowd = scene(frames=1, people=2, motion="crowd", seed=1, absences=False, cameras=("0",))
    threedpw.write(crowd, tmp_path / "raw", images=False)
    convert("3dpw", tmp_path / "raw", tmp_path / "shards", jobs=1, engine="serial")
    frame = open_shards(tmp_path / "shards")[0].id
    words = ["view", str(tmp_path / "shards"), "--frame", frame, "--mesh", "--out", str(tmp_path / "a.png")]
    done = CliRunner().invoke(program, words)
    assert done.exit_code == 0, done.output
    assert_looks_like((tmp_path / "a.png").read_bytes(), "mesh_parameters")


def test_pairs_in_the_wrong_order():
    people = np.arange(3)
    order = DepthOrder(people, np.array([1.0, 2.0, 2.0]), np.array([2.0, 2.0, 1.0]))
    # an equal prediction is wrong, an equal truth has no order
    assert order.reversed_pairs() == [(0, 1), (0, 2)]
