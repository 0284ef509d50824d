"""The picture of `docs/location_maps.md`: F1 by the number of people, and a frame with what is read wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import street_crowds as street
from location_map_readings import PUBLISHED, SHOWN, VOLUMES, scores, volumes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mhbench.heatmaps.location_maps import draw_location_maps, read_location_maps
from mhbench.report.style import PREDICTION, QUIET, RC, TRUTH, colour
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from location_map_readings import Read
    from matplotlib.axes import Axes
    from street_crowds import Floats

CELL: Final = 32
HEAD: Final = 0
PEOPLE: Final = 30


def draw(path: Path, made: Mapping[str, Sequence[Floats]], real: Mapping[str, Sequence[Floats]]) -> None:
    """Write the picture as PNG: of crowds of fixed sizes, and of LoCO's own frames."""
    import matplotlib as mpl

    with mpl.rc_context(RC):
        figure = Figure(figsize=(13, 4.6), layout="constrained", dpi=110)
        FigureCanvasAgg(figure)
        curves, street_view = figure.subplots(1, 2, width_ratios=(1, 1.35))
        _curves(curves, made, real)
        largest = list(made)[-1]
        _street(street_view, min((one[:PEOPLE] for one in made[largest]), key=_unlike_a_street))
        figure.savefig(path, metadata={"Software": None})


def _curves(axes: Axes, made: Mapping[str, Sequence[Floats]], real: Mapping[str, Sequence[Floats]]) -> None:
    sizes = [(len(frames[0]), frames) for frames in made.values()]
    published = PUBLISHED[2]
    axes.axhline(published, color=QUIET, linestyle="--", linewidth=1, label=f"published: {published} %")
    shown: tuple[Read, ...] = (volumes, *SHOWN)
    for number, read in enumerate(shown):
        name = "volumes" if read is volumes else str(read)
        found = [scores(frames, read)[2] for _, frames in sizes]
        axes.plot(
            [size for size, _ in sizes], found, marker="o", markersize=3, color=colour(number), label=name
        )
        for frames in real.values():
            axes.plot(len(frames[0]), scores(frames, read)[2], "x", color=colour(number), markersize=6)
    axes.plot([], [], "x", color=QUIET, label="on LoCO's own JTA frames")
    axes.set(xlabel="people in the frame", ylabel="joint F1 at 0.4 m, %", ylim=(44, 101))
    axes.set_title("What ground-truth maps lose in a crowd")
    axes.legend(loc="lower left", fontsize=8, ncols=2)


def _unlike_a_street(people: Floats) -> tuple[int, float]:
    """Few for a frame that shows most: heads beside the image, then the distance of the people."""
    beside = int(np.sum(~street.inside(street.project(people[:, HEAD]))))
    return beside, float(np.median(people[..., 2]))


def _street(axes: Axes, people: Floats) -> None:
    """Who is where, which cells hold a head's coordinates, and which heads are read or lost."""
    pixels = street.project(people)
    grid = replace(VOLUMES, stride=CELL, pad_to=2)
    maps = draw_location_maps(grid, pixels, people, radius=1)
    distance = np.sqrt(np.sum(maps.places[HEAD].astype(np.float64) ** 2, axis=0))
    edge = (-CELL / 2, (grid.columns - 0.5) * CELL, (grid.rows - 0.5) * CELL, -CELL / 2)
    shown = axes.imshow(
        np.ma.masked_equal(distance, 0), extent=edge, cmap="Blues_r", vmin=0, vmax=80, alpha=0.75
    )
    axes.figure.colorbar(shown, ax=axes, label="distance that a cell holds, m", shrink=0.8)
    for start, stop in skeleton(street.SKELETON).limbs:
        for one in pixels:
            axes.plot(*one[[start, stop]].T, color="#444444", linewidth=0.8)
    read = read_location_maps(maps)[0]
    heads = read[read[:, 0] == HEAD, 1:]
    apart = np.abs(people[:, HEAD, None] - heads[None]).max(axis=-1)
    kept = apart.min(axis=1, initial=np.inf) < 1e-3
    for right, tint, label in ((True, TRUTH, "head that is read"), (False, PREDICTION, "head that is lost")):
        axes.plot(*pixels[kept == right, HEAD].T, "o", color=tint, markersize=4, label=label)
    axes.set(xlim=(0, street.WIDTH), ylim=(street.HEIGHT, 0), aspect="equal")
    axes.grid(visible=False)
    axes.set_title(f"{len(people)} people, cells of {CELL} px, the nearest one's coordinates in 3 x 3 cells")
    axes.legend(loc="lower right", fontsize=8)
