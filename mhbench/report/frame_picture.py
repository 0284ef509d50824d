"""One frame drawn: image (or canvas) with 2D skeletons, 3D view, view from above, heatmaps, ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mhbench.frames import JointFlag
from mhbench.report.style import PREDICTION, QUIET, RC, colour
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from mhbench.frames import FrameTable

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class HeatmapViews:
    """Maximum projections of a frame's heatmaps: from the front (rows, columns), from above (bins, columns).

    `extent` is the depth range of the bins in metres, `size` the image size (width, height) they cover.
    """

    front: npt.NDArray[np.float32]
    above: npt.NDArray[np.float32]
    extent: tuple[float, float]
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """Predicted people to draw beside the true ones: joints in pixels and in camera metres (P, J, 2 or 3)."""

    skeleton: str
    joints2d: Floats
    joints3d: Floats


def draw_frame(
    table: FrameTable,
    *,
    image: npt.NDArray[np.uint8] | None = None,
    heatmaps: HeatmapViews | None = None,
    overlay: Overlay | None = None,
    title: str = "",
) -> Figure:
    """Draw a table of one frame.

    Args:
        table: one frame.
        image: (H, W, 3) the image; a plain canvas of the frame's size if None.
        heatmaps: maximum projections to show beside the skeletons.
        overlay: predictions, drawn dashed.
        title: heading; the frame's id if empty.
    """
    with mpl.rc_context({**RC, "axes.grid": False}):
        flat = "joints3d" not in table.persons and heatmaps is None
        figure = Figure(figsize=(8, 5) if flat else (13, 8), layout="constrained", dpi=100)
        figure.suptitle(title or str(table.frames["id"][0]), x=0.01, ha="left", fontsize=11)
        grid = figure.add_gridspec(2, 1 if flat else 2, width_ratios=(1,) if flat else (5, 4))
        _draw_picture(figure.add_subplot(grid[0 if heatmaps else slice(None), 0]), table, image, overlay)
        if "joints3d" in table.persons:
            _draw_space(figure.add_subplot(grid[0, 1], projection="3d"), table, overlay)
            _draw_above(figure.add_subplot(grid[1, 1]), table, overlay)
        if heatmaps is not None:
            below = grid[1, 0].subgridspec(2, 1)
            _draw_heatmaps(figure.add_subplot(below[0]), figure.add_subplot(below[1]), heatmaps)
    return figure


def _draw_picture(
    axes: Axes, table: FrameTable, image: npt.NDArray[np.uint8] | None, overlay: Overlay | None
) -> None:
    width, height = int(table.frames["width"][0]), int(table.frames["height"][0])
    canvas = np.full((2, 2, 3), 238, dtype=np.uint8) if image is None else image
    # pixel (0, 0) is the centre of the top-left pixel
    axes.imshow(canvas, extent=(-0.5, width - 0.5, height - 0.5, -0.5), interpolation="bilinear")
    bones = skeleton(table.skeleton).limbs
    flags = table.persons["joint_flags"]
    for person, joints in enumerate(table.persons["joints2d"].astype(np.float64)):
        _limbs(axes, joints, bones, colour(person))
        hidden = (flags[person] & (JointFlag.OCCLUDED | JointFlag.SELF_OCCLUDED)) != 0
        axes.plot(*joints[~hidden].T, "o", color=colour(person), ms=3)
        axes.plot(*joints[hidden].T, "o", color=colour(person), ms=3, mfc="none")
        _label(axes, joints, _name(table, person), colour(person))
    if overlay is not None:
        for joints in overlay.joints2d:
            _limbs(axes, joints, skeleton(overlay.skeleton).limbs, PREDICTION, dashed=True)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[])
    people = table.person_count
    axes.set_title(f"{people} {'person' if people == 1 else 'people'}, {width} x {height} px")


def _draw_space(axes: Any, table: FrameTable, overlay: Overlay | None) -> None:
    """3D view from behind the camera's right shoulder: x right, z away, y up on paper."""
    for person, joints in enumerate(_labelled_joints(table)):
        _limbs(axes, joints[:, [0, 2, 1]] * (1, 1, -1), skeleton(table.skeleton).limbs, colour(person))
    if overlay is not None:
        for joints in overlay.joints3d:
            bones = skeleton(overlay.skeleton).limbs
            _limbs(axes, joints[:, [0, 2, 1]] * (1, 1, -1), bones, PREDICTION, dashed=True)
    axes.set_xlabel("x right (m)")
    axes.set_ylabel("z away (m)")
    axes.set_zlabel("up (m)")
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(MaxNLocator(4))
    axes.view_init(elev=12, azim=-70)
    axes.set_aspect("equal")
    axes.set_box_aspect(None, zoom=1.25)
    axes.set_title("3D, camera frame")


def _draw_above(axes: Axes, table: FrameTable, overlay: Overlay | None) -> None:
    """From above: the camera at the origin with its field of view, people by their joints."""
    joints = _labelled_joints(table)
    for person, body in enumerate(joints):
        _limbs(axes, body[:, [0, 2]], skeleton(table.skeleton).limbs, colour(person))
        _label(axes, body[:, [0, 2]], _name(table, person), colour(person))
    if overlay is not None:
        for body in overlay.joints3d:
            _limbs(axes, body[:, [0, 2]], skeleton(overlay.skeleton).limbs, PREDICTION, dashed=True)
    K, width = table.frames["K"][0], float(table.frames["width"][0])
    farthest = float(np.nanmax(joints[..., 2], initial=1.0))
    for edge in (-K[0, 2], width - K[0, 2]):
        axes.plot([0, edge / K[0, 0] * farthest], [0, farthest], "-", color=QUIET, lw=0.8)
    axes.plot(0, 0, "^", color=QUIET, ms=8)
    axes.set(xlabel="x right (m)", ylabel="z away (m)")
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title("from above")


def _draw_heatmaps(front: Axes, above: Axes, views: HeatmapViews) -> None:
    """The largest value over joints and depth from the front, and over joints and rows from above."""
    width, height = views.size
    front.imshow(views.front, cmap="magma", vmin=0, vmax=1, extent=(0, width, height, 0), aspect="auto")
    front.set(xticks=[], yticks=[])
    front.set_title("heatmaps from the front")
    near, far = views.extent
    step = (far - near) / (len(views.above) - 1)
    occupied = np.flatnonzero(views.above.max(axis=1) > 0)
    first, last = (max(occupied[0] - 3, 0), occupied[-1] + 4) if occupied.size else (0, len(views.above))
    shown = views.above[first:last]
    depths = (near + first * step, near + (first + len(shown)) * step)
    extent = (0, width, *depths)
    above.imshow(shown, cmap="magma", vmin=0, vmax=1, aspect="auto", origin="lower", extent=extent)
    above.set(xticks=[], ylabel="distance (m)")
    above.set_title("heatmaps from above")


def _limbs(
    axes: Any, joints: Floats, limbs: Sequence[tuple[int, int]], paint: str, *, dashed: bool = False
) -> None:
    for first, second in limbs:
        ends = joints[[first, second]]
        if np.isfinite(ends).all():
            axes.plot(*ends.T, "--" if dashed else "-", color=paint, lw=1.2 if dashed else 1.8)


def _label(axes: Axes, joints: Floats, text: str, paint: str) -> None:
    known = joints[np.isfinite(joints).all(axis=1)]
    if len(known):
        x, y = known[np.argmin(known[:, 1])]
        box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.75}
        axes.annotate(
            text,
            (x, y),
            xytext=(0, 5),
            textcoords="offset points",
            color=paint,
            fontsize=8,
            bbox=box,
            clip_on=True,
        )


def _name(table: FrameTable, person: int) -> str:
    return str(table.persons["track"][person]) if "track" in table.persons else str(person)


def _labelled_joints(table: FrameTable) -> Floats:
    labelled = (table.persons["joint_flags"] & JointFlag.LABELLED_3D) != 0
    return np.where(labelled[..., None], table.persons["joints3d"].astype(np.float64), np.nan)
