"""Options that several commands share."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import click

from mhbench.errors import UsageError

# mhbench.shards.heatmap_forms.FORMS, which would load numpy
HEATMAP_FORMS = ("peaks", "sparse", "sparse-float16", "dense", "none")

# what stands before the words of a line: columns of a list, or a part of an error
_LABELS = re.compile(r"\s*(?:expected|to do|error):\s+|\s*(?:\S+\s{2,})+|\s+")

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=lambda: Path(os.environ.get("MHBENCH_DATA", "shards")),
    show_default="MHBENCH_DATA or shards",
    help="Folder of the shards.",
)


def dataset_name(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    """Callback: the id of a data set that is called by another of its names, such as H36M."""
    from mhbench.datasets.names import dataset_id  # noqa: PLC0415 - commands import their work when called

    return name if name is None else dataset_id(name)


def say(text: str, *, err: bool = False) -> None:
    """Print; on a terminal, long lines are folded under the column that their words begin in."""
    stream = sys.stderr if err else sys.stdout
    if stream.isatty():
        columns = shutil.get_terminal_size().columns
        text = "\n".join(folded(line, columns) for line in text.splitlines())
    click.echo(text, err=err)


def folded(line: str, columns: int) -> str:
    """A line as lines of so many characters at most, where its words allow it."""
    if len(line) <= columns:
        return line
    import textwrap  # noqa: PLC0415 - seldom needed

    labels = _LABELS.match(line)
    indent = len(labels[0]) if labels else 2
    if indent > columns // 2:
        indent = 2
    fold = textwrap.TextWrapper(
        columns, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False
    )
    return fold.fill(line)


def chosen_options(words: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` words as a table.

    Raises:
        UsageError: a word has no `=`.
    """
    chosen = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(
                f"the setting {word!r} has no value",
                expected="NAME=VALUE after --option or --set",
                action="write the value after an equals sign",
            )
        chosen[name.strip()] = value.strip()
    return chosen


def names(words: tuple[str, ...]) -> tuple[str, ...]:
    """Names given by repeating an option, by commas, or both."""
    return tuple(name.strip() for word in words for name in word.split(",") if name.strip())
