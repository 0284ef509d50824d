"""People as lines: each in a colour, its left side darker; predictions in black; names that do not meet."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from mhbench.report.style import INK, PALETTE, QUIET
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

# black is for predictions, and yellow is not seen on white
COLOURS: Final = tuple(one for one in PALETTE if one not in {"#000000", "#F0E442"})
_LEFT: Final = 0.55  # brightness of the left side of a body
_CASING: Final = (1.0, 1.0, 1.0, 0.6)  # around lines, so that they are seen on any photograph
_DASHED: Final = (0, (3.5, 1.5))
_DOTTED: Final = (0, (1.0, 1.0))
_SMALL: Final = 50.0  # points on paper, of a person whose lines are as thick as any
_SHEETS: Final = 10.0
_LETTER: Final = 5.2  # points, of a name
_LINE: Final = 12.0  # points


class Name(NamedTuple):
    """A name to be written at a place (x, y), in a colour, on a colour."""

    text: str
    place: tuple[float, float]
    paint: str
    fill: str = "white"


def person_colour(person: int) -> str:
    """Colour of the n-th person of a frame, never that of predictions."""
    return COLOURS[person % len(COLOURS)]


def draw_person(
    axes: Axes,
    points: Floats,
    skeleton_name: str,
    paint: str,
    *,
    hidden: Flags | None = None,
    order: float = 2.0,
) -> None:
    """Draw the limbs and joints of one person.

    Args:
        axes: of their final place and limits: people who are small on paper get thin lines.
        points: (J, 2) in the units of the axes; NaN is not drawn.
        skeleton_name: of the joints.
        paint: its colour.
        hidden: (J,) joints that are occluded, drawn hollow.
        order: what is drawn over what, higher is nearer.
    """
    points = _near(axes, points)
    segments, left = _limbs(points, skeleton_name)
    dark = np.array(to_rgb(paint)) * _LEFT
    colours = np.where(left[:, None], dark, to_rgb(paint))
    weight = _weight(axes, points)
    _lines(axes, segments, [_CASING], 3.0 * weight, order)
    _lines(axes, segments, colours, 1.8 * weight, order)
    known = np.isfinite(points).all(axis=1)
    seen = known if hidden is None else known & ~hidden
    for some, fill in ((seen, paint), (known & ~seen, "white")):
        axes.plot(
            *points[some].T,
            "o",
            ms=3.2 * weight,
            color=paint,
            mfc=fill,
            mew=0.8 * weight,
            zorder=order,
            ls="none",
        )


def draw_prediction(axes: Axes, points: Floats, skeleton_name: str, *, order: float = 50.0) -> None:
    """Draw the limbs of one predicted person; arguments as in `draw_person`."""
    points = _near(axes, points)
    segments, left = _limbs(points, skeleton_name)
    weight = _weight(axes, points)
    _lines(axes, segments, [_CASING], 2.2 * weight, order)
    for some, dashes in ((~left, _DASHED), (left, _DOTTED)):
        _lines(axes, segments[some], [INK], 1.5 * weight, order, linestyles=[dashes])


def draw_loose(axes: Axes, points: Floats) -> None:
    """Draw predicted joints without people, (N, 2)."""
    axes.plot(*_near(axes, points).T, "x", ms=4, mew=1.1, color=INK, zorder=51, ls="none")


def legend_entries(*, hidden: bool, predicted: bool, loose: bool) -> list[Line2D]:
    """What the lines and marks of a picture mean."""
    entries = [Line2D([], [], color=QUIET, lw=1.8, marker="o", ms=3.2, label="annotated (left side darker)")]
    if hidden:
        entries.append(Line2D([], [], color=QUIET, lw=0, marker="o", ms=4, mfc="white", label="hidden joint"))
    if predicted:
        entries.append(Line2D([], [], color=INK, lw=1.3, ls=_DASHED, label="predicted (left side dotted)"))
    if loose:
        entries.append(
            Line2D([], [], color=INK, lw=0, marker="x", ms=4, label="predicted joint without a person")
        )
    return entries


def write_names(axes: Axes, names: Sequence[Name]) -> None:
    """Write names above their places, each moved up until it meets no other.

    The axes must have their final place and limits. A name whose place is outside them is left out, as is one
    that finds no room below their top.
    """
    if axes.figure is None or not names:
        return
    scale = 72.0 / axes.figure.dpi
    box = np.multiply(axes.bbox.extents, scale)
    places = axes.transData.transform([one.place for one in names]) * scale
    taken: list[tuple[float, float, float, float]] = []
    for number in np.argsort(places[:, 1], kind="stable").tolist():
        (x, y), text = places[number], names[number].text
        if not (box[0] <= x <= box[2] and box[1] <= y <= box[3]):
            continue
        half = _LETTER * len(text) / 2.0 + 2.0
        x = min(max(x, box[0] + half), box[2] - half)
        low = min(y + 4.0, box[3] - _LINE)
        while meets := [
            top
            for left, bottom, right, top in taken
            if left < x + half and x - half < right and bottom < low + _LINE and low < top
        ]:
            low = max(meets)
        if low + _LINE > box[3] + 0.5:
            continue
        taken.append((x - half, low, x + half, low + _LINE))
        axes.annotate(
            text,
            (x, low),
            xycoords="figure points",
            ha="center",
            va="bottom",
            fontsize=8,
            color=tuple(np.array(to_rgb(names[number].paint)) * 0.7),
            bbox={"boxstyle": "round,pad=0.12", "fc": names[number].fill, "ec": "none", "alpha": 0.8},
            zorder=60,
            annotation_clip=False,
        )


def highest(points: Floats) -> tuple[float, float] | None:
    """The point (x, y) with the smallest y of those that are known; None if none is."""
    known = points[np.isfinite(points).all(axis=1)]
    if not len(known):
        return None
    x, y = known[np.argmin(known[:, 1])]
    return float(x), float(y)


def _near(axes: Axes, points: Floats) -> Floats:
    """The points, NaN where they are many sheets away: a dashed line that long would take for ever."""
    limits = np.array([axes.get_xlim(), axes.get_ylim()])
    middle, size = limits.mean(axis=1), np.abs(np.diff(limits, axis=1))[:, 0]
    near = (np.abs(points - middle) <= _SHEETS * size).all(axis=1, keepdims=True)
    return np.where(near, points, np.nan)


def _weight(axes: Axes, points: Floats) -> float:
    """1 for lines of a person of some size on paper, less for one who would be but a blot."""
    known = points[np.isfinite(points).all(axis=1)]
    if not len(known):
        return 1.0
    size = np.ptp(axes.transData.transform(known), axis=0).max() * 72.0 / axes.figure.dpi
    return float(np.clip(size / _SMALL, 0.3, 1.0))


def _limbs(points: Floats, skeleton_name: str) -> tuple[Floats, Flags]:
    """(L, 2, 2) the limbs that are known from end to end, and (L,) which of them are on the left."""
    limbs, left = _drawn_limbs(skeleton_name)
    ends = points[limbs]
    known = np.isfinite(ends).all(axis=(1, 2))
    return ends[known], left[known]


@functools.cache
def _drawn_limbs(skeleton_name: str) -> tuple[npt.NDArray[np.int64], Flags]:
    known = skeleton(skeleton_name)
    limbs = np.array(known.limbs, dtype=np.int64).reshape(-1, 2)
    lefts, rights = {left for left, _ in known.pairs}, {right for _, right in known.pairs}
    return limbs, np.array([not lefts.isdisjoint(one) and rights.isdisjoint(one) for one in known.limbs])


def _lines(axes: Axes, segments: Floats, colours: Any, width: float, order: float, **more: Any) -> None:
    axes.add_collection(
        LineCollection(
            list(segments), colors=colours, linewidths=width, zorder=order, capstyle="round", **more
        ),
        autolim=False,
    )
