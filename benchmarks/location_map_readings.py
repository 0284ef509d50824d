"""Ways to understand the LoCO paper's location maps, and what each reads back from a crowd's ground truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import street_crowds as street

from mhbench.cameras import Camera
from mhbench.heatmaps import Grid, locate, peaks_sparse, render_sparse, to_camera
from mhbench.heatmaps.location_maps import draw_location_maps, read_location_maps
from mhbench.metrics import joint_f1
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from street_crowds import Floats

    Read = Callable[[Floats], Floats]

PUBLISHED: Final = (76.07, 64.83, 69.59)
CAMERA: Final = Camera(
    np.array([[street.FOCAL, 0, street.WIDTH / 2], [0, street.FOCAL, street.HEIGHT / 2], [0, 0, 1]]),
    np.zeros(8),
)
VOLUMES: Final = Grid(
    skeleton(street.SKELETON).joints,
    depth_min=0,
    depth_max=100,
    height=street.HEIGHT,
    width=street.WIDTH,
    pixel_rounding="truncate",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand the paper's location maps.

    Attributes:
        cell: pixels of a cell; 32 gives 34 x 60 cells, what the paper's network puts out.
        radius: see `draw_location_maps`.
        strict: see `read_location_maps`.
        overlap: see `draw_location_maps`.
        binned: distances are rounded to the bins of the volumes.
        hidden: share of joints, drawn at random, that the maps leave out.
        summed: Gaussians of several people are added up, where the paper's volumes take the largest.
    """

    cell: int
    radius: int = 0
    strict: bool = False
    overlap: Literal["nearest", "last", "mean"] = "nearest"
    binned: bool = False
    hidden: float = 0.0
    summed: bool = False

    def __call__(self, people: Floats) -> Floats:
        """Joint type, x, y, z of all joints read from the maps of a frame."""
        pixels = street.project(people)
        if self.hidden:
            random = np.random.default_rng(len(people))
            pixels[random.random(pixels.shape[:2]) < self.hidden] = np.nan
        if self.binned:
            distances = np.sqrt(np.sum(people**2, axis=-1, keepdims=True))
            people = people / distances * np.rint(distances / VOLUMES.depth_step) * VOLUMES.depth_step
        grid = replace(VOLUMES, stride=self.cell, pad_to=2 if self.cell == 32 else 1)
        maps = draw_location_maps(grid, pixels, people, radius=self.radius, overlap=self.overlap)
        if self.summed:
            alone = [
                draw_location_maps(grid, *one) for one in zip(pixels[:, None], people[:, None], strict=True)
            ]
            maps = maps._replace(heat=np.sum([one.heat for one in alone], axis=0))
        return read_location_maps(maps, strict=self.strict)[0]

    def __str__(self) -> str:
        side = 2 * self.radius + 1
        words = [f"{self.cell} px", f"{side} x {side} cells" if self.radius else "one cell"]
        words += {"nearest": [], "last": ["the last one wins"], "mean": ["mean"]}[self.overlap]
        words += ["strict maxima"] * self.strict
        words += ["summed"] * self.summed
        words += ["distances in bins"] * self.binned
        words += [f"{self.hidden:.0%} left out"] if self.hidden else []
        return ", ".join(words)


READINGS: Final[tuple[Reading, ...]] = (
    Reading(4),
    Reading(8),
    Reading(8, strict=True),
    Reading(8, binned=True),
    Reading(8, hidden=0.35),
    Reading(8, radius=1),
    Reading(8, radius=2),
    Reading(8, radius=5),
    Reading(8, radius=5, strict=True),
    Reading(8, radius=5, strict=True, overlap="last"),
    Reading(8, radius=5, strict=True, overlap="mean"),
    Reading(16, summed=True),
    Reading(16, radius=1),
    Reading(16, radius=2),
    Reading(32),
    Reading(32, strict=True),
    Reading(32, summed=True),
    Reading(32, radius=1),
    Reading(32, radius=1, overlap="last"),
    Reading(32, radius=1, overlap="mean"),
    Reading(32, radius=2),
    Reading(32, radius=2, strict=True),
)
# of the picture and the table of crowds
SHOWN: Final[tuple[Reading, ...]] = (
    Reading(8),
    Reading(8, radius=2),
    Reading(8, radius=5, strict=True),
    Reading(32),
    Reading(32, radius=1),
)


def truth(people: Floats) -> Floats:
    """Joint type, x, y, z of all joints that LoCO counts: those in the image, hidden or not."""
    located = locate(VOLUMES, street.project(people), people)
    return np.column_stack([located.joint, people[located.person, located.joint]])


def volumes(people: Floats) -> Floats:
    """Joint type, x, y, z of all joints read from the volume of a frame."""
    index, values = render_sparse(VOLUMES, locate(VOLUMES, street.project(people), people).centres)
    found, _ = peaks_sparse(index, values, VOLUMES.shape)
    return np.column_stack([found[:, 0], to_camera(VOLUMES, found, CAMERA)])


def scores(frames: Sequence[Floats], read: Read, metres: float = 0.4) -> Floats:
    """Precision, recall and F1 in percent, the mean over frames."""
    counted = [joint_f1(truth(people), read(people), threshold=metres) for people in frames]
    return np.asarray(100 * np.mean([(one.precision, one.recall, one.f1) for one in counted], axis=0))
