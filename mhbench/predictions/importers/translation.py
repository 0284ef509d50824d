"""`mhbench translate`: results of other programs -> a predictions file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mhbench.errors import UsageError
from mhbench.predictions.importers.humans4d import read_humans4d
from mhbench.predictions.importers.mmpose import read_mmpose
from mhbench.predictions.importers.naming import KnownFrames, known_frames
from mhbench.predictions.importers.romp import read_romp
from mhbench.predictions.writing import check_suffix, write_predictions
from mhbench.shards.reading import open_shards

if TYPE_CHECKING:
    from pathlib import Path

    from mhbench.predictions.table import PredictionTable
    from mhbench.shards.reading import Shards

READERS: Final = {"romp": read_romp, "bev": read_romp, "4d-humans": read_humans4d, "mmpose": read_mmpose}


def translate(
    program: str, source: Path, data: Path, out: Path, *, dataset: str | None = None, model: str = ""
) -> PredictionTable:
    """Read what a program wrote about the images of converted shards, and write it as predictions.

    Args:
        program: one of `READERS`.
        source: its folder of results (4D-Humans: or one file).
        data: folder of the shards, whose images the results are named after.
        out: the predictions file, .json or .h5.
        dataset: needed where the folder holds several data sets.
        model: its name; the name of the folder by default.

    Raises:
        UsageError: no such program, or several data sets.
        MhbenchError: the results cannot be read, or belong to no frame of the shards.
    """
    if program not in READERS:
        raise UsageError(
            f"there is no reader for {program!r}",
            expected=f"one of: {', '.join(READERS)}",
            action="check the spelling, or write predictions in our own format",
        )
    check_suffix(out)
    shards = open_shards(data, dataset=dataset)
    table = READERS[program](source, shards.dataset, _frames(shards), model)
    write_predictions(table, out)
    return table


def _frames(shards: Shards) -> KnownFrames:
    """The frames by their official image paths, or by their own ids where a data set has only videos."""
    pairs: list[tuple[str, str]] = []
    for table in shards.tables():
        ids = table.frames["id"].tolist()
        images = table.frames["image"].tolist() if "image" in table.frames else [""] * len(ids)
        pairs += [(one, image or one) for one, image in zip(ids, images, strict=True)]
    return known_frames(pairs)
