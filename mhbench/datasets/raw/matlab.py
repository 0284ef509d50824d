"""MATLAB files: version 5 (also 6 and 7) through SciPy, version 7.3, which is HDF5, through h5py.

Both readers give arrays in MATLAB's own shapes. A file of the other version is refused by name, because the
two nest their content differently.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.datasets.raw.bounds import BoundsError, TooLargeError
from mhbench.datasets.raw.files import check_file, unreadable
from mhbench.datasets.raw.matlab5_bounds import DEPTH, HEADER, check_bounds
from mhbench.errors import InputError, UnsafeInputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import h5py
    import numpy.typing as npt

CONTENT_LIMIT: Final = 1 << 30  # bytes in memory; an annot.mat of MPI-INF-3DHP has 0.3 GB
_PART_COST: Final = 4096  # bytes each part takes at least, so that their number is bounded too


def read_matlab5(path: Path, variables: Sequence[str] = (), *, limit: int = CONTENT_LIMIT) -> dict[str, Any]:
    """Read a version 5 file.

    Args:
        path: the file.
        variables: names that must be there; empty reads all.
        limit: largest content accepted once decompressed, in bytes.

    Returns:
        Arrays by name as `scipy.io.loadmat` gives them without squeezing: numbers at least 2D, text as arrays
        of str, cells as object arrays, structs as structured object arrays of shape (1, 1).

    Raises:
        MissingInputError: there is no such file.
        InputError: it is of another version, cut short, damaged, too large, or lacks a variable.
    """
    _require_version(path, "5")
    from scipy import io  # noqa: PLC0415 - slow to import, and only some data sets need it

    try:
        with path.open("rb") as file:
            check_bounds(file, variables, limit)
        content = io.loadmat(path, variable_names=list(variables) or None)
    except TooLargeError:
        raise _too_large(path) from None
    except BoundsError as error:
        raise _damaged(path, str(error)) from error
    except Exception as error:  # SciPy raises nearly everything on damaged files
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    found = {name: value for name, value in content.items() if not name.startswith("__")}
    _require_variables(path, variables, found)
    return found


def read_matlab73(path: Path, variables: Sequence[str] = (), *, limit: int = CONTENT_LIMIT) -> dict[str, Any]:
    """Read a version 7.3 file (HDF5).

    Args:
        path: the file.
        variables: names that must be there; empty reads all.
        limit: largest content accepted once decompressed, in bytes.

    Returns:
        Arrays by name in MATLAB's shapes (h5py alone shows the axes reversed); text as str, logical arrays as
        bool, cells as object arrays, structs as dictionaries, empty arrays with their shape.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is of another version, cut short, damaged, too large, or lacks a variable.
    """
    _require_version(path, "7.3")
    import h5py  # noqa: PLC0415 - half the start-up time of a reader that rarely needs it

    try:
        with h5py.File(path, "r", locking=False) as file:
            names = list(variables) or [name for name in file if not name.startswith("#")]
            _require_variables(path, variables, set(file))
            return {name: _Reader(path, file, limit).member(file, name, 0) for name in names}
    except InputError:
        raise
    except Exception as error:  # HDF5 too raises nearly everything on damaged files
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def holds_references(part: h5py.Dataset) -> bool:
    """Whether the objects in a dataset are references; a text there is a path and may lead elsewhere."""
    import h5py  # noqa: PLC0415 - as in read_matlab73

    return h5py.check_ref_dtype(part.dtype) is h5py.Reference  # dtypes of objects all compare equal


class _Reader:
    """Reads parts of one version 7.3 file until what they take together reaches the limit."""

    def __init__(self, path: Path, file: h5py.File, limit: int) -> None:
        self.path = path
        self.file = file
        self.left = limit

    def member(self, group: h5py.Group, name: str, depth: int) -> Any:
        """A member of a group by name; links to elsewhere are refused."""
        import h5py  # noqa: PLC0415 - as in read_matlab73

        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise UnsafeInputError(
                f"{self.path}: {name!r} is a link to another place",
                expected="data inside the file, as MATLAB writes it",
                action="get the file from its official site",
            )
        return self.value(group[name], depth)

    def value(self, part: Any, depth: int) -> Any:
        """The content of a variable, a cell or a field."""
        self.left -= _PART_COST + (part.size * part.dtype.itemsize if hasattr(part, "shape") else 0)
        if self.left < 0 or depth > DEPTH:
            raise _too_large(self.path)
        if not hasattr(part, "shape"):
            return {name: self.member(part, name, depth + 1) for name in part}
        if part.external or part.is_virtual:
            raise UnsafeInputError(
                f"{self.path} takes {part.name} from another file",
                expected="data inside the file, as MATLAB writes it",
                action="get the file from its official site",
            )
        if part.dtype.hasobject and not holds_references(part):
            raise UnsafeInputError(
                f"{self.path}: {part.name} holds texts or arrays of any length",
                expected="numbers, or references to cells, as MATLAB writes them",
                action="get the file from its official site",
            )
        kind = part.attrs.get("MATLAB_class", b"")
        values = part[()]
        if part.attrs.get("MATLAB_empty", 0):
            return np.zeros(tuple(int(size) for size in np.ravel(values)))
        if values.dtype.hasobject:  # references: a cell, or the fields of an array of structs
            cells: npt.NDArray[np.object_] = np.full(values.shape, None, dtype=object)
            for place in np.ndindex(values.shape):
                cells[place] = self.value(self.file[values[place]], depth + 1)
            return cells.T
        if kind == b"char":
            return "".join(map(chr, values.T.ravel()))
        return values.T.astype(bool) if kind == b"logical" else values.T


def _require_version(path: Path, wanted: str) -> None:
    check_file(path)
    try:
        with path.open("rb") as file:
            found = _version(file.read(HEADER))
    except OSError as error:
        raise unreadable(path, error) from error
    if found != wanted:
        what = f"is a MATLAB file of version {found}" if found else "is no MATLAB file, or cut short"
        raise InputError(
            f"{path} {what}",
            expected=f"version {wanted}, as the data set delivers it",
            action="download the file again; do not save it anew",
        )


def _version(header: bytes) -> str:
    if header.startswith(b"MATLAB 5.0 MAT-file") and len(header) == HEADER:
        return "5"
    if header.startswith((b"MATLAB 7.3 MAT-file", b"\x89HDF\r\n\x1a\n")):
        return "7.3"
    # version 4 has no text: a type number below 5000 and small sizes
    numbers = struct.unpack("<5i", header[:20]) if len(header) >= 20 else ()
    small = (
        numbers
        and 0 <= numbers[0] < 5000
        and all(0 < number < 1 << 24 for number in (*numbers[1:3], numbers[4]))
    )
    return "4" if small and numbers[3] in {0, 1} else ""


def _require_variables(path: Path, wanted: Sequence[str], found: Any) -> None:
    lacking = [name for name in wanted if name not in found]
    if lacking:
        raise InputError(
            f"{path} has no variable {', '.join(lacking)}",
            expected=f"{', '.join(wanted)}; there are {', '.join(sorted(found)) or 'none'}",
            action="check that the file belongs to this data set",
        )


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is damaged or cut short: {reason}",
        expected="a complete MATLAB file",
        action="download or extract the file again",
    )


def _too_large(path: Path) -> InputError:
    return InputError(
        f"{path} unpacks to more than it may",
        expected="a file of the official release",
        action="check where the file comes from; nothing of it was kept",
    )
