"""One style for every picture: colour-blind safe colours, quiet axes, vector-friendly text."""

from __future__ import annotations

from typing import Any, Final

# Okabe and Ito 2008, "Color universal design": told apart by people with any of the common deficiencies
PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
TRUTH: Final = "#009E73"
PREDICTION: Final = "#D55E00"
QUIET: Final = "#888888"

RC: Final[dict[Any, Any]] = {  # matplotlib types the keys of its settings as literals
    "figure.facecolor": "white",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "mhbench",  # identical files for identical input
    "svg.fonttype": "none",
}


def colour(number: int) -> str:
    """Colour of the n-th person or curve."""
    return PALETTE[number % len(PALETTE)]
