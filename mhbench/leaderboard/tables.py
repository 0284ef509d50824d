"""The same boards for programs and for text: JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mhbench import __version__
from mhbench.evaluation.printing import interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import jinja2

    from mhbench.leaderboard.boards import BoardView
    from mhbench.leaderboard.rows import Row

FORMAT: Final = "mhbench-leaderboard/1"
_CSV_HEAD: Final = (
    *("protocol", "model", "source", "standing", "metric", "value", "unit", "low95", "high95", "rank"),
    *("trained_on", "backbone", "year", "frame_coverage", "joint_coverage", "added", "link", "reasons"),
)
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]<>|#~&])")


def as_json(views: Sequence[BoardView], title: str) -> bytes:
    """Everything the pages show, unrounded (format `mhbench-leaderboard/1`)."""
    content = {
        "format": FORMAT,
        "title": title,
        "mhbench": __version__,
        "boards": [_board(view) for view in views],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


def _board(view: BoardView) -> dict[str, Any]:
    return {
        "protocol": view.name,
        "evidence": view.protocol.weakest_evidence if view.protocol else None,
        "board": view.board,
        "metrics": [
            {"name": column.metric, "unit": column.unit, "lower_is_better": column.lower}
            for column in view.columns
        ],
        "rows": [_row(view, place) for place in range(len(view.rows))],
    }


def _row(view: BoardView, place: int) -> dict[str, Any]:
    row = view.rows[place]
    return {
        "model": row.model,
        "source": row.source,
        "standing": row.standing,
        "reasons": row.reasons,
        "trained_on": row.training,
        "backbone": row.backbone,
        "year": row.year,
        "link": row.link,
        "note": row.note,
        "added": row.added,
        "where": row.where,
        "page": f"{view.name}/{row.key}.html",
        "coverage": {"frames": row.coverage[0], "joints": row.coverage[1]} if row.entry else None,
        "metrics": {
            metric: {
                "value": one.value,
                "unit": one.unit,
                "ci95": one.ci95,
                "rank": view.rank(metric, place),
            }
            for metric, one in row.cells.items()
        },
        "parts": [
            {"metric": metric, "part": part, "value": one.value, "unit": one.unit}
            for (metric, part), one in row.parts.items()
        ],
    }


def as_csv(views: Sequence[BoardView]) -> bytes:
    """One line per row and metric. No text begins like a formula, which spreadsheets would run."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV_HEAD)
    for view in views:
        for place, row in enumerate(view.rows):
            for metric, one in row.cells.items():
                low, high = one.ci95 or ("", "")
                numbers = [one.value, one.unit, low, high, view.rank(metric, place)]
                writer.writerow(
                    [
                        view.name,
                        _harmless(row.model),
                        row.source,
                        row.standing,
                        metric,
                        *numbers,
                        *_facts(row),
                    ]
                )
    return text.getvalue().encode()


def _facts(row: Row) -> list[Any]:
    return [
        _harmless(" ".join(row.training)),
        _harmless(row.backbone),
        row.year,
        *(row.coverage if row.entry else ("", "")),
        row.added,
        row.link,
        _harmless("; ".join(row.reasons)),
    ]


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def as_markdown(views: Sequence[BoardView], title: str, environment: jinja2.Environment) -> bytes:
    """One table per board, for a README or a pull request."""
    page = environment.get_template("leaderboard.md.j2").render(
        title=title, views=views, rank=_rank, number=_number, remarks=_remarks
    )
    return (page.strip() + "\n").encode()


def markdown_cell(value: object) -> str:
    """Text that means only itself in a Markdown table."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(value).split()))


def _rank(view: BoardView, place: int) -> str:
    return str(view.rank(view.headline, place) or "-")


def _number(row: Row, metric: str) -> str:
    one = row.cells.get(metric)
    if one is None:
        return ""
    return f"{one.text} {interval(one.ci95, one.unit)}".rstrip()


def _remarks(row: Row) -> str:
    return "; ".join([*([row.where] if row.where else []), *row.reasons, *([row.note] if row.note else [])])
