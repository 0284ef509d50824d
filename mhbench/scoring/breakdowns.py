"""Parts of the data that a result is broken down by: of frames, of people, and of the body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.evaluation.results import Breakdown
from mhbench.scoring.intervals import by_key
from mhbench.scoring.statistics import Statistic

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from mhbench.records import Records
    from mhbench.scoring.scored import Scored

    Keys = npt.NDArray[np.str_]

FRAME_KEYS: Final = ("sequence", "subject", "camera", "action")
DISTANCES_M: Final = (2.0, 4.0, 8.0, 16.0, 32.0)
CROWDS: Final = (2, 3, 6, 11, 21)
# CrowdPose's own levels; other sets with such an index have none of their own
CROWD_LEVELS: Final = (0.2, 0.8)
LIMBS: Final[Mapping[str, tuple[str, ...]]] = {
    "head": ("head", "nose", "eye", "ear", "jaw", "neck"),
    "left arm": ("left_shoulder", "left_elbow", "left_wrist", "left_hand"),
    "right arm": ("right_shoulder", "right_elbow", "right_wrist", "right_hand"),
    "left leg": ("left_hip", "left_knee", "left_ankle", "left_foot", "left_toe"),
    "right leg": ("right_hip", "right_knee", "right_ankle", "right_foot", "right_toe"),
    "trunk": ("pelvis", "body_center", "spine", "torso", "thorax", "collar", "clavicle"),
}


def breakdowns(scored: Scored) -> tuple[Breakdown, ...]:
    """The metrics by every part the data know: sequence, subject, camera, action, crowd level, subset, number
    of people, distance, occlusion, truncation, joint and limb.
    """  # noqa: D205 - one sentence
    parts: list[Breakdown] = []
    for by, keys in _frame_keys(scored).items():
        parts += by_frames(scored, by, keys)
    if scored.records is not None:
        for by, keys in _person_keys(scored.records).items():
            parts += _by_people(scored, scored.records, by, keys)
    return (*parts, *_by_body(scored))


def by_frames(scored: Scored, by: str, keys: Keys) -> list[Breakdown]:
    """The metrics by a key of each frame; frames of key "" are left out."""
    tables = {name: by_key(one, keys) for name, one in scored.measures.items()}
    return [
        _part(by, key, {name: table[key] for name, table in tables.items()})
        for key in np.unique(keys).tolist()
        if key
    ]


def _frame_keys(scored: Scored) -> dict[str, Keys]:
    frames = scored.frames
    keys = {name: frames[name].astype(np.str_) for name in FRAME_KEYS if name in frames}
    if "crowd_index" in frames:
        keys["crowd level"] = np.array(["easy", "medium", "hard"])[
            np.searchsorted(CROWD_LEVELS, frames["crowd_index"], side="right")
        ]
    for column in frames:
        if column.startswith("subset_"):
            name = column.removeprefix("subset_")
            keys[f"subset {name}"] = np.where(frames[column].astype(bool), "inside", "outside")
    people = frames.get("people", np.zeros(len(frames["id"]), dtype=np.int64))
    if scored.records is not None:
        true = scored.records.frame[scored.records.truth >= 0]
        people = np.bincount(true, minlength=len(frames["id"]))
    if people.any():
        keys["people"] = _ranges(people.astype(np.float64), CROWDS, "")
    return keys


def _person_keys(records: Records) -> dict[str, Keys]:
    """Keys of the true people; "" for false positives and for what the data do not say."""
    true = records.truth >= 0
    joints = np.maximum(records.scored.sum(axis=1), 1)
    hidden = (records.occluded & records.scored).sum(axis=1) / joints
    seen = records.scored.mean(axis=1)
    keys = {"distance": _ranges(records.root_depth[:, 0], DISTANCES_M, " m")}
    if records.occluded.any():
        keys["occlusion"] = np.select(
            [hidden == 0, hidden <= 0.5], ["no joint hidden", "up to half hidden"], "more than half hidden"
        )
    keys["truncation"] = np.select(
        [seen == 1, seen >= 0.5], ["all joints scored", "at least half scored"], "fewer than half scored"
    )
    return {by: np.where(true, values, "") for by, values in keys.items()}


def _ranges(values: npt.NDArray[np.float64], bounds: tuple[float, ...], unit: str) -> Keys:
    """The half-open range each value lies in, as text that sorts; "" for NaN."""
    edges = [0.0, *bounds]
    whole = not unit
    names = [
        f"{low:02g} to {high - 1 if whole else high:02g}{unit}"
        for low, high in zip(edges, bounds, strict=False)
    ]
    names.append(f"{bounds[-1]:02g}{unit} and more")
    chosen = np.array(names)[np.searchsorted(bounds, values, side="right").clip(0, len(bounds))]
    return np.where(np.isfinite(values), chosen, "")


def _by_people(scored: Scored, records: Records, by: str, keys: Keys) -> list[Breakdown]:
    """Errors, shares and recall by a key of each true person (a false positive belongs to nobody)."""
    parts = []
    names, code = np.unique(keys, return_inverse=True)
    chosen = {
        name: one
        for name, one in scored.measures.items()
        if isinstance(one, Statistic)
        and one.frame is records.frame
        and (one.joint_parts is not None or name.startswith("recall."))
    }
    for number, key in enumerate(names.tolist()):
        if key and chosen:
            inside = code == number
            values = {name: float(one.finish(one.parts[inside].sum(axis=0))) for name, one in chosen.items()}
            parts.append(_part(by, key, values))
    return parts


def _by_body(scored: Scored) -> list[Breakdown]:
    """Errors and shares by joint, and by limb: the joints of a limb pooled."""
    chosen = {
        name: (one, one.joint_parts)
        for name, one in scored.measures.items()
        if isinstance(one, Statistic) and one.joint_parts is not None
    }
    if not chosen:
        return []
    parts = []
    for place, joint in enumerate(scored.joints):
        parts.append(
            _part(
                "joint", joint, {name: float(one.finish(sums[place])) for name, (one, sums) in chosen.items()}
            )
        )
    for limb, words in LIMBS.items():
        rows = [place for place, joint in enumerate(scored.joints) if _belongs(joint, words)]
        if rows:
            values = {name: float(one.finish(sums[rows].sum(axis=0))) for name, (one, sums) in chosen.items()}
            parts.append(_part("limb", limb, values))
    return parts


def _belongs(joint: str, words: tuple[str, ...]) -> bool:
    """`left_eye` is of the head, though it begins with a side."""
    bare = joint.removeprefix("left_").removeprefix("right_")
    return any(joint.startswith(word) or bare.startswith(word) for word in words)


def _part(by: str, key: str, values: Mapping[str, Any]) -> Breakdown:
    return Breakdown(
        by=by,
        key=key,
        metrics={name: value if np.isfinite(value) else None for name, value in values.items()},
    )
