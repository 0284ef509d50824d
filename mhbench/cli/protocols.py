"""`mhbench protocols`: list protocols, or print one in words."""

from __future__ import annotations

import textwrap

import click

from mhbench.cli.options import dataset_name, say


@click.command()
@click.argument("name", required=False)
@click.option(
    "--dataset", callback=dataset_name, help="Only the protocols of this data set; completes a bare NAME."
)
def command(name: str | None, dataset: str | None) -> None:
    """List all protocols, or those of a data set, or print every choice of one.

    \b
    mhbench protocols
    mhbench protocols mupots
    mhbench protocols panoptic/zanfir-loco
    """
    from mhbench.datasets.names import dataset_id  # noqa: PLC0415 - commands import their work when called
    from mhbench.protocols.loading import load_protocol, protocol_names, protocols_of, resolve_protocol  # noqa: PLC0415
    from mhbench.protocols.words import list_in_words, protocol_in_words  # noqa: PLC0415 - see cli/evaluate.py

    if name is not None and (own := protocols_of(dataset_id(name))):
        name, names = None, own
    else:
        names = protocols_of(dataset) if dataset else protocol_names()
    if name is None:
        say(list_in_words([load_protocol(one) for one in names]))
        click.echo("next: mhbench protocols NAME prints every choice of one")
    else:
        from mhbench.protocols.published import published_in_words  # noqa: PLC0415

        protocol = resolve_protocol(name, dataset)
        click.echo(protocol_in_words(protocol))
        for number, line in enumerate(published_in_words(protocol.name)):
            label = "published" if number == 0 else ""
            click.echo(textwrap.fill(line, 100, initial_indent=f"{label:<13}", subsequent_indent=" " * 13))
