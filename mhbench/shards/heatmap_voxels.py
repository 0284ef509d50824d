"""Voxels in a shard, for programs that cannot render: sparse (index differences and values) or dense.

They are a function of the centres, which every form keeps: no form loses a bit, each can be made from any
other, and the content hash of a shard is the same in all of them. Channels are the scored joints.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import InputError
from mhbench.heatmaps import render, render_sparse, select_joints
from mhbench.shards import layout
from mhbench.shards.heatmap_store import DENSE_FORM, VALUE_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import h5py
    import numpy.typing as npt

    from mhbench.heatmaps import Grid
    from mhbench.shards.heatmap_store import HeatmapStore

_STEPS: Final = np.float32(255)  # of the uint8 values: at most 1/510 away from the formula
_ROWS_AT_ONCE: Final = 16 * layout.VOXEL_CHUNK_ROWS
_BEST_RATIO: Final = 1000  # deflate packs zeros 1,032 to 1


def put_voxels(
    file: h5py.File, store: HeatmapStore, *, compression: str, check: Callable[[], None] | None = None
) -> None:
    """Write the voxels of a store whose form has any; `check` is called after each part."""
    if store.form in VALUE_TYPES:
        _put_sparse(file, store, compression)
    elif store.form == DENSE_FORM:
        _put_dense(file, store, compression, check)


def dense_bytes(store: HeatmapStore) -> int:
    """Upper bound of what the compressed dense form of a store takes, bytes."""
    assert store.grid is not None
    assert store.frame_ptr is not None
    grid = replace(store.grid, joints=store.scored)
    background: int = 4 * grid.voxels * (len(store.frame_ptr) - 1) // _BEST_RATIO
    patch: int = (2 * grid.radius + 1) ** 3
    return background + 4 * store.drawn * patch


def quantised(
    index: npt.NDArray[np.int32], values: npt.NDArray[np.float32], form: str
) -> tuple[npt.NDArray[np.int32], npt.NDArray[Any]]:
    """Voxels as the sparse form stores them: those that are not 0 in its type, with their stored values."""
    stored: npt.NDArray[Any] = (
        np.rint(values * _STEPS).astype(np.uint8) if form == "sparse" else values.astype(np.float16)
    )
    kept = stored != 0
    return index[kept], stored[kept]


def decoded(stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Stored values as numbers in [0, 1]."""
    values = stored.astype(np.float32)
    return values / _STEPS if stored.dtype == np.uint8 else values


def check_voxels(file: h5py.File, store: HeatmapStore) -> None:
    """Compare the stored voxels with what the centres give.

    Raises:
        InputError: a frame differs.
    """
    if store.form in VALUE_TYPES:
        start = file[layout.VOXEL_PTR][()]
        for row, (index, stored) in enumerate(_sparse_frames(store)):
            part = slice(*start[row : row + 2].tolist())
            same = np.array_equal(np.cumsum(file[layout.VOXEL_DELTA][part]), index)
            if not same or not np.array_equal(file[layout.VOXEL_VALUES][part], stored):
                raise _differs(file, row)
    elif store.form == DENSE_FORM:
        dense = file[layout.DENSE]
        for row, (grid, centres) in enumerate(frames_of(store)):
            for channel, name in enumerate(grid.joints):
                if not np.array_equal(dense[row, channel], render(*select_joints(grid, centres, [name]))[0]):
                    raise _differs(file, row)


def frames_of(store: HeatmapStore) -> Iterator[tuple[Grid, npt.NDArray[np.int16]]]:
    """Grid and centres of the scored joints, frame by frame."""
    assert store.grid is not None
    assert store.centres is not None
    assert store.frame_ptr is not None
    for start, stop in zip(store.frame_ptr[:-1].tolist(), store.frame_ptr[1:].tolist(), strict=True):
        yield select_joints(store.grid, store.centres[start:stop], store.scored)


def _sparse_frames(store: HeatmapStore) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[Any]]]:
    for grid, centres in frames_of(store):
        index, values = render_sparse(grid, centres)
        yield quantised(index, values, store.form)


def _put_sparse(file: h5py.File, store: HeatmapStore, compression: str) -> None:
    filters = layout.filters(compression, gzip_level=layout.VOXEL_GZIP_LEVEL)
    columns = [
        file.create_dataset(
            path,
            (0,),
            dtype=kind,
            maxshape=(None,),
            chunks=(layout.VOXEL_CHUNK_ROWS,),
            track_times=False,
            **filters,
        )
        for path, kind in (
            (layout.VOXEL_DELTA, np.int32),
            (layout.VOXEL_VALUES, VALUE_TYPES[store.form]),
        )
    ]
    counts = [0]
    waiting: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = []
    for index, stored in _sparse_frames(store):
        counts.append(len(index))
        waiting.append((np.diff(index, prepend=np.int32(0)), stored))
        if sum(len(one[1]) for one in waiting) >= _ROWS_AT_ONCE:
            _append(columns, waiting)
            waiting = []
    _append(columns, waiting)
    layout.put_column(
        file, layout.VOXEL_PTR, np.cumsum(np.array(counts, dtype=np.int64)), compression=compression
    )


def _append(columns: list[h5py.Dataset], parts: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]) -> None:
    for number, column in enumerate(columns):
        rows = [part[number] for part in parts]
        if added := sum(map(len, rows)):
            before = len(column)
            column.resize(before + added, axis=0)
            column[before:] = np.concatenate(rows)


def _put_dense(
    file: h5py.File, store: HeatmapStore, compression: str, check: Callable[[], None] | None
) -> None:
    assert store.grid is not None
    assert store.frame_ptr is not None
    grid = replace(store.grid, joints=store.scored)
    dense = file.create_dataset(
        layout.DENSE,
        (len(store.frame_ptr) - 1, *grid.shape),
        dtype=np.float32,
        chunks=(1, 1, *grid.shape[1:]),
        track_times=False,
        **layout.filters(compression, gzip_level=layout.VOXEL_GZIP_LEVEL),
    )
    # one joint at a time: a chunk is a joint, and one that nobody has is not written at all
    for row, (_, centres) in enumerate(frames_of(store)):
        for channel in np.unique(centres[:, 0]).tolist():
            dense[row, channel] = render(*select_joints(grid, centres, [grid.joints[channel]]))[0]
            if check is not None:
                check()


def _differs(file: h5py.File, row: int) -> InputError:
    return InputError(
        f"{file.filename}: the voxels of frame {row} are not those of its centres",
        expected="voxels rendered from /heatmaps/centres",
        action="`mhbench heatmaps --to peaks`, then back to this form, makes them anew",
    )
