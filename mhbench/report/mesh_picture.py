"""One frame's bodies: who is inside whom, from the camera and from above, and who stands before whom."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from mhbench.metrics.interpenetration import collisions
from mhbench.report.mesh_views import View, paint, parallel, tint
from mhbench.report.people_lines import Name, highest, write_names
from mhbench.report.sheets import bodies_sheet, draw_heading, draw_legend, panel
from mhbench.report.style import INK, PREDICTION, QUIET, RC

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

    from mhbench.cameras import Camera
    from mhbench.metrics.interpenetration import Collisions

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

_ABOVE: Final = (560, 640)  # pixels of the view from above
_MARGIN_M: Final = 0.3
_MARGIN: Final = 0.12  # of the people in the camera's image
_SHAPE: Final = 1.25  # width by height of the part of the image that is shown, where it reaches so far
_PALE: Final = 0.55  # how far the photograph steps back behind the bodies
_MOST_LINES: Final = 4  # pairs that are told about


@dataclass(frozen=True, slots=True, eq=False)
class FrameBodies:
    """The bodies of one frame.

    Attributes:
        meshes: (P, V, 3) m in the camera's space; a person without a mesh is NaN.
        faces: (T, 3).
        names: of the people.
        title: of the picture.
    """

    meshes: Floats
    faces: Ints
    names: tuple[str, ...]
    title: str


@dataclass(frozen=True, slots=True, eq=False)
class DepthOrder:
    """True and predicted depths of N matched people, m or (predicted) ranks.

    Attributes:
        person: (N,) index of the predicted person.
        true: (N,) camera z.
        predicted: (N,).
        ordinal: whether the predicted ones are ranks.
    """

    person: Ints
    true: Floats
    predicted: Floats
    ordinal: bool = False

    def reversed_pairs(self) -> list[tuple[int, int]]:
        """Pairs of places in the wrong order, equal predictions included."""
        return [
            (a, b)
            for a, b in combinations(range(len(self.true)), 2)
            if (self.true[a] - self.true[b]) * (self.predicted[a] - self.predicted[b]) <= 0
            and self.true[a] != self.true[b]
        ]


def draw_bodies(
    bodies: FrameBodies,
    camera: Camera,
    *,
    image: npt.NDArray[np.uint8] | None = None,
    order: DepthOrder | None = None,
) -> Figure:
    """Draw the bodies of a frame, what of them is inside somebody else, and both orders of depth.

    Args:
        bodies: with at least one whole mesh.
        camera: with the size of its image; R and t are not used.
        image: (H, W, 3) the photograph, drawn pale; a plain canvas if None.
        order: true and predicted depths; drawn where two people or more have both.
    """
    whole = np.flatnonzero(np.isfinite(bodies.meshes).all(axis=(1, 2)))
    found = collisions(bodies.meshes, bodies.faces)
    ordered = order is not None and len(order.true) > 1
    pixels = np.stack([camera.project(mesh) for mesh in bodies.meshes[whole]])
    left, right, top, bottom = _frame_around(pixels, camera)
    heading = f"{bodies.title}\n{_collision_words(found, bodies.names)}"
    sheet = bodies_sheet((right - left) / (bottom - top), _ABOVE[0] / _ABOVE[1], heading, order=ordered)
    with mpl.rc_context({**RC, "axes.grid": False}):
        figure = Figure(figsize=(sheet.width, sheet.height), dpi=110)
        panels = {name: panel(figure, place) for name, place in sheet.places.items()}
        panels["front"].set(xlim=(left, right), ylim=(bottom, top))
        _draw_front(panels["front"], bodies, found.vertices, whole, camera, image)
        _draw_above(panels["above"], bodies, found.vertices, whole)
        if order is not None and ordered:
            _draw_order(panels["order"], order, bodies.names)
        draw_heading(figure, heading)
        draw_legend(figure, _legend(inside=bool(found.colliding_vertices), order=order if ordered else None))
    return figure


def _legend(*, inside: bool, order: DepthOrder | None) -> list[Line2D]:
    entries = []
    if inside:
        words = "inside somebody else, seen through everybody"
        entries.append(Line2D([], [], color=PREDICTION, lw=0, marker="s", ms=7, label=words))
    if order is not None and order.reversed_pairs():
        words = "pair in the wrong order"
        entries.append(Line2D([], [], color=PREDICTION, lw=0, marker="X", ms=7, mec="white", label=words))
    return entries


def _draw_front(
    axes: Axes,
    bodies: FrameBodies,
    inside: Flags,
    whole: Ints,
    camera: Camera,
    image: npt.NDArray[np.uint8] | None,
) -> None:
    size = (camera.height, camera.width, 3)
    canvas = np.full(size, 0.96, dtype=np.float32)
    if image is not None:
        canvas = (1 - (1 - _PALE) * (1 - image / 255.0)).astype(np.float32)
    view = View(lambda body: (camera.project(body), body[:, 2]), 2)
    meshes = bodies.meshes[whole]
    painted = paint(meshes, bodies.faces, inside[whole], view, canvas)
    # pixel (0, 0) is the centre of the top-left pixel
    extent = (-0.5, camera.width - 0.5, camera.height - 0.5, -0.5)
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(np.clip(painted, 0, 1), extent=extent, interpolation="bilinear", aspect="auto")
    axes.set(xlim=limits[0], ylim=limits[1], xticks=[], yticks=[], title="from the camera")
    axes.spines[:].set_visible(False)
    tops = [(person, highest(camera.project(mesh))) for person, mesh in zip(whole, meshes, strict=True)]
    write_names(axes, [_name(bodies, person, top) for person, top in tops if top is not None])


def _frame_around(pixels: Floats, camera: Camera) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of the part of the image that the people are in."""
    known = pixels[np.isfinite(pixels).all(axis=-1)]
    if not len(known):
        return -0.5, camera.width - 0.5, -0.5, camera.height - 0.5
    low, high = known.min(axis=0), known.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2 + _MARGIN * float((high - low).max())
    half = np.maximum(half, (half[1] * _SHAPE, half[0] / _SHAPE))
    left, top = np.maximum(middle - half, -0.5)
    right, bottom = np.minimum(middle + half, (camera.width - 0.5, camera.height - 0.5))
    # people beside the image leave nothing to cut out
    if right - left < 1 or bottom - top < 1:
        return -0.5, camera.width - 0.5, -0.5, camera.height - 0.5
    return float(left), float(right), float(top), float(bottom)


def _draw_above(axes: Axes, bodies: FrameBodies, inside: Flags, whole: Ints) -> None:
    meshes = bodies.meshes[whole]
    points = meshes.reshape(-1, 3)
    view, extent = parallel(points.min(axis=0) - _MARGIN_M, points.max(axis=0) + _MARGIN_M, 1, _ABOVE)
    image = paint(
        meshes, bodies.faces, inside[whole], view, np.ones((_ABOVE[1], _ABOVE[0], 3), dtype=np.float32)
    )
    axes.imshow(np.clip(image, 0, 1), extent=extent, interpolation="bilinear", aspect="auto")
    axes.set(xlabel="x right (m)", ylabel="z away from the camera (m)", title="from above")
    middles = zip(whole, meshes.mean(axis=1).tolist(), strict=True)
    write_names(axes, [_name(bodies, person, (x, z)) for person, (x, _, z) in middles])
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _draw_order(axes: Axes, order: DepthOrder, names: tuple[str, ...]) -> None:
    """The true depths over the predicted ones; where lines cross, two are in the wrong order."""
    pairs = order.reversed_pairs()
    predicted = order.predicted
    if order.ordinal:
        # ranks know no metres: spread over the same stretch
        ranks = np.argsort(np.argsort(predicted, kind="stable"), kind="stable")
        steps = np.linspace(order.true.min(), order.true.max(), len(ranks))
        predicted = steps[ranks]
    for place, person in enumerate(order.person.tolist()):
        ends = [order.true[place], predicted[place]]
        axes.plot(ends, [1, 0], "-", color=QUIET, lw=1.3, zorder=1)
        axes.plot(ends, [1, 0], "o", ms=11, color=tint(person), mec=INK, mew=0.7, zorder=2)
        for depth, height, shift in ((ends[0], 1, 11), (ends[1], 0, -11)):
            axes.annotate(
                names[person],
                (depth, height),
                xytext=(0, shift),
                textcoords="offset points",
                ha="center",
                va="bottom" if shift > 0 else "top",
                fontsize=8,
            )
    for a, b in pairs:
        apart, later = order.true[a] - order.true[b], predicted[a] - predicted[b]
        share = apart / (apart - later)  # of the way down, where the two lines cross
        crossing = (1 - share) * order.true[a] + share * predicted[a]
        axes.plot(crossing, 1 - share, "X", ms=9, color=PREDICTION, mec="white", mew=0.8, zorder=3)
    axes.set(ylim=(-0.6, 1.6), xlabel="depth (m), the camera on the left")
    axes.set_yticks([1, 0], ["true order", "predicted ranks" if order.ordinal else "predicted order"])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_title(_order_words(order, pairs, names))


def _name(bodies: FrameBodies, person: int, place: tuple[float, float]) -> Name:
    """On the tint of the body: where two names stand over each other, it is seen whose is whose."""
    return Name(bodies.names[person], place, INK, fill=to_hex(tint(person)))


def _collision_words(found: Collisions, names: tuple[str, ...]) -> str:
    """Which pairs collide, the most shared space first."""
    if not found.pairs:
        return "nobody is inside anybody else"
    order = np.argsort(-found.overlaps, kind="stable")
    pairs = [
        f"{names[found.pairs[n][0]]} and {names[found.pairs[n][1]]} share {found.overlaps[n]:.2f} litres"
        for n in order
    ]
    rest = len(pairs) - _MOST_LINES
    words = ", ".join(pairs[:_MOST_LINES]) + (f", {rest} more" if rest > 0 else "")
    if not found.colliding_vertices:
        return words
    deep = f"{found.penetration_mm:.0f} mm deep on average, {found.penetration_max_mm:.0f} mm at most"
    return f"{words}\n{found.colliding_vertices} vertices inside somebody else, {deep}"


def _order_words(order: DepthOrder, pairs: list[tuple[int, int]], names: tuple[str, ...]) -> str:
    every = len(order.true) * (len(order.true) - 1) // 2
    if not pairs:
        return f"order of depth: {every} of {every} pairs right"
    told = [" and ".join(names[order.person[place]] for place in pair) for pair in pairs[:_MOST_LINES]]
    rest = len(pairs) - _MOST_LINES
    more = f", {rest} more" if rest > 0 else ""
    return f"order of depth: {len(pairs)} of {every} pairs wrong ({', '.join(told)}{more})"
