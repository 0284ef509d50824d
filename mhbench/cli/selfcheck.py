"""`mhbench selfcheck`: compare a conversion with the known counts."""

from __future__ import annotations

from pathlib import Path

import click

from mhbench.cli.options import dataset_name


@click.command()
@click.argument("dataset", callback=dataset_name)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(dataset: str, folder: Path) -> int:
    """Compare the shards of DATASET in DIR with what the data set is known to hold, and print a certificate.

    The certificate says what was counted and the hashes of the content, nothing of your machine or the data:
    send it back, and the data set is known to convert outside of the synthetic tests. Ends with 1 if a count
    differs; parts that were not converted are told and do not count.

    \b
    mhbench selfcheck crowdpose shards
    """
    from mhbench.conversion.certificates import check_conversion  # noqa: PLC0415 - commands import their work when called

    certificate = check_conversion(dataset, folder)
    click.echo(str(certificate))
    return 0 if certificate.agrees else 1
