"""`mhbench translate`: results of other programs -> a predictions file."""

from __future__ import annotations

from pathlib import Path

import click

from mhbench.cli.options import data_option, dataset_name


@click.command(context_settings={"show_default": True})
@click.argument("program", type=click.Choice(["romp", "bev", "4d-humans", "mmpose"]))
@click.argument("results", type=click.Path(path_type=Path))
@data_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Predictions file, .json or .h5.")
@click.option("--dataset", callback=dataset_name, help="Needed where --data holds several data sets.")
@click.option("--model", default="", show_default="the folder's name", help="Name of the model.")
def command(program: str, results: Path, data: Path, out: Path, dataset: str | None, model: str) -> None:
    """Write the RESULTS that PROGRAM saved about a data set's images as a predictions file.

    \b
    mhbench translate romp romp_results --data shards/3dpw --out preds.json
    mhbench evaluate preds.json --protocol 3dpw/spin --data shards
    """
    from mhbench.predictions.importers.translation import translate  # noqa: PLC0415 - see cli/evaluate.py

    table = translate(program, results, data, out, dataset=dataset, model=model)
    click.echo(f"{out}: {table.frame_count} frames, {table.person_count} people of {table.model}")
