"""The HDF5 form of predictions: the columns of a PredictionTable as flat arrays, the header as attributes.

    /frames/id, person_start, loose_start     F texts, F + 1 and F + 1 offsets
    /persons/<column>                         P rows, the names of `PERSON_COLUMNS`
    /loose_joints/joint, position, score      N rows

Any HDF5 program can write it; texts may have fixed or variable length, numbers any width.
"""

from __future__ import annotations

import difflib
import io
from typing import TYPE_CHECKING, Any, Final

import h5py
import msgspec
import numpy as np

from mhbench.errors import PredictionError, ShapeError
from mhbench.predictions.column_checks import check_columns
from mhbench.predictions.faults import typed_fault
from mhbench.predictions.frame_checks import POSE_SIZE
from mhbench.predictions.hdf5_columns import attributes, column, opened, texts
from mhbench.predictions.header_checks import HeaderCheck
from mhbench.predictions.schema import FORMAT, HEADER_FIELDS, Header
from mhbench.predictions.table import LOOSE_COLUMNS, PERSON_COLUMNS, PredictionTable
from mhbench.shards.layout import packed, put_attribute

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.columns import Column

_FRAMES: Final = ("id", "person_start", "loose_start")
_KINDS: Final = {"u": "uint8 or bool", "i": "integers", "f": "numbers"}
_CHUNK_BYTES: Final = 1024**2
_GZIP_LEVEL: Final = 1


def read_hdf5(path: Path) -> PredictionTable:
    """Read predictions in the HDF5 form.

    Raises:
        MissingInputError: the file is not there.
        InputError: it is no HDF5 file, or is damaged.
        UnsafeInputError: a column lies in another file.
        PredictionError: its content breaks the format; the message has the path inside the file.
    """
    with opened(path, FORMAT) as file:
        return _Reader(file, str(path)).table()


class _Reader:
    """Reads and checks one open file."""

    def __init__(self, file: h5py.File, source: str) -> None:
        self.file = file
        self.source = source
        self.body_model, header = read_header(file, source)
        self.check = HeaderCheck(header, source, at="attribute ")

    def table(self) -> PredictionTable:
        self._refuse_unknown("/", self.file, ("frames", "persons", "loose_joints"))
        self._refuse_unknown("/frames", self.file.get("frames", {}), _FRAMES)
        frame_ids = texts(self.file, "frames/id", self.source)
        loose = self._columns("loose_joints", LOOSE_COLUMNS)
        header = self.check.header
        try:
            table = PredictionTable(
                frame_ids=frame_ids,
                person_start=self._numbers("frames/person_start", "i8"),
                persons=self._columns("persons", PERSON_COLUMNS),
                body_model=self.body_model,
                source=self.source,
                loose_start=self._numbers("frames/loose_start", "i8") if loose else None,
                loose=loose,
                **{name: getattr(header, name) for name in HEADER_FIELDS},
            )
        except ShapeError as error:
            raise PredictionError(
                f"{self.source}: {error.what}",
                expected=error.expected,
                action="check how the file was written",
            ) from error
        check_columns(table, self.check)
        self.check.to_metres(table)
        return table

    def _columns(self, group: str, known: Mapping[str, Column]) -> dict[str, npt.NDArray[Any]]:
        self._refuse_unknown(f"/{group}", self.file.get(group, {}), known)
        columns = {}
        for name in known:
            if group in self.file and name in self.file[group]:
                path, kind = f"{group}/{name}", known[name].dtype
                text = kind == "U"
                columns[name] = texts(self.file, path, self.source) if text else self._numbers(path, kind)
        return columns

    def _refuse_unknown(self, path: str, group: Any, known: Any) -> None:
        for name in group:
            if name not in known:
                close = difflib.get_close_matches(name, list(known), n=1)
                raise self.check.error(
                    f"{path.rstrip('/')}/{name}",
                    "is no column of the format",
                    expected=f"{close[0]!r}" if close else f"one of {', '.join(known)}",
                    action="correct the name, or leave the column out",
                )

    def _numbers(self, path: str, kind: str) -> npt.NDArray[Any]:
        dataset = column(self.file, path, self.source)
        wanted = "iu" if kind.startswith("i") else "iuf"
        if kind == "u1" and dataset.dtype.itemsize == 1 and dataset.dtype.kind in "ub":
            return np.asarray(dataset[()], dtype=kind)
        if kind == "u1" or dataset.dtype.kind not in wanted:
            raise self.check.error(f"/{path}", f"is {dataset.dtype}", expected=_KINDS[kind[0]])
        return np.asarray(dataset[()], dtype=kind)


def read_header(file: h5py.File, source: str) -> tuple[str | None, Header]:
    """The body model and the header that the attributes of a file declare.

    Raises:
        PredictionError: an attribute is missing, unknown or of the wrong type.
    """
    values = attributes(file)
    if values.get("format") != FORMAT:  # first: all else of another format is a fault as well
        raise PredictionError(
            f"{source}: attribute format is {values.get('format')!r}",
            expected=repr(FORMAT),
            action="give a file of predictions",
        )
    body_model = values.pop("body_model", None)
    if body_model is not None and body_model not in list(POSE_SIZE):
        raise PredictionError(
            f"{source}: attribute body_model is {body_model!r}",
            expected=f"one of {', '.join(POSE_SIZE)}",
            action="name the model of the parameters, or leave it out",
        )
    try:
        return body_model, msgspec.convert(values, Header)
    except msgspec.ValidationError as error:
        raise typed_fault(error, source) from error


def hdf5_image(table: PredictionTable) -> memoryview:
    """The bytes of the HDF5 form of a table; the same table always gives the same bytes.

    The image is made in memory, because HDF5 does not survive a full disk.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=("earliest", "v108")) as file:
        put_attribute(file, "format", FORMAT)
        for name in (*HEADER_FIELDS, "body_model"):
            value = getattr(table, name)
            if value is not None:
                put_attribute(file, name, "m" if name == "units" else value)
        _put(file, "frames/id", table.frame_ids)
        _put(file, "frames/person_start", table.person_start)
        file.require_group("persons")
        for name, column in table.persons.items():
            _put(file, f"persons/{name}", column)
        if table.loose_start is not None:
            _put(file, "frames/loose_start", table.loose_start)
            for name, column in table.loose.items():
                _put(file, f"loose_joints/{name}", column)
    return buffer.getbuffer()


def _put(file: h5py.File, path: str, column: npt.NDArray[Any]) -> None:
    values = packed(column)
    if values.dtype.kind == "S":
        values = values.astype(h5py.string_dtype("utf-8", values.dtype.itemsize))
    options: dict[str, Any] = {}
    if values.size:  # HDF5 knows no chunks of nothing
        rows = min(len(values), max(1, _CHUNK_BYTES * len(values) // values.nbytes))
        options = {"chunks": (rows, *values.shape[1:]), "compression": "gzip"}
        options |= {"compression_opts": _GZIP_LEVEL, "shuffle": True}
    file.create_dataset(path, data=values, track_times=False, **options)
