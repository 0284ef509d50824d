"""Where the panels of a picture of one frame stand: nothing is stretched, nothing is left empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_EDGE: Final = 0.12
_HEAD: Final = 0.34  # the frame's id
_MORE: Final = 0.18  # each further line of it
_FOOT: Final = 0.34  # what lines and colours mean
_NAME: Final = 0.28  # over each panel
_GAP: Final = 0.25
_BESIDE: Final = 0.62  # numbers and words left of an axis
_BELOW: Final = 0.46  # and under it
_NARROWEST: Final = 5.4  # what the foot needs
_WIDE: Final = 1.25  # width by height from which a picture has the views under it, not beside it
_LOWEST: Final = 3.0


class Place(NamedTuple):
    """Inches from the top left corner of the sheet."""

    left: float
    top: float
    width: float
    height: float


class Sheet(NamedTuple):
    """Size of a picture in inches, and the place of each of its panels."""

    width: float
    height: float
    places: dict[str, Place]


def arrange(aspect: float, *, spatial: bool, heatmaps: bool) -> Sheet:
    """The sheet of a frame.

    Args:
        aspect: width by height of the image.
        spatial: with `space` and `above`, the views in metres.
        heatmaps: with `front` and `bins`, the projections of heatmaps; only beside views in metres.
    """
    if not spatial:
        return _alone(aspect)
    if heatmaps:
        return _with_heatmaps(aspect)
    return _over_views(aspect) if aspect >= _WIDE else _beside_views(aspect)


def bodies_sheet(front: float, above: float, heading: str, *, order: bool) -> Sheet:
    """The sheet of the bodies of a frame: `front` and `above` side by side, `order` under them.

    Args:
        front: width by height of the view from the camera.
        above: and of that from above.
        heading: how it is headed, in lines.
        order: with the panel of depths.
    """
    top = _HEAD + heading.count("\n") * _MORE + _NAME
    width, height = _fit(front, 5.6, 4.4)
    across, high = _fit(above, 4.0, 4.4)
    left = _EDGE + width + _GAP + _BESIDE
    lower = top + max(height, high + _BELOW) + _NAME + _GAP
    whole = left + across - _EDGE
    places = {"front": Place(_EDGE, top, width, height), "above": Place(left, top, across, high)}
    if not order:
        return Sheet(whole + 2 * _EDGE, lower - _NAME + _FOOT / 2.0, places)
    places["order"] = Place(_EDGE + 2 * _BESIDE, lower, whole - 2 * _BESIDE, 1.1)
    return Sheet(whole + 2 * _EDGE, lower + 1.1 + _BELOW + _FOOT, places)


def panel(figure: Figure, place: Place) -> Axes:
    """Axes at a place of a figure of its final size."""
    width, height = figure.get_size_inches()
    axes: Axes = figure.add_axes(
        (
            place.left / width,
            1.0 - (place.top + place.height) / height,
            place.width / width,
            place.height / height,
        )
    )
    return axes


def draw_heading(figure: Figure, heading: str) -> None:
    """Write what the picture shows into its top left corner."""
    width, height = figure.get_size_inches()
    figure.text(_EDGE / width, 1.0 - 0.1 / height, heading, va="top", fontsize=10, linespacing=1.25)


def draw_legend(figure: Figure, entries: Sequence[Line2D]) -> None:
    """Write what lines and colours mean into the foot."""
    width, height = figure.get_size_inches()
    figure.legend(
        handles=entries,
        loc="center left",
        bbox_to_anchor=(_EDGE / width, 0.5 * _FOOT / height),
        ncols=max(len(entries), 1),
        borderaxespad=0.0,
        borderpad=0.0,
        handletextpad=0.5,
        columnspacing=1.5,
        fontsize=8,
    )


def _fit(aspect: float, width: float, height: float) -> tuple[float, float]:
    """The largest picture in a box."""
    scale = min(width / aspect, height)
    return scale * aspect, scale


def _alone(aspect: float) -> Sheet:
    width, height = _fit(aspect, 9.0, 8.0)
    whole = max(width, _NARROWEST)
    picture = Place(_EDGE, _HEAD + _NAME, width, height)
    return Sheet(whole + 2 * _EDGE, _HEAD + _NAME + height + _FOOT, {"picture": picture})


def _over_views(aspect: float) -> Sheet:
    """The picture, and both views in a row below."""
    width, height = _fit(aspect, 7.4, 5.0)
    low, top = 2.5, _HEAD + _NAME + height + _GAP + _NAME
    each = (width - _GAP - _BESIDE) / 2.0
    places = {
        "picture": Place(_EDGE, _HEAD + _NAME, width, height),
        "space": Place(_EDGE, top, each, low + _BELOW),
        "above": Place(_EDGE + each + _GAP + _BESIDE, top, each, low),
    }
    return Sheet(width + 2 * _EDGE, top + low + _BELOW + _FOOT, places)


def _beside_views(aspect: float) -> Sheet:
    """The picture, and both views in a column beside it."""
    width, height = _fit(aspect, 6.0, 6.0)
    left, column = _EDGE + width + _GAP, 4.2
    each = (height - _NAME - _BELOW) / 2.0
    places = {
        "picture": Place(_EDGE, _HEAD + _NAME, width, height),
        "space": Place(left, _HEAD + _NAME, column, each),
        "above": Place(left + _BESIDE, _HEAD + 2 * _NAME + each, column - _BESIDE, each),
    }
    return Sheet(left + column + _EDGE, _HEAD + _NAME + height + _FOOT, places)


def _with_heatmaps(aspect: float) -> Sheet:
    """The picture beside the view in metres; below, the heatmaps in its shape, and the view from above."""
    width, height = _fit(aspect, 7.4, 5.0)
    column, upper = 5.0, max(height, _LOWEST)
    whole = width + _GAP + column
    third = min(aspect * 2.7, (whole - 2 * _BESIDE - 2 * _GAP) / 3.0)
    low = max(third / aspect, 2.1)
    top = _HEAD + _NAME + upper + _GAP + _NAME
    bins = _EDGE + third + _BESIDE + 0.1
    above = bins + third + _GAP + _BESIDE + 0.3
    places = {
        "picture": Place(_EDGE, _HEAD + _NAME, width, height),
        "space": Place(_EDGE + width + _GAP, _HEAD + _NAME, column, upper),
        "front": Place(_EDGE, top, third, third / aspect),
        "bins": Place(bins, top, third, low),
        "above": Place(above, top, _EDGE + whole - above, low),
    }
    return Sheet(whole + 2 * _EDGE, top + low + _BELOW + _FOOT, places)
