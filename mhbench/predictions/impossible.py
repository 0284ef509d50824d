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

    import numpy.typing as npt

    from mhbench.predictions.table import PredictionTable

BODY_M: Final = (0.4, 3.0)  # median extent of people, children and crouching included
FARTHEST: Final = 1e6  # m and px: beyond it nothing is seen, whatever camera looks
UNIT_ERROR: Final = 100.0  # so far from a body's size only a wrong unit leads


def unit_faults(table: PredictionTable) -> Iterator[PredictionError]:
    """A body of kilometres or millimetres: the declared unit is not the one the numbers are in."""
    if "joints3d" not in table.persons:
        return
    extents = body_extents(table.persons["joints3d"])
    judged = extents[extents > 0]
    if not len(judged):
        return
    middle = float(np.median(judged))
    if middle > UNIT_ERROR or middle < 1 / UNIT_ERROR:
        size = f"larger than {middle:,.0f}" if middle > 1 else f"smaller than {middle:.2g}"
        yield PredictionError(
            f"{table.source}: declared as {table.units}, half of the people are {size} m",
            expected=f"people of {BODY_M[0]} to {BODY_M[1]} m",
            action=f"declare units '{'mm' if middle > 1 else 'm'}', if that is what the numbers are in",
        )


def distance_faults(table: PredictionTable) -> Iterator[PredictionError]:
    """Positions that no scene has: one of them decides a mean, and squares of the largest are no numbers."""
    for name in ("joints3d", "vertices", "smpl_transl", "joints2d"):
        if name not in table.persons:
            continue
        column = table.persons[name]
        numbers = tuple(range(1, column.ndim))
        far = np.flatnonzero(np.fmax.reduce(np.abs(column), axis=numbers, initial=0.0) > FARTHEST)
        if not far.size:
            continue
        first = int(far[0])
        size, unit = float(np.nanmax(np.abs(column[first]))), "px" if name == "joints2d" else "m"
        yield PredictionError(
            f"{table.source}: {table.where(first)}.{name} has a coordinate of {size:.3g} {unit}"
            + (f"; so have {far.size - 1:,} more people" if far.size > 1 else ""),
            expected=f"coordinates within {FARTHEST:,.0f} {unit}",
            action="write null for a joint that is not predicted, and leave out a person who is none",
        )


def no_rotations(table: PredictionTable) -> npt.NDArray[np.bool_]:
    """(P, K) matrices near no rotation: zero, squashed flat, or a reflection. Null ones are missing."""
    from mhbench.metrics.rotation_errors import improper_rotations  # noqa: PLC0415 - few files have rotations

    rotations = table.persons["rotations"]
    return improper_rotations(rotations) & np.isfinite(rotations).all(axis=(2, 3))


def refuse_no_rotations(table: PredictionTable, people: npt.NDArray[np.int64]) -> None:
    """Refuse the rotations of some people if one is none; others may be filled with anything.

    Raises:
        PredictionError: with the first one's place and determinant.
    """
    wrong = no_rotations(table)[people]
    if wrong.any():
        row, bone = np.argwhere(wrong)[0].tolist()
        size = float(np.linalg.det(table.persons["rotations"][people[row], bone]))
        raise PredictionError(
            f"{table.source}: {table.where(int(people[row]))}.rotations[{bone}] is no rotation"
            f" (determinant {size:.3g}; {np.count_nonzero(wrong):,} of {wrong.size:,} are none)",
            expected="3x3 rotations, bone to camera, with determinant 1",
            action="check rows, columns and the signs of the axes; write null for a bone you do not predict",
        )
