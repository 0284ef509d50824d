"""Where joints and bones are drawn on a person who faces the reader; names only, no pictures."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    Place = tuple[float, float]

# where a joint is drawn: towards the person's left, and up, in metres of a person of 1.8 m
_CENTRAL: Final[Mapping[str, float]] = {
    "head_top": 1.80,
    "head_center": 1.69,
    "head": 1.67,
    "nose": 1.62,
    "jaw": 1.57,
    "neck": 1.47,
    "thorax": 1.40,
    "spine4": 1.38,
    "spine3": 1.29,
    "spine2": 1.20,
    "torso": 1.20,
    "spine": 1.18,
    "spine1": 1.11,
    "spine0": 1.03,
    "spine_base": 1.01,
    "pelvis": 0.97,
    "body_center": 0.92,
}
_SIDED: Final[Mapping[str, tuple[float, float]]] = {
    "eye": (0.05, 1.68),
    "ear": (0.11, 1.65),
    "clavicle": (0.10, 1.43),
    "collar": (0.10, 1.41),
    "arm_base": (0.10, 1.42),
    "shoulder": (0.23, 1.40),
    "elbow": (0.34, 1.13),
    "wrist": (0.42, 0.88),
    "hand": (0.45, 0.78),
    "hand_site": (0.46, 0.74),
    "hand_end": (0.47, 0.70),
    "thumb_base": (0.39, 0.82),
    "thumb": (0.37, 0.77),
    "hip": (0.12, 0.92),
    "knee": (0.15, 0.51),
    "ankle": (0.17, 0.11),
    "foot": (0.22, 0.05),
    "toe_base": (0.24, 0.03),
    "toe": (0.27, 0.01),
    "toe_tip": (0.30, 0.0),
}
_CHAINS: Final = (
    ("neck", "thorax", "spine3", "spine2", "spine", "spine1", "pelvis", "body_center"),
    ("neck", "nose", "head", "head_top"),
    *(
        tuple(name.replace("*", side) for name in chain)
        for side in ("left", "right")
        for chain in (
            ("neck", "*_shoulder", "*_elbow", "*_wrist", "*_hand"),
            ("pelvis", "body_center", "*_hip", "*_knee", "*_ankle", "*_foot", "*_toe"),
            ("nose", "*_eye", "*_ear"),
        )
    ),
)


def place_on_body(joint: str) -> tuple[float, float] | None:
    """Where a joint is drawn: (towards the person's left, up) in metres; None for an unknown name."""
    if joint in _CENTRAL:
        return (0.0, _CENTRAL[joint])
    side, _, bare = joint.partition("_")
    if side not in {"left", "right"} or bare not in _SIDED:
        return None
    out, up = _SIDED[bare]
    return (out if side == "left" else -out, up)


def bones(places: Mapping[str, Place]) -> list[tuple[Place, Place]]:
    """The ends of the bones between joints that are there; one that is not is skipped over."""
    found = []
    for chain in _CHAINS:
        there = [places[joint] for joint in chain if joint in places]
        found += list(itertools.pairwise(there))
    return found
