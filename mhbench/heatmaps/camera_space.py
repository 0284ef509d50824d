"""Voxels -> points in camera space, through the true lens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mhbench.checks import check_shape

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.cameras import Camera
    from mhbench.heatmaps.grid import Grid


def to_camera(grid: Grid, centres: npt.NDArray[np.number[Any]], camera: Camera) -> npt.NDArray[np.float64]:
    """Points the voxels stand for.

    An index times the stride is the pixel, an index times the depth step the depth, without half-cell shifts:
    encoding rounds to nearest. The pixel is that of the real, distorted image, so the lens is inverted (the
    intrinsics alone cost 10 mm on the CMU Panoptic cameras).

    Args:
        grid: the grid.
        centres: (N, 4) channel, depth bin, row, column; fractional ones are taken as they are.
        camera: the camera of the frame.

    Returns:
        (N, 3) metres, camera frame; NaN where the lens model cannot be inverted.

    Raises:
        ShapeError: the centres are not (N, 4).
    """
    check_shape("centres", centres, "N 4")
    voxels = np.asarray(centres, dtype=np.float64)
    pixels = voxels[:, [3, 2]] * grid.stride
    depths = voxels[:, 1] * grid.depth_step + grid.depth_min
    return place(pixels, depths, camera, depth_axis=grid.depth_axis)


def place(
    pixels: npt.NDArray[np.floating[Any]],
    depths: npt.NDArray[np.floating[Any]],
    camera: Camera,
    *,
    depth_axis: Literal["distance", "z"] = "distance",
) -> npt.NDArray[np.float64]:
    """Points seen at pixels of the distorted image, at given depths.

    Args:
        pixels: (N, 2) px.
        depths: (N,) metres: distances to the camera centre, or z coordinates.
        camera: the camera.
        depth_axis: what `depths` are.

    Returns:
        (N, 3) metres, camera frame; NaN where the lens model cannot be inverted.

    Raises:
        ShapeError: the arrays do not fit each other.
    """
    check_shape("depths", depths, "N", check_shape("pixels", pixels, "N 2"))
    rays = camera.unproject(pixels)
    if depth_axis == "distance":
        rays = rays / np.sqrt(np.sum(rays * rays, axis=1, keepdims=True))
    points: npt.NDArray[np.float64] = np.asarray(depths, dtype=np.float64)[:, None] * rays
    return points
