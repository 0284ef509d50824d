"""One style for every picture: colour-blind safe colours, quiet axes, vector-friendly text."""

from __future__ import annotations

from typing import Any, Final

# Okabe and Ito 2008, "Color universal design": told apart by people with any of the common deficiencies
PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
TRUTH: Final = "#009E73"
PREDICTION: Final = "#D55E00"
QUIET: Final = "#888888"
INK: Final = "#1b1b1b"
# on a coloured surface, which stays bright where the page is dark
ON_BRIGHT: Final = "#111111"
GRID: Final = "#dddddd"
# even steps of brightness, and blue to yellow only: the same order for everybody, and in grey
SCALE: Final = "cividis"
# for shares in a table: nothing is white
SHARES: Final = "Blues"
# for differences, zero in the middle: orange and purple are told apart by everybody
DIVERGING: Final = "PuOr_r"
# the styles of a line, so that curves can be told apart in black and white, too
DASHES: Final = ("-", "--", "-.", ":")
# inches: of the text of a paper in two columns, and of one of them
TEXT_WIDTH: Final = 6.9
COLUMN_WIDTH: Final = 3.3

RC: Final[dict[Any, Any]] = {  # matplotlib types the keys of its settings as literals
    "figure.facecolor": "white",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a dollar in the name of a sequence is a dollar
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "mhbench",  # identical files for identical input
    "svg.fonttype": "none",
    "pdf.fonttype": 42,  # text stays text; many venues refuse the default
}

# in a column of a paper, beside a caption of 9 points
PAPER: Final[dict[Any, Any]] = {
    **RC,
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "lines.linewidth": 1.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
}


def colour(number: int) -> str:
    """Colour of the n-th person or curve."""
    return PALETTE[number % len(PALETTE)]
