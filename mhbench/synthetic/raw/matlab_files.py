"""New MATLAB files, of version 5 and of version 7.3: the same content always gives the same bytes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import h5py

_TEXT_BYTES: Final = 116  # of the header; beyond them is what a reader needs
_CREATED: Final = b"Platform: GLNXA64, Created on: Thu Jan 01 00:00:00 1970"
_USER_BLOCK: Final = 512  # bytes before HDF5 begins, of which MATLAB writes the first 128


def save_matlab5(path: Path, content: Mapping[str, Any]) -> None:
    """Write variables as a compressed file of version 5, without the time of day that SciPy would note."""
    from scipy.io import savemat  # noqa: PLC0415 - slow to import

    savemat(path, dict(content), do_compression=True)
    with path.open("r+b") as raw:
        raw.write((b"MATLAB 5.0 MAT-file, " + _CREATED).ljust(_TEXT_BYTES))


@contextmanager
def new_matlab73(path: Path) -> Iterator[h5py.File]:
    """A file of version 7.3 (HDF5) to be filled; every variable needs its `MATLAB_class`."""
    import h5py  # noqa: PLC0415 - only some trees hold such files

    with h5py.File(path, "w", userblock_size=_USER_BLOCK, libver="earliest") as file:
        yield file
    with path.open("r+b") as raw:
        header = b"MATLAB 7.3 MAT-file, " + _CREATED + b" HDF5 schema 1.00 ."
        raw.write(header.ljust(_TEXT_BYTES + 8) + b"\x00\x02IM")
