"""The frames in which predicted bodies share most space, drawn so that one sees where."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from mhbench.evaluation.worst_frames import worst_rows
from mhbench.metrics.interpenetration import collisions
from mhbench.predictions.reading import read_predictions
from mhbench.predictions.table import frame_key
from mhbench.report.style import PAPER, PREDICTION, QUIET
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

GALLERY: Final = 6
_SIZE: Final = (560, 480)
# quiet tints of different brightness, so that what is inside stands out for everybody
_TINTS: Final = ("#8fb3d3", "#d8d2c4", "#6d8f86", "#c3b1cf", "#b5bcc2", "#a08f6b")
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
        about = f"{count} {'pair collides' if count == 1 else 'pairs collide'}, {shared[row]:.2f} l shared"
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
        # right, down, away from the camera; then right, towards the camera, down: both seen from in front
        _view(front, bodies, faces, inside, low, high, (0, 1, 2), "from the camera", "y down (m)")
        _view(above, bodies, faces, inside, low, high, (0, 2, 1), "from above", "z away (m)")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "mhbench"})
    return buffer.getvalue()


def _view(
    axes: Axes,
    bodies: Floats,
    faces: Ints,
    inside: npt.NDArray[np.bool_],
    low: Floats,
    high: Floats,
    order: tuple[int, int, int],
    title: str,
    upwards: str,
) -> None:
    """People in parallel projection along the last axis of `order`, and what is inside, seen through them."""
    from mhbench.volumes.zbuffer import draw  # noqa: PLC0415 - kernels are imported when first used

    across, along, away = order
    width, height = _SIZE
    scale = min(width / (high[across] - low[across]), height / (high[along] - low[along]))
    middle = (low + high) / 2.0
    size = (height, width)
    image, labels = np.ones((*size, 3), dtype=np.float32), np.full(size, -1, dtype=np.int16)
    depth = np.full(size, np.inf, dtype=np.float32)
    red, seen = np.full(size, -1, dtype=np.int16), np.full(size, np.inf, dtype=np.float32)
    for person, body in enumerate(bodies):
        centred = (body - middle)[:, [across, along]] * scale
        pixels = centred * (1.0, 1.0 if away == 2 else -1.0) + (width / 2.0, height / 2.0)
        # far enough for the parallel rays of a drawer that knows a camera
        depths = body[:, away] - low[away] + 100.0
        shade = 0.45 + 0.55 * np.abs(_normals(body, faces)[:, away])
        colours = shade[:, None] * np.array(to_rgb(_TINTS[person % len(_TINTS)]))
        draw(pixels, depths, faces, person, labels, depth, colours=colours, image=image)
        draw(pixels, depths, faces[inside[person][faces].any(axis=1)], person, red, seen)
    image[red >= 0] = 0.25 * image[red >= 0] + 0.75 * np.array(to_rgb(PREDICTION))
    spread = np.array([width, height]) / (2.0 * scale)
    left, right = middle[across] - spread[0], middle[across] + spread[0]
    first, last = middle[along] - spread[1], middle[along] + spread[1]
    extent = (left, right, last, first) if away == 2 else (left, right, first, last)
    axes.imshow(image, extent=extent, interpolation="bilinear")
    axes.set(title=title, xlabel="x right (m)", ylabel=upwards)
    axes.spines[:].set_color(QUIET)


def _normals(body: Floats, faces: Ints) -> Floats:
    """(V, 3) unit normals of the vertices."""
    corner = body[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.zeros_like(body)
    for place in range(3):
        np.add.at(total, faces[:, place], normal)
    normals: Floats = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return normals
