"""Which frames of a converted data set a predictions file covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.frames import FrameTable
from mhbench.predictions.table import frame_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.predictions.table import PredictionTable

_EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Coverage:
    """Frames of the shards against frames of the predictions.

    Attributes:
        frames: frames converted.
        predicted: those of them that the file has.
        missing: the first few that it lacks.
        unknown: rows of the table whose frames the data set does not have.
    """

    frames: int
    predicted: int
    missing: tuple[str, ...]
    unknown: npt.NDArray[np.int64]


def predicted_rows(table: FrameTable, row_of: Mapping[str, int]) -> npt.NDArray[np.int64]:
    """Where the frames of a shard stand in the predictions.

    Args:
        table: the shard; a frame is found by its id, its official image path or its image id.
        row_of: row of each predicted frame by its `frame_key`.

    Returns:
        (F,) rows, -1 = not predicted.
    """
    rows = np.array([row_of.get(frame_key(one), -1) for one in table.frames["id"].tolist()], dtype=np.int64)
    for alias in ("image", "image_id"):
        if alias not in table.frames or not (rows < 0).any():
            continue
        names = table.frames[alias].tolist()
        for frame in np.flatnonzero(rows < 0).tolist():
            rows[frame] = row_of.get(frame_key(str(names[frame])), -1)
    return rows


def frames_without_truth(predictions: PredictionTable) -> FrameTable:
    """The frames of a predictions file as a table without people: for scores that need no ground truth.

    An id that is not `<sequence>/<camera>/<index>` is a sequence of one frame.
    """
    ids = predictions.frame_ids.tolist()
    parts = [one.rpartition("/") for one in ids]
    named = [
        bool(head.rpartition("/")[2]) and index.isascii() and index.isdigit() for head, _, index in parts
    ]
    heads = [head.rpartition("/") for head, _, _ in parts]
    sequence = [head[0] if ok else one for one, head, ok in zip(ids, heads, named, strict=True)]
    frames = {
        "id": predictions.frame_ids,
        "sequence": np.array(sequence, dtype=np.str_),
        "camera": np.array(
            [head[2] if ok else "0" for head, ok in zip(heads, named, strict=True)], dtype=np.str_
        ),
        "index": np.array(
            [int(part[2]) if ok else 0 for part, ok in zip(parts, named, strict=True)], dtype=np.int64
        ),
    }
    start = np.zeros(len(ids) + 1, dtype=np.int64)
    return FrameTable(predictions.dataset, "all", "smpl_24", frames, start, persons={})


def cover(predictions: PredictionTable, data: Path) -> Coverage:
    """Compare a predictions file with the shards of its data set.

    Args:
        predictions: the file.
        data: folder of the shards.

    Raises:
        MissingInputError: the data set was not converted there.
    """
    from mhbench.shards import open_shards  # noqa: PLC0415 - only with --data

    row_of = {key: row for row, key in enumerate(predictions.frame_keys)}
    known = np.full(predictions.frame_count, fill_value=False)
    frames = predicted = 0
    missing: list[str] = []
    for table in open_shards(data, dataset=predictions.dataset).tables():
        rows = predicted_rows(table, row_of)
        known[rows[rows >= 0]] = True
        frames += len(rows)
        predicted += int(np.count_nonzero(rows >= 0))
        lacking = np.flatnonzero(rows < 0)[: _EXAMPLES - len(missing)]
        missing += table.frames["id"][lacking].tolist()
    return Coverage(frames, predicted, tuple(missing), np.flatnonzero(~known))
