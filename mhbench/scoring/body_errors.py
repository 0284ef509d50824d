"""Errors of pairs of people as bodies: vertices (PVE) and bone rotations (MPJAE, PMPJAE)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.metrics.alignment import procrustes
from mhbench.metrics.joint_errors import pve
from mhbench.metrics.rotation_errors import rotation_angles
from mhbench.predictions.impossible import refuse_no_rotations
from mhbench.scoring.bodies import (
    AT_ONCE,
    body_vertices,
    bone_rotations,
    hip_centres,
    predicted_bodies,
    true_bodies,
)
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import MetricRule, Protocol

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

BONES: Final = "challenge_9"


def vertex_errors(
    rule: MetricRule,
    table: FrameTable,
    predictions: PredictionTable,
    pairs: tuple[Ints, Ints],
    protocol: Protocol,
    folder: Path,
) -> Floats:
    """Mean vertex distance of pairs of people.

    Args:
        rule: its root: none, or joints, for which the middle of the regressed hips stands.
        table: the shard.
        predictions: the predictions.
        pairs: (N,) rows of the true people, (N,) rows of the predicted ones.
        protocol: which models the true bodies have.
        folder: of the model files.

    Returns:
        (N, 1) mm; NaN where a prediction has no mesh at the model's origin.
    """
    bodies = true_bodies(table, protocol)
    errors = np.full((len(pairs[0]), 1), np.nan)
    for first in range(0, len(errors), AT_ONCE):
        rows = slice(first, first + AT_ONCE)
        target = body_vertices(bodies.select(pairs[0][rows]), folder)
        predicted = _predicted_meshes(predictions, pairs[1][rows], folder)
        if predicted is None:
            return errors
        rooted = rule.root != "none"
        errors[rows, 0] = pve(
            predicted,
            target,
            root_p=hip_centres(predicted, folder) if rooted else None,
            root_t=hip_centres(target, folder) if rooted else None,
        )
    return errors


def rotation_errors(
    table: FrameTable,
    predictions: PredictionTable,
    pairs: tuple[Ints, Ints],
    joints: tuple[Floats, Floats] | None,
) -> Floats:
    """Angles between the bones of pairs of people.

    Args:
        table: the shard.
        predictions: the predictions.
        pairs: (N,) rows of the true people, (N,) rows of the predicted ones.
        joints: true and predicted joints (N, J, 3) m whose alignment turns the prediction first; or none.

    Returns:
        (N, 9) degrees for the bones of the challenge; NaN where a prediction has no rotations.

    Raises:
        PredictionError: a matrix of these people is no rotation.
    """
    chosen = list(skeleton("smpl_24").indices(skeleton(BONES).joints))
    target = bone_rotations(table.persons["smpl_pose"][pairs[0]].astype(np.float64), chosen)
    predicted = _predicted_rotations(predictions, pairs[1], chosen)
    if predicted is None:
        return np.full(target.shape[:2], np.nan)
    turn = procrustes(joints[1], joints[0]).rotation if joints is not None else None
    return rotation_angles(predicted, target, turn)


def _predicted_meshes(predictions: PredictionTable, rows: Ints, folder: Path) -> Floats | None:
    """Meshes at the model's origin: made from parameters; or vertices less their translation."""
    columns = predictions.persons
    if "smpl_pose" in columns:
        return body_vertices(predicted_bodies(predictions).select(rows), folder)
    if "vertices" not in columns or (predictions.space != "root" and "smpl_transl" not in columns):
        return None
    meshes = columns["vertices"][rows].astype(np.float64)
    return meshes - columns["smpl_transl"][rows, None] if "smpl_transl" in columns else meshes


def _predicted_rotations(predictions: PredictionTable, rows: Ints, chosen: list[int]) -> Floats | None:
    columns = predictions.persons
    if "rotations" in columns:
        refuse_no_rotations(predictions, rows)
        given = columns["rotations"][rows]
        return given if predictions.rotation_set == BONES else given[:, chosen]
    if "smpl_pose" in columns:
        return bone_rotations(predicted_bodies(predictions).pose[rows], chosen)
    return None
