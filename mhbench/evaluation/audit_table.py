"""What an audit found, and how it prints: conventions by axis, mistakes undone, warnings."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from mhbench.evaluation.printing import all_wrapped, number, wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One number under one convention.

    Attributes:
        axis, value, source: which convention, and whose.
        metric, unit: what is measured.
        number: the value; None = nothing was counted.
        difference: to the chosen protocol's own value of the same kind; None where it has none.
        chosen: the convention is the chosen protocol's own.
    """

    axis: str
    value: str
    source: str
    metric: str
    unit: str
    number: float | None
    difference: float | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class MistakeRow:
    """How the predictions score with a mistake undone: their error, missed people counted in."""

    name: str
    error: float
    suspicion: str


@dataclass(frozen=True, slots=True)
class Audit:
    """All rows. Prints as two tables and the warnings.

    Attributes:
        protocol: the chosen one, with its version.
        chosen: its own numbers: metric -> (value, unit).
        rows: the conventions, by axis.
        impossible: conventions that cannot be applied here, and why.
        error: the error by which mistakes are judged, of the predictions as they are.
        judged_by: its metric and unit, and what is added; empty = nothing here tells a mistake.
        mistakes: the predictions with each mistake undone.
        contamination: what the training data share with the tested frames, and rules they break.
        warnings: mistakes that were probably made.
    """

    protocol: str
    chosen: Mapping[str, tuple[float | None, str]]
    rows: tuple[AuditRow, ...]
    impossible: tuple[str, ...]
    error: float
    judged_by: str
    mistakes: tuple[MistakeRow, ...]
    contamination: tuple[str, ...]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        judged = ["", *_mistake_lines(self)] if self.judged_by else []
        contamination = all_wrapped(f"contamination: {words}" for words in self.contamination)
        return "\n".join([*_convention_lines(self), *judged, *contamination])


def _convention_lines(one: Audit) -> list[str]:
    width = max(len(name) for name in (*one.chosen, *(row.metric for row in one.rows))) + 2
    lines = [f"{one.protocol}, the chosen protocol"]
    lines += [
        f"    {name:<{width}}{number(value, unit):>10} {unit}".rstrip()
        for name, (value, unit) in one.chosen.items()
    ]
    axis, last, source = "", "", ""
    for row in one.rows:
        if row.axis != axis:
            axis, last, source = row.axis, "", ""
            lines += ["", f"{axis:<{width + 4}}{'value':>10}{'change':>10}"]
        if row.value != last:
            whose = "" if row.source == source else f" ({row.source})"
            lines += wrapped(f"{'*' if row.chosen else ' '} {row.value}{whose}")
        elif row.chosen:
            continue  # its further metrics stand above
        last, source = row.value, row.source
        change = "" if row.difference is None else number(row.difference, row.unit, sign=True)
        lines.append(
            f"    {row.metric:<{width}}{number(row.number, row.unit):>10}{change:>10} {row.unit}".rstrip()
        )
    lines += ["", "* as the chosen protocol; change is to its own number"]
    if one.impossible:
        lines += [
            "not possible with these predictions:",
            *all_wrapped(f"  {text}" for text in one.impossible),
        ]
    return lines


def _mistake_lines(one: Audit) -> list[str]:
    lines = wrapped(f"common mistakes undone ({one.judged_by})")
    rows = [("as they are", one.error), *((row.name, row.error) for row in one.mistakes)]
    lines += [f"  {name:<34}{'n/a' if isnan(error) else format(error, '.1f'):>10}" for name, error in rows]
    warnings = all_wrapped(f"warning: {warning}" for warning in one.warnings)
    return lines + (["", *warnings] if warnings else ["no mistake undone makes them better"])
