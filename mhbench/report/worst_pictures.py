"""Pictures of the frames a result is worst on."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mhbench.predictions.coverage import predicted_rows
from mhbench.predictions.reading import read_predictions
from mhbench.protocols.rules import ANY
from mhbench.report.frame_picture import draw_frame
from mhbench.report.images import image_of
from mhbench.report.overlays import overlay_of
from mhbench.shards.reading import open_shards

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.evaluation.pipeline import Evaluation
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable


@dataclass(frozen=True, slots=True)
class FramePicture:
    """A picture of a frame (PNG), its id, and what it shows."""

    frame: str
    about: str
    png: bytes


def worst_pictures(
    evaluation: Evaluation, predictions: Path, data: Path, raw: Path | None
) -> list[FramePicture]:
    """The worst frames of a result, drawn from the shards and the predictions, in its order.

    Args:
        evaluation: whose; predictions without a ground truth have no shards and no pictures.
        predictions: the file, read again.
        data: folder of the shards, read again.
        raw: raw root, for images that are not in the shards; a plain canvas without it.
    """
    protocol, worst = evaluation.protocol, evaluation.result.worst_frames
    if not worst or protocol.frames.dataset == ANY or protocol.frames.world:
        return []
    ids = [one.frame for one in worst]
    table = read_predictions(predictions, dataset=protocol.frames.dataset)
    row_of = {key: row for row, key in enumerate(table.frame_keys)}
    pictures: dict[str, bytes] = {}
    shards, before = open_shards(data, dataset=protocol.frames.dataset), 0
    for shard in shards.tables():
        for place in np.flatnonzero(np.isin(shard.frames["id"], ids)):
            frame = shard.select(np.array([place]))
            row = int(predicted_rows(frame, row_of)[0])
            image, _ = image_of(shards[before + int(place)], raw)
            pictures[str(frame.frames["id"][0])] = _picture(frame, table, row, image)
        before += shard.frame_count
    return [FramePicture(one.frame, one.about, pictures[one.frame]) for one in worst]


def _picture(
    frame: FrameTable, predictions: PredictionTable, row: int, image: npt.NDArray[np.uint8] | None
) -> bytes:
    figure = draw_frame(frame, image=image, overlay=overlay_of(frame, predictions, row))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "mhbench"})
    return buffer.getvalue()
