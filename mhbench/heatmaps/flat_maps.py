"""Heatmaps of one plane: Gaussians around pixels of a map, the largest value per cell, and their maxima.

What systems call sigma differs by a factor: `exp(-d^2 / sigma^2)` in LoCO and in the PINet paper,
`exp(-d^2 / (2 sigma^2))` in most code. `halved` says which; it is never guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import ShapeError
from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Maps = npt.NDArray[np.float32]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


def draw_flat(
    shape: tuple[int, int, int],
    channels: npt.NDArray[np.integer[Any]],
    points: npt.NDArray[np.floating[Any]],
    *,
    sigma: float | npt.NDArray[np.floating[Any]],
    halved: bool,
    first: npt.NDArray[np.integer[Any]],
    last: npt.NDArray[np.integer[Any]],
) -> Maps:
    """Gaussians on maps, the largest value per cell.

    Args:
        shape: (C, H, W).
        channels: (N,) channel of each point.
        points: (N, 2) x, y in cells; need not be whole.
        sigma: width in cells, one or (N,).
        halved: exp(-d^2 / (2 sigma^2)) instead of exp(-d^2 / sigma^2).
        first: (N, 2) first column and row drawn; beyond the edge is cut.
        last: (N, 2) last column and row drawn, inclusive.

    Returns:
        (C, H, W) float32.

    Raises:
        ShapeError: the arrays do not fit each other, or there is no such channel.
    """
    sizes = check_shape("points", points, "N 2")
    check_shape("channels", channels, "N", sizes)
    if len(channels) and not 0 <= int(channels.min()) <= int(channels.max()) < shape[0]:
        raise ShapeError(
            "a point has no valid channel",
            expected=f"0 .. {shape[0] - 1}",
            action="make a map for every channel: shape = (channels, H, W)",
        )
    maps = np.zeros(shape, dtype=np.float32)
    widths = np.broadcast_to(np.asarray(sigma, dtype=np.float64), (len(points),))
    edge = (shape[2] - 1, shape[1] - 1)
    _draw(
        maps,
        np.asarray(channels, dtype=np.int64),
        np.asarray(points, dtype=np.float64),
        (2.0 if halved else 1.0) * widths * widths,
        np.maximum(np.asarray(first, dtype=np.int64), 0),
        np.minimum(np.asarray(last, dtype=np.int64), edge),
    )
    return maps


def joint_maps(
    joints2d: npt.NDArray[np.floating[Any]],
    *,
    height: int,
    width: int,
    stride: int = 8,
    sigma: float = 2.0,
    halved: bool = False,
    rounding: Literal["nearest", "truncate", "none"] = "nearest",
) -> Maps:
    """2D heatmaps of all joints of a frame, all people in one map per joint.

    The defaults are those of the volumes: their projection along the depth. A Gaussian is cut at 2.5 sigma
    (at 3 sigma if `halved`).

    Args:
        joints2d: (P, J, 2) px; NaN or outside the image = not drawn.
        height: image height, px.
        width: image width, px.
        stride: px per cell.
        sigma: width in cells.
        halved: see `draw_flat`.
        rounding: how a centre becomes a cell; `none` keeps the fraction, the maximum may be below 1.

    Returns:
        (J, H', W') float32.
    """
    check_shape("joints2d", joints2d, "P J 2")
    pixels = np.asarray(joints2d, dtype=np.float64)
    person, joint = np.nonzero(np.all((pixels >= 0) & (pixels <= (width, height)), axis=-1))
    points = pixels[person, joint] / stride
    if rounding != "none":
        points = np.rint(points) if rounding == "nearest" else np.trunc(points)
    reach = (int(5 * sigma) | 1) // 2 if not halved else np.ceil(3 * sigma)
    return draw_flat(
        (joints2d.shape[1], height // stride, width // stride),
        joint,
        points,
        sigma=sigma,
        halved=halved,
        first=np.ceil(points - reach).astype(np.int64),
        last=np.floor(points + reach).astype(np.int64),
    )


def local_maxima(
    maps: npt.NDArray[np.floating[Any]], side: int, *, strict: bool = False
) -> npt.NDArray[np.bool_]:
    """(..., H, W) bool: no other cell of the `side` x `side` square around it is larger.

    Cells beyond the edge do not count. NaN is no maximum, and neither is a cell with NaN in its square.

    Args:
        maps: (..., H, W).
        side: odd.
        strict: no other cell is as large either: of a plateau nothing stays.
    """
    height, width = maps.shape[-2:]
    found = np.zeros((maps.size // max(height * width, 1), height, width), dtype=np.bool_)
    _find_maxima(np.ascontiguousarray(maps).reshape(found.shape), side // 2, strict, found)
    return found.reshape(maps.shape)


def best_cells(
    maps: npt.NDArray[np.floating[Any]], side: int, most: int, above: float
) -> tuple[Ints, npt.NDArray[np.floating[Any]]]:
    """The highest local maxima of each map.

    Args:
        maps: (C, H, W).
        side: of the square a maximum is largest in.
        most: of each map.
        above: values must exceed it.

    Returns:
        (N, 3) channel, row, column, by channel, then by descending value (ties: row, column); (N,) values.
    """
    found = []
    peaks = local_maxima(maps, side)
    for channel, (one, peak) in enumerate(zip(maps, peaks, strict=True)):
        rows, columns = np.nonzero(peak & (one > above))
        order = np.argsort(-one[rows, columns], kind="stable")[:most]
        found.append(np.column_stack([np.full(len(order), channel), rows[order], columns[order]]))
    cells = np.concatenate(found) if found else np.zeros((0, 3), dtype=np.int64)
    return cells, maps[tuple(cells.T)]


def bilinear(maps: npt.NDArray[np.floating[Any]], points: npt.NDArray[np.floating[Any]]) -> Floats:
    """Values of maps between their cells; what lies outside counts as 0.

    Args:
        maps: (C, H, W).
        points: (N, C, 2) x, y in cells, one point per map.

    Returns:
        (N, C).
    """
    _, height, width = maps.shape
    base = np.floor(points).astype(np.int64)
    share = points - base
    channels = np.arange(len(maps))
    value = np.zeros(points.shape[:2])
    for dy in (0, 1):
        for dx in (0, 1):
            x, y = base[..., 0] + dx, base[..., 1] + dy
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            corner = np.where(inside, maps[channels, y.clip(0, height - 1), x.clip(0, width - 1)], 0.0)
            weight = (share[..., 0] if dx else 1 - share[..., 0]) * (
                share[..., 1] if dy else 1 - share[..., 1]
            )
            value += weight * corner
    return value


@kernel
def _draw(maps: Maps, channels: Ints, points: Floats, squares: Floats, first: Ints, last: Ints) -> None:
    for n in range(len(points)):
        for row in range(first[n, 1], last[n, 1] + 1):
            for column in range(first[n, 0], last[n, 0] + 1):
                dx, dy = column - points[n, 0], row - points[n, 1]
                value = np.float32(np.exp(-(dx * dx + dy * dy) / squares[n]))
                maps[channels[n], row, column] = max(maps[channels[n], row, column], value)


@kernel
def _find_maxima(maps: Any, reach: int, strict: bool, found: Any) -> None:  # noqa: FBT001 - compiled
    count, height, width = maps.shape
    for channel in range(count):
        for row in range(height):
            for column in range(width):
                value = maps[channel, row, column]
                top, bottom = max(row - reach, 0), min(row + reach, height - 1)
                left, right = max(column - reach, 0), min(column + reach, width - 1)
                largest = value == value  # noqa: PLR0124 - False for NaN
                y = top
                while largest and y <= bottom:
                    for x in range(left, right + 1):
                        other = maps[channel, y, x]
                        if not (value > other or (value == other and not strict)) and (y, x) != (row, column):
                            largest = False
                    y += 1
                found[channel, row, column] = largest
