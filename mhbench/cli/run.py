"""`mhbench run`: predictions of a model, of the ground truth, or of its heatmaps."""

from __future__ import annotations

from pathlib import Path

import click

from mhbench.cli.options import data_option


@click.command()
@click.argument("model")
@data_option
@click.option("--dataset", help="Which data set, where the folder holds several.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Predictions to write (.json or .h5)."
)
def command(model: str, data: Path, dataset: str | None, out: Path) -> None:
    """Write the predictions of MODEL: gt (the ground truth) or gt-heatmaps (through its own heatmaps).

    \b
    mhbench run gt-heatmaps --data shards/panoptic --out upper-bound.json
    mhbench evaluate upper-bound.json --protocol panoptic/generic
    """
    from mhbench.predictions import write_predictions  # noqa: PLC0415 - see cli/evaluate.py
    from mhbench.running import runner  # noqa: PLC0415

    predictions = runner(model)(data, dataset)
    write_predictions(predictions, out)
    click.echo(f"{predictions.frame_count} frames, {predictions.person_count} people -> {out}")
