"""`mhbench view`: find a frame in shards, gather its image, heatmaps and predictions, draw it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np

from mhbench.errors import UsageError
from mhbench.heatmaps.rendering import render_sparse
from mhbench.places import raw_root
from mhbench.predictions.coverage import predicted_rows
from mhbench.predictions.reading import read_predictions
from mhbench.predictions.table import frame_key
from mhbench.report.frame_bodies import bodies_figure
from mhbench.report.frame_picture import HeatmapViews, draw_frame
from mhbench.report.images import image_of
from mhbench.report.overlays import overlay_of
from mhbench.report.style import RC
from mhbench.shards.files import write_atomically
from mhbench.shards.reading import open_shards
from mhbench.shards.tables import read_table

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from matplotlib.figure import Figure

    from mhbench.frames import FrameTable
    from mhbench.heatmaps.grid import Grid
    from mhbench.shards.reading import Shards
    from mhbench.shards.single_frame import Frame

# matplotlib writes no date where it is told none: the same frame gives the same file
_FORMATS: Final = {".png": {"Software": "mhbench"}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}


def view_frame(
    path: Path,
    frame: str = "0",
    out: Path | None = None,
    *,
    raw: Path | None = None,
    predictions: Path | None = None,
    heatmaps: bool = True,
    mesh: bool = False,
) -> Path:
    """Draw one frame of shards and return the picture's path.

    Args:
        path: shards of one data set.
        frame: frame id (padding does not matter) or its number in the shards.
        out: the picture, .png, .pdf or .svg; by default the frame's id with `_` for `/`, as PNG.
        raw: raw root; the image is drawn if it is there, or if the shard holds it.
        predictions: predictions to draw beside the truth.
        heatmaps: whether to show the heatmaps, where the shards have them.
        mesh: bodies instead, of the predictions or else of the shards: who is inside whom, who is in front.

    Raises:
        UsageError: there is no such frame, nobody in it has a body, or no such kind of picture.
        InputError: the image or the predictions cannot be read.
    """
    shards = open_shards(path)
    found = shards[_find(shards, frame)]
    target = out or type(path)(found.id.replace("/", "_") + ".png")
    if target.suffix.lower() not in _FORMATS:
        raise UsageError(
            f"{target} is no kind of picture",
            expected=f"a name ending in {', '.join(_FORMATS)}",
            action="change the ending after --out",
        )
    table = read_table(found.path).select(np.array([found.row]))
    figure = _figure(found, table, raw, predictions, heatmaps=heatmaps, mesh=mesh)
    buffer = io.BytesIO()
    kind = target.suffix.lower()
    with mpl.rc_context(RC):  # how text and ids are written is looked up now
        figure.savefig(buffer, format=kind[1:], metadata=_FORMATS[kind])
    write_atomically(target, buffer.getvalue())
    return target


def _figure(
    frame: Frame, table: FrameTable, raw: Path | None, predictions: Path | None, *, heatmaps: bool, mesh: bool
) -> Figure:
    given = None if predictions is None else read_predictions(predictions, dataset=table.dataset)
    image, note = image_of(frame, raw_root(table.dataset, raw))
    if mesh:
        return bodies_figure(table, given, image)
    overlay = None
    if given is not None:
        row_of = {key: row for row, key in enumerate(given.frame_keys)}
        overlay = overlay_of(table, given, int(predicted_rows(table, row_of)[0]))
    views = _heatmaps(frame) if heatmaps and "joints3d" in table.persons else None
    return draw_frame(table, image=image, image_note=note, heatmaps=views, overlay=overlay)


def _heatmaps(frame: Frame) -> HeatmapViews | None:
    """Shards without heatmaps have a picture all the same."""
    return heatmap_views(frame.grid(), frame.centres()) if frame.has_heatmaps else None


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
        action="take an id that `mhbench frames` lists, or leave --frame out for the first",
    )


def heatmap_views(grid: Grid, centres: npt.NDArray[np.int16]) -> HeatmapViews:
    """Maximum projections of the heatmaps of some centres, without a dense volume."""
    index, values = render_sparse(grid, centres)
    _, depth, row, column = np.unravel_index(index, grid.shape)
    front = np.zeros(grid.shape[2:], dtype=np.float32)
    above = np.zeros((grid.shape[1], grid.shape[3]), dtype=np.float32)
    np.maximum.at(front, (row, column), values)
    np.maximum.at(above, (depth, column), values)
    depths, size = (grid.depth_min, grid.depth_max), (grid.width, grid.height)
    return HeatmapViews(front, above, depths, size, grid.depth_axis)
