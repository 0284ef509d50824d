"""`--place reprojection`: root-relative people put where their own 2D joints say that they are.

For every person the translation t is found that brings the projection of joints3d + t closest to joints2d, in
pixels and by least squares, through the true lens: the 2D joints are undistorted first, so that what is left
is a pinhole. A linear solution starts Gauss-Newton, which the few joints of a person bring to rest in a few
steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.cameras import unproject
from mhbench.errors import PredictionError
from mhbench.predictions.coverage import predicted_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.predictions.table import PredictionTable
    from mhbench.shards.reading import Shards

    Floats = npt.NDArray[np.float64]

FEWEST_JOINTS: Final = 3
STEPS: Final = 10
PLACED: Final = ("joints3d", "vertices", "smpl_transl", "volume_corner")


def place_by_reprojection(predictions: PredictionTable, shards: Shards) -> PredictionTable:
    """Predictions of space `root` in space `camera`, people placed by their own 2D joints.

    People of frames without shards, or with fewer than three joints in 2D and 3D, get no position: their
    joints are NaN.

    Raises:
        PredictionError: they are in another space already, have no joints2d, or the data set no intrinsics.
    """
    _check(predictions)
    row_of = {key: row for row, key in enumerate(predictions.frame_keys)}
    translation = np.full((predictions.person_count, 3), np.nan)
    for table in shards.tables():
        if "K" not in table.frames:
            raise PredictionError(
                f"{shards.dataset} has no intrinsics",
                expected="a data set with K, by which pixels become directions",
                action="leave --place out and score errors relative to the root",
            )
        rows = predicted_rows(table, row_of)
        people = predictions.people_of(rows[rows >= 0])
        frame = np.repeat(np.flatnonzero(rows >= 0), predictions.counts_of(rows[rows >= 0]))
        intrinsics = table.frames["K"][frame]
        distortion = table.frames["distortion"][frame] if "distortion" in table.frames else np.zeros(8)
        rays = unproject(predictions.persons["joints2d"][people], intrinsics, distortion, table.lens)
        focal = intrinsics[:, [0, 1], [0, 1]]
        translation[people] = translations(predictions.persons["joints3d"][people], rays[..., :2], focal)
    columns = dict(predictions.persons)
    for name in PLACED:
        if name in columns:
            shift = translation[:, None] if columns[name].ndim == 3 else translation
            columns[name] = (columns[name] + shift).astype(columns[name].dtype)
    return replace(predictions, persons=columns, space="camera", root=None)


def translations(joints: Floats, directions: Floats, focal: Floats) -> Floats:
    """The translation of every person by which the projection fits best.

    Args:
        joints: (P, J, 3) m, relative to any point of the person.
        directions: (P, J, 2) undistorted x / z and y / z of the same joints.
        focal: (2,) or (P, 2) px, the weights of the two directions.

    Returns:
        (P, 3) m, camera frame; NaN with fewer than three joints or where no place before the camera fits.
    """
    valid = np.asarray(np.isfinite(joints).all(axis=-1) & np.isfinite(directions).all(axis=-1))
    points = np.where(valid[..., None], joints, 0.0)
    goal = np.where(valid[..., None], directions, 0.0)
    weight = valid[..., None] * focal[..., None, :]
    # (x + tx) - u (z + tz) = 0 and the same for y, linear in t
    value = goal * points[..., 2:] - points[..., :2]
    guess = _solved(_design(goal), value, weight)
    for _ in range(STEPS):
        placed = points + guess[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = np.where(valid, 1.0 / placed[..., 2], 0.0)
        seen = placed[..., :2] * inverse[..., None]
        residual = np.where(valid[..., None], goal - seen, 0.0)
        guess = guess + _solved(_design(seen) * inverse[..., None, None], residual, weight)
    enough = valid.sum(axis=1) >= FEWEST_JOINTS
    before = np.all(~valid | ((points + guess[:, None])[..., 2] > 0.0), axis=1)
    found: Floats = np.where((enough & before & np.isfinite(guess).all(axis=1))[:, None], guess, np.nan)
    return found


def _design(directions: Floats) -> Floats:
    """(P, J, 2, 3) how x - u z and y - v z change with the translation, at directions (u, v)."""
    design = np.zeros((*directions.shape, 3))
    design[..., 0, 0] = design[..., 1, 1] = 1.0
    design[..., 2] = -directions
    return design


def _solved(design: Floats, value: Floats, weight: Floats) -> Floats:
    """(P, 3) weighted least squares; NaN where the normal equations have no one solution."""
    weighted = design * weight[..., None]
    normal = np.einsum("pjai,pjak->pik", weighted, weighted)
    right = np.einsum("pjai,pja->pi", weighted, value * weight)
    solvable = np.isfinite(normal).all(axis=(1, 2)) & (
        np.abs(np.linalg.det(np.where(np.isfinite(normal), normal, 0.0))) > 0.0
    )
    solved = np.full(right.shape, np.nan)
    if solvable.any():
        solved[solvable] = np.linalg.solve(normal[solvable], right[solvable][..., None])[..., 0]
    return solved


def _check(predictions: PredictionTable) -> None:
    if predictions.space != "root":
        raise PredictionError(
            f"{predictions.source}: $.space is {predictions.space!r}",
            expected="'root' for --place reprojection",
            action="leave --place out: the positions are there already",
        )
    lacking = [name for name in ("joints3d", "joints2d") if name not in predictions.persons]
    if lacking:
        raise PredictionError(
            f"{predictions.source}: no person has {' and '.join(lacking)}",
            expected="joints3d and joints2d of the same joints, by which people are placed",
            action="write joints2d (px of the original image)",
        )
