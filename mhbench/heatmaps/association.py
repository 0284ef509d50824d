"""Peaks -> people: which detected joints belong to one person.

Two rules of the public LoCO code. `associate` made its published numbers: every root detection (the head)
starts a person and takes the nearest detection of each other type. `associate_optimally` is its viewer's:
duplicates are removed and each type is assigned to the roots as a whole. Both are generalised to any root
channel and limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import ShapeError, UsageError
from mhbench.kernels import kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

# LoCO: longest distance from the head, metres, per channel of loco_14
HEAD_LIMITS: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 1.0, 1.5, 2.0, 2.0, 2.5, 3.0, 2.0, 2.5, 3.0)

# LoCO's refiner: distances from the head it normalises by, metres; its viewer accepts 1.5 times as much
REFINER_LIMITS: Final = (0.0, 0.27, 0.41, 0.67, 0.93, 0.41, 0.67, 0.92, 0.88, 1.28, 1.69, 0.88, 1.29, 1.70)

_HEADS: Final = ("head_top", "head", "neck")
_FARTHEST: Final = 3.0
_LIMIT_OF: Final = {
    "head_top": 0.5,
    "head": 0.5,
    "head_center": 0.5,
    "nose": 0.5,
    "eye": 0.5,
    "ear": 0.5,
    "neck": 0.5,
    "clavicle": 1.0,
    "shoulder": 1.0,
    "elbow": 1.5,
    "wrist": 2.0,
    "pelvis": 2.0,
    "body_center": 2.0,
    "hip": 2.0,
    "knee": 2.5,
    "ankle": _FARTHEST,
}


class People(NamedTuple):
    """Associated people, by descending confidence of their root; a hole has NaN, confidence 0 and source -1.

    Attributes:
        joints: (P, J, 3) metres.
        confidence: (P, J).
        source: (P, J) int64 row of the detection.
    """

    joints: Floats
    confidence: Floats
    source: npt.NDArray[np.int64]


def associate(
    points: npt.NDArray[np.floating[Any]],
    confidence: npt.NDArray[np.floating[Any]],
    *,
    root: int = 0,
    limits: Sequence[float] = HEAD_LIMITS,
) -> People:
    """People by the rule of LoCO's published numbers.

    Roots start people by descending confidence (ties: list order). For each other type a person takes the
    detection nearest to its root, if it is closer than the limit and no earlier person has it; a taken
    nearest detection leaves a hole, the second nearest is never tried.

    Args:
        points: (N, 4) joint type, x, y, z in metres.
        confidence: (N,).
        root: the type that starts people.
        limits: (J,) metres by type, exclusive; the root's own is not used.

    Raises:
        ShapeError: the arrays do not fit each other, a type is none of the J, or a number is not finite.
        UsageError: the root is none of the J types.
    """
    types, places, sure = _checked(points, confidence, root, limits)
    order = np.argsort(-sure, kind="stable")
    rows = _take_nearest(types[order], places[order], sure[order], root, np.asarray(limits, dtype=np.float64))
    return _gather(np.where(rows >= 0, order[rows], -1), places, sure)


def associate_optimally(
    points: npt.NDArray[np.floating[Any]],
    confidence: npt.NDArray[np.floating[Any]],
    *,
    root: int = 0,
    limits: Sequence[float] = REFINER_LIMITS,
    factor: float = 1.5,
    duplicate_distance: float = 0.05,
) -> People:
    """People by the rule of LoCO's viewer.

    Of two detections of one type within `duplicate_distance` the earlier one is dropped. Then the
    detections of each type are assigned to the roots with the least total distance, and pairs closer than
    `factor` times the limit are kept.

    Args:
        points: (N, 4) joint type, x, y, z in metres.
        confidence: (N,).
        root: the type that starts people.
        limits: (J,) metres by type; the root's own is not used.
        factor: multiple of the limit up to which (exclusive) a pair is kept.
        duplicate_distance: metres, inclusive; a negative number keeps every detection.

    Raises:
        ShapeError: as `associate`.
        UsageError: as `associate`.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - 260 ms that only this rule needs

    types, places, sure = _checked(points, confidence, root, limits)
    kept = np.flatnonzero(~_repeated(types, places, duplicate_distance))
    roots = kept[types[kept] == root]
    roots = roots[np.argsort(-sure[roots], kind="stable")]
    source = np.full((len(roots), len(limits)), -1, dtype=np.int64)
    source[:, root] = roots
    for channel, longest in enumerate(limits):
        if channel == root:
            continue
        found = kept[types[kept] == channel]
        distance = _distances(places[roots], places[found])
        person, detection = linear_sum_assignment(distance)
        near = distance[person, detection] < factor * longest
        source[person[near], channel] = found[detection[near]]
    return _gather(source, places, sure)


def head_limits(joints: Sequence[str]) -> tuple[int, tuple[float, ...]]:
    """Root channel and distance limits for `associate`, for any list of joints around a head or neck.

    With a head top or head as root the 14 joints of LoCO get the published limits. All else is this
    project's: joints the paper does not have get the limit of their neighbours, or the farthest, the
    ankle's. Without a head (the CMU Panoptic joints) the neck is the root, and a limit is shorter by the
    0.5 m that the neck itself may be away from the head, but never below 0.5 m.

    Args:
        joints: names in channel order.

    Raises:
        UsageError: no joint can start a person.
    """
    root = next((name for name in _HEADS if name in joints), None)
    if root is None:
        raise UsageError(
            "no joint of the heatmaps can start a person",
            expected=f"one of {', '.join(_HEADS)} among {', '.join(joints)}",
            action="choose joints with a head or a neck, or pass root and limits",
        )
    return list(joints).index(root), tuple(_limit(name, root) for name in joints)


def _limit(joint: str, root: str) -> float:
    if joint == root:
        return 0.0
    longest = _LIMIT_OF.get(joint.removeprefix("left_").removeprefix("right_"), _FARTHEST)
    neck = _LIMIT_OF["neck"]
    return max(longest - neck, neck) if root == "neck" else longest


def _checked(
    points: npt.NDArray[np.floating[Any]],
    confidence: npt.NDArray[np.floating[Any]],
    root: int,
    limits: Sequence[float],
) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    check_shape("confidence", confidence, "N", check_shape("points", points, "N 4"))
    if not 0 <= root < len(limits):
        raise UsageError(
            f"type {root} cannot be the root",
            expected=f"one of the {len(limits)} types, from 0",
            action="take root and limits of `head_limits`, called with the joints of the heatmaps",
        )
    if not (np.all(np.isfinite(points)) and np.all(np.isfinite(confidence))):
        raise ShapeError(
            "detections are not finite",
            expected="finite positions and confidences",
            action="drop the rows that are not, for example those of pixels outside the lens",
        )
    types = np.asarray(points[:, 0], dtype=np.int64)
    if np.any((types < 0) | (types >= len(limits)) | (types != points[:, 0])):
        raise ShapeError(
            "a detection has no valid type",
            expected=f"integers 0 .. {len(limits) - 1} in the first column",
            action="give one limit for each channel of the heatmaps",
        )
    return types, np.array(points[:, 1:], dtype=np.float64), np.asarray(confidence, dtype=np.float64)


def _distances(left: Floats, right: Floats) -> Floats:
    difference = left[:, None] - right[None]
    return np.asarray(np.sqrt(np.sum(difference * difference, axis=-1)))


def _repeated(types: npt.NDArray[np.int64], places: Floats, within: float) -> npt.NDArray[np.bool_]:
    """(N,) bool: a later detection of the same type lies within the distance."""
    repeated = np.zeros(len(types), dtype=np.bool_)
    for channel in np.unique(types):
        rows = np.flatnonzero(types == channel)
        repeated[rows] = np.any(np.triu(_distances(places[rows], places[rows]) <= within, k=1), axis=1)
    return repeated


def _gather(source: npt.NDArray[np.int64], places: Floats, sure: Floats) -> People:
    hole = source < 0
    joints = np.full((*source.shape, 3), np.nan)
    confidence = np.zeros(source.shape)
    joints[~hole] = places[source[~hole]]
    confidence[~hole] = sure[source[~hole]]
    return People(joints, confidence, source)


@kernel
def _take_nearest(
    types: npt.NDArray[np.int64], places: Floats, sure: Floats, root: int, limits: Floats
) -> npt.NDArray[np.int64]:
    """(P, J) rows of the detections each root takes, -1 = none; the detections descend by confidence."""
    roots = np.flatnonzero(types == root)
    taken = np.zeros(len(types), dtype=np.bool_)
    rows = np.full((len(roots), len(limits)), -1, dtype=np.int64)
    nearest = np.zeros(len(limits), dtype=np.int64)
    least = np.zeros(len(limits))
    for person in range(len(roots)):
        head = places[roots[person]]
        nearest[:] = -1
        least[:] = np.inf
        for n in range(len(types)):
            x, y, z = places[n, 0] - head[0], places[n, 1] - head[1], places[n, 2] - head[2]
            distance = np.sqrt(x * x + y * y + z * z)
            if distance < least[types[n]]:
                nearest[types[n]], least[types[n]] = n, distance
        for channel in range(len(limits)):
            chosen = nearest[channel]
            if channel != root and chosen >= 0 and least[channel] < limits[channel] and not taken[chosen]:
                rows[person, channel] = chosen
                # the reference compares values: an exact repetition of a taken detection is taken too
                for n in range(len(types)):
                    same = types[n] == channel and sure[n] == sure[chosen]
                    taken[n] = taken[n] or (same and np.all(places[n] == places[chosen]))
        rows[person, root] = roots[person]
    return rows
