"""The group `/heatmaps` of a shard: written, read and checked, in any form.

`peaks` is lossless: the int16 centre of every drawn joint and the grid; rendering gives the formula bit for
bit. The forms with voxels keep the centres too (see `heatmap_voxels.py`). `none` says why there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.errors import InputError
from mhbench.heatmaps import outside_depth
from mhbench.shards.heatmap_store import GRID_FIELDS, HeatmapStore, get_grid, no_heatmaps, stored_form
from mhbench.shards.heatmap_voxels import check_voxels, put_voxels
from mhbench.shards.layout import (
    CENTRES,
    FRAME_PTR,
    HEATMAPS,
    attribute,
    put_attribute,
    put_column,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import h5py
    import numpy.typing as npt


def put_heatmaps(
    file: h5py.File, store: HeatmapStore, *, compression: str, check: Callable[[], None] | None = None
) -> None:
    """Write the group `/heatmaps` of a shard; `check` is called after each part of a large one."""
    group = file.create_group(HEATMAPS)
    put_attribute(group, "form", store.form)
    if store.reason:
        put_attribute(group, "reason", store.reason)
    if store.grid is not None:
        put_attribute(group, "scored", store.scored)
        for name in GRID_FIELDS:
            put_attribute(group, name, getattr(store.grid, name))
    for path, column in store.columns().items():
        put_column(file, path, column, compression=compression)
    put_voxels(file, store, compression=compression, check=check)


def get_heatmaps(file: h5py.File) -> HeatmapStore:
    """What a shard holds about heatmaps, with the centres of all frames.

    Raises:
        InputError: the form is unknown, or the offsets do not fit the centres.
    """
    form = stored_form(file)
    if form == "none":
        return no_heatmaps(attribute(file[HEATMAPS], "reason"))
    grid, scored = get_grid(file)
    centres, start = file[CENTRES][()], file[FRAME_PTR][()]
    if start[0] != 0 or start[-1] != len(centres) or np.any(np.diff(start) < 0):
        raise _no_offsets(file, f"{len(centres)} centres")
    if len(centres) and not 0 <= centres[:, 0].min() <= centres[:, 0].max() < len(grid.joints):
        raise InputError(
            f"{file.filename}: {CENTRES} has a channel that is no joint",
            expected=f"channels from 0 to {len(grid.joints) - 1}",
            action="convert the item again",
        )
    outside = int(outside_depth(grid, centres).sum())
    return HeatmapStore(form, "", grid, scored, centres, start, len(centres), outside)


def check_heatmaps(file: h5py.File, frames: int) -> dict[str, npt.NDArray[Any]]:
    """The heatmap columns of a shard, checked against its frames and its stored voxels.

    Raises:
        InputError: the offsets do not fit, or voxels are not those of the centres.
    """
    store = get_heatmaps(file)
    if store.frame_ptr is not None and store.frame_ptr.shape != (frames + 1,):
        raise _no_offsets(file, f"{frames} frames")
    check_voxels(file, store)
    return store.columns()


def _no_offsets(file: h5py.File, what: str) -> InputError:
    return InputError(
        f"{file.filename}: {FRAME_PTR} is no list of offsets of {what}",
        expected="ascending numbers from 0 to the number of centres, one more than frames",
        action="convert the item again",
    )
