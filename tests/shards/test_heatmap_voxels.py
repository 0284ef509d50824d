"""Forms with voxels: what is stored, that it is right, and what happens where there is no room."""

from __future__ import annotations

import errno
import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from shard_samples import ORIGIN, grid, store, table

from mhbench.errors import InputError, OutputError
from mhbench.heatmaps import render, render_sparse
from mhbench.shards import layout, open_shards, peaks_of, write_shard
from mhbench.shards.files import GuardedFile
from mhbench.shards.heatmap_forms import check_heatmaps, get_heatmaps
from mhbench.shards.heatmap_store import FORMS
from mhbench.shards.heatmap_voxels import dense_bytes, frames_of, quantised

VOXELS = ("sparse", "sparse-float16", "dense")
DOCUMENT = Path(__file__).parents[2] / "docs" / "heatmaps.md"


def in_form(whole, form):
    return replace(store(whole), form=form)


def written(path, form, frames=5):
    whole = table(frames, seed=3)
    write_shard(path, whole, ORIGIN, in_form(whole, form))
    return open_shards(path), [render(*one) for one in frames_of(store(whole))]


@pytest.fixture(scope="module")
def documented():
    """The functions of the code blocks of the document."""
    blocks = DOCUMENT.read_text(encoding="utf-8").split("```python\n")[1:]
    code = [block.partition("```")[0] for block in blocks]
    assert max(one.count("\n") for one in code) <= 22
    names = {}
    for one in code:
        exec(one, names)  # noqa: S102 - the lines of our own document are what is tested
    return names


@pytest.mark.parametrize("form", ["peaks", *VOXELS])
def test_every_form_gives_the_formula_bit_for_bit(tmp_path, form):
    shards, volumes = written(tmp_path / "a.h5", form)
    for frame, volume in zip(shards, volumes, strict=True):
        assert np.array_equal(frame.heatmaps(), volume)
        index, values = frame.voxels()
        assert np.array_equal(volume.reshape(-1)[index], values)
        assert len(index) == np.count_nonzero(volume)


@pytest.mark.parametrize(("form", "step"), [("sparse", 1 / 510), ("sparse-float16", 2.0**-12)])
def test_sparse_voxels_are_the_formula_rounded_to_their_type(tmp_path, form, step):
    shards, volumes = written(tmp_path / "a.h5", form)
    for frame, volume in zip(shards, volumes, strict=True):
        index, values = frame.stored_voxels()
        found = np.zeros_like(volume)
        found.reshape(-1)[index] = values
        assert values.dtype == np.float32
        assert np.abs(found - volume).max() <= step * (1 + 1e-6)
        assert np.array_equal(found == 1, volume == 1)
        expected = np.rint(volume * 255) / np.float32(255) if form == "sparse" else volume.astype(np.float16)
        assert np.array_equal(found, expected.astype(np.float32))


def test_uint8_keeps_a_third_of_the_voxels_of_a_gaussian():
    whole = peaks_of(table(1, seed=3), grid(), ("nose",)).grid
    index, values = render_sparse(whole, np.array([[0, 20, 30, 40]], dtype=np.int16))
    assert len(index) == 1331
    assert len(quantised(index, values, "sparse")[0]) == 485


@pytest.mark.parametrize("form", VOXELS)
def test_the_documented_lines_read_what_is_stored(tmp_path, documented, form):
    shards, volumes = written(tmp_path / "a.h5", form)
    # HDF5 refuses to open a file twice in one process with and without locks
    other = shutil.copy(tmp_path / "a.h5", tmp_path / "b.h5")
    for row, frame in enumerate(shards):
        assert np.array_equal(documented["read_peaks"](other, row), volumes[row])
        if form == "dense":
            assert np.array_equal(documented["read_dense"](other, row), volumes[row])
        else:
            index, values = frame.stored_voxels()
            found = documented["read_sparse"](other, row)
            assert np.array_equal(np.flatnonzero(found), index)
            assert np.array_equal(found.reshape(-1)[index], values)


def test_the_documented_lines_read_why_there_are_none(tmp_path, documented):
    whole = table()
    write_shard(
        tmp_path / "a.h5", whole, ORIGIN, replace(store(whole), form="none", reason="höher", grid=None)
    )
    assert documented["read_reason"](tmp_path / "a.h5") == "höher"


def test_the_content_hash_is_the_same_in_all_forms_with_centres(tmp_path):
    whole = table(seed=3)
    found = {
        form: write_shard(tmp_path / f"{form}.h5", whole, ORIGIN, in_form(whole, form))
        for form in ("peaks", *VOXELS)
    }
    assert len({one.content_sha256 for one in found.values()}) == 1
    assert len({one.sha256 for one in found.values()}) == 4
    for form, one in found.items():
        content = (tmp_path / f"{form}.h5").read_bytes()
        assert (one.size, one.sha256) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("form", VOXELS)
def test_the_same_table_gives_the_same_bytes(tmp_path, form):
    first, second = (
        write_shard(tmp_path / name, table(), ORIGIN, in_form(table(), form)) for name in ("a.h5", "b.h5")
    )
    assert first == second


@pytest.mark.parametrize("form", VOXELS)
def test_a_store_comes_back_whole(tmp_path, form):
    whole = table()
    write_shard(tmp_path / "a.h5", whole, ORIGIN, in_form(whole, form))
    with h5py.File(tmp_path / "a.h5") as file:
        found = get_heatmaps(file)
    made = in_form(whole, form)
    for name in ("form", "reason", "grid", "scored", "drawn", "outside"):
        assert getattr(found, name) == getattr(made, name)
    assert np.array_equal(found.centres, made.centres)
    assert np.array_equal(found.frame_ptr, made.frame_ptr)


@pytest.mark.parametrize(("form", "column"), [("sparse", layout.VOXEL_VALUES), ("dense", layout.DENSE)])
def test_changed_voxels_are_found(tmp_path, form, column):
    written(tmp_path / "a.h5", form)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        check_heatmaps(file, 5)
        changed = file[column][()]
        changed[np.nonzero(changed)[0][-1]] = 3
        file[column][...] = changed
        with pytest.raises(InputError, match="not those of its centres"):
            check_heatmaps(file, 5)


def test_a_chunk_is_one_joint_and_empty_ones_take_no_room(tmp_path):
    written(tmp_path / "a.h5", "dense")
    with h5py.File(tmp_path / "a.h5") as file:
        dense = file[layout.DENSE]
        assert dense.chunks == (1, 1, *dense.shape[2:])
        drawn = [(row, channel) for row, channel in np.ndindex(dense.shape[:2]) if dense[row, channel].any()]
        assert dense.id.get_num_chunks() == len(drawn) < dense.shape[0] * dense.shape[1]


def test_long_shards_are_written_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("mhbench.shards.heatmap_voxels._ROWS_AT_ONCE", 5000)
    written(tmp_path / "a.h5", "sparse", 40)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file[layout.VOXEL_PTR][-1] == len(file[layout.VOXEL_VALUES]) > 3 * 5000
        check_heatmaps(file, 40)


def test_stored_voxels_of_another_form_are_refused(tmp_path):
    shards, _ = written(tmp_path / "a.h5", "peaks")
    with pytest.raises(InputError, match="of the form 'peaks'"):
        shards[0].stored_voxels()


def test_dense_needs_room_before_it_begins(tmp_path, monkeypatch):
    whole = table(seed=3)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(OutputError, match="GB of free space"):
        write_shard(tmp_path / "new" / "a.h5", whole, ORIGIN, in_form(whole, "dense"))
    assert list(tmp_path.iterdir()) == []


def test_the_room_asked_for_suffices(tmp_path):
    whole = table(30, seed=3)
    asked = dense_bytes(in_form(whole, "dense"))
    assert (
        asked / 30 < write_shard(tmp_path / "a.h5", whole, ORIGIN, in_form(whole, "dense")).size < 2 * asked
    )


@pytest.mark.parametrize("capacity", [0, 10_000, 30_000, 50_000])
def test_a_disk_that_fills_up_meanwhile_leaves_nothing_and_crashes_nothing(tmp_path, monkeypatch, capacity):
    write = GuardedFile.write

    class Full:
        def __init__(self, file):
            self.file, self.left = file, capacity

        def write(self, content):
            if len(content) > self.left:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.left -= len(content)
            return self.file.write(content)

    def guarded(self, content):
        if not isinstance(self._file, Full):
            full = Full(self._file)
            full.read, full.truncate = self._file.read, self._file.truncate
            self._file = full
        return write(self, content)

    monkeypatch.setattr(GuardedFile, "write", guarded)
    whole = table(20, seed=3)
    with pytest.raises(OutputError, match="the disk is full"):
        write_shard(tmp_path / "a.h5", whole, ORIGIN, in_form(whole, "dense"))
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_knows_the_forms():
    from mhbench.cli.options import HEATMAP_FORMS

    assert HEATMAP_FORMS == FORMS
