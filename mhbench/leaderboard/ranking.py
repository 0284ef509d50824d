"""Ranks that respect uncertainty: one more than the number of rows that are better beyond noise.

Better beyond noise: two results that drew the same units are compared draw by draw, as `mhbench compare` does
(p < 0.05); any other two rows need intervals that do not overlap, where a printed figure without an interval
is a point. Rows that cannot be told apart so share a rank.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.evaluation.directions import LOWER, family, lower_is_better
from mhbench.evaluation.resampling import unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.leaderboard.rows import Row

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

LEVEL: Final = 0.05
# over the joints given only, so a null joint would help
ERRORS: Final = LOWER - {"collisions"}


def is_ranked(row: Row, metric: str) -> bool:
    """Whether a row takes part in the ranking of one metric: errors need every joint."""
    if row.standing != "ranked" or metric not in row.cells:
        return False
    return row.coverage[1] >= 1.0 or family(metric) not in ERRORS


def ranks(rows: Sequence[Row], metric: str) -> list[int | None]:
    """Rank of every row by one metric; None for rows that are not ranked.

    Args:
        rows: of one board.
        metric: its name says which direction is better.
    """
    members = [place for place, row in enumerate(rows) if is_ranked(row, metric)]
    found: list[int | None] = [None] * len(rows)
    if members:
        better = better_than([rows[place] for place in members], metric)
        for place, count in zip(members, better.sum(axis=0).tolist(), strict=True):
            found[place] = 1 + count
    return found


def better_than(rows: Sequence[Row], metric: str) -> Flags:
    """(n, n) row i is better than row j beyond noise.

    Raises:
        InputError: the draws of a stored result are damaged.
    """
    sign = 1.0 if lower_is_better(metric) else -1.0
    bounds = np.array([[sign * edge for edge in row.cells[metric].bounds] for row in rows])
    low, high = bounds.min(axis=1), bounds.max(axis=1)
    better: Flags = high[:, None] < low[None, :]
    for members in _same_draws(rows, metric):
        drawn = np.array([sign * _drawn(rows[place], metric) for place in members])
        values = np.array([sign * rows[place].cells[metric].value for place in members])
        better[np.ix_(members, members)] = _paired(drawn, values)
    return better


def _same_draws(rows: Sequence[Row], metric: str) -> list[list[int]]:
    """Groups of at least two rows whose results drew the same units."""
    groups: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        kept = row.entry.result.resampling if row.entry is not None else None
        if kept is not None and metric in kept.values:
            groups.setdefault(kept.sha256, []).append(place)
    return [members for members in groups.values() if len(members) > 1]


def _drawn(row: Row, metric: str) -> Floats:
    assert row.entry is not None  # from _same_draws
    assert row.entry.result.resampling is not None  # same
    return unpacked(row.entry.result.resampling, metric)


def _paired(drawn: Floats, values: Floats) -> Flags:
    """(n, n) from (n, draws), smaller is better: `evaluation.comparison.p_value` of all pairs at once."""
    order = np.argsort(values, kind="stable")  # only a smaller value can be better: half of the pairs
    kept = drawn[order].astype(np.float32)  # as they are stored
    known = np.isfinite(kept)
    better = np.full((len(kept), len(kept)), fill_value=False)
    for one in range(len(kept) - 1):
        others = slice(one + 1, None)
        draws = np.count_nonzero(known[others] & known[one], axis=1)
        below = np.count_nonzero(kept[one] <= kept[others], axis=1)
        above = np.count_nonzero(kept[one] >= kept[others], axis=1)
        chance = 2.0 * (1 + np.minimum(below, above)) / (1 + draws)
        better[order[one], order[others]] = (chance < LEVEL) & (below > above)
    return better
