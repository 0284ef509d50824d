"""PredictionTable: what a model predicted, as columns; the one form all readers give and all writers take.

F frames, P people of all frames, J joints of the header's skeleton, N loose joints. People of frame f are the
rows `person_start[f]:person_start[f + 1]`, loose joints likewise by `loose_start`, all in the file's order.
Lengths are metres whatever the file was written in; NaN means not predicted ("" in text, -1 in `track`).
A column nobody predicted is absent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.columns import Column
from mhbench.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Columns = Mapping[str, npt.NDArray[Any]]

PERSON_COLUMNS: Final[Mapping[str, Column]] = {
    "score": Column("f8", (), "confidence of the person; higher is better"),
    "person": Column("U", (), "track of the annotated person whose box the model was given"),
    "track": Column("i8", (), "the model's own identity of the person; -1 where it gave none"),
    "bbox": Column("f8", (4,), "x y w h, px"),
    "depth": Column("f8", (), "camera z of the root, m; or a rank, if depth_kind is ordinal"),
    "joints3d": Column("f8", ("J", 3), "in the space of the header, m"),
    "joints2d": Column(
        "f8", ("J", 2), "px of the original distorted image, centre of the first pixel (0, 0)"
    ),
    "joint_scores": Column("f8", ("J",), "confidence of each joint"),
    "rotations": Column("f8", ("K", 3, 3), "global rotations bone -> camera, of the header's rotation_set"),
    "vertices": Column("f4", ("V", 3), "in the space of the header, m"),
    "smpl_pose": Column("f8", ("S",), "axis-angle, root in the camera frame, rad"),
    "smpl_betas": Column("f8", ("B",), "shape coefficients"),
    "smpl_transl": Column("f8", (3,), "in the space of the header, m"),
    "gender": Column("U", (), "male, female or neutral, of the body model"),
    "volume": Column("u1", ("D", "H", "W"), "cells, axes z, y, x: 0 nothing, 1 the body, or parts 1 to 6"),
    "volume_corner": Column("f8", (3,), "smallest x, y and z of the volume, in the space of the header, m"),
    "volume_cell": Column("f8", (3,), "sides of a cell along x, y and z, m"),
}

LOOSE_COLUMNS: Final[Mapping[str, Column]] = {
    "joint": Column("i8", (), "index in the header's skeleton"),
    "position": Column("f8", (3,), "in the space of the header, m"),
    "score": Column("f8", (), "confidence of the joint"),
}

PAYLOADS: Final = ("joints3d", "joints2d", "rotations", "vertices", "smpl_pose", "volume")


def frame_key(frame_id: str) -> str:
    """The form in which frame ids are compared: `<sequence>/<camera>/<index>` without padding of the index.

    An id of any other form (the official image path, an image id) is its own key.
    """
    head, slash, index = frame_id.rpartition("/")
    if slash and "/" in head and index.isascii() and index.isdigit():
        return f"{head}/{index.lstrip('0') or '0'}"
    return frame_id


@dataclass(frozen=True, slots=True, eq=False)
class PredictionTable:
    """Predicted people as columns (see the module's description and contract 3).

    Args:
        dataset: id of the data set whose frames these are.
        frame_ids: (F,) text, as the file gives them; compare them by `frame_key`.
        person_start: (F + 1) int64, offsets of each frame's people.
        persons: person columns of `PERSON_COLUMNS`, P rows; may be empty.
        skeleton: name of the skeleton of the joints; None where there are no joints.
        model: name of the model.
        units: what the file was written in, `m` or `mm`; the columns are metres in any case.
        space: `camera` (absolute), `root` (relative to the joint `root`) or `world`; None without 3D.
        root: joint of the skeleton that is the origin of space `root`; `skeleton` = the skeleton's own root.
        rotation_set: bones of `rotations`: `smpl_24` or `challenge_9`.
        depth_kind: what `depth` is: `metric` (the default) or `ordinal`.
        topology: mesh of `vertices`: `smpl` or another name.
        trained_on: data sets the model was trained on; None = not declared.
        body_model: `smpl`, `smplh` or `smplx`, of the `smpl_*` columns.
        loose_start: (F + 1) int64, offsets of each frame's joints without people; None without such joints.
        loose: columns of `LOOSE_COLUMNS`, N rows.
        source: the file that was read, for messages.
        frame_origin: (F,) place of each frame in the file, for messages; the table's own order by default.
        person_origin: (P,) place of each person in its frame, likewise.

    Raises:
        ShapeError: a column has the wrong length, row shape or type, or the offsets do not ascend.
    """

    dataset: str
    frame_ids: npt.NDArray[np.str_]
    person_start: npt.NDArray[np.int64]
    persons: Columns
    skeleton: str | None = None
    model: str | None = None
    units: str | None = "m"
    space: str | None = None
    root: str | None = None
    rotation_set: str | None = None
    depth_kind: str | None = None
    topology: str | None = None
    trained_on: tuple[str, ...] | None = None
    body_model: str | None = None
    loose_start: npt.NDArray[np.int64] | None = None
    loose: Columns = field(default_factory=dict)
    source: str = ""
    frame_origin: npt.NDArray[np.int64] | None = None
    person_origin: npt.NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        check_offsets("person_start", self.person_start, self.frame_count)
        _check_columns("persons", self.persons, PERSON_COLUMNS, self.person_count)
        if self.loose_start is not None:
            check_offsets("loose_start", self.loose_start, self.frame_count)
            if set(self.loose) != set(LOOSE_COLUMNS):
                raise ShapeError(
                    "the columns of the loose joints are not those of the format",
                    expected=", ".join(LOOSE_COLUMNS),
                    action="give all of them and no others; NaN where a score is not known",
                )
            _check_columns("loose", self.loose, LOOSE_COLUMNS, int(self.loose_start[-1]))

    @property
    def frame_count(self) -> int:
        """Number of frames F."""
        return len(self.frame_ids)

    @property
    def person_count(self) -> int:
        """Number of people P in all frames."""
        return int(self.person_start[-1])

    @property
    def frame_of_person(self) -> npt.NDArray[np.int64]:
        """(P,) row of the frame each person is in."""
        return np.repeat(np.arange(self.frame_count), np.diff(self.person_start))

    @property
    def frame_keys(self) -> list[str]:
        """The frame ids in the form in which they are compared (`frame_key`)."""
        return [frame_key(frame_id) for frame_id in self.frame_ids.tolist()]

    def people(self, frame: int) -> slice:
        """Rows of the people of one frame."""
        return slice(int(self.person_start[frame]), int(self.person_start[frame + 1]))

    def people_of(self, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Rows of the people of frames given by their rows, frame by frame."""
        return _ragged(self.person_start, frames)[1]

    def counts_of(self, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(N,) number of people in frames given by their rows; 0 for the row -1, a frame not predicted."""
        return np.append(np.diff(self.person_start), 0)[frames]

    def where_frame(self, frame: int) -> str:
        """JSON path of a frame in the file it came from, such as `$.predictions[17]`."""
        return f"$.predictions[{frame if self.frame_origin is None else self.frame_origin[frame]}]"

    def where(self, person: int) -> str:
        """JSON path of a person in the file it came from, such as `$.predictions[17].persons[0]`."""
        frame = int(np.searchsorted(self.person_start, person, side="right")) - 1
        number = (
            person - self.person_start[frame] if self.person_origin is None else self.person_origin[person]
        )
        return f"{self.where_frame(frame)}.persons[{number}]"

    def select(self, frames: npt.NDArray[Any]) -> PredictionTable:
        """The table of the given frames only: a boolean mask or row numbers, in that order."""
        rows = np.flatnonzero(frames) if frames.dtype == np.bool_ else np.asarray(frames, dtype=np.int64)
        start, people = _ragged(self.person_start, rows)
        loose_start, joints = (None, rows) if self.loose_start is None else _ragged(self.loose_start, rows)
        return replace(
            self,
            frame_ids=self.frame_ids[rows],
            frame_origin=rows if self.frame_origin is None else self.frame_origin[rows],
            person_start=start,
            persons={name: column[people] for name, column in self.persons.items()},
            person_origin=self._person_origin[people],
            loose_start=loose_start,
            loose={name: column[joints] for name, column in self.loose.items()},
        )

    def keep(self, people: npt.NDArray[np.bool_]) -> PredictionTable:
        """The table with the people of a (P,) mask only; every frame stays."""
        return replace(
            self,
            person_start=_offsets(np.bincount(self.frame_of_person[people], minlength=self.frame_count)),
            persons={name: column[people] for name, column in self.persons.items()},
            person_origin=self._person_origin[people],
        )

    @property
    def _person_origin(self) -> npt.NDArray[np.int64]:
        if self.person_origin is not None:
            return self.person_origin
        return np.arange(self.person_count) - self.person_start[:-1][self.frame_of_person]


def _offsets(counts: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _ragged(
    start: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    counts = np.diff(start)[rows]
    chosen = _offsets(counts)
    return chosen, np.repeat(start[rows] - chosen[:-1], counts) + np.arange(chosen[-1])


def check_offsets(name: str, start: npt.NDArray[np.int64], frames: int) -> None:
    """Check that each frame's rows begin where those of the frame before end.

    Raises:
        ShapeError: the numbers are too few or too many, or do not ascend from 0.
    """
    if start.shape != (frames + 1,) or start[0] != 0 or np.any(np.diff(start) < 0):
        raise ShapeError(
            f"{name} is no list of offsets",
            expected=f"{frames + 1} ascending numbers from 0",
            action="take the cumulative sum of the rows of each frame, with a 0 before it",
        )


def _check_columns(scope: str, columns: Columns, known: Mapping[str, Column], rows: int) -> None:
    sizes: dict[str, int] = {}
    for name, column in columns.items():
        if name not in known:
            raise ShapeError(
                f"{scope}/{name} is no column of predictions",
                expected=", ".join(known),
                action="leave it out, or check the spelling",
            )
        shape = known[name].row
        if len(column) != rows:
            raise ShapeError(
                f"{scope}/{name} has {len(column)} rows",
                expected=f"{rows} rows",
                action="give everybody a row; NaN where nothing is predicted",
            )
        wrong = column.ndim != 1 + len(shape) or any(
            have != (sizes.setdefault(want, have) if isinstance(want, str) else want)
            for have, want in zip(column.shape[1:], shape, strict=False)
        )
        text = known[name].dtype == "U"
        if wrong or (column.dtype.kind != "U" if text else column.dtype != np.dtype(known[name].dtype)):
            words = ", ".join(f"{size} = {sizes[size]}" if size in sizes else str(size) for size in shape)
            raise ShapeError(
                f"{scope}/{name} is {column.dtype}{list(column.shape)}",
                expected=f"{known[name].dtype}[{rows}, {words}] ({known[name].meaning})",
                action="convert the type with astype, and check the number of joints",
            )
