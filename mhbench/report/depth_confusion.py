"""Confusion of the order of depth: how far apart two people are, and how far apart they are predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib import colormaps

from mhbench.report.paper_figures import PaperFigure, paper_style, plate
from mhbench.report.style import ON_BRIGHT, SHARES

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.records import Records

    Floats = npt.NDArray[np.float64]

GAPS_M: Final = (0.1, 0.3, 1.0, 3.0)
"""Edges of the differences of depth."""
TRUE_NAMES: Final = ("below 0.1", "0.1 to 0.3", "0.3 to 1", "1 to 3", "3 and more")
PREDICTED_NAMES: Final = (
    "reversed\n≥ 0.1",
    "below\n0.1",
    "0.1\nto 0.3",
    "0.3\nto 1",
    "1\nto 3",
    "3 and\nmore",
)
FEWEST_PAIRS: Final = 10


def depth_pairs(records: Records) -> Floats:
    """(K, 2) differences of depth in metres of all pairs of matched people of a frame: true, predicted.

    The farther of two people minus the nearer, so the true one is never negative; a predicted one below zero
    is an order reversed.
    """
    known = records.matched & np.isfinite(records.root_depth).all(axis=1)
    frame, depth = records.frame[known], records.root_depth[known]
    pairs = [np.zeros((0, 2))]
    # people of a frame are neighbours in the table: those `step` rows apart, while any are of one frame
    for step in range(1, int(np.bincount(frame).max(initial=1))):
        together = frame[step:] == frame[:-step]
        pairs.append((depth[step:] - depth[:-step])[together])
    found = np.concatenate(pairs)
    return found * np.where(found[:, :1] < 0, -1.0, 1.0)


def depth_counts(pairs: Floats) -> npt.NDArray[np.int64]:
    """(5, 6) pairs by true difference (rows) and predicted one; the first column is the order reversed."""
    rows = np.searchsorted(GAPS_M, pairs[:, 0], side="right")
    columns = np.searchsorted((-GAPS_M[0], *GAPS_M), pairs[:, 1], side="right")
    shape = (len(TRUE_NAMES), len(PREDICTED_NAMES))
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)


@paper_style
def depth_confusion(records: Records) -> PaperFigure | None:
    """The table of `depth_counts` as a picture, each row as shares; None with fewer than ten pairs."""
    counts = depth_counts(depth_pairs(records))
    if counts.sum() < FEWEST_PAIRS:
        return None
    rows = np.flatnonzero(counts.any(axis=1))
    columns = 1 + max(int(np.flatnonzero(counts.any(axis=0))[-1]), int(rows[-1]) + 1)
    counts = counts[rows, :columns]
    total = counts.sum(axis=1)
    shares = 100.0 * counts / total[:, None]
    figure, axes = plate(height=0.85 + 0.33 * len(rows))
    axes.imshow(shares, cmap=colormaps[SHARES], vmin=0, vmax=110, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        if counts[row, column]:
            paint = "white" if share > 60 else ON_BRIGHT
            axes.annotate(
                f"{share:.0f}" if share >= 1 else "<1",
                (column, row),
                ha="center",
                va="center",
                color=paint,
                fontsize=7,
            )
    names = [f"{TRUE_NAMES[row]}\n({pairs} pairs)" for row, pairs in zip(rows, total, strict=True)]
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(columns), PREDICTED_NAMES[:columns])
    axes.set(xlabel="predicted difference of depth (m)", ylabel="true difference (m)")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(b=False)
    caption = (
        "Pairs of matched people by their true and their predicted difference of depth, in percent of each"
        " row: the first column holds pairs in the wrong order by 0.1 m or more."
    )
    return PaperFigure("depth-order", caption, figure)
