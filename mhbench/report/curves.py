"""Curves: joints under a threshold, precision against recall, and shares by distance."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.evaluation.directions import family
from mhbench.report.paper_figures import PaperFigure, paper_style, plate
from mhbench.report.style import DASHES, QUIET, colour
from mhbench.scoring.scored import Curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from mhbench.evaluation.results import Value
    from mhbench.records import Records

    Floats = npt.NDArray[np.float64]

THRESHOLDS_MM: Final = np.arange(0.0, 301.0, 2.0)
MOST_POINTS: Final = 400
"""A curve of more points than this looks the same with these many."""
ERROR_WORDS: Final = {
    "mpjpe_abs": "absolute",
    "mpjpe": "rooted",
    "pmpjpe": "after similarity alignment",
    "n_mpjpe": "after scaling",
}
_AT: Final = re.compile(r"(?P<share>precision|recall|f1)\.(?P<what>person|joint)@(?P<metres>[\d.]+)m")


def shown_errors(records: Records, metrics: Mapping[str, Value]) -> list[str]:
    """The errors of joints that the records know any of, those of the first metrics first."""
    known = [name for name in records.errors if np.isfinite(records.errors[name]).any()]
    asked = [family(name) for name in metrics]
    return sorted(known, key=lambda name: asked.index(name) if name in asked else len(asked))


@paper_style
def threshold_curves(records: Records, names: Sequence[str]) -> PaperFigure | None:
    """Share of the joints of matched people under a threshold, for some errors."""
    figure, axes = plate()
    drawn = False
    for number, name in enumerate(names):
        errors = records.errors[name]
        people = records.matched & ~records.rootless if name == "mpjpe" else records.matched
        counted = records.scored & people[:, None]
        values = np.sort(errors[counted & np.isfinite(errors)])
        if values.size:
            share = 100.0 * np.searchsorted(values, THRESHOLDS_MM, side="left") / counted.sum()
            label = ERROR_WORDS.get(name, name)
            axes.plot(THRESHOLDS_MM, share, DASHES[number % 4], color=colour(number), label=label)
            drawn = True
    if not drawn:
        return None
    axes.set(xlabel="threshold (mm)", ylabel="joints under it (%)", xlim=(0, 300), ylim=(0, 101))
    axes.legend(loc="lower right")
    caption = "Share of the scored joints of matched people whose error is below a threshold (PCK)."
    return PaperFigure("pck-curve", caption, figure)


@paper_style
def precision_recall(curves: Mapping[str, Curve]) -> PaperFigure | None:
    """Precision against recall while predictions of ever lower scores are let in."""
    known = {name: one for name, one in curves.items() if one.recall.size > 1}
    if not known:
        return None
    figure, axes = plate()
    for number, (name, one) in enumerate(known.items()):
        keep = np.unique(np.linspace(0, one.recall.size - 1, MOST_POINTS).astype(np.int64))
        axes.plot(
            100.0 * one.recall[keep],
            100.0 * one.precision[keep],
            DASHES[number % 4],
            color=colour(number),
            label=name,
        )
    axes.set(xlabel="recall (%)", ylabel="precision (%)", xlim=(0, 101), ylim=(0, 101))
    axes.legend(loc="lower left")
    caption = "Precision against recall, as predictions of ever lower scores are counted."
    return PaperFigure("precision-recall", caption, figure)


def people_curves(records: Records, metrics: Mapping[str, Value]) -> dict[str, Curve]:
    """Curves of people found within the distances that the protocol's metrics name; {} without scores."""
    predicted = records.prediction >= 0
    scores = records.score[predicted]
    if len(np.unique(scores)) < 2 or not np.isfinite(scores).all():
        return {}
    order = np.flatnonzero(predicted)[np.argsort(-scores, kind="stable")]
    people = int((records.truth >= 0).sum())
    found = [
        match["metres"] for name in metrics if (match := _AT.fullmatch(name)) and match["what"] == "person"
    ]
    return {
        f"person within {metres} m": Curve.of(
            (records.matched & (records.distance_m <= float(metres)))[order], people
        )
        for metres in dict.fromkeys(found)
    }


@paper_style
def shares_by_distance(metrics: Mapping[str, Value]) -> PaperFigure | None:
    """Precision, recall and F1 at the distances the protocol asks for, with their intervals."""
    rows: dict[str, list[tuple[float, float, tuple[float, float]]]] = {}
    what = "person"
    for name, one in metrics.items():
        match = _AT.fullmatch(name)
        if match and one.value is not None:
            what = match["what"]
            bounds = one.ci95 or (one.value, one.value)
            rows.setdefault(match["share"], []).append((float(match["metres"]), one.value, bounds))
    if not rows or max(len(points) for points in rows.values()) < 2:
        return None
    figure, axes = plate()
    for number, (share, points) in enumerate(rows.items()):
        metres, values, bounds = zip(*sorted(points), strict=True)
        spread = np.abs(np.transpose(bounds) - np.array(values))
        place = np.array(metres) + 0.008 * (number - 1)  # so that the intervals do not hide each other
        axes.errorbar(
            place,
            values,
            spread,
            fmt="o" + DASHES[number],
            color=colour(number),
            ms=4,
            capsize=2,
            label=share,
        )
    axes.axhline(100.0, color=QUIET, lw=0.6)
    axes.set(xlabel="distance (m)", ylabel="share (%)", ylim=(None, 101), xticks=metres)
    axes.legend(loc="best")
    caption = f"Precision, recall and F1 of {what}s found within a distance, with 95 % intervals."
    return PaperFigure("shares-by-distance", caption, figure)
