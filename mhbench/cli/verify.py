"""`mhbench verify`: check every shard against the index."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> int:
    """Check the hash and the columns of every shard in FOLDER, and that no file is missing or strange.

    \b
    mhbench verify shards/panoptic
    """
    from mhbench.shards.index import dataset_folders  # noqa: PLC0415 - commands import their work when called
    from mhbench.shards.verification import verify  # noqa: PLC0415

    faults = 0
    for place in dataset_folders(folder):
        checked = verify(place)
        faults += len(checked.faults)
        click.echo(str(checked))
    if faults:
        click.echo(f"{faults} faults; delete the named files and run `mhbench convert` again", err=True)
    return 2 if faults else 0
