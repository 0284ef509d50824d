"""One frame of a shard: columns and heatmaps, read when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - a field of a dataclass that is shown
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.errors import InputError, UsageError
from mhbench.heatmaps import select_joints
from mhbench.shards import layout
from mhbench.shards.heatmap_store import get_grid, stored_form
from mhbench.shards.pool import pool
from mhbench.shards.tables import ShardInfo, column_paths, damaged

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from mhbench.heatmaps import Grid, HeatmapBuffer


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a shard; columns are read when they are asked for.

    Attributes:
        path: the shard.
        info: what the index says about it.
        row: row of the frame in the shard.
    """

    path: Path
    info: ShardInfo
    row: int

    @property
    def id(self) -> str:
        """`<sequence>/<camera>/<index>`."""
        return str(self.columns["id"])

    @property
    def columns(self) -> Mapping[str, Any]:
        """The frame's own columns by name: one value, or an array of the row's shape."""
        return _Columns(self.path, layout.FRAMES, self.row, self.row + 1, single=True)

    @property
    def persons(self) -> Mapping[str, Any]:
        """Columns of the frame's people by name, P rows each, read-only."""
        return _Columns(self.path, layout.PERSONS, *self._people())

    def joint_set(self, name: str) -> Mapping[str, Any]:
        """Columns of a further joint set of the frame's people, P rows each."""
        return _Columns(self.path, f"{layout.SETS}/{name}", *self._people())

    @property
    def has_heatmaps(self) -> bool:
        """The shard stores heatmaps in some form."""
        return pool().derived(self.path, stored_form) != "none"

    @property
    def heatmap_joints(self) -> tuple[str, ...]:
        """All joints the heatmaps can show; `grid()` has those the data set is scored on.

        Raises:
            InputError: the shard has no heatmaps.
        """
        joints: tuple[str, ...] = pool().derived(self.path, get_grid)[0].joints
        return joints

    def grid(self, joints: Sequence[str] | None = None) -> Grid:
        """Grid of the frame's heatmaps (see `heatmaps`).

        Raises:
            InputError: the shard has no heatmaps.
            UsageError: it has no such joint.
        """
        return self._selected(joints)[0]

    def centres(self, joints: Sequence[str] | None = None) -> npt.NDArray[np.int16]:
        """(N, 4) channel, depth bin, row, column of the drawn joints, channels as in `grid(joints)`."""
        return self._selected(joints)[1]

    def heatmaps(
        self, joints: Sequence[str] | None = None, out: npt.NDArray[np.float32] | HeatmapBuffer | None = None
    ) -> npt.NDArray[np.float32]:
        """The volumetric heatmap of the frame: whatever the form in the shard, the formula bit for bit.

        Args:
            joints: names of the channels; by default those the data set is scored on.
            out: memory to use again: a volume, which is cleared as a whole, or (for frame after frame) a
                `HeatmapBuffer` of `grid(joints)`, which clears what the last frame touched.

        Returns:
            (J, D, H', W') float32 in [0, 1].

        Raises:
            InputError: the shard has no heatmaps; the message says why.
            UsageError: it has no such joint, or the buffer is of another grid.
        """
        from mhbench.heatmaps import HeatmapBuffer, render  # noqa: PLC0415 - loads the compiled kernels

        grid, centres = self._selected(joints)
        if not isinstance(out, HeatmapBuffer):
            volume: npt.NDArray[np.float32] = render(grid, centres, out)
            return volume
        if out.grid != grid:
            raise UsageError(
                f"the buffer does not fit the heatmaps of {self.id}",
                expected=f"a buffer of {grid}",
                action="make one buffer for each grid: HeatmapBuffer(frame.grid(joints))",
            )
        rendered: npt.NDArray[np.float32] = out.render(centres)
        return rendered

    def voxels(
        self, joints: Sequence[str] | None = None
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """The non-zero voxels of `heatmaps(joints)`, without the volume.

        Returns:
            (M,) int32 indices into the flat volume, ascending; (M,) float32 their values.
        """
        from mhbench.heatmaps import render_sparse  # noqa: PLC0415 - loads the compiled kernels

        index, values = render_sparse(*self._selected(joints))
        return index, values

    def stored_voxels(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """The voxels of the scored joints as the form `sparse` stores them, rounded to its type.

        Returns:
            (M,) int32 indices into the flat volume of `grid()`, ascending; (M,) float32 values.

        Raises:
            InputError: the shard holds another form.
        """
        from mhbench.shards.heatmap_voxels import decoded  # noqa: PLC0415 - loads the compiled kernels

        form = pool().derived(self.path, stored_form)
        if not form.startswith("sparse"):
            raise InputError(
                f"{self.path} holds heatmaps of the form {form!r}",
                expected="sparse or sparse-float16",
                action="use heatmaps() or voxels(), or `mhbench heatmaps SHARDS --to sparse`",
            )
        start, stop = pool().rows(self.path, layout.VOXEL_PTR, self.row, self.row + 2).tolist()
        delta = pool().rows(self.path, layout.VOXEL_DELTA, start, stop)
        stored = pool().rows(self.path, layout.VOXEL_VALUES, start, stop)
        return np.cumsum(delta, dtype=np.int32), decoded(stored)

    def _selected(self, joints: Sequence[str] | None) -> tuple[Grid, npt.NDArray[np.int16]]:
        grid, scored = pool().derived(self.path, get_grid)
        start, stop = pool().rows(self.path, layout.FRAME_PTR, self.row, self.row + 2).tolist()
        centres = pool().rows(self.path, layout.CENTRES, start, stop)
        names = tuple(scored if joints is None else joints)
        if names == grid.joints:
            return grid, centres
        try:
            chosen: tuple[Grid, npt.NDArray[np.int16]] = select_joints(grid, centres, names)
        except IndexError as error:  # a centre of a joint that is none
            raise damaged(self.path, error) from error
        return chosen

    def _people(self) -> tuple[int, int]:
        start, stop = pool().rows(self.path, layout.PERSON_START, self.row, self.row + 2).tolist()
        return start, stop


@dataclass(frozen=True, slots=True)
class _Columns(Mapping[str, Any]):
    """Rows `start:stop` of the columns of one group, each read when it is asked for."""

    path: Path
    scope: str
    start: int
    stop: int
    single: bool = False

    def __getitem__(self, name: str) -> Any:
        if name not in self._names():
            raise KeyError(name)
        rows = pool().rows(self.path, f"{self.scope}/{name}", self.start, self.stop)
        return rows[0] if self.single else rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> list[str]:
        start = f"{self.scope}/"
        return [
            path.removeprefix(start)
            for path in pool().derived(self.path, column_paths)
            if path.startswith(start)
        ]
