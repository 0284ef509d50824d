"""Two models in one picture: the difference of every metric, and part against part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.ticker import MaxNLocator

from mhbench.evaluation.comparison import LEVEL
from mhbench.evaluation.directions import lower_is_better
from mhbench.report.charts import ROW_INCHES
from mhbench.report.paper_figures import PaperFigure, paper_style, plate
from mhbench.report.style import QUIET, colour

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from mhbench.evaluation.comparison import Comparison, MetricDifference

MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "*")
NAMED: Final = 4
"""Parts whose name is written: those that differ most."""


@paper_style
def difference_chart(comparison: Comparison) -> PaperFigure | None:
    """The gain of B over A in every metric, right is better, with 95 % intervals; one axis per unit."""
    known = [one for one in comparison.metrics if one.difference is not None and one.ci95 is not None]
    if not known:
        return None
    units = list(dict.fromkeys(one.unit for one in known))
    groups = [[one for one in known if one.unit == unit] for unit in units]
    figure, grid = plate(
        height=0.45 * len(units) + 0.3 + ROW_INCHES * len(known),
        rows=len(units),
        squeeze=False,
        height_ratios=[1 + len(group) for group in groups],
    )
    for axes, unit, group in zip(grid[:, 0], units, groups, strict=True):
        for row, one in enumerate(group):
            sign = -1.0 if lower_is_better(one.metric) else 1.0
            assert one.ci95 is not None  # chosen above
            assert one.difference is not None  # same
            edges = sorted(sign * edge for edge in one.ci95)
            paint = _paint(one, sign)
            axes.plot(edges, [row, row], color=paint, lw=1.6)
            axes.plot(sign * one.difference, row, "o", color=paint, ms=4)
        axes.axvline(0.0, color=QUIET, lw=0.8)
        axes.set_yticks(range(len(group)), [one.metric for one in group])
        axes.set(ylim=(len(group) - 0.4, -0.6), xlabel=f"gain of B over A ({unit or 'count'})")
    caption = (
        f"What {comparison.models[1]} gains over {comparison.models[0]}: right of the line is better,"
        " whichever way the metric goes. Paired differences with 95 % intervals; grey where chance explains"
        " them."
    )
    return PaperFigure("differences", caption, figure)


def _paint(one: MetricDifference, sign: float) -> str:
    if one.p_value is None or one.p_value >= LEVEL or not one.difference:
        return QUIET
    return colour(0) if sign * one.difference > 0 else colour(5)


@paper_style
def model_scatter(
    parts: Mapping[str, Sequence[tuple[str, float, float]]], models: tuple[str, str], metric: str, unit: str
) -> PaperFigure | None:
    """Every part of the data as a point: model A across, model B upwards.

    Args:
        parts: what the parts are of (sequence, joint, ...) -> (name, value of A, value of B).
        models: names of A and B.
        metric: what is drawn.
        unit: of it.
    """
    shown = {by: rows for by, rows in parts.items() if rows}
    points = [(by, *row) for by, rows in shown.items() for row in rows]
    if len(points) < 2:
        return None
    values = np.array([[first, second] for _, _, first, second in points])
    figure, axes = plate(height=3.2)
    for number, (by, rows) in enumerate(shown.items()):
        x, y = np.array([[first, second] for _, first, second in rows]).T
        style = {"ms": 4, "mew": 0.8, "alpha": 0.9, "label": by, "color": colour(number)}
        axes.plot(x, y, MARKERS[number % len(MARKERS)], mfc="none" if number % 2 else None, **style)
    span = values.max() - values.min() or 1.0
    low, high = values.min() - 0.06 * span, values.max() + 0.06 * span
    axes.plot([low, high], [low, high], color=QUIET, lw=0.8)
    _name_farthest(axes, points, values)
    better = "below" if lower_is_better(metric) else "above"
    gain = (values[:, 0] - values[:, 1]) * (1.0 if lower_is_better(metric) else -1.0)
    words = f"{metric} ({unit})" if unit else metric
    axes.set(xlim=(low, high), ylim=(low, high), xlabel=f"A: {words}", ylabel=f"B: {words}")
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, handletextpad=0.2, columnspacing=1.0)
    caption = (
        f"{metric} of every part of the data: A is {models[0]}, B is {models[1]}; {better} the line B is"
        f" better, which it is in {np.count_nonzero(gain > 0)} of {len(points)} parts."
    )
    return PaperFigure("model-scatter", caption, figure)


def _name_farthest(
    axes: Axes, points: Sequence[tuple[str, str, float, float]], values: npt.NDArray[np.float64]
) -> None:
    """Write the names of some parts that differ most, as far as they do not meet."""
    span = float(values.max() - values.min()) or 1.0
    middle = float(values.max() + values.min()) / 2.0
    named: list[float] = []
    for place in np.argsort(-np.abs(values[:, 1] - values[:, 0]), kind="stable").tolist():
        x, y = values[place].tolist()
        side = 1.0 if x < middle else -1.0
        ahead = side * (values[:, 0] - x)
        blocked = (np.abs(values[:, 1] - y) < 0.03 * span) & (ahead > 0.0) & (ahead < 0.35 * span)
        if blocked.any() or any(abs(y - other) < 0.06 * span for other in named) or len(named) == NAMED:
            continue
        named.append(y)
        axes.annotate(
            points[place][1],
            (x, y),
            xytext=(4.0 * side, 0.0),
            textcoords="offset points",
            fontsize=6,
            ha="left" if side > 0 else "right",
            va="center",
        )
