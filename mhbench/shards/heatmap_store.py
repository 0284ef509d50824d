"""What a shard holds about heatmaps: the form, the grid and the centres of all joints.

The form says what lies in the file (see `heatmap_forms.py`); the centres and the grid say everything about
the heatmaps, whatever the form: `dataclasses.replace(store, form=...)` is the same heatmaps in another one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.columns import JointFlag
from mhbench.errors import InputError
from mhbench.heatmaps import Grid, locate, outside_depth
from mhbench.shards.layout import CENTRES, FRAME_PTR, HEATMAPS, attribute

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import h5py
    import numpy.typing as npt

    from mhbench.frames import FrameTable

VALUE_TYPES: Final = {"sparse": np.uint8, "sparse-float16": np.float16}
DENSE_FORM: Final = "dense"
FORMS: Final = ("peaks", *VALUE_TYPES, DENSE_FORM, "none")
GRID_FIELDS: Final = tuple(one.name for one in fields(Grid))  # attributes of the group, by these names


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
    return Grid(**{name: attribute(group, name) for name in GRID_FIELDS}), attribute(group, "scored")


def _resized(grid: Grid, height: int, width: int) -> Grid:
    return replace(grid, height=int(height), width=int(width))
