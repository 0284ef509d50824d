from __future__ import annotations

import multiprocessing
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
from shard_samples import JOINTS, ORIGIN, store, table, write_dataset

from mhbench.errors import InputError, MissingInputError, UnsafeInputError, UsageError
from mhbench.heatmaps import HeatmapBuffer
from mhbench.shards import open_shards, read_table, write_shard
from mhbench.shards.heatmap_forms import get_heatmaps
from mhbench.shards.pool import Pool, pool
from mhbench.shards.tables import open_file


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("shards") / "fake")


def test_frames_come_in_the_order_of_split_item_and_frame(folder):
    shards = open_shards(folder)
    assert [info.path for info in shards.infos] == [
        "all/item1.h5",
        "all/item2.h5",
        "all/item3.h5",
        "train/item4.h5",
    ]
    assert len(shards) == 5 + 1030 + 0 + 3
    expected = [identity for one in shards.tables({"frames/id"}) for identity in one.frames["id"]]
    assert [frame.id for frame in shards] == expected
    assert shards[-1].id == expected[-1]
    assert [frame.row for frame in shards[4:6]] == [4, 0]
    with pytest.raises(IndexError):
        shards[len(shards)]


def test_a_frame_has_the_columns_of_its_row(folder):
    shards = open_shards(folder.parent, "fake", split="all")
    whole = read_table(folder / "all" / "item2.h5")
    for row in (0, 1023, 1024, 1029):  # around the border of two chunks
        frame, people = shards[5 + row], whole.people(row)
        assert set(frame.columns) - {"person_start"} == set(whole.frames)
        assert np.array_equal(frame.columns["K"], whole.frames["K"][row])
        assert frame.columns["sequence"] == "wälk"
        assert set(frame.persons) == set(whole.persons)
        for name in ("joints3d", "gender"):
            column = frame.persons[name]
            assert np.array_equal(column, whole.persons[name][people], equal_nan=column.dtype.kind == "f")
        found = frame.joint_set("coco")["joints2d"]
        assert np.array_equal(found, whole.sets["coco"].columns["joints2d"][people], equal_nan=True)
    with pytest.raises(KeyError):
        shards[0].persons["absent"]
    with pytest.raises(ValueError, match="read-only"):
        shards[0].columns["K"][0, 0] = 1


def test_a_buffer_is_reused_and_gives_the_same_volumes(folder):
    shards = open_shards(folder, split="train")
    buffer = HeatmapBuffer(shards[0].grid())
    for frame in shards:
        assert np.array_equal(frame.heatmaps(out=buffer), frame.heatmaps())
    out = np.ones(shards[0].grid().shape, dtype=np.float32)
    assert shards[1].heatmaps(out=out) is out
    with pytest.raises(UsageError, match="does not fit"):
        shards[0].heatmaps(JOINTS, out=buffer)
    with pytest.raises(UsageError, match="no joint 'tail'"):
        shards[0].heatmaps(["tail"])


def test_some_columns_are_read_without_the_others(folder):
    some = read_table(folder / "train" / "item4.h5", {"persons/joints3d", "sets/coco/joints2d"})
    assert set(some.frames) == {"id"}
    assert set(some.persons) == {"joints3d"}
    assert set(some.sets["coco"].columns) == {"joints2d"}
    with pytest.raises(InputError, match="no column 'persons/weight'"):
        read_table(folder / "train" / "item4.h5", {"persons/weight"})


def test_ground_truth_facts_hold_what_was_read_and_nothing_computed(folder):
    shards = open_shards(folder)
    facts = {
        "dataset": "fake",
        "converter_version": 3,
        "manifest_hash": "a" * 64,
        "raw": ["0" * 64, "1" * 64],
    }
    assert shards.gt_facts() == facts
    assert open_shards(folder, split="train").gt_sha256() != shards.gt_sha256()
    assert (
        open_shards(folder / "train" / "item4.h5").gt_sha256()
        == open_shards(folder, split="train").gt_sha256()
    )
    assert shards.complete
    assert not replace(shards, failed=1).complete


def _ids(shards):
    return [frame.id for frame in shards[::200]], os.getpid()


def test_shards_work_in_pickles_and_after_a_fork(folder):
    shards = open_shards(folder)
    ids, _ = _ids(shards)  # opens files in this process
    assert _ids(pickle.loads(pickle.dumps(shards)))[0] == ids  # noqa: S301, TID251 - our own
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as workers:
            answers = workers.map(_ids, [shards] * 6)
        assert all(found == ids for found, _ in answers)


def test_at_most_so_many_files_and_bytes_are_held(folder):
    small = Pool(most_files=2, most_bytes=100_000)
    shards = open_shards(folder)
    for _ in range(2):
        for info in shards.infos:
            path = folder / info.path
            wanted = read_table(path).persons["joints3d"]
            stop = len(wanted)
            assert np.array_equal(small.rows(path, "persons/joints3d", 0, stop), wanted, equal_nan=True)
            assert len(small._files) <= 2
            assert small._bytes == sum(chunk.nbytes for chunk in small._chunks.values())
            assert len(small._chunks) == 1 or small._bytes <= 100_000
    assert len(pool()._files) <= 64


def test_every_wrong_place_is_named(folder, tmp_path):
    with pytest.raises(MissingInputError, match="no shards of panoptic"):
        open_shards(folder.parent, "panoptic")
    with pytest.raises(UsageError, match="holds fake"):
        open_shards(folder, "panoptic")
    with pytest.raises(UsageError, match="no split 'val'"):
        open_shards(folder, split="val")
    with pytest.raises(MissingInputError, match="no shard"):
        read_table(tmp_path / "absent.h5")
    write_dataset(tmp_path / "one", (1,), ("all",))
    write_dataset(tmp_path / "two", (1,), ("all",))
    with pytest.raises(UsageError, match="several data sets"):
        open_shards(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "damaged"),
        (b'{"format": "mhbench-index/9", "new": 1}', "has the format 'mhbench-index/9'"),
        (b'{"format": "mhbench-index/1", "dataset": 3}', r"Expected `str`, got `int` - at `\$.dataset`"),
        (b"[" * 100_000, "damaged"),
    ],
)
def test_a_bad_index_is_one_sentence(tmp_path, content, message):
    (tmp_path / "index.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_shards(tmp_path)


def test_an_index_cannot_point_outside_its_folder(tmp_path):
    write_dataset(tmp_path, (1,), ("all",))
    index = tmp_path / "index.json"
    index.write_text(index.read_text().replace("all/item1.h5", "../../etc/passwd"))
    with pytest.raises(UnsafeInputError):
        open_shards(tmp_path)


@pytest.mark.parametrize("length", [0, 100, 3000, -1])
def test_a_truncated_shard_is_named(tmp_path, length):
    whole = table(50)
    write_shard(tmp_path / "a.h5", whole, ORIGIN, store(whole))
    content = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(content[:length])
    with pytest.raises(InputError, match=r"a\.h5 is damaged"):
        read_table(tmp_path / "a.h5")
    with pytest.raises(InputError, match=r"a\.h5 is damaged"):
        _ = open_shards(tmp_path / "a.h5")[0].id


def spoiled(path, edit):
    import h5py

    whole = table(7)
    write_shard(path, whole, ORIGIN, store(whole))
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def test_text_that_is_none_is_damage(tmp_path):
    def edit(file):
        file["frames/id"][2] = b"\xff\xfe"

    path = spoiled(tmp_path / "a.h5", edit)
    with pytest.raises(InputError, match=r"a\.h5 is damaged: .*utf-8"):
        read_table(path)
    with pytest.raises(InputError, match=r"a\.h5 is damaged: .*utf-8"):
        _ = open_shards(path)[0].id


def test_a_lost_attribute_is_damage(tmp_path):
    path = spoiled(tmp_path / "a.h5", lambda file: file["heatmaps"].attrs.__delitem__("stride"))
    with pytest.raises(InputError, match=r"a\.h5 is damaged"):
        open_shards(path)[0].heatmaps()


def test_a_centre_of_no_joint_is_damage(tmp_path):
    def edit(file):
        file["heatmaps/centres"][:, 0] = 99

    path = spoiled(tmp_path / "a.h5", edit)
    with pytest.raises(InputError, match=r"a\.h5 is damaged"):
        [frame.centres() for frame in open_shards(path)]
    with open_file(path) as file, pytest.raises(InputError, match="a channel that is no joint"):
        get_heatmaps(file)


def test_a_foreign_hdf5_file_is_refused(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["format"] = "mhbench-shard/9"
    with pytest.raises(InputError, match="has the format 'mhbench-shard/9'"):
        read_table(tmp_path / "a.h5")
