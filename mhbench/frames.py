"""FrameTable: the one columnar in-memory table that everything passes along.

F frames, P people of all frames, J joints of the table's skeleton. People of frame f are the rows
`person_start[f]:person_start[f + 1]`, in the raw file's order. Metres and pixels; NaN means not annotated.
A column a data set does not have is absent. Data sets may add columns of their own (declared in their
manifest) and further joint sets (a second skeleton, or a second annotation of the same one).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.cameras import Camera
from mhbench.checks import check_shape
from mhbench.columns import FRAME_COLUMNS, PERSON_COLUMNS, SET_COLUMNS, check_columns
from mhbench.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from mhbench.cameras import Lens
    from mhbench.columns import Columns


@dataclass(frozen=True, slots=True, eq=False)
class JointSet:
    """A further joint set: a skeleton and its own `joints3d`, `joints2d`, `joint_flags` columns (P rows)."""

    skeleton: str
    columns: Columns


@dataclass(frozen=True, slots=True, eq=False)
class FrameTable:
    """Frames and their people as columns (see the module's description and contract 1).

    Args:
        dataset: id of the data set.
        split: its split.
        skeleton: name of the skeleton of `joints3d`, `joints2d` and `joint_flags`.
        frames: frame columns, F rows; `id` is required.
        person_start: (F + 1) int64, offsets of each frame's people.
        persons: person columns, P rows; may be empty.
        lens: lens model of `distortion`: pinhole, opencv or human36m.
        sets: further joint sets by name.

    Raises:
        ShapeError: a column has the wrong length, row shape or type, or another number of joints than its
            skeleton; the offsets do not ascend.
    """

    dataset: str
    split: str
    skeleton: str
    frames: Columns
    person_start: npt.NDArray[np.int64]
    persons: Columns
    lens: Lens = "pinhole"
    sets: Mapping[str, JointSet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "id" not in self.frames:
            raise ShapeError(
                "the frame table has no column 'id'",
                expected="one id per frame",
                action="add frames['id'], texts <sequence>/<camera>/<index>",
            )
        start = self.person_start
        offsets = start.shape == (self.frame_count + 1,) and start.dtype == np.int64
        if not offsets or start[0] != 0 or np.any(np.diff(start) < 0):
            raise ShapeError(
                f"person_start of {self.dataset}/{self.split} is no list of offsets",
                expected=f"{self.frame_count + 1} ascending int64 numbers from 0",
                action="take the cumulative sum of the people of each frame, with a 0 before it",
            )
        ids, times = np.unique(self.frames["id"], return_counts=True)
        if len(ids) != self.frame_count:
            raise ShapeError(
                f"two frames of {self.dataset}/{self.split} have the id {ids[np.argmax(times)]}",
                expected="ids that are unique",
                action="tell the frames apart by their sequence, camera or index",
            )
        check_columns("frames", self.frames, FRAME_COLUMNS, self.frame_count)
        check_columns("persons", self.persons, PERSON_COLUMNS, self.person_count, self.skeleton)
        for name, joint_set in self.sets.items():
            if unknown := sorted(set(joint_set.columns) - set(SET_COLUMNS)):
                raise ShapeError(
                    f"sets/{name} has a column {unknown[0]!r}",
                    expected=", ".join(SET_COLUMNS),
                    action="move other columns to `persons`, and declare them in the data set's manifest",
                )
            columns = joint_set.columns
            check_columns(f"sets/{name}", columns, PERSON_COLUMNS, self.person_count, joint_set.skeleton)

    @property
    def frame_count(self) -> int:
        """Number of frames F."""
        return len(self.frames["id"])

    @property
    def person_count(self) -> int:
        """Number of people P in all frames."""
        return int(self.person_start[-1])

    @property
    def frame_of_person(self) -> npt.NDArray[np.int64]:
        """(P,) row of the frame each person is in."""
        return np.repeat(np.arange(self.frame_count), np.diff(self.person_start))

    def people(self, frame: int) -> slice:
        """Rows of the people of one frame."""
        return slice(int(self.person_start[frame]), int(self.person_start[frame + 1]))

    def camera(self, frame: int) -> Camera:
        """The camera of one frame.

        Raises:
            ShapeError: the data set has no intrinsics.
        """
        if "K" not in self.frames:
            raise ShapeError(
                f"the frames of {self.dataset} have no intrinsics",
                expected="a column K",
                action="use a data set with calibrated cameras",
            )
        columns = self.frames
        known = {name: columns[name][frame] for name in ("distortion", "R", "t") if name in columns}
        return Camera(
            columns["K"][frame],
            **{"distortion": np.zeros(8), **known},
            lens=self.lens,
            width=int(columns["width"][frame]) if "width" in columns else 0,
            height=int(columns["height"][frame]) if "height" in columns else 0,
        )

    def select(self, frames: npt.NDArray[Any]) -> FrameTable:
        """The table of the given frames only.

        Args:
            frames: (F,) boolean mask, or ascending row numbers.

        Raises:
            ShapeError: the mask has another length, or the numbers do not ascend within the table.
        """
        if frames.dtype == np.bool_:
            check_shape("frames", frames, "F", {"F": self.frame_count})
            rows = np.flatnonzero(frames)
        else:
            rows = np.asarray(frames, dtype=np.int64)
        if rows.size and (np.any(np.diff(rows) <= 0) or rows[0] < 0 or rows[-1] >= self.frame_count):
            raise ShapeError(
                "the row numbers do not ascend within the table",
                expected=f"0 .. {self.frame_count - 1}, each at most once",
                action="sort them; a table keeps its frames in their order",
            )
        counts = np.diff(self.person_start)[rows]
        start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        people = np.repeat(self.person_start[rows] - start[:-1], counts) + np.arange(start[-1])
        return replace(
            self,
            frames={name: column[rows] for name, column in self.frames.items()},
            person_start=start,
            persons={name: column[people] for name, column in self.persons.items()},
            sets={
                name: JointSet(one.skeleton, {key: column[people] for key, column in one.columns.items()})
                for name, one in self.sets.items()
            },
        )


def inside_image(pixels: npt.NDArray[Any], size: npt.NDArray[Any] | tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Which pixels lie in their image.

    A pixel is a square around its centre and the first centre is 0, so an image begins at -0.5.

    Args:
        pixels: (..., 2) px; NaN lies nowhere.
        size: width and height, broadcast against them.
    """
    inside: npt.NDArray[np.bool_] = np.all((pixels >= -0.5) & (pixels < np.asarray(size) - 0.5), axis=-1)
    return inside


def camera_columns(camera: Camera, frames: int, *, placed: bool = True) -> dict[str, npt.NDArray[Any]]:
    """Frame columns of one camera that does not move; without R and t where its place is not known."""
    columns = {
        "width": np.full(frames, camera.width, dtype=np.int32),
        "height": np.full(frames, camera.height, dtype=np.int32),
    }
    names = ("K", "distortion", "R", "t") if placed else ("K", "distortion")
    return columns | {name: np.repeat(getattr(camera, name)[None], frames, axis=0) for name in names}


def concatenate(tables: Sequence[FrameTable]) -> FrameTable:
    """One table of the frames of several, in their order; all must have the same columns and skeleton.

    Raises:
        ShapeError: the tables differ in data set, split, skeleton, lens, columns or joint sets.
    """
    if not tables:
        raise ShapeError(
            "there are no tables to join",
            expected="at least one",
            action="check that something was selected before the tables are joined",
        )
    first = tables[0]
    for table in tables[1:]:
        if _kind(table) != _kind(first):
            raise ShapeError(
                "tables of different kinds cannot be joined",
                expected=f"all like {first.dataset}/{first.split} ({first.skeleton}) with the same columns",
                action="join the tables of one data set, split and version of its converter only",
            )
    counts = np.concatenate([np.diff(table.person_start) for table in tables])
    return replace(
        first,
        frames={name: np.concatenate([table.frames[name] for table in tables]) for name in first.frames},
        person_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        persons={name: np.concatenate([table.persons[name] for table in tables]) for name in first.persons},
        sets={
            name: JointSet(
                one.skeleton,
                {
                    key: np.concatenate([table.sets[name].columns[key] for table in tables])
                    for key in one.columns
                },
            )
            for name, one in first.sets.items()
        },
    )


def _kind(table: FrameTable) -> tuple[object, ...]:
    sets = {name: (one.skeleton, _rows(one.columns)) for name, one in table.sets.items()}
    names = (table.dataset, table.split, table.skeleton, table.lens)
    return (*names, _rows(table.frames), _rows(table.persons), sets)


def _rows(columns: Columns) -> dict[str, object]:
    """Kind and shape of a row of each column; texts may differ in length."""
    return {
        name: ("text" if column.dtype.kind == "U" else column.dtype, column.shape[1:])
        for name, column in columns.items()
    }
