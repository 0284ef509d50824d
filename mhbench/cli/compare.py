"""`mhbench compare`: two results of one protocol, with a paired test."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("first", metavar="A.json", type=click.Path(path_type=Path))
@click.argument("second", metavar="B.json", type=click.Path(path_type=Path))
@click.option("--by", default="", help="Also compare the parts of a breakdown, such as joint or distance.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="Write a page, figures (PDF, SVG, PNG) and LaTeX to this folder.",
)
def command(first: Path, second: Path, by: str, report: Path | None) -> None:
    """Compare two results of the same protocol, frames and ground truth: B - A, its interval, its p-value.

    Both files must have been written by `mhbench evaluate --out`; the predictions are not needed.

    \b
    mhbench compare old.json new.json
    mhbench compare old.json new.json --by joint --report old-against-new
    """
    from mhbench.evaluation.comparison import compare_results  # noqa: PLC0415 - commands import their work when called
    from mhbench.evaluation.results import read_result  # noqa: PLC0415

    results = read_result(first), read_result(second)
    comparison = compare_results(*results, by)
    click.echo(str(comparison))
    if report is not None:
        from mhbench.report.comparison_page import write_comparison  # noqa: PLC0415 - matplotlib

        click.echo(f"report: {write_comparison(comparison, *results, report)}")
