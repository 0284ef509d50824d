"""A figure for a paper: how it is begun, shown on a page, and written as PNG, SVG and PDF."""

from __future__ import annotations

import html
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import matplotlib as mpl
from matplotlib.figure import Figure

from mhbench.report.style import COLUMN_WIDTH, GRID, INK, PALETTE, PAPER, QUIET
from mhbench.shards.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Format = Literal["svg", "png", "pdf"]

FORMATS: Final[tuple[Format, ...]] = ("pdf", "svg", "png")
DPI: Final = 300
# on a page that may be dark, what is neither curve nor point takes the page's own colours
_THEME: Final = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    GRID: "var(--line)",
    PALETTE[0]: "var(--curve)",  # its blue is too deep for a dark page
}
_NO_METADATA: Final[dict[Format, dict[str, Any]]] = {
    "svg": {"Date": None, "Creator": "mhbench"},
    "png": {"Software": "mhbench"},
    "pdf": {"CreationDate": None, "Creator": "mhbench", "Producer": None},
}


# around, or as decorator of, whatever draws
paper_style = mpl.rc_context(PAPER)


@dataclass(frozen=True, slots=True, eq=False)
class PaperFigure:
    """A drawn figure.

    Attributes:
        name: of its files, such as `pck-curve`.
        caption: one or two sentences, for the page and for LaTeX.
        figure: what matplotlib drew.
    """

    name: str
    caption: str
    figure: Figure

    def __post_init__(self) -> None:
        # laid out once, and not for each of the files it becomes
        with mpl.rc_context(PAPER):
            self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")

    def content(self, kind: Format, *, transparent: bool = False) -> bytes:
        """The figure as a file; the same figure gives the same bytes."""
        buffer = io.BytesIO()
        with mpl.rc_context(PAPER):
            self.figure.savefig(
                buffer, format=kind, dpi=DPI, metadata=_NO_METADATA[kind], transparent=transparent
            )
        return buffer.getvalue()

    @property
    def wide(self) -> bool:
        """Whether it needs more than one column of a paper."""
        return bool(self.figure.get_figwidth() > 1.1 * COLUMN_WIDTH)

    def inline(self) -> str:
        """The figure as SVG to stand in a page, in the colours of the page, light or dark."""
        text = self.content("svg", transparent=True).decode()
        text = text[text.index("<svg") :]
        # names of parts (axes_1) would meet those of other figures; what is referred to is named by a hash
        text = re.sub(r' id="[A-Za-z][A-Za-z0-9.]*_\d{1,3}"', "", text)
        for fixed, themed in _THEME.items():
            text = text.replace(fixed.lower(), themed).replace(fixed.upper(), themed)
        label = html.escape(self.caption)
        return text.replace("<svg ", f'<svg role="img" focusable="false" aria-label="{label}" ', 1)


def plate(
    width: float = COLUMN_WIDTH, height: float = 2.3, *, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """An empty figure (inches) and its axes, one or an array of them; `options` go to `subplots`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def write_figures(figures: Iterable[PaperFigure], folder: Path) -> list[Path]:
    """Write every figure as PDF, SVG and PNG into a folder, which is made.

    Raises:
        OutputError: it cannot be written.
    """
    written = []
    for figure in figures:
        for kind in FORMATS:
            path = folder / f"{figure.name}.{kind}"
            write_atomically(path, figure.content(kind))
            written.append(path)
    return written
