"""The frames in which predicted bodies share most space, drawn so that one sees where."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from mhbench.evaluation.worst_frames import worst_rows
from mhbench.metrics.interpenetration import collisions
from mhbench.predictions.reading import read_predictions
from mhbench.predictions.table import frame_key
from mhbench.report.mesh_views import paint, parallel
from mhbench.report.style import PAPER, QUIET
from mhbench.report.worst_pictures import FramePicture
from mhbench.scoring.body_collisions import frame_meshes
from mhbench.scoring.scored import Choices
from mhbench.scoring.statistics import Statistic

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from mhbench.evaluation.pipeline import Evaluation

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

GALLERY: Final = 6
_SIZE: Final = (560, 480)
_MARGIN_M: Final = 0.25


def collision_pictures(evaluation: Evaluation, predictions: Path) -> list[FramePicture]:
    """At most six frames, worst first; none where no collision was looked for or found.

    Args:
        evaluation: by a protocol with collisions.
        predictions: the file, read again for the meshes.
    """
    measures = evaluation.scored.measures
    pairs, litres = measures.get("collisions.pairs"), measures.get("collisions.litres")
    if not isinstance(pairs, Statistic) or not isinstance(litres, Statistic):
        return []
    shared = np.where(pairs.parts[:, 0] > 0, litres.parts[:, 0], 0.0)
    rows = worst_rows(shared, GALLERY)
    if not rows:
        return []
    table = read_predictions(predictions)
    row_of = {key: row for row, key in enumerate(table.frame_keys)}
    kept = evaluation.result.provenance.get("min_score")
    pictures = []
    for row in rows:
        frame = str(evaluation.scored.frames["id"][row])
        meshes, faces = frame_meshes(table, row_of[frame_key(frame)], kept, Choices().bodies)
        count = int(pairs.parts[row, 0])
        about = (
            f"{count} {'pair collides' if count == 1 else 'pairs collide'}, {shared[row]:.2f} litres shared"
        )
        pictures.append(FramePicture(frame, about, _picture(meshes, faces)))
    return pictures


def _picture(meshes: Floats, faces: Ints) -> bytes:
    """The colliding people from the camera and from above (PNG)."""
    bodies = meshes[np.isfinite(meshes).all(axis=(1, 2))]
    inside = collisions(bodies, faces).vertices
    met = inside.any(axis=1)
    near = bodies[met].reshape(-1, 3)
    low, high = near.min(axis=0) - _MARGIN_M, near.max(axis=0) + _MARGIN_M
    with mpl.rc_context({**PAPER, "axes.grid": False}):
        figure = Figure(figsize=(8, 3.7), layout="constrained", dpi=110)
        front, above = figure.subplots(1, 2)
        _view(front, bodies, faces, inside, low, high, 2)
        _view(above, bodies, faces, inside, low, high, 1)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "mhbench"})
    return buffer.getvalue()


def _view(
    axes: Axes, bodies: Floats, faces: Ints, inside: Flags, low: Floats, high: Floats, away: int
) -> None:
    """People in parallel projection along an axis, and what is inside, seen through them."""
    view, extent = parallel(low, high, away, _SIZE)
    image = paint(bodies, faces, inside, view, np.ones((_SIZE[1], _SIZE[0], 3), dtype=np.float32))
    axes.imshow(image, extent=extent, interpolation="bilinear")
    title, upwards = ("from the camera", "y down (m)") if away == 2 else ("from above", "z away (m)")
    axes.set(title=title, xlabel="x right (m)", ylabel=upwards)
    axes.spines[:].set_color(QUIET)
