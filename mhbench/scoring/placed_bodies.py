"""Bodies at their place in the camera's space: the true ones of a shard, and those that predictions give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.frames import JointFlag
from mhbench.scoring.bodies import body_joints, body_vertices, predicted_bodies, true_bodies
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import Protocol
    from mhbench.scoring.bodies import Bodies

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

PELVIS: Final = "pelvis"


def true_meshes(table: FrameTable, people: Ints, protocol: Protocol, folder: Path) -> Floats:
    """Meshes of some people of a shard: moved by `smpl_transl`, else to where their pelvis is.

    Returns:
        (N, V, 3) m, camera frame; NaN for people of whom the place is not known.

    Raises:
        InputError: the shards have no SMPL parameters, or a model file is missing or damaged.
    """
    bodies = true_bodies(table, protocol).select(people)
    meshes = body_vertices(bodies, folder)
    if "smpl_transl" in table.persons:
        return np.asarray(meshes + table.persons["smpl_transl"][people, None])
    row = skeleton(table.skeleton).index(PELVIS)
    labelled = (table.persons["joint_flags"][people, row] & JointFlag.LABELLED_3D) != 0
    pelvis = np.where(labelled[:, None], table.persons["joints3d"][people, row].astype(np.float64), np.nan)
    return _at_pelvis(meshes, bodies, pelvis, folder)


def gives_meshes(predictions: PredictionTable) -> bool:
    """Whether people are bodies with a place: vertices, or parameters with `transl` or a predicted pelvis."""
    columns = predictions.persons
    placed = "smpl_transl" in columns or _pelvis_row(predictions) is not None
    return predictions.space == "camera" and ("vertices" in columns or ("smpl_pose" in columns and placed))


def gives_volumes(predictions: PredictionTable) -> bool:
    """Whether people are volumes with a place."""
    return predictions.space == "camera" and {"volume", "volume_corner", "volume_cell"} <= set(
        predictions.persons
    )


def predicted_meshes(predictions: PredictionTable, people: Ints, folder: Path) -> Floats:
    """Meshes of some predicted people, who must be bodies (`gives_meshes`).

    Returns:
        (N, V, 3) m, camera frame; NaN for people without one.

    Raises:
        PredictionError: the parameters are of another model than SMPL.
        InputError: a model file is missing or damaged.
    """
    columns = predictions.persons
    if "vertices" in columns:
        return np.asarray(columns["vertices"][people], dtype=np.float64)
    bodies = predicted_bodies(predictions).select(people)
    meshes = body_vertices(bodies, folder)
    if "smpl_transl" in columns:
        return np.asarray(meshes + columns["smpl_transl"][people, None])
    return _at_pelvis(meshes, bodies, columns["joints3d"][people, _pelvis_row(predictions)], folder)


def shape_distances(table: FrameTable, people: Ints, protocol: Protocol, folder: Path) -> Floats:
    """(N,) mm between true bodies and the mean shape in the same pose, both at the model's origin."""
    bodies = true_bodies(table, protocol).select(people)
    mean = type(bodies)(bodies.pose, np.zeros_like(bodies.betas), bodies.gender)
    apart = body_vertices(bodies, folder) - body_vertices(mean, folder)
    distances: Floats = 1000.0 * np.sqrt((apart**2).sum(axis=-1)).mean(axis=1)
    return distances


def _at_pelvis(meshes: Floats, bodies: Bodies, pelvis: Floats, folder: Path) -> Floats:
    rest = body_joints(bodies, "smpl", folder)[:, skeleton("smpl_24").index(PELVIS)]
    return np.asarray(meshes + (pelvis - rest)[:, None])


def _pelvis_row(predictions: PredictionTable) -> int | None:
    if "joints3d" not in predictions.persons or predictions.skeleton is None:
        return None
    points = skeleton(predictions.skeleton).points
    return points.index(PELVIS) if PELVIS in points else None
