"""Coherence through the commands: a synthetic MuPoTS set with known counts, and what bad bodies get."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from mhbench.cli.main import program
from mhbench.errors import MhbenchError, PredictionError
from mhbench.metrics import collisions
from mhbench.predictions.reading import read_predictions
from mhbench.predictions.table import PredictionTable
from mhbench.predictions.writing import write_predictions
from mhbench.synthetic import body
from mhbench.synthetic.body_model import write_body_models
from mhbench.synthetic.raw.python2_pickles import python2_pickle

ASIDE = np.array([0.25, 0.0, 0.0])


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bodies") / "models"
    write_body_models(folder)
    return folder


@pytest.fixture(autouse=True)
def _models_found(models, monkeypatch):
    monkeypatch.setenv("MHBENCH_BODIES", str(models))


def command(*words):
    done = CliRunner().invoke(program, [str(word) for word in words])
    if isinstance(done.exception, MhbenchError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def moved_along_the_ray(joints, depth):
    """The same pixels at another depth of the pelvis."""
    return joints * (depth / joints[14, 2])


@pytest.fixture(scope="module")
def mupots(tmp_path_factory):
    """Shards of a synthetic MuPoTS sequence, and its truth as predictions, by the commands."""
    folder = tmp_path_factory.mktemp("mupots")
    made = ["--frames", 5, "--people", 3, "--motion", "stand", "--cameras", "TS6", "--no-images"]
    command("synth", "mupots", folder / "raw", *made)
    command("convert", "mupots", "--raw", folder / "raw", "--out", folder / "shards", "-j", 1)
    command("run", "gt", "--data", folder / "shards", "--out", folder / "truth.h5")
    return folder


def test_counts_of_a_synthetic_set_that_are_known(mupots, tmp_path):
    truth = read_predictions(mupots / "truth.h5")
    sizes = np.diff(truth.person_start)
    start, joints = truth.person_start, truth.persons["joints3d"].copy()
    crowded = np.flatnonzero(sizes == 3)
    assert len(crowded) >= 2
    # bodies of everybody three metres apart; in one frame two of them touch, in another one all three
    places = np.concatenate([np.arange(size)[:, None] * [3.0, 0, 0] for size in sizes])
    places[start[crowded[0]] + 1] = places[start[crowded[0]]] + ASIDE
    first = start[crowded[1]]
    places[first : first + 3] = [[0, 0, 0], ASIDE, 2 * ASIDE]
    # in the second of these frames the nearest and the farthest change places: all three pairs are wrong
    people = slice(first, first + 3)
    depth = joints[people, 14, 2].copy()
    near, far = np.argmin(depth), np.argmax(depth)
    joints[first + near] = moved_along_the_ray(joints[first + near], depth[far])
    joints[first + far] = moved_along_the_ray(joints[first + far], depth[near])
    vertices = np.float32(body().template + (places + [0, 0, 4])[:, None])
    persons = {**truth.persons, "joints3d": joints, "vertices": vertices}
    write_predictions(replace(truth, persons=persons, topology="smpl", model="known"), tmp_path / "preds.h5")
    words = ["evaluate", tmp_path / "preds.h5", "--protocol", "mupots/coherence", "--data", mupots / "shards"]
    output = command(*words, "--out", tmp_path / "result.json")
    metrics = {
        name: one["value"]
        for name, one in json.loads((tmp_path / "result.json").read_text())["metrics"].items()
    }
    pairs = int((sizes * (sizes - 1) // 2).sum())
    assert metrics["collisions.frames"] == 2
    assert metrics["collisions.pairs"] in {3, 4}  # the outer two of three may touch as well
    assert metrics["depth_order"] == pytest.approx(100 * (pairs - 3) / pairs)
    assert metrics["depth_order.strict"] == metrics["depth_order"]
    assert metrics["depth_order.coverage"] == 100
    for name in ("collisions.frames", "collisions.litres", "depth_order", "depth_order.coverage"):
        assert name in output
    # ranks in place of metres, and all of them right
    ranks = np.concatenate(
        [np.argsort(np.argsort(truth.persons["joints3d"][a:b, 14, 2])) for a, b in itertools.pairwise(start)]
    )
    ordinal = replace(truth, persons={**persons, "depth": ranks.astype(np.float64)}, depth_kind="ordinal")
    write_predictions(ordinal, tmp_path / "ranks.h5")
    words[1] = tmp_path / "ranks.h5"
    command(*words, "--out", tmp_path / "ranks.json")
    assert json.loads((tmp_path / "ranks.json").read_text())["metrics"]["depth_order"]["value"] == 100


def test_collisions_among_matched_people_only(mupots, tmp_path):
    """A false positive that stands in everybody collides, unless only matched people count."""
    truth = read_predictions(mupots / "truth.h5")
    first = truth.people(0)
    count = first.stop
    rows = np.append(np.arange(count), 0)
    joints = truth.persons["joints3d"][rows].copy()
    joints[-1] += [0, 0, 200]  # nobody's pixels
    places = np.append(np.arange(count) * 3.0, 0.25)
    vertices = np.float32(body().template + np.column_stack([places, 0 * places, 0 * places + 4])[:, None])
    preds = PredictionTable(
        dataset="mupots",
        frame_ids=truth.frame_ids[:1],
        person_start=np.array([0, count + 1]),
        persons={"joints3d": joints, "vertices": vertices, "score": np.append(np.ones(count), 0.2)},
        skeleton=truth.skeleton,
        space="camera",
        topology="smpl",
    )
    write_predictions(preds, tmp_path / "preds.h5")
    words = ["evaluate", tmp_path / "preds.h5", "--data", mupots / "shards", "--out", tmp_path / "r.json"]

    def pairs(protocol, *options):
        command(*words, "--protocol", protocol, *options)
        result = json.loads((tmp_path / "r.json").read_text())
        return result["metrics"]["collisions.pairs"]["value"], result["provenance"]["collisions_among"]

    assert pairs("mupots/coherence") == (1, "everybody")
    assert pairs("mupots/coherence", "--option", "collision_people=matched") == (0, "matched people")
    assert pairs("mupots/coherence", "--min-score", 0.5) == (0, "everybody")


def anywhere(tmp_path, vertices=None, *, options=(), **columns):
    """The metrics of one frame of bodies, by the command; what it printed is in `printed.txt`."""
    if vertices is not None:
        columns["vertices"] = np.float32(vertices)
    people = len(next(iter(columns.values())))
    header = {"topology": "smpl"} if vertices is not None else {"body_model": "smpl"}
    table = PredictionTable(
        dataset="posetrack",
        frame_ids=np.array(["walk/0/0"]),
        person_start=np.array([0, people]),
        persons=columns,
        space="camera",
        **header,
    )
    write_predictions(table, tmp_path / "preds.h5")
    words = ["evaluate", tmp_path / "preds.h5", "--protocol", "any/collisions", "--out", tmp_path / "r.json"]
    (tmp_path / "printed.txt").write_text(command(*words, *options))
    result = json.loads((tmp_path / "r.json").read_text())
    values = {name: one["value"] for name, one in result["metrics"].items()}
    return values, result["provenance"]


def standing(*places):
    return body().template + np.array(places, dtype=np.float64)[:, None]


def test_nobody_collides_with_nobody(tmp_path):
    values, _ = anywhere(tmp_path, standing([0, 0, 3])[:0])
    assert values["collisions.pairs"] == 0


def test_vertices_that_are_not_numbers(tmp_path):
    """Who has no mesh, or not all of one, is left out and counted."""
    people = standing([0, 0, 3], ASIDE + [0, 0, 3], [0, 0, 3], [0, 0, 3])
    people[2], people[3, 100] = np.nan, np.nan
    values, provenance = anywhere(tmp_path, people)
    assert values["collisions.pairs"] == 1
    assert (provenance["collision_people"], provenance["people_without_mesh"]) == ("2", "2")
    printed = (tmp_path / "printed.txt").read_text()
    assert re.search(r"collisions\.pairs +1 +\[1, 1\]", printed)
    assert "joint" not in printed
    assert "common mistakes" not in command("audit", tmp_path / "preds.h5", "--protocol", "any/collisions")


@pytest.mark.parametrize(
    ("places", "pairs", "candidates"),
    [
        ([[0, 0, 3]], 0, "0"),
        ([[0, 0, 3], [0, 0, 3]], 1, "1"),
        ([[0, 0, 3], [4000, 0, 3], [0, 0, 90000]], 0, "0"),
    ],
    ids=["one person", "a person twice", "kilometres apart"],
)
def test_people_alone_twice_and_far_away(tmp_path, places, pairs, candidates):
    values, provenance = anywhere(tmp_path, standing(*places))
    assert values["collisions.pairs"] == pairs
    assert provenance["collision_candidate_pairs"] == candidates
    if pairs:
        # the whole body is shared, and no vertex is under a surface
        assert values["collisions.litres"] > 50
        assert values["collisions.penetration_max_mm"] < 1e-3


def test_triangles_without_area(tmp_path):
    """Somebody flattened, somebody shrunken to a point, both inside a third."""
    whole = standing([0, 0, 3])[0]
    flat = whole * [1, 1, 0] + [0, 0, 3]
    point = np.zeros_like(whole) + whole.mean(axis=0)
    values, _ = anywhere(tmp_path, np.stack([whole, flat, point]))
    assert values["collisions.litres"] == pytest.approx(0, abs=1e-3)
    assert np.isfinite(values["collisions.penetration_mm"])
    # as CRMH's code has it, who has no size holds nothing
    coded = anywhere(tmp_path, np.stack([whole, point]), options=["--option", "collision_mode=crmh-now"])
    assert coded[0]["collisions.litres"] == 0


def test_open_meshes(tmp_path, monkeypatch):
    """A model whose hands are cut off: the holes are closed, and the collision is the same."""
    people = standing([0, 0, 3], ASIDE + [0, 0, 3])
    closed, _ = anywhere(tmp_path, people)
    arrays = dict(body().model_arrays())
    reach = np.abs(body().template[arrays["f"].astype(np.int64)][:, :, 0]).max(axis=1)
    arrays["f"] = arrays["f"][reach < np.quantile(reach, 0.97)]
    folder = tmp_path / "cut"
    folder.mkdir()
    (folder / "SMPL_NEUTRAL.pkl").write_bytes(
        python2_pickle({**arrays, "bs_type": "lrotmin", "bs_style": "lbs"})
    )
    monkeypatch.setenv("MHBENCH_BODIES", str(folder))
    cut, _ = anywhere(tmp_path, people)
    assert cut["collisions.pairs"] == 1
    assert cut["collisions.litres"] == pytest.approx(closed["collisions.litres"], rel=0.3)


def test_strict_is_an_option(tmp_path):
    """Where triangles cross already and no vertex is inside yet, only the strict rule counts."""
    side_by_side = standing([0, 0, 3], [np.ptp(body().template[:, 0]), 0, 3])
    apart, touching = 0.0, 0.01
    for _ in range(40):
        middle = (apart + touching) / 2
        pair = np.float32(side_by_side - np.array([[0, 0, 0], [middle, 1e-3, 2e-3]])[:, None])
        if collisions(pair, body().triangles).pairs:
            touching = middle
        else:
            apart = middle
            if collisions(pair, body().triangles, strict=True).pairs:
                break
    usual, _ = anywhere(tmp_path, pair)
    strict, _ = anywhere(tmp_path, pair, options=["--option", "collision_mode=strict"])
    assert (usual["collisions.pairs"], strict["collisions.pairs"]) == (0, 1)
    assert strict["collisions.vertices"] == 0


def parameters(betas=10, gender="neutral"):
    pose = np.zeros((2, 72))
    pose[:, 0] = np.pi
    places = np.array([[0, 0, 3.0], ASIDE + [0, 0, 3]])
    return {
        "smpl_pose": pose,
        "smpl_betas": np.zeros((2, betas)),
        "smpl_transl": places,
        "gender": np.array([gender, gender]),
    }


def test_parameters_nobody_knows(tmp_path):
    pytest.importorskip("smplx")
    assert anywhere(tmp_path, **parameters())[0]["collisions.pairs"] == 1
    # a longer vector is that of a larger model file: its first numbers mean the same
    assert anywhere(tmp_path, **parameters(betas=300))[0] == anywhere(tmp_path, **parameters())[0]
    with pytest.raises(MhbenchError, match="tall"):
        anywhere(tmp_path, **parameters(gender="tall"))


@pytest.mark.parametrize("vertices", [10_475, 100])
def test_other_topologies(tmp_path, vertices):
    with pytest.raises(PredictionError, match=f"vertices are {vertices} of the topology"):
        anywhere(tmp_path, np.zeros((2, vertices, 3)) + [0, 0, 3])
