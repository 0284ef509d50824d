"""The gate: is a result worse than a baseline, beyond noise and beyond what is allowed?

A non-inferiority test on paired draws (`evaluation.comparison`): the loss of a metric is its difference in
the bad direction, with a 95 % interval over the same resampled units. A metric is `worse` if even the low end
of the interval exceeds the allowed loss; it `holds` if the high end does not; in between the data cannot tell
(`unresolved`), which half the width of the interval, the smallest difference they can show, explains. Where
no loss is allowed, what cannot be told from none is `within noise`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from mhbench.errors import MissingInputError, UsageError
from mhbench.evaluation.comparison import compare_results
from mhbench.evaluation.directions import lower_is_better
from mhbench.evaluation.printing import all_wrapped, interval, number, table
from mhbench.evaluation.results import read_result
from mhbench.leaderboard.entries import ENTRY_FORMAT, read_entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mhbench.evaluation.comparison import MetricDifference
    from mhbench.evaluation.results import Result

Outcome = Literal["worse", "unresolved", "within noise", "holds", "better", "not given"]

_ALLOWED: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(mm|%|deg|l)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One metric of the gate.

    Attributes:
        metric, unit: which.
        baseline, value: of the two results; None = not defined.
        loss: difference in the bad direction, so positive is worse.
        interval: 95 % of the loss, over paired draws.
        allowed: loss that is accepted; 0 = any that is more than noise fails.
        resolvable: smallest difference these data can show: half the width of the interval.
        outcome: see the module.
    """

    metric: str
    unit: str
    baseline: float | None
    value: float | None
    loss: float | None
    interval: tuple[float, float] | None
    allowed: float
    resolvable: float | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Gate:
    """All verdicts. Prints as a table.

    Attributes:
        protocol: name and version.
        models: of the baseline and of the result.
        verdicts: in the protocol's order.
        lost: what the baseline had and the result has not: frames, joints, comparability; each fails.
        drawn: the draws in words.
        strict: what is unresolved fails, too.
    """

    protocol: str
    models: tuple[str, str]
    verdicts: tuple[Verdict, ...]
    lost: tuple[str, ...]
    drawn: str
    strict: bool

    @property
    def failures(self) -> list[Verdict]:
        """The verdicts that fail the gate."""
        failing = {"worse", "unresolved"} if self.strict else {"worse"}
        return [one for one in self.verdicts if one.outcome in failing]

    @property
    def passed(self) -> bool:
        """Nothing is worse and nothing was lost."""
        return not self.failures and not self.lost

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.protocol}: {self.models[1]} against {self.models[0]}",
                "",
                *_table(self.verdicts),
                *all_wrapped(self.notes),
                *all_wrapped(f"lost: {reason}" for reason in self.lost),
                "",
                *all_wrapped([self.summary]),
            ]
        )

    @property
    def notes(self) -> list[str]:
        """What the table means, as sentences: what the loss is, what is allowed, what cannot be told."""
        allowed = {f"{one.allowed:g} {one.unit}" for one in self.verdicts if one.allowed}
        lines = [
            f"loss: positive is worse; paired, {self.drawn}",
            f"allowed: {', '.join([*sorted(allowed), 'elsewhere' if allowed else 'only']).strip()} noise",
        ]
        return lines + [
            f"unresolved: {one.metric}, of which these data show differences from"
            f" {number(one.resolvable, one.unit)} {one.unit}".rstrip()
            for one in self.verdicts
            if one.outcome == "unresolved"
        ]

    @property
    def summary(self) -> str:
        """The result in one line."""
        if self.passed:
            open_points = sum(one.outcome == "unresolved" for one in self.verdicts)
            return "passed" + (f"; {open_points} metrics cannot be resolved" if open_points else "")
        reasons = [f"{one.metric} {one.outcome}" for one in self.failures] + list(self.lost)
        return f"failed: {'; '.join(reasons)}"


def read_baseline(path: Path) -> Result:
    """A result from its own file or from an entry of a leaderboard.

    Raises:
        MissingInputError: it is not there.
        InputError: it is neither, or the entry was edited.
    """
    if not path.is_file():
        raise MissingInputError(
            f"there is no baseline {path}",
            expected="a result or an entry of a leaderboard",
            action="store one with `mhbench evaluate PREDS --protocol P --out FILE`",
        )
    try:
        content: Any = msgspec.json.decode(path.read_bytes())
    except (msgspec.DecodeError, RecursionError):
        return read_result(path)  # which says what is wrong
    is_entry = isinstance(content, dict) and content.get("format") == ENTRY_FORMAT
    return read_entry(path).result if is_entry else read_result(path)


def allowed_losses(words: Sequence[str]) -> dict[str, float]:
    """Unit -> allowed loss, from words such as `0.5mm` and `1%`.

    Raises:
        UsageError: a word is no number with a unit.
    """
    allowed = {}
    for word in words:
        match = _ALLOWED.fullmatch(word.strip())
        if match is None:
            raise UsageError(
                f"--max-drop {word!r} is no loss",
                expected="a number and mm, %, deg or l, without a space: 0.5mm",
                action="repeat the option for each unit: --max-drop 0.5mm --max-drop 1%",
            )
        allowed[match[2]] = float(match[1])
    return allowed


def check_result(
    result: Result, baseline: Result, allowed: Mapping[str, float] | None = None, *, strict: bool = False
) -> Gate:
    """Judge every metric of the baseline.

    Args:
        result: the new one.
        baseline: what it must not fall behind.
        allowed: unit -> loss that is accepted; metrics of other units fail by any loss that is more than
            noise.
        strict: a metric must be shown to hold; applies to units with an allowance.

    Raises:
        UsageError: other protocol, frames or ground truth; no paired draws; no metric of an allowed unit.
    """
    allowed = allowed or {}
    comparison = compare_results(baseline, result)
    if not comparison.drawn:
        raise UsageError(
            f"the two results cannot be paired: {comparison.remarks[-1]}",
            expected="two results with the same draws",
            action="evaluate both with the same --bootstrap and the same version",
        )
    units = {one.unit for one in baseline.metrics.values()}
    strange = sorted(set(allowed) - units)
    if strange:
        raise UsageError(
            f"no metric of {comparison.protocol} is in {', '.join(strange)}",
            expected=f"losses in {', '.join(sorted(units))}",
            action="give --max-drop for these units only; metrics of the others are not compared to a limit",
        )
    differences = {one.metric: one for one in comparison.metrics}
    return Gate(
        protocol=comparison.protocol,
        models=(baseline.model, result.model),
        verdicts=tuple(
            _verdict(name, one.unit, one.value, differences.get(name), allowed.get(one.unit, 0.0))
            for name, one in baseline.metrics.items()
        ),
        lost=tuple(_lost(result, baseline)),
        drawn=comparison.drawn,
        strict=strict,
    )


def _verdict(
    metric: str, unit: str, before: float | None, difference: MetricDifference | None, allowed: float
) -> Verdict:
    now = None if difference is None else difference.second
    if difference is None or difference.difference is None or difference.ci95 is None:
        outcome: Outcome = "not given" if before is None else "worse"  # it had a value and has none now
        return Verdict(metric, unit, before, now, None, None, allowed, None, outcome)
    sign = 1.0 if lower_is_better(metric) else -1.0
    low, high = sorted(sign * edge for edge in difference.ci95)
    if low > allowed:
        outcome = "worse"
    elif high <= allowed:
        outcome = "better" if high < 0.0 else "holds"
    else:
        outcome = "unresolved" if allowed > 0.0 else "within noise"
    loss = sign * difference.difference
    return Verdict(metric, unit, before, now, loss, (low, high), allowed, (high - low) / 2.0, outcome)


def _lost(result: Result, baseline: Result) -> list[str]:
    """What makes the numbers themselves mean less, however good they are."""
    lost = []
    more = result.counts.frames_missing - baseline.counts.frames_missing
    if more > 0:
        lost.append(f"{more} more frames are not predicted")
    if result.joint_coverage < 1.0 <= baseline.joint_coverage:
        lost.append(f"joint coverage {100.0 * result.joint_coverage:.2f} %, which was 100 %")
    if baseline.comparable.value and not result.comparable.value and not more > 0:
        lost.append(f"no longer comparable: {', '.join(result.comparable.reasons)}")
    return lost


TABLE_HEAD: Final = ("metric", "before", "now", "loss", "unit", "95 % interval", "verdict")


def table_cells(verdict: Verdict) -> list[str]:
    """The cells of one line under `TABLE_HEAD`, as every form of the table prints them."""
    unit = verdict.unit
    return [
        verdict.metric,
        number(verdict.baseline, unit),
        number(verdict.value, unit),
        number(verdict.loss, unit, sign=True),
        unit,
        interval(verdict.interval, unit, sign=True),
        verdict.outcome,
    ]


def _table(verdicts: tuple[Verdict, ...]) -> list[str]:
    return table([TABLE_HEAD, *map(table_cells, verdicts)], left=(0, 4, 5, 6))
