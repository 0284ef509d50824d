"""Growing columns: people arrive one by one as Python lists and end as a PredictionTable.

Values are collected in batches, because one conversion of many rows is several times faster than one per row,
and written into arrays that grow in place (`ndarray.resize` reallocates), so that nothing exists twice.
"""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import PredictionError, UsageError
from mhbench.predictions.frame_checks import FrameCheck
from mhbench.predictions.schema import HEADER_FIELDS
from mhbench.predictions.table import PERSON_COLUMNS, PredictionTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from mhbench.predictions.header_checks import HeaderCheck
    from mhbench.predictions.schema import FrameRecord, PersonRecord, SmplRecord

_BATCH: Final = 1024  # numbers per conversion: beyond a few thousand their objects leave the cache
_GROWTH: Final = 1.25
# columns a record holds as they are
_COLUMNS: Final = (
    *("score", "bbox", "depth", "joint_scores", "vertices", "joints3d", "joints2d", "rotations"),
)
_VALUES: Final = attrgetter(*_COLUMNS)
# each joint, bone or vertex may be missing; scoring leaves out and counts who is no whole mesh
_ONE_BY_ONE: Final = ("joints3d", "joints2d", "rotations", "vertices")


class GrowingColumn:
    """A column of numbers whose rows arrive in ascending order; rows that never arrive are NaN."""

    def __init__(self, row: tuple[int, ...], dtype: str = "f8") -> None:
        self._row = row
        self._array = np.zeros((0, *row), dtype=dtype)
        self._values: list[Any] = []
        self._places: list[int] = []
        self._batch = max(1, _BATCH // max(1, int(np.prod(row))))

    def put(self, place: int, value: Any) -> None:
        """Set one row from nested lists of numbers (None = NaN)."""
        self._places.append(place)
        self._values.append(value)
        if len(self._places) >= self._batch:
            self._flush()

    def put_all(self, first: int, values: Sequence[Any]) -> None:
        """Set neighbouring rows, likewise."""
        self._places.extend(range(first, first + len(values)))
        self._values.extend(values)
        if len(self._places) >= self._batch:
            self._flush()

    def finish(self, rows: int) -> npt.NDArray[Any]:
        """The column with exactly this many rows."""
        self._flush()
        self._resize(rows)
        return self._array

    def _flush(self) -> None:
        if not self._places:
            return
        first, needed = self._places[0], self._places[-1] + 1
        if needed > len(self._array):
            self._resize(max(needed, int(len(self._array) * _GROWTH)))
        whole = needed - first == len(self._places)
        self._array[slice(first, needed) if whole else self._places] = self._block()
        self._places.clear()
        self._values.clear()

    def _block(self) -> npt.NDArray[Any]:
        """The collected values as an array; a flat iterator is twice as fast as nested lists."""
        numbers: Iterable[Any] = self._values
        for _ in self._row:
            numbers = chain.from_iterable(numbers)
        shape = (len(self._values), *self._row)
        try:
            return np.fromiter(numbers, self._array.dtype, int(np.prod(shape))).reshape(shape)
        except TypeError:  # a null, which only the slow way takes
            return np.array([_filled(one, self._row) for one in self._values], dtype=self._array.dtype)

    def _resize(self, rows: int) -> None:
        old = len(self._array)
        self._array.resize((rows, *self._row), refcheck=False)
        self._array[old:] = np.nan


class TableBuilder:
    """Takes decoded frames in file order, checks them, and gives the table.

    Args:
        header: the checked header; its `error` names the file.
    """

    def __init__(self, header: HeaderCheck) -> None:
        self._header = header
        self._check = FrameCheck(header)
        self._ids: list[str] = []
        self._origin: list[int] = []
        self._start = [0]
        self._columns: dict[str, GrowingColumn] = {}
        self._texts: dict[str, dict[int, str]] = {}
        self._tracks: dict[int, int] = {}
        self._loose = GrowingColumn((5,))
        self._loose_start = [0]

    def add(self, index: int, frame: FrameRecord) -> None:
        """Add the frame that is `$.predictions[index]`; a frame with a fault is refused as a whole.

        Raises:
            PredictionError: its first fault, with the JSON path.
        """
        loose = [
            (self._joint(f"$.predictions[{index}].loose_joints[{number}][0]", row[0]), *row[1:])
            for number, row in enumerate(frame.loose_joints or ())
        ]
        self._check.check(index, frame)
        self._ids.append(frame.frame)
        self._origin.append(index)
        people = frame.persons or ()
        if people:
            self._put_people(self._start[-1], people)
        self._start.append(self._start[-1] + len(people))
        for place, row in enumerate(loose, self._loose_start[-1]):
            self._loose.put(place, row)
        self._loose_start.append(self._loose_start[-1] + len(loose))

    def finish(self) -> PredictionTable:
        """The table of all frames added, in metres.

        Raises:
            PredictionError: a joint is null in part; no other value can be, by the schema.
        """
        people = self._start[-1]
        columns = {name: column.finish(people) for name, column in self._columns.items()}
        for name, texts in self._texts.items():
            columns[name] = np.array([texts.get(row, "") for row in range(people)], dtype=np.str_)
        if self._tracks:
            columns["track"] = np.array([self._tracks.get(row, -1) for row in range(people)], dtype=np.int64)
        loose_count = self._loose_start[-1]
        loose = self._loose.finish(loose_count)
        table = PredictionTable(
            frame_ids=np.array(self._ids, dtype=np.str_),
            person_start=np.array(self._start, dtype=np.int64),
            persons={name: columns[name] for name in PERSON_COLUMNS if name in columns},
            body_model=self._check.body_model,
            source=self._header.source,
            frame_origin=np.array(self._origin, dtype=np.int64),
            loose_start=np.array(self._loose_start, dtype=np.int64) if loose_count else None,
            loose={"joint": loose[:, 0].astype(np.int64), "position": loose[:, 1:4], "score": loose[:, 4]}
            if loose_count
            else {},
            **{name: getattr(self._header.header, name) for name in HEADER_FIELDS},
        )
        self._header.to_metres(table)
        check_whole(table)
        return table

    def _joint(self, path: str, joint: str | int) -> int:
        self._header.require("loose_joints", path)
        skeleton = self._header.skeleton
        assert skeleton is not None  # require
        if isinstance(joint, int) and joint < len(skeleton):
            return joint
        if isinstance(joint, str):
            try:
                return skeleton.index(joint)
            except UsageError as error:
                raise self._header.error(path, f"is {joint!r}", expected=error.expected) from error
        raise self._header.error(
            path, f"is {joint}", expected=f"an index below {len(skeleton)}, or the name of a joint"
        )

    def _put_people(self, first: int, people: Sequence[PersonRecord]) -> None:
        for name, values in zip(_COLUMNS, zip(*map(_VALUES, people), strict=True), strict=True):
            missing = values.count(None)
            if not missing:
                self._column(name, values[0]).put_all(first, values)
            elif missing < len(values):
                for place, value in enumerate(values, first):
                    self._put(name, place, value)
        for place, person in enumerate(people, first):
            if person.smpl is not None:
                self._put_body(place, person.smpl)
            if person.person is not None:
                self._texts.setdefault("person", {})[place] = str(person.person)
            if person.track is not None:
                self._tracks[place] = person.track

    def _put_body(self, place: int, body: SmplRecord) -> None:
        self._put("smpl_pose", place, body.pose)
        self._put("smpl_betas", place, body.betas)
        if body.transl is not None:
            self._put("smpl_transl", place, body.transl)
        if body.gender is not None:
            self._texts.setdefault("gender", {})[place] = body.gender

    def _put(self, name: str, place: int, value: Any) -> None:
        if value is not None:
            self._column(name, value).put(place, value)

    def _column(self, name: str, value: Any) -> GrowingColumn:
        column = self._columns.get(name)
        if column is None:
            # a row's first size is its length; FrameCheck has seen to it that all have the same
            row = tuple(len(value) if isinstance(size, str) else size for size in PERSON_COLUMNS[name].row)
            column = self._columns[name] = GrowingColumn(row, PERSON_COLUMNS[name].dtype)
        return column


def _filled(value: Any, shape: tuple[int, ...]) -> Any:
    """Nested lists of a shape with NaN for every null, at whatever depth it stands."""
    if value is None:
        return np.full(shape, np.nan).tolist()
    return [_filled(one, shape[1:]) for one in value] if shape else value


def check_whole(table: PredictionTable) -> None:
    """Check that a joint, a bone's rotation, a vertex, a box or a body is there or missing as a whole.

    Raises:
        PredictionError: one of its numbers is missing and another is not, with the JSON path.
    """
    for name, column in table.persons.items():
        if column.dtype.kind != "f" or name == "joint_scores" or column.ndim == 1:
            continue
        numbers = tuple(range(2 if name in _ONE_BY_ONE else 1, column.ndim))
        missing = np.isnan(column)
        partly = missing.any(axis=numbers) & ~missing.all(axis=numbers)
        if partly.any():
            person, *joint = np.argwhere(partly)[0].tolist()
            raise PredictionError(
                f"{table.source}: {table.where(person)}.{name}{joint or ''} has a null and a number",
                expected="all of its numbers, or null for what is missing",
                action="write null for all of it",
            )
