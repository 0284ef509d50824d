"""Protocols on bodies: the whole challenge program through the evaluator, meshes, and predicted bodies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from golden_cases import read_case
from people_tables import prediction_table, scored, truth_table, values
from scipy.spatial.transform import Rotation

from mhbench.bodies import regress
from mhbench.datasets.raw.body_models import body_model_path, read_body_model, read_regressor
from mhbench.errors import MissingInputError, PredictionError
from mhbench.metrics import mpjpe
from mhbench.protocols.loading import load_protocol, with_options
from mhbench.skeletons import skeleton
from mhbench.synthetic.body_model import write_body_models
from mhbench.synthetic.raw.python2_pickles import python2_pickle

CHALLENGE, SPIN, VIBE = (load_protocol(f"3dpw/{name}") for name in ("challenge", "spin", "vibe"))
GENDERS = {"m": "male", "f": "female"}


def challenge_sequence(arrays, sequence):
    """A shard and predictions of one sequence of the challenge, as converter and importer make them."""

    def of(name):
        return arrays[f"{sequence}/{name}"]

    camera = of("cam_poses").astype(np.float64)
    actors, frames = of("poses").shape[:2]
    root = Rotation.from_rotvec(of("poses")[..., :3].reshape(-1, 3)).as_matrix().reshape(actors, frames, 3, 3)
    turned = np.einsum("fij,pfjk->pfik", camera[:, :3, :3], root).reshape(-1, 3, 3)
    pose = of("poses").astype(np.float64).copy()
    pose[..., :3] = Rotation.from_matrix(turned).as_rotvec().reshape(actors, frames, 3)

    def by_frame(values):
        """(actors, frames, ...) -> people frame by frame."""
        return np.swapaxes(values, 0, 1).reshape(frames * actors, *values.shape[2:])

    table = truth_table(
        "3dpw",
        "smpl_24",
        [[np.zeros((24, 3))] * actors] * frames,
        split=sequence.partition("/")[0],
        sequence=sequence.partition("/")[2],
        smpl_pose=by_frame(pose),
        smpl_betas=np.tile(of("betas")[:, :10].astype(np.float64), (frames, 1)),
        gender=np.tile(np.array([GENDERS[one] for one in of("genders")]), frames),
        campose_valid=by_frame(of("campose_valid")).astype(np.uint8),
        poses2d_given=by_frame(of("poses2d_nonzero")).astype(np.uint8),
    )
    given = prediction_table(
        table,
        "smpl_24",
        list(by_frame(of("jointPositions")).reshape(frames, actors, 24, 3).astype(np.float64)),
        space="root",
        rotations=by_frame(of("orientations")).astype(np.float64),
        rotation_set="challenge_9",
    )
    return table, given


def test_the_challenge_program_as_a_whole(golden, tmp_path):
    arrays, facts = read_case(golden / "metrics_3d", "challenge_pipeline")
    for letter, word in GENDERS.items():
        names = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table")
        content = {name: arrays[f"body_{letter}/{name}"] for name in names}
        (tmp_path / f"SMPL_{word.upper()}.pkl").write_bytes(python2_pickle(content))
    sequences = sorted(key.removesuffix("/poses") for key in arrays if key.endswith("/poses"))
    tables, given = zip(*(challenge_sequence(arrays, sequence) for sequence in sequences), strict=True)
    result = scored(CHALLENGE, list(tables), list(given), bodies=tmp_path)
    numbers, expected = values(result, CHALLENGE), facts["scores"]
    assert result.counts.matched == facts["evaluated_person_frames"]
    assert numbers["mpjpe"] == pytest.approx(expected["MPJPE"], abs=1e-4)
    assert numbers["pmpjpe"] == pytest.approx(expected["MPJPE_PA"], abs=1e-4)
    assert numbers["pck@50mm"] == pytest.approx(expected["PCK"], abs=1e-9)
    assert numbers["auc@0-200mm"] == pytest.approx(100 * expected["AUC"], abs=5e-3)
    assert numbers["mpjae"] == pytest.approx(expected["MPJAE"], abs=1e-5)
    assert numbers["pmpjae"] == pytest.approx(expected["MPJAE_PA"], abs=1e-5)
    assert (result.measures["mpjae"].unit, result.measures["mpjpe"].unit) == ("deg", "mm")


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bodies") / "models"
    write_body_models(folder)
    return folder


@pytest.fixture(scope="module")
def model(bodies):
    return read_body_model(body_model_path(bodies, "neutral"), "neutral")


def parameters(people, seed=0):
    generator = np.random.default_rng(seed)
    pose = generator.normal(0.0, 0.15, size=(people, 72))
    return pose, generator.normal(0.0, 0.5, size=(people, 10))


def actors(pose, betas, **more):
    """One actor per frame with SMPL parameters; the shard's own joints are not what is scored."""
    count = len(pose)
    marks = {name: np.ones(count, dtype=np.uint8) for name in ("campose_valid", "poses2d_given")}
    confidence = np.full((count, 18), 0.9, dtype=np.float32)
    return truth_table(
        "3dpw",
        "smpl_24",
        [[np.zeros((24, 3))]] * count,
        split="test",
        smpl_pose=pose,
        smpl_betas=betas,
        gender=np.full(count, "female"),
        **{"poses2d_confidence": confidence, **marks, **more},
    )


def predicted(table, **columns):
    """Predictions without joints, of one person per frame, named."""
    count = table.frame_count
    made = prediction_table(table, "smpl_24", [[np.zeros((24, 3))]] * count, space="root", **columns)
    del made.persons["joints3d"]
    return made


def named(table, **columns):
    return predicted(table, person=np.full(table.frame_count, "0"), **columns)


def test_predicted_parameters_become_joints_and_a_mesh(bodies):
    pose, betas = parameters(3)
    table = actors(pose, betas)
    result = scored(
        VIBE, table, named(table, smpl_pose=pose, smpl_betas=betas, body_model="smpl"), bodies=bodies
    )
    numbers = values(result, VIBE)
    assert numbers["mpjpe"] == pytest.approx(0.0, abs=1e-3)
    assert numbers["pve"] == pytest.approx(0.0, abs=1e-3)
    assert result.provenance["joints"] == "made from bodies"


def test_vertices_go_through_the_regressor(bodies, model):
    pose, betas = parameters(2)
    meshes = model.vertices(pose, betas) + (0.0, 0.01, 0.0)
    table = actors(pose, betas)
    given = named(table, vertices=meshes.astype(np.float32), topology="smpl")
    numbers = values(scored(VIBE, table, given, bodies=bodies), VIBE)
    # rooted joints do not see the shift; meshes at the model's origin do, and once centred on the hips not
    assert numbers["mpjpe"] == pytest.approx(0.0, abs=1e-3)
    assert numbers["pve"] == pytest.approx(10.0, abs=1e-3)
    centred = with_options(VIBE, {"pve_root": "mid_hip"})
    assert values(scored(centred, table, given, bodies=bodies), centred)["pve"] == pytest.approx(
        0.0, abs=1e-3
    )


def test_given_joints_come_before_meshes(bodies, model):
    pose, betas = parameters(1)
    regressor = read_regressor(bodies / "J_regressor_h36m.npy")
    joints = regress(model.vertices(pose, betas), regressor)
    joints[0, skeleton("h36m_17_regressor").index("left_wrist"), 0] += 0.014
    table = actors(pose, betas)
    given = prediction_table(
        table,
        "h36m_17_regressor",
        [joints],
        space="root",
        person=np.array(["0"]),
        smpl_pose=pose,
        body_model="smpl",
    )
    result = scored(SPIN, table, given, bodies=bodies)
    assert values(result, SPIN)["mpjpe"] == pytest.approx(1.0, abs=1e-3)
    assert result.provenance["joints"] == "as given"


def test_the_truth_of_spin_is_the_regressed_mesh(bodies, model):
    pose, betas = parameters(2)
    other = parameters(2, seed=5)
    table = actors(pose, betas)
    regressor = read_regressor(bodies / "J_regressor_h36m.npy")
    target, found = (regress(model.vertices(*one), regressor) for one in ((pose, betas), other))
    given = prediction_table(
        table, "h36m_17_regressor", [[one] for one in found], space="root", person=np.array(["0", "0"])
    )
    tree = skeleton("h36m_17_regressor")
    rows, pelvis = list(tree.indices(SPIN.truth.joints)), tree.index("pelvis")
    centred = [one - one[:, [pelvis]] for one in (found, target)]
    expected = mpjpe(centred[0][:, rows], centred[1][:, rows]).mean()
    assert values(scored(SPIN, table, given, bodies=bodies), SPIN)["mpjpe"] == pytest.approx(
        expected, abs=1e-3
    )


def test_people_seen_too_little_do_not_count(bodies):
    pose, betas = parameters(2)
    confidence = np.full((2, 18), 0.9, dtype=np.float32)
    # six of the twelve are not more than six
    confidence[0, list(skeleton("coco_18").indices(VIBE.truth.seen.joints[:6]))] = 0.3
    table = actors(pose, betas, poses2d_confidence=confidence)
    given = named(table, smpl_pose=pose, smpl_betas=betas, body_model="smpl")
    assert scored(VIBE, table, given, bodies=bodies).counts.true == 1


def test_missing_models_say_which_file_to_get(tmp_path):
    pose, betas = parameters(1)
    table = actors(pose, betas)
    with pytest.raises(MissingInputError):
        scored(SPIN, table, named(table, smpl_pose=pose, body_model="smpl"), bodies=tmp_path)


def test_other_body_models_are_refused(bodies):
    pose, betas = parameters(1)
    table = actors(pose, betas)
    with pytest.raises(PredictionError, match="smplx"):
        scored(SPIN, table, named(table, smpl_pose=pose, body_model="smplx"), bodies=bodies)


def test_meshes_of_unknown_place_have_no_vertex_error(bodies, model):
    pose, betas = parameters(1)
    table = actors(pose, betas)
    meshes = model.vertices(pose, betas).astype(np.float32)
    given = replace(named(table, vertices=meshes, topology="smpl"), space="camera", root=None)
    assert np.isnan(values(scored(VIBE, table, given, bodies=bodies), VIBE)["pve"])
