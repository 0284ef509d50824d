"""CDF files (NASA's Common Data Format), which Human3.6M uses for poses, through the pure-Python cdflib."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, cast

from mhbench.datasets.raw.bounds import BoundsError, TooLargeError
from mhbench.datasets.raw.cdf_bounds import VERSIONS, check_bounds
from mhbench.datasets.raw.files import read_bytes
from mhbench.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

CONTENT_LIMIT: Final = 1 << 30  # bytes; a pose file has 2 MB
# CDF types that hold numbers, by bytes of one (section 2.5 of the format's description)
_TYPE_SIZES: Final = {1: 1, 2: 2, 4: 4, 8: 8, 11: 1, 12: 2, 14: 4, 21: 4, 22: 8, 41: 1, 44: 4, 45: 8}


def read_cdf(path: Path, variable: str = "Pose", *, limit: int = CONTENT_LIMIT) -> npt.NDArray[Any]:
    """Read one variable of a CDF file, records first: Human3.6M's `Pose` is (1, F, 96) or (1, F, 64) float32.

    Args:
        path: the file, of version 2.6 or later.
        variable: name of a z- or r-variable of numbers.
        limit: largest content accepted once decompressed, in bytes.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is no CDF file, cut short or damaged, too large, or lacks the variable.
    """
    content = read_bytes(path, limit=limit)
    if content[:4] not in VERSIONS:
        raise _damaged(path, "it does not begin like a CDF file")
    from cdflib import CDF  # noqa: PLC0415 - slow to import, and one data set needs it

    try:
        check_bounds(content, limit)
        return _read(path, CDF(path), variable, limit)
    except InputError:
        raise
    except TooLargeError:
        raise _too_large(path, limit) from None
    except BoundsError as error:
        raise _damaged(path, str(error)) from error
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
        raise InputError(
            f"{path}: {variable} holds no numbers",
            expected="an array of floats or integers",
            action="check that the file is what its folder says, and extract it again if it is",
        )
    values = math.prod(description.Dim_Sizes) * description.Num_Elements
    if size * values * (description.Last_Rec + 1) > limit:
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
