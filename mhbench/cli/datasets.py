"""`mhbench datasets`: what each data set is and where it comes from."""

from __future__ import annotations

import click

from mhbench.cli.options import dataset_name, say


@click.command()
@click.argument("name", required=False, callback=dataset_name)
def command(name: str | None) -> None:
    """Tell what each data set (or the one called NAME) is, its licence, its source and the files it needs.

    Nothing is ever downloaded: the licences are between you and the owners of the data.

    \b
    mhbench datasets
    mhbench datasets panoptic
    """
    from mhbench.conversion.inspection import data_sets_in_words  # noqa: PLC0415 - commands import their work when called

    say(data_sets_in_words(name))
