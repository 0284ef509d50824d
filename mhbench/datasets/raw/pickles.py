"""The restricted unpickler: the only place that reads pickles, and nothing in a pickle is ever executed.

A pickle is a program that may call anything it can import. Here it can import nothing: every name it asks for
becomes an inert node that records its arguments and its state (a class made for this one name and this one
file, so a pickle cannot change anything that outlives it). In a second step the nodes of the few names that
official files use are turned into arrays by code of ours, which checks sizes and types before NumPy sees
them; every other name is refused.

Read are files of Python 2 and 3, any protocol: builtin containers, numbers and text; NumPy arrays and scalars
(no structured ones); SciPy's CSC and CSR matrices; the arrays inside leaves of chumpy, an abandoned library
that SMPL's official files need otherwise. An expression of chumpy (a node that would be computed) is refused.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, cast

import numpy as np

from mhbench.datasets.raw.json_files import FILE_LIMIT, read_bytes
from mhbench.errors import InputError, UnsafeInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    import numpy.typing as npt

_DTYPE: Final = re.compile(r"[<>|=]?(?:[biuf][1248]|c8|c16|O[48]?|[SU]\d{1,6})")
_MODULES: Final = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "numpy.core.multiarray": "numpy.multiarray",
    "numpy._core.multiarray": "numpy.multiarray",
    "numpy.core.numeric": "numpy.numeric",
    "numpy._core.numeric": "numpy.numeric",
    "scipy.sparse.csc": "scipy.sparse",
    "scipy.sparse._csc": "scipy.sparse",
    "scipy.sparse.csr": "scipy.sparse",
    "scipy.sparse._csr": "scipy.sparse",
}


def read_pickle(path: Path, *, keys: Collection[str] | None = None, limit: int = FILE_LIMIT) -> Any:
    """Read a pickle without executing anything in it. Python 2 text becomes str (latin1).

    Args:
        path: the file.
        keys: if given, the pickle must hold a dictionary, and only these of its keys are returned (those that
            are there); what the others hold is not looked at, so an expression there does no harm.
        limit: largest size accepted, in bytes.

    Returns:
        Builtin containers, numbers, text, writable NumPy arrays in native byte order, and SciPy CSC or CSR
        matrices.

    Raises:
        MissingInputError: there is no such file.
        UnsafeInputError: it asks for a name that is not on the list; the message says which.
        InputError: it is cut short or damaged, or it is too large.
    """
    return decode_pickle(read_bytes(path, limit=limit), str(path), keys=keys)


def decode_pickle(content: bytes, where: str, *, keys: Collection[str] | None = None) -> Any:
    """Read a pickle from memory (see `read_pickle`); `where` names it in messages."""
    if not content:
        raise _damaged(where, "it is empty")
    try:
        tree = _Unpickler(io.BytesIO(content), encoding="latin1").load()
        return _Builder(where).build(tree if keys is None else _only(tree, keys, where))
    except InputError:
        raise
    except RecursionError as error:
        raise _damaged(where, "it is nested too deeply") from error
    except Exception as error:  # a hostile stream can raise anything
        raise _damaged(where, f"{type(error).__name__}: {error}") from error


def _only(tree: object, keys: Collection[str], where: str) -> dict[str, object]:
    if not isinstance(tree, dict):
        raise InputError(
            f"{where} holds no dictionary",
            expected=f"a dictionary with {', '.join(keys)}",
            action="check that the file belongs to this data set",
        )
    return {key: value for key, value in tree.items() if key in keys}


class _Node:
    """What a name in a pickle stands for: records how it was called and what state it was given."""

    name = ""
    arguments: tuple[object, ...]
    state: object

    def __new__(cls, *arguments: object, **_named: object) -> _Node:  # noqa: PYI034 - Self would say no more
        node = super().__new__(cls)
        node.arguments = arguments
        node.state = None
        return node

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Tuple(tuple[object, ...]):
    """A tuple in a pickle. One of tuples is no key: hashing it can take 2^depth steps."""

    __slots__ = ()

    def __hash__(self) -> int:
        if any(isinstance(part, tuple) for part in self):
            raise TypeError("a tuple of tuples as a key")
        return super().__hash__()


class _Unpickler(pickle._Unpickler):  # noqa: SLF001 - in the one written in C a dozen bytes can claim 34 GB (memo)
    """Builds nodes only; persistent ids and extension codes reach no code either."""

    dispatch: ClassVar = dict(pickle._Unpickler.dispatch)  # noqa: SLF001 - same

    def find_class(self, module: str, name: str, /) -> type[_Node]:
        module = _MODULES.get(module, module)
        return type("_NamedNode", (_Node,), {"name": f"{module}.{name}"})


def _tuples(load: Callable[[Any], None]) -> Callable[[Any], None]:
    """The instruction of a pickle that makes a tuple, making ours."""

    def load_ours(unpickler: Any) -> None:
        load(unpickler)
        unpickler.stack[-1] = _Tuple(unpickler.stack[-1])

    return load_ours


for _code in (*pickle.EMPTY_TUPLE, *pickle.TUPLE, *pickle.TUPLE1, *pickle.TUPLE2, *pickle.TUPLE3):
    _Unpickler.dispatch[_code] = _tuples(_Unpickler.dispatch[_code])


class _Builder:
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
            raise _damaged(self.where, "a part of it contains itself")
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
        if isinstance(part, bytearray):
            return bytes(part)
        if isinstance(part, _Node):
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
    return part.name if isinstance(part, type) and issubclass(part, _Node) else ""


def _bytes(builder: _Builder, arguments: tuple[object, ...], _state: object) -> bytes:
    """`_codecs.encode(text, "latin1")` and `bytes()`: how protocol 2 of Python 3 writes bytes."""
    if not arguments:
        return b""
    text, encoding = arguments
    if not isinstance(text, str) or encoding not in {"latin1", "latin-1"}:
        raise builder.refused(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


def _set(builder: _Builder, arguments: tuple[object, ...], _state: object) -> set[Any]:
    return set(builder.build(arguments[0])) if arguments else set()


def _dtype(builder: _Builder, part: object) -> np.dtype[Any]:
    """`numpy.dtype(code, align, copy)` with state (version, byte order, subarray, names, fields, ...)."""
    if not isinstance(part, _Node) or part.name != "numpy.dtype":
        raise _damaged(builder.where, "an array without a type")
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


def _values(builder: _Builder, dtype: np.dtype[Any], raw: object, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Flat values of an array: from a list where they are objects, else from exactly as many bytes."""
    count = math.prod(shape)
    if any(size < 0 for size in shape):
        raise _damaged(builder.where, f"an array of shape {shape}")
    if dtype.hasobject:
        content = builder.build(raw)
        if not isinstance(content, list) or len(content) != count:
            raise _damaged(builder.where, "an array of objects without its list")
        values = np.full(count, None, dtype=object)
        for row, value in enumerate(content):
            values[row] = value
        return values
    content = builder.build(raw)
    data = content.encode("latin1") if isinstance(content, str) else content  # str: bytes of Python 2
    if not isinstance(data, bytes) or len(data) != count * dtype.itemsize:
        raise _damaged(builder.where, f"an array of shape {shape} without its {count * dtype.itemsize} bytes")
    return np.frombuffer(data, dtype=dtype).astype(dtype.newbyteorder("="))


def _shape(builder: _Builder, part: object) -> tuple[int, ...]:
    shape = builder.build(part)
    if not isinstance(shape, tuple) or not all(type(size) is int for size in shape):
        raise _damaged(builder.where, f"an array of shape {shape!r}")
    return cast("tuple[int, ...]", shape)


def _array(builder: _Builder, arguments: tuple[object, ...], state: object) -> npt.NDArray[Any]:
    """`_reconstruct(class, ...)` with the state (version, shape, dtype, Fortran order, values)."""
    if _name(arguments[0]) != "numpy.ndarray":
        raise builder.refused(_name(arguments[0]) or "numpy.multiarray._reconstruct of no class")
    if not isinstance(state, tuple) or len(state) != 5:
        raise _damaged(builder.where, "an array without content")
    shape = _shape(builder, state[1])
    values = _values(builder, _dtype(builder, state[2]), state[4], shape)
    return values.reshape(shape, order="F" if state[3] else "C")


def _array_of_buffer(builder: _Builder, arguments: tuple[object, ...], _state: object) -> npt.NDArray[Any]:
    """`numpy.core.numeric._frombuffer(buffer, dtype, shape, order)`: arrays of protocol 5."""
    buffer, dtype, shape, order = arguments
    sizes = _shape(builder, shape)
    return _values(builder, _dtype(builder, dtype), buffer, sizes).reshape(
        sizes, order="F" if order == "F" else "C"
    )


def _scalar(builder: _Builder, arguments: tuple[object, ...], _state: object) -> object:
    dtype = _dtype(builder, arguments[0])
    return _values(builder, dtype, arguments[1] if len(arguments) > 1 else b"", (1,))[0]


def _chumpy_leaf(builder: _Builder, arguments: tuple[object, ...], state: object) -> object:
    """An array in chumpy's clothes: the state's key x. The rest of its state is a cache."""
    if arguments or not isinstance(state, dict) or "x" not in state:
        raise builder.refused("chumpy.ch.Ch without an array")
    array = builder.build(state["x"])
    if not isinstance(array, np.ndarray):
        raise builder.refused("chumpy.ch.Ch without an array")
    return array


def _sparse(kind: str) -> Callable[..., object]:
    def make(builder: _Builder, _arguments: tuple[object, ...], state: object) -> object:
        from scipy import sparse  # noqa: PLC0415 - only body models hold sparse matrices

        if not isinstance(state, dict):
            raise _damaged(builder.where, f"a {kind} without content")
        data, indices, start = (builder.build(state[name]) for name in ("data", "indices", "indptr"))
        shape = _shape(builder, state["_shape"] if "_shape" in state else state["shape"])
        matrix = getattr(sparse, kind)((data, indices, start), shape=shape)
        matrix.check_format(full_check=True)  # an index out of range would be read from foreign memory
        return matrix

    return make


_MAKERS: Final[dict[str, Callable[[_Builder, tuple[object, ...], object], object]]] = {
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


def _damaged(where: str, reason: str) -> InputError:
    return InputError(
        f"{where} is no complete pickle: {reason}",
        expected="the file as the data set delivers it",
        action="download or extract the file again",
    )
