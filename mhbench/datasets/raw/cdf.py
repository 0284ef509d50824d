"""CDF files (NASA's Common Data Format), which Human3.6M uses for poses, through the pure-Python cdflib."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Final, cast

from mhbench.errors import InputError, MissingInputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

CONTENT_LIMIT: Final = 1 << 30  # bytes; a pose file has 2 MB
_COMPRESSED: Final = b"\xcc\xcc\x00\x01"  # the whole file; its unpacked size stands at byte 28 in version 3
# CDF types that hold numbers, by bytes of one (section 2.5 of the format's description)
_TYPE_SIZES: Final = {1: 1, 2: 2, 4: 4, 8: 8, 11: 1, 12: 2, 14: 4, 21: 4, 22: 8, 41: 1, 44: 4, 45: 8}
_MAGIC: Final = (b"\xcd\xf3\x00\x01", b"\xcd\xf2\x60\x02", b"\x00\x00\xff\xff")  # versions 3, 2.6 and before


def read_cdf(path: Path, variable: str = "Pose", *, limit: int = CONTENT_LIMIT) -> npt.NDArray[Any]:
    """Read one variable of a CDF file, records first: Human3.6M's `Pose` is (1, F, 96) or (1, F, 64) float32.

    Args:
        path: the file.
        variable: name of a z- or r-variable of numbers.
        limit: largest content accepted once decompressed, in bytes.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is no CDF file, cut short or damaged, too large, or lacks the variable.
    """
    try:
        with path.open("rb") as file:
            header = file.read(36)
    except FileNotFoundError as error:
        raise MissingInputError(f"{path} is not there", expected="a CDF file") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", expected="a readable file") from error
    if header[:4] not in _MAGIC:
        raise _damaged(path, "it does not begin like a CDF file")
    if header[4:8] == _COMPRESSED and len(header) == 36 and struct.unpack(">q", header[28:])[0] > limit:
        raise _too_large(path, limit)
    from cdflib import CDF  # noqa: PLC0415 - slow to import, and one data set needs it

    try:
        return _read(path, CDF(path), variable, limit)
    except InputError:
        raise
    except Exception as error:  # cdflib raises nearly everything on damaged files
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def _read(path: Path, file: Any, variable: str, limit: int) -> npt.NDArray[Any]:
    information = file.cdf_info()
    names = [*information.zVariables, *information.rVariables]
    if variable not in names:
        raise InputError(
            f"{path} has no variable {variable!r}",
            expected=f"one of: {', '.join(names) or 'there are none'}",
            action="check that the file belongs to this data set",
        )
    description = file.varinq(variable)
    size = _TYPE_SIZES.get(description.Data_Type)
    if size is None:
        raise InputError(f"{path}: {variable} holds no numbers", expected="poses")
    if size * math.prod(description.Dim_Sizes) * (description.Last_Rec + 1) > limit:
        raise _too_large(path, limit)
    return cast("npt.NDArray[Any]", file.varget(variable))


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is damaged or cut short: {reason}",
        expected="a complete CDF file",
        action="download or extract the file again",
    )


def _too_large(path: Path, limit: int) -> InputError:
    return InputError(
        f"{path} unpacks to more than {limit} bytes",
        expected="a file of the official release",
        action="check where the file comes from",
    )
