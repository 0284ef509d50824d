from __future__ import annotations

import pytest

from mhbench.errors import InputError, MissingInputError
from mhbench.protocols.frame_lists import read_frame_lists


def test_numbers_of_each_sequence_ascend_and_stand_once(tmp_path):
    (tmp_path / "160422_haggling1.txt").write_text("300\n\n 245 \n300\n")
    (tmp_path / "notes.md").write_text("no list")
    assert read_frame_lists(tmp_path) == {"160422_haggling1": (245, 300)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\n-2\n", "line 2: '-2' is no frame number"),
        ("1.5", "line 1: '1.5' is no frame number"),
        ("\u0663", "is no frame number"),  # a digit, but none of ours
        ("9" * 5000, "is no frame number"),
        ("\n \n", "holds no frame number"),  # an empty list must not choose every frame
    ],
)
def test_what_is_no_list_is_refused(tmp_path, text, words):
    path = tmp_path / "seq.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words) as caught:
        read_frame_lists(tmp_path)
    assert str(path) in caught.value.what
    assert caught.value.action


def test_a_folder_without_lists_is_told(tmp_path):
    with pytest.raises(MissingInputError, match="there is no frame list"):
        read_frame_lists(tmp_path)
