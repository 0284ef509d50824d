"""The results of `train.py` as CSV, JSON and a Markdown page beside the figures of the paper."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scores import Row

# Fabbri et al., CVPR 2020, Table 2: F1 at 0, 1 and 2 voxels
TABLE_2 = {
    (1, "jta"): (97.1, 98.4, 98.5),
    (2, "jta"): (92.5, 97.0, 97.1),
    (3, "jta"): (56.5, 90.3, 92.9),
    (2, "panoptic"): (97.1, 98.6, 98.9),
    (3, "panoptic"): (91.9, 98.7, 99.6),
    (2, "human36m"): (100.0, 100.0, 100.0),
    (3, "human36m"): (99.7, 100.0, 100.0),
}
# Table 3: F1 within 0.4, 0.8 and 1.2 m; the baseline has no row with a refiner
TABLE_3 = {
    "predictor2": (50.13, 64.62, 70.40),
    "predictor2+": (50.82, 64.76, 70.44),
    "uncompressed": (24.47, 43.51, 53.08),
}
NAMES = {"predictor2": "LoCO 2", "uncompressed": "without a code, end to end"}
ABOUT = {
    "toy": "**Toy size.** Minutes of one core of a CPU; an eighth of the channels, 480 x 270 pixels and"
    " 12.5 m of JTA's view, 2 people on average and at most 4. These figures show that every stage runs and"
    " what some minutes of each reach, no more; they say nothing about the published networks on JTA."
    " The toy's codes are narrow, too: 10,800, 1,350 and 200 numbers at levels 1, 2 and 3 for up to 56"
    " joints, where the published ones have 1,289,280, 161,160 and 19,890 for about 280. Those of the"
    " published size will be in `full.md` once a GPU has made them.",
    "full": "**Published size** on synthetic crowds: 20 people on average and at most 60. Not JTA: its images"
    " and people are not ours to have.",
}


def write(rows: Sequence[Row], size: str, folder: Path) -> None:
    """SIZE.json, SIZE.csv and SIZE.md in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    encoded = msgspec.json.format(
        msgspec.json.encode({"format": "mhbench-training/1", "rows": rows}), indent=1
    )
    (folder / f"{size}.json").write_bytes(encoded + b"\n")
    (folder / f"{size}.csv").write_text(_csv(rows), encoding="utf-8")
    (folder / f"{size}.md").write_text(_page(rows, size), encoding="utf-8")


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["stage", "model", "level", "data", "metric", "value", "frames", "steps", "minutes", "seed"]
    )
    for row in rows:
        for name, value in row.metrics.items():
            writer.writerow(
                [row.stage, row.model, row.level, row.data, name, f"{value:.3f}", row.frames, row.steps,
                 f"{row.minutes:.2f}", row.seed]
            )  # fmt: skip
    return text.getvalue()


def _page(rows: Sequence[Row], size: str) -> str:
    lines = [
        f"# LoCO trained on synthetic crowds: {size}",
        "",
        ABOUT[size],
        "",
        f"Made by `reports/loco/train.py --size {size}`; the recipe of each row is in `{size}.json`.",
        "Scores are on crowds of people (bodies and motions) that no training saw.",
        "",
        "## Autoencoder: F1 at 0 / 1 / 2 voxels (%)",
        "",
        "| level | crowds | here | paper, on the real data | steps | minutes |",
        "|---|---|---|---|---|---|",
        *(_autoencoder(row) for row in rows if row.stage.startswith("vha")),
        *(line for row in rows if row.stage.startswith("mixing") for line in _mixing(row)),
        "",
        "## Image to people: F1 of joints within 0.4 / 0.8 / 1.2 m (%)",
        "",
        "| model | here | paper, on JTA | steps | minutes |",
        "|---|---|---|---|---|",
        *(_pipeline(row, plus) for row in rows if row.stage in NAMES for plus in ("", "+")),
        "",
        f"![true joints as circles, found ones as crosses]({size}-people.png)",
        *(line for row in rows if row.model == "loco-refiner" for line in _refiner(row)),
    ]
    empty = {row.data: f"{row.empty} of {row.frames} ({row.data})" for row in rows if row.empty}
    if empty:
        told = ", ".join(empty.values())
        lines += ["", f"Test frames with nobody in the image, where to find nothing counts as 100 %: {told}."]
    if rows:
        lines += ["", f"{rows[0].hardware}; {rows[0].versions}; seed {rows[0].seed}."]
    return "\n".join(lines) + "\n"


def _autoencoder(row: Row) -> str:
    here = _slashed([row.metrics[f"f1.joint@{reach}vx"] for reach in (0, 1, 2)])
    paper = _slashed(TABLE_2[row.level, row.data])
    return f"| {row.level} | {row.data} | {here} | {paper} | {row.steps} | {row.minutes:.1f} |"


def _mixing(row: Row) -> list[str]:
    error = 100 * row.metrics["error.maps"]
    return [
        "",
        f"Level {row.level} began with the layers that mix the joints alone, {row.steps} steps in",
        f"{row.minutes:.1f} minutes, down to {error:.0f} % error of the maps.",
    ]


def _pipeline(row: Row, plus: str) -> str:
    here = _slashed([row.metrics[f"f1.joint@{reach}m{plus}"] for reach in (0.4, 0.8, 1.2)])
    known = TABLE_3.get(row.stage + plus)
    paper = "-" if known is None else " / ".join(f"{value:.2f}" for value in known)
    name = NAMES[row.stage] + (", refined" if plus else "")
    return f"| {name} | {here} | {paper} | {row.steps} | {row.minutes:.1f} |"


def _refiner(row: Row) -> list[str]:
    disturbed, whole = row.metrics["mpjpe"], row.metrics["mpjpe.undisturbed"]
    return [
        "",
        "The refiner, on people with joints taken out and noise on the rest:",
        f"{disturbed:.0f} mm ({whole:.0f} mm on undisturbed ones) after {row.steps} steps.",
    ]


def _slashed(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.1f}" for value in values)
