"""One frame drawn: image (or canvas) with 2D skeletons, 3D view, view from above, heatmaps, ids."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mhbench.columns import JointFlag
from mhbench.report.people_lines import (
    Name,
    draw_loose,
    draw_person,
    draw_prediction,
    highest,
    legend_entries,
    person_colour,
    write_names,
)
from mhbench.report.sheets import arrange, draw_heading, draw_legend, panel
from mhbench.report.space_views import Body, draw_above, draw_space
from mhbench.report.style import QUIET, RC

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

    from mhbench.frames import FrameTable
    from mhbench.report.overlays import Overlay

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class HeatmapViews:
    """Maximum projections of a frame's heatmaps: from the front (rows, columns), from above (bins, columns).

    `extent` is the depth range of the bins in metres, `size` the image size (width, height) they cover,
    `axis` what depth is: the distance, or z.
    """

    front: npt.NDArray[np.float32]
    above: npt.NDArray[np.float32]
    extent: tuple[float, float]
    size: tuple[int, int]
    axis: str = "distance"


def draw_frame(
    table: FrameTable,
    *,
    image: npt.NDArray[np.uint8] | None = None,
    image_note: str = "",
    heatmaps: HeatmapViews | None = None,
    overlay: Overlay | None = None,
    title: str = "",
) -> Figure:
    """Draw a table of one frame.

    Args:
        table: one frame.
        image: (H, W, 3) the image; a plain canvas of the frame's size if None.
        image_note: why there is no image, written on the canvas.
        heatmaps: maximum projections to show beside the skeletons.
        overlay: predictions, drawn black and dashed.
        title: heading; the data set and the frame's id if empty.
    """
    spatial = "joints3d" in table.persons
    width, height = int(table.frames["width"][0]), int(table.frames["height"][0])
    sheet = arrange(width / height, spatial=spatial, heatmaps=heatmaps is not None)
    with mpl.rc_context({**RC, "axes.grid": False}):
        figure = Figure(figsize=(sheet.width, sheet.height), dpi=130)
        panels = {name: panel(figure, place) for name, place in sheet.places.items()}
        heading = title or f"{table.dataset}  {table.frames['id'][0]}"
        draw_heading(figure, heading)
        _draw_picture(panels["picture"], table, image, image_note, overlay)
        if spatial:
            bodies = _bodies(table)
            draw_space(panels["space"], bodies, table.skeleton, overlay)
            draw_above(panels["above"], bodies, table.skeleton, overlay, _lens(table))
        if heatmaps is not None:
            _draw_heatmaps(panels["front"], panels["bins"], heatmaps)
        _draw_legend(figure, table, overlay)
    return figure


def _draw_picture(
    axes: Axes,
    table: FrameTable,
    image: npt.NDArray[np.uint8] | None,
    note: str,
    overlay: Overlay | None,
) -> None:
    width, height = int(table.frames["width"][0]), int(table.frames["height"][0])
    canvas = np.full((2, 2, 3), 238, dtype=np.uint8) if image is None else image
    # pixel (0, 0) is the centre of the top-left pixel
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(canvas, extent=extent, interpolation="bilinear", aspect="auto")
    axes.set(xlim=extent[:2], ylim=extent[2:], xticks=[], yticks=[])
    axes.spines[:].set_visible(b=False)
    axes.set_title(_picture_words(table, overlay))
    if note and image is None:
        words = textwrap.fill(
            note, max(int(axes.bbox.width / axes.figure.dpi * 14), 20), break_on_hyphens=False
        )
        axes.text(0.01, 0.01, words, transform=axes.transAxes, fontsize=8, color=QUIET, va="bottom", zorder=1)
    hidden = (table.persons["joint_flags"] & (JointFlag.OCCLUDED | JointFlag.SELF_OCCLUDED)) != 0
    names = []
    for person, joints in enumerate(table.persons["joints2d"].astype(np.float64)):
        paint = person_colour(person)
        draw_person(axes, joints, table.skeleton, paint, hidden=hidden[person])
        inside = (joints >= -0.5).all(axis=1) & (joints < (width, height)).all(axis=1)
        place = highest(joints[inside])
        if "bbox" in table.persons and np.isfinite(table.persons["bbox"][person]).all():
            x, y, wide, high = table.persons["bbox"][person].tolist()
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), wide, high, fill=False, ec=paint, lw=0.8, zorder=2))
            place = place or (x + wide / 2.0, max(y, 0.0))
        if place is not None:
            names.append(Name(_name(table, person), place, paint))
    if overlay is not None:
        for joints in overlay.joints2d:
            draw_prediction(axes, joints, str(overlay.skeleton))
        draw_loose(axes, overlay.loose2d)
    write_names(axes, names)


def _picture_words(table: FrameTable, overlay: Overlay | None) -> str:
    people = table.person_count
    words = f"{people} {'person' if people == 1 else 'people'}"
    if overlay is not None:
        words += f", {overlay.note or f'{len(overlay.joints2d)} predicted'}"
    return f"{words}; {table.frames['width'][0]} x {table.frames['height'][0]} px"


def _draw_heatmaps(front: Axes, above: Axes, views: HeatmapViews) -> None:
    """The largest value over joints and depth from the front, and over joints and rows from above."""
    width, height = views.size
    front.imshow(views.front, cmap="magma", vmin=0, vmax=1, extent=(0, width, height, 0), aspect="auto")
    front.set(xticks=[], yticks=[])
    front.set_title("heatmaps, from the front")
    near, far = views.extent
    step = (far - near) / (len(views.above) - 1)
    occupied = np.flatnonzero(views.above.max(axis=1) > 0)
    first, last = (max(occupied[0] - 3, 0), occupied[-1] + 4) if occupied.size else (0, len(views.above))
    shown = views.above[first:last]
    depths = (near + first * step, near + (first + len(shown)) * step)
    painted = above.imshow(
        shown, cmap="magma", vmin=0, vmax=1, aspect="auto", origin="lower", extent=(0, width, *depths)
    )
    above.set(xticks=[], ylabel=f"{views.axis} (m)")
    above.set_title("heatmaps, from above")
    scale = above.inset_axes((1.02, 0.0, 0.03, 1.0))
    above.figure.colorbar(painted, cax=scale, ticks=[0, 0.5, 1])
    scale.tick_params(labelsize=7, length=2)
    for axes in (front, above, scale):
        axes.spines[:].set_visible(b=False)


def _draw_legend(figure: Figure, table: FrameTable, overlay: Overlay | None) -> None:
    flags = table.persons["joint_flags"]
    entries = legend_entries(
        hidden=bool((flags & (JointFlag.OCCLUDED | JointFlag.SELF_OCCLUDED)).any()),
        predicted=overlay is not None and bool(len(overlay.joints2d)),
        loose=overlay is not None and bool(len(overlay.loose2d)),
    )
    draw_legend(figure, entries)


def _bodies(table: FrameTable) -> list[Body]:
    """The people by their joints that are labelled in 3D."""
    labelled = (table.persons["joint_flags"] & JointFlag.LABELLED_3D) != 0
    joints = np.where(labelled[..., None], table.persons["joints3d"].astype(np.float64), np.nan)
    return [Body(one, person_colour(person), _name(table, person)) for person, one in enumerate(joints)]


def _name(table: FrameTable, person: int) -> str:
    """The track, or else the place in the frame; and what keeps a person from being scored."""
    name = str(table.persons["track"][person]) if "track" in table.persons else str(person)
    marks = [
        word for column, word in (("iscrowd", "crowd"), ("ignore", "ignored")) if _set(table, column, person)
    ]
    return " ".join([name, *marks])


def _set(table: FrameTable, column: str, person: int) -> bool:
    return column in table.persons and bool(table.persons[column][person])


def _lens(table: FrameTable) -> tuple[Floats, float] | None:
    """K and the width of the image, where they are known."""
    if "K" not in table.frames or not np.isfinite(table.frames["K"][0]).all():
        return None
    return table.frames["K"][0], float(table.frames["width"][0])
