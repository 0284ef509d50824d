"""NumPy's own files (.npy), read without pickles; whatever their header claims, they are read or refused."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.datasets.raw.files import FILE_LIMIT, read_bytes
from mhbench.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


def read_plain_array(path: Path, *, limit: int = FILE_LIMIT) -> npt.NDArray[Any]:
    """The array of floats or integers in a `.npy` file, of any shape.

    Args:
        path: the file.
        limit: largest size accepted, in bytes.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, too large, no such file, or holds objects, texts or complex numbers.
    """
    content = io.BytesIO(read_bytes(path, limit=limit))
    try:
        # numpy.load would also open zip archives and pickles, by what the file begins with
        values: npt.NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
    except Exception as error:  # a header may claim a shape of any size, and then anything is raised
        raise _unfit(path, f"cannot be read: {error}") from error
    if values.dtype.kind not in "fiu":
        raise _unfit(path, f"holds {values.dtype} and not numbers")
    return values


def _unfit(path: Path, fault: str) -> InputError:
    return InputError(
        f"{path} {fault}",
        expected="a plain array of numbers (.npy), without pickles",
        action="download or extract the file again",
    )
