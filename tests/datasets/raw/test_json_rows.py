from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhbench.datasets.raw.json_rows import parse_rows, read_rows
from mhbench.errors import InputError, MissingInputError

FINITE = st.floats(allow_nan=False, allow_infinity=False)
DIGITS = st.text("0123456789", min_size=1, max_size=24)


def bits(value):
    return struct.pack("<d", value)


@given(st.lists(st.lists(FINITE, min_size=3, max_size=3), max_size=40), st.sampled_from([None, 1]))
def test_any_finite_numbers_come_back_bit_for_bit(rows, indent):
    found = parse_rows(json.dumps(rows, indent=indent).encode(), 3, "x")
    assert found.shape == (len(rows), 3)
    assert found.tobytes() == np.array(rows, dtype=np.float64).reshape(-1, 3).tobytes()


@given(
    st.booleans(),
    DIGITS,
    st.none() | DIGITS,
    st.none() | st.tuples(st.sampled_from("eE"), st.integers(-40, 40)),
)
def test_any_spelling_of_a_number_is_what_python_reads(negative, whole, fraction, power):
    text = ("-" if negative else "") + (whole.lstrip("0") or "0")
    text += "" if fraction is None else f".{fraction}"
    text += "" if power is None else f"{power[0]}{power[1]:+d}"
    assert bits(parse_rows(f"[[{text}]]".encode(), 1, "x")[0, 0]) == bits(float(text))


@pytest.mark.parametrize(
    "text",
    [
        "9007199254740993",  # half-way between two float64
        "9007199254740995.0",
        "4503599627370496.5",
        "4503599627370497.5",
        "18446744073709551616.5",  # 2^64: an integer of 64 bits is 0 again
        "0.04326543218765432",
        "123456789012345678e-5",
        "-0.0",
        "1e22",
        "1e23",
        "5e-324",
        "0.000000000000000000000000000001",
    ],
)
def test_hard_numbers_are_what_python_reads(text):
    assert bits(parse_rows(f"[[{text}]]".encode(), 1, "x")[0, 0]) == bits(float(text))


def test_an_empty_array_has_no_rows():
    assert parse_rows(b" [ ]\n", 10, "x").shape == (0, 10)


@given(st.binary(max_size=40) | st.text("[]0123456789.,eE+- \nnNaif", max_size=40).map(str.encode))
def test_what_is_accepted_is_json_with_rows_of_that_width(content):
    try:
        found = parse_rows(content, 2, "x")
    except InputError as error:
        words = (error.what.startswith("x "), error.expected, error.action)
        assert all(words)
    else:
        strict = json.loads(content, parse_constant=pytest.fail)
        assert all(len(row) == 2 for row in strict)
        assert found.tolist() == [list(map(float, row)) for row in strict]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"[[1,2],[3,", "ends in the middle (after 10 bytes, in row 1)"),
        (b"[[1,2],[3", "ends in the middle (after 9 bytes, in row 1)"),
        (b"[[1,2],[3,4]", "ends in the middle (after 12 bytes, in row 2)"),
        (b"[[1,2],[3]]", "has a row of 1 numbers: row 1 (from 0), byte 9"),
        (b"[[1,2],[3,4,5]]", "has a row of more than 2 numbers: row 1 (from 0), byte 11"),
        (b"[[1,2,3,4,5,6,7,8]]", "has a row of more than 2 numbers: row 0 (from 0), byte 5"),
        (b"[[1,2],[3,NaN]]", "holds a NaN or an infinity: row 1 (from 0), byte 10"),
        (b"[[1,2],[-Infinity,4]]", "holds a NaN or an infinity: row 1 (from 0), byte 9"),
        (b"[[1,1e999]]", "holds a number too large for a float64 - at $[0][1]"),
        (b"[[1,null]]", "has 'n' where a number was expected: row 0 (from 0), byte 4"),
        (b'[[1,"2"]]', "has '\"' where a number was expected"),
        (b"[[1,02]]", "has '2' where a number was expected: row 0 (from 0), byte 5"),
        (b"[[1,.5]]", "has '.' where a number was expected"),
        (b"[[1,5.]]", "has ']' where a number was expected"),
        (b"[[1,+5]]", "has '+' where a number was expected"),
        (b"[[1 2]]", "has '2' where ',' was expected"),
        (b"[[1,2),[3,4]]", "has ')' where the end of the row ']' was expected"),
        (b"[[1,2] [3,4]]", "has '[' where ',' or the end of the array ']' was expected"),
        (b"[[1,2],]", "has ']' where a row '[' was expected: row 1 (from 0), byte 7"),
        (b"[[[1,2]]]", "has '[' where a number was expected"),
        (b"[1,2]", "has '1' where a row '[' or the end ']' was expected"),
        (b'{"a": 1}', "has '{' where an array '[' was expected"),
        (b"[[1,2]] x", "has 'x' where nothing more was expected"),
        (b"\xff\xfe", "has 'ÿ' where an array '[' was expected"),
    ],
)
def test_faults_are_named_with_row_and_byte(content, words):
    with pytest.raises(InputError) as caught:
        parse_rows(content, 2, "seq_0.json")
    assert caught.value.what.startswith("seq_0.json ")
    assert words in caught.value.what
    assert caught.value.expected
    assert caught.value.action


def test_files_are_read_within_a_limit(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text("[[1, 2.5]]")
    assert read_rows(path, 2).tolist() == [[1, 2.5]]
    with pytest.raises(InputError, match="larger than 4 bytes"):
        read_rows(path, 2, limit=4)
    with pytest.raises(MissingInputError, match="is not there"):
        read_rows(tmp_path / "none.json", 2)


def test_brackets_without_end_take_no_memory():
    with pytest.raises(InputError, match="where a number was expected"):
        parse_rows(b"[" * 1_000_000, 10, "x")
