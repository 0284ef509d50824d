"""The figures of a result's page, as inline SVG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from mhbench.report.style import PREDICTION, QUIET, RC, TRUTH, colour

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from mhbench.records import Records

CURVE_MM: Final = np.arange(0.0, 301.0, 2.0)
MOST_ROWS: Final = 40
ERROR_WORDS: Final = {
    "mpjpe_abs": "absolute",
    "mpjpe": "rooted",
    "pmpjpe": "after similarity alignment",
    "n_mpjpe": "after scaling",
}


def threshold_curve(records: Records) -> str:
    """Share of the scored joints of matched people under a threshold, for every error of the records."""
    figure, axes = _plot(6.0, 3.4)
    for number, (name, errors) in enumerate(records.errors.items()):
        people = records.matched & ~records.rootless if name == "mpjpe" else records.matched
        counted = records.scored & people[:, None]
        values = np.sort(errors[counted & np.isfinite(errors)])
        if values.size:
            share = 100.0 * np.searchsorted(values, CURVE_MM, side="left") / counted.sum()
            axes.plot(CURVE_MM, share, color=colour(number), label=ERROR_WORDS.get(name, name))
    axes.axvline(150.0, color=QUIET, lw=0.8, ls=":")
    axes.set(xlabel="threshold (mm)", ylabel="joints under it (%)", xlim=(0, 300), ylim=(0, 101))
    axes.set_title("matched people: joints under a threshold")
    axes.legend(loc="lower right")
    return _svg(figure)


def joint_errors(records: Records) -> str:
    """Mean and 90 % range of the error of every joint."""
    name, errors = next(iter(records.errors.items()))
    figure, axes = _plot(6.0, 0.6 + 0.22 * len(records.joints))
    for row in range(len(records.joints)):
        values = errors[:, row][np.isfinite(errors[:, row])]
        if not values.size:
            continue
        low, high = np.percentile(values, [5, 95])
        axes.plot([low, high], [row, row], color=QUIET, lw=1.2)
        axes.plot(values.mean(), row, "o", color=colour(0), ms=5)
    axes.set_yticks(range(len(records.joints)), [joint.replace("_", " ") for joint in records.joints])
    axes.invert_yaxis()
    axes.set(xlabel=f"{ERROR_WORDS.get(name, name)} error (mm)", xlim=(0, None))
    axes.set_title("per joint: mean, and range of 90 % of the people")
    return _svg(figure)


def values_with_intervals(
    values: Mapping[str, float], bounds: Mapping[str, tuple[float, float]], label: str, title: str
) -> str:
    """One row per key: the value and its 95 % interval, worst first."""
    known = sorted((key for key in values if np.isfinite(values[key])), key=lambda key: -values[key])
    shown = known[:MOST_ROWS]
    figure, axes = _plot(6.0, 0.8 + 0.22 * max(len(shown), 1))
    for row, key in enumerate(shown):
        low, high = bounds.get(key, (np.nan, np.nan))
        axes.plot([low, high], [row, row], color=QUIET, lw=1.5)
        axes.plot(values[key], row, "o", color=colour(0), ms=5)
    axes.set_yticks(range(len(shown)), shown)
    axes.invert_yaxis()
    axes.set(xlabel=label, xlim=(0, None))
    axes.set_title(title + (f" (the worst {MOST_ROWS} of {len(known)})" if len(known) > MOST_ROWS else ""))
    return _svg(figure)


def distance_histogram(distances: npt.NDArray[np.float64], limit: float) -> str:
    """How far matched people are from the truth, up to the matching limit."""
    figure, axes = _plot(6.0, 2.4)
    known = distances[np.isfinite(distances)]
    axes.hist(known * 1000.0, bins=40, range=(0, limit * 1000.0), color=TRUTH)
    axes.axvline(limit * 1000.0, color=PREDICTION, lw=1.0)
    axes.set(xlabel="mean joint distance of a matched pair (mm); line = matching limit", ylabel="people")
    axes.set_title("matched people by distance")
    return _svg(figure)


def _plot(width: float, height: float) -> tuple[Figure, Any]:
    with mpl.rc_context(RC):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots()


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    with mpl.rc_context(RC):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "mhbench"})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
