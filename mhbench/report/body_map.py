"""A person facing the reader, coloured by what each joint and each limb scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from mhbench.report.body_layout import bones, place_on_body
from mhbench.report.paper_figures import PaperFigure, paper_style, plate
from mhbench.report.style import DIVERGING, GRID, INK, ON_BRIGHT, QUIET, SCALE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

# what stands for a limb of `scoring.breakdowns`: points along it, and where its number is written
_LIMBS: Final[Mapping[str, tuple[tuple[str, ...], tuple[float, float]]]] = {
    "trunk": (("thorax", "spine1", "pelvis"), (0.0, 1.2)),
    "left arm": (("left_shoulder", "left_elbow", "left_wrist"), (0.52, 1.16)),
    "right arm": (("right_shoulder", "right_elbow", "right_wrist"), (-0.52, 1.16)),
    "left leg": (("left_hip", "left_knee", "left_ankle"), (0.34, 0.5)),
    "right leg": (("right_hip", "right_knee", "right_ankle"), (-0.34, 0.5)),
    "head": (("nose", "head"), (0.26, 1.7)),
}
_TRUNK: Final = ((-0.13, 1.38), (0.13, 1.38), (0.1, 0.97), (-0.1, 0.97))
_FEWEST_JOINTS: Final = 4


@paper_style
def body_map(
    joints: Mapping[str, float],
    limbs: Mapping[str, float],
    metric: str,
    unit: str,
    *,
    name: str = "body-map",
    around_zero: bool = False,
) -> PaperFigure | None:
    """The value of every joint and of every limb, each on a drawing of a person; None without either.

    Args:
        joints: joint -> value; those without a place on the body are left out.
        limbs: limb as `scoring.breakdowns` names it -> value.
        metric: name of what is drawn.
        unit: of it.
        name: of the figure's files.
        around_zero: the values are differences: zero is in the middle of the colours.
    """
    known = {joint: one for joint, one in joints.items() if np.isfinite(one) and place_on_body(joint)}
    whole = {limb: one for limb, one in limbs.items() if np.isfinite(one) and limb in _LIMBS}
    panels = [("joints", _draw_joints, known)] if len(known) >= _FEWEST_JOINTS else []
    panels += [("limbs", _draw_limbs, whole)] if whole else []
    if not panels:
        return None
    limits = _limits([*known.values(), *whole.values()], around_zero=around_zero)
    colours = colormaps[DIVERGING if around_zero else SCALE]
    figure, grid = plate(height=3.0, columns=len(panels), squeeze=False)
    for axes, (title, draw, values) in zip(grid[0], panels, strict=True):
        draw(axes, values, limits, colours)
        axes.set(xlim=(-0.72, 0.72), ylim=(-0.08, 1.93), xticks=[], yticks=[], title=title)
        axes.set_aspect("equal")
        axes.spines[:].set_visible(b=False)
        axes.annotate("right", (-0.66, 0.02), color=QUIET, fontsize=6, ha="left")
        axes.annotate("left", (0.66, 0.02), color=QUIET, fontsize=6, ha="right")
    scale = ScalarMappable(Normalize(*limits), colours)
    words = f"{metric} ({unit})" if unit else metric
    bar = figure.colorbar(
        scale, ax=list(grid[0]), orientation="horizontal", shrink=0.7, aspect=35, pad=0.02, label=words
    )
    for spine in bar.ax.spines.values():
        spine.set_visible(False)
    shown = " and of every ".join(title.removesuffix("s") for title, _, _ in panels)
    return PaperFigure(name, f"{metric} of every {shown}; the person faces the reader.", figure)


def _limits(values: Sequence[float], *, around_zero: bool) -> tuple[float, float]:
    """Range of the colours; values that are all the same get a range around them."""
    if around_zero:
        most = max(1e-3, *(abs(one) for one in values))
        return (-most, most)
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _draw_joints(
    axes: Axes, values: Mapping[str, float], limits: tuple[float, float], colours: Colormap
) -> None:
    places = {joint: place for joint in values if (place := place_on_body(joint))}
    for ends in bones(places):
        axes.plot(*np.transpose(ends), "-", color=GRID, lw=5, solid_capstyle="round", zorder=1)
    for joint, (x, y) in places.items():
        paint = _paint(values[joint], limits, colours)
        axes.plot(x, y, "o", color=paint, mec=QUIET, mew=0.4, ms=6.0, zorder=2)
        if not _crowded(joint, places):
            side = -1.0 if x < 0 else 1.0
            axes.annotate(
                _short(values[joint]),
                (x + 0.055 * side, y),
                ha="left" if side > 0 else "right",
                va="center",
                fontsize=6,
                zorder=3,
            )


def _crowded(joint: str, places: Mapping[str, tuple[float, float]]) -> bool:
    """Whether its number would meet another joint, or the number of one farther out or farther up."""
    x, y = places[joint]
    others = [place for other, place in places.items() if other != joint]
    near = [(abs(a), b) for a, b in others if abs(b - y) < 0.07 and a * x >= 0 and abs(abs(a) - abs(x)) < 0.2]
    return any(place > (abs(x), y) for place in near)


def _draw_limbs(
    axes: Axes, values: Mapping[str, float], limits: tuple[float, float], colours: Colormap
) -> None:
    for limb, (joints, at) in _LIMBS.items():
        ends = np.array([place_on_body(joint) for joint in joints])
        paint: Any = _paint(values[limb], limits, colours) if limb in values else GRID
        # the darkest and the palest colours have an edge on any page
        for colour, wider in ((QUIET, 0.8), (paint, 0.0)):
            if limb == "trunk":
                axes.fill(*np.transpose(_TRUNK), color=colour, lw=7 + wider, joinstyle="round")
            elif limb == "head":
                axes.plot(*ends.mean(axis=0), "o", color=colour, ms=17 + wider)
            else:
                axes.plot(ends[:, 0], ends[:, 1], color=colour, lw=9 + wider, solid_capstyle="round")
        if limb in values:
            dark = limb == "trunk" and sum(_paint(values[limb], limits, colours)[:3]) < 1.5
            ink = "white" if dark else ON_BRIGHT if limb == "trunk" else INK
            axes.annotate(_short(values[limb]), at, ha="center", va="center", fontsize=7, color=ink)


def _paint(value: float, limits: tuple[float, float], colours: Colormap) -> tuple[float, ...]:
    low, high = limits
    return tuple(colours((value - low) / (high - low)))


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.1f}"
