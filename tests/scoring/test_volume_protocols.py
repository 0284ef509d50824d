"""Bodies as cells, surfaces and silhouettes: perfect predictions, and changes of known cost."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import h5py
import numpy as np
import pytest
from people_tables import changed, prediction_table, scored, truth_table, values

from mhbench.errors import PredictionError
from mhbench.predictions import read_predictions
from mhbench.predictions.table import PredictionTable
from mhbench.protocols.loading import load_protocol, with_options
from mhbench.scoring.volume_samples import LANDMARK_FILE, best_of_each
from mhbench.skeletons import skeleton
from mhbench.synthetic import body
from mhbench.synthetic.body_model import write_body_models
from mhbench.synthetic.smpl_body import pose as posed
from mhbench.volumes import (
    PARTS,
    Lattice,
    block_of,
    depth_maps,
    lattice_of,
    mask_to_text,
    part_labels,
    parts_of_segments,
    voxelize,
)

SURREAL, T1 = load_protocol("surreal/test"), load_protocol("up3d/t1")
CELLS = 32  # a coarse grid is as good for counting, and quick
COARSE = changed(SURREAL, volumes={"resolution": CELLS})
PLACE = np.array([0.2, -0.1, 7.0])
FACES = body().triangles


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bodies") / "models"
    write_body_models(folder)
    return folder


def betas_of(frames, seed=0):
    return np.random.default_rng(seed).normal(0.0, 0.5, size=(frames, 10))


def surreal(betas, place=PLACE):
    """A shard of standing people, one a frame, whose bodies stand where their pelvis is."""
    rest = body().shaped(betas)[1][:, :24]
    turns = np.tile(np.eye(3), (len(betas), 24, 1, 1))
    joints = posed(turns, np.tile(place, (len(betas), 1)), body().parents, rest)[1]
    return truth_table(
        "surreal",
        "smpl_24",
        [[one] for one in joints],
        split="val",
        smpl_pose=np.zeros((len(betas), 72)),
        smpl_betas=betas,
        gender=np.full(len(betas), "female"),
    )


def true_meshes(table):
    """(F, V, 3) m."""
    shaped, rest = body().shaped(table.persons["smpl_betas"])
    return shaped + (table.persons["joints3d"][:, 0].astype(float) - rest[:, 0])[:, None]


def meshes(table, vertices, **columns):
    """Predictions of meshes for the first frames of a shard, float64 so that nothing is rounded."""
    ids = table.frames["id"][: len(vertices)]
    start = np.arange(len(vertices) + 1)
    persons = {"vertices": np.asarray(vertices, dtype=np.float32), **columns}
    return PredictionTable(
        dataset=table.dataset, frame_ids=ids, person_start=start, persons=persons, space="camera"
    )


def parameters(table, **columns):
    """The true parameters and joints as predictions."""
    joints = [[one] for one in table.persons["joints3d"].astype(float)]
    names = ("smpl_pose", "smpl_betas", "gender")
    own = {name: table.persons[name] for name in names}
    return prediction_table(table, "smpl_24", joints, body_model="smpl", **{**own, **columns})


def test_the_truth_itself_is_perfect(models):
    table = surreal(betas_of(3))
    result = scored(COARSE, table, parameters(table), bodies=models)
    numbers = values(result, COARSE)
    assert list(numbers) == [rule.name for rule in SURREAL.metric]
    assert {numbers.pop(name) for name in ("surface_error", "mpjpe")} == {0.0}
    assert set(numbers.values()) == {100.0}
    assert (result.counts.true, result.counts.matched, result.counts.missed) == (3, 3, 0)
    assert result.provenance["bodies"] == "cells, parts, surface_error"


def test_a_body_moved_by_whole_cells_shares_what_the_moved_cells_share(models):
    table = surreal(betas_of(2))
    steps = 2
    expected = {"voxel_iou": [], "silhouette_iou.front": [], "silhouette_iou.side": []}
    moved = []
    pooled = np.zeros(2)
    for mesh in true_meshes(table):
        cell = lattice_of(mesh, FACES, CELLS).cell[2]
        moved.append(mesh + [0, 0, steps * cell])
        here = np.pad(voxelize(mesh, FACES, CELLS, conservative=True)[0], ((0, 0), (0, 0), (0, steps)))
        there = np.roll(here, steps, axis=2)
        for name, one, other in (
            ("voxel_iou", here, there),
            ("silhouette_iou.front", here.any(axis=2), there.any(axis=2)),
            ("silhouette_iou.side", here.any(axis=0), there.any(axis=0)),
        ):
            expected[name].append((one & other).sum() / (one | other).sum())
        side = here.any(axis=0), there.any(axis=0)
        pooled += [(side[0] & side[1]).sum(), (side[0] | side[1]).sum()]
    given = meshes(table, moved)
    numbers = values(scored(COARSE, table, given, bodies=models), COARSE)
    # vertices are float32, so a triangle may leave or reach a cell of the border
    assert numbers["voxel_iou"] == pytest.approx(100 * np.mean(expected["voxel_iou"]), abs=0.3)
    assert numbers["silhouette_iou.front"] == pytest.approx(100, abs=0.3)
    assert numbers["silhouette_iou.side"] == pytest.approx(100 * pooled[0] / pooled[1], abs=0.3)
    averaged = with_options(COARSE, {"averaging": "samples"})
    side = values(scored(averaged, table, given, bodies=models), averaged)["silhouette_iou.side"]
    assert side == pytest.approx(100 * np.mean(expected["silhouette_iou.side"]), abs=0.3)
    cells = [lattice_of(mesh, FACES, CELLS).cell[2] for mesh in true_meshes(table)]
    assert numbers["surface_error"] == pytest.approx(1000 * steps * np.mean(cells), abs=1e-3)
    assert "mpjpe" not in numbers


def test_a_surface_moved_by_a_known_length(models):
    table = surreal(betas_of(2))
    moved = true_meshes(table) + np.array([[0.003, 0.004, 0], [0, 0, 0.012]])[:, None]
    numbers = values(scored(COARSE, table, meshes(table, moved), bodies=models), COARSE)
    assert numbers["surface_error"] == pytest.approx((5 + 12) / 2, abs=1e-3)


def test_bodies_far_apart_share_nothing_and_cost_nothing(models):
    table = surreal(betas_of(1))
    beside = values(
        scored(COARSE, table, meshes(table, true_meshes(table) + [5000.0, 0, 0]), bodies=models), COARSE
    )
    assert [beside[name] for name in ("voxel_iou", "silhouette_iou.front", "part_iou")] == [0, 0, 0]
    behind = values(
        scored(COARSE, table, meshes(table, true_meshes(table) + [0, 0, 8.0]), bodies=models), COARSE
    )
    assert behind["voxel_iou"] == 0
    assert behind["silhouette_iou.front"] > 90
    with pytest.raises(PredictionError, match=r"a body has \d+ cells"):
        scored(COARSE, table, meshes(table, true_meshes(table) * 1000), bodies=models)


def test_missed_people_share_no_cell_and_have_no_error(models):
    table = surreal(betas_of(4))
    found = true_meshes(table)[:3] + [0, 0, 0.01]
    found[1] = np.nan
    given = meshes(table, found)
    numbers = values(result := scored(COARSE, table, given, bodies=models), COARSE)
    first = table.select(np.array([0]))
    alone = values(scored(COARSE, first, meshes(first, found[:1]), bodies=models), COARSE)
    assert numbers["surface_error"] == pytest.approx(10, abs=1e-3)
    assert 0.4 * alone["voxel_iou"] < numbers["voxel_iou"] < 0.6 * alone["voxel_iou"]
    assert (result.counts.true, result.counts.matched, result.counts.missed) == (4, 2, 2)
    assert result.provenance["people_without_body"] == "1"


def test_the_best_score_is_taken(models):
    table = surreal(betas_of(1))
    (mesh,) = true_meshes(table)
    many = meshes(table, [mesh])
    rows = np.array([mesh + [0, 0, 1.0], mesh, mesh + [1.0, 0, 0]], dtype=np.float32)
    many = replace(
        many,
        person_start=np.array([0, 3]),
        persons={"vertices": rows, "score": np.array([0.1, 0.9, np.nan])},
    )
    assert values(scored(COARSE, table, many, bodies=models), COARSE)["surface_error"] < 1e-3
    rated = replace(many, persons=many.persons | {"score": np.array([0.1, 0.9, 0.2])})
    strict = scored(COARSE, table, rated, bodies=models, min_score=0.95)
    assert values(strict, COARSE)["voxel_iou"] == 0
    assert "surface_error" in strict.measures


def volumes(table, labels, boxes):
    """Cubes of labels (Z, Y, X) in boxes x, y, z, side."""
    ids = table.frames["id"][: len(labels)]
    boxes = np.asarray(boxes, dtype=float)
    persons = {
        "volume": np.asarray(labels, dtype=np.uint8),
        "volume_corner": boxes[:, :3],
        "volume_cell": np.repeat(boxes[:, 3:] / np.shape(labels)[1], 3, axis=1),
    }
    start = np.arange(len(labels) + 1)
    return PredictionTable(
        dataset=table.dataset, frame_ids=ids, person_start=start, persons=persons, space="camera"
    )


@pytest.mark.parametrize(
    ("scores", "least", "expected"),
    [
        ([0.2, 0.9, 0.9], None, 1),
        ([0.2, 0.4, 0.3], 0.5, -1),
        ([np.nan, 0.1], None, 1),
        ([0.1, np.nan], 0.5, 1),  # as everywhere: who has no score is not below any
        ([np.nan, np.nan], 0.5, 0),
    ],
)
def test_whom_a_least_score_leaves(scores, least, expected):
    given = PredictionTable(
        dataset="surreal",
        frame_ids=np.array(["a/0/1", "a/0/2"]),
        person_start=np.array([0, len(scores), len(scores)]),
        persons={"score": np.array(scores)},
    )
    assert best_of_each(given, np.array([0, 1, -1]), least).tolist() == [expected, -1, -1]


def test_volumes_in_a_box_of_their_own(models):
    table = surreal(betas_of(2))
    solids = [voxelize(mesh, FACES, CELLS, conservative=True) for mesh in true_meshes(table)]
    boxes = [[*box.corner, box.side] for _, box in solids]
    labels = np.array([volume.transpose() for volume, _ in solids])
    numbers = values(scored(COARSE, table, volumes(table, labels, boxes), bodies=models), COARSE)
    assert set(numbers) == {"voxel_iou", "silhouette_iou.front", "silhouette_iou.side"}
    assert set(numbers.values()) == {100.0}
    # without the upper half of the body
    half = labels.copy()
    half[:, :, : CELLS // 2] = 0
    numbers = values(scored(COARSE, table, volumes(table, half, boxes), bodies=models), COARSE)
    kept = half.sum(axis=(1, 2, 3)) / labels.sum(axis=(1, 2, 3))
    assert numbers["voxel_iou"] == pytest.approx(100 * kept.mean())
    # the cells of a body may be larger than those of the volume's box
    wide = np.pad(labels, ((0, 0), (0, CELLS), (0, CELLS), (0, CELLS)))
    doubled = [[*corner, 2 * side] for *corner, side in boxes]
    numbers = values(scored(COARSE, table, volumes(table, wide, doubled), bodies=models), COARSE)
    assert numbers["voxel_iou"] == 100


def test_a_file_of_volumes_is_scored_as_it_is(models, tmp_path):
    table = surreal(betas_of(2))
    cell = np.array([0.05, 0.07, 0.06])
    blocks = [block_of(mesh, FACES, Lattice(mesh.min(axis=0), cell)) for mesh in true_meshes(table)]
    corners = np.array([mesh.min(axis=0) for mesh in true_meshes(table)])
    side = max(len(block.cells) for block in blocks)
    stored = np.zeros((2, side, side, side), dtype=np.float32)
    for values_, block in zip(stored, blocks, strict=True):
        # published volumes run against the camera's z; any confidence from 0.5 on is occupied
        x, y, z = block.cells.shape
        values_.transpose()[:x, :y, :z] = 0.5 * block.cells
    with h5py.File(tmp_path / "volumes.h5", "w") as file:
        file.attrs.update(format="mhbench-volumes/1", dataset="surreal", axes="-z y x", model="net")
        file["frame"] = [str(one) for one in table.frames["id"][::-1]]
        file["volumes"] = stored[::-1, ::-1]
        file["corner"] = corners[::-1]
        file["cell"] = np.tile(cell, (2, 1))
    given = read_predictions(tmp_path / "volumes.h5")
    assert given.model == "net"
    numbers = values(scored(COARSE, table, given, bodies=models), COARSE)
    assert numbers == {"voxel_iou": 100, "silhouette_iou.front": 100, "silhouette_iou.side": 100}


def test_parts_by_hand(models):
    table = surreal(betas_of(2))
    kind = parts_of_segments(np.argmax(body().weights, axis=1), FACES)
    solids = [part_labels(mesh, FACES, kind, CELLS) for mesh in true_meshes(table)]
    boxes = [[*box.corner, box.side] for _, box in solids]
    true = np.array([labels.transpose() for labels, _ in solids])
    given = true.copy()
    given[0][true[0] == 1 + PARTS.index("left_arm")] = 1 + PARTS.index("right_arm")
    given[1][true[1] == 1 + PARTS.index("head")] = 0
    numbers = values(scored(COARSE, table, volumes(table, given, boxes), bodies=models), COARSE)
    cells = np.array([[(one == label).sum() for label in range(7)] for one in true], dtype=float)
    left, right, head = (cells[:, 1 + PARTS.index(name)] for name in ("left_arm", "right_arm", "head"))
    expected = {
        "torso": 100.0,
        "left_leg": 100.0,
        "right_leg": 100.0,
        "left_arm": 100 * left[1] / left.sum(),
        "right_arm": 100 * right.sum() / (right.sum() + left[0]),
        "head": 100 * head[0] / head.sum(),
    }
    for name, value in expected.items():
        assert numbers[f"part_iou.{name}"] == pytest.approx(value)
    assert numbers["part_iou"] == pytest.approx(np.mean(list(expected.values())))
    whole = cells[:, 1:].sum()
    assert numbers["part_iou.foreground"] == pytest.approx(100 * (whole - head[1]) / whole)
    nothing = 2 * CELLS**3 - whole
    assert numbers["part_iou.background"] == pytest.approx(100 * nothing / (nothing + head[1]))
    averaged = with_options(COARSE, {"averaging": "samples"})
    numbers = values(scored(averaged, table, volumes(table, given, boxes), bodies=models), averaged)
    assert numbers["part_iou.left_arm"] == pytest.approx(50)
    assert numbers["part_iou.right_arm"] == pytest.approx(50 * (1 + right[0] / (right[0] + left[0])))


def test_cells_by_their_centres(models):
    table = surreal(betas_of(1))
    centres = with_options(COARSE, {"voxelisation": "centre"})
    thin, box = voxelize(true_meshes(table)[0], FACES, CELLS)
    given = volumes(table, [thin.transpose()], [[*box.corner, box.side]])
    assert values(scored(centres, table, given, bodies=models), centres)["voxel_iou"] == 100
    assert values(scored(COARSE, table, given, bodies=models), COARSE)["voxel_iou"] < 80


def test_extreme_shapes_are_those_farthest_from_the_mean(models):
    betas = np.zeros((20, 10))
    betas[:, 0] = np.random.default_rng(0).permutation(20) / 10
    table = surreal(betas)
    result = scored(COARSE, table, parameters(table), bodies=models)
    inside = np.flatnonzero(result.frames["subset_s10"])
    assert sorted(betas[inside, 0].tolist()) == [1.8, 1.9]
    assert result.frames["subset_s20"].sum() == 4
    assert (result.provenance["s10_frames"], result.provenance["s20_frames"]) == ("2", "4")
    ids = "\n".join(sorted(result.frames["id"][inside].tolist()))
    assert result.provenance["s10_sha256"] == hashlib.sha256(ids.encode()).hexdigest()


def test_joints_alone_give_joint_errors_alone(models):
    table = surreal(betas_of(2))
    joints = table.persons["joints3d"].astype(float) + [0, 0, 1.0]
    joints[:, skeleton("smpl_24").index("neck")] += [0, 0.016, 0]
    given = prediction_table(table, "smpl_24", [[one] for one in joints], space="root")
    numbers = values(scored(COARSE, table, given, bodies=models), COARSE)
    assert numbers == {"mpjpe": pytest.approx(1.0, abs=1e-4)}  # 16 mm at one of 16 joints
    with pytest.raises(PredictionError, match="nobody has a body with a place"):
        scored(T1, table, given, bodies=models)
    other = prediction_table(table, "coco_17", [[np.zeros((17, 3))]] * 2)
    mixed = replace(meshes(table, true_meshes(table)), skeleton="coco_17", persons={
        **meshes(table, true_meshes(table)).persons, "joints3d": other.persons["joints3d"],
    })  # fmt: skip
    result = scored(COARSE, table, mixed, bodies=models)
    assert "mpjpe" not in result.measures
    assert "coco_17" in result.provenance["without_joints"]


def test_bodynets_own_joints_stand_in(models):
    table = surreal(betas_of(1))
    names = skeleton("bodynet_16").joints
    where = [{"torso": "spine2"}.get(name, name) for name in names]
    joints = table.persons["joints3d"][:, [skeleton("smpl_24").index(name) for name in where]].astype(float)
    given = prediction_table(table, "bodynet_16", [[one] for one in joints])
    assert values(scored(COARSE, table, given, bodies=models), COARSE) == {
        "mpjpe": pytest.approx(0, abs=1e-4)
    }


K = np.array([[500.0, 0, 40], [0, 500.0, 60], [0, 0, 1]])


def up3d(betas, masks=None):
    """A shard of standing people in images of 80 x 120, and their masks."""
    count = len(betas)
    frames = {
        "K": np.tile(K, (count, 1, 1)),
        "width": np.full(count, 80, dtype=np.int32),
        "height": np.full(count, 120, dtype=np.int32),
    }
    rest = body().shaped(betas)[1][:, 0]
    table = truth_table(
        "up3d",
        "smpl_24",
        [[np.zeros((24, 3))]] * count,
        split="test",
        sequence="lsp",
        smpl_pose=np.zeros((count, 72)),
        smpl_betas=betas,
        smpl_transl=np.tile([0, 0, 8.0], (count, 1)) - rest,
        gender=np.full(count, "neutral"),
        frame_columns=frames,
    )
    texts = [""] * count
    if masks is not None:
        texts = ["" if mask is None else mask_to_text(mask) for mask in masks]
    return replace(table, persons={**table.persons, "silhouette": np.array(texts)})


def seen(table):
    """(F, H, W) the bodies in their images, and (F, V, 3) the meshes."""
    there = body().shaped(table.persons["smpl_betas"])[0] + table.persons["smpl_transl"][:, None]
    return [np.isfinite(depth_maps(mesh[None], FACES, table.camera(0))[0]) for mesh in there], there


def test_silhouettes_against_drawn_masks(models):
    betas = betas_of(3)
    bodies, there = seen(up3d(betas))
    halves = [mask.copy() for mask in bodies]
    halves[1][:60] = False
    table = up3d(betas, [halves[0], halves[1], None])
    given = replace(
        meshes(table, there), persons={"smpl_pose": np.zeros((3, 72)), "smpl_betas": betas,
        "smpl_transl": table.persons["smpl_transl"]}, body_model="smpl",
    )  # fmt: skip
    result = scored(T1, table, given, bodies=models)
    numbers = values(result, T1)
    inside, all_of_it = halves[1].sum(), bodies[1].sum()
    assert numbers["silhouette_iou"] == pytest.approx(100 * (1 + inside / all_of_it) / 2)
    assert numbers["silhouette_f1"] == pytest.approx(100 * (1 + 2 * inside / (inside + all_of_it)) / 2)
    wrong = (all_of_it - inside) / (80 * 120)
    assert numbers["silhouette_acc"] == pytest.approx(100 * (1 - wrong / 2))
    assert numbers["surface_error"] == 0
    assert "landmark_error" not in numbers
    assert result.provenance["frames_without_mask"] == "1"


def test_landmarks_by_a_file_of_the_users(models, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    for path in models.iterdir():
        (folder / path.name).symlink_to(path)
    rows = np.zeros((91, len(body().template)))
    rows[np.arange(91), np.arange(91)] = 1
    np.save(folder / LANDMARK_FILE, rows)
    table = up3d(betas_of(1))
    _, there = seen(table)
    there[0, :91] += [0.02, 0, 0]
    numbers = values(scored(T1, table, meshes(table, there), bodies=folder), T1)
    assert numbers["landmark_error"] == pytest.approx(20, abs=1e-3)
    assert numbers["surface_error"] == pytest.approx(20 * 91 / 6890, abs=1e-3)
