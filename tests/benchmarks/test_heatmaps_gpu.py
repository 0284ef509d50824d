"""The measurements of a GPU, on the processor and at toy size, so that they run when one is there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from benchmarks_at_hand import BENCHMARKS, benchmark


@pytest.fixture(scope="module")
def script():
    with benchmark("heatmaps_gpu") as module:
        yield module


@pytest.fixture
def toy(script, tmp_path, monkeypatch):
    for name, value in (("BATCH", 2), ("RUN", 2), ("WORKERS", 0)):
        monkeypatch.setattr(script.loading, name, value)
    script.loading.write(tmp_path, 0, 4)
    grid = replace(script.PADDED, joints=script.PADDED.joints[:1], depth_bins=40)
    return script.work(torch.device("cpu"), grid, 2, 0, tmp_path)


def test_everything_is_measured_and_judged(script, toy):
    script.check(toy)
    found = script.contenders(toy)
    times = script.measuring.measure(found, repeats=1, warm_up=0)
    report = script.judge(toy, times, 0)
    assert {one.name for one in report.measurements} == set(found)
    judged = {one.name: one for one in report.claims}
    floors = {one.floor for one in judged.values()}
    assert floors == {None, 0.5, 1, 200}
    # read and written once in a copy, written once in a rendering
    bytes_of_a_frame = 4 * toy.grid.voxels
    copied = 2 * 2 * bytes_of_a_frame / times[script.COPY].median
    share = bytes_of_a_frame / times[script.TOUCHED].median / copied
    assert judged[f"{script.TOUCHED} / copy bandwidth"].value == pytest.approx(share)
    assert judged["copy"].value == pytest.approx(copied / 1e9)


def test_a_device_that_draws_something_else_is_caught(script, toy, monkeypatch):
    monkeypatch.setattr(script, "render_batch", lambda *_: torch.zeros(2, *toy.grid.shape))
    with pytest.raises(AssertionError):
        script.check(toy)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "heatmaps_gpu.py"), "--out", str(tmp_path / "a.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "finds no GPU here: nothing was measured" in done.stdout
    assert not (tmp_path / "a.json").exists()
