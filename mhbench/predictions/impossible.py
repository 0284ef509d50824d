"""What is well formed and yet cannot be meant: bodies of kilometres, matrices that turn nothing.

Scoring such a file would give a number that says nothing about the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.errors import PredictionError
from mhbench.plausibility import body_extents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mhbench.predictions.table import PredictionTable

BODY_M: Final = (0.4, 3.0)  # median extent of people, children and crouching included
UNIT_ERROR: Final = 100.0  # so far from a body's size only a wrong unit leads


def impossible_faults(table: PredictionTable) -> Iterator[PredictionError]:
    """The faults of a table that no reader can see, one for each kind."""
    yield from _unit_faults(table)
    yield from _rotation_faults(table)


def _unit_faults(table: PredictionTable) -> Iterator[PredictionError]:
    """A body of kilometres or millimetres: the declared unit is not the one the numbers are in."""
    if "joints3d" not in table.persons:
        return
    extents = body_extents(table.persons["joints3d"])
    judged = extents[extents > 0]
    if not len(judged):
        return
    middle = float(np.median(judged))
    if middle > UNIT_ERROR or middle < 1 / UNIT_ERROR:
        size = f"{middle:,.0f}" if middle > 1 else f"{middle:.2g}"
        yield PredictionError(
            f"{table.source}: declared as {table.units}, half of the people are larger than {size} m",
            expected=f"people of {BODY_M[0]} to {BODY_M[1]} m",
            action=f"declare units '{'mm' if middle > 1 else 'm'}', if that is what the numbers are in",
        )


def _rotation_faults(table: PredictionTable) -> Iterator[PredictionError]:
    """Matrices without a nearest rotation: zero, squashed flat, or a reflection; null ones are missing."""
    if "rotations" not in table.persons:
        return
    from mhbench.metrics.rotation_errors import improper_rotations  # noqa: PLC0415 - few files have rotations

    rotations = table.persons["rotations"]
    wrong = improper_rotations(rotations) & np.isfinite(rotations).all(axis=(2, 3))
    if wrong.any():
        person, bone = np.argwhere(wrong)[0].tolist()
        size = float(np.linalg.det(rotations[person, bone]))
        yield PredictionError(
            f"{table.source}: {table.where(person)}.rotations[{bone}] is no rotation (determinant {size:.3g};"
            f" {np.count_nonzero(wrong):,} of {wrong.size:,} are none)",
            expected="3x3 rotations, bone to camera, with determinant 1",
            action="check rows, columns and the signs of the axes; write null for a bone you do not predict",
        )
