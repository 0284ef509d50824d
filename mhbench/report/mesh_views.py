"""Bodies painted into a picture, each in its tint; what is inside somebody else is seen through everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from matplotlib.colors import to_rgb

from mhbench.report.style import PREDICTION
from mhbench.volumes.zbuffer import draw

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Singles = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

# quiet tints of different brightness, so that what is inside stands out for everybody
TINTS: Final = ("#8fb3d3", "#d8d2c4", "#6d8f86", "#c3b1cf", "#b5bcc2", "#a08f6b")
_BEYOND: Final = 100.0  # metres: parallel rays for a drawer that knows a camera


class View(NamedTuple):
    """Where bodies are seen from.

    Attributes:
        project: vertices (V, 3) m of the camera's space -> their pixels (V, 2), and how far away they are, m.
        axis: that points away from the eye: 2 as the camera sees, 1 from above.
    """

    project: Callable[[Floats], tuple[Floats, Floats]]
    axis: int


def paint(bodies: Floats, faces: Ints, inside: Flags, view: View, image: Singles) -> Singles:
    """An image with bodies drawn over it; the nearest surface is seen.

    Args:
        bodies: (P, V, 3) m, finite.
        faces: (T, 3), the same for all.
        inside: (P, V), vertices inside somebody else: faces with one are marked, and seen through everybody.
        view: where they are seen from.
        image: (H, W, 3) colours in 0 .. 1.

    Returns:
        (H, W, 3).
    """
    painted = image.copy()
    labels = np.full(image.shape[:2], -1, dtype=np.int16)
    depth, nearest = (np.full(image.shape[:2], np.inf, dtype=np.float32) for _ in range(2))
    marked = labels.copy()
    for person, body in enumerate(bodies):
        pixels, away = view.project(body)
        shade = 0.45 + 0.55 * np.abs(_normals(body, faces)[:, view.axis])
        colours = shade[:, None] * np.array(tint(person))
        draw(pixels, away, faces, person, labels, depth, colours=colours, image=painted)
        draw(pixels, away, faces[inside[person][faces].any(axis=1)], person, marked, nearest)
    painted[marked >= 0] = 0.25 * painted[marked >= 0] + 0.75 * np.array(to_rgb(PREDICTION))
    return painted


def tint(person: int) -> tuple[float, float, float]:
    """Colour of the n-th body."""
    return to_rgb(TINTS[person % len(TINTS)])


def parallel(
    low: Floats, high: Floats, away: int, size: tuple[int, int]
) -> tuple[View, tuple[float, float, float, float]]:
    """The view along an axis of the camera's space, in parallel rays, of all between two corners.

    Args:
        low: (3,) m.
        high: (3,) m.
        away: 2 from the camera, with y down; 1 from above, with z up.
        size: width and height of the picture in pixels.

    Returns:
        the view; left, right, bottom and top of the picture in metres.
    """
    across, along = (0, 1) if away == 2 else (0, 2)
    turn = 1.0 if away == 2 else -1.0
    extent = np.maximum(high - low, 1e-6)
    scale = min(size[0] / extent[across], size[1] / extent[along])
    middle = (low + high) / 2.0

    def project(body: Floats) -> tuple[Floats, Floats]:
        centred = (body - middle)[:, [across, along]] * scale
        return centred * (1.0, turn) + np.array(size) / 2.0, body[:, away] - low[away] + _BEYOND

    half_width, half_height = size[0] / (2.0 * scale), size[1] / (2.0 * scale)
    bottom, top = middle[along] + turn * half_height, middle[along] - turn * half_height
    return View(project, away), (middle[across] - half_width, middle[across] + half_width, bottom, top)


def _normals(body: Floats, faces: Ints) -> Floats:
    """(V, 3) unit normals of the vertices."""
    corner = body[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.zeros_like(body)
    for place in range(3):
        np.add.at(total, faces[:, place], normal)
    normals: Floats = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return normals
