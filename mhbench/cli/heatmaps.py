"""`mhbench heatmaps`: store the heatmaps of shards in another form."""

from __future__ import annotations

from pathlib import Path

import click

from mhbench.cli.options import HEATMAP_FORMS


@click.command()
@click.argument("shards", type=click.Path(path_type=Path))
@click.option("--to", "form", type=click.Choice(HEATMAP_FORMS), required=True, help="The form wanted.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Number of workers.  [default: all CPUs]")
@click.option(
    "--engine",
    type=click.Choice(["processes", "dask", "ray"]),
    default="processes",
    show_default=True,
    help="Who runs the workers.",
)
@click.option(
    "--allow-outside-grid", is_flag=True, help="Accept joints beyond the depths of the heatmap grid."
)
def command(shards: Path, form: str, jobs: int | None, engine: str, *, allow_outside_grid: bool) -> int:
    """Store the heatmaps of all SHARDS in another form; every form can be made from every other.

    peaks is small and exact and what mhbench itself reads; sparse and dense are for programs that cannot
    render. After any interruption, run the same command again.

    \b
    mhbench heatmaps shards/jta --to sparse
    mhbench heatmaps shards/panoptic --to peaks -j 4
    """
    import joblib  # noqa: PLC0415 - commands import their work when called

    from mhbench.conversion.heatmap_rewriting import rewrite_heatmaps  # noqa: PLC0415

    reports = rewrite_heatmaps(
        shards,
        form,
        jobs=jobs or joblib.cpu_count(),
        engine=engine,
        allow_outside_grid=allow_outside_grid,
        progress=True,
    )
    for report in reports:
        click.echo(str(report))
    return 1 if any(report.failures for report in reports) else 0
