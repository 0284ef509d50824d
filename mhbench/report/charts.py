"""Charts of dots with ranges: joints, parts of the data, and how far matched people are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.report.curves import ERROR_WORDS
from mhbench.report.paper_figures import PaperFigure, paper_style, plate
from mhbench.report.style import PREDICTION, QUIET, TRUTH, colour

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mhbench.records import Records

MOST_ROWS: Final = 30
ROW_INCHES: Final = 0.17


@paper_style
def joint_errors(records: Records, name: str) -> PaperFigure | None:
    """Mean and 90 % range of an error of every joint, worst first."""
    errors = records.errors[name]
    known = {
        joint: values
        for place, joint in enumerate(records.joints)
        if (values := errors[:, place][np.isfinite(errors[:, place])]).size
    }
    if not known:
        return None
    order = sorted(known, key=lambda joint: -known[joint].mean())
    figure, axes = plate(height=0.55 + ROW_INCHES * len(order))
    for row, joint in enumerate(order):
        axes.plot(np.percentile(known[joint], [5, 95]), [row, row], color=QUIET, lw=1.2)
        axes.plot(known[joint].mean(), row, "o", color=colour(0), ms=4)
    axes.set_yticks(range(len(order)), [joint.replace("_", " ") for joint in order])
    axes.invert_yaxis()
    axes.set(xlabel=f"{ERROR_WORDS.get(name, name)} error (mm)", xlim=(0, None))
    caption = "Error of every joint: the mean, and the range of 90 % of the people."
    return PaperFigure("joint-errors", caption, figure)


@paper_style
def values_by_part(
    by: str,
    values: Mapping[str, float],
    bounds: Mapping[str, tuple[float, float]],
    metric: str,
    unit: str,
    *,
    lower_is_better: bool,
) -> PaperFigure | None:
    """One row per part of the data: the value and its 95 % interval, worst first."""
    sign = -1.0 if lower_is_better else 1.0
    known = sorted((key for key in values if np.isfinite(values[key])), key=lambda key: sign * values[key])
    if len(known) < 2:
        return None
    shown = known[:MOST_ROWS]
    figure, axes = plate(height=0.55 + ROW_INCHES * len(shown))
    for row, key in enumerate(shown):
        axes.plot(bounds.get(key, (np.nan, np.nan)), [row, row], color=QUIET, lw=1.4)
        axes.plot(values[key], row, "o", color=colour(0), ms=4)
    axes.set_yticks(range(len(shown)), shown)
    axes.set(xlabel=f"{metric} ({unit})" if unit else metric, ylim=(len(shown) - 0.4, -0.6))
    axes.margins(x=0.06)
    part = f" The worst {MOST_ROWS} of {len(known)}." if len(known) > MOST_ROWS else ""
    caption = f"{metric} by {by}, worst first, with 95 % intervals over blocks of frames.{part}"
    return PaperFigure(f"by-{by.replace(' ', '-')}", caption, figure)


@paper_style
def matched_distances(records: Records, limit_m: float) -> PaperFigure | None:
    """How far matched people are from the truth, up to the matching limit."""
    known = 1000.0 * records.distance_m[np.isfinite(records.distance_m)]
    if not known.size:
        return None
    figure, axes = plate(height=1.8)
    axes.hist(known, bins=100, range=(0, 1000.0 * limit_m), color=TRUTH)
    axes.axvline(1000.0 * limit_m, color=PREDICTION, lw=1.0)
    axes.set(xlabel="mean distance of a matched pair (mm)", ylabel="people", xlim=(0, None))
    axes.grid(visible=False, axis="x")
    caption = "Matched people by the mean distance of their joints; the line is the limit of the matching."
    return PaperFigure("matched-distances", caption, figure)
