"""What a crowd costs ground-truth location maps and volumes: joint precision, recall and F1, by reading.

The LoCO paper gives 76.07 % precision, 64.83 % recall and 69.59 % F1 on JTA as the upper bound of location
maps, equal at 0.4, 0.8 and 1.2 m, and 99.96 % for volumes; it does not say how its location maps are made.
No times are measured. The tables and the picture of `docs/location_maps.md` are made with

    python benchmarks/location_maps.py --docs docs [--samples FOLDER_OF_loco_demo_N.json]
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import street_crowds as street

from mhbench.cameras import Camera
from mhbench.heatmaps import Grid, locate, peaks_sparse, render_sparse, to_camera
from mhbench.heatmaps.location_maps import draw_location_maps, read_location_maps
from mhbench.metrics import joint_f1
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from street_crowds import Floats

    Read = Callable[[Floats], Floats]

PUBLISHED: Final = (76.07, 64.83, 69.59)
CROWDS: Final = (5, 10, 20, 40, 60)
LIKE_JTA: Final = "as many as in JTA"
_PLACE: Final = re.compile(r"<!-- table -->.*?<!-- end -->", re.DOTALL)
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


def crowds(seed: int, frames: int, sizes: Sequence[int] = CROWDS) -> dict[str, list[Floats]]:
    """Frames by the name of their row: of fixed numbers of people, and of as many as JTA has.

    The same cameras and people in every row; a larger crowd has more of them.
    """
    random, poses = np.random.default_rng(seed), street.walkers(seed)
    full = [street.crowd(random, poses, street.MOST_PEOPLE) for _ in range(frames)]
    like = [one[: street.number_of_people(random)] for one in full]
    return {f"{size} people": [one[:size] for one in full] for size in sizes} | {LIKE_JTA: like}


def samples(folder: Path) -> dict[str, list[Floats]]:
    """LoCO's predictions on JTA frames, taken for the truth, by the name of their row."""
    found = {}
    for path in sorted(folder.glob("loco_demo_*.json")):
        frame = json.loads(path.read_text(encoding="utf-8"))
        found[f"JTA {frame['sequence']}, frame {frame['frame']}"] = [np.array(frame["poses"])]
    return found


def table_of_crowds(rows: Mapping[str, Sequence[Floats]]) -> str:
    """F1 at 0.4 m by crowd, Markdown."""
    shown: tuple[Read, ...] = (volumes, *SHOWN)
    lines = [["crowd", "people", "close at 8 px", "close at 32 px", "volumes", *map(str, SHOWN)]]
    for name, frames in rows.items():
        people = np.mean([len(one) for one in frames])
        close = [np.mean([street.close_share(one, cell) for one in frames]) for cell in (8, 32)]
        found = [scores(frames, read)[2] for read in shown]
        lines.append(
            [name, f"{people:.0f}", *(f"{one:.0%}" for one in close), *(f"{one:.1f}" for one in found)]
        )
    return _markdown(lines)


def table_of_readings(frames: Sequence[Floats], real: Sequence[Floats]) -> str:
    """Precision, recall and F1 by reading, Markdown, with F1 at 1.2 m and that on LoCO's own frames."""
    lines = [["reading", "precision", "recall", "F1", "F1 at 1.2 m", "F1, LoCO's frames"]]
    lines.append(["**published**", *(f"**{one:.2f}**" for one in (*PUBLISHED, PUBLISHED[2])), ""])
    everything: tuple[Read, ...] = (*READINGS, volumes)
    for read in everything:
        found = [*scores(frames, read), scores(frames, read, 1.2)[2]]
        found += [scores(real, read)[2]] if real else []
        name = "volumes" if read is volumes else str(read)
        lines.append([name, *(f"{one:.2f}" for one in found), *[""] * (not real)])
    return _markdown(lines)


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *body = (f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join([head, "|---" * len(lines[0]) + "|", *body])


def put_tables(page: Path, tables: Sequence[str]) -> None:
    """Replace the tables of a page, in order: what stands between `<!-- table -->` and `<!-- end -->`.

    Raises:
        SystemExit: the page has another number of places for tables.
    """
    waiting = [f"<!-- table -->\n\n{table}\n\n<!-- end -->" for table in tables]
    text, places = _PLACE.subn(lambda _: waiting.pop(0) if waiting else "", page.read_text(encoding="utf-8"))
    if places != len(tables):
        raise SystemExit(f"{page} has {places} places for tables, not {len(tables)}")
    page.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="seed of the crowds")
    parser.add_argument("--frames", type=int, default=60, help="frames of a crowd")
    parser.add_argument("--samples", type=Path, help="folder of LoCO's predictions, loco_demo_N.json")
    parser.add_argument(
        "--docs", type=Path, help="folder of location_maps.md, to write tables and picture to"
    )
    options = parser.parse_args()
    made = crowds(options.seed, options.frames)
    real = {} if options.samples is None else samples(options.samples)
    tables = [
        table_of_readings(made[LIKE_JTA], [frame for frames in real.values() for frame in frames]),
        table_of_crowds(made | real),
    ]
    if options.docs is None:
        print("\n\n".join(tables))
        return
    from location_map_picture import draw

    put_tables(options.docs / "location_maps.md", tables)
    draw(options.docs / "location-maps.png", made, real)


if __name__ == "__main__":
    main()
