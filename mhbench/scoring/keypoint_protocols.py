"""Kind of scoring `keypoints`: average precision and recall of 2D keypoints (CrowdPose, OCHuman)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.columns import JointFlag
from mhbench.errors import InputError, PredictionError, UsageError
from mhbench.metrics.keypoint_conventions import CONVENTIONS
from mhbench.metrics.keypoint_input import KeypointDetections, KeypointTruth
from mhbench.metrics.keypoint_matches import (
    RECALL_POINTS,
    THRESHOLDS,
    match_keypoints,
    merge_matches,
)
from mhbench.protocols.frame_selection import counted_people
from mhbench.scoring.people import in_other_joints, refuse_unscored, scores_of
from mhbench.scoring.poses import frame_columns
from mhbench.scoring.scored import Curve, FrameCounts, PeopleCounts, Scored
from mhbench.scoring.statistics import Recount
from mhbench.skeletons import conversion, skeleton

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from mhbench.columns import Columns
    from mhbench.frames import FrameTable
    from mhbench.metrics.keypoint_conventions import ConventionName
    from mhbench.metrics.keypoint_matches import KeypointMatches
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import MetricRule, Protocol
    from mhbench.scoring.scored import Choices

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

LEVELS: Final = {"moderate": (0.5, 0.75), "hard": (0.75, np.inf)}
"""Overlap with the nearest other box by which OCHuman divides its people; the last level has no end."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One shard: what its detections met, all people together and by level of overlap."""

    frames: Columns
    image_ids: Ints
    matches: KeypointMatches
    levels: dict[str, KeypointMatches]
    true_people: int
    predicted_people: int
    approximate: tuple[str, ...]


def check(predictions: PredictionTable, protocol: Protocol) -> None:
    """Refuse predictions without 2D joints or without scores.

    Raises:
        PredictionError: what is missing.
    """
    if "joints2d" not in predictions.persons or predictions.skeleton is None:
        raise PredictionError(
            f"{predictions.source}: no person has joints2d",
            expected=f"2D joints (px of the original image), which {protocol.name} scores",
            action="write joints2d and the skeleton",
        )
    refuse_unscored(predictions)


def score(
    table: FrameTable, predictions: PredictionTable, rows: Ints, protocol: Protocol, choices: Choices
) -> Part:
    """Match the detections of the expected images of one shard.

    Raises:
        InputError: the shard lacks fields of the official annotation files.
        PredictionError: the predicted skeleton cannot give the joints.
    """
    convention = _convention(protocol)
    truth = _truth(table, protocol)
    found, approximate = _detections(predictions, rows, table, protocol, choices)
    matches = match_keypoints(truth, found, convention)
    levels = {}
    if "max_iou" in table.persons:
        overlap = table.persons["max_iou"][_order(table)]
        for name, (low, high) in LEVELS.items():
            inside = (overlap >= low) & (overlap < high)
            levels[name] = match_keypoints(_narrowed(truth, inside), found, convention)
    return Part(
        frames=frame_columns(table, rows),
        image_ids=table.frames["image_id"],
        matches=matches,
        levels=levels,
        true_people=int(truth.countable.sum()),
        predicted_people=len(found.scores),
        approximate=approximate,
    )


def summarise(parts: Sequence[Part], predictions: PredictionTable, protocol: Protocol) -> Scored:
    """Average precision and recall of all images together."""
    del predictions
    order = np.argsort(np.concatenate([part.image_ids for part in parts]), kind="stable")
    whole = {"": merge_matches(part.matches for part in parts)}
    for level in LEVELS:
        if all(level in part.levels for part in parts):
            whole[level] = merge_matches(part.levels[level] for part in parts)
    easy = next((rule.easy_below for rule in protocol.metric if rule.name == "ap_easy"), 0.2)
    summaries = {level: _remembered(matches, order, easy) for level, matches in whole.items()}
    return Scored(
        frames={name: np.concatenate([part.frames[name] for part in parts]) for name in parts[0].frames},
        measures={rule.name: _measure(rule, summaries, protocol) for rule in protocol.metric},
        counts=PeopleCounts(
            true=sum(part.true_people for part in parts),
            predicted=sum(part.predicted_people for part in parts),
        ),
        joints=skeleton(CONVENTIONS[_convention(protocol)].skeleton).joints,
        approximate=parts[0].approximate,
        frame_counts=_frame_counts(whole[""], order),
        precision_recall=lambda: _curves(whole[""]),
    )


def _frame_counts(matches: KeypointMatches, order: Ints) -> FrameCounts:
    """Who is found at the lowest similarity, in the order of the frames (`order`: images by their id)."""
    image = np.repeat(np.arange(len(order)), np.diff(matches.detection_start))
    counted = (matches.ignored[0] & 1) == 0
    right = (matches.matched[0] & 1) != 0
    found = FrameCounts.of(
        f"at similarity {THRESHOLDS[0]:g}", matches.people[:, 0], image[counted], right[counted]
    )
    counts = np.empty_like(found.counts)
    counts[order] = found.counts
    return FrameCounts(found.how, counts)


def _curves(matches: KeypointMatches) -> dict[str, Curve]:
    """The curves of every second threshold of the similarity; none where nobody counts."""
    precision, _ = matches.curves()
    return {
        f"similarity {limit:.2f}": Curve(RECALL_POINTS, row)
        for limit, row in list(zip(THRESHOLDS, precision, strict=True))[::2]
        if (row >= 0).all()
    }


def _measure(
    rule: MetricRule, summaries: Mapping[str, Callable[[Floats], Mapping[str, float]]], protocol: Protocol
) -> Recount:
    name, _, level = rule.name.partition(".")
    if level not in summaries:
        raise InputError(
            f"the shards cannot give {rule.name} of {protocol.name}",
            expected="the column max_iou of the people, by which they are divided",
            action="convert the data set again with this version",
        )
    summary = summaries[level]

    def value(weights: Floats) -> float:
        fraction = summary(weights)[name]
        return 100.0 * fraction if fraction >= 0 else float("nan")  # the tools print -1 for "not defined"

    return Recount(rule.name, "%", value)


def _remembered(
    matches: KeypointMatches, order: Ints, easy_below: float
) -> Callable[[Floats], Mapping[str, float]]:
    """The statistics under weights of the frames; all metrics of one draw are made at once."""
    known: dict[bytes, Mapping[str, float]] = {}

    def summary(weights: Floats) -> Mapping[str, float]:
        key = hashlib.blake2b(np.ascontiguousarray(weights).data).digest()
        if key not in known:
            known[key] = matches.summary(weights[order], easy_below=easy_below)
        return known[key]

    return summary


def _convention(protocol: Protocol) -> ConventionName:
    return "crowdpose" if protocol.frames.dataset == "crowdpose" else "ochuman"


def _order(table: FrameTable) -> Ints:
    """People by ascending image id; the order inside an image stays that of the file."""
    ids = table.frames["image_id"][table.frame_of_person]
    return np.argsort(ids, kind="stable").astype(np.int64)


def _truth(table: FrameTable, protocol: Protocol) -> KeypointTruth:
    lacking = [name for name in ("bbox", "num_keypoints", "iscrowd") if name not in table.persons]
    if "image_id" not in table.frames or lacking:
        raise InputError(
            f"the shards of {table.dataset} have no {', '.join(lacking) or 'image_id'}",
            expected="the fields of the official annotation files, which decide who counts",
            action="convert the data set again with this version",
        )
    order, people = _order(table), table.persons
    ids = table.frames["image_id"]
    image_ids = np.sort(ids)
    missing = np.full(table.frame_count, np.nan)
    crowd = people["iscrowd"][order] != 0
    countable = (people["num_keypoints"][order] != 0) & ~crowd & counted_people(protocol, table)[order]
    joints = people["joints2d"][order].astype(np.float64)
    labelled = (people["joint_flags"][order] & JointFlag.LABELLED_2D) != 0
    box = people["bbox"][order]
    # OCHuman's converter writes the whole box as area
    area = people["area"][order] if "area" in people else box[:, 2] * box[:, 3]
    of_person = ids[table.frame_of_person][order]
    return KeypointTruth(
        image_ids=image_ids,
        crowd_index=table.frames.get("crowd_index", missing)[np.argsort(ids, kind="stable")],
        person_start=np.append(np.searchsorted(of_person, image_ids), order.size),
        ids=1 + np.arange(order.size),
        xy=np.where(labelled[..., None], joints, 0.0),
        labelled=labelled,
        box=box,
        area=area,
        countable=countable,
        crowd=crowd,
    )


def _narrowed(truth: KeypointTruth, inside: npt.NDArray[np.bool_]) -> KeypointTruth:
    """The same people, of whom only some count; who meets another one is neither right nor wrong."""
    return replace(truth, countable=truth.countable & inside)


def _detections(
    predictions: PredictionTable, rows: Ints, table: FrameTable, protocol: Protocol, choices: Choices
) -> tuple[KeypointDetections, tuple[str, ...]]:
    """The people predicted for the images of a shard, in file order, and the joints that only stand in."""
    source, loose = _joint_sources(predictions, table.skeleton, protocol, choices)
    counts = predictions.counts_of(rows)
    first = np.concatenate([[0], np.cumsum(counts)])[:-1]
    frame = np.repeat(np.arange(len(rows)), counts)
    person = predictions.person_start[rows][frame] + np.arange(len(frame)) - first[frame]
    if choices.min_score is not None:
        kept = ~(scores_of(predictions)[person] < choices.min_score)
        frame, person = frame[kept], person[kept]
    joints = in_other_joints(predictions.persons["joints2d"][person], source)
    return KeypointDetections(
        image_ids=table.frames["image_id"][frame],
        scores=scores_of(predictions)[person],
        xy=joints,
        area=_extents(joints),
    ), loose


def _joint_sources(
    predictions: PredictionTable, truth: str, protocol: Protocol, choices: Choices
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    assert predictions.skeleton is not None  # held by check
    mapping, names = conversion(predictions.skeleton, truth), skeleton(truth).joints
    usable = (mapping.indices >= 0) & (choices.allow_approximate | ~mapping.approximate)
    missing = [name for name, there in zip(names, usable, strict=True) if not there]
    if missing:
        raise UsageError(
            f"predictions in {predictions.skeleton} cannot give the joints of {protocol.name}:"
            f" {', '.join(missing)}",
            expected=f"a skeleton with exactly: {', '.join(names)}",
            action="--allow-approximate accepts stand-ins; the result is then not comparable",
        )
    loose = tuple(name for name, other in zip(names, mapping.approximate, strict=True) if other)
    return tuple(mapping.indices.tolist()), loose


def _extents(joints: Floats) -> Floats:
    """(D,) px^2 area of the box around the joints of each person; 0 without any."""
    known = np.isfinite(joints).all(axis=-1, keepdims=True)
    most = np.where(known, joints, -np.inf).max(axis=1, initial=-np.inf)
    least = np.where(known, joints, np.inf).min(axis=1, initial=np.inf)
    sides = np.maximum(most - least, 0.0)
    return np.asarray(sides[:, 0] * sides[:, 1])
