"""The restricted unpickler: the only place that reads pickles, and nothing in a pickle is ever executed.

A pickle is a program that may call anything it can import. Here it can import nothing: every name it asks for
becomes an inert node that records its arguments and its state (a class made for this one name and this one
file, so a pickle cannot change anything that outlives it). In a second step the nodes of the few names that
official files use are turned into arrays (see `pickle_arrays`); every other name is refused. What a pickle
claims to hold takes no memory before its bytes are there.

Read are files of Python 2 and 3, any protocol: builtin containers, numbers and text; NumPy arrays and scalars
(no structured ones); SciPy's CSC and CSR matrices; the arrays inside leaves of chumpy, an abandoned library
that SMPL's official files need otherwise. An expression of chumpy (a node that would be computed) is refused.
"""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any, ClassVar, Final

from mhbench.datasets.raw.files import FILE_LIMIT, read_bytes
from mhbench.datasets.raw.pickle_arrays import Builder, Node, damaged
from mhbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

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
        raise damaged(where, "it is empty")
    try:
        tree = _Unpickler(io.BytesIO(content), encoding="latin1").load()
        return Builder(where).build(tree if keys is None else _only(tree, keys, where))
    except InputError:
        raise
    except RecursionError as error:
        raise damaged(where, "it is nested too deeply") from error
    except Exception as error:  # a hostile stream can raise anything
        reason = f"{type(error).__name__}: {error}" if str(error) else "it ends too early"
        raise damaged(where, reason) from error


def _only(tree: object, keys: Collection[str], where: str) -> dict[str, object]:
    if not isinstance(tree, dict):
        raise InputError(
            f"{where} holds no dictionary",
            expected=f"a dictionary with {', '.join(keys)}",
            action="check that the file belongs to this data set",
        )
    return {key: value for key, value in tree.items() if key in keys}


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

    def find_class(self, module: str, name: str, /) -> type[Node]:
        module = _MODULES.get(module, module)
        return type("_NamedNode", (Node,), {"name": f"{module}.{name}"})


def _tuples(load: Callable[[Any], None]) -> Callable[[Any], None]:
    """The instruction of a pickle that makes a tuple, making ours."""

    def load_ours(unpickler: Any) -> None:
        load(unpickler)
        unpickler.stack[-1] = _Tuple(unpickler.stack[-1])

    return load_ours


def _load_bytes(unpickler: Any) -> None:
    """The instruction that makes a bytearray, which would fill its whole size with zeros before it reads."""
    size = int.from_bytes(unpickler.read(8), "little")
    unpickler.append(unpickler.read(size))


_Unpickler.dispatch[pickle.BYTEARRAY8[0]] = _load_bytes
for _code in (*pickle.EMPTY_TUPLE, *pickle.TUPLE, *pickle.TUPLE1, *pickle.TUPLE2, *pickle.TUPLE3):
    _Unpickler.dispatch[_code] = _tuples(_Unpickler.dispatch[_code])
