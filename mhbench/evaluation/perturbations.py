"""Predictions as they would be with a common mistake undone: shifted, swapped, flipped, in another unit.

If one of these scores better than the predictions as they are, the mistake was probably made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.predictions.table import frame_key
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from mhbench.predictions.table import PredictionTable

    Change = Callable[[PredictionTable], PredictionTable | None]

_CLEARLY: Final = 0.75
_AT_ALL: Final = 0.97  # a neighbouring frame differs by millimetres only
_OF_JOINTS: Final = ("joints3d", "joints2d", "joint_scores")
_OF_SPACE: Final = ("joints3d", "vertices", "smpl_transl", "depth")


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One mistake undone.

    Attributes:
        name: what is done to the predictions.
        suspicion: what it means if that helps.
        wins_below: share of the original error under which it is believed.
        change: the changed predictions; None where there is nothing to change.
    """

    name: str
    suspicion: str
    wins_below: float
    change: Change


def swapped_sides(table: PredictionTable) -> PredictionTable | None:
    """Left and right joints exchanged."""
    if table.skeleton is None or not skeleton(table.skeleton).pairs:
        return None
    order = skeleton(table.skeleton).mirrored
    return replace(
        table,
        persons={
            name: column[:, order] if name in _OF_JOINTS else column for name, column in table.persons.items()
        },
    )


def flipped(signs: tuple[float, float, float]) -> Change:
    """Every position multiplied by a sign per axis; rotations and 2D joints stay."""

    def change(table: PredictionTable) -> PredictionTable | None:
        factors = {"joints3d": signs, "vertices": signs, "smpl_transl": signs, "depth": signs[2]}
        return _multiplied(table, {name: np.asarray(one) for name, one in factors.items()})

    return change


def exchanged_axes(table: PredictionTable) -> PredictionTable | None:
    """The second and third coordinate exchanged, as from a world with z up."""
    if "joints3d" not in table.persons:
        return None
    return replace(table, persons={**table.persons, "joints3d": table.persons["joints3d"][..., [0, 2, 1]]})


def mirrored_depth(table: PredictionTable) -> PredictionTable | None:
    """The depth of every joint mirrored at the mean depth of its person."""
    if "joints3d" not in table.persons:
        return None
    joints = table.persons["joints3d"].copy()
    depth = joints[..., 2]
    known = np.isfinite(depth)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    mean = np.where(known, depth, 0.0).sum(axis=1, keepdims=True) / count
    joints[..., 2] = 2.0 * mean - depth
    return replace(table, persons={**table.persons, "joints3d": joints})


def scaled(factor: float) -> Change:
    """Every length multiplied."""

    def change(table: PredictionTable) -> PredictionTable | None:
        return _multiplied(table, {name: np.asarray(factor) for name in _OF_SPACE})

    return change


def shifted(frames: int) -> Change:
    """The people of every frame moved to the next (1) or the last (-1) predicted frame of the sequence."""

    def change(table: PredictionTable) -> PredictionTable | None:
        parts = [frame_key(one).rpartition("/") for one in table.frame_ids.tolist()]
        if not all(head and index.isdecimal() for head, _, index in parts):
            return None  # images without an order
        heads = np.array([head for head, _, _ in parts])
        order = np.lexsort((np.array([int(index) for _, _, index in parts]), heads))
        # row order[i] takes the id of row order[i + frames]
        goal = np.roll(order, -frames)
        same = heads[order] == heads[goal]
        inner = np.arange(len(order)) + frames
        same &= (inner >= 0) & (inner < len(order))
        if not same.any():
            return None
        return replace(table.select(order[same]), frame_ids=table.frame_ids[goal[same]])

    return change


PERTURBATIONS: Final = (
    Perturbation("left and right exchanged", "your left and right seem swapped", _CLEARLY, swapped_sides),
    Perturbation("moved one frame on", "your frames seem one too early", _AT_ALL, shifted(1)),
    Perturbation("moved one frame back", "your frames seem one too late", _AT_ALL, shifted(-1)),
    Perturbation("x flipped", "your x axis seems to point left", _CLEARLY, flipped((-1.0, 1.0, 1.0))),
    Perturbation("y flipped", "your y axis seems to point up", _CLEARLY, flipped((1.0, -1.0, 1.0))),
    Perturbation("z flipped", "your z axis seems to point backwards", _CLEARLY, flipped((1.0, 1.0, -1.0))),
    Perturbation(
        "y and z flipped",
        "your y axis seems to point up and z backwards, as in OpenGL",
        _CLEARLY,
        flipped((1.0, -1.0, -1.0)),
    ),
    Perturbation("y and z exchanged", "your z axis seems to point down", _CLEARLY, exchanged_axes),
    Perturbation(
        "depth mirrored in each person", "your depth inside people seems inverted", _CLEARLY, mirrored_depth
    ),
    Perturbation("divided by 1000", "your millimetres seem declared as metres", _CLEARLY, scaled(1e-3)),
    Perturbation("divided by 100", "your centimetres seem declared as metres", _CLEARLY, scaled(1e-2)),
    Perturbation("divided by 10", "your centimetres seem declared as millimetres", _CLEARLY, scaled(0.1)),
    Perturbation("times 10", "your centimetres seem declared as millimetres", _CLEARLY, scaled(10.0)),
    Perturbation("times 1000", "your metres seem declared as millimetres", _CLEARLY, scaled(1e3)),
)


def _multiplied(
    table: PredictionTable, factors: dict[str, npt.NDArray[np.float64]]
) -> PredictionTable | None:
    if not set(factors) & set(table.persons):
        return None
    return replace(
        table,
        persons={
            name: (column * factors[name]).astype(column.dtype) if name in factors else column
            for name, column in table.persons.items()
        },
    )
