"""Joints -> voxels: the integer centres that stand for a frame's heatmap."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.heatmaps.grid import Grid

_INT16: Final = np.iinfo(np.int16)


class Located(NamedTuple):
    """The centres of a frame and where each comes from; N rows, by person, then by channel.

    Attributes:
        centres: (N, 4) int16 channel, depth bin, row, column.
        person: (N,) int64 row of the person.
        joint: (N,) int64 channel, as in `centres`.
        in_grid: (N,) bool; False = the peak itself lies outside the volume and cannot be decoded from it.
    """

    centres: npt.NDArray[np.int16]
    person: npt.NDArray[np.int64]
    joint: npt.NDArray[np.int64]
    in_grid: npt.NDArray[np.bool_]


def centres(
    grid: Grid, joints2d: npt.NDArray[np.floating[Any]], joints3d: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.int16]:
    """Centres of the joints of a frame, one row per drawn joint (duplicates stay).

    See `locate`, which also tells whose joint a centre is.
    """
    return locate(grid, joints2d, joints3d).centres


def locate(
    grid: Grid, joints2d: npt.NDArray[np.floating[Any]], joints3d: npt.NDArray[np.floating[Any]]
) -> Located:
    """Centres of the joints of a frame with their people.

    A joint is drawn if its pixel lies inside the image, both ends included (0 <= u <= width, 0 <= v <=
    height, after truncation where the grid truncates), occluded or not; NaN is skipped. Indices are rounded
    to nearest, ties to even. Hence a pixel in the last half stride lies one voxel outside the grid, and so
    does a joint before `depth_min` or beyond `depth_max`: such centres stay listed (only the part inside
    the grid is drawn) unless int16 cannot hold them.

    Args:
        grid: the grid; its joints are the J joints in order.
        joints2d: (P, J, 2) px of the full image, the centre of the top-left pixel is (0, 0).
        joints3d: (P, J, 3) metres, camera frame.

    Raises:
        ShapeError: the arrays do not fit each other or the grid.
    """
    sizes = check_shape("joints2d", joints2d, "P J 2", {"J": grid.channels})
    check_shape("joints3d", joints3d, "P J 3", sizes)
    pixels = np.asarray(joints2d, dtype=np.float64)
    if grid.pixel_rounding == "truncate":
        pixels = np.trunc(pixels)
    steps = (_depths(grid, joints3d) - grid.depth_min) * (grid.depth_bins - 1)
    depth_index = np.rint(steps / (grid.depth_max - grid.depth_min))
    # comparisons with NaN are false: what is not annotated is not drawn
    inside = np.all((pixels >= 0) & (pixels <= (grid.width, grid.height)), axis=-1)
    drawn = inside & (depth_index >= _INT16.min) & (depth_index <= _INT16.max)
    person, joint = np.nonzero(drawn)
    located = np.zeros((len(joint), 4), dtype=np.int16)
    located[:, 0] = joint
    located[:, 1] = depth_index[drawn]
    located[:, 3:1:-1] = np.rint(pixels[drawn] / grid.stride)
    in_grid = np.all((located >= 0) & (located < grid.shape), axis=1)
    return Located(located, person, joint, in_grid)


def outside_depth(grid: Grid, located: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    """(N,) bool: the centre lies before the first or beyond the last depth bin of the grid."""
    return (located[:, 1] < 0) | (located[:, 1] >= grid.depth_bins)


def select_joints(
    grid: Grid, located: npt.NDArray[np.int16], joints: Sequence[str]
) -> tuple[Grid, npt.NDArray[np.int16]]:
    """The grid and the centres of some joints only, channels renumbered in the order of `joints`.

    Raises:
        UsageError: the grid has no such joint.
    """
    unknown = [name for name in joints if name not in grid.joints]
    if unknown:
        raise UsageError(
            f"the heatmap grid has no joint {unknown[0]!r}",
            expected=f"some of {', '.join(grid.joints)}",
            action="choose joints the shard was converted with",
        )
    channel = np.full(grid.channels, -1, dtype=np.int16)
    channel[[grid.joints.index(name) for name in joints]] = np.arange(len(joints), dtype=np.int16)
    chosen = located[channel[located[:, 0]] >= 0]
    renumbered = np.column_stack([channel[chosen[:, 0]], chosen[:, 1:]])
    return replace(grid, joints=tuple(joints)), renumbered


def _depths(grid: Grid, joints3d: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    points = np.asarray(joints3d, dtype=np.float64)
    if grid.depth_axis == "z":
        return points[..., 2]
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.sqrt(x * x + y * y + z * z)
