"""Breakdowns of a result as people read them: which are worth showing, their words, and tables that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mhbench.errors import UsageError
from mhbench.evaluation.printing import LINE, number
from mhbench.evaluation.results import part_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mhbench.evaluation.results import Breakdown, Result


def breakdown_parts(breakdown: Iterable[Breakdown]) -> dict[str, list[Breakdown]]:
    """The breakdowns by what they break down by, in their order, where there is more than one part.

    One that says the same as another (of a data set whose sequences are its actions) is left out.
    """
    tables: dict[str, list[Breakdown]] = {}
    for part in breakdown:
        tables.setdefault(part.by, []).append(part)
    told: list[dict[str, Mapping[str, float | None]]] = []
    kept = {}
    for by, parts in tables.items():
        table = {part.key: part.metrics for part in parts}
        if len(parts) > 1 and table not in told:
            kept[by] = parts
            told.append(table)
    return kept


def breakdown_table(result: Result, by: str) -> str:
    """The breakdown of a name as a table.

    Raises:
        UsageError: the result has no such breakdown; the message lists those it has.
    """
    rows = [part for part in result.breakdown if part.by == by]
    if not rows:
        known = dict.fromkeys(part.by for part in result.breakdown)
        raise UsageError(
            f"the result has no breakdown by {by!r}",
            expected=f"one of: {', '.join(known)}",
            action="choose one of these",
        )
    words = [part_words(by, row.key) for row in rows]
    first = max(len(one) for one in [by, *words])
    blocks = []
    for names in _columns_that_fit(list(rows[0].metrics), first):
        lines = [f"{by:<{first}}" + "".join(f"  {name:>{_column_width(name)}}" for name in names)]
        for part, row in zip(words, rows, strict=True):
            texts = [number(row.metrics[name], result.metrics[name].unit) for name in names]
            cells = [f"  {text:>{_column_width(name)}}" for name, text in zip(names, texts, strict=True)]
            lines.append(f"{part:<{first}}" + "".join(cells))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _column_width(metric: str) -> int:
    return max(len(metric), 10)


def _columns_that_fit(metrics: list[str], first: int) -> list[list[str]]:
    """The metrics in blocks that stand side by side in a line, at least one in each."""
    blocks: list[list[str]] = []
    left = 0
    for metric in metrics:
        if not blocks or _column_width(metric) + 2 > left:
            blocks.append([])
            left = LINE - first
        blocks[-1].append(metric)
        left -= _column_width(metric) + 2
    return blocks
