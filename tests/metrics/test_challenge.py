"""The whole 3DPW challenge program, recomputed from its raw arrays with our metrics."""

from __future__ import annotations

import numpy as np
import pytest
from golden_cases import read_case
from scipy.spatial.transform import Rotation

from mhbench.metrics import auc, mpjae, mpjpe, pck, pmpjae, pmpjpe, procrustes

GOLDEN = ["challenge_pipeline"]

# SMPL-24: the bones whose orientation is scored, and the joints of PCK and AUC
ORIENTED = [0, 1, 2, 4, 5, 16, 17, 18, 19]
LIMBS = [1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21]


def pose_body(body, betas, pose, translation):
    """Joints (24, 3) and global rotations (24, 3, 3) of one person in one frame of an SMPL-shaped body."""
    shaped = body["v_template"] + body["shapedirs"] @ betas[:10]
    rest = body["J_regressor"] @ shaped
    local = Rotation.from_rotvec(pose.reshape(24, 3)).as_matrix()
    parents = body["kintree_table"][0].astype(np.int64)
    rotations, joints = local.copy(), rest.copy()
    for joint in range(1, 24):
        parent = parents[joint]
        rotations[joint] = rotations[parent] @ local[joint]
        joints[joint] = joints[parent] + rotations[parent] @ (rest[joint] - rest[parent])
    return joints + translation, rotations


def person_tracks(arrays):
    """Predicted and true joints and rotations of the evaluated frames of every track, in camera metres."""
    bodies = {
        gender: {
            key.partition("/")[2]: value for key, value in arrays.items() if key.startswith(f"body_{gender}/")
        }
        for gender in "mf"
    }
    for sequence in sorted(key.removesuffix("/poses") for key in arrays if key.endswith("/poses")):

        def of(name, sequence=sequence):
            return arrays[f"{sequence}/{name}"]

        for person, gender in enumerate(of("genders")):
            used = of("poses2d_nonzero")[person] & of("campose_valid")[person].astype(bool)
            joints, rotations = [], []
            for frame in np.flatnonzero(used):
                camera = of("cam_poses")[frame].astype(np.float64)
                values = [of(name)[person].astype(np.float64) for name in ("betas", "poses", "trans")]
                world, turned = pose_body(bodies[gender], values[0], values[1][frame], values[2][frame])
                joints.append(world @ camera[:3, :3].T + camera[:3, 3])
                rotations.append(camera[:3, :3] @ turned[ORIENTED])
            if joints:
                yield (
                    f"{sequence}/{person}",
                    (of("jointPositions")[person][used], of("orientations")[person][used]),
                    (np.array(joints), np.array(rotations)),
                )


@pytest.fixture(scope="module")
def challenge(golden):
    arrays, facts = read_case(golden / "metrics_3d", "challenge_pipeline")
    values = {name: [] for name in ("MPJPE", "MPJPE_PA", "MPJAE", "MPJAE_PA")}
    limb_errors = []
    for _, (joints_p, rotations_p), (joints_t, rotations_t) in person_tracks(arrays):
        rooted_p, rooted_t = joints_p - joints_p[:, :1], joints_t - joints_t[:, :1]
        rotation = procrustes(rooted_p, rooted_t).rotation
        values["MPJPE"].append(mpjpe(joints_p, joints_t, root=0))
        values["MPJPE_PA"].append(pmpjpe(rooted_p, rooted_t))
        values["MPJAE"].append(mpjae(rotations_p, rotations_t))
        values["MPJAE_PA"].append(pmpjae(rotations_p, rotations_t, rotation))
        limb_errors.append(np.linalg.norm(rooted_p - rooted_t, axis=-1)[:, LIMBS] * 1000)
    errors = {name: np.concatenate(parts) for name, parts in values.items()}
    return facts, errors, np.concatenate(limb_errors)


def test_the_same_person_frames_are_evaluated(challenge):
    facts, errors, limb_errors = challenge
    assert len(limb_errors) == facts["evaluated_person_frames"]
    assert {len(one) for one in errors.values()} == {facts["evaluated_person_frames"]}
    assert all(np.isfinite(one).all() for one in errors.values())


@pytest.mark.parametrize("name", ["MPJPE", "MPJPE_PA", "MPJAE", "MPJAE_PA"])
def test_errors_and_angles(challenge, name):
    facts, errors, _ = challenge
    assert errors[name].mean() == pytest.approx(facts["scores"][name], abs=1e-6)


def test_pck_and_area_under_its_curve(challenge):
    facts, _, limb_errors = challenge
    assert pck(limb_errors, 50.0, inclusive=True) == pytest.approx(facts["scores"]["PCK"], abs=1e-9)
    area = auc(limb_errors, np.arange(200.0), inclusive=True, rule="trapezoid")
    # the program integrates by adaptive quadrature, which is up to 2e-5 off
    assert area / 100 == pytest.approx(facts["scores"]["AUC"], abs=5e-5)
