"""Who stands before whom: pairs of people whose depth order is right.

`depth_order` is this project's rule: the papers that report such a share publish none. `smap_depth_order` is
that of SMAP's evaluation on MuPoTS (revision 4fe5ab1d), `reversed_neighbours` that of its evaluation on
Panoptic, `pcdr` that of Relative Human (revision 14cb1e0f).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.checks import check_shape

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

AGES: Final = ("adult", "teen", "kid", "baby")
"""Age classes of Relative Human, by their number."""
UNLABELLED_LAYER: Final = -1
MISSED_WEIGHT: Final = 0.3
"""Share of a pair that a missed person costs in the PCDR."""


def depth_order(
    target_z: npt.ArrayLike, predicted_z: npt.ArrayLike, *, tolerance: float = 0.0
) -> tuple[int, int]:
    """Count the pairs of matched people of one frame whose order in depth is right.

    Args:
        target_z: (P,) camera z of the true people, m.
        predicted_z: (P,) camera z of the predictions they met, m.
        tolerance: pairs of true people nearer to each other are left out, m; exact ties always are.

    Returns:
        right pairs, pairs. Equal or NaN predictions are wrong; a pair with a NaN truth is left out.
    """
    true, predicted = _differences(target_z, predicted_z)
    counted = (np.abs(true) >= tolerance) & (true != 0)
    return int(np.sum(counted & (true * predicted > 0))), int(np.sum(counted))


def smap_depth_order(
    target_z: npt.ArrayLike, predicted_z: npt.ArrayLike, *, tolerance: float = 0.3
) -> tuple[int, int]:
    """`depth_order` by SMAP's rule: every pair counts.

    A pair is right if the order is, or if both the true and the predicted difference are below the tolerance.
    Where SMAP counts everybody, it puts an unmatched person at 100 m: right if it is the farther one.

    Args:
        target_z: (P,) m.
        predicted_z: (P,) m.
        tolerance: in m, the tolerance itself is too far.

    Returns:
        right pairs, pairs.
    """
    true, predicted = _differences(target_z, predicted_z)
    close = (np.abs(true) < tolerance) & (np.abs(predicted) < tolerance)
    return int(np.sum((true * predicted > 0) | close)), true.size


def reversed_neighbours(target_z: npt.ArrayLike, predicted_z: npt.ArrayLike) -> tuple[int, int]:
    """Count neighbours in the list whose order in depth is reversed, as SMAP does on Panoptic.

    Args:
        target_z: (P,) camera z of the true people of one frame, in the order of the data set, m.
        predicted_z: (P,) camera z of the predictions they met, m.

    Returns:
        reversed neighbours, neighbours. Equal and NaN depths are not reversed.
    """
    target, predicted = np.asarray(target_z, dtype=np.float64), np.asarray(predicted_z, dtype=np.float64)
    check_shape("predicted_z", predicted, "P", check_shape("target_z", target, "P"))
    return int(np.sum(np.diff(target) * np.diff(predicted) < 0)), max(target.size - 1, 0)


@dataclass(frozen=True)
class PcdrCounts:
    """Pairs and missed people of one frame or, added up, of many.

    Attributes:
        right: pairs in the right order.
        pairs: pairs of matched people with a known layer.
        missed: people that no prediction met, with or without a known layer.
        ages: the same three counts by age class, of pairs with at least one person of that class.
    """

    right: int = 0
    pairs: int = 0
    missed: int = 0
    ages: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def __add__(self, other: PcdrCounts) -> PcdrCounts:
        nothing = (0, 0, 0)
        ages: dict[str, tuple[int, int, int]] = {}
        for name in [age for age in AGES if age in self.ages or age in other.ages]:
            mine, theirs = self.ages.get(name, nothing), other.ages.get(name, nothing)
            ages[name] = (mine[0] + theirs[0], mine[1] + theirs[1], mine[2] + theirs[2])
        return PcdrCounts(
            self.right + other.right, self.pairs + other.pairs, self.missed + other.missed, ages
        )

    def share(self, age: str | None = None) -> float:
        """Percent of correct depth relations, of all or of one age class; -1 without pairs and misses."""
        right, pairs, missed = (
            (self.right, self.pairs, self.missed) if age is None else self.ages.get(age, (0, 0, 0))
        )
        whole = pairs + MISSED_WEIGHT * missed
        return 100.0 * right / whole if whole else -1.0


def pcdr(
    layers: npt.ArrayLike,
    predicted_z: npt.ArrayLike,
    match: npt.ArrayLike,
    *,
    ages: npt.ArrayLike | None = None,
    tolerance: float = 0.2,
) -> PcdrCounts:
    """Count the correct depth relations of one image of Relative Human.

    Equal layers are right if the depths differ by less than the tolerance; others if they differ by more, in
    the right direction (both strict).

    Args:
        layers: (P,) depth layer of the true people, nearest 0, unlabelled -1.
        predicted_z: (Q,) camera z of the predictions, m.
        match: (P,) prediction index or -1, `mhbench.matching.greedy_2d` with overlap 0.05 in the tool.
        ages: (P,) index into `AGES`.
        tolerance: m.
    """
    layer, met = np.asarray(layers, dtype=np.int64), np.asarray(match, dtype=np.int64)
    sizes = check_shape("layers", layer, "P")
    check_shape("match", met, "P", sizes)
    depth = np.asarray(predicted_z, dtype=np.float64)
    check_shape("predicted_z", depth, "Q")
    people = np.flatnonzero((met >= 0) & (layer != UNLABELLED_LAYER))
    first, second = np.triu_indices(people.size, 1)
    order = np.sign(layer[people[first]] - layer[people[second]])
    apart = depth[met[people[first]]] - depth[met[people[second]]]
    right = np.where(order == 0, np.abs(apart) < tolerance, order * apart > tolerance)
    by_age = {}
    if ages is not None:
        age = np.asarray(ages, dtype=np.int64)
        check_shape("ages", age, "P", sizes)
        for number, name in enumerate(AGES):
            inside = (age[people[first]] == number) | (age[people[second]] == number)
            missed = int(np.sum((met < 0) & (age == number)))
            by_age[name] = (int(np.sum(right & inside)), int(np.sum(inside)), missed)
    return PcdrCounts(int(np.sum(right)), right.size, int(np.sum(met < 0)), by_age)


def _differences(target_z: npt.ArrayLike, predicted_z: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Depth differences of all pairs, each once."""
    target, predicted = np.asarray(target_z, dtype=np.float64), np.asarray(predicted_z, dtype=np.float64)
    check_shape("predicted_z", predicted, "P", check_shape("target_z", target, "P"))
    first, second = np.triu_indices(target.size, 1)
    return target[first] - target[second], predicted[first] - predicted[second]
