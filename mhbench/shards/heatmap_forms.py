"""Forms in which heatmaps lie in a shard: `peaks`, `sparse`, `sparse-float16`, `dense` or `none`.

`peaks` is lossless: the int16 centre of every drawn joint and the grid; rendering gives the formula bit for
bit. The forms with voxels keep the centres too (see `heatmap_voxels.py`). `none` says why there are none.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import InputError
from mhbench.frames import JointFlag
from mhbench.heatmaps import Grid, locate, outside_depth
from mhbench.shards.heatmap_voxels import DENSE_FORM, VALUE_TYPES, check_voxels, put_voxels
from mhbench.shards.layout import (
    CENTRES,
    FRAME_PTR,
    HEATMAPS,
    attribute,
    put_attribute,
    put_column,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import h5py
    import numpy.typing as npt

    from mhbench.frames import FrameTable

FORMS: Final = ("peaks", *VALUE_TYPES, DENSE_FORM, "none")


@dataclass(frozen=True, slots=True, eq=False)
class HeatmapStore:
    """What a shard holds about heatmaps.

    Attributes:
        form: one of `FORMS`.
        reason: why there are none, if there are none.
        grid: grid of all joints of the skeleton, with the largest image size of the shard.
        scored: joints that `heatmaps()` renders unless told otherwise (the channels of the published grid).
        centres: (N, 4) int16 channel, depth bin, row, column; by frame, person, channel.
        frame_ptr: (F + 1) int64 offsets of each frame's centres.
        drawn: number of joints drawn (N).
        outside: how many of them lie before the first or beyond the last depth bin.
    """

    form: str
    reason: str = ""
    grid: Grid | None = None
    scored: tuple[str, ...] = ()
    centres: npt.NDArray[np.int16] | None = None
    frame_ptr: npt.NDArray[np.int64] | None = None
    drawn: int = 0
    outside: int = 0

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Columns of this form with their paths in a shard."""
        if self.centres is None or self.frame_ptr is None:
            return {}
        return {CENTRES: self.centres, FRAME_PTR: self.frame_ptr}


def no_heatmaps(reason: str) -> HeatmapStore:
    """The form `none`."""
    return HeatmapStore("none", reason=reason)


def peaks_of(table: FrameTable, grid: Grid, scored: Sequence[str]) -> HeatmapStore:
    """The form `peaks`: the centres of all joints labelled in 3D whose pixel lies in their frame's image.

    Every other form of the same heatmaps is `dataclasses.replace(store, form=...)`.

    Args:
        table: frames with `width` and `height`, people with `joints2d` and `joints3d`.
        grid: the data set's grid with all joints of the table's skeleton; its image size does not count,
            every frame has its own.
        scored: joints that are rendered unless others are asked for.
    """
    joints2d, joints3d = labelled_joints(table.persons)
    sizes = np.column_stack([table.frames["height"], table.frames["width"]])
    owner = table.frame_of_person
    parts, people = [], []
    for height, width in np.unique(sizes, axis=0).tolist():
        rows = np.flatnonzero(np.all(sizes[owner] == (height, width), axis=1))
        located = locate(_resized(grid, height, width), joints2d[rows], joints3d[rows])
        parts.append(located.centres)
        people.append(rows[located.person])
    person = np.concatenate(people) if people else np.zeros(0, dtype=np.int64)
    order = np.argsort(person, kind="stable")
    centres = np.concatenate(parts)[order] if parts else np.zeros((0, 4), dtype=np.int16)
    # offsets of people in the sorted centres, then of the frames those people belong to
    frame_ptr = np.searchsorted(person[order], table.person_start).astype(np.int64)
    height, width = sizes.max(axis=0).tolist() if len(sizes) else (grid.height, grid.width)
    largest = _resized(grid, height, width)
    outside = int(outside_depth(largest, centres).sum())
    return HeatmapStore(
        "peaks",
        grid=largest,
        scored=tuple(scored),
        centres=centres,
        frame_ptr=frame_ptr,
        drawn=len(centres),
        outside=outside,
    )


def labelled_joints(
    persons: Mapping[str, npt.NDArray[Any]],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """`joints2d` and `joints3d` of people, the latter NaN where a joint is not labelled in 3D."""
    labelled = (persons["joint_flags"] & JointFlag.LABELLED_3D) != 0
    return persons["joints2d"], np.where(labelled[..., None], persons["joints3d"], np.float32(np.nan))


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
        for name in _grid_fields():
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
        raise InputError(f"{file.filename}: {FRAME_PTR} is no list of offsets of {len(centres)} centres")
    outside = int(outside_depth(grid, centres).sum())
    return HeatmapStore(form, "", grid, scored, centres, start, len(centres), outside)


def stored_form(file: h5py.File) -> str:
    """The form of a shard's heatmaps."""
    return str(attribute(file[HEATMAPS], "form"))


def get_grid(file: h5py.File) -> tuple[Grid, tuple[str, ...]]:
    """The grid of a shard's heatmaps and the joints that are scored.

    Raises:
        InputError: the shard has no heatmaps; the message gives the stored reason.
    """
    group = file[HEATMAPS]
    form = stored_form(file)
    if form == "none":
        raise InputError(
            f"{file.filename} has no heatmaps: {attribute(group, 'reason')}",
            expected="heatmaps",
            action="`mhbench heatmaps SHARDS --to peaks` makes them, if the data set has 3D joints",
        )
    if form not in FORMS:
        raise InputError(
            f"{file.filename} holds heatmaps of the form {form!r}",
            expected=f"one of: {', '.join(FORMS)}",
            action="read it with the version of mhbench that wrote it",
        )
    return Grid(**{name: attribute(group, name) for name in _grid_fields()}), attribute(group, "scored")


def check_heatmaps(file: h5py.File, frames: int) -> dict[str, npt.NDArray[Any]]:
    """The heatmap columns of a shard, checked against its frames and its stored voxels.

    Raises:
        InputError: the offsets do not fit, or voxels are not those of the centres.
    """
    store = get_heatmaps(file)
    if store.frame_ptr is not None and store.frame_ptr.shape != (frames + 1,):
        raise InputError(f"{file.filename}: {FRAME_PTR} is no list of offsets of {frames} frames")
    check_voxels(file, store)
    return store.columns()


def _grid_fields() -> list[str]:
    return [one.name for one in fields(Grid)]


def _resized(grid: Grid, height: int, width: int) -> Grid:
    return replace(grid, height=int(height), width=int(width))
