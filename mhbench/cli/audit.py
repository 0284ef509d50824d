"""`mhbench audit`: the same predictions under every convention in use, and with common mistakes undone."""

from __future__ import annotations

from pathlib import Path

import click

from mhbench.cli.options import data_option


@click.command(context_settings={"show_default": True})
@click.argument("predictions", type=click.Path(path_type=Path))
@data_option
@click.option("--protocol", default="generic", help="The chosen protocol; a bare name is completed.")
@click.option("--min-score", type=float, help="Leave out people with a lower score.")
@click.option("--allow-approximate", is_flag=True, help="Accept joints that are only approximately the same.")
@click.option(
    "--frames", type=click.Path(path_type=Path), help="Folder of <sequence>.txt with one index a line."
)
def command(
    predictions: Path,
    data: Path,
    protocol: str,
    min_score: float | None,
    *,
    allow_approximate: bool,
    frames: Path | None,
) -> None:
    """Score PREDICTIONS under every convention in use, and look for swapped sides, axes and units.

    \b
    mhbench audit preds.json --data shards
    mhbench audit preds.json --data shards --protocol panoptic/zanfir-loco
    """
    from mhbench.evaluation.conventions import audit  # noqa: PLC0415 - commands import their work when called
    from mhbench.evaluation.options import EvaluationOptions  # noqa: PLC0415
    from mhbench.protocols.frame_lists import read_frame_lists  # noqa: PLC0415

    options = EvaluationOptions(
        min_score=min_score,
        allow_approximate=allow_approximate,
        frame_lists=read_frame_lists(frames) if frames else {},
        bootstrap=0,
    )
    click.echo(str(audit(predictions, data, protocol, options)))
