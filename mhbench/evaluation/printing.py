"""How numbers and sentences of results print: two digits, whole counts whole, lines that a terminal holds."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

LINE: Final = 80  # characters of a terminal
LARGE: Final = 100  # a count from which on parts of one, as a bound of an interval has, say nothing


def number(value: float | None, unit: str, *, sign: bool = False, none: str = "n/a") -> str:
    """A value with two digits; a count, which has no unit, without them where it is whole or large.

    Args:
        value: None = not defined.
        unit: of the value; empty = a count.
        sign: print a plus, too: the value is a difference.
        none: what stands for no value.
    """
    if value is None:
        return none
    digits = 0 if not unit and (value % 1 == 0 or abs(value) >= LARGE) else 2
    shown = round(value, digits) + 0.0  # no minus before a zero
    return f"{shown:{'+' if sign else ''}.{digits}f}"


def interval(bounds: tuple[float, float] | None, unit: str, *, sign: bool = False) -> str:
    """`[low, high]`, or nothing where there is none."""
    if bounds is None:
        return ""
    low, high = (number(bound, unit, sign=sign) for bound in bounds)
    return f"[{low}, {high}]"


def wrapped(line: str) -> list[str]:
    """A line of words as lines that a terminal holds."""
    indent = "  " + " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, LINE, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)


def all_wrapped(lines: Iterable[str]) -> list[str]:
    """Each of several lines as lines that a terminal holds."""
    return [part for line in lines for part in wrapped(line)]


def table(rows: Sequence[Sequence[str]], *, left: Container[int]) -> list[str]:
    """Rows of cells as lines with aligned columns.

    Columns stand closer where the lines are too wide, and first cells on lines of their own where even that
    does not help.

    Args:
        rows: the head first.
        left: columns that begin at the left; the others end at the right.
    """
    for gap in (2, 1):
        lines = _aligned(rows, left, gap)
        if max(map(len, lines)) <= LINE:
            return lines
    rest = _aligned([("", *row[1:]) for row in rows], left, 2)
    return [line for row, numbers in zip(rows, rest, strict=True) for line in (row[0], numbers)]


def _aligned(rows: Sequence[Sequence[str]], left: Container[int], gap: int) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        (" " * gap)
        .join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        .rstrip()
        for row in rows
    ]
