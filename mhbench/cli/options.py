"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mhbench.errors import UsageError

# mhbench.shards.heatmap_forms.FORMS, which would load numpy
HEATMAP_FORMS = ("peaks", "sparse", "sparse-float16", "dense", "none")

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=lambda: Path(os.environ.get("MHBENCH_DATA", "shards")),
    show_default="MHBENCH_DATA or shards",
    help="Folder of the shards.",
)


def chosen_options(words: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` words as a table.

    Raises:
        UsageError: a word has no `=`.
    """
    chosen = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--option {word!r} has no value", expected="--option NAME=VALUE")
        chosen[name.strip()] = value.strip()
    return chosen


def names(words: tuple[str, ...]) -> tuple[str, ...]:
    """Names given by repeating an option, by commas, or both."""
    return tuple(name.strip() for word in words for name in word.split(",") if name.strip())
