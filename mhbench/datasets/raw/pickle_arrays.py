"""What the names in a pickle stand for, and the arrays that are built of them. Nothing here unpickles.

Nodes record how the names that a pickle asks for were called. Those of the few names that official files use
are turned into arrays, whose sizes and types are checked before NumPy sees them; every other name is refused.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np

from mhbench.errors import InputError, UnsafeInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

_DTYPE: Final = re.compile(r"[<>|=]?(?:[biuf][1248]|c8|c16|O[48]?|[SU]\d{1,6})")


class Node:
    """What a name in a pickle stands for: records how it was called and what state it was given."""

    name = ""
    arguments: tuple[object, ...]
    state: object

    def __new__(cls, *arguments: object, **_named: object) -> Node:  # noqa: PYI034 - Self would say no more
        """Record the arguments; nothing is called."""
        node = super().__new__(cls)
        node.arguments = arguments
        node.state = None
        return node

    def __setstate__(self, state: object) -> None:
        self.state = state


class Builder:
    """Turns a tree of nodes into arrays. Shared parts stay shared; one that contains itself is refused."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.built: dict[int, object] = {}
        self.begun: set[int] = set()

    def build(self, part: object) -> Any:
        """The value of one part of the tree."""
        if part is None or isinstance(part, (bool, int, float, complex, str, bytes)):
            return part
        key = id(part)
        if key in self.begun:
            raise damaged(self.where, "a part of it contains itself")
        if key not in self.built:
            self.begun.add(key)
            self.built[key] = self._build(part)
            self.begun.remove(key)
        return self.built[key]

    def _build(self, part: object) -> object:
        if isinstance(part, dict):
            return {self.build(name): self.build(value) for name, value in part.items()}
        if isinstance(part, tuple):
            return tuple(self.build(one) for one in part)
        if isinstance(part, (list, set, frozenset)):
            return type(part)(self.build(one) for one in part)
        if isinstance(part, Node):
            return self._node(part.name, part.arguments, part.state)
        raise self.refused(_name(part) or type(part).__name__)

    def _node(self, name: str, arguments: tuple[object, ...], state: object) -> object:
        if name == "copyreg._reconstructor":
            # how Python 2 writes an object without constructor: (class, object, None), then its state
            return self._node(_name(arguments[0]), (), state)
        if name not in _MAKERS:
            raise self.refused(name)
        return _MAKERS[name](self, arguments, state)

    def refused(self, name: str) -> UnsafeInputError:
        """The error for a name that is not on the list."""
        what = f"{self.where} asks for {name}, which was not executed"
        if name.startswith("chumpy."):
            what = f"{self.where} holds an expression of chumpy ({name}) where an array belongs"
        return UnsafeInputError(
            what,
            expected="NumPy arrays, SciPy matrices, chumpy arrays and builtin containers",
            action="get the file from its official site; convert it to plain arrays where it came from",
        )


def _name(part: object) -> str:
    """The name a class of nodes stands for; empty for everything else."""
    return part.name if isinstance(part, type) and issubclass(part, Node) else ""


def _bytes(builder: Builder, arguments: tuple[object, ...], _state: object) -> bytes:
    """`_codecs.encode(text, "latin1")` and `bytes()`: how protocol 2 of Python 3 writes bytes."""
    if not arguments:
        return b""
    text, encoding = arguments
    if not isinstance(text, str) or encoding not in {"latin1", "latin-1"}:
        raise builder.refused(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


def _set(builder: Builder, arguments: tuple[object, ...], _state: object) -> set[Any]:
    return set(builder.build(arguments[0])) if arguments else set()


def _dtype(builder: Builder, part: object) -> np.dtype[Any]:
    """`numpy.dtype(code, align, copy)` with state (version, byte order, subarray, names, fields, ...)."""
    if not isinstance(part, Node) or part.name != "numpy.dtype":
        raise damaged(builder.where, "an array without a type")
    code = part.arguments[0]
    if not isinstance(code, str) or not _DTYPE.fullmatch(code):
        raise builder.refused(f"numpy.dtype {code!r}")
    order = "="
    if part.state is not None:
        state = cast("tuple[Any, ...]", part.state)
        order, structure = state[1], state[2:5]
        if order not in {"<", ">", "|", "="} or any(structure):
            raise builder.refused(f"numpy.dtype {code!r} with fields")
    return np.dtype(code.lstrip("<>|=")).newbyteorder(cast("Literal['<', '>', '|', '=']", order))


def _values(builder: Builder, dtype: np.dtype[Any], raw: object, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Flat values of an array: from a list where they are objects, else from exactly as many bytes."""
    count = math.prod(shape)
    if any(size < 0 for size in shape):
        raise damaged(builder.where, f"an array of shape {shape}")
    if dtype.hasobject:
        content = builder.build(raw)
        if not isinstance(content, list) or len(content) != count:
            raise damaged(builder.where, "an array of objects without its list")
        values = np.full(count, None, dtype=object)
        for row, value in enumerate(content):
            values[row] = value
        return values
    content = builder.build(raw)
    data = content.encode("latin1") if isinstance(content, str) else content  # str: bytes of Python 2
    if not isinstance(data, bytes) or len(data) != count * dtype.itemsize:
        raise damaged(builder.where, f"an array of shape {shape} without its {count * dtype.itemsize} bytes")
    return np.frombuffer(data, dtype=dtype).astype(dtype.newbyteorder("="))


def _shape(builder: Builder, part: object) -> tuple[int, ...]:
    shape = builder.build(part)
    if not isinstance(shape, tuple) or not all(type(size) is int for size in shape):
        raise damaged(builder.where, f"an array of shape {shape!r}")
    return cast("tuple[int, ...]", shape)


def _array(builder: Builder, arguments: tuple[object, ...], state: object) -> npt.NDArray[Any]:
    """`_reconstruct(class, ...)` with the state (version, shape, dtype, Fortran order, values)."""
    if _name(arguments[0]) != "numpy.ndarray":
        raise builder.refused(_name(arguments[0]) or "numpy.multiarray._reconstruct of no class")
    if not isinstance(state, tuple) or len(state) != 5:
        raise damaged(builder.where, "an array without content")
    shape = _shape(builder, state[1])
    values = _values(builder, _dtype(builder, state[2]), state[4], shape)
    return values.reshape(shape, order="F" if state[3] else "C")


def _array_of_buffer(builder: Builder, arguments: tuple[object, ...], _state: object) -> npt.NDArray[Any]:
    """`numpy.core.numeric._frombuffer(buffer, dtype, shape, order)`: arrays of protocol 5."""
    buffer, dtype, shape, order = arguments
    sizes = _shape(builder, shape)
    return _values(builder, _dtype(builder, dtype), buffer, sizes).reshape(
        sizes, order="F" if order == "F" else "C"
    )


def _scalar(builder: Builder, arguments: tuple[object, ...], _state: object) -> object:
    dtype = _dtype(builder, arguments[0])
    return _values(builder, dtype, arguments[1] if len(arguments) > 1 else b"", (1,))[0]


def _chumpy_leaf(builder: Builder, arguments: tuple[object, ...], state: object) -> object:
    """An array in chumpy's clothes: the state's key x. The rest of its state is a cache."""
    if arguments or not isinstance(state, dict) or "x" not in state:
        raise builder.refused("chumpy.ch.Ch without an array")
    array = builder.build(state["x"])
    if not isinstance(array, np.ndarray):
        raise builder.refused("chumpy.ch.Ch without an array")
    return array


def _sparse(kind: str) -> Callable[..., object]:
    def make(builder: Builder, _arguments: tuple[object, ...], state: object) -> object:
        from scipy import sparse  # noqa: PLC0415 - only body models hold sparse matrices

        if not isinstance(state, dict):
            raise damaged(builder.where, f"a {kind} without content")
        data, indices, start = (builder.build(state[name]) for name in ("data", "indices", "indptr"))
        shape = _shape(builder, state["_shape"] if "_shape" in state else state["shape"])
        matrix = getattr(sparse, kind)((data, indices, start), shape=shape)
        matrix.check_format(full_check=True)  # an index out of range would be read from foreign memory
        return matrix

    return make


_MAKERS: Final[dict[str, Callable[[Builder, tuple[object, ...], object], object]]] = {
    "_codecs.encode": _bytes,
    "builtins.bytes": _bytes,
    "builtins.set": _set,
    "chumpy.ch.Ch": _chumpy_leaf,
    "numpy.multiarray._reconstruct": _array,
    "numpy.multiarray.scalar": _scalar,
    "numpy.numeric._frombuffer": _array_of_buffer,
    "scipy.sparse.csc_matrix": _sparse("csc_matrix"),
    "scipy.sparse.csr_matrix": _sparse("csr_matrix"),
}


def damaged(where: str, reason: str) -> InputError:
    """The error of a pickle that is not whole."""
    return InputError(
        f"{where} is no complete pickle: {reason}",
        expected="the file as the data set delivers it",
        action="download or extract the file again",
    )
