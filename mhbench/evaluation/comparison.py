"""Two results side by side: the difference of every metric, its interval, and whether it could be chance.

Both results drew the same units in every draw (`evaluation.resampling`), so the difference of two draws is a
paired difference: what is hard for both models cancels out. The interval is the 2.5 to 97.5 percentile of
these differences; the p-value is twice the smaller share of draws on either side of zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.errors import UsageError
from mhbench.evaluation.directions import lower_is_better
from mhbench.evaluation.printing import all_wrapped, interval, number, table, wrapped
from mhbench.evaluation.resampling import PART_DRAWS, percentile_interval, unpacked, unpacked_part
from mhbench.evaluation.results import part_words

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.evaluation.results import Result

_HEAD: Final = ("A", "B", "B - A", "unit", "95 % interval", "p")
_LEFT: Final = (0, 4, 5)
LEVEL: Final = 0.05
"""The p-value below which a difference is not put down to chance."""


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """One metric of two results.

    Attributes:
        metric, unit: which.
        first, second: the two values; None = not defined.
        difference: second - first.
        ci95: interval of the difference; None without paired draws.
        p_value: two-sided, of no difference; None without paired draws.
    """

    metric: str
    unit: str
    first: float | None
    second: float | None
    difference: float | None
    ci95: tuple[float, float] | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class PartDifference:
    """One metric of one part of the data, such as a joint; attributes as of `MetricDifference`.

    Nothing was drawn where a part lies in one resampling unit, as a sequence does where sequences are drawn.
    """

    key: str
    metric: str
    first: float | None
    second: float | None
    ci95: tuple[float, float] | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results of one protocol on the same frames. Prints as a table.

    Attributes:
        protocol: its full name and version.
        models: names of the first and the second.
        metrics: in the protocol's order.
        by: what the parts are; empty = none were asked for.
        parts: by key, then metric.
        drawn: the draws in words; empty = the results keep none.
        remarks: what a reader must know, such as that one of them is not comparable.
    """

    protocol: str
    models: tuple[str, str]
    metrics: tuple[MetricDifference, ...]
    by: str
    parts: tuple[PartDifference, ...]
    drawn: str
    remarks: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(
            [*_heading(self), "", *_metric_lines(self), *_part_lines(self), *_remark_lines(self)]
        )


def compare_results(first: Result, second: Result, by: str = "") -> Comparison:
    """Compare two results of the same protocol, frames and ground truth.

    Args:
        first: the result that is subtracted.
        second: the other one.
        by: also compare every part of this breakdown: sequence, camera, joint or group.

    Raises:
        UsageError: they differ in protocol, frames or ground truth, or have no such breakdown; the message
            names what differs.
        InputError: the draws of a result are damaged.
    """
    _check_same(first, second)
    paired = _paired(first, second)
    names = [name for name in first.metrics if name in second.metrics]
    return Comparison(
        protocol=f"{first.protocol.name} v{first.protocol.version}",
        models=(first.model, second.model),
        metrics=tuple(_difference(first, second, name, paired=paired) for name in names),
        by=by,
        parts=_parts(first, second, names, by, paired=paired) if by else (),
        drawn=first.protocol.resampled if paired else "",
        remarks=_remarks(first, second, paired=paired),
    )


def p_value(differences: npt.NDArray[np.float64]) -> float:
    """Two-sided p-value of no difference from (draws,) paired differences; never 0, as draws are finite."""
    below = np.count_nonzero(differences <= 0.0)
    above = np.count_nonzero(differences >= 0.0)
    return float(min(1.0, 2.0 * (1 + min(below, above)) / (1 + len(differences))))


def _check_same(first: Result, second: Result) -> None:
    one, other = first.protocol, second.protocol
    facts = {
        "protocol": (f"{one.name} v{one.version}", f"{other.name} v{other.version}"),
        "options": (dict(one.options), dict(other.options)),
        "rules (protocol hash)": (one.hash[:12], other.hash[:12]),
        "frames": (one.frames_sha256[:12], other.frames_sha256[:12]),
        "ground truth": (one.gt_sha256[:12], other.gt_sha256[:12]),
        "scored joints": (one.joints, other.joints),
    }
    unlike = [f"{name}: {a} and {b}" for name, (a, b) in facts.items() if a != b]
    if unlike:
        raise UsageError(
            f"the two results speak of different things: {'; '.join(unlike)}",
            expected="two results of one protocol on the same frames and ground truth",
            action="evaluate both predictions with the same protocol, options, frame lists and shards",
        )


def _paired(first: Result, second: Result) -> bool:
    one, other = first.resampling, second.resampling
    return one is not None and other is not None and one.sha256 == other.sha256


def _difference(first: Result, second: Result, name: str, *, paired: bool) -> MetricDifference:
    a, b = first.metrics[name], second.metrics[name]
    difference = _subtracted(a.value, b.value)
    if not paired or difference is None:
        return MetricDifference(name, a.unit, a.value, b.value, difference)
    assert first.resampling is not None  # paired
    assert second.resampling is not None  # paired
    interval, chance = _judged(unpacked(second.resampling, name) - unpacked(first.resampling, name))
    return MetricDifference(name, a.unit, a.value, b.value, difference, interval, chance)


def _judged(differences: npt.NDArray[np.float64]) -> tuple[tuple[float, float] | None, float | None]:
    """Interval and p-value of (draws,) paired differences."""
    known = differences[np.isfinite(differences)]
    return percentile_interval(known), p_value(known) if known.size else None


def _subtracted(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else second - first


def _parts(
    first: Result, second: Result, names: list[str], by: str, *, paired: bool
) -> tuple[PartDifference, ...]:
    tables = [{part.key: part.metrics for part in one.breakdown if part.by == by} for one in (first, second)]
    if not tables[0] or not tables[1]:
        known = sorted({part.by for part in first.breakdown} & {part.by for part in second.breakdown})
        raise UsageError(
            f"the results have no breakdown by {by!r}",
            expected=f"one of: {', '.join(known) or 'they have none'}",
            action="choose one that both results have; `mhbench evaluate` stores all that its data know",
        )
    return tuple(
        PartDifference(
            key,
            name,
            tables[0][key].get(name),
            tables[1][key].get(name),
            *(_judged_part(first, second, (by, key, name)) if paired else (None, None)),
        )
        for key in tables[0]
        if key in tables[1]
        for name in names
        if name in tables[0][key]
    )


def _judged_part(
    first: Result, second: Result, part: tuple[str, str, str]
) -> tuple[tuple[float, float] | None, float | None]:
    assert first.resampling is not None  # paired
    assert second.resampling is not None  # paired
    before, after = unpacked_part(first.resampling, *part), unpacked_part(second.resampling, *part)
    return (None, None) if before is None or after is None else _judged(after - before)


def _remarks(first: Result, second: Result, *, paired: bool) -> tuple[str, ...]:
    lines = []
    for letter, one in (("A", first), ("B", second)):
        lines += [f"{letter} is not comparable: {reason}" for reason in one.comparable.reasons]
    one_sided = sorted(set(first.metrics) ^ set(second.metrics))
    if one_sided:
        lines.append(f"only one of the results has {', '.join(one_sided)}")
    if not paired and first.resampling is not None and second.resampling is not None:
        lines.append(
            "no intervals: the results drew other units (another number of draws, or another version);"
            " evaluate both anew"
        )
    elif not paired:
        lines.append("no intervals: a result keeps no draws; evaluate with --bootstrap above 0")
    return tuple(lines)


def verdict(one: MetricDifference) -> str:
    """Which of two results is better in a metric, as far as chance does not explain the difference."""
    if one.difference is None:
        return "not given by both"
    if one.p_value is None:
        return "not paired"
    if one.p_value >= LEVEL or not one.difference:
        return "no difference shown"
    return "B is better" if (one.difference < 0) == lower_is_better(one.metric) else "A is better"


def _heading(comparison: Comparison) -> list[str]:
    return [comparison.protocol, f"A  {comparison.models[0]}", f"B  {comparison.models[1]}"]


def _numbers(one: MetricDifference | PartDifference, unit: str) -> list[str]:
    """Both values, their difference, its unit, interval and p-value: the cells under `_HEAD`."""
    return [
        number(one.first, unit),
        number(one.second, unit),
        number(_subtracted(one.first, one.second), unit, sign=True),
        unit,
        interval(one.ci95, unit, sign=True),
        "" if one.p_value is None else f"{one.p_value:.3f}",
    ]


def _metric_lines(comparison: Comparison) -> list[str]:
    rows = [[one.metric, *_numbers(one, one.unit)] for one in comparison.metrics]
    lines = table([["metric", *_HEAD], *rows], left=_LEFT)
    if comparison.drawn:
        lines += wrapped(f"intervals and p: paired, {comparison.drawn}")
    judged: dict[str, list[str]] = {}
    for one in comparison.metrics:
        judged.setdefault(verdict(one), []).append(one.metric)
    lines.append("")
    for words, names in judged.items():
        lines += wrapped(f"{words}: {', '.join(names)}")
    return lines


def _part_lines(comparison: Comparison) -> list[str]:
    lines: list[str] = []
    units = {one.metric: one.unit for one in comparison.metrics}
    for metric in dict.fromkeys(part.metric for part in comparison.parts):
        parts = [part for part in comparison.parts if part.metric == metric]
        words = [part_words(comparison.by, part.key) for part in parts]
        cells = [[name, *_numbers(part, units[metric])] for name, part in zip(words, parts, strict=True)]
        lines += ["", f"{metric} by {comparison.by}", *table([[comparison.by, *_HEAD], *cells], left=_LEFT)]
        apart = [_subtracted(part.first, part.second) for part in parts]
        lower = sum(one is not None and one < 0.0 for one in apart)
        lines.append(f"B is lower in {lower} of {len(parts)}")
    if any(part.ci95 for part in comparison.parts):
        lines.append(f"intervals and p of parts: paired, the first {PART_DRAWS} of these draws")
    return lines


def _remark_lines(comparison: Comparison) -> list[str]:
    return ["", *all_wrapped(comparison.remarks)] if comparison.remarks else []
