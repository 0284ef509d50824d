"""Location maps: a 2D heatmap per joint, and where it peaks the x, y, z of the joint (Mehta et al.).

The alternative to volumes that the LoCO paper compares with. A cell has room for one joint of a type: of
two people whose joints fall into one cell only the nearer one is kept, and maxima of people side by side
merge. That is what its upper bound of 69.6 % F1 on JTA says, where volumes keep 99.96 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mhbench.heatmaps.encoding import locate
from mhbench.heatmaps.flat_maps import draw_flat, local_maxima

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.heatmaps.grid import Grid


class LocationMaps(NamedTuple):
    """Maps of one frame.

    Attributes:
        heat: (J, H', W') float32 2D heatmaps in [0, 1].
        places: (J, 3, H', W') float32 x, y, z in metres, camera frame; 0 where no joint is.
    """

    heat: npt.NDArray[np.float32]
    places: npt.NDArray[np.float32]


def draw_location_maps(
    grid: Grid,
    joints2d: npt.NDArray[np.floating[Any]],
    joints3d: npt.NDArray[np.floating[Any]],
    *,
    radius: int = 0,
) -> LocationMaps:
    """Location maps of a frame, drawn by the rules of the volumes (which joints, which cell, which Gaussian).

    Args:
        grid: rows, columns, stride, sigma and rounding are used; depth bins are not.
        joints2d: (P, J, 2) px.
        joints3d: (P, J, 3) metres, camera frame.
        radius: the coordinates are written to the square of this radius around the joint; the nearer joint
            wins a cell.

    Raises:
        ShapeError: the arrays do not fit each other or the grid.
    """
    located = locate(grid, joints2d, joints3d)
    joint, cells = located.joint, located.centres[:, [3, 2]].astype(np.int64)
    shape = (grid.channels, grid.rows, grid.columns)
    reach = grid.radius
    heat = draw_flat(
        shape,
        joint,
        cells.astype(np.float64),
        sigma=grid.sigma,
        halved=False,
        first=cells - reach,
        last=cells + reach,
    )
    places = np.zeros((shape[0], 3, *shape[1:]), dtype=np.float32)
    points = np.asarray(joints3d, dtype=np.float64)[located.person, joint]
    # from far to near: the nearest joint is written last and stays
    for n in np.argsort(-np.sqrt(np.sum(points * points, axis=-1)), kind="stable").tolist():
        column, row = cells[n].tolist()
        window = (
            slice(max(row - radius, 0), row + radius + 1),
            slice(max(column - radius, 0), column + radius + 1),
        )
        places[joint[n]][:, *window] = points[n][:, None, None]
    return LocationMaps(heat, places)


def read_location_maps(
    maps: LocationMaps, *, threshold: float = 0.1, side: int = 3
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Joints of location maps: the maxima of the heatmaps with the coordinates stored there.

    Args:
        maps: the maps.
        threshold: lowest value of a maximum, inclusive.
        side: of the square a maximum is largest in; plateaus count.

    Returns:
        (N, 4) joint type, x, y, z in metres, by type, row, column; (N,) values.
    """
    joint, row, column = np.nonzero(local_maxima(maps.heat, side) & (maps.heat >= threshold))
    points = maps.places[joint, :, row, column].astype(np.float64)
    return np.column_stack([joint, points]), maps.heat[joint, row, column]
