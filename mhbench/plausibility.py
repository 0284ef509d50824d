"""Whether bodies look like bodies: size, left and right, up and down. For predictions and for raw data.

Each function judges people one by one from their joints and leaves out whom it cannot judge; what share of a
file's people is suspicious is for the caller to weigh. Coordinates are right-handed, y down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.skeletons import Skeleton

    Floats = npt.NDArray[np.float64]

# A knee bent less or a nose closer than this says nothing about where the front is.
_CLEAR_M: Final = 0.03
_CLEAR_COSINE: Final = 0.3


def body_extents(joints: Floats) -> Floats:
    """Diagonal of the box around each person's joints, in the joints' unit.

    A standing adult gives 1.5 to 1.9 m, a crouching one not less than 0.6 m.

    Args:
        joints: (P, J, 3), NaN for missing joints.

    Returns:
        (P,); NaN where fewer than half of the joints are given.
    """
    given = np.asarray(~np.isnan(joints).any(axis=2))
    high = np.where(given[..., None], joints, -np.inf).max(axis=1, initial=-np.inf)
    low = np.where(given[..., None], joints, np.inf).min(axis=1, initial=np.inf)
    judged = 2 * given.sum(axis=1) >= max(joints.shape[1], 1)
    extents = np.full(len(joints), np.nan)
    extents[judged] = np.linalg.norm(high[judged] - low[judged], axis=1)
    return extents


def handedness(joints: Floats, skeleton: Skeleton) -> Floats:
    """Whether each person's left is on the left: front and up decide where left must be.

    Up is from the hips to the shoulders; the front is where the nose stands before the shoulders and the
    knees before the line from hip to ankle. An axis that points the wrong way and a swap of left and right
    both give -1; the two cannot be told apart from joints alone.

    Args:
        joints: (P, J, 3) m, NaN for missing joints.
        skeleton: their skeleton.

    Returns:
        (P,): 1 = right, -1 = mirrored, NaN = not clear, or the skeleton lacks shoulders, hips, or both nose
        and knees.
    """

    def point(name: str) -> Floats:
        if name not in skeleton.points:
            return np.full((len(joints), 3), np.nan)
        return joints[:, skeleton.points.index(name)]

    shoulders = (point("left_shoulder") + point("right_shoulder")) / 2
    hips = (point("left_hip") + point("right_hip")) / 2
    up = _unit(shoulders - hips)
    left = _unit(point("left_shoulder") - point("right_shoulder") + point("left_hip") - point("right_hip"))
    front = np.zeros_like(up)
    cues = [(point("nose"), shoulders, up)]
    for side in ("left", "right"):
        hip, ankle = point(f"{side}_hip"), point(f"{side}_ankle")
        cues.append((point(f"{side}_knee"), (hip + ankle) / 2, _unit(hip - ankle)))
    for seen, base, axis in cues:
        offset = _across(seen - base, axis)
        clear = np.linalg.norm(offset, axis=1) > _CLEAR_M
        front[clear] += offset[clear]
    cosine = np.einsum("pk,pk->p", left, np.cross(up, _unit(_across(front, up))))
    sign = np.full(len(joints), np.nan)
    clear = np.abs(cosine) > _CLEAR_COSINE
    sign[clear] = np.sign(cosine[clear])
    return sign


def uprightness(joints: Floats, skeleton: Skeleton) -> Floats:
    """Cosine between each person's trunk (hips to shoulders) and the image's up (-y): (P,), NaN = unknown."""
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    if any(name not in skeleton.points for name in names):
        return np.full(len(joints), np.nan)
    corners = joints[:, [skeleton.points.index(name) for name in names]]
    return -_unit(corners[:, :2].mean(axis=1) - corners[:, 2:].mean(axis=1))[:, 1]


def repeated_people(joints: Floats, person_start: npt.NDArray[np.int64]) -> int:
    """How many people are an exact copy of another one of the same frame."""
    copies = 0
    for begin, end in zip(person_start[:-1].tolist(), person_start[1:].tolist(), strict=True):
        if end - begin > 1:
            copies += end - begin - len({person.tobytes() for person in joints[begin:end]})
    return copies


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.full_like(vectors, np.nan)
    np.divide(vectors, length, out=unit, where=length > 0)
    return unit


def _across(vectors: Floats, axis: Floats) -> Floats:
    """The part of vectors that is perpendicular to a unit axis."""
    along: Floats = np.einsum("pk,pk->p", vectors, axis)
    return vectors - along[:, None] * axis
