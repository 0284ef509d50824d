"""Rows of a board: entries verified by a result, and figures published in papers, in one form."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - dataclasses and readers want the real names
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from mhbench.evaluation.printing import number
from mhbench.leaderboard.entries import Entry  # noqa: TC001 - same
from mhbench.leaderboard.store import slug
from mhbench.protocols.published import published_papers, published_rows
from mhbench.protocols.training_rules import broken_rules

if TYPE_CHECKING:
    from mhbench.leaderboard.entries import Board
    from mhbench.protocols.loading import Protocol
    from mhbench.protocols.published import PublishedRow

Standing = Literal["ranked", "training rule broken", "not comparable"]

NOT_STATED: Final = "not stated"
UPPER_BOUND: Final = "made from the ground truth: an upper bound, no prediction"
_TRAINING: Final = {
    "not trained on it": "other data",
    "ground truth": "ground truth",
    "not stated": NOT_STATED,
}
_YEAR: Final = re.compile(r"\b(?:19|20)\d\d\b")


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a row. `text` keeps a published figure's digits."""

    value: float
    unit: str
    text: str
    ci95: tuple[float, float] | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """The interval; without one the value twice."""
        return self.ci95 or (self.value, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model on a board.

    Attributes:
        key: name of its page, unique on the board.
        source: `verified` = by a stored result; `published` = printed in a paper.
        training: data sets, or words where no data set is named.
        standing, reasons: whether it is ranked, and why not.
        cells: metric -> number over everything.
        coverage: share of the expected frames, and of the joints of matched people; 1 for published rows,
            which do not say.
        parts: (metric, part) -> printed figure of a part of the data; of published rows.
        where: paper and table; of published rows.
        entry: of verified rows.
    """

    key: str
    model: str
    source: Literal["verified", "published"]
    training: tuple[str, ...]
    backbone: str = ""
    year: int | None = None
    link: str = ""
    note: str = ""
    added: str = ""
    standing: Standing = "ranked"
    reasons: tuple[str, ...] = ()
    cells: Mapping[str, Cell]
    coverage: tuple[float, float] = (1.0, 1.0)
    parts: Mapping[tuple[str, str], Cell] = field(default_factory=dict)
    where: str = ""
    entry: Entry | None = None


def verified_row(entry: Entry, protocol: Protocol) -> Row:
    """The row of a stored result."""
    result, facts = entry.result, entry.facts
    forbidden = broken_rules(protocol.training, result.trained_on)
    reasons = result.comparable.reasons + ((UPPER_BOUND,) if facts.upper_bound else ())
    standing: Standing = "not comparable" if reasons else "ranked"
    counts = result.counts
    return Row(
        key=entry.name,
        model=result.model,
        source="verified",
        training=(NOT_STATED,) if result.trained_on is None else result.trained_on or ("nothing",),
        backbone=facts.backbone,
        year=facts.year,
        link=facts.link,
        note=facts.note,
        added=facts.added,
        standing="training rule broken" if forbidden else standing,
        reasons=reasons,
        cells={
            name: Cell(one.value, one.unit, number(one.value, one.unit), one.ci95)
            for name, one in result.metrics.items()
            if one.value is not None
        },
        coverage=(1.0 - counts.frames_missing / max(counts.frames, 1), result.joint_coverage),
        entry=entry,
    )


def published_board_rows(name: str, protocol: Protocol | None, board: Board | None) -> list[Row]:
    """The rows that papers print for a protocol; kept apart on a board of other data than the official ones.

    Args:
        name: of the protocol.
        protocol: None = this version does not have it.
        board: None = nothing is stored for it.
    """
    years = {paper.paper: _year(paper.venue) for paper in published_papers()}
    rows: list[Row] = []
    for printed in published_rows(name):
        key = f"published-{slug(f'{printed.paper}-{printed.table}-{printed.method}')}"
        same = sum(row.key.startswith(key) for row in rows)
        year = _year(printed.reference) if printed.origin == "quoted" else None
        rows.append(
            _published_row(
                f"{key}-{same + 1}" if same else key, printed, year or years[printed.paper], protocol, board
            )
        )
    return rows


def _published_row(
    key: str, printed: PublishedRow, year: int | None, protocol: Protocol | None, board: Board | None
) -> Row:
    dataset = printed.protocol.partition("/")[0]
    on_it = printed.training == "trained on it"
    reasons = [printed.not_comparable] if printed.not_comparable else []
    reasons += [UPPER_BOUND] if printed.training == "ground truth" else []
    standing: Standing = "not comparable" if reasons else "ranked"
    if board is not None and board.own_data:
        reasons.append("published on the official data, which are not those of this board")
        standing = "not comparable"
    elif on_it and protocol is not None and dataset in protocol.training.forbidden:
        reasons.append(f"trained on {dataset}, which the protocol forbids")
        standing = "training rule broken"
    cells = {
        (one.metric, one.part): Cell(
            100.0 * one.value if one.unit == "share" else one.value,
            "%" if one.unit == "share" else one.unit,
            f"{100.0 * one.value:g}" if one.unit == "share" else f"{one.value:g}",
        )
        for one in printed.values
    }
    quoted = f", quoted from {printed.reference}" if printed.origin == "quoted" and printed.reference else ""
    return Row(
        key=key,
        model=printed.method,
        source="published",
        training=(dataset if on_it else _TRAINING[printed.training],),
        year=year,
        standing=standing,
        reasons=tuple(reasons),
        cells={metric: cell for (metric, part), cell in cells.items() if not part},
        parts={place: cell for place, cell in cells.items() if place[1]},
        where=f"{printed.paper}, {printed.table}{quoted}",
    )


def _year(text: str) -> int | None:
    found = _YEAR.findall(text)
    return int(found[-1]) if found else None
