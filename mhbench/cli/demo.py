"""`mhbench demo`: the whole way on synthetic data."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("demo"))
def command(folder: Path) -> None:
    """Synthetic raw data -> shards -> two prediction sets -> evaluation -> report, all in FOLDER (demo).

    \b
    mhbench demo
    mhbench demo /tmp/mhbench-demo
    """
    from mhbench.demo import run_demo  # noqa: PLC0415 - see cli/evaluate.py

    demo = run_demo(folder, say=lambda line: click.echo(f"- {line}"))
    for evaluation in demo.evaluations.values():
        click.echo(f"\n{evaluation.result}")
    click.echo("\nWhere to look:")
    for name, page in demo.reports.items():
        click.echo(f"  {page}  the page of {name}")
    click.echo(f"  {demo.picture}  one frame: image, skeletons, 3D, heatmaps")
    here = "" if shutil.which("mhbench") else f"{Path(sys.argv[0]).parent}/"
    click.echo("Next:")
    click.echo(f"  {here}mhbench view {folder / 'shards'} --frame 0 --raw {folder / 'raw'}")
    click.echo(f"  {here}mhbench audit {folder / 'noisy.json'} --data {folder / 'shards'}")
