"""Peaks -> people by what bodies are like: how far apart each pair of joints usually is.

The rules of the LoCO code look at the distance to the head alone and mix people who stand close together.
Here a detection joins the person whose joints found so far lie at the usual distances; rigid pairs (a limb)
weigh more than loose ones (wrist and ankle). This project's own rule; it also finds people whose head is
not in the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.heatmaps.association import People
from mhbench.matching import hungarian

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

# decoded joints are off by about half a cell each, so even a bone that never changes varies by this much,
# metres
LEAST_SPREAD: Final = 0.03
LOOSEST: Final = 3.0
FEWEST_JOINTS: Final = 2


class BodyDistances(NamedTuple):
    """Mean and standard deviation of the distance of every pair of joints, (J, J) m; NaN = never seen."""

    mean: Floats
    spread: Floats


def body_distances(people: Iterable[npt.NDArray[np.floating[Any]]]) -> BodyDistances:
    """Distances of the joints of many people, from parts of any size.

    Args:
        people: (P, J, 3) metres each, NaN where a joint is not known.
    """
    count: Floats | float = 0.0
    total: Floats | float = 0.0
    squares: Floats | float = 0.0
    for part in people:
        between = np.sqrt(np.sum((part[:, :, None] - part[:, None]).astype(np.float64) ** 2, axis=-1))
        count = count + np.isfinite(between).sum(axis=0)
        total = total + np.nansum(between, axis=0)
        squares = squares + np.nansum(between * between, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.asarray(np.divide(total, count))
        spread = np.sqrt(np.maximum(np.divide(squares, count) - mean**2, 0.0))
    return BodyDistances(mean, np.maximum(spread, LEAST_SPREAD))


def associate_by_body(
    points: npt.NDArray[np.floating[Any]],
    confidence: npt.NDArray[np.floating[Any]],
    distances: BodyDistances,
    order: Sequence[int],
) -> People:
    """People from detections, one joint type after the other.

    The detections of a type are assigned to the people found so far, one each, with the least total deviation
    from the usual distances (in standard deviations, averaged over the person's joints); more than three of
    them is no pair. A detection nobody takes starts a person. People of a single joint are left out.

    Args:
        points: (N, 4) joint type, x, y, z in metres, all finite.
        confidence: (N,).
        distances: of bodies with these J joints.
        order: the J types, from the trunk outwards.

    Returns:
        people in the order in which they were started.

    Raises:
        ShapeError: the arrays do not fit each other.
    """
    check_shape("confidence", confidence, "N", check_shape("points", points, "N 4"))
    places = np.asarray(points[:, 1:], dtype=np.float64)
    types = np.asarray(points[:, 0], dtype=np.int64)
    source = np.full((0, len(order)), -1, dtype=np.int64)
    for joint in order:
        found = np.flatnonzero(types == joint)
        match = hungarian(_deviations(source, places, found, joint, distances), LOOSEST)
        source[match >= 0, joint] = found[match[match >= 0]]
        free = np.setdiff1d(np.arange(len(found)), match)
        started = np.full((len(free), len(order)), -1, dtype=np.int64)
        started[:, joint] = found[free]
        source = np.concatenate([source, started])
    source = source[(source >= 0).sum(axis=1) >= FEWEST_JOINTS]
    joints = np.full((*source.shape, 3), np.nan)
    sure = np.zeros(source.shape)
    joints[source >= 0] = places[source[source >= 0]]
    sure[source >= 0] = np.asarray(confidence, dtype=np.float64)[source[source >= 0]]
    return People(joints, sure, source)


def _deviations(
    source: npt.NDArray[np.int64],
    places: Floats,
    found: npt.NDArray[np.int64],
    joint: int,
    distances: BodyDistances,
) -> Floats:
    """(P, Q) mean deviation of each detection from the usual distances to each person's joints."""
    known = (source >= 0) & np.isfinite(distances.mean[joint])
    # the most rigid pairs decide: a limb says more than the distance from hand to foot
    weight = np.where(known, 1.0 / distances.spread[joint] ** 2, 0.0)
    between = np.sqrt(np.sum((places[found][None, :, None] - places[source][:, None]) ** 2, axis=-1))
    off = np.abs(between - distances.mean[joint]) / distances.spread[joint]
    sums = np.where(known[:, None], off * weight[:, None], 0.0).sum(axis=-1)
    totals = weight.sum(axis=-1, keepdims=True)
    result = np.full(sums.shape, np.inf)
    np.divide(sums, totals, out=result, where=totals > 0)
    return result
