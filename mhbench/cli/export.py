"""`mhbench export`: shards -> COCO, WebDataset or Hugging Face files."""

from __future__ import annotations

from pathlib import Path

import click

from mhbench.cli.options import dataset_name


@click.command(context_settings={"show_default": True})
@click.argument("shards", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "kind",
    type=click.Choice(["coco", "webdataset", "huggingface"]),
    required=True,
    help="coco: keypoint JSON; webdataset: tar archives; huggingface: Parquet (needs the extra parquet).",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@click.option("--dataset", callback=dataset_name, help="Which data set, where SHARDS holds several.")
@click.option("--split", help="Only this split.")
@click.option("--images/--no-images", default=False, help="Put the images in, too.")
@click.option(
    "--raw", type=click.Path(path_type=Path), help="Raw root, for images of shards that hold paths only."
)
@click.option(
    "--frames-per-file", type=click.IntRange(min=1), default=1000, help="Of archives and Parquet files."
)
def command(
    shards: Path,
    kind: str,
    out: Path,
    dataset: str | None,
    split: str | None,
    raw: Path | None,
    frames_per_file: int,
    *,
    images: bool,
) -> None:
    """Write SHARDS in the format of another tool. The licence of the data set holds for the copy.

    \b
    mhbench export shards/crowdpose --to coco --split val --out coco
    mhbench export shards/panoptic --to webdataset --images \\
        --raw raw/panoptic --out archives
    mhbench export shards/3dpw --to huggingface --out folder
    """
    from mhbench.export import export_shards  # noqa: PLC0415 - commands import their work when called
    from mhbench.shards import open_shards  # noqa: PLC0415

    report = export_shards(
        open_shards(shards, dataset, split),
        kind,
        out,
        raw=raw,
        images=images,
        frames_per_file=frames_per_file,
    )
    click.echo(str(report))
