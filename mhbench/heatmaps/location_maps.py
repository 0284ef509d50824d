"""Location maps: a 2D heatmap per joint, and where it peaks the x, y, z of the joint (Mehta et al.).

The alternative to volumes that the LoCO paper compares with. A cell has room for one joint of a type, so
what a crowd loses depends on how large a cell is, how far around its joint a coordinate is written, who
wins where two people meet, and what a peak is. The paper says none of it; each is an option here.
`docs/location_maps.md` shows what each costs beside the published upper bound of 69.6 % F1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from mhbench.errors import UsageError
from mhbench.heatmaps.encoding import locate
from mhbench.heatmaps.flat_maps import draw_flat, local_maxima
from mhbench.kernels import kernel

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
    overlap: Literal["nearest", "last", "mean"] = "nearest",
) -> LocationMaps:
    """Location maps of a frame, drawn by the rules of the volumes (which joints, which cell, which Gaussian).

    Args:
        grid: rows, columns, stride, sigma and rounding are used; depth bins are not. A stride of 8 gives
            the cells of the volumes, one of 32 those of LoCO's code predictor (34 x 60 on JTA).
        joints2d: (P, J, 2) px.
        joints3d: (P, J, 3) metres, camera frame.
        radius: the coordinates are written to the square of this radius around the joint.
        overlap: what a cell keeps where several people write: the coordinates of the joint nearest to the
            camera, those of the person who comes last in the frame, or their mean.

    Raises:
        ShapeError: the arrays do not fit each other or the grid.
        UsageError: the radius is negative, or there is no such rule.
    """
    if radius < 0 or overlap not in {"nearest", "last", "mean"}:
        raise UsageError(
            f"no location map is written with radius {radius} and overlap {overlap!r}",
            expected="a radius of at least 0, and nearest, last or mean",
            action="take 0 and nearest, which lose the fewest joints (docs/location_maps.md)",
        )
    located = locate(grid, joints2d, joints3d)
    joint, cells = located.joint, located.centres[:, [3, 2]].astype(np.int64)
    heat = draw_flat(
        (grid.channels, grid.rows, grid.columns),
        joint,
        cells.astype(np.float64),
        sigma=grid.sigma,
        halved=False,
        first=cells - grid.radius,
        last=cells + grid.radius,
    )
    points = np.asarray(joints3d, dtype=np.float64)[located.person, joint]
    # what is written later stays: from far to near, or by person
    distances = np.sqrt(np.sum(points * points, axis=-1))
    order = np.argsort(-distances, kind="stable") if overlap == "nearest" else np.arange(len(points))
    places = np.zeros((grid.channels, 3, grid.rows, grid.columns))
    written = np.zeros((grid.channels, grid.rows, grid.columns), dtype=np.int64)
    _write(places, written, joint[order], cells[order], points[order], radius, overlap == "mean")
    if overlap == "mean":
        places /= np.maximum(written, 1)[:, None]
    return LocationMaps(heat, places.astype(np.float32))


def read_location_maps(
    maps: LocationMaps, *, threshold: float = 0.1, side: int = 3, strict: bool = False
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Joints of location maps: the maxima of the heatmaps with the coordinates stored there.

    Args:
        maps: the maps.
        threshold: lowest value of a maximum, inclusive.
        side: of the square a maximum is largest in.
        strict: a maximum is larger than all others in its square, so that joints in neighbouring cells
            are both lost, as LoCO's evaluation loses them in volumes; by default both stay.

    Returns:
        (N, 4) joint type, x, y, z in metres, by type, row, column; (N,) values.
    """
    found = local_maxima(maps.heat, side, strict=strict) & (maps.heat >= threshold)
    joint, row, column = np.nonzero(found)
    points = maps.places[joint, :, row, column].astype(np.float64)
    return np.column_stack([joint, points]), maps.heat[joint, row, column]


@kernel
def _write(
    places: Any,
    written: Any,
    joint: Any,
    cells: Any,
    points: Any,
    radius: int,
    add: bool,  # noqa: FBT001 - compiled
) -> None:
    """Put each point into the cells around its own, or add it to what is there; count who wrote to a cell."""
    _, _, rows, columns = places.shape
    for n in range(len(joint)):
        column, row = cells[n]
        for y in range(max(row - radius, 0), min(row + radius + 1, rows)):
            for x in range(max(column - radius, 0), min(column + radius + 1, columns)):
                written[joint[n], y, x] += 1
                for axis in range(3):
                    before = places[joint[n], axis, y, x] if add else 0.0
                    places[joint[n], axis, y, x] = before + points[n, axis]
