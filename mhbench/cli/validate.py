"""`mhbench validate`: check a predictions file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(context_settings={"show_default": True})
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the shards, to compare the frames with."
)
@click.option("--dataset", help="Data set of COCO keypoint results, which do not name it.")
def command(predictions: Path, data: Path | None, dataset: str | None) -> int:
    """Check PREDICTIONS: every fault with its place in the file, what it holds, what looks wrong.

    \b
    mhbench validate preds.json
    mhbench validate preds.json --data shards
    mhbench validate keypoints.json --dataset crowdpose

    Ends with 2 if the file has faults. Warnings alone end with 0.
    """
    from mhbench.predictions import validate_file  # noqa: PLC0415 - commands import their work when called

    report = validate_file(predictions, data, dataset=dataset)
    click.echo(str(report), err=bool(report.fault_count))
    return 2 if report.fault_count else 0
