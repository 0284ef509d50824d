"""Columns and attributes of an HDF5 file that another program wrote, opened with care."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import h5py
import numpy as np

from mhbench.errors import InputError, MissingInputError, PredictionError, UnsafeInputError
from mhbench.shards.layout import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

# HDF5 fills what was never stored, so a small file may declare more than memory holds; deflate reaches 1,000
_SURE_BYTES: Final = 64 * 1024**2
_RATIO: Final = 5000
_SEE: Final = "see the layout in the docs, and check how the file was written"


@contextmanager
def opened(path: Path, kind: str) -> Iterator[h5py.File]:
    """A file to be read; whatever HDF5 says about a damaged one becomes an InputError.

    Args:
        path: the file.
        kind: the format it should have, for messages.
    """
    if not path.is_file():
        raise MissingInputError(
            f"{path} is not there", expected=f"an HDF5 file of {kind}", action="check the path"
        )
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (OSError, KeyError, RuntimeError, UnicodeDecodeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} cannot be read as HDF5: {error}",
            expected=f"a complete HDF5 file of {kind}",
            action="check that the program that wrote it has closed it",
        ) from error


def column(file: h5py.File, path: str, source: str) -> h5py.Dataset:
    """A column of a file, none of whose values is read yet.

    Args:
        file: the file.
        path: such as `persons/joints3d`.
        source: what the file is called in messages.

    Raises:
        UnsafeInputError: it lies in another file.
        PredictionError: it is not there, is a group, is of a strange type, or declares what was never stored.
    """
    if path not in file:
        raise PredictionError(f"{source}: /{path} is missing", expected="a column", action=_SEE)
    group, _, name = path.rpartition("/")
    linked = file[group] if group else file
    found = file[path]
    if not isinstance(linked.get(name, getlink=True), h5py.HardLink) or (
        isinstance(found, h5py.Dataset) and (found.is_virtual or found.external)
    ):
        raise UnsafeInputError(
            f"{source}: /{path} lies outside this file",
            expected="a column of its own",
            action="copy the data into the file",
        )
    if not isinstance(found, h5py.Dataset):
        raise PredictionError(f"{source}: /{path} is a group", expected="a column", action=_SEE)
    _check_type(found, f"{source}: /{path}")
    stored = found.id.get_storage_size()
    if found.nbytes > _SURE_BYTES and found.nbytes > _RATIO * stored:
        raise PredictionError(
            f"{source}: /{path} declares {found.nbytes} bytes and stores {stored}",
            expected="as many values as are stored",
            action="check how the file was written",
        )
    return found


def texts(file: h5py.File, path: str, source: str) -> npt.NDArray[np.str_]:
    """A column of texts, of whatever length the writer chose.

    Raises:
        UnsafeInputError, PredictionError: as `column`, or it holds something else.
    """
    found = column(file, path, source)
    if h5py.check_string_dtype(found.dtype) is None or found.ndim != 1:
        raise PredictionError(
            f"{source}: /{path} is {found.dtype}[{found.ndim}]", expected="a list of texts", action=_SEE
        )
    values = found[()]
    if values.dtype.kind == "S":
        return unpacked(values)
    return np.array([value.decode() for value in values.tolist()], dtype=np.str_)


def attributes(file: h5py.File) -> dict[str, Any]:
    """The attributes of a file, each a text, a list of texts, or a number.

    Raises:
        PredictionError: one is of a type that NumPy does not know.
    """
    try:
        return {name: _attribute(file.attrs[name]) for name in file.attrs}
    except (TypeError, ValueError) as error:  # h5py cannot translate the type, or the text is no UTF-8
        raise PredictionError(
            f"{file.filename}: an attribute cannot be read: {error}",
            expected="texts and numbers",
            action=_SEE,
        ) from error


def _check_type(found: h5py.Dataset, where: str) -> None:
    try:
        _ = found.dtype
    except (TypeError, ValueError) as error:  # h5py cannot translate it
        raise PredictionError(
            f"{where} cannot be read: {error}", expected="numbers or texts", action=_SEE
        ) from error


def _attribute(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [word.decode() if isinstance(word, bytes) else word for word in value.ravel().tolist()]
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value
