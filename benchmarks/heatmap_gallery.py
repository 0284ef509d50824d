"""The picture `docs/heatmap-maps.png`: every target map of `mhbench.heatmaps`, drawn from one made-up frame.

python benchmarks/heatmap_gallery.py --out docs/heatmap-maps.png
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import street_crowds as street
from location_map_readings import VOLUMES
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from measuring import RESULTS

from mhbench.heatmaps import (
    bodynet_grid,
    centre_map,
    centres,
    draw_location_maps,
    joint_maps,
    peaks,
    pinet_maps_of,
    push_apart,
    render,
    root_relative_centres,
    select_joints,
)
from mhbench.heatmaps.romp_centres import CELLS, body_centres
from mhbench.heatmaps.voxelpose import person_scaled_maps, root_volume
from mhbench.report.style import PREDICTION, RC, TRUTH, colour
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from street_crowds import Floats

HEAD: Final = "head_top"
CROWDPOSE: Final = skeleton("crowdpose_14").points  # by the names of the vocabulary
MAPS: Final = 128


@dataclass(frozen=True, slots=True)
class Frame:
    """People of one image: camera axes, metres, and px."""

    people: Floats
    pixels: Floats

    def cells(self, columns: int, rows: int) -> Floats:
        """Pixels as cells of a map that the whole image is stretched to."""
        return self.pixels * (columns / street.WIDTH, rows / street.HEIGHT)


def frame(seed: int, people: int = 9, tries: int = 300) -> Frame:
    """Of some crowds the nearest one that is in the image from head to foot."""
    random, poses = np.random.default_rng(seed), street.walkers(seed)
    drawn = [street.crowd(random, poses, people) for _ in range(tries)]
    whole = [one for one in drawn if street.inside(street.project(one)).all()]
    nearest = min(whole, key=lambda one: float(np.median(one[..., 2])))
    return Frame(nearest, street.project(nearest))


def show(axes: Axes, picture: Any, title: str, **options: Any) -> None:
    """One map, its cells as they are."""
    axes.imshow(picture, cmap="magma", interpolation="nearest", aspect="auto", **options)
    axes.set_title(title, fontsize=8)
    axes.set(xticks=[], yticks=[], facecolor="black")
    axes.grid(visible=False)


def skeletons(axes: Axes, of: Frame) -> None:
    for number, one in enumerate(of.pixels):
        for start, stop in skeleton(street.SKELETON).limbs:
            axes.plot(*one[[start, stop]].T, color=colour(number), linewidth=1.2)
    axes.set(xlim=(0, street.WIDTH), ylim=(street.HEIGHT, 0), xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.set_title(f"the image: {len(of.people)} people", fontsize=8)


def volumes(front: Axes, top: Axes, of: Frame) -> None:
    """Heads: the volume from the front and from above, with its peaks."""
    grid, located = select_joints(VOLUMES, centres(VOLUMES, of.pixels, of.people), [HEAD])
    volume = render(grid, located)
    found, _ = peaks(volume)
    farthest = int(found[:, 1].max()) + 12
    show(front, volume[0].max(axis=0), f"volume, {HEAD}: largest value over depth")
    show(top, volume[0, :farthest].max(axis=1), "from above: 0 m at the bottom", origin="lower")
    for axes, column in ((front, 2), (top, 1)):
        axes.plot(found[:, 3], found[:, column], "o", fillstyle="none", color=TRUTH, markersize=5)


def flat(heat: Axes, scaled: Axes, places: Axes, of: Frame) -> None:
    """2D heatmaps of all joints, those that grow with the person, and a location map."""
    size = {"height": street.HEIGHT, "width": street.WIDTH}
    show(heat, joint_maps(of.pixels, **size).max(axis=0), "2D heatmaps, all joints")
    grown = person_scaled_maps(of.cells(240, 135), height=135, width=240)
    show(scaled, grown[skeleton(street.SKELETON).joints.index(HEAD)], f"VoxelPose, {HEAD}: wider if nearer")
    maps = draw_location_maps(replace(VOLUMES, stride=32, pad_to=2), of.pixels, of.people, radius=1)
    depth = maps.places[skeleton(street.SKELETON).joints.index(HEAD), 2]
    nearness = np.divide(1, depth, out=np.zeros_like(depth), where=depth > 0)
    show(places, nearness, f"location map, {HEAD}: 1 / z in 3 x 3 of 34 x 60 cells")


def pinet(points: Axes, offsets: Axes, of: Frame) -> None:
    """Part centres, and the way from a body's centre to its keypoints."""
    order = [skeleton(street.SKELETON).points.index(name) for name in CROWDPOSE]
    keypoints = of.cells(MAPS, MAPS)[:, order]
    sides = np.ptp(keypoints, axis=1)
    maps = pinet_maps_of(keypoints, np.ones(keypoints.shape[:2], dtype=np.bool_), np.prod(sides, axis=1))
    show(points, np.moveaxis(maps.points, 0, -1), "PINet: head, body, leg centres (red, green, blue)")
    body = 1
    by_part = maps.offsets.reshape(3, len(CROWDPOSE), 2, MAPS, MAPS)[body]
    weight = maps.weights.reshape(3, len(CROWDPOSE), 2, MAPS, MAPS)[body]
    show(offsets, maps.scores.max(axis=0), "PINet: scores, and offsets from bodies to keypoints", alpha=0.6)
    joint, row, column = np.nonzero(weight[:, 0])
    ends = np.stack([column, row], axis=1) - by_part[joint, :, row, column]
    lines = np.stack([np.stack([column, row], axis=1), ends], axis=1)
    offsets.add_collection(LineCollection(list(lines), colors=TRUTH, linewidths=0.2))


def romp(axes: Axes, of: Frame) -> None:
    """Body centres before and after people who hide each other are pushed apart."""
    joints = skeleton(street.SKELETON).joints
    normalised = of.pixels / (street.WIDTH, street.HEIGHT) * 2 - 1
    torso = [
        joints.index(name) for name in ("neck", "left_shoulder", "right_shoulder", "left_hip", "right_hip")
    ]
    found = body_centres(normalised, street.inside(of.pixels), torso)
    moved = push_apart(found.centres, found.radii)
    show(axes, centre_map(moved, found.radii), "ROMP: centres (from x, pushed apart)")
    for before, after in zip(found.centres, moved, strict=True):
        line = (np.stack([before, after]) + 1) / 2 * CELLS
        axes.plot(*line.T, color=PREDICTION, linewidth=1)
        axes.plot(*line[0], "x", color=PREDICTION, markersize=4)


def single(bodynet: Axes, voxelpose: Axes, of: Frame) -> None:
    """One person around its root, and everybody's roots in a room."""
    grid = bodynet_grid(skeleton(street.SKELETON).joints)
    box = of.pixels[0]
    crop = (box - box.min(axis=0)) / np.ptp(box, axis=0).max() * 52 + 6
    located = root_relative_centres(grid, crop, of.people[0], grid.joints.index("neck"))
    volume = render(grid, located).max(axis=0)
    views = np.concatenate([volume.max(axis=0), np.repeat(volume.max(axis=2).T, 3, axis=1)], axis=1)
    show(bodynet, views, "BodyNet, one person: front; from the side, 19 depths")
    hips = of.people[:, [grid.joints.index(f"{side}_hip") for side in ("left", "right")]].mean(axis=1)
    # to a room in mm with z up, as wide and deep as VoxelPose's
    room = (hips - hips.mean(axis=0))[:, [0, 2, 1]] * 1000 * (1, 1, -1)
    room *= 3500 / np.abs(room[:, :2]).max()
    show(
        voxelpose,
        root_volume(room + np.array([0, -500, 800])).max(axis=2).T,
        "VoxelPose: roots in a room, from above",
        origin="lower",
    )


def draw(path: Path, of: Frame) -> None:
    """Write the picture as PNG."""
    import matplotlib as mpl

    with mpl.rc_context(RC):
        figure = Figure(figsize=(15, 8.2), layout="constrained", dpi=100)
        FigureCanvasAgg(figure)
        axes = figure.subplots(3, 4).ravel()
        skeletons(axes[0], of)
        volumes(axes[1], axes[2], of)
        flat(axes[3], axes[4], axes[5], of)
        pinet(axes[6], axes[7], of)
        romp(axes[8], of)
        single(axes[9], axes[10], of)
        axes[11].set_axis_off()
        figure.savefig(path, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="seed of the people")
    parser.add_argument("--out", type=Path, default=RESULTS / "heatmap-maps.png", help="PNG to write")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    draw(options.out, frame(options.seed))


if __name__ == "__main__":
    main()
