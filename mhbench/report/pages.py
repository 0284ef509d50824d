"""What all pages of reports share: their templates, and the files that are written beside them."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Final

import jinja2
from markupsafe import Markup, escape

from mhbench.evaluation.directions import lower_is_better
from mhbench.evaluation.printing import number
from mhbench.report.latex import document
from mhbench.report.paper_figures import write_figures
from mhbench.shards.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mhbench.report.paper_figures import PaperFigure

FILES: Final = (
    "Beside this page: every figure as PDF, SVG and PNG in figures/, LaTeX in tables/ and report.tex."
)


def environment() -> jinja2.Environment:
    """The templates of `report/templates`, with everything escaped that is put into them."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("mhbench.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    made.filters["lower_is_better"] = lower_is_better
    made.filters["breakable"] = _breakable
    made.filters["number"] = partial(number, none="\N{EN DASH}")
    made.filters["base64"] = lambda content: base64.b64encode(content).decode()
    return made


def _breakable(metric: str) -> Markup:
    """The name of a metric, which a narrow page may break at its dots and before its threshold."""
    return Markup(str(escape(metric)).replace(".", ".<wbr>", 1).replace("@", "<wbr>@"))  # noqa: S704 - escaped


def write_beside(folder: Path, figures: Sequence[PaperFigure], tables: Mapping[str, str]) -> None:
    """Write the figures, the LaTeX tables by name, and a document that holds them all.

    Raises:
        OutputError: the folder cannot be written.
    """
    write_figures(figures, folder / "figures")
    for name, text in tables.items():
        write_atomically(folder / "tables" / f"{name}.tex", text.encode())
    write_atomically(folder / "report.tex", document(tables, figures).encode())
