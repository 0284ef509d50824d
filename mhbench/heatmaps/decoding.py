"""Volumes -> peaks: the voxels that are local maxima.

What a peak is differs between the places that need one, so every score names its rule (`PEAK_RULES`).
Plateaus decide: two people whose joints lie in adjacent voxels give two equal values side by side, which a
strict comparison loses both and `>=` keeps both. Outside the volume everything is 0; NaN is never a peak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import ShapeError, UsageError
from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt


# voxels that are skipped at once if none of them passes the threshold
_BLOCK: Final = 256


class PeakRule(NamedTuple):
    """Keyword arguments of `peaks`."""

    threshold: float
    neighbours: int
    strict: bool


PEAK_RULES: Final = {
    # LoCO while it trains; lossless on rendered truth, hence the default
    "validation": PeakRule(0.1, 6, strict=False),
    # LoCO's published JTA table
    "evaluation": PeakRule(0.1, 26, strict=True),
    # equation 3 of the LoCO paper, which gives no threshold
    "paper": PeakRule(0.0, 6, strict=True),
}


def peaks(
    volume: npt.NDArray[np.floating[Any]],
    *,
    threshold: float = 0.1,
    neighbours: int = 6,
    strict: bool = False,
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float32]]:
    """Local maxima of every channel of a volume, in one pass.

    Args:
        volume: (J, D, H', W') float32 or float64 (float16 is widened).
        threshold: lowest value of a peak; it must be exceeded if `strict`. Compared in the volume's type.
        neighbours: 6 (sharing a face) or 26 (the whole 3 x 3 x 3 cube).
        strict: a peak is greater than all its neighbours instead of at least as great.

    Returns:
        (N, 4) int16 channel, depth bin, row, column, ascending; (N,) float32 values.

    Raises:
        ShapeError: the volume does not have four axes, or is no array of floats.
        UsageError: `neighbours` is neither 6 nor 26, or the threshold would let the empty background pass.
    """
    check_shape("volume", volume, "J D H W")
    check_rule(threshold, neighbours, strict=strict)
    dense: npt.NDArray[np.floating[Any]] = np.ascontiguousarray(volume, dtype=_working_type(volume))
    lowest = _lowest(threshold, dense, strict=strict)
    index = _find_dense(dense, lowest, neighbours == 26, strict)
    return _unravelled(index, volume.shape), dense.reshape(-1)[index].astype(np.float32)


def peaks_sparse(
    index: npt.NDArray[np.integer[Any]],
    values: npt.NDArray[np.floating[Any]],
    shape: tuple[int, int, int, int],
    *,
    threshold: float = 0.1,
    neighbours: int = 6,
    strict: bool = False,
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float32]]:
    """What `peaks` finds in a volume of which only some voxels are given (all others are 0).

    Args:
        index: (M,) indices into the flat volume, ascending, each once.
        values: (M,) their values.
        shape: (J, D, H', W').
        threshold: see `peaks`.
        neighbours: see `peaks`.
        strict: see `peaks`.

    Raises:
        ShapeError: `index` and `values` differ in length, or the indices do not ascend inside the volume.
        UsageError: as `peaks`.
    """
    check_shape("values", values, "M", check_shape("index", index, "M"))
    check_rule(threshold, neighbours, strict=strict)
    flat = np.ascontiguousarray(index, dtype=np.int64)
    if len(flat) and (flat[0] < 0 or flat[-1] >= np.prod(shape) or np.any(flat[1:] <= flat[:-1])):
        raise ShapeError(
            "the indices of the sparse volume do not ascend inside it",
            expected=f"ascending, each once, from 0 to below {np.prod(shape)}",
            action="sort them together with their values",
        )
    level: npt.NDArray[np.floating[Any]] = np.ascontiguousarray(values, dtype=_working_type(values))
    lowest = _lowest(threshold, level, strict=strict)
    found = _find_sparse(flat, level, shape, lowest, neighbours == 26, strict)
    return _unravelled(flat[found], shape), level[found].astype(np.float32)


def check_rule(threshold: float, neighbours: int, *, strict: bool) -> None:
    """Refuse a rule that is none.

    Raises:
        UsageError: `neighbours` is neither 6 nor 26, or the threshold would let the empty background pass.
    """
    if neighbours not in {6, 26}:
        raise UsageError(
            f"a voxel does not have {neighbours} neighbours",
            expected="6 (faces) or 26 (faces, edges and corners)",
            action="take a rule of PEAK_RULES, such as **PEAK_RULES['validation']",
        )
    if threshold < 0 or (threshold == 0 and not strict) or np.isnan(threshold):
        raise UsageError(
            f"with threshold {threshold} the empty background would consist of peaks",
            expected="a threshold above 0, or 0 with strict=True",
            action="raise the threshold; 0.1 is that of the published results",
        )


def _working_type(array: npt.NDArray[Any]) -> type[np.float32 | np.float64]:
    if array.dtype.kind != "f":
        raise ShapeError(
            f"the heatmap values are {array.dtype}",
            expected="floats, 1 at the centre of a joint",
            action="divide integers by the value that stands for 1 (255 in uint8)",
        )
    return np.float64 if array.dtype == np.float64 else np.float32


def _unravelled(index: npt.NDArray[np.int64], shape: tuple[int, ...]) -> npt.NDArray[np.int16]:
    return np.column_stack(np.unravel_index(index, shape)).astype(np.int16)


def _lowest(threshold: float, values: npt.NDArray[np.floating[Any]], *, strict: bool) -> np.floating[Any]:
    """The lowest value that passes, in the type of the values: `>` a number is `>=` the next one."""
    kind = _working_type(values)
    level = kind(threshold)
    return np.nextafter(level, kind(np.inf)) if strict else level


@kernel
def _find_dense(volume: Any, lowest: Any, corners: bool, strict: bool) -> Any:  # noqa: FBT001 - compiled
    """Flat indices of the peaks, ascending."""
    flat = volume.reshape(-1)
    starts, most = _blocks_that_reach(flat, lowest)
    found = np.zeros(most, dtype=np.int64)
    count = 0
    for start in starts:
        for index in range(start, min(start + _BLOCK, len(flat))):
            if flat[index] >= lowest and _is_peak(volume, index, corners, strict):
                found[count] = index
                count += 1
    return found[:count]


@kernel
def _blocks_that_reach(flat: Any, lowest: Any) -> Any:
    """Starts of the blocks with a value that passes, and how many values do: the one pass over the volume."""
    starts = np.zeros(len(flat) // _BLOCK + 1, dtype=np.int64)
    blocks = 0
    for start in range(0, len(flat), _BLOCK):
        if start + _BLOCK > len(flat) or _any_reaches(flat[start : start + _BLOCK], lowest):
            starts[blocks] = start
            blocks += 1
    values = 0
    for start in starts[:blocks]:
        for value in flat[start : start + _BLOCK]:
            values += value >= lowest
    return starts[:blocks], values


@kernel
def _any_reaches(block: Any, lowest: Any) -> bool:
    """Whether a whole block has a value that passes; the loop vectorises: no branch, a fixed length."""
    some = np.int32(0)
    for k in range(_BLOCK):
        some |= np.int32(block[k] >= lowest)
    return bool(some != 0)


@kernel
def _is_peak(volume: Any, index: int, corners: bool, strict: bool) -> bool:  # noqa: FBT001 - compiled
    _, depth_bins, rows, columns = volume.shape
    ix = index % columns
    iy = index // columns % rows
    iz = index // (columns * rows) % depth_bins
    channel = index // (columns * rows * depth_bins)
    value = volume[channel, iz, iy, ix]
    # neighbours in the row come first: they lie beside it in memory and refuse most candidates
    for turn in range(1, 27):
        dx, dy, dz = (turn + 1) % 3 - 1, (turn // 3 + 1) % 3 - 1, (turn // 9 + 1) % 3 - 1
        if not corners and abs(dz) + abs(dy) + abs(dx) > 1:
            continue
        z, y, x = iz + dz, iy + dy, ix + dx
        other = 0.0
        if 0 <= z < depth_bins and 0 <= y < rows and 0 <= x < columns:
            other = volume[channel, z, y, x]
        if not (value > other or (value == other and not strict)):
            return False
    return True


@kernel
def _find_sparse(
    index: Any,
    level: Any,
    shape: tuple[int, int, int, int],
    lowest: Any,
    corners: bool,  # noqa: FBT001 - compiled
    strict: bool,  # noqa: FBT001 - compiled
) -> Any:
    """Rows of the sparse volume that are peaks, ascending."""
    found = np.zeros(len(index), dtype=np.int64)
    count = 0
    for row in range(len(index)):
        if level[row] >= lowest and _is_sparse_peak(index, level, row, shape, corners, strict):
            found[count] = row
            count += 1
    return found[:count]


@kernel
def _is_sparse_peak(
    index: Any,
    level: Any,
    row: int,
    shape: tuple[int, int, int, int],
    corners: bool,  # noqa: FBT001 - compiled
    strict: bool,  # noqa: FBT001 - compiled
) -> bool:
    _, depth_bins, rows, columns = shape
    value = level[row]
    ix = index[row] % columns
    iy = index[row] // columns % rows
    iz = index[row] // (columns * rows) % depth_bins
    # in the order of _is_peak
    for turn in range(1, 27):
        dx, dy, dz = (turn + 1) % 3 - 1, (turn // 3 + 1) % 3 - 1, (turn // 9 + 1) % 3 - 1
        if not corners and abs(dz) + abs(dy) + abs(dx) > 1:
            continue
        other = 0.0
        if 0 <= iz + dz < depth_bins and 0 <= iy + dy < rows and 0 <= ix + dx < columns:
            other = _value_at(index, level, row, (dz * rows + dy) * columns + dx)
        if not (value > other or (value == other and not strict)):
            return False
    return True


@kernel
def _value_at(index: Any, level: Any, row: int, offset: int) -> float:
    """Value of the voxel `offset` after the one of `row`: ascending indices keep it within `offset` rows."""
    wanted = index[row] + offset
    low, high = max(0, row + min(offset, 0)), min(len(index), row + max(offset, 0) + 1)
    while low < high:
        middle = (low + high) // 2
        if index[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low < len(index) and index[low] == wanted:
        return float(level[low])
    return 0.0
