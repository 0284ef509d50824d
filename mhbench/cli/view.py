"""`mhbench view`: draw one frame."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("shards", type=click.Path(path_type=Path))
@click.option(
    "--frame",
    default="0",
    help="Frame id, such as 160906_band1/00_16/00000168, or its number in the shards.  [default: 0]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Picture to write: .png, .pdf or .svg.  [default: <frame id>.png]",
)
@click.option(
    "--raw",
    type=click.Path(path_type=Path),
    help="Raw root, for the image.  [default: MHBENCH_RAW/<dataset> or raw/<dataset>]",
)
@click.option(
    "--preds",
    "--predictions",
    type=click.Path(path_type=Path),
    help="Predictions to draw beside the truth, black and dashed; with --mesh, their bodies.",
)
@click.option(
    "--mesh",
    is_flag=True,
    help="Draw bodies: what is inside somebody else, and who stands before whom. Models from MHBENCH_BODIES.",
)
@click.option("--heatmaps/--no-heatmaps", default=True, help="Show the largest values of the heatmaps.")
def command(
    shards: Path,
    frame: str,
    out: Path | None,
    raw: Path | None,
    preds: Path | None,
    *,
    mesh: bool,
    heatmaps: bool,
) -> None:
    """Draw a frame of SHARDS: image or canvas with 2D skeletons, 3D view, view from above, heatmaps, ids.

    \b
    mhbench view shards/panoptic
    mhbench view shards/panoptic --frame 160906_band1/00_16/168 --out a.pdf
    mhbench view shards/panoptic --frame 7 --raw /data/panoptic --preds preds.json
    mhbench view shards/3dpw --frame 0 --mesh --preds preds.h5 --out bodies.png
    """
    from mhbench.report.viewing import view_frame  # noqa: PLC0415 - see cli/evaluate.py

    picture = view_frame(shards, frame, out, raw=raw, predictions=preds, heatmaps=heatmaps, mesh=mesh)
    click.echo(f"picture: {picture}")
