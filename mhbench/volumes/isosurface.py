"""The surface of a volume of occupancies: marching cubes (extra `fit`), in metres, with a confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]


class Isosurface(NamedTuple):
    """The surface of a volume.

    Attributes:
        points: (M, 3) m.
        faces: (T, 3).
        confidence: (M,) how much the occupancies around each point differ: 1 where a sure inside meets a sure
            outside. It is what scikit-image calls `values`, and what BodyNet's fit takes for a confidence.
    """

    points: Floats
    faces: Integers
    confidence: Floats


def isosurface(
    volume: npt.ArrayLike, corner: npt.ArrayLike, cell: npt.ArrayLike, *, level: float = 0.5
) -> Isosurface:
    """The surface at a level, by marching cubes (Lewiner et al., 2003, of scikit-image).

    Values stand at the centres of their cells. Outside the volume nothing is occupied, so that a body that
    reaches its border is closed there.

    Args:
        volume: (X, Y, Z) occupancies, axes x, y, z.
        corner: (3,) m, the smallest coordinates of the volume's box.
        cell: (3,) m, the sides of a cell.
        level: between 0 and 1.

    Raises:
        ShapeError: no volume, corner and cell.
        InputError: nothing in the volume is above the level.
        MissingExtraError: scikit-image is not installed.
    """
    values = np.asarray(volume, dtype=np.float32)
    low, step = np.asarray(corner, dtype=np.float64), np.asarray(cell, dtype=np.float64)
    check_shape("volume", values, "X Y Z")
    check_shape("corner", low, "3")
    check_shape("cell", step, "3")
    above = values > level
    if not above.any():
        raise InputError(
            f"no occupancy is above {level}: the largest of {values.size} is {values.max(initial=0):.3g}",
            expected="a volume with somebody in it",
            action="check how the occupancies are scaled",
        )
    # the rest of the volume has no surface, and most of it is empty
    rows = [np.flatnonzero(above.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    first = np.array([row[0] for row in rows])
    block = np.pad(values, 1)[tuple(slice(row[0], row[-1] + 3) for row in rows)]
    points, faces, _, confidence = _marching_cubes()(block, level)
    places = low + (points.astype(np.float64) + first - 0.5) * step
    return Isosurface(places, faces.astype(np.int64), confidence.astype(np.float64))


def _marching_cubes() -> Any:
    try:
        from skimage.measure import marching_cubes  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError.of("scikit-image", "fit", "the surface of a volume") from error
    return marching_cubes
