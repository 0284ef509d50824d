"""Kind of scoring `coherence`: do people keep out of each other, and are they in the right order of depth.

Collisions need predicted bodies and nothing else; depth order needs predicted joints and a ground truth. What
predictions cannot give is left out of the result, for no collision among no bodies is no merit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from mhbench.errors import PredictionError
from mhbench.metrics.depth_ordering import depth_order
from mhbench.protocols.metric_names import unknown_metric
from mhbench.scoring import pose_protocols
from mhbench.scoring.body_collisions import SUMS, FrameCollisions, frame_collisions, who_counts
from mhbench.scoring.placed_bodies import gives_meshes
from mhbench.scoring.poses import frame_columns
from mhbench.scoring.scored import PeopleCounts, Scored
from mhbench.scoring.statistics import Recount, Statistic, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from mhbench.columns import Columns
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import MetricRule, Protocol
    from mhbench.records import Records
    from mhbench.scoring.scored import Choices
    from mhbench.scoring.statistics import Measure

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

ORDERS: Final = re.compile(r"depth_order(?:\.(?P<what>strict|coverage))?(?:@(?P<metres>[\d.]+)m)?")
UNITS: Final = {
    "collisions.frames": "",
    "collisions.pairs": "",
    "collisions.vertices": "",
    "collisions.litres": "l",
    "collisions.penetration_mm": "mm",
    "collisions.penetration_max_mm": "mm",
}
"""Metrics of collisions and their units; counts have none."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One shard: its frames, collisions if there are bodies, poses if there are joints to compare."""

    frames: Columns
    collisions: FrameCollisions | None
    poses: pose_protocols.Part | None
    predicted_people: int


def check(predictions: PredictionTable, protocol: Protocol) -> None:
    """Refuse predictions that have neither bodies nor joints of which the protocol could tell anything.

    Where only collisions are asked for, a file of skeletons is taken: all its numbers are not defined.

    Raises:
        PredictionError: what is missing.
    """
    matched_only = any(rule.people == "matched" for rule in _of_collisions(protocol))
    if gives_meshes(predictions) and _of_collisions(protocol) and not matched_only:
        return
    if not _of_order(protocol):
        if not {"vertices", "smpl_pose"} & set(predictions.persons):
            return
        raise PredictionError(
            f"{predictions.source}: nobody has a body with a place in the camera's space",
            expected=f"vertices, or SMPL parameters with transl, in space camera, for {protocol.name}",
            action="write one of them; bodies without a place do not collide",
        )
    pose_protocols.check(predictions, protocol)


def score(
    table: FrameTable, predictions: PredictionTable, rows: Ints, protocol: Protocol, choices: Choices
) -> Part:
    """Collisions and matched people of the expected frames of one shard."""
    bodies, order = _of_collisions(protocol), _of_order(protocol)
    poses = None
    if order and "joints3d" in predictions.persons and predictions.skeleton is not None:
        only_order = msgspec.structs.replace(protocol, metric=order)
        poses = pose_protocols.score(table, predictions, rows, only_order, choices)
        poses = replace(poses, records=_with_given_depths(poses.records, predictions, rows))
    found = None
    if bodies and gives_meshes(predictions):
        counted = who_counts(predictions, choices.min_score)
        if bodies[0].people == "matched":
            assert poses is not None  # `check` saw to it
            met = np.zeros_like(counted)
            met[_persons(poses.records, predictions, rows)[poses.records.matched]] = True
            counted &= met
        found = frame_collisions(predictions, rows, bodies[0].mode, counted, choices.bodies)
    given = predictions.counts_of(rows)
    return Part(frame_columns(table, rows), found, poses, int(given.sum()))


def summarise(parts: Sequence[Part], predictions: PredictionTable, protocol: Protocol) -> Scored:
    """Measures of collisions and of depth order, as far as the predictions give them."""
    measures: dict[str, Measure] = {}
    provenance: dict[str, str] = {}
    counts = PeopleCounts(true=0, predicted=sum(part.predicted_people for part in parts))
    bodies = [part.collisions for part in parts if part.collisions is not None]
    if bodies:
        joined = _join_collisions(bodies)
        measures = {rule.name: _collisions(rule, joined, protocol) for rule in _of_collisions(protocol)}
        provenance = _words(joined, _of_collisions(protocol)[0].people)
    elif not _of_order(protocol):
        measures = {rule.name: Recount(rule.name, UNITS[rule.name], _undefined) for rule in protocol.metric}
        provenance = {"people_without_mesh": str(counts.predicted)}
    poses = [part.poses for part in parts if part.poses is not None]
    scored = None
    if poses:
        without = msgspec.structs.replace(protocol, metric=())
        scored = pose_protocols.summarise(poses, predictions, without)
        counts = scored.counts
        assert scored.records is not None
        measures |= {rule.name: _order(rule, scored.records, protocol) for rule in _of_order(protocol)}
    ordered = {rule.name: measures[rule.name] for rule in protocol.metric if rule.name in measures}
    frames = {name: np.concatenate([part.frames[name] for part in parts]) for name in parts[0].frames}
    if scored is not None:
        return replace(
            scored, frames=frames, measures=ordered, provenance={**scored.provenance, **provenance}
        )
    return Scored(frames=frames, measures=ordered, counts=counts, joints=(), provenance=provenance)


def _persons(records: Records, predictions: PredictionTable, rows: Ints) -> Ints:
    """(N,) each record's predicted person among all of the file; of a miss it means nothing."""
    return predictions.person_start[rows[records.frame]] + records.prediction


def _with_given_depths(records: Records, predictions: PredictionTable, rows: Ints) -> Records:
    """The depths that the predictions give, in metres or as ranks, in place of those of the roots."""
    if "depth" not in predictions.persons:
        return records
    hit = np.flatnonzero(records.prediction >= 0)
    depth = records.root_depth.copy()
    depth[hit, 1] = predictions.persons["depth"][_persons(records, predictions, rows)[hit]]
    return replace(records, root_depth=depth)


def _of_collisions(protocol: Protocol) -> tuple[MetricRule, ...]:
    return tuple(rule for rule in protocol.metric if rule.name in UNITS)


def _of_order(protocol: Protocol) -> tuple[MetricRule, ...]:
    return tuple(rule for rule in protocol.metric if rule.name not in UNITS)


def _join_collisions(parts: Sequence[FrameCollisions]) -> FrameCollisions:
    return FrameCollisions(
        sums=np.concatenate([part.sums for part in parts]),
        deepest_mm=np.concatenate([part.deepest_mm for part in parts]),
        people=sum(part.people for part in parts),
        without_mesh=sum(part.without_mesh for part in parts),
        candidates=sum(part.candidates for part in parts),
    )


def _words(found: FrameCollisions, who: str) -> dict[str, str]:
    """What a count of collisions rests on: without it the count says nothing."""
    return {
        "collision_frames": str(len(found.sums)),
        "collisions_among": "matched people" if who == "matched" else "everybody",
        "collision_people": str(found.people),
        "people_without_mesh": str(found.without_mesh),
        "collision_candidate_pairs": str(found.candidates),
    }


def _collisions(rule: MetricRule, found: FrameCollisions, protocol: Protocol) -> Measure:
    """A total over frames, the mean depth, or the largest."""
    what = rule.name.partition(".")[2]
    if what == "penetration_max_mm":
        known = np.isfinite(found.sums[:, SUMS.index("vertices")]).all()
        return Recount(rule.name, "mm", _largest(found.deepest_mm) if known else lambda _: float("nan"))
    every = np.arange(len(found.sums))
    if what == "penetration_mm":
        columns = [SUMS.index("depth_mm"), SUMS.index("vertices")]
        return Statistic(rule.name, "mm", every, found.sums[:, columns], ratio(1.0))
    if what not in SUMS:
        raise unknown_metric(protocol.name, rule, UNITS)
    column = found.sums[:, [SUMS.index(what)]]
    return Statistic(rule.name, UNITS[rule.name], every, column, lambda sums: np.asarray(sums[..., 0]))


def _undefined(_weights: Floats) -> float:
    """No collision among no bodies is no merit."""
    return float("nan")


def _largest(depth_mm: Floats) -> Callable[[Floats], float]:
    def value(weights: Floats) -> float:
        counted = depth_mm[(weights > 0) & np.isfinite(depth_mm)]
        return float(counted.max()) if counted.size else float("nan")

    return value


def _order(rule: MetricRule, records: Records, protocol: Protocol) -> Statistic:
    """Share of pairs in the right order: of matched people; of everybody; or the share of matched pairs."""
    name = ORDERS.fullmatch(rule.name)
    if name is None:
        raise unknown_metric(
            protocol.name, rule, ("depth_order", "depth_order.strict", "depth_order.coverage", *UNITS)
        )
    tolerance = float(name["metres"] or 0.0)
    chosen = np.flatnonzero(records.truth >= 0)
    frame, depth, matched = records.frame[chosen], records.root_depth[chosen], records.matched[chosen]
    counts = np.zeros((records.frame_count, 2))
    edges = np.searchsorted(frame, np.arange(records.frame_count + 1))
    for one in np.flatnonzero(np.diff(edges) > 1).tolist():
        rows = slice(edges[one], edges[one + 1])
        met = matched[rows]
        true, predicted = depth[rows, 0], np.where(met, depth[rows, 1], np.nan)
        of_matched = depth_order(true[met], predicted[met], tolerance=tolerance)
        of_all = depth_order(true, predicted, tolerance=tolerance)
        counts[one] = (
            (of_matched[1], of_all[1])
            if name["what"] == "coverage"
            else (of_all if name["what"] == "strict" else of_matched)
        )
    return Statistic(rule.name, "%", np.arange(records.frame_count), counts, ratio(100.0))
