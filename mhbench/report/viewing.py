"""`mhbench view`: find a frame in shards, gather its image, heatmaps and predictions, draw it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from mhbench.errors import InputError, MissingInputError, UsageError
from mhbench.heatmaps.rendering import render_sparse
from mhbench.predictions.reading import read_predictions
from mhbench.predictions.table import frame_key
from mhbench.report.frame_bodies import bodies_figure
from mhbench.report.frame_picture import HeatmapViews, Overlay, draw_frame
from mhbench.shards.files import write_atomically
from mhbench.shards.frame_images import decoded_image
from mhbench.shards.reading import open_shards

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.heatmaps.grid import Grid
    from mhbench.shards.reading import Shards
    from mhbench.shards.single_frame import Frame


def view_frame(
    path: Path,
    frame: str,
    out: Path | None = None,
    *,
    raw: Path | None = None,
    predictions: Path | None = None,
    heatmaps: bool = True,
    mesh: bool = False,
) -> Path:
    """Draw one frame of shards as PNG and return the picture's path.

    Args:
        path: shards of one data set.
        frame: frame id (padding does not matter) or its number in the shards.
        out: the PNG; by default the frame's id with `_` for `/`.
        raw: raw root; the image is drawn if it is there, or if the shard holds it.
        predictions: predictions to draw beside the truth.
        heatmaps: whether to show the heatmaps, where the shards have them.
        mesh: bodies instead, of the predictions or else of the shards: who is inside whom, who is in front.

    Raises:
        UsageError: there is no such frame, or nobody in it has a body.
        InputError: the image or the predictions cannot be read.
    """
    shards = open_shards(path)
    number = _find(shards, frame)
    table = _frame_table(shards, number)
    image = _image(shards[number], raw)
    if mesh:
        figure = bodies_figure(table, None if predictions is None else read_predictions(predictions), image)
    else:
        views = _heatmaps(shards[number]) if heatmaps else None
        overlay = None if predictions is None else overlay_of(table, predictions)
        figure = draw_frame(table, image=image, heatmaps=views, overlay=overlay)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "mhbench"})
    target = out or type(path)(str(table.frames["id"][0]).replace("/", "_") + ".png")
    write_atomically(target, buffer.getvalue())
    return target


def _heatmaps(frame: Frame) -> HeatmapViews | None:
    """Shards without heatmaps have a picture all the same."""
    try:
        return heatmap_views(frame.grid(), frame.centres())
    except InputError:
        return None


def _image(frame: Frame, raw: Path | None) -> npt.NDArray[np.uint8] | None:
    """The image in the shard or under the raw root; None (a plain canvas) where there is none to be had."""
    if "image" not in frame.columns:
        return None
    try:
        return decoded_image(frame, raw)
    except (MissingInputError, UsageError):
        return None


def _find(shards: Shards, frame: str) -> int:
    if frame.isascii() and frame.isdigit() and int(frame) < len(shards):
        return int(frame)
    number = 0
    for table in shards.tables(columns=("frames/id",)):
        keys = [frame_key(one) for one in table.frames["id"].tolist()]
        if frame_key(frame) in keys:
            return number + keys.index(frame_key(frame))
        number += len(keys)
    first = shards[0].id if len(shards) else "none"
    raise UsageError(
        f"{shards.folder} has no frame {frame!r}",
        expected=f"a frame id such as {first}, or a number below {len(shards)}",
    )


def _frame_table(shards: Shards, number: int) -> FrameTable:
    for table in shards.tables():
        if number < table.frame_count:
            return table.select(np.array([number]))
        number -= table.frame_count
    raise AssertionError(f"frame {number} is beyond the shards")  # _find gave it


def heatmap_views(grid: Grid, centres: npt.NDArray[np.int16]) -> HeatmapViews:
    """Maximum projections of the heatmaps of some centres, without a dense volume."""
    index, values = render_sparse(grid, centres)
    _, depth, row, column = np.unravel_index(index, grid.shape)
    front = np.zeros(grid.shape[2:], dtype=np.float32)
    above = np.zeros((grid.shape[1], grid.shape[3]), dtype=np.float32)
    np.maximum.at(front, (row, column), values)
    np.maximum.at(above, (depth, column), values)
    return HeatmapViews(front, above, (grid.depth_min, grid.depth_max), (grid.width, grid.height))


def overlay_of(table: FrameTable, path: Path) -> Overlay | None:
    """The predicted people of a frame, in pixels and metres; None if the file does not predict it."""
    predictions = read_predictions(path)
    keys = predictions.frame_keys
    key = frame_key(str(table.frames["id"][0]))
    if key not in keys or predictions.skeleton is None or "joints3d" not in predictions.persons:
        return None
    people = predictions.people(keys.index(key))
    joints3d = predictions.persons["joints3d"][people]
    given = predictions.persons.get("joints2d")
    joints2d = table.camera(0).project(joints3d) if given is None else given[people]
    return Overlay(predictions.skeleton, joints2d, joints3d)
