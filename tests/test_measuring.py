from __future__ import annotations

import importlib.util
import itertools
import json
import sys
import time
from pathlib import Path

import msgspec
import pytest

FILE = Path(__file__).parent.parent / "benchmarks" / "measuring.py"


@pytest.fixture(scope="module")
def measuring():
    spec = importlib.util.spec_from_file_location("measuring", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["measuring"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["measuring"]


@pytest.fixture
def report(measuring):
    times = measuring.measure(
        {
            "ours": measuring.Contender(lambda: sum(range(10))),
            "theirs": measuring.Contender(lambda: sum(range(100)), who="peer", repeats=2, note="slow"),
        },
        repeats=5,
        warm_up=1,
    )
    return measuring.Report(
        benchmark="made-up",
        about="nothing",
        seed=3,
        settings={"people": 40},
        machine=measuring.machine(),
        measurements=list(times.values()),
        claims=[
            measuring.claim("fast", 3.0, "frames/s", floor=2.0),
            measuring.claim("slow", 3.0, "x", floor=2.0, wanted="at most"),
            measuring.claim("told", 3.0, "x"),
        ],
        limits=[measuring.limit("read", 1000, 1e6, 3e-3)],
    )


def test_a_result_file_survives_the_way_there_and_back(measuring, report, tmp_path, capsys):
    path = measuring.write(report, tmp_path / "deep" / "made-up.json")
    again = measuring.read(path.read_bytes())
    assert again == report
    assert json.loads(path.read_text())["format"] == "mhbench-benchmark/1"
    assert measuring.write(report, tmp_path) == tmp_path / f"{report.benchmark}.json"
    measuring.show(again)
    assert "LOST" in capsys.readouterr().out


def test_losses_are_judged_like_wins(report):
    assert [one.kept for one in report.claims] == [True, False, None]
    assert report.limits[0].seconds == pytest.approx(1e-3)
    assert report.limits[0].distance == pytest.approx(3)


def test_a_slow_peer_takes_part_in_fewer_rounds(report):
    ours, theirs = report.measurements
    assert (ours.repeats, ours.warm_up) == (5, 1)
    assert (theirs.repeats, theirs.who, theirs.note) == (2, "peer", "slow")
    assert ours.fastest <= ours.lower_quartile <= ours.median <= ours.upper_quartile <= ours.slowest


def test_preparation_is_not_timed_but_runs_before_every_call(measuring):
    calls = []
    one = measuring.Contender(lambda: calls.append("call"), prepare=lambda: calls.append("prepare"))
    measuring.measure({"one": one}, repeats=2, warm_up=1)
    assert calls == ["prepare", "call"] * 3


@pytest.mark.parametrize(
    "change",
    [
        {"format": "mhbench-benchmark/2"},
        {"seed": "three"},
        {"surprise": 1},
        {"measurements": [{"name": "no numbers"}]},
        {"machine": {}},
    ],
)
def test_the_schema_refuses_other_files(measuring, report, change):
    content = json.loads(msgspec.json.encode(report)) | change
    with pytest.raises(msgspec.ValidationError):
        measuring.read(json.dumps(content).encode())


def test_results_of_this_checkout_follow_the_schema(measuring):
    for path in sorted(measuring.RESULTS.glob("*.json")):
        assert measuring.read(path.read_bytes()).benchmark == path.stem


def test_the_clock_is_the_chosen_one(measuring, monkeypatch):
    assert {"wall": time.perf_counter, "processor": time.process_time} == measuring.CLOCKS
    waiting = {"wait": measuring.Contender(lambda: time.sleep(0.02))}
    (wall,) = measuring.measure(waiting, repeats=1, warm_up=0, clock="wall").values()
    assert wall.median >= 0.02
    # threads of other tests may be busy meanwhile, so that only the clock can be held, not what it says
    monkeypatch.setitem(measuring.CLOCKS, "processor", itertools.count(step=7.0).__next__)
    (processor,) = measuring.measure(waiting, repeats=1, warm_up=0, clock="processor").values()
    assert processor.median == 7.0
    assert "--clock" in measuring.arguments("x", clocks=True).format_help()
