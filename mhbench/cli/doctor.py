"""`mhbench doctor`: what of a data set is present, what is missing, what can be done."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from mhbench.cli.options import dataset_name, say
from mhbench.errors import UsageError
from mhbench.places import raw_root


@click.command(context_settings={"show_default": True})
@click.argument("dataset", required=False, callback=dataset_name)
@click.option(
    "--raw",
    type=click.Path(path_type=Path),
    help="Raw root.  [default: MHBENCH_RAW/<dataset> or raw/<dataset>]",
)
@click.option(
    "--check",
    type=click.Choice(["quick", "full"]),
    default="quick",
    help="Compare files of the release by size or by sha256.",
)
def command(dataset: str | None, raw: Path | None, check: Literal["quick", "full"]) -> int:
    """Tell what of DATASET lies in its raw folder, by content, and what can be done with what is there.

    Without DATASET every data set with a raw folder is looked at. Ends with 1 if something needed is missing.

    \b
    mhbench doctor panoptic --raw raw/panoptic
    mhbench doctor
    """
    from mhbench.conversion.inspection import inspect  # noqa: PLC0415
    from mhbench.datasets import DATASETS  # noqa: PLC0415 - commands import their work when called

    if dataset is None and raw is not None:
        raise UsageError(
            "--raw is given without a data set",
            expected="mhbench doctor DATASET --raw DIR",
            action="name the data set",
        )
    names = [dataset] if dataset else [name for name in DATASETS if raw_root(name).is_dir()]
    if not names:
        click.echo(f"no data set has a raw folder; they are looked for as {raw_root('<dataset>')}")
        return 1
    found = [inspect(name, raw_root(name, raw), check=check) for name in names]
    say("\n\n".join(map(str, found)))
    return 0 if all(one.complete for one in found) else 1
