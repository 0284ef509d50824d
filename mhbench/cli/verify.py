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
    from mhbench.shards.verification import verify  # noqa: PLC0415 - commands import their work when called

    checked = verify(folder)
    click.echo(
        f"{checked.dataset}: {checked.shards} shards, {checked.frames} frames, {checked.persons} people"
    )
    if checked.failed:
        click.echo(
            f"  {checked.failed} items have no shard because they failed; {folder / 'index.json'} says why"
        )
    width = max((len(fault.path) for fault in checked.faults), default=0)
    for fault in checked.faults:
        click.echo(f"  {fault.path:<{width}}  {fault.what}")
    if not checked.faults:
        click.echo("  all are as the index says")
        return 0
    click.echo(
        f"{len(checked.faults)} faults; delete the named shards and run `mhbench convert` again", err=True
    )
    return 2
