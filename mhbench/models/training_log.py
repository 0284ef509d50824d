"""The log of a training: one row per epoch, as CSV and for TensorBoard."""

from __future__ import annotations

import csv
import io
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from mhbench.shards.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_FIRST: Final = ("epoch", "step", "loss")


def write_log(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """All rows as CSV, whole or not at all; a value that an epoch does not have is left empty.

    Raises:
        OutputError: the disk is full or the folder cannot be written.
    """
    others = sorted({name for row in rows for name in row} - set(_FIRST))
    text = io.StringIO()
    writer = csv.DictWriter(text, [*_FIRST, *others], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def write_events(folder: Path, row: dict[str, float]) -> None:
    """A row of the log for TensorBoard, where it is installed."""
    if find_spec("tensorboard") is None:
        return
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - takes a second to load

    # one file per epoch: TensorBoard reads them all, and a killed training loses none
    with SummaryWriter(str(folder)) as writer:
        for name, value in row.items():
            writer.add_scalar(name, value, int(row["step"]))
