from __future__ import annotations

import hashlib
import itertools

import fake_dataset
import h5py
import pytest
from click.testing import CliRunner
from fake_dataset import write_raw

import mhbench.conversion.heatmap_rewriting
from mhbench.cli.heatmaps import command
from mhbench.conversion.heatmap_rewriting import rewrite_heatmaps, rewrite_shard
from mhbench.conversion.pipeline import convert
from mhbench.errors import MissingInputError, OutputError, UsageError
from mhbench.shards import open_shards, read_index, verify
from mhbench.shards.heatmap_store import FORMS


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(fake_dataset.DATASETS, "fake", "fake_dataset")
    for module in ("mhbench.conversion.pipeline", "mhbench.conversion.heatmap_rewriting"):
        monkeypatch.setattr(f"{module}.dataset_manifest", lambda _: fake_dataset.manifest())
        monkeypatch.setattr(f"{module}.conversion_hash", lambda *_: "1" * 64)


@pytest.fixture
def raw(tmp_path):
    return write_raw(tmp_path / "raw", 3)


def run(raw, out, form):
    convert("fake", raw, out, engine="serial", heatmaps=form)
    return out


def rewrite(shards, form, **options):
    (report,) = rewrite_heatmaps(shards, form, **{"engine": "serial", **options})
    return report


def hashes(out):
    files = [*(out / "fake").rglob("*.h5"), out / "fake" / "index.json"]
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def every_pair(forms):
    """A round that goes from each form to each other one exactly once (Hierholzer)."""
    left = {form: [other for other in forms if other != form] for form in forms}
    way, tour = [forms[0]], []
    while way:
        if left[way[-1]]:
            way.append(left[way[-1]].pop())
        else:
            tour.append(way.pop())
    return tour[::-1]


def test_any_form_from_any_other_is_what_converting_gives(tmp_path):
    tour = every_pair(FORMS)
    assert set(itertools.pairwise(tour)) == set(itertools.permutations(FORMS, 2))
    raw = write_raw(tmp_path / "raw", 1)
    wanted = {form: hashes(run(raw, tmp_path / form, form)) for form in FORMS}
    shards = tmp_path / tour[0]
    for form in tour[1:]:
        report = rewrite(shards, form)
        assert hashes(shards) == wanted[form]
        assert (report.rewritten, report.current) == (1, 0)
    assert f"heatmaps are {tour[-1]}: 1 shards rewritten" in str(report)


def test_what_was_rewritten_is_current_for_everybody(raw, tmp_path):
    shards = run(raw, tmp_path / "shards", "peaks")
    rewrite(shards, "sparse")
    again = rewrite(shards, "sparse")
    assert (again.rewritten, again.current) == (0, 3)
    assert verify(shards / "fake").faults == ()
    assert convert("fake", raw, shards, engine="serial", heatmaps="sparse").current == 3


@pytest.mark.parametrize("journalled", [True, False])
def test_an_interrupted_run_is_finished_by_the_next(raw, tmp_path, monkeypatch, journalled):
    shards = run(raw, tmp_path / "shards", "peaks")
    wanted = hashes(run(raw, tmp_path / "wanted", "sparse"))
    done = []

    def interrupted(task):
        if len(done) == 2:
            if not journalled:
                rewrite_shard(task)  # the shard is in place, its journal is not
            raise KeyboardInterrupt
        done.append(task)
        return rewrite_shard(task)

    with monkeypatch.context() as patched:
        patched.setattr(mhbench.conversion.heatmap_rewriting, "rewrite_shard", interrupted)
        with pytest.raises(KeyboardInterrupt):
            rewrite(shards, "sparse")
    with pytest.raises(MissingInputError):
        open_shards(shards)  # no index promises what is half done
    report = rewrite(shards, "sparse")
    assert (report.rewritten, report.current) == (1, 2)
    assert hashes(shards) == wanted


def test_a_damaged_shard_is_a_row_and_the_others_go_on(raw, tmp_path):
    shards = run(raw, tmp_path / "shards", "peaks")
    path = shards / "fake" / "all" / "walk1.00_01.h5"
    path.write_bytes(path.read_bytes()[:2000])
    report = rewrite(shards, "sparse")
    assert (report.rewritten, list(report.failures)) == (2, ["all/walk1.00_01"])
    assert "walk1.00_01.h5 is damaged" in str(report)
    assert [failed.item for failed in read_index(shards / "fake").failed] == ["walk1.00_01"]
    assert convert("fake", raw, shards, engine="serial", heatmaps="sparse").done == 1


def test_heatmaps_made_late_keep_the_rules_of_the_conversion(raw, tmp_path, monkeypatch):
    (raw / "walk1.00_01.json").write_text('{"seed": 1, "frames": 7, "further": 10}')
    shards = run(raw, tmp_path / "shards", "none")
    assert "lie outside the grid" in rewrite(shards, "peaks").failures["all/walk1.00_01"].what
    shards = run(raw, tmp_path / "again", "none")
    assert rewrite(shards, "peaks", allow_outside_grid=True).rewritten == 3
    shards = run(raw, tmp_path / "changed", "none")
    before = hashes(shards)
    monkeypatch.setattr("mhbench.conversion.heatmap_rewriting.conversion_hash", lambda *_: "2" * 64)
    assert "manifest has changed" in str(rewrite(shards, "peaks"))
    assert hashes(shards) == before  # where nothing could be made, nothing is lost
    assert verify(shards / "fake").faults == ()
    assert convert("fake", raw, shards, engine="serial", heatmaps="none").current == 3


def test_what_cannot_be_is_refused(raw, tmp_path):
    shards = run(raw, tmp_path / "shards", "peaks")
    with pytest.raises(UsageError, match="cannot be stored as 'png'"):
        rewrite(shards, "png")
    with pytest.raises(MissingInputError, match="nothing was converted"):
        rewrite(tmp_path / "absent", "peaks")
    for journal in (shards / "fake" / "journal").rglob("*.json"):
        journal.unlink()
    with pytest.raises(MissingInputError, match="no journals"):
        rewrite(shards, "sparse")


def test_a_full_disk_keeps_the_old_shards(raw, tmp_path, monkeypatch):
    shards = run(raw, tmp_path / "shards", "peaks")
    before = {path: path.read_bytes() for path in shards.rglob("*.h5")}

    def full(*_):
        raise OutputError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("mhbench.shards.writing.check_space", full)
        with pytest.raises(OutputError):
            rewrite(shards, "dense")
    assert {path: path.read_bytes() for path in shards.rglob("*.h5")} == before
    assert rewrite(shards, "dense").rewritten == 3


def test_the_command_says_what_it_did(raw, tmp_path):
    shards = run(raw, tmp_path / "shards", "peaks")
    done = CliRunner().invoke(command, [str(shards), "--to", "peaks", "-j", "1"], standalone_mode=False)
    assert done.return_value == 0
    assert "0 shards rewritten, 3 current, 0 failed" in done.output
    (shards / "fake" / "all" / "walk1.00_01.h5").unlink()
    done = CliRunner().invoke(command, [str(shards), "--to", "sparse", "-j", "1"], standalone_mode=False)
    assert done.return_value == 1
    with h5py.File(shards / "fake" / "all" / "walk0.00_00.h5") as file:
        assert file["heatmaps"].attrs["form"] == b"sparse"
