"""What all writers of raw trees promise: the same seed gives the same bytes, and nothing is written over."""

from __future__ import annotations

import pytest

from mhbench.errors import OutputError
from mhbench.synthetic.raw import WRITERS, write_raw


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("dataset", WRITERS)
def test_the_same_seed_gives_the_same_bytes_at_any_time(dataset, tmp_path, monkeypatch):
    options = {"frames": 2, "people": 2, "seed": 5, "images": False}
    write_raw(dataset, tmp_path / "first", **options)
    # SciPy writes the time of day into what it saves
    monkeypatch.setattr("time.asctime", lambda: "Sun Jan 01 12:34:56 2023")
    write_raw(dataset, tmp_path / "second", **options)
    first = content(tmp_path / "first")
    assert first
    assert first == content(tmp_path / "second")
    with pytest.raises(OutputError, match="already there"):
        write_raw(dataset, tmp_path / "first", **options)
    assert content(tmp_path / "first") == first
