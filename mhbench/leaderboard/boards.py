"""What the pages show: one view per protocol that has stored results or published figures."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - dataclasses and readers want the real names
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mhbench.evaluation.directions import family, lower_is_better
from mhbench.leaderboard.ranking import ranks
from mhbench.leaderboard.rows import published_board_rows, verified_row
from mhbench.protocols.loading import load_protocol, protocol_hash, protocol_names
from mhbench.protocols.published import published_rows
from mhbench.protocols.words import protocol_in_words

if TYPE_CHECKING:
    from pathlib import Path

    from mhbench.leaderboard.entries import Board
    from mhbench.leaderboard.rows import Row
    from mhbench.leaderboard.store import StoredBoard
    from mhbench.protocols.loading import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One metric of a board: its unit, its direction, and the range its intervals are drawn in."""

    metric: str
    unit: str
    lower: bool
    low: float
    high: float

    def place(self, value: float) -> float:
        """Where a value is drawn, from 0 to 1."""
        return (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView:
    """One protocol's page.

    Attributes:
        name: of the protocol, `<dataset>/<protocol>`.
        protocol: None = this version does not have it; only published figures then.
        board: None = nothing is stored for it.
        words: every choice of the protocol; empty without it, or if the board's rules are another version's.
        columns: metrics, in the protocol's order.
        rows: best first by the headline metric, those that are not ranked last.
        ranks: metric -> rank of every row.
        folder: of the stored board, where the pictures of entries are; None without one.
    """

    name: str
    protocol: Protocol | None
    board: Board | None
    words: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    ranks: Mapping[str, tuple[int | None, ...]]
    folder: Path | None = None

    @property
    def headline(self) -> str:
        """The metric a board is sorted by: the first one, or the F1 that precision and recall lead up to."""
        return _headline(self.columns)

    def rank(self, metric: str, place: int) -> int | None:
        """The rank of a row by a metric; None for rows that are not ranked, and if nobody has a number."""
        return self.ranks[metric][place] if metric in self.ranks else None

    def count(self, source: str) -> int:
        """Rows that are verified, or published."""
        return sum(row.source == source for row in self.rows)


def board_views(stored: list[StoredBoard]) -> list[BoardView]:
    """All boards that have a row, stored or published: those with stored results first, then by name.

    Raises:
        UsageError: a stored board belongs to a protocol that this version does not have.
        InputError: the draws of a stored result are damaged.
    """
    boards = {one.board.protocol: one for one in stored}
    printed = {row.protocol for row in published_rows() if row.protocol}
    return [
        _view(name, boards.get(name))
        for name in sorted({*boards, *printed}, key=lambda name: (name not in boards, name))
    ]


def _view(name: str, stored: StoredBoard | None) -> BoardView:
    protocol = load_protocol(name) if stored is not None or name in protocol_names() else None
    board = stored.board if stored else None
    verified = [verified_row(entry, protocol) for entry in stored.entries] if stored and protocol else []
    rows = verified + published_board_rows(name, protocol, board)
    columns = _columns(rows)
    ranking = {column.metric: ranks(rows, column.metric) for column in columns}
    order = _order(rows, columns, ranking)
    return BoardView(
        name=name,
        protocol=protocol,
        board=board,
        words=protocol_in_words(protocol) if protocol and _same_rules(protocol, board) else "",
        columns=columns,
        rows=tuple(rows[place] for place in order),
        ranks={metric: tuple(found[place] for place in order) for metric, found in ranking.items()},
        folder=stored.folder if stored else None,
    )


def _same_rules(protocol: Protocol, board: Board | None) -> bool:
    """With lists that are not public the hash cannot be known here; the version decides then."""
    if board is None:
        return True
    if protocol.frames.user_lists:
        return board.version == protocol.version
    return board.hash == protocol_hash(protocol)


def _columns(rows: list[Row]) -> tuple[Column, ...]:
    metrics = list(dict.fromkeys(metric for row in rows for metric in row.cells))
    return tuple(_column(rows, metric) for metric in metrics)


def _column(rows: list[Row], metric: str) -> Column:
    cells = [row.cells[metric] for row in rows if metric in row.cells]
    edges = [edge for cell in cells for edge in cell.bounds]
    return Column(
        metric=metric, unit=cells[0].unit, lower=lower_is_better(metric), low=min(edges), high=max(edges)
    )


def _headline(columns: tuple[Column, ...]) -> str:
    names = [column.metric for column in columns]
    halves = bool(names) and family(names[0]) in {"precision", "recall"}
    return next((name for name in names if halves and family(name) == "f1"), names[0] if names else "")


def _order(rows: list[Row], columns: tuple[Column, ...], ranking: dict[str, list[int | None]]) -> list[int]:
    """By the headline metric: ranked rows by value, then the others by value, then those without one."""
    first = _headline(columns)
    if not first:
        return list(range(len(rows)))
    sign = 1.0 if lower_is_better(first) else -1.0

    def place(number: int) -> tuple[bool, bool, float]:
        cell = rows[number].cells.get(first)
        return (ranking[first][number] is None, cell is None, 0.0 if cell is None else sign * cell.value)

    return sorted(range(len(rows)), key=place)
