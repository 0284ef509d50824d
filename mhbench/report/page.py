"""`evaluate --report DIR`: a self-contained page, and the same for a paper: figures and LaTeX tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mhbench.evaluation.breakdown_tables import breakdown_parts
from mhbench.protocols.words import protocol_in_words
from mhbench.report.collision_gallery import collision_pictures
from mhbench.report.figure_set import figures_of
from mhbench.report.latex import metrics_table, part_table, result_row
from mhbench.report.pages import FILES, environment, write_beside
from mhbench.report.worst_pictures import worst_pictures
from mhbench.shards.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mhbench.evaluation.pipeline import Evaluation
    from mhbench.evaluation.results import Result
    from mhbench.report.paper_figures import PaperFigure
    from mhbench.report.worst_pictures import FramePicture


def write_report(
    evaluation: Evaluation, predictions: Path, data: Path, folder: Path, *, raw: Path | None = None
) -> Path:
    """Write the report of an evaluation into a folder and return the path of its page.

    `index.html`, which needs nothing else; `result.json`; `figures/` as PDF, SVG and PNG; `tables/` and
    `report.tex` for LaTeX; `worst/` and `collisions/` with pictures of frames.

    Args:
        evaluation: what to show.
        predictions: the predictions file, read again for the pictures.
        data: folder of the shards, read again for the pictures.
        folder: made if it does not exist.
        raw: raw root, for the images of the worst frames; a plain canvas without it.

    Raises:
        OutputError: the folder cannot be written.
    """
    figures = figures_of(evaluation)
    worst = worst_pictures(evaluation, predictions, data, raw)
    collisions = collision_pictures(evaluation, predictions)
    result = evaluation.result
    write_atomically(folder / "result.json", result.to_json())
    tables = {"metrics": metrics_table(result), "methods": result_row(result)}
    tables |= {
        f"by-{by.replace(' ', '-')}": part_table(result, by) for by in breakdown_parts(result.breakdown)
    }
    write_beside(folder, figures, tables)
    for name, pictures in (("worst", worst), ("collisions", collisions)):
        for number, one in enumerate(pictures, 1):
            write_atomically(folder / name / f"{number}.png", one.png)
    page = _page(evaluation, figures, worst, collisions, FILES)
    write_atomically(folder / "index.html", page.encode())
    return folder / "index.html"


def report_page(evaluation: Evaluation, predictions: Path, data: Path) -> str:
    """The page alone."""
    worst = worst_pictures(evaluation, predictions, data, None)
    collisions = collision_pictures(evaluation, predictions)
    return _page(evaluation, figures_of(evaluation), worst, collisions, "")


def _page(
    evaluation: Evaluation,
    figures: Sequence[PaperFigure],
    worst: Sequence[FramePicture],
    collisions: Sequence[FramePicture],
    files: str,
) -> str:
    result = evaluation.result
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            result=result,
            rests=_rests(result),
            protocol=protocol_in_words(evaluation.protocol),
            figures=figures,
            files=files,
            worst=worst,
            collisions=collisions,
            tables=breakdown_parts(result.breakdown),
        )
    )


def _rests(result: Result) -> list[tuple[str, str]]:
    """What the numbers rest on, in words and counts; None counts are left out."""
    counts = result.counts
    told = {
        "frames expected": counts.frames,
        "frames missing": counts.frames_missing,
        "frames with several people left out": counts.frames_with_several or None,
        "people": counts.gt_persons if counts.gt_persons or counts.matched is not None else None,
        "people predicted": counts.predicted_persons,
        "matched": counts.matched,
        "missed": counts.missed,
        "false": counts.false_positives,
        "without a root": counts.persons_without_root or None,
    }
    known = [
        (words, f"{count:,}".replace(",", "\u202f")) for words, count in told.items() if count is not None
    ]
    if not result.protocol.joints:
        return known
    return [*known, ("joints given", f"{100.0 * result.joint_coverage:.2f} %")]
