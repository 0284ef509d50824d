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
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import street_crowds as street
from location_map_picture import draw
from location_map_readings import PUBLISHED, READINGS, SHOWN, scores, volumes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from location_map_readings import Read
    from street_crowds import Floats

CROWDS: Final = (5, 10, 20, 40, 60)
LIKE_JTA: Final = "as many as in JTA"
_PLACE: Final = re.compile(r"<!-- table -->.*?<!-- end -->", re.DOTALL)


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
    put_tables(options.docs / "location_maps.md", tables)
    draw(options.docs / "location-maps.png", {size: made[size] for size in made if size != LIKE_JTA}, real)


if __name__ == "__main__":
    main()
