"""`evaluate --report DIR`: one self-contained HTML page with tables, curves and the worst frames."""

from __future__ import annotations

import base64
import importlib.resources
import io
from typing import TYPE_CHECKING, Any, Final

import jinja2
import numpy as np

from mhbench.predictions.coverage import predicted_rows
from mhbench.predictions.reading import read_predictions
from mhbench.protocols.words import protocol_in_words
from mhbench.report import figures
from mhbench.report.frame_picture import Overlay, draw_frame
from mhbench.report.images import read_image
from mhbench.scoring.intervals import by_key, key_intervals, sequence_blocks
from mhbench.scoring.statistics import Statistic
from mhbench.shards.files import write_atomically
from mhbench.shards.reading import open_shards

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.evaluation.pipeline import Evaluation
    from mhbench.evaluation.results import Breakdown
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.records import Records

WORST_FRAMES: Final = 6
DRAWS: Final = 500


def write_report(
    evaluation: Evaluation, predictions: Path, data: Path, folder: Path, *, raw: Path | None = None
) -> Path:
    """Write `index.html` and the result's JSON into a folder and return the page's path.

    Args:
        evaluation: what to show.
        predictions: the predictions file, read again for the worst frames.
        data: folder of the shards, read again for the worst frames.
        folder: made if it does not exist.
        raw: raw root, for the images of the worst frames; a plain canvas without it.

    Raises:
        OutputError: the folder cannot be written.
    """
    page = _template().render(
        result=evaluation.result,
        protocol=protocol_in_words(evaluation.protocol),
        tables=_tables(evaluation.result.breakdown),
        figures=_figures(evaluation),
        worst=_worst_frames(evaluation, predictions, data, raw),
    )
    write_atomically(folder / "result.json", evaluation.result.to_json())
    write_atomically(folder / "index.html", page.encode())
    return folder / "index.html"


def _template() -> jinja2.Template:
    text = importlib.resources.files("mhbench.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["number"] = lambda value: "n/a" if value is None else f"{value:.2f}"
    return environment.from_string(text)


def _tables(breakdown: tuple[Breakdown, ...]) -> dict[str, list[Breakdown]]:
    tables: dict[str, list[Breakdown]] = {}
    for part in breakdown:
        tables.setdefault(part.by, []).append(part)
    return tables


def _figures(evaluation: Evaluation) -> list[str]:
    """SVG figures in reading order."""
    scored, records = evaluation.scored, evaluation.scored.records
    means = [one for one in scored.measures.values() if isinstance(one, Statistic)]
    drawn = (
        []
        if records is None or not records.errors
        else [figures.threshold_curve(records), figures.joint_errors(records)]
    )
    if means:
        keys = scored.frames["sequence"]
        values = by_key(means[0], keys)
        bounds = key_intervals(means[0], keys, sequence_blocks(scored.frames), DRAWS)
        drawn.append(
            figures.values_with_intervals(
                values,
                bounds,
                f"{means[0].name} ({means[0].unit})",
                "per sequence, with 95 % intervals (blocks of frames)",
            )
        )
    if records is not None:
        limit = evaluation.protocol.matching.limit_m
        drawn.append(figures.distance_histogram(records.distance_m, limit))
    return drawn


def worst_frames(records: Records, penalty: float, count: int = WORST_FRAMES) -> npt.NDArray[np.int64]:
    """Rows of the worst frames: mean distance of the people in it in metres, `penalty` per miss or extra."""
    badness = np.where(records.matched, np.nan_to_num(records.distance_m), penalty)
    total = np.bincount(records.frame, weights=badness, minlength=records.frame_count)
    people = np.bincount(records.frame, minlength=records.frame_count)
    mean = total / np.maximum(people, 1)
    order = np.argsort(-mean, kind="stable")[:count]
    return order[mean[order] > 0]


def _worst_frames(
    evaluation: Evaluation, predictions: Path, data: Path, raw: Path | None
) -> list[dict[str, Any]]:
    records = evaluation.scored.records
    if records is None:
        return []
    ids = records.frames["id"][worst_frames(records, evaluation.protocol.matching.limit_m)].tolist()
    table = read_predictions(predictions, dataset=evaluation.protocol.frames.dataset)
    row_of = {key: row for row, key in enumerate(table.frame_keys)}
    pictures: dict[str, str] = {}
    for shard in open_shards(data, dataset=evaluation.protocol.frames.dataset).tables():
        for place in np.flatnonzero(np.isin(shard.frames["id"], ids)):
            frame = shard.select(np.array([place]))
            row = int(predicted_rows(frame, row_of)[0])
            pictures[str(frame.frames["id"][0])] = _picture(frame, table, row, raw)
    return [{"id": name, "png": pictures[name], **_facts(records, name)} for name in ids]


def _facts(records: Records, frame_id: str) -> dict[str, int | float]:
    inside = records.frames["id"][records.frame] == frame_id
    distances = records.distance_m[inside & records.matched]
    return {
        "matched": int((inside & records.matched).sum()),
        "missed": int((inside & records.missed).sum()),
        "false": int((inside & records.false).sum()),
        "distance_mm": float(1000.0 * distances.mean()) if distances.size else 0.0,
    }


def _picture(frame: FrameTable, predictions: PredictionTable, row: int, raw: Path | None) -> str:
    people = predictions.people(row) if row >= 0 else slice(0, 0)
    joints3d = predictions.persons["joints3d"][people]
    joints2d = predictions.persons.get("joints2d")
    assert predictions.skeleton is not None  # evaluated predictions name one
    projected = frame.camera(0).project(joints3d) if joints2d is None else joints2d[people]
    overlay = Overlay(predictions.skeleton, projected, joints3d) if predictions.space == "camera" else None
    figure = draw_frame(frame, image=None if raw is None else read_image(raw, frame), overlay=overlay)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=70, metadata={"Software": "mhbench"})
    return base64.b64encode(buffer.getvalue()).decode()
