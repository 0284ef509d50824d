from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import fake_dataset
import msgspec
import numpy as np
import pytest
from fake_dataset import ITEMS, order, reads, write_raw

from mhbench.conversion.fingerprints import fingerprint
from mhbench.conversion.pipeline import convert
from mhbench.conversion.records import rebuild_index
from mhbench.datasets.items import Selection
from mhbench.datasets.raw.folders import files_in
from mhbench.errors import InputError, MissingInputError, OutputError, UsageError
from mhbench.shards import open_shards, read_index, verify


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(fake_dataset.DATASETS, "fake", "fake_dataset")
    monkeypatch.setattr("mhbench.conversion.pipeline.dataset_manifest", lambda _: fake_dataset.manifest())
    monkeypatch.setattr("mhbench.conversion.pipeline.conversion_hash", lambda *_: "1" * 64)


@pytest.fixture
def raw(tmp_path):
    return write_raw(tmp_path / "raw")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "shards"


def run(raw, out, selection=None, **options):
    return convert("fake", raw, out, selection, **{"engine": "serial", **options})


def hashes(out):
    """sha256 of every shard and of the index."""
    files = [*(out / "fake").rglob("*.h5"), out / "fake" / "index.json"]
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def times(out):
    return {path.name: path.stat().st_mtime_ns for path in (out / "fake").rglob("*.h5")}


def leftovers(out):
    """Files that no finished conversion leaves."""
    return [
        path for path in (out / "fake").rglob("*") if path.name.startswith(".") or path.suffix == ".begun"
    ]


def command(raw, out, *options):
    """The command line in a process of its own, in a new session so that nothing of it outlives the test."""
    return subprocess.run(
        [sys.executable, "-m", "fake_dataset", "convert", "fake", "--raw", raw, "--out", out, *options],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_conversion_is_complete_indexed_and_verified(raw, out):
    report = run(raw, out)
    assert (report.done, report.current, len(report.failures)) == (ITEMS, 0, 0)
    assert report.frames == sum(6 + number for number in range(ITEMS)) == len(open_shards(out))
    assert report.persons == 2 * report.frames
    assert verify(out / "fake").faults == ()
    assert open_shards(out).complete
    assert open_shards(out)[7].id == "walk1.00_01".replace(".", "/") + "/0001"
    assert leftovers(out) == []
    worst = max(one.reprojection.largest_px for one in report.results.values())
    assert worst < 0.01
    assert "8 converted, 0 current, 0 failed" in str(report)
    assert f"next: mhbench verify {out / 'fake'}" in str(report)


def test_the_output_is_the_same_bytes_for_any_engine_number_of_workers_time_and_place(raw, out, tmp_path):
    run(raw, out)
    time.sleep(1.1)
    for name, options in {
        "one": {"engine": "processes", "jobs": 1},
        "two": {"engine": "processes", "jobs": 2},
    }.items():
        run(raw, tmp_path / name, **options)
        assert hashes(tmp_path / name) == hashes(out)
    (tmp_path / "moved").mkdir()
    raw.rename(tmp_path / "moved" / "data")
    run(tmp_path / "moved" / "data", tmp_path / "three")
    assert hashes(tmp_path / "three") == hashes(out)


def test_array_jobs_and_the_index_give_the_same_bytes(raw, out, tmp_path):
    run(raw, out)
    for part in (2, 0, 1):
        report = run(raw, tmp_path / "array", shard_index=part, shard_count=3)
        assert report.index is None
        assert "mhbench index" in str(report)
    with pytest.raises(MissingInputError, match="no shards"):
        open_shards(tmp_path / "array")
    rebuild_index(tmp_path / "array" / "fake")
    assert hashes(tmp_path / "array") == hashes(out)
    with pytest.raises(UsageError, match="no part 3 of 3"):
        run(raw, out, shard_index=3, shard_count=3)


def test_what_is_current_is_kept_and_what_changed_is_done_again(raw, out):
    run(raw, out)
    before, index = times(out), hashes(out)
    report = run(raw, out)
    assert (report.done, report.current, reads(raw)) == (0, ITEMS, ITEMS)
    os.utime(raw / "walk1.00_01.json")  # another time, the same content
    (raw / "walk2.00_02.json").write_text('{"seed": 99, "frames": 8}')
    (out / "fake" / "all" / "walk3.00_03.h5").unlink()
    report = run(raw, out)
    assert (report.done, report.current, reads(raw)) == (2, ITEMS - 2, ITEMS + 2)
    after = times(out)
    assert {name for name in after if after[name] != before[name]} == {"walk2.00_02.h5", "walk3.00_03.h5"}
    changed = {name for name, value in hashes(out).items() if value != index[name]}
    assert changed == {"fake/all/walk2.00_02.h5", "fake/index.json"}


def test_the_full_check_finds_what_sizes_and_times_do_not_tell(raw, out):
    run(raw, out)
    before = times(out)
    shard, source = out / "fake" / "all" / "walk1.00_01.h5", raw / "walk2.00_02.json"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    status = source.stat()
    source.write_text('{"seed": 7, "frames": 8}')  # as long as before
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert run(raw, out).current == ITEMS
    report = run(raw, out, check="full")
    assert (report.done, report.current) == (2, ITEMS - 2)
    assert times(out)["walk0.00_00.h5"] == before["walk0.00_00.h5"]
    assert verify(out / "fake").faults == ()


def test_a_new_converter_does_everything_again(raw, out, monkeypatch):
    run(raw, out)
    monkeypatch.setattr("mhbench.conversion.pipeline.dataset_manifest", lambda _: fake_dataset.manifest(2))
    with pytest.raises(OutputError, match="converter_version 1 and 2"):
        run(raw, out, Selection(sequences=("walk1",)))
    assert run(raw, out).done == ITEMS
    assert read_index(out / "fake").converter_version == 2


def test_other_options_on_finished_shards_are_refused_until_forced(raw, out):
    run(raw, out)
    before = hashes(out)
    with pytest.raises(OutputError, match="--every 1 and 2"):
        run(raw, out, Selection(every=2))
    with pytest.raises(OutputError, match="--heatmaps 'peaks' and 'none'"):
        run(raw, out, heatmaps="none")
    with pytest.raises(OutputError, match="--every 1 and 2"):
        run(
            raw, out, Selection(every=2, sequences=("walk1",)), force=True
        )  # the others would stay as they are
    assert hashes(out) == before
    report = run(raw, out, Selection(every=2), force=True)
    assert report.done == ITEMS
    assert not open_shards(out).complete
    assert read_index(out / "fake").options["every"] == 2


def test_more_items_are_added_to_what_is_there(raw, out, tmp_path):
    run(raw, out, Selection(sequences=("walk5", "walk1")))
    assert len(open_shards(out).infos) == 2
    assert run(raw, out).done == ITEMS - 2
    run(raw, tmp_path / "at once")
    assert hashes(out) == hashes(tmp_path / "at once")


def test_failures_are_rows_and_the_others_go_on(raw, out):
    order(raw, "walk2.00_02", "raise")
    order(raw, "walk4.00_04", "divide")
    report = run(raw, out)
    assert report.done == ITEMS - 2
    ours, foreign = report.failures["all/walk2.00_02"], report.failures["all/walk4.00_04"]
    assert (ours.what, ours.expected, ours.action) == ("x.json is damaged", "joints", "retry")
    assert foreign.what.startswith("all/walk4.00_04: ZeroDivisionError: ")
    assert "at fake_dataset:" in foreign.what
    index = read_index(out / "fake")
    assert [failed.item for failed in index.failed] == ["walk2.00_02", "walk4.00_04"]
    assert not open_shards(out).complete
    assert "failed: 2 items" in str(report)
    again = run(raw, out)
    assert (again.done, again.current, len(again.failures)) == (2, ITEMS - 2, 0)


def test_nothing_converted_means_no_index(raw, out):
    for number in range(ITEMS):
        order(raw, f"walk{number}.00_{number:02d}", "raise")
    assert run(raw, out).index is None
    with pytest.raises(MissingInputError, match="no converted item"):
        rebuild_index(out / "fake")


def test_excluded_frames_are_listed_with_their_reason(raw, out):
    (raw / "walk0.00_00.json").write_text('{"seed": 0, "frames": 6, "exclude": 2}')
    report = run(raw, out)
    assert "1 frames: a test says so" in str(report)
    assert [(entry.item, entry.frames) for entry in read_index(out / "fake").excluded] == [("walk0.00_00", 1)]


def test_a_grid_that_does_not_fit_fails_the_item_unless_it_is_allowed(raw, out):
    (raw / "walk1.00_01.json").write_text('{"seed": 1, "frames": 7, "further": 10}')
    report = run(raw, out)
    assert "lie outside the grid's 0 to 8 m" in report.failures["all/walk1.00_01"].what
    allowed = run(raw, out, allow_outside_grid=True)
    assert (allowed.done, allowed.failures) == (1, {})
    assert 0 < allowed.outside_share < 1


def test_a_damaged_journal_is_named(raw, out):
    run(raw, out)
    journal = out / "fake" / "journal" / "all" / "walk1.00_01.json"
    journal.write_bytes(journal.read_bytes()[:50])
    with pytest.raises(InputError, match=r"journal .*walk1.* is damaged"):
        run(raw, out)
    journal.unlink()
    assert run(raw, out).done == 1


def test_what_nobody_may_read_is_told_and_not_left_out(raw, out, tmp_path, monkeypatch):
    order(raw, "walk3.00_03", "denied")
    (failure,) = run(raw, out).failures.values()
    assert failure.what == "x.json cannot be read: Permission denied"
    assert "permissions" in failure.action

    def denied(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(PermissionError):
        files_in(tmp_path, "*.json")  # where glob finds nothing
    monkeypatch.setattr("fake_dataset.items", lambda folder, _: denied(folder))
    with pytest.raises(InputError, match=r"raw cannot be read: Permission denied"):
        run(raw, out)


def test_names_that_cannot_be_written_are_refused_before_anything_is_done(raw, out):
    (raw / os.fsdecode(b"walk\xff.00_09.json")).write_text('{"seed": 1, "frames": 2}')
    with pytest.raises(InputError, match=r"the item 'all/walk\\udcff\.00_09', which is no name"):
        run(raw, out)
    assert not out.exists()


def test_fingerprints_meet_neither_pipes_nor_links_in_a_circle(tmp_path):
    folder = tmp_path / "poses"
    folder.mkdir()
    (folder / "a.json").write_text("{}")
    before = fingerprint(tmp_path, ["poses"]).content
    os.mkfifo(folder / "pipe")
    (folder / "circle").symlink_to(folder)
    assert fingerprint(tmp_path, ["poses"]).content == before
    with pytest.raises(MissingInputError, match=r"pipe is missing"):
        fingerprint(tmp_path, ["poses/pipe"])


def test_wrong_places_are_named(raw, out, tmp_path):
    with pytest.raises(MissingInputError, match="no raw folder"):
        run(tmp_path / "absent", out)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="could not be written"):
        run(raw, tmp_path / "file")


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(raw, out, tmp_path):
    order(raw, "walk3.00_03", "full")
    with pytest.raises(OutputError, match="the disk is full"):
        run(raw, out, engine="processes")
    assert leftovers(out) == []
    before = times(out)
    run(raw, out)
    run(raw, tmp_path / "reference")
    assert hashes(out) == hashes(tmp_path / "reference")
    assert {name: time for name, time in times(out).items() if name in before} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_really_full_disk_crashes_nothing(raw, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", small], check=False)
    if mounted.returncode:
        pytest.skip("this container may not mount")
    try:
        done = command(raw, small, "-j", "2")
        assert done.returncode == 2
        assert "the disk is full" in done.stderr
        assert "Traceback" not in done.stderr
        finished = times(small)
        assert finished
        assert not list(small.rglob("*.tmp"))
        subprocess.run(["mount", "-o", "remount,size=8m", small], check=True)
        assert command(raw, small, "-j", "1").returncode == 0
        assert {name: time for name, time in times(small).items() if name in finished} == finished
        assert verify(small / "fake").faults == ()
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.parametrize("moment", ["kill-before", "kill-during", "kill-after"])
def test_a_killed_worker_costs_nothing_but_its_item_again(raw, out, tmp_path, moment):
    order(raw, "walk3.00_03", moment)
    report = run(raw, out, engine="processes", jobs=2)
    assert (report.done, report.failures) == (ITEMS, {})
    assert leftovers(out) == []
    assert ITEMS + 1 <= reads(raw) <= ITEMS + 2  # what was in flight in the two workers
    run(raw, tmp_path / "reference")
    assert hashes(out) == hashes(tmp_path / "reference")


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="dask is not installed")
def test_a_killed_dask_worker_costs_nothing_but_its_item_again(raw, out, tmp_path):
    order(raw, "walk3.00_03", "kill-during")
    done = command(raw, out, "--engine", "dask", "-j", "2")
    assert done.returncode == 0, done.stderr
    assert reads(raw) > ITEMS
    assert leftovers(out) == []
    run(raw, tmp_path / "reference")
    assert hashes(out) == hashes(tmp_path / "reference")


def test_an_item_that_kills_its_worker_twice_is_a_failure_and_the_others_are_done(raw, out):
    order(raw, "walk3.00_03", "kill-before", times=2)
    report = run(raw, out, engine="processes", jobs=2)
    assert report.done == ITEMS - 1
    assert "died twice" in report.failures["all/walk3.00_03"].what
    assert run(raw, out).done == 1


@pytest.mark.parametrize("moment", ["kill-program", "kill-program-during"])
def test_a_killed_program_resumes_to_the_same_bytes(raw, out, tmp_path, moment):
    order(raw, "walk4.00_04", moment)
    killed = command(raw, out, "-j", "2")
    assert killed.returncode == -9
    time.sleep(1)  # the other worker finishes what it had begun
    assert not (out / "fake" / "index.json").exists()
    finished = {path.stem for path in (out / "fake" / "journal").rglob("*.json")}
    before = {name: time for name, time in times(out).items() if Path(name).stem in finished}
    assert 1 <= len(finished) < ITEMS
    begun = reads(raw)
    done = command(raw, out, "-j", "2")
    assert done.returncode == 0, done.stderr
    assert f"{ITEMS - len(finished)} converted, {len(finished)} current" in done.stdout
    assert begun - len(finished) <= 2  # in flight when the program was killed
    assert reads(raw) == begun + ITEMS - len(finished)
    assert {name: time for name, time in times(out).items() if name in before} == before
    assert leftovers(out) == []
    run(raw, tmp_path / "reference")
    assert hashes(out) == hashes(tmp_path / "reference")


def test_the_command_line_tells_done_done_in_part_and_refused_apart(raw, out):
    order(raw, "walk1.00_01", "raise")
    part = command(raw, out, "-j", "1")
    assert part.returncode == 1
    assert "x.json is damaged" in part.stdout
    assert command(raw, out, "-j", "1").returncode == 0
    refused = command(raw, out, "--every", "5")
    assert refused.returncode == 2
    assert "--every 1 and 5" in refused.stderr
    check = [sys.executable, "-m", "mhbench", "verify", out / "fake"]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0
    (out / "fake" / "all" / "walk1.00_01.h5").write_bytes(b"")
    assert subprocess.run([*check[:-1], out], capture_output=True, check=False).returncode == 2
    assert subprocess.run([*check[:-1], raw], capture_output=True, check=False).returncode == 2
    broken = subprocess.run(check, capture_output=True, text=True, check=False)
    assert broken.returncode == 2
    assert "all/walk1.00_01.h5" in broken.stdout
    index = [sys.executable, "-m", "mhbench", "index", out / "fake"]
    assert subprocess.run(index, capture_output=True, check=False).returncode == 0


def test_shards_hold_the_frames_of_their_items_whatever_the_limit(raw, out):
    run(raw, out, Selection(limit=3))
    index = read_index(out / "fake")
    assert {info.frames for info in index.shards} == {3}
    assert [info.frames_available for info in index.shards] == [6 + number for number in range(ITEMS)]
    shards = open_shards(out)
    assert not shards.complete
    assert shards[0].heatmaps().shape == (14, 40, 60, 80)
    assert np.count_nonzero(shards[0].heatmaps() == 1) > 0
    assert msgspec.json.decode((out / "fake" / "index.json").read_bytes())["format"] == "mhbench-index/1"
