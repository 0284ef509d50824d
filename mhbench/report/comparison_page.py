"""`compare --report DIR`: two results on one page, and the same for a paper."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from mhbench.evaluation.breakdown_tables import breakdown_parts
from mhbench.evaluation.comparison import verdict
from mhbench.evaluation.results import part_words
from mhbench.report.body_map import body_map
from mhbench.report.figure_set import first_metric, part_values
from mhbench.report.latex import comparison_table
from mhbench.report.model_differences import difference_chart, model_scatter
from mhbench.report.pages import FILES, environment, write_beside
from mhbench.shards.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from mhbench.evaluation.comparison import Comparison, PartDifference
    from mhbench.evaluation.results import Result
    from mhbench.report.paper_figures import PaperFigure

SCATTERED: Final = ("sequence", "camera", "action", "subject", "people", "distance", "joint")


def write_comparison(comparison: Comparison, first: Result, second: Result, folder: Path) -> Path:
    """Write `index.html`, `figures/`, `tables/` and `report.tex` into a folder and return the page's path.

    Args:
        comparison: of the two results.
        first: A.
        second: B.
        folder: made if it does not exist.

    Raises:
        OutputError: the folder cannot be written.
    """
    drawn = [difference_chart(comparison), _scatter(first, second), _body_map(first, second)]
    figures = [one for one in drawn if one is not None]
    write_beside(folder, figures, {"comparison": comparison_table(comparison)})
    made = environment()
    made.filters |= {"verdict": verdict, "part_words": partial(part_words, comparison.by)}
    parts: dict[str, list[PartDifference]] = {}
    for part in comparison.parts:
        parts.setdefault(part.metric, []).append(part)
    page = made.get_template("comparison.html.j2").render(
        comparison=comparison,
        figures=figures,
        files=FILES,
        tables=parts,
        units={one.metric: one.unit for one in comparison.metrics},
    )
    write_atomically(folder / "index.html", page.encode())
    return folder / "index.html"


def _scatter(first: Result, second: Result) -> PaperFigure | None:
    """The first metric of every part that both results have, where there are at least two of a kind."""
    metric = next((name for name in first.metrics if name in second.metrics), "")
    parts = {}
    for by in breakdown_parts(first.breakdown):
        if by not in SCATTERED:
            continue
        a, b = part_values(first, by, metric), part_values(second, by, metric)
        counted = " people" if by == "people" else ""
        rows = [(part_words(by, key) + counted, a[key], b[key]) for key in a if key in b]
        if len(rows) > 1:
            parts[by] = rows
    unit = first.metrics[metric].unit if metric else ""
    return model_scatter(parts, (first.model, second.model), metric, unit)


def _body_map(first: Result, second: Result) -> PaperFigure | None:
    """B - A of every joint and limb."""
    metric = first_metric(first, "joint")
    if not metric or metric not in second.metrics:
        return None
    joints, limbs = (_differences(first, second, by, metric) for by in ("joint", "limb"))
    words = f"{metric}, B - A"
    return body_map(
        joints, limbs, words, first.metrics[metric].unit, name="body-map-difference", around_zero=True
    )


def _differences(first: Result, second: Result, by: str, metric: str) -> dict[str, float]:
    a, b = part_values(first, by, metric), part_values(second, by, metric)
    return {key: b[key] - a[key] for key in a if key in b}
