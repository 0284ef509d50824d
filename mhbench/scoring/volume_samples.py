"""One true body after the other against the predicted one: cells, distances of surfaces, masks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.datasets.raw.body_models import read_regressor
from mhbench.errors import PredictionError, UsageError
from mhbench.metrics import silhouette_scores, surface_error
from mhbench.scoring.bodies import AT_ONCE, model_of
from mhbench.scoring.body_collisions import mesh_faces
from mhbench.scoring.cell_counts import COLUMNS, MeshKind, Volume, count_cells
from mhbench.scoring.people import scores_of
from mhbench.scoring.placed_bodies import (
    gives_meshes,
    gives_volumes,
    predicted_meshes,
    shape_distances,
    true_meshes,
)
from mhbench.volumes import depth_maps, parts_of_segments, text_to_mask

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.bodies import Gender
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import Protocol
    from mhbench.scoring.scored import Choices

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

CELLS: Final = "cells"
PARTS: Final = "parts"
SURFACE: Final = "surface_error"
LANDMARKS: Final = "landmark_error"
MASKS: Final = "masks"
FAMILIES: Final = (CELLS, PARTS, SURFACE, LANDMARKS, MASKS)
LANDMARK_FILE: Final = "landmarks_up91.npy"
"""Landmarks as a regressor (91, 6890) from SMPL's vertices, in the folder of the body models; not public."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """F frames of one true person each.

    Attributes:
        cells: (F, columns, 2) shared cells and those of either, in the order of `COLUMNS`; NaN where the
            predictions cannot tell.
        errors: (F,) mm of `surface_error` and `landmark_error`; NaN likewise, and for a missed person.
        masks: (F, 3) IoU, F1 and accuracy of the silhouette in the image; NaN without a mask.
        counted: (F,) there is a true person whose place is known.
        met: (F,) and a predicted one with a body.
        shape_distance: (F,) mm from the mean shape, where the protocol asks for it.
        given: families of metrics that the predictions can give.
        left_out: what was left out or is missing, and how often.
    """

    cells: Floats
    errors: dict[str, Floats]
    masks: Floats
    counted: Flags
    met: Flags
    shape_distance: Floats
    given: frozenset[str]
    left_out: Counter[str] = field(default_factory=Counter)


def score_samples(
    table: FrameTable,
    predictions: PredictionTable,
    rows: Ints,
    protocol: Protocol,
    choices: Choices,
    wanted: Collection[str],
) -> Samples:
    """Everything that is wanted of the frames of one shard, as far as the predictions give it.

    Args:
        table: the expected frames.
        predictions: the whole predictions file.
        rows: (F,) row of each frame in the predictions, -1 = not predicted.
        protocol: the rules.
        choices: score limit and folder of the body models.
        wanted: some of `FAMILIES`.

    Raises:
        PredictionError: a predicted body is no SMPL body, or too large for its cells.
        InputError: a frame of the shard has several people, or a model file is missing or damaged.
    """
    frames = table.frame_count
    samples = Samples(
        cells=np.full((frames, len(COLUMNS), 2), np.nan),
        errors={SURFACE: np.full(frames, np.nan), LANDMARKS: np.full(frames, np.nan)},
        masks=np.full((frames, 3), np.nan),
        counted=np.full(frames, fill_value=False),
        met=np.full(frames, fill_value=False),
        shape_distance=np.full(frames, np.nan),
        given=_given(table, predictions, wanted, choices.bodies),
    )
    if not samples.given:
        return samples
    scorer = _Scorer(table, predictions, protocol, choices.bodies, samples)
    chosen = best_of_each(predictions, rows, choices.min_score)
    alone = np.flatnonzero(np.diff(table.person_start) == 1)
    for first in range(0, len(alone), AT_ONCE):
        some = alone[first : first + AT_ONCE]
        scorer.score(some, table.person_start[some], chosen[some])
    return samples


def best_of_each(predictions: PredictionTable, rows: Ints, min_score: float | None) -> Ints:
    """(F,) the person with the highest score of each frame, -1 = nobody; the first of equals.

    People without a score come last, and no least score leaves them out.
    """
    given = scores_of(predictions)
    counted = np.full(len(given), fill_value=True) if min_score is None else ~(given < min_score)
    ranks = np.where(counted, np.nan_to_num(given, nan=-np.finfo(np.float64).max), -np.inf)
    best = np.full(len(rows), -1)
    for frame in np.flatnonzero(rows >= 0).tolist():
        people = predictions.people(int(rows[frame]))
        if people.stop > people.start:
            one = people.start + int(np.argmax(ranks[people]))
            if counted[one]:
                best[frame] = one
    return best


def join_samples(parts: Sequence[Samples]) -> Samples:
    """The samples of all shards, in their order."""
    first = parts[0]
    return Samples(
        cells=np.concatenate([part.cells for part in parts]),
        errors={name: np.concatenate([part.errors[name] for part in parts]) for name in first.errors},
        masks=np.concatenate([part.masks for part in parts]),
        counted=np.concatenate([part.counted for part in parts]),
        met=np.concatenate([part.met for part in parts]),
        shape_distance=np.concatenate([part.shape_distance for part in parts]),
        given=frozenset().union(*(part.given for part in parts)),
        left_out=sum((part.left_out for part in parts), Counter()),
    )


class _Scorer:
    """Scores some frames at a time into `samples`."""

    def __init__(
        self,
        table: FrameTable,
        predictions: PredictionTable,
        protocol: Protocol,
        folder: Path,
        samples: Samples,
    ) -> None:
        assert protocol.volumes is not None  # held by tests of the protocols
        self.table, self.predictions, self.folder, self.samples = table, predictions, folder, samples
        self.protocol, self.rule = protocol, protocol.volumes
        self.kind = _mesh_kind(predictions, protocol, folder)
        wanted = LANDMARKS in samples.given
        self.landmarks = read_regressor(folder / LANDMARK_FILE) if wanted else None

    def score(self, frames: Ints, people: Ints, chosen: Ints) -> None:
        """Frames with one true person each: rows of the frames, true people and predicted ones (-1)."""
        meshes = true_meshes(self.table, people, self.protocol, self.folder)
        there = np.isfinite(meshes).all(axis=(1, 2))
        self.samples.counted[frames] = there
        if self.rule.extreme:
            distances = shape_distances(self.table, people, self.protocol, self.folder)
            self.samples.shape_distance[frames] = np.where(there, distances, np.nan)
        given = self._meshes(chosen, meshes.shape[1])
        for place in np.flatnonzero(there).tolist():
            frame, one = int(frames[place]), int(chosen[place])
            predicted = given[place] if np.isfinite(given[place]).all() else None
            volume = self._volume(one)
            self.samples.met[frame] = predicted is not None or volume is not None
            self.samples.left_out["people_without_body"] += one >= 0 and not self.samples.met[frame]
            if CELLS in self.samples.given:
                self._count_cells(frame, one, meshes[place], predicted if volume is None else volume)
            if predicted is not None:
                self._measure_surface(frame, meshes[place], predicted)
            if MASKS in self.samples.given:
                self._compare_masks(frame, int(people[place]), predicted)

    def _meshes(self, chosen: Ints, vertices: int) -> Floats:
        """(N, V, 3) m, NaN for who has none."""
        meshes = np.full((len(chosen), vertices, 3), np.nan)
        found = np.flatnonzero(chosen >= 0)
        if gives_meshes(self.predictions) and found.size:
            meshes[found] = predicted_meshes(self.predictions, chosen[found], self.folder)
        return meshes

    def _volume(self, person: int) -> Volume | None:
        columns = self.predictions.persons
        if person < 0 or not gives_volumes(self.predictions):
            return None
        corner, cell = columns["volume_corner"][person], columns["volume_cell"][person]
        if not (np.isfinite(corner).all() and np.isfinite(cell).all()):
            return None
        return Volume(columns["volume"][person], corner, cell)

    def _count_cells(self, frame: int, person: int, mesh: Floats, predicted: Floats | Volume | None) -> None:
        parts = PARTS in self.samples.given
        try:
            self.samples.cells[frame] = count_cells(mesh, self.kind, predicted, self.rule, parts=parts)
        except UsageError as error:
            where = self.predictions.where(person) if person >= 0 else "nobody"
            raise PredictionError(
                f"{self.predictions.source}: {where}: {error.what}",
                expected=error.expected,
                action="check the unit of the file, and the cells of a volume",
            ) from error

    def _measure_surface(self, frame: int, mesh: Floats, predicted: Floats) -> None:
        self.samples.errors[SURFACE][frame] = surface_error(predicted[None], mesh[None])[0]
        if self.landmarks is not None:
            points = [np.einsum("lv,vc->lc", self.landmarks, one)[None] for one in (predicted, mesh)]
            self.samples.errors[LANDMARKS][frame] = surface_error(*points)[0]

    def _compare_masks(self, frame: int, person: int, predicted: Floats | None) -> None:
        text = str(self.table.persons["silhouette"][person])
        if not text:
            self.samples.left_out["frames_without_mask"] += 1
            return
        camera = self.table.camera(frame)
        mask = text_to_mask(text, camera.height, camera.width)
        seen = np.zeros_like(mask)
        if predicted is not None:
            seen = np.isfinite(depth_maps(predicted[None], self.kind.faces, camera)[0])
        scores = silhouette_scores(seen[None], mask[None])
        self.samples.masks[frame] = [scores.iou[0], scores.f1[0], scores.accuracy[0]]


def _given(
    table: FrameTable, predictions: PredictionTable, wanted: Collection[str], folder: Path
) -> frozenset[str]:
    """The wanted families that predictions, shards and files can give."""
    meshes, columns = gives_meshes(predictions), predictions.persons
    volumes = gives_volumes(predictions)
    possible = {
        CELLS: meshes or volumes,
        PARTS: (meshes and not volumes) or (volumes and bool((columns["volume"] > 1).any())),
        SURFACE: meshes,
        LANDMARKS: meshes and (folder / LANDMARK_FILE).is_file(),
        MASKS: meshes and "silhouette" in table.persons,
    }
    return frozenset(family for family in wanted if possible[family])


def _mesh_kind(predictions: PredictionTable, protocol: Protocol, folder: Path) -> MeshKind:
    """Faces and parts of the models' mesh: those of all genders are the same ones."""
    gender: Gender = "neutral" if protocol.truth.body == "neutral" else "female"
    model = model_of(folder, gender)
    faces = mesh_faces(predictions, folder) if "vertices" in predictions.persons else model.faces
    return MeshKind(faces, parts_of_segments(np.argmax(model.weights, axis=1), model.faces))
