"""SMPL bodies as ground truth and as predictions: their joints, meshes and bone rotations.

True bodies stand at the model's origin: what is scored is relative to a root, or the mesh itself. Model
files and `J_regressor_h36m.npy` are licensed; they lie in one folder, under their official names.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.bodies import gender_name, regress, rotations_of
from mhbench.columns import JointFlag
from mhbench.datasets.raw.body_models import body_model_path, read_body_model, read_regressor
from mhbench.errors import InputError, PredictionError
from mhbench.skeletons import conversion, skeleton

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.bodies import BodyModel, Gender
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import Protocol
    from mhbench.skeletons import Conversion

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

SKELETONS: Final = {"h36m": "h36m_17_regressor", "smpl": "smpl_24"}
REGRESSOR: Final = "J_regressor_h36m.npy"
AT_ONCE: Final = 128  # meshes of 6,890 vertices: 20 MB


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """Parameters of P SMPL bodies: pose (P, 72) rad with the root in the camera frame, betas, genders."""

    pose: Floats
    betas: Floats
    gender: npt.NDArray[np.str_]

    def select(self, rows: Ints) -> Bodies:
        """The bodies of the given rows."""
        return Bodies(self.pose[rows], self.betas[rows], self.gender[rows])


def true_bodies(table: FrameTable, protocol: Protocol) -> Bodies:
    """The bodies of all people of a shard, with the models the protocol names.

    Raises:
        InputError: the shards have no SMPL parameters.
    """
    columns = table.persons
    if "smpl_pose" not in columns:
        raise InputError(
            f"the shards of {table.dataset} have no SMPL parameters",
            expected=f"the column smpl_pose, from which {protocol.name} makes the ground truth",
            action="convert a data set that has them",
        )
    gender = columns["gender"]
    if protocol.truth.body == "neutral":
        gender = np.full(table.person_count, "neutral")
    return Bodies(columns["smpl_pose"].astype(np.float64), columns["smpl_betas"].astype(np.float64), gender)


def predicted_bodies(predictions: PredictionTable) -> Bodies:
    """The bodies of all predicted people; neutral where no gender is said.

    Raises:
        PredictionError: the parameters are of another model than SMPL.
    """
    columns = predictions.persons
    if predictions.body_model != "smpl":
        raise PredictionError(
            f"{predictions.source}: the parameters are of {predictions.body_model!r}",
            expected="smpl; other models have other joints and meshes",
            action="write joints3d, or vertices in SMPL's topology",
        )
    said = columns.get("gender", np.full(predictions.person_count, ""))
    betas = np.nan_to_num(columns["smpl_betas"])  # of people without a body
    return Bodies(columns["smpl_pose"], betas, np.where(said == "", "neutral", said))


def truth_of_bodies(table: FrameTable, protocol: Protocol, folder: Path) -> FrameTable:
    """The shard with joints made from its SMPL parameters instead of its own.

    Raises:
        InputError: the shards have no SMPL parameters, or a model file is missing or damaged.
    """
    joints = body_joints(true_bodies(table, protocol), protocol.truth.regressor, folder)
    labelled = ((table.persons["joint_flags"] & JointFlag.LABELLED_3D) != 0).any(axis=1)
    known = labelled[:, None] & np.isfinite(joints).all(axis=-1)
    persons = {name: column for name, column in table.persons.items() if name != "joints2d"}
    persons["joints3d"] = np.where(known[..., None], joints, np.nan).astype(np.float32)
    persons["joint_flags"] = np.where(known, JointFlag.LABELLED_3D, 0).astype(np.uint8)
    return replace(table, skeleton=SKELETONS[protocol.truth.regressor], persons=persons)


def joints_of_bodies(
    predictions: PredictionTable, rows: Ints, protocol: Protocol, folder: Path
) -> tuple[PredictionTable, Ints]:
    """The predicted frames with joints made from their meshes or SMPL parameters, and the new rows.

    Raises:
        PredictionError: the meshes cannot give the joints.
        InputError: a model file or the regressor is missing or damaged.
    """
    regressor = protocol.prediction.regressor
    chosen = predictions.select(rows[rows >= 0])
    if regressor == "h36m" and "vertices" in chosen.persons:
        joints = _regressed(chosen.persons["vertices"], folder)
    elif "smpl_pose" in chosen.persons:
        joints = body_joints(predicted_bodies(chosen), regressor, folder)
        if "smpl_transl" in chosen.persons:
            joints = joints + chosen.persons["smpl_transl"][:, None]
        else:
            chosen = replace(chosen, space="root")
    else:
        raise PredictionError(
            f"{predictions.source}: the predictions have neither joints3d nor SMPL parameters",
            expected=f"joints3d or smpl, of which {protocol.name} makes its joints",
            action="write one of them",
        )
    name = SKELETONS[regressor]
    persons = {**chosen.persons, "joints3d": joints}
    persons.pop("joint_scores", None)
    if "joints2d" in persons and chosen.skeleton is not None:
        persons["joints2d"] = _exactly(conversion(chosen.skeleton, name), persons["joints2d"])
    named = replace(chosen, skeleton=name, persons=persons)
    return named, np.where(rows >= 0, np.cumsum(rows >= 0) - 1, -1)


def _exactly(mapping: Conversion, pixels: Floats) -> Floats:
    """Joints of another skeleton, without those that only stand in."""
    return np.where(mapping.approximate[:, None], np.nan, mapping.apply(pixels))


def body_joints(bodies: Bodies, regressor: str, folder: Path) -> Floats:
    """(P, K, 3) m joints of bodies at the model's origin; NaN where a pose is not known."""
    joints = np.full((len(bodies.pose), len(skeleton(SKELETONS[regressor])), 3), np.nan)
    for rows, model in _by_model(bodies, folder):
        some = bodies.select(rows)
        if regressor == "smpl":
            joints[rows] = model.joints(some.pose, some.betas)
        else:
            joints[rows] = _regressed(model.vertices(some.pose, some.betas), folder)
    return joints


def body_vertices(bodies: Bodies, folder: Path) -> Floats:
    """(P, V, 3) m meshes of bodies at the model's origin; NaN where a pose is not known."""
    meshes: Floats | None = None
    for rows, model in _by_model(bodies, folder):
        some = bodies.select(rows)
        if meshes is None:
            meshes = np.full((len(bodies.pose), len(model.v_template), 3), np.nan)
        meshes[rows] = model.vertices(some.pose, some.betas)
    return np.full((len(bodies.pose), 0, 3), np.nan) if meshes is None else meshes


def bone_rotations(pose: Floats, bones: Sequence[int]) -> Floats:
    """(P, K, 3, 3) global rotations of K of SMPL's bones from poses (P, 72) in radians; NaN without a pose.

    Only the bones between the root and those asked for are turned.
    """
    parents = skeleton("smpl_24").parents
    needed = set(bones)
    for joint in reversed(range(len(parents))):
        if joint in needed and parents[joint] >= 0:
            needed.add(parents[joint])
    order = sorted(needed)
    turned = rotations_of(np.nan_to_num(pose).reshape(-1, 24, 3)[:, order])
    for place, joint in enumerate(order):
        if parents[joint] >= 0:
            above = turned[:, order.index(parents[joint])]
            turned[:, place] = np.einsum("nij,njk->nik", above, turned[:, place])
    turned[~np.isfinite(pose).all(axis=1)] = np.nan
    return turned[:, [order.index(bone) for bone in bones]]


def hip_centres(meshes: Floats, folder: Path) -> Floats:
    """(P, 3) m mean of the two hips that Human3.6M's regressor takes from meshes."""
    hips = skeleton(SKELETONS["h36m"]).indices(("left_hip", "right_hip"))
    centre: Floats = _regressed(meshes, folder)[:, hips].mean(axis=1)
    return centre


def body_files_sha256(protocol: Protocol, folder: Path) -> str:
    """sha256 of the model and regressor files that a protocol's ground truth is made with; "" if with none.

    Two labs with other releases of a model have other ground truth, though their shards are the same.
    """
    if not protocol.truth.body:
        return ""
    genders: tuple[Gender, ...] = ("neutral",) if protocol.truth.body == "neutral" else ("female", "male")
    paths = [body_model_path(folder, gender) for gender in genders]
    paths += [folder / REGRESSOR] if protocol.truth.regressor == "h36m" else []
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _by_model(bodies: Bodies, folder: Path) -> list[tuple[Ints, BodyModel]]:
    """Rows with a known pose in small groups of one gender, and its model."""
    known = np.isfinite(bodies.pose).all(axis=1)
    groups = []
    for word in np.unique(bodies.gender[known]).tolist():
        rows = np.flatnonzero(known & (bodies.gender == word))
        model = model_of(folder, gender_name(word, "gender"))
        groups += [(rows[first : first + AT_ONCE], model) for first in range(0, len(rows), AT_ONCE)]
    return groups


def _regressed(meshes: npt.NDArray[Any], folder: Path) -> Floats:
    return regress(meshes, _regressor(folder))


@functools.lru_cache(maxsize=3)
def model_of(folder: Path, gender: Gender) -> BodyModel:
    """The model of a gender.

    Raises:
        InputError: its file is missing or damaged.
    """
    return read_body_model(body_model_path(folder, gender), gender)


@functools.lru_cache(maxsize=1)
def _regressor(folder: Path) -> Floats:
    return read_regressor(folder / REGRESSOR)
