"""`mhbench index`: write the index of a converted data set anew."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> int:
    """Write index.json of every data set in FOLDER from the journals of the conversion.

    The last step after the jobs of an array (`mhbench convert --shard-index I --shard-count N`) are done.

    \b
    mhbench index shards/panoptic
    """
    from mhbench.conversion.records import rebuild_index  # noqa: PLC0415 - commands import their work when called
    from mhbench.shards.index import dataset_folders  # noqa: PLC0415

    failures = 0
    for place in dataset_folders(folder):
        index = rebuild_index(place)
        failures += len(index.failed)
        frames = sum(info.frames for info in index.shards)
        click.echo(f"{place}: {len(index.shards)} shards, {frames} frames, {len(index.failed)} failed items")
        for failed in index.failed:
            click.echo(f"  {failed.split}/{failed.item}: {failed.what}")
    click.echo(f"next: mhbench verify {folder}")
    return 1 if failures else 0
