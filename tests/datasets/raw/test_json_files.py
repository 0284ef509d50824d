from __future__ import annotations

import contextlib
import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhbench.datasets.raw.json_files import decode_json, read_json
from mhbench.errors import InputError, MissingInputError


class Body(msgspec.Struct):
    id: int
    joints: list[float]


class Scene(msgspec.Struct):
    bodies: list[Body]


def test_reads_known_keys_and_skips_others(tmp_path):
    path = tmp_path / "scene.json"
    path.write_text('{"version": 0.7, "bodies": [{"id": 3, "joints": [1, 2.5]}]}')
    assert read_json(path, Scene) == Scene([Body(3, [1.0, 2.5])])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b'{"bodies": [{"id": 3, "joints": [1, 2', "ends in the middle"),
        (b'{"bodies": [{"id": 3, "joints": [1, NaN]}]}', "holds a NaN or an infinity at byte"),
        (b'{"bodies": [{"id": 3, "joints": [1, nan]}]}', "holds a NaN or an infinity at byte"),
        (b'{"bodies": [{"id": 3, "joints": [1, -nan(ind)]}]}', "holds a NaN or an infinity at byte"),
        (b'{"bodies": [{"id": 3, "joints": [1, Infinity]}]}', "holds a NaN or an infinity at byte"),
        (b'{"bodies": [{"id": 3, "joints": [1, -inf]}]}', "holds a NaN or an infinity at byte"),
        (b'{"bodies": [{"id": 3, "joints": [1, 1e999]}]}', "Number out of range - at $.bodies[0].joints[1]"),
        (b'{"bodies": [{"id": 3}]}', "missing required field `joints` - at $.bodies[0]"),
        (b'{"bodies": [{"id": "a", "joints": []}]}', "Expected `int`, got `str` - at $.bodies[0].id"),
        (b"[]", "Expected `object`, got `array` - at $"),
        (b'{"x": ' + b"[" * 100_000, "nested too deeply"),
        (b"<html>", "is not JSON"),
    ],
)
def test_names_the_fault_and_where_it_is(content, words):
    with pytest.raises(InputError) as caught:
        decode_json(content, Scene, "a.json")
    assert caught.value.what.startswith("a.json")
    assert words in caught.value.what
    assert caught.value.expected
    assert caught.value.action


def test_text_in_another_encoding_is_named():
    with pytest.raises(InputError, match="is not UTF-8 text"):
        decode_json(b'{"caf\xe9": 1.0}', dict[str, float], "a.json")


def test_paths_of_a_part_continue_those_of_the_file():
    with pytest.raises(InputError, match=r"at \$\.cameras\[4\]\.id"):
        decode_json(b'{"id": null, "joints": []}', Body, "a.json", root="$.cameras[4]")


def test_a_missing_file_and_one_that_is_too_large(tmp_path):
    with pytest.raises(MissingInputError, match=r"none\.json is not there"):
        read_json(tmp_path / "none.json", Scene)
    path = tmp_path / "large.json"
    path.write_text('{"bodies": []}')
    with pytest.raises(InputError, match="larger than 5 bytes"):
        read_json(path, Scene, limit=5)
    with pytest.raises(InputError, match="is a folder"):
        read_json(tmp_path, Scene)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is no file"):  # to open it would wait for ever
        read_json(tmp_path / "pipe", Scene)


@given(st.binary() | st.text(alphabet='{}[]":,0123456789.eE-+naif').map(str.encode))
def test_whatever_the_bytes_only_an_input_error_comes_out(content):
    with contextlib.suppress(InputError):
        decode_json(content, Scene, "a.json")
