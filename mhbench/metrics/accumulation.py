"""Means that merge: one process, many or a cluster give the same bits.

Sums and counts are kept per key (a shard or a sequence), each with one correctly rounded sum; totals are
`math.fsum` over the keys in sorted order. So neither the order in which keys come in nor who summed them
shows in the result. The order of averaging, which changes every published figure, stays the caller's choice:

    errors.mean()                                     all people pooled
    errors.mean_of_means()                            unweighted mean over keys
    {action: part.mean() for action, part in errors.split(action_of).items()}
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mhbench.errors import ShapeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Tally:
    """Sum and count of the finite values of one key, and how many values were NaN."""

    total: float
    count: int
    missing: int


@dataclass(slots=True)
class MeanAccumulator:
    """Mean of values that arrive shard by shard.

    Attributes:
        tallies: what was added, by key.
    """

    tallies: dict[str, Tally] = field(default_factory=dict)

    def add(self, key: str, values: npt.ArrayLike) -> None:
        """Add all values of one key; NaN counts as missing and stays out of the mean.

        Raises:
            UsageError: the key was added before.
            ShapeError: a value is infinite.
        """
        array = np.asarray(values, dtype=np.float64).ravel()
        if np.isinf(array).any():
            raise ShapeError(
                f"values of {key!r} are infinite",
                expected="numbers, or NaN for a missing value",
                action="score a missed person or joint by the rule of the protocol before adding it",
            )
        there = array[~np.isnan(array)]
        self._put(key, Tally(math.fsum(there.tolist()), there.size, array.size - there.size))

    def merge(self, other: MeanAccumulator) -> None:
        """Take over the keys of another accumulator.

        Raises:
            UsageError: both hold the same key.
        """
        for key, tally in other.tallies.items():
            self._put(key, tally)

    def _put(self, key: str, tally: Tally) -> None:
        if key in self.tallies:
            raise UsageError(
                f"{key!r} was counted already",
                expected="every shard or sequence once",
                action="add all values of a key in one call, and merge every part once",
            )
        self.tallies[key] = tally

    @property
    def count(self) -> int:
        """Number of finite values."""
        return sum(tally.count for tally in self.tallies.values())

    @property
    def missing(self) -> int:
        """Number of NaN values."""
        return sum(tally.missing for tally in self.tallies.values())

    def mean(self) -> float:
        """Mean of all finite values, pooled over the keys; NaN for none."""
        return _mean([self.tallies[key].total for key in sorted(self.tallies)], self.count)

    def means(self) -> dict[str, float]:
        """Mean of each key, in sorted order; NaN for a key without a finite value."""
        return {
            key: _mean([self.tallies[key].total], self.tallies[key].count) for key in sorted(self.tallies)
        }

    def mean_of_means(self) -> float:
        """Unweighted mean of the means of the keys that have one; NaN for none."""
        return unweighted_mean(self.means().values())

    def split(self, label: Callable[[str], str]) -> dict[str, MeanAccumulator]:
        """One accumulator per label of the keys (the action of a sequence, its subject), sorted by label."""
        parts: dict[str, MeanAccumulator] = {}
        for name, key in sorted((label(key), key) for key in self.tallies):
            parts.setdefault(name, MeanAccumulator()).tallies[key] = self.tallies[key]
        return parts


def unweighted_mean(values: Iterable[float]) -> float:
    """Mean of the values that are not NaN, correctly rounded; NaN for none."""
    there = [value for value in values if not math.isnan(value)]
    return _mean(there, len(there))


def _mean(totals: list[float], count: int) -> float:
    return math.fsum(totals) / count if count else math.nan
