"""JSON arrays of rows of numbers, as JTA's annotations are: one compiled pass over the bytes.

The grammar is JSON's and nothing else; every row has the same number of numbers. The numbers are, bit for
bit, those of Python's `float`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.datasets.raw.files import FILE_LIMIT, read_bytes
from mhbench.errors import InputError
from mhbench.kernels import kernel

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

# What the scan expects next, and what it says where it finds something else.
_ARRAY, _FIRST_ROW, _ROW, _NUMBER, _AFTER_NUMBER, _AFTER_LAST, _AFTER_ROW, _END = range(8)
_WANTED: Final = {
    _ARRAY: "an array '['",
    _FIRST_ROW: "a row '[' or the end ']'",
    _ROW: "a row '['",
    _NUMBER: "a number",
    _AFTER_NUMBER: "','",
    _AFTER_LAST: "the end of the row ']'",
    _AFTER_ROW: "',' or the end of the array ']'",
    _END: "nothing more",
}
# How a scan ends.
_DONE, _FAULT, _HARD = range(3)
# Its state: the byte and the number it reached, how many numbers of the row are read, what it expects, and
# the first byte of a number that it leaves to its caller.
_BYTE, _COUNT, _COLUMN, _EXPECTED, _TOKEN = range(5)


def _steps() -> npt.NDArray[np.int8]:
    """What is expected after a byte that is no part of a number, by what was expected before; -1: a fault."""
    steps = np.full((len(_WANTED), 256), -1, dtype=np.int8)
    for expected in _WANTED:
        steps[expected, list(b" \t\r\n")] = expected
    steps[_ARRAY, ord("[")] = _FIRST_ROW
    steps[[_FIRST_ROW, _ROW], ord("[")] = _NUMBER
    steps[_AFTER_NUMBER, ord(",")] = _NUMBER
    steps[_AFTER_LAST, ord("]")] = _AFTER_ROW
    steps[_AFTER_ROW, ord(",")] = _ROW
    steps[[_FIRST_ROW, _AFTER_ROW], ord("]")] = _END
    return steps


_STEPS: Final = _steps()
_EXACT: Final = 22  # the largest power of ten that a float64 holds exactly
_POWERS: Final = 10.0 ** np.arange(_EXACT + 1)
_DIGITS: Final = 18  # digits that always fit an int64
_SPLIT: Final = 134217729.0  # 2^27 + 1 cuts a float64 into two halves (Veltkamp)
_SLACK: Final = 2.0**-98  # bounds the relative error of the two-step division, which is 2^-103
_NOT_A_NUMBER: Final = re.compile(rb"[-+]?(nan|inf)", re.IGNORECASE)


def read_rows(path: Path, width: int, *, limit: int = FILE_LIMIT) -> Floats:
    """Read a JSON file that is an array of rows of numbers.

    Args:
        path: the file.
        width: how many numbers every row has.
        limit: largest size accepted, in bytes.

    Returns:
        (rows, width) float64.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is too large, empty, cut short or no such array; a row is shorter or longer; a value is
            no finite number. The message tells the row and the byte.
    """
    return parse_rows(read_bytes(path, limit=limit), width, str(path))


def parse_rows(content: bytes, width: int, where: str) -> Floats:
    """The rows of JSON bytes (see `read_rows`); `where` names them in messages."""
    if not content.strip():
        raise InputError(
            f"{where} is empty", expected="a complete JSON file", action="download or extract the file again"
        )
    # A row is as short as "[1,2]," at least; what the file does not fill is never touched, nor paid for.
    rows = min(content.count(b"["), len(content) // (2 * width + 1) + 1)
    values = np.zeros(rows * width)
    data = np.frombuffer(content, dtype=np.uint8)
    state = np.zeros(5, dtype=np.int64)
    while (end := _scan(data, width, values, state)) == _HARD:
        values[state[_COUNT] - 1] = float(content[state[_TOKEN] : state[_BYTE]])
    found = values[: state[_COUNT]]
    if end == _FAULT:
        raise _fault(content, width, where, state)
    if not np.isfinite(found).all():
        row, column = divmod(int(np.flatnonzero(~np.isfinite(found))[0]), width)
        raise InputError(
            f"{where} holds a number too large for a float64 - at $[{row}][{column}]",
            expected="finite numbers",
            action="download the file again",
        )
    return found.reshape(-1, width)


@kernel
def _scan(data: npt.NDArray[np.uint8], width: int, values: Floats, state: npt.NDArray[np.int64]) -> int:
    """Scan until the end, a fault, or a number that a float64 does not hold in one or two steps."""
    at, count, column, expected = state[_BYTE], state[_COUNT], state[_COLUMN], state[_EXPECTED]
    end = -1
    while end < 0:
        step = _STEPS[expected, data[at]] if at < len(data) else -1
        if step >= 0:
            expected = step
            at += 1
        elif at == len(data) or expected != _NUMBER or count == len(values):
            end = _DONE if at == len(data) and expected == _END else _FAULT
        else:
            state[_TOKEN] = at
            at, mantissa, exponent, digits = _number(data, at)
            if digits < 0:
                end = _FAULT
                continue
            value, exact = _value(mantissa, exponent)
            values[count] = -value if data[state[_TOKEN]] == 45 else value
            count += 1
            column = (column + 1) % width
            expected = _AFTER_NUMBER if column else _AFTER_LAST
            if digits > _DIGITS or not exact:
                end = _HARD
    state[_BYTE], state[_COUNT], state[_COLUMN], state[_EXPECTED] = at, count, column, expected
    return end


@kernel
def _number(data: npt.NDArray[np.uint8], at: int) -> tuple[int, int, int, int]:
    """The number at a byte: the byte after it, its digits as an integer, their power of ten, their count.

    Where there are too many digits, the integer has overflowed. A count of -1 means that the grammar of JSON
    breaks at the byte that is returned.
    """
    exponent = 0
    first = at + 1 if data[at] == 45 else at
    at, mantissa = _integer(data, first, 0)
    digits = at - first
    if not digits or (data[first] == 48 and digits > 1):  # JSON has no leading zeros
        return (first + 1 if digits else at), 0, 0, -1
    if at < len(data) and data[at] == 46:
        start = at + 1
        at = start
        if data[first] == 48:
            while at < len(data) and data[at] == 48:
                at += 1
            digits = start - at  # zeros before the first digit that counts
        at, mantissa = _integer(data, at, mantissa)
        exponent = start - at
        if not exponent:
            return at, 0, 0, -1
        digits -= exponent
    if at < len(data) and (data[at] == 101 or data[at] == 69):
        at += 1
        negative = at < len(data) and data[at] == 45
        if at < len(data) and (data[at] == 43 or negative):
            at += 1
        start = at
        at, power = _integer(data, at, 0)
        if at == start:
            return at, 0, 0, -1
        if at - start > _DIGITS:
            return at, 0, 0, _DIGITS + 1
        exponent += -power if negative else power
    return at, mantissa, exponent, digits


@kernel
def _integer(data: npt.NDArray[np.uint8], at: int, value: int) -> tuple[int, int]:
    """The digits at a byte, appended to an integer: the byte after them, and the integer."""
    # Bytes below "0" wrap round to large ones: one comparison, and a third of the time of the whole scan.
    while at < len(data) and np.uint8(data[at] - np.uint8(48)) < 10:
        value = 10 * value + int(np.int64(np.uint8(data[at] - np.uint8(48))))
        at += 1
    return at, value


@kernel
def _value(mantissa: int, exponent: int) -> tuple[float, bool]:
    """The float64 nearest to mantissa * 10^exponent, and whether it surely is the nearest."""
    high = float(mantissa)
    if mantissa == 0:
        return 0.0, True
    if exponent < -_EXACT or exponent > _EXACT:
        return 0.0, False
    if mantissa <= 9007199254740992:  # 2^53: both operands are exact, so the result is rounded once
        return (high / _POWERS[-exponent] if exponent < 0 else high * _POWERS[exponent]), True
    if exponent > 0:
        return 0.0, False
    # Quotient, then what is left of the dividend (exact, by Dekker's product) divided once more.
    divisor = _POWERS[-exponent]
    low = float(mantissa - np.int64(high))
    quotient = high / divisor
    product = quotient * divisor
    part = _SPLIT * quotient
    q1 = part - (part - quotient)
    q2 = quotient - q1
    part = _SPLIT * divisor
    d1 = part - (part - divisor)
    d2 = divisor - d1
    rounding = ((q1 * d1 - product) + q1 * d2 + q2 * d1) + q2 * d2
    rest = (((high - product) - rounding) + low) / divisor
    slack = quotient * _SLACK
    return quotient + rest, quotient + (rest - slack) == quotient + (rest + slack)


def _fault(content: bytes, width: int, where: str, state: npt.NDArray[np.int64]) -> InputError:
    at, column, expected = int(state[_BYTE]), int(state[_COLUMN]), int(state[_EXPECTED])
    # After its last number, a row is not over before its bracket.
    row = int(state[_COUNT]) // width - (expected == _AFTER_LAST)
    place = f"row {row} (from 0), byte {at}"
    found = content[at : at + 1].decode("latin-1")
    if at >= len(content):
        fault = f"ends in the middle (after {len(content)} bytes, in row {row})"
    elif expected == _NUMBER and (_NOT_A_NUMBER.match(content, at) or _NOT_A_NUMBER.match(content, at - 1)):
        fault = f"holds a NaN or an infinity: {place}"
    elif expected == _AFTER_NUMBER and found == "]":
        fault = f"has a row of {column} numbers: {place}"
    elif expected == _AFTER_LAST and found == ",":
        fault = f"has a row of more than {width} numbers: {place}"
    else:
        fault = f"has {found!r} where {_WANTED[expected]} was expected: {place}"
    return InputError(
        f"{where} {fault}",
        expected=f"a JSON array of rows of {width} finite numbers",
        action="download or extract the file again",
    )
