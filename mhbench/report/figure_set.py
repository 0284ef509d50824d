"""Which figures an evaluation gives: those that its scoring and its data can fill, in reading order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mhbench.evaluation.breakdown_tables import breakdown_parts
from mhbench.evaluation.directions import lower_is_better
from mhbench.report.body_map import body_map
from mhbench.report.charts import joint_errors, matched_distances, values_by_part
from mhbench.report.curves import (
    people_curves,
    precision_recall,
    shares_by_distance,
    shown_errors,
    threshold_curves,
)
from mhbench.report.depth_confusion import depth_confusion
from mhbench.report.trends import trends, value_trend
from mhbench.scoring.intervals import key_intervals, sequence_blocks
from mhbench.scoring.statistics import Statistic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mhbench.evaluation.pipeline import Evaluation
    from mhbench.evaluation.results import Result
    from mhbench.records import Records
    from mhbench.report.paper_figures import PaperFigure

DRAWS: Final = 500
PARTS: Final = ("sequence", "camera", "action")
CROWD_LEVELS: Final = ("easy", "medium", "hard")
ORDERED: Final = ("people", "crowd level", "distance", "occlusion")


def figures_of(evaluation: Evaluation) -> list[PaperFigure]:
    """All figures that have something to show."""
    records, result = evaluation.scored.records, evaluation.result
    drawn: list[PaperFigure | None] = [shares_by_distance(result.metrics)]
    if records is not None:
        drawn += _of_people(records, evaluation)
    curves = evaluation.scored.precision_recall() or (
        people_curves(records, result.metrics) if records else {}
    )
    drawn += [precision_recall(curves), _body_map(result), _part_map(result)]
    if records is not None:
        names = shown_errors(records, result.metrics)
        drawn += trends(records, evaluation.scored.frames, names[0]) if names else []
        drawn.append(depth_confusion(records))
    there = {one.name for one in drawn if one is not None}
    drawn += _by_order(result, {by for by in ORDERED if f"error-by-{by}" in there})
    drawn += _by_part(evaluation)
    return [one for one in drawn if one is not None]


def _of_people(records: Records, evaluation: Evaluation) -> list[PaperFigure | None]:
    rule, names = evaluation.protocol.matching, shown_errors(records, evaluation.result.metrics)
    if not names:
        return []
    return [
        threshold_curves(records, names),
        matched_distances(records, rule.limit_m) if rule.rule == "hungarian" else None,
        joint_errors(records, names[0]),
    ]


def part_values(result: Result, by: str, metric: str) -> dict[str, float]:
    """Part -> value of a metric, from a breakdown; parts without a value are left out."""
    return {
        part.key: value
        for part in result.breakdown
        if part.by == by and (value := part.metrics.get(metric)) is not None
    }


def first_metric(result: Result, by: str) -> str:
    """The first metric that a breakdown has values of; "" if there is none."""
    for name in result.metrics:
        if part_values(result, by, name):
            return name
    return ""


def _body_map(result: Result) -> PaperFigure | None:
    metric = first_metric(result, "joint")
    if not metric:
        return None
    joints, limbs = part_values(result, "joint", metric), part_values(result, "limb", metric)
    return body_map(joints, limbs, metric, result.metrics[metric].unit)


def _part_map(result: Result) -> PaperFigure | None:
    """The overlap of each part of a body that is scored as a solid."""
    parts = {
        name.removeprefix("part_iou.").replace("_", " "): one.value
        for name, one in result.metrics.items()
        if name.startswith("part_iou.") and one.value is not None
    }
    limbs = {"trunk" if name == "torso" else name: value for name, value in parts.items()}
    return body_map({}, limbs, "part_iou", "%", name="part-map")


def _by_order(result: Result, drawn: Iterable[str]) -> list[PaperFigure | None]:
    """The main metric by parts that have an order, where no trend of the error shows the same."""
    found = []
    for by in ORDERED:
        metric = _main_metric(result, by)
        if metric and by not in drawn:
            parts = part_values(result, by, metric)
            if by == "crowd level":  # the other names sort as they should
                parts = {level: parts[level] for level in CROWD_LEVELS if level in parts}
            found.append(value_trend(parts, by, metric, result.metrics[metric].unit))
    return found


def _main_metric(result: Result, by: str) -> str:
    """The first F1 of a breakdown, which precision and recall lead up to; else its first metric."""
    known = [name for name in result.metrics if part_values(result, by, name)]
    first = known[0] if known else ""
    if first.startswith(("precision.", "recall.")):
        return next((name for name in known if name.startswith("f1.")), first)
    return first


def _by_part(evaluation: Evaluation) -> list[PaperFigure | None]:
    """The main metric by sequence, camera and action, where it is a function of sums, with intervals."""
    scored, result = evaluation.scored, evaluation.result
    found = []
    for by in PARTS:
        if by not in breakdown_parts(result.breakdown):
            continue
        metric = _main_metric(result, by)
        measure = scored.measures.get(metric)
        if isinstance(measure, Statistic) and by in scored.frames:
            bounds = key_intervals(measure, scored.frames[by], sequence_blocks(scored.frames), DRAWS)
            values = part_values(result, by, metric)
            found.append(
                values_by_part(
                    by, values, bounds, metric, measure.unit, lower_is_better=lower_is_better(metric)
                )
            )
    return found
