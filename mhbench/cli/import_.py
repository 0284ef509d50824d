"""`mhbench import`: COCO keypoint JSON -> shards."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the shards.")
@click.option("--dataset", help="Its id.  [default: what the file says, else coco]")
@click.option("--split", help="Name of the split.  [default: what the file says, else all]")
def command(file: Path, out: Path, dataset: str | None, split: str | None) -> None:
    """Write the images and people of a COCO keypoint FILE as shards, OUT/DATASET/SPLIT/*.h5.

    The joints of the category must be those of a known skeleton. Files that `mhbench export` wrote keep their
    3D joints, cameras and frame ids. A result with imported annotations never compares with one on converted
    ones.

    \b
    mhbench import person_keypoints_val2017.json --split val --out shards
    mhbench import coco/jta_test.json --out again
    """
    from mhbench.export.coco_import import import_coco  # noqa: PLC0415 - commands import their work when called

    click.echo(str(import_coco(file, out, dataset=dataset, split=split)))
