"""Collisions of predicted bodies, frame by frame: from vertices, or SMPL parameters with a place."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.datasets.raw.body_models import body_model_path, read_body_model
from mhbench.errors import MissingInputError, PredictionError
from mhbench.metrics.interpenetration import collisions
from mhbench.scoring.bodies import AT_ONCE
from mhbench.scoring.placed_bodies import predicted_meshes

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.bodies import Gender
    from mhbench.predictions.table import PredictionTable

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

SUMS: Final = ("frames", "pairs", "vertices", "depth_mm", "litres")
"""Columns of `FrameCollisions.sums`."""
# All have the same faces. The last is the one that is missed.
_MODELS: Final[tuple[Gender, ...]] = ("male", "female", "neutral")


@dataclass(frozen=True, slots=True, eq=False)
class FrameCollisions:
    """Collisions in F frames.

    Attributes:
        sums: (F, 5) 1 where anybody collides, pairs, vertices inside, their summed depths, litres shared;
            vertices and depths are NaN in a CRMH mode, which knows none.
        deepest_mm: (F,) the deepest vertex, NaN where there is none.
        people: people with a mesh, in all frames.
        without_mesh: people without one, or with coordinates that are not finite.
        candidates: pairs whose bounding boxes meet.
    """

    sums: Floats
    deepest_mm: Floats
    people: int
    without_mesh: int
    candidates: int


def who_counts(predictions: PredictionTable, min_score: float | None) -> Flags:
    """(P,) which people of the predictions do: those whose score is not below the least."""
    if min_score is None or "score" not in predictions.persons:
        return np.ones(predictions.person_count, dtype=np.bool_)
    return np.asarray(~(predictions.persons["score"] < min_score))


def frame_collisions(
    predictions: PredictionTable, rows: Ints, mode: str, counted: Flags, folder: Path
) -> FrameCollisions:
    """Who collides with whom in some frames.

    Args:
        predictions: with meshes (`gives_meshes`).
        rows: (F,) row of each frame in the predictions, -1 = not predicted.
        mode: as `mhbench.metrics.collisions`, or strict: exact, with surfaces that cross.
        counted: (P,) people of the predictions who are not left out.
        folder: of the body models, whose faces join the vertices.

    Raises:
        PredictionError: the meshes are no SMPL bodies.
        MissingInputError: there is no model file.
    """
    faces = mesh_faces(predictions, folder)
    sums, deepest = np.zeros((len(rows), len(SUMS))), np.zeros(len(rows))
    people = without_mesh = candidates = 0
    batch: Ints = np.zeros(0, dtype=np.int64)
    meshes: Floats = np.zeros((0, int(faces.max()) + 1, 3))
    for frame, row in enumerate(rows.tolist()):
        persons = _persons(predictions, row, counted)
        if not np.isin(persons, batch).all():
            batch = _next_batch(predictions, rows[frame:], counted)
            meshes = predicted_meshes(predictions, batch, folder)
        found = collisions(
            meshes[np.searchsorted(batch, persons)],
            faces,
            mode="exact" if mode == "strict" else mode,
            strict=mode == "strict",
        )
        inside = np.nan if found.colliding_vertices is None else float(found.colliding_vertices)
        depth = 0.0 if inside == 0 else found.penetration_mm * inside
        sums[frame] = (len(found.pairs) > 0, len(found.pairs), inside, depth, found.overlap_litres)
        deepest[frame] = found.penetration_max_mm
        people += found.people
        without_mesh += found.excluded
        candidates += found.candidates
    return FrameCollisions(sums, deepest, people, without_mesh, candidates)


def frame_meshes(
    predictions: PredictionTable, row: int, min_score: float | None, folder: Path
) -> tuple[Floats, Ints]:
    """(P, V, 3) m in the camera's frame and the (T, 3) faces of the people of one predicted frame.

    Raises:
        PredictionError: the meshes are no SMPL bodies.
        MissingInputError: there is no model file.
    """
    faces = mesh_faces(predictions, folder)
    people = _persons(predictions, row, who_counts(predictions, min_score))
    return predicted_meshes(predictions, people, folder), faces


def _persons(predictions: PredictionTable, row: int, counted: Flags) -> Ints:
    """Rows of the people of a frame who are counted."""
    if row < 0:
        return np.zeros(0, dtype=np.int64)
    people = predictions.people(row)
    return np.asarray(people.start + np.flatnonzero(counted[people]))


def _next_batch(predictions: PredictionTable, rows: Ints, counted: Flags) -> Ints:
    """People of the next frames whose meshes are made together, sorted; those of the first one at least."""
    chosen = [_persons(predictions, int(rows[0]), counted)]
    for row in rows[1:].tolist():
        persons = _persons(predictions, row, counted)
        if sum(map(len, chosen)) + len(persons) > AT_ONCE:
            break
        chosen.append(persons)
    return np.unique(np.concatenate(chosen))


def mesh_faces(predictions: PredictionTable, folder: Path) -> Ints:
    """Faces of the predicted meshes: SMPL's.

    Raises:
        PredictionError: the predicted vertices are of another mesh.
        MissingInputError: there is no model file.
    """
    count = predictions.persons["vertices"].shape[1] if "vertices" in predictions.persons else None
    faces, vertices = _model_faces(folder)
    if count is not None and (predictions.topology not in {None, "smpl"} or count != vertices):
        raise PredictionError(
            f"{predictions.source}: vertices are {count} of the topology {predictions.topology or 'smpl'!r}",
            expected=f"{vertices} vertices in the order of the SMPL model, whose faces join them",
            action="write the vertices of an SMPL body, or its parameters",
        )
    return faces


@functools.lru_cache(maxsize=2)
def _model_faces(folder: Path) -> tuple[Ints, int]:
    """Faces of the SMPL model, and how many vertices it has: of any gender."""
    for gender in _MODELS:
        try:
            model = read_body_model(body_model_path(folder, gender), gender)
        except MissingInputError:
            if gender == _MODELS[-1]:
                raise
            continue
        return model.faces, len(model.v_template)
    raise AssertionError
