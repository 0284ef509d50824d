"""JSON files of raw data sets: decoded into typed structs, every fault named with its file and JSON path.

JSON has no NaN and no infinity; files that hold them are refused, and the message says where.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, cast

import msgspec

from mhbench.datasets.raw.files import FILE_LIMIT, read_bytes
from mhbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

Kind = TypeVar("Kind")

# what arrays can hold: a number beyond them is a fault of the file, and is told with its JSON path
Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Size = Annotated[int, msgspec.Meta(ge=1, le=10**6)]  # width or height of an image, px
Pixel = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]  # of a joint, or a side of a box

_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_NOT_A_NUMBER: Final = re.compile(rb"[-+]?(nan|inf)", re.IGNORECASE)


def read_json(path: Path, kind: type[Kind], *, limit: int = FILE_LIMIT) -> Kind:
    """Decode a JSON file into a struct (or any other type msgspec knows).

    Args:
        path: the file.
        kind: what it must hold; unknown keys are skipped without being built.
        limit: largest size accepted, in bytes.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is empty, cut short, too large, nested too deeply, holds NaN, or breaks the type.
    """
    return decode_json(read_bytes(path, limit=limit), kind, str(path))


def decode_json(content: bytes, kind: type[Kind], where: str, *, root: str = "$") -> Kind:
    """Decode JSON bytes (see `read_json`).

    Args:
        content: the JSON text.
        kind: what it must hold.
        where: the file, as it is named in messages.
        root: JSON path of `content` in that file, if it is a part of it.
    """
    if not content.strip():
        raise _broken(where, "is empty")
    try:
        decoded: Kind = _decoder(cast("Hashable", kind)).decode(content)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at ")
        path = path.strip("`").replace("$", root, 1) or root
        raise InputError(
            f"{where}: {reason} - at {path}",
            expected="the layout of the official release",
            action="check that the file belongs to this data set, and download it again if it does",
        ) from error
    except msgspec.DecodeError as error:
        raise _malformed(content, where, str(error)) from error
    except UnicodeDecodeError as error:
        raise _broken(where, "is not UTF-8 text") from error
    except RecursionError as error:
        raise _broken(where, "is nested too deeply to be an annotation file") from error
    return decoded


@functools.cache
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _malformed(content: bytes, where: str, reason: str) -> InputError:
    if "truncated" in reason:
        return _broken(where, f"ends in the middle (after {len(content)} bytes)")
    place = _BYTE.search(reason)
    offset = int(place[1]) if place else 0
    # The decoder takes `nan` for a misspelt `null`, and `-nan` for a number: it stops some letters later.
    starts = [start for start in range(max(offset - 4, 0), offset + 1) if _NOT_A_NUMBER.match(content, start)]
    if starts:
        return InputError(
            f"{where} holds a NaN or an infinity at byte {starts[0]}",
            expected="finite numbers; JSON has no others",
            action="download the file again; in a file of your own write null",
        )
    return _broken(where, f"is not JSON: {reason.removeprefix('JSON is malformed: ')}")


def _broken(where: str, fault: str) -> InputError:
    return InputError(
        f"{where} {fault}", expected="a complete JSON file", action="download or extract the file again"
    )
