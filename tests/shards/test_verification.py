from __future__ import annotations

import h5py
import msgspec
import numpy as np
import pytest
from shard_samples import write_dataset

from mhbench.shards import verify
from mhbench.shards.index import read_index, write_index
from mhbench.shards.verification import file_sha256


@pytest.fixture
def folder(tmp_path):
    return write_dataset(tmp_path / "fake", (3, 20), ("all", "all"))


def faults(folder):
    return [(fault.path, fault.what) for fault in verify(folder).faults]


def test_an_untouched_folder_has_no_faults(folder):
    (folder / "journal" / "all").mkdir(parents=True)
    (folder / "journal" / "all" / "item1.json").write_text("{}")
    checked = verify(folder)
    assert checked.faults == ()
    assert (checked.shards, checked.frames, checked.dataset) == (2, 23, "fake")


def test_missing_extra_unfinished_and_truncated_files_are_named(folder):
    (folder / "all" / "item1.h5").unlink()
    (folder / "notes.txt").write_text("mine")
    (folder / "all" / ".item1.h5~host~1.tmp").write_bytes(b"half")
    cut = folder / "all" / "item2.h5"
    cut.write_bytes(cut.read_bytes()[:1000])
    found = dict(faults(folder))
    assert found["all/item1.h5"] == "missing"
    assert found["notes.txt"] == "the index does not know this file"
    assert "killed" in found["all/.item1.h5~host~1.tmp"]
    assert "sha256" in found["all/item2.h5"]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("persons/joints3d", np.float32(9), "content_sha256"),
        ("heatmaps/frame_ptr", np.int64(-1), "no list of offsets"),
        ("frames/person_start", np.int64(-1), "no list of offsets"),
    ],
)
def test_columns_are_checked_even_where_the_hash_of_the_file_is_right(folder, column, value, message):
    path = folder / "all" / "item1.h5"
    with h5py.File(path, "r+") as file:
        file[column][0] = value
    index = read_index(folder)
    shards = [msgspec.structs.replace(info, sha256=file_sha256(folder / info.path)) for info in index.shards]
    write_index(folder, msgspec.structs.replace(index, shards=tuple(shards)))
    assert any(message in what for _, what in faults(folder))
