"""Writes pickles as Python 2 wrote them (protocol 2), the form of the official 3DPW and SMPL files.

Byte strings where Python 3 has text, NumPy's old module names, sparse matrices of an old SciPy, and arrays in
the clothes of chumpy, a library that nobody can install any more. Only what those files hold is written.
Source of the form: the documentation of Python's pickletools, and files made by the libraries themselves.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class ChumpyArray:
    """An array that the file holds as a leaf of chumpy, `chumpy.ch.Ch`."""

    values: npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class ChumpyExpression:
    """A sum that chumpy would compute when it is asked for: what a plain reader has to refuse."""

    left: npt.NDArray[Any]
    right: npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class SparseColumns:
    """A matrix that the file holds as `scipy.sparse.csc.csc_matrix`."""

    values: npt.NDArray[Any]


def python2_pickle(content: object) -> bytes:
    """The bytes of a pickle of builtin containers, text, numbers, arrays, and the classes above.

    Raises:
        TypeError: the content holds something else.
    """
    return b"\x80\x02" + _part(content) + b"."


def _part(content: object) -> bytes:
    if type(content) not in _FORMS:
        raise TypeError(f"no official file holds a {type(content).__name__}")
    return _FORMS[type(content)](content)


def _parts(content: Iterable[object]) -> bytes:
    return b"".join(map(_part, content))


def _string(content: bytes) -> bytes:
    if len(content) < 256:
        return b"U" + struct.pack("<B", len(content)) + content
    return b"T" + struct.pack("<i", len(content)) + content


def _name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode("ascii")


def _array(array: npt.NDArray[Any]) -> bytes:
    """`_reconstruct(ndarray, (0,), "b")` with the state (1, shape, dtype, Fortran order, values)."""
    dtype = _name("numpy", "dtype") + _part((f"{array.dtype.kind}{array.dtype.itemsize}", 0, 1)) + b"R"
    order = "<" if array.dtype.itemsize > 1 else "|"
    dtype += _part((3, order, None, None, None, -1, -1, 0)) + b"b"
    values = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
    made = _name("numpy.core.multiarray", "_reconstruct")
    made += b"(" + _name("numpy", "ndarray") + _part((0,)) + _part("b") + b"tR"
    return made + b"(" + _part(1) + _part(array.shape) + dtype + _part(False) + _string(values) + b"tb"  # noqa: FBT003


def _object(module: str, name: str, state: dict[str, object]) -> bytes:
    """An object without constructor arguments, then its state."""
    return _name(module, name) + b")\x81" + _part(state) + b"b"


def _leaf(array: ChumpyArray) -> bytes:
    return _object("chumpy.ch", "Ch", {"x": array.values, "_dirty_vars": None, "_itr": None})


def _sum(expression: ChumpyExpression) -> bytes:
    terms: dict[str, object] = {"a": ChumpyArray(expression.left), "b": ChumpyArray(expression.right)}
    return _object("chumpy.ch_ops", "add", terms)


def _sparse(columns: SparseColumns) -> bytes:
    """The state is the non-zero values column by column, their rows, and where each column begins."""
    matrix = columns.values
    column, row = np.nonzero(matrix.T)
    start = np.concatenate([[0], np.cumsum(np.count_nonzero(matrix, axis=0))])
    state = {
        "_shape": matrix.shape,
        "maxprint": 50,
        "indices": row.astype(np.int32),
        "indptr": start.astype(np.int32),
        "data": matrix[row, column],
        "format": "csc",
    }
    return _object("scipy.sparse.csc", "csc_matrix", state)


_FORMS: Final[dict[type, Callable[[Any], bytes]]] = {
    type(None): lambda _: b"N",
    bool: lambda value: b"\x88" if value else b"\x89",
    int: lambda value: b"J" + struct.pack("<i", value),
    float: lambda value: b"G" + struct.pack(">d", value),
    str: lambda value: _string(value.encode("latin1")),
    list: lambda value: b"](" + _parts(value) + b"e",
    tuple: lambda value: b"(" + _parts(value) + b"t",
    dict: lambda value: b"}(" + _parts(one for pair in value.items() for one in pair) + b"u",
    np.ndarray: _array,
    ChumpyArray: _leaf,
    ChumpyExpression: _sum,
    SparseColumns: _sparse,
}
