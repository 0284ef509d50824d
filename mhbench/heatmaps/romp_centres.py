"""ROMP's body-centre map: one Gaussian per person, pushed apart where people collide, and its parsing.

Coordinates are normalised, the image spans [-1, 1] in x and y. The map has 64 x 64 cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.heatmaps.flat_maps import best_cells, draw_flat

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

CELLS: Final = 64
# threshold and most people on every benchmark of the paper; the library's default threshold is 0.25
THRESHOLD: Final = 0.2
MOST_PEOPLE: Final = 64

_CLOSE: Final = 2 * CELLS / 512  # 64 px of the input image
_PUSH: Final = 0.2
_POOL: Final = 5


class BodyCentres(NamedTuple):
    """People that have a centre.

    Attributes:
        centres: (N, 2) x, y, normalised.
        radii: (N,) cells.
        person: (N,) row of the person.
    """

    centres: Floats
    radii: Ints
    person: Ints


def body_centres(
    keypoints: npt.NDArray[np.floating[Any]], visible: npt.NDArray[np.bool_], torso: Sequence[int]
) -> BodyCentres:
    """Centre and radius of each person: the mean of the visible torso keypoints, else of all visible ones.

    Args:
        keypoints: (P, K, 2) x, y, normalised.
        visible: (P, K).
        torso: neck, shoulders, pelvis and hips among the K keypoints.

    Returns:
        Those of people with a visible keypoint; half the diagonal of their box decides the radius.
    """
    check_shape("visible", visible, "P K", check_shape("keypoints", keypoints, "P K 2"))
    chosen = np.zeros(visible.shape, dtype=np.bool_)
    chosen[:, list(torso)] = visible[:, list(torso)]
    chosen = np.where(chosen.any(axis=1, keepdims=True), chosen, visible)
    person = np.flatnonzero(visible.any(axis=1))
    points = np.asarray(keypoints, dtype=np.float64)[person]
    weights = chosen[person, :, None]
    centres = np.where(weights, points, 0).sum(axis=1) / weights.sum(axis=1)
    seen = np.where(visible[person, :, None], points, np.nan)
    half = (np.nanmax(seen, axis=1) - np.nanmin(seen, axis=1)) / 2 if len(seen) else np.zeros((0, 2))
    radii = (np.sqrt(np.sum(half * half, axis=1)) * CELLS / 16 + CELLS / 32).astype(np.int64)
    return BodyCentres(centres, radii, person)


def push_apart(centres: npt.NDArray[np.floating[Any]], radii: npt.NDArray[np.integer[Any]]) -> Floats:
    """The collision-aware shift: centres of people who hide each other move apart along their line.

    A person with a centre closer than 0.25 is hidden by its nearest neighbour, unless that one is itself
    already hidden. Both move by half of a fifth of what they lack to the sum of their radii. (The public code
    also means to compare how many keypoints are visible, but compares a person with itself.)

    Args:
        centres: (N, 2) normalised.
        radii: (N,) cells.

    Returns:
        (N, 2), cut to [-1, 1]; exactly -1 and 1 become -0.96 and 0.96.
    """
    check_shape("radii", radii, "N", check_shape("centres", centres, "N 2"))
    moved = np.array(centres, dtype=np.float64)
    between = np.sqrt(np.sum((moved[:, None] - moved[None]) ** 2, axis=-1))
    between[between == 0] = np.inf
    hidden_by = np.full(len(moved), -1, dtype=np.int64)
    for one in range(len(moved)):
        nearest = int(np.argmin(between[one]))
        if between[one, nearest] < _CLOSE and hidden_by[nearest] < 0:
            hidden_by[one] = nearest
    for one in np.flatnonzero(hidden_by >= 0).tolist():
        other = int(hidden_by[one])
        line = moved[other] - moved[one]
        distance = float(np.sqrt(np.sum(line * line)))
        wanted = (int(radii[one]) + int(radii[other]) + 1) / CELLS * 2
        if 0 < distance < wanted:
            step = (wanted - distance) / distance * line * _PUSH / 2
            moved[one] -= step
            moved[other] += step
    moved = np.clip(moved, -1, 1)
    moved[moved == -1] = -0.96
    moved[moved == 1] = 0.96
    return moved


def centre_map(
    centres: npt.NDArray[np.floating[Any]], radii: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float32]:
    """(64, 64) float32: exp(-d^2 / (2 sigma^2)) around each centre's cell, sigma a sixth of the diameter.

    Args:
        centres: (N, 2) normalised; those whose cell lies outside are left out.
        radii: (N,) cells.
    """
    cells = np.trunc((np.asarray(centres, dtype=np.float64) + 1) / 2 * CELLS).astype(np.int64)
    inside = np.all((cells >= 0) & (cells < CELLS), axis=-1)
    cells, reach = cells[inside], np.asarray(radii, dtype=np.int64)[inside]
    maps = draw_flat(
        (1, CELLS, CELLS),
        np.zeros(len(cells), dtype=np.int64),
        cells.astype(np.float64),
        sigma=(2 * reach + 1) / 6,
        halved=True,
        first=cells - reach[:, None],
        last=cells + reach[:, None],
    )
    heat: npt.NDArray[np.float32] = maps[0]
    return heat


def parse_centres(
    heat: npt.NDArray[np.floating[Any]], *, threshold: float = THRESHOLD, most: int = MOST_PEOPLE
) -> tuple[Ints, npt.NDArray[np.floating[Any]]]:
    """Cells that are largest in their 5 x 5 square, the best `most` of them, above the threshold.

    Args:
        heat: (H, W) centre map.
        threshold: exclusive.
        most: people.

    Returns:
        (N, 2) row, column by descending value (ties: row, column); (N,) values.
    """
    check_shape("heat", heat, "H W")
    cells, values = best_cells(heat[None], _POOL, most, threshold)
    return cells[:, 1:], values
