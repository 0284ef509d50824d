from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import hdf5plugin
import numpy as np
import pytest
from shard_samples import ORIGIN, store, table

from mhbench.errors import OutputError
from mhbench.shards import layout, no_heatmaps, read_table, shard_image, write_shard
from mhbench.shards.files import remove_orphans, write_atomically

if TYPE_CHECKING:
    from mhbench.frames import FrameTable


def equal_tables(left: FrameTable, right: FrameTable) -> bool:
    one, other = dict(layout.table_columns(left)), dict(layout.table_columns(right))
    same = all(np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f") for name in one)
    kinds = [
        (x.dataset, x.split, x.skeleton, x.lens, {k: s.skeleton for k, s in x.sets.items()})
        for x in (left, right)
    ]
    return one.keys() == other.keys() and same and kinds[0] == kinds[1]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("frames", [0, 1, 7, 1025])
def test_a_table_survives_a_shard(tmp_path, frames, compression):
    written = table(frames)
    write_shard(tmp_path / "a.h5", written, ORIGIN, store(written), compression=compression)
    found = read_table(tmp_path / "a.h5")
    assert equal_tables(found, written)
    assert found.persons["joints3d"].dtype == np.float32


def test_the_same_table_gives_the_same_bytes_at_another_time_and_in_another_process(tmp_path):
    first = shard_image(table(), ORIGIN, store(table()))
    time.sleep(1.1)  # HDF5 stores times in whole seconds
    assert shard_image(table(), ORIGIN, store(table())).sha256 == first.sha256
    code = (
        "from shard_samples import *\nfrom mhbench.shards import shard_image\n"
        "print(shard_image(table(), ORIGIN, store(table())).sha256)"
    )
    folder = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": folder, "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == first.sha256


def test_the_content_hash_does_not_depend_on_the_compression_but_on_every_value():
    whole = table(200)
    gzip, zstd = (shard_image(whole, ORIGIN, store(whole), compression=name) for name in ("gzip", "zstd"))
    assert gzip.content_sha256 == zstd.content_sha256
    assert gzip.sha256 != zstd.sha256
    changed = table(200)
    changed.persons["joints3d"][0, 0, 0] = 0.5
    assert shard_image(changed, ORIGIN, store(whole)).content_sha256 != gzip.content_sha256


def test_any_hdf5_program_finds_names_units_and_text(tmp_path):
    write_shard(tmp_path / "a.h5", table(200), ORIGIN, store(table(200)))
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["format"].decode() == "mhbench-shard/1"
        assert file.attrs["units"].decode() == "m px rad"
        assert file["frames/distortion"].attrs["lens"].decode() == "opencv"
        assert file["sets/coco"].attrs["skeleton"].decode() == "fake_2"
        assert h5py.check_string_dtype(file["frames/id"].dtype) == ("utf-8", 20)
        assert file["frames/id"].asstr()[1] == "wälk/00_16/00000001"
        assert file["persons/joints3d"].compression == "gzip"
        assert file["persons/joints3d"].shuffle
        assert file["heatmaps"].attrs["form"].decode() == "peaks"
        assert file["heatmaps/centres"].dtype == np.int16
        assert file["heatmaps/frame_ptr"].shape == (201,)


@pytest.mark.parametrize("rows", [600, 1024, 1025, 3000])
def test_joints_packed_for_runs_are_gzip_to_any_reader(tmp_path, rows):
    column = np.random.default_rng(rows).normal(size=(rows, 5, 3)).astype(np.float32)
    column[::7] = np.nan
    with h5py.File(tmp_path / "a.h5", "w") as file:
        layout.put_column(file, "persons/joints3d", column, compression="gzip")
    with h5py.File(tmp_path / "a.h5") as file:
        dataset = file["persons/joints3d"]
        assert (dataset.compression, dataset.shuffle, dataset.dtype) == ("gzip", True, np.float32)
        assert np.array_equal(dataset[()], column, equal_nan=True)
        # the chunks beyond the end of the column are as HDF5 itself would write them
        assert dataset.id.get_num_chunks() == -(-rows // dataset.chunks[0])


def test_zstd_is_stored_with_its_registered_filter(tmp_path):
    write_shard(tmp_path / "a.h5", table(200), ORIGIN, no_heatmaps("a test"), compression="zstd")
    with h5py.File(tmp_path / "a.h5") as file:
        assert str(hdf5plugin.Zstd.filter_id) in file["persons/joints3d"]._filters


def test_a_full_disk_leaves_nothing_behind_and_says_so(tmp_path, monkeypatch):
    write_atomically(tmp_path / "old.h5", b"finished")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mhbench.shards.files.os.fsync", full)
    with pytest.raises(OutputError, match="the disk is full") as caught:
        write_shard(tmp_path / "a.h5", table(), ORIGIN, no_heatmaps("a test"))
    assert "run the same command again" in caught.value.action
    assert [path.name for path in tmp_path.iterdir()] == ["old.h5"]


def test_a_place_that_takes_no_files_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file/a\.h5 could not be written"):
        write_atomically(tmp_path / "file" / "a.h5", b"content")


def test_orphans_of_dead_programs_go_and_files_of_living_ones_stay(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    host = socket.gethostname()
    dead = tmp_path / f".a.h5~{host}~{int(done.stdout)}.tmp"
    alive = tmp_path / f".b.h5~{host}~{__import__('os').getpid()}.tmp"
    elsewhere = tmp_path / ".c.h5~another-host~1.tmp"
    old = tmp_path / ".d.h5~another-host~1.tmp"
    foreign = tmp_path / ".notes.tmp"
    for path in (dead, alive, elsewhere, old, foreign):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert remove_orphans(tmp_path) == [dead, old]
    assert sorted(tmp_path.iterdir()) == sorted([alive, elsewhere, foreign])


def test_a_shard_of_a_few_frames_is_small():
    assert len(shard_image(table(2), ORIGIN, store(table(2))).content) < 24_000
