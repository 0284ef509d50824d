"""Bodies at their place in the camera's space: the true ones of a shard, and those that predictions give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.columns import JointFlag
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
    """Meshes of some people of a shard, placed as `origins` says.

    Returns:
        (N, V, 3) m, camera frame; NaN for people of whom the place is not known.

    Raises:
        InputError: the shards have no SMPL parameters, or a model file is missing or damaged.
    """
    bodies = true_bodies(table, protocol).select(people)
    place = origins(*true_places(table, people), _rest_pelvis(bodies, folder))
    return np.asarray(body_vertices(bodies, folder) + place[:, None])


def true_places(table: FrameTable, people: Ints) -> tuple[Floats, Floats]:
    """`smpl_transl` and the labelled pelvis of some people of a shard, (N, 3) m each; NaN = not known."""
    columns, points = table.persons, skeleton(table.skeleton).points
    unknown = np.full((len(people), 3), np.nan)
    transl = columns["smpl_transl"][people].astype(np.float64) if "smpl_transl" in columns else unknown
    if PELVIS not in points or "joints3d" not in columns:
        return transl, unknown
    row = points.index(PELVIS)
    labelled = (columns["joint_flags"][people, row] & JointFlag.LABELLED_3D) != 0
    return transl, np.where(labelled[:, None], columns["joints3d"][people, row].astype(np.float64), np.nan)


def origins(transl: Floats, pelvis: Floats, rest: Floats) -> Floats:
    """(N, 3) m where the origins of bodies are: moved by `transl`, else to where their pelvis is.

    Args:
        transl: (N, 3) m; NaN where it is not known.
        pelvis: (N, 3) m, likewise.
        rest: (N, 3) m, the pelvis of each body at the model's origin.
    """
    known = np.isfinite(transl).all(axis=-1, keepdims=True)
    return np.where(known, transl, pelvis - rest)


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
    pelvis = columns["joints3d"][people, _pelvis_row(predictions)]
    return np.asarray(meshes + (pelvis - _rest_pelvis(bodies, folder))[:, None])


def shape_distances(table: FrameTable, people: Ints, protocol: Protocol, folder: Path) -> Floats:
    """(N,) mm between true bodies and the mean shape in the same pose, both at the model's origin."""
    bodies = true_bodies(table, protocol).select(people)
    mean = type(bodies)(bodies.pose, np.zeros_like(bodies.betas), bodies.gender)
    apart = body_vertices(bodies, folder) - body_vertices(mean, folder)
    distances: Floats = 1000.0 * np.sqrt((apart**2).sum(axis=-1)).mean(axis=1)
    return distances


def _rest_pelvis(bodies: Bodies, folder: Path) -> Floats:
    return body_joints(bodies, "smpl", folder)[:, skeleton("smpl_24").index(PELVIS)]


def _pelvis_row(predictions: PredictionTable) -> int | None:
    if "joints3d" not in predictions.persons or predictions.skeleton is None:
        return None
    points = skeleton(predictions.skeleton).points
    return points.index(PELVIS) if PELVIS in points else None
