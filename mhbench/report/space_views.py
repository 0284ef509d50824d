"""People in metres: over a floor of squares, seen past the camera's right shoulder, and from above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from mhbench.report.people_lines import Name, draw_loose, draw_person, draw_prediction, highest, write_names
from mhbench.report.style import GRID, INK, QUIET

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from mhbench.report.overlays import Overlay

    Floats = npt.NDArray[np.float64]

_AZIMUTH: Final = np.radians(30.0)
_ELEVATION: Final = np.radians(18.0)
_STEPS: Final = (0.5, 1.0, 2.0, 5.0)  # and ten times as much, and so on
_MOST_SQUARES: Final = 4
_TALLEST: Final = 2.0  # metres of the measure beside people
_MARGIN_M: Final = 0.35
_FARTHEST_M: Final = 1e5  # nothing that is farther away is waited for
_EMPTY: Final = np.array([[-1.0, 0.0, 2.0], [1.0, 0.0, 4.0]])  # what is shown where nobody is


class Body(NamedTuple):
    """A person of the truth: (J, 3) m in the camera's space, its colour and its name."""

    joints: Floats
    paint: str
    name: str


def draw_space(axes: Axes, bodies: Sequence[Body], skeleton_name: str, overlay: Overlay | None) -> None:
    """In parallel projection, metres as long along x as along z and upwards, over squares of a known size."""
    points = _points(bodies, overlay)
    floor = _draw_floor(axes, points)
    shown = _turned(np.concatenate([points, floor]))
    low, high = shown.min(axis=0), shown.max(axis=0)
    size = high - low
    low, high = _filling(low - size * (0.06, 0.18), high + size * (0.1, 0.06), axes)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    depths = [_away(body.joints) for body in bodies]
    for rank, number in enumerate(np.argsort(depths)[::-1].tolist()):
        draw_person(axes, _turned(bodies[number].joints), skeleton_name, bodies[number].paint, order=2 + rank)
    if overlay is not None:
        for joints in overlay.joints3d:
            draw_prediction(axes, _turned(joints), str(overlay.skeleton))
        draw_loose(axes, _turned(overlay.loose3d))
    axes.set_axis_off()
    axes.set_title("3D, camera frame")


def draw_above(
    axes: Axes,
    bodies: Sequence[Body],
    skeleton_name: str,
    overlay: Overlay | None,
    lens: tuple[Floats, float] | None,
) -> None:
    """From above, with the edges of what the camera sees.

    Args:
        axes: of their final size.
        bodies: the people.
        skeleton_name: of their joints.
        overlay: the predicted people.
        lens: K and the width of the image; None where they are not known.
    """
    points = _points(bodies, overlay)[:, [0, 2]]
    low, high = _filling(points.min(axis=0) - _MARGIN_M, points.max(axis=0) + _MARGIN_M, axes)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    for body in bodies:
        draw_person(axes, body.joints[:, [0, 2]], skeleton_name, body.paint)
    if overlay is not None:
        for joints in overlay.joints3d:
            draw_prediction(axes, joints[:, [0, 2]], str(overlay.skeleton))
        draw_loose(axes, overlay.loose3d[:, [0, 2]])
    if lens is not None:
        K, width = lens
        for edge in (-K[0, 2], width - K[0, 2]):
            axes.plot([0, edge / K[0, 0] * high[1]], [0, high[1]], "-", color=QUIET, lw=0.8, zorder=1)
        axes.plot(0, 0, "^", color=QUIET, ms=8, zorder=1)
    axes.set(xlabel="x right (m)", ylabel="z away (m)", title="from above")
    axes.grid(visible=True)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    places = [(body, highest(body.joints[:, [0, 2]] * (1, -1))) for body in bodies]
    # without paper under it: a name that was moved may stand on another person
    known = [(body, at) for body, at in places if at is not None]
    write_names(axes, [Name(body.name, (x, -y), body.paint, fill="none") for body, (x, y) in known])


def _points(bodies: Sequence[Body], overlay: Overlay | None) -> Floats:
    """(N, 3) every finite joint that is drawn; a stretch of floor if there is none."""
    every = [body.joints for body in bodies]
    if overlay is not None:
        every += [overlay.joints3d.reshape(-1, 3), overlay.loose3d]
    points: Floats = np.concatenate([np.zeros((0, 3)), *every])
    points = points[(np.abs(points) < _FARTHEST_M).all(axis=1)]  # NaN is not
    return points if len(points) else _EMPTY


def _turned(points: Floats) -> Floats:
    """(..., 2) right and up on paper."""
    x, y, z = np.moveaxis(points, -1, 0)
    along = z * np.cos(_AZIMUTH) - x * np.sin(_AZIMUTH)
    across = x * np.cos(_AZIMUTH) + z * np.sin(_AZIMUTH)
    return np.stack([across, along * np.sin(_ELEVATION) - y * np.cos(_ELEVATION)], axis=-1)


def _away(joints: Floats) -> float:
    """How far a person is from the eye, along the floor."""
    known = joints[np.isfinite(joints).all(axis=1)]
    x, _, z = known.mean(axis=0) if len(known) else np.zeros(3)
    return float(z * np.cos(_AZIMUTH) - x * np.sin(_AZIMUTH))


def _draw_floor(axes: Axes, points: Floats) -> Floats:
    """Squares under the lowest joint with their metres, and an upright measure; (5, 3) their corners."""
    (low_x, _, low_z), (high_x, floor, high_z) = points.min(axis=0), points.max(axis=0)
    step = _step(max(high_x - low_x, high_z - low_z))
    xs = np.arange(np.floor(low_x / step), np.ceil(high_x / step) + 0.5) * step
    zs = np.arange(np.floor(low_z / step), np.ceil(high_z / step) + 0.5) * step
    xs, zs = (_at_least_one(xs, step), _at_least_one(zs, step))
    ends = [[(x, floor, zs[0]), (x, floor, zs[-1])] for x in xs]
    ends += [[(xs[0], floor, z), (xs[-1], floor, z)] for z in zs]
    axes.add_collection(
        LineCollection(list(_turned(np.array(ends))), colors=GRID, linewidths=0.9), autolim=False
    )
    for x in xs:
        _tick(axes, (x, floor, zs[0]), _number(x), (0, -3), "center")
    for z in zs[1:]:
        _tick(axes, (xs[-1], floor, z), _number(z), (4, -3), "left")
    _tick(axes, (xs.mean(), floor, zs[0]), "x right (m)", (-14, -16), "center")
    _tick(axes, (xs[-1], floor, zs.mean()), "z away (m)", (24, -12), "left")
    tall = min(step, _TALLEST)
    upright = np.array([(xs[0], floor, zs[0]), (xs[0], floor - tall, zs[0])])
    axes.plot(*_turned(upright).T, "-_", color=QUIET, lw=0.9, ms=6)
    _tick(axes, (xs[0], floor - tall, zs[0]), f"{tall:g} m up", (0, 12), "center")
    corners = [(x, floor, z) for x in xs[[0, -1]] for z in zs[[0, -1]]]
    return np.array([*corners, upright[1]])


def _tick(axes: Axes, place: Sequence[float], text: str, shift: tuple[float, float], side: str) -> None:
    x, y = _turned(np.array(place)).tolist()
    axes.annotate(
        text,
        (x, y),
        xytext=shift,
        textcoords="offset points",
        ha=side,
        va="top",
        fontsize=8,
        color=INK,
    )


def _number(metres: float) -> str:
    return f"{metres:g}".replace("-", "\N{MINUS SIGN}")


def _at_least_one(edges: Floats, step: float) -> Floats:
    """The edges of one square at least."""
    return edges if len(edges) > 1 else np.array([edges[0], edges[0] + step])


def _step(extent: float) -> float:
    """Side of the squares: half a metre for one person, more where people are far apart."""
    wanted = extent / _MOST_SQUARES
    decade = 1.0
    while decade * _STEPS[-1] < wanted:
        decade *= 10.0
    return next(one * decade for one in _STEPS if one * decade >= wanted)


def _filling(low: Floats, high: Floats, axes: Axes) -> tuple[Floats, Floats]:
    """The limits that hold a box and have the shape of the axes, so that metres are equal both ways."""
    width, height = axes.bbox.width, axes.bbox.height
    middle, size = (low + high) / 2.0, high - low
    scale = max(size[0] / width, size[1] / height)
    half = np.array([width, height]) * scale / 2.0
    return middle - half, middle + half
