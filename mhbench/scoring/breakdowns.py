"""Parts of the data that a result is broken down by: of frames, of people, and of the body."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.scoring.intervals import Units, by_key, cell_sums
from mhbench.scoring.statistics import Statistic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from mhbench.records import Records
    from mhbench.scoring.scored import Scored

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Keys = npt.NDArray[np.str_]
    Sums = tuple[Floats, Callable[[Floats], Floats]]

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


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One part of the data.

    Attributes:
        by, key: which, such as `joint` and `left_wrist`.
        metrics: None = nothing was counted.
        sums: of the metrics that are functions of sums: (U, k) the sums of each resampling unit, and the
            finish that makes values of them.
    """

    by: str
    key: str
    metrics: Mapping[str, float | None]
    sums: Mapping[str, Sums] = field(default_factory=dict)


def breakdowns(scored: Scored, units: Units | None = None) -> tuple[Part, ...]:
    """The metrics by every part the data know: sequence, subject, camera, action, crowd level, subset, number
    of people, distance, occlusion, truncation, joint and limb.

    `units`: what is resampled; by default everything is one unit.
    """  # noqa: D205 - one sentence
    whole = Units(np.zeros(len(scored.frames["id"]), dtype=np.int64), np.zeros(1, dtype=np.int64), "all")
    unit = units or whole
    parts: list[Part] = []
    for by, keys in _frame_keys(scored).items():
        parts += by_frames(scored, by, keys, unit)
    if scored.records is not None:
        for by, keys in _person_keys(scored.records).items():
            parts += _by_people(scored, scored.records, by, keys, unit)
    return (*parts, *_by_body(scored, unit))


def by_frames(scored: Scored, by: str, keys: Keys, units: Units) -> list[Part]:
    """The metrics by a key of each frame; frames of key "" are left out."""
    names, code = np.unique(keys, return_inverse=True)
    sums = {
        name: (_unit_sums(one, code, len(names), units), one.finish)
        for name, one in scored.measures.items()
        if isinstance(one, Statistic)
    }
    recounted = {
        name: by_key(one, keys) for name, one in scored.measures.items() if not isinstance(one, Statistic)
    }
    return [
        _part(
            by,
            key,
            {name: (of_all[:, place], finish) for name, (of_all, finish) in sums.items()},
            {name: table[key] for name, table in recounted.items()},
            scored,
        )
        for place, key in enumerate(names.tolist())
        if key
    ]


def _unit_sums(statistic: Statistic, code: Ints, count: int, units: Units) -> Floats:
    """(U, count, k) sums of each unit, by the code of each frame."""
    unit_count = len(units.stratum)
    cell = units.of_frame * count + code
    return cell_sums(statistic, cell, unit_count * count).reshape(unit_count, count, -1)


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
    names = []
    for low, high in pairwise((0.0, *bounds)):
        last = high if unit else high - 1  # whole numbers of people
        names.append(f"{low:02g}" + (f" to {last:02g}{unit}" if last > low else ""))
    names.append(f"{bounds[-1]:02g}{unit} and more")
    chosen = np.array(names)[np.searchsorted(bounds, values, side="right").clip(0, len(bounds))]
    return np.where(np.isfinite(values), chosen, "")


def _by_people(scored: Scored, records: Records, by: str, keys: Keys, units: Units) -> list[Part]:
    """Errors, shares and recall by a key of each true person (a false positive belongs to nobody)."""
    names, code = np.unique(keys, return_inverse=True)
    unit_count, count = len(units.stratum), len(names)
    cell = units.of_frame[records.frame] * count + code
    sums = {
        name: (_summed(cell, one.parts, unit_count * count).reshape(unit_count, count, -1), one.finish)
        for name, one in scored.measures.items()
        if isinstance(one, Statistic)
        and one.frame is records.frame
        and (one.joint_rows is not None or name.startswith("recall."))
    }
    if not sums:
        return []
    return [
        _part(by, key, {name: (of_all[:, place], finish) for name, (of_all, finish) in sums.items()})
        for place, key in enumerate(names.tolist())
        if key
    ]


def _by_body(scored: Scored, units: Units) -> list[Part]:
    """Errors and shares by joint, and by limb: the joints of a limb pooled."""
    sums: dict[str, Sums] = {}
    for name, one in scored.measures.items():
        if isinstance(one, Statistic) and one.joint_rows is not None:
            unit, unit_count = units.of_frame[one.frame], len(units.stratum)
            values, counted = one.joint_rows()
            both = [_summed(unit, rows.astype(np.float64), unit_count) for rows in (values, counted)]
            sums[name] = (np.stack(both, axis=-1), one.finish)
    if not sums:
        return []
    places = {("joint", joint): [place] for place, joint in enumerate(scored.joints)}
    for limb, words in LIMBS.items():
        rows = [place for place, joint in enumerate(scored.joints) if _belongs(joint, words)]
        places |= {("limb", limb): rows} if rows else {}
    return [
        _part(
            by, key, {name: (of_all[:, rows].sum(axis=1), finish) for name, (of_all, finish) in sums.items()}
        )
        for (by, key), rows in places.items()
    ]


def _summed(code: Ints, rows: Floats, count: int) -> Floats:
    """(count, k) sums of the rows (N, k) of each code."""
    columns = [np.bincount(code, weights=column, minlength=count) for column in rows.T]
    return np.stack(columns, axis=1)


def _belongs(joint: str, words: tuple[str, ...]) -> bool:
    """`left_eye` is of the head, though it begins with a side."""
    bare = joint.removeprefix("left_").removeprefix("right_")
    return any(joint.startswith(word) or bare.startswith(word) for word in words)


def _part(
    by: str,
    key: str,
    sums: Mapping[str, Sums],
    recounted: Mapping[str, float] | None = None,
    scored: Scored | None = None,
) -> Part:
    values = {name: float(finish(of_units.sum(axis=0))) for name, (of_units, finish) in sums.items()}
    values |= recounted or {}
    order = values if scored is None else scored.measures
    return Part(by, key, {name: values[name] if np.isfinite(values[name]) else None for name in order}, sums)
