"""From statistics to numbers: values, 95 % intervals by resampling, breakdowns.

An interval says how far the number would move on other takes of the same kind: the protocol's unit (a take
with all its cameras and people) is drawn with replacement and the metric computed anew from the sums of the
drawn units. With fewer than ten units contiguous blocks of frames inside each sequence are drawn instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.scoring.statistics import Recount, Statistic

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.columns import Columns
    from mhbench.protocols.rules import Protocol
    from mhbench.scoring.statistics import Measure

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

FEWEST_UNITS: Final = 10
BLOCKS_PER_SEQUENCE: Final = 20
SEED: Final = 2026


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What is drawn: the unit of every frame, the stratum every unit is drawn within, and its name."""

    of_frame: Ints
    stratum: Ints
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """What is averaged: the group of every frame (-1 = none) and the names of the groups.

    `outer`: (G,) the groups are averaged inside these first; none = all at once.
    """

    of_frame: Ints
    names: tuple[str, ...]
    outer: Ints | None = None


def averaging_groups(frames: Columns, protocol: Protocol) -> Groups:
    """One group of everything, or what the protocol averages."""
    rule = protocol.averaging
    if rule.over in {"sequences", "actions"}:
        names, of_frame = np.unique(frames[rule.over.removesuffix("s")], return_inverse=True)
        return Groups(of_frame, tuple(names.tolist()))
    if rule.over == "actions of takes":
        return _takes_of_actions(frames)
    if rule.over == "groups":
        of_frame = np.full(len(frames["id"]), -1)
        for number, sequences in enumerate(rule.groups.values()):
            of_frame[np.isin(frames["sequence"], sequences)] = number
        return Groups(of_frame, tuple(rule.groups))
    return Groups(np.zeros(len(frames["id"]), dtype=np.int64), ("all",))


def _takes_of_actions(frames: Columns) -> Groups:
    """A group for each camera of each sequence, averaged inside its action first."""
    take = np.char.add(np.char.add(frames["sequence"], "."), frames["camera"])
    names, first, of_frame = np.unique(take, return_index=True, return_inverse=True)
    _, outer = np.unique(frames["action"][first], return_inverse=True)
    return Groups(of_frame, tuple(names.tolist()), outer)


def empty_groups(groups: Groups) -> list[str]:
    """Names of the groups that have no frame at all."""
    return [name for number, name in enumerate(groups.names) if not np.any(groups.of_frame == number)]


def resampling_units(frames: Columns, protocol: Protocol) -> Units:
    """Units of the protocol, or blocks of frames inside each sequence where they are fewer than ten."""
    by = "id" if protocol.averaging.resample == "image" else "sequence"
    names, of_frame = np.unique(frames[by], return_inverse=True)
    if len(names) >= FEWEST_UNITS:
        return Units(of_frame, np.zeros(len(names), dtype=np.int64), protocol.averaging.resample)
    return sequence_blocks(frames)


def sequence_blocks(frames: Columns) -> Units:
    """Up to twenty contiguous blocks of moments (all cameras together) inside each sequence."""
    names, of_frame = np.unique(frames["sequence"], return_inverse=True)
    blocks = np.zeros(len(of_frame), dtype=np.int64)
    for sequence in range(len(names)):
        inside = of_frame == sequence
        moments, place = np.unique(frames["index"][inside], return_inverse=True)
        count = min(BLOCKS_PER_SEQUENCE, len(moments))
        blocks[inside] = place * count // len(moments) + sequence * BLOCKS_PER_SEQUENCE
    used, unit = np.unique(blocks, return_inverse=True)
    return Units(unit, used // BLOCKS_PER_SEQUENCE, "block")


def cell_sums(statistic: Statistic, of_frame: Ints, cells: int) -> Floats:
    """(cells, k) sums of the parts, by the cell of each frame; frames of cell -1 are left out."""
    codes = of_frame[statistic.frame]
    inside = codes >= 0
    parts = statistic.parts[inside]
    return np.stack(
        [
            np.bincount(codes[inside], weights=parts[:, column], minlength=cells)
            for column in range(parts.shape[1])
        ],
        axis=1,
    )


def headline(measure: Measure, groups: Groups) -> float:
    """The value: everything pooled, or the plain mean of the groups that have any."""
    return float(_mean_of_groups(_by_cell(measure, groups.of_frame, len(groups.names)), groups.outer))


def by_key(measure: Measure, keys: npt.NDArray[np.generic]) -> dict[str, float]:
    """The value for every value of a frame column, such as the sequence."""
    names, of_frame = np.unique(keys, return_inverse=True)
    values = _by_cell(measure, of_frame, len(names))
    return {str(name): float(value) for name, value in zip(names, values, strict=True)}


def _by_cell(measure: Measure, of_frame: Ints, cells: int) -> Floats:
    """(cells,) the value of each cell of frames."""
    if isinstance(measure, Recount):
        return np.array([measure.value((of_frame == cell).astype(np.float64)) for cell in range(cells)])
    return measure.finish(cell_sums(measure, of_frame, cells))


def key_intervals(
    statistic: Statistic, keys: npt.NDArray[np.generic], units: Units, draws: int
) -> dict[str, tuple[float, float]]:
    """95 % interval of the value for every value of a frame column, such as the sequence."""
    names, of_frame = np.unique(keys, return_inverse=True)
    unit_count = len(units.stratum)
    cell = units.of_frame * len(names) + of_frame
    sums = cell_sums(statistic, cell, unit_count * len(names)).reshape(unit_count, len(names), -1)
    counts = draw_counts(units.stratum, draws, np.random.default_rng(SEED))
    values = statistic.finish(np.einsum("du,ugk->dgk", counts, sums))
    return {str(name): _percentiles(values[:, place]) for place, name in enumerate(names)}


def draw_counts(stratum: Ints, draws: int, generator: np.random.Generator) -> Floats:
    """(draws, units) how often each unit is drawn; every stratum keeps its number of units."""
    counts = np.zeros((draws, len(stratum)))
    for one in np.unique(stratum):
        members = np.flatnonzero(stratum == one)
        chosen = members[generator.integers(0, len(members), size=(draws, len(members)))]
        rows = np.repeat(np.arange(draws), len(members))
        np.add.at(counts, (rows, chosen.ravel()), 1.0)
    return counts


def _mean_of_groups(values: Floats, outer: Ints | None = None) -> Floats:
    """Plain mean over the last axis of the groups that have a value; inside the outer groups first."""
    if outer is not None:
        inner = [_mean_of_groups(values[..., outer == number]) for number in np.unique(outer)]
        return _mean_of_groups(np.stack(inner, axis=-1))
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    mean: Floats = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return mean


def _percentiles(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if known.size == 0:
        return (float("nan"), float("nan"))
    low, high = np.percentile(known, [2.5, 97.5])
    return (float(low), float(high))
