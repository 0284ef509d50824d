"""What papers print: rows of their tables, the protocol each belongs to, and whether it may be ranked.

As data: `manifests/published/<paper>.toml`, one file per paper, each table in the paper's own order of rows
and columns. Figures are as printed; a figure says nothing without its protocol, so a row knows who measured
it, what the model was trained on, and why it is not comparable where it is not.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec resolves the field types at run time
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from mhbench.errors import ManifestError
from mhbench.manifests import manifest_names, read_manifest

Origin = Literal["measured", "quoted"]
Training = Literal["trained on it", "not trained on it", "ground truth", "not stated"]

_ORIGIN_WORDS: Final[Mapping[Origin, str]] = {
    "measured": "measured by the paper",
    "quoted": "quoted by the paper",
}
_TRAINING_WORDS: Final[Mapping[Training, str]] = {
    "trained on it": "trained on this data set",
    "not trained on it": "not trained on this data set",
    "ground truth": "made from ground truth",
    "not stated": "training not stated",
}


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all parts: immutable, by name, and strict about unknown fields."""


class TableColumn(_Part, frozen=True, kw_only=True):
    """One column: contract name of the metric, unit as printed (`share` = 0 to 1), part of the data.

    Attributes:
        protocol: overrides the one of the row and of the table.
        part: the group, subset or data set the column speaks of; empty = everything.
    """

    metric: str
    unit: Literal["mm", "%", "share", ""]
    protocol: str = ""
    part: str = ""
    not_comparable: str = ""


class TableRow(_Part, frozen=True, kw_only=True):
    """One row: `values` in the order of the columns, `-` where the paper prints none.

    Attributes:
        reference: number in the paper's list of references; empty = the paper's own method.
        protocol: overrides the table's; `none` = it belongs to no protocol of ours.
        origin, training: override the table's.
    """

    method: str
    values: tuple[float | Literal["-"], ...]
    reference: str = ""
    protocol: str = ""
    origin: Origin | None = None
    training: Training | None = None
    not_comparable: str = ""


class Table(_Part, frozen=True, kw_only=True):
    """One table of a paper.

    Attributes:
        protocol: of all figures, unless a row or column says otherwise; empty = none.
        origin: who measured: the paper itself, or another one it quotes.
        training: whether the models have seen training data of this data set.
        not_comparable: why no figure of the table may be ranked.
    """

    name: str
    about: str
    origin: Origin
    training: Training
    columns: tuple[TableColumn, ...]
    row: tuple[TableRow, ...]
    protocol: str = ""
    not_comparable: str = ""


class FrameRanges(_Part, frozen=True, kw_only=True):
    """A table that prints frames: sequence -> first frame and end."""

    name: str
    about: str
    protocol: str
    ranges: Mapping[str, tuple[int, int]]


class Paper(_Part, frozen=True, kw_only=True):
    """The tables of one paper."""

    paper: str
    title: str
    venue: str
    references: Mapping[str, str] = {}
    table: tuple[Table, ...] = ()
    frame_ranges: tuple[FrameRanges, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishedValue:
    """One figure as printed."""

    metric: str
    part: str
    unit: str
    value: float


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """The figures of one method under one protocol, all comparable or all not for the same reason.

    Attributes:
        paper, table: where they are printed.
        method, reference: whose they are; the reference as text, empty = the paper's own.
        protocol: full name; empty = none of ours.
        values: in the order of the columns.
        origin: `measured` by the paper or `quoted` from another one.
        training: whether the model has seen training data of the data set.
        not_comparable: why they may not be ranked; empty = they may.
    """

    paper: str
    table: str
    method: str
    reference: str
    protocol: str
    values: tuple[PublishedValue, ...]
    origin: Origin
    training: Training
    not_comparable: str

    @property
    def comparable(self) -> bool:
        """Whether the figures may stand beside others of the protocol."""
        return not self.not_comparable


def published_papers() -> list[Paper]:
    """All papers, by the names of their files.

    Raises:
        ManifestError: a manifest breaks the schema, or a row has another number of values than columns.
    """
    papers = [read_manifest(f"published/{name}", Paper) for name in manifest_names("published")]
    for paper in papers:
        for table in paper.table:
            _check_table(paper, table)
    return papers


def published_rows(protocol: str | None = None) -> list[PublishedRow]:
    """All printed figures, or those of one protocol, in the order of the papers' tables.

    Args:
        protocol: full name such as `panoptic/zanfir-loco`; `""` = figures that belong to none.
    """
    rows = [
        row
        for paper in published_papers()
        for table in paper.table
        for line in table.row
        for row in _rows(paper, table, line)
    ]
    return rows if protocol is None else [row for row in rows if row.protocol == protocol]


def published_in_words(protocol: str) -> list[str]:
    """One line per row of a protocol, for `mhbench protocols NAME`; empty where nothing is published."""
    return [_in_words(row) for row in published_rows(protocol)]


def _check_table(paper: Paper, table: Table) -> None:
    for line in table.row:
        if len(line.values) != len(table.columns):
            raise ManifestError(
                f"{paper.paper}, {table.name}: {line.method!r} has {len(line.values)} values",
                expected=f"{len(table.columns)}, one for each column; - where the paper prints none",
                action="compare the line with the paper's table",
            )
        unknown = [key for key in _keys(line.reference) if key not in paper.references]
        if unknown:
            raise ManifestError(
                f"{paper.paper}, {table.name}: {line.method!r} names reference {', '.join(unknown)}",
                expected=f"one of: {', '.join(paper.references)}",
                action="add it to the paper's [references], or correct the key",
            )


def _keys(reference: str) -> list[str]:
    return [key.strip() for key in reference.split(",") if key.strip()]


def _rows(paper: Paper, table: Table, line: TableRow) -> list[PublishedRow]:
    """One row per protocol and reason: figures that may be ranked never hide behind some that may not."""
    values: dict[tuple[str, str], list[PublishedValue]] = {}
    for column, value in zip(table.columns, line.values, strict=True):
        if value == "-":
            continue
        protocol = column.protocol or line.protocol or table.protocol
        reason = "; ".join(
            part for part in (line.not_comparable, column.not_comparable, table.not_comparable) if part
        )
        values.setdefault(("" if line.protocol == "none" else protocol, reason), []).append(
            PublishedValue(column.metric, column.part, column.unit, value)
        )
    return [
        PublishedRow(
            paper=paper.paper,
            table=table.name,
            method=line.method,
            reference="; ".join(paper.references[key] for key in _keys(line.reference)),
            protocol=protocol,
            values=tuple(found),
            origin=line.origin or table.origin,
            training=line.training or table.training,
            not_comparable=reason,
        )
        for (protocol, reason), found in values.items()
    ]


def _in_words(row: PublishedRow) -> str:
    figures: dict[str, list[str]] = {}
    for one in row.values:
        number = f"{one.value:g}" + (f" {one.unit}" if one.unit in {"mm", "%"} else "")
        figures.setdefault(one.metric, []).append(f"{one.part} {number}" if one.part else number)
    text = "; ".join(f"{metric} {', '.join(numbers)}" for metric, numbers in figures.items())
    about = [_ORIGIN_WORDS[row.origin], _TRAINING_WORDS[row.training]]
    about += [f"not comparable: {row.not_comparable}"] if row.not_comparable else []
    return f"{row.paper}, {row.table}: {row.method}: {text} ({'; '.join(about)})"
