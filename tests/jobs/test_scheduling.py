from __future__ import annotations

import importlib.util
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from mhbench.errors import MissingExtraError, OutputError, UsageError, WorkerError
from mhbench.jobs.engines import ONE_THREAD
from mhbench.jobs.journal import journal_path, read_journals
from mhbench.jobs.progress import progress_line, shown_progress
from mhbench.jobs.scheduling import run_jobs


class Square(msgspec.Struct):
    value: int
    threads: dict[str, str]


def square(number: int) -> Square:
    if number < 0:
        raise ValueError(f"{number} is negative")
    return Square(number * number, {name: os.environ.get(name, "") for name in ONE_THREAD})


def die(number: int) -> Square:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number)


def fill(_: int) -> Square:
    raise OutputError("the disk is full")


ITEMS = {f"all/{number}": number for number in range(6)}


def values(journals):
    return {item: msgspec.json.decode(one.result, type=Square).value for item, one in journals.items()}


@pytest.mark.parametrize(("engine", "jobs"), [("serial", 1), ("processes", 1), ("processes", 3)])
def test_every_engine_does_every_item_once(tmp_path, engine, jobs):
    journals = run_jobs(ITEMS, square, tmp_path, engine_name=engine, jobs=jobs)
    assert values(journals) == {item: number**2 for item, number in ITEMS.items()}
    assert list(journals) == list(ITEMS)
    assert sorted(read_journals(tmp_path)) == sorted(ITEMS)
    if engine == "processes":
        result = msgspec.json.decode(journals["all/2"].result, type=Square)
        assert result.threads == ONE_THREAD


def test_exceptions_are_failures_with_type_and_place(tmp_path):
    journals = run_jobs({"all/good": 2, "all/bad": -2}, square, tmp_path, engine_name="serial")
    assert values({"all/good": journals["all/good"]}) == {"all/good": 4}
    failure = journals["all/bad"].failure
    assert failure.what.startswith("all/bad: ValueError: -2 is negative, at ")
    assert failure.what.endswith("(square)")
    assert failure.expected
    assert failure.action


def test_an_earlier_journal_does_not_pass_for_this_run(tmp_path):
    run_jobs(ITEMS, square, tmp_path, engine_name="serial")
    again = run_jobs({"all/2": 7}, square, tmp_path, engine_name="serial")
    assert values(again) == {"all/2": 49}
    assert values(read_journals(tmp_path))["all/3"] == 9


def test_a_full_output_ends_the_run_and_leaves_the_finished_journals(tmp_path):
    run_jobs({"all/0": 0}, square, tmp_path, engine_name="serial")
    with pytest.raises(OutputError, match="full"):
        run_jobs({"all/1": 1, "all/2": 2}, fill, tmp_path, engine_name="processes", jobs=2)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["0.json"]


def test_the_item_that_kills_its_worker_is_found_and_the_innocent_are_done(tmp_path):
    journals = run_jobs(ITEMS, die, tmp_path, engine_name="processes", jobs=3)
    failed = {item for item, one in journals.items() if one.failure}
    assert failed == {"all/3"}
    assert "died twice" in journals["all/3"].failure.what


def test_workers_that_never_start_are_an_error_and_no_endless_loop(tmp_path, monkeypatch):
    monkeypatch.setitem(ONE_THREAD, "PYTHONHOME", "/nonexistent")
    with pytest.raises(WorkerError, match="before they begin"):
        run_jobs({"all/1": 1}, square, tmp_path, engine_name="processes")


def test_unknown_engines_and_schedulers_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no engine 'spark'"):
        run_jobs(ITEMS, square, tmp_path, engine_name="spark")
    with pytest.raises(UsageError, match="has no scheduler"):
        run_jobs(ITEMS, square, tmp_path, engine_name="processes", scheduler="tcp://host:1")


@pytest.mark.parametrize(("engine", "package"), [("ray", "ray"), ("dask", "distributed")])
def test_a_missing_engine_is_named_with_its_extra(tmp_path, monkeypatch, engine, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"mhbench\[{engine}\]"):
        run_jobs(ITEMS, square, tmp_path, engine_name=engine)


# a program of its own: both engines start workers that import what they run
ON_A_CLUSTER = """
import sys
from pathlib import Path
from test_scheduling import ITEMS, die, run_jobs, values

if __name__ == "__main__":
    journals = run_jobs(ITEMS, die, Path(sys.argv[2]), engine_name=sys.argv[1], jobs=2)
    failed = [item for item, one in journals.items() if one.failure]
    print(failed, values({item: one for item, one in journals.items() if not one.failure}))
"""


@pytest.mark.parametrize(("engine", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_cluster_does_every_item_and_survives_a_killed_worker(tmp_path, engine, package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    script = tmp_path / "on_a_cluster.py"
    script.write_text(ON_A_CLUSTER)
    quiet_ray = {
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
    }  # no token under the home folder
    done = subprocess.run(
        [sys.executable, script, engine, tmp_path / "journals"],
        env={
            **os.environ,
            **quiet_ray,
            "PYTHONPATH": os.pathsep.join(
                [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    expected = {item: number**2 for item, number in ITEMS.items() if number != 3}
    assert done.stdout.splitlines()[-1:] == [f"['all/3'] {expected}"], done.stderr


def test_journals_lie_where_their_items_say(tmp_path):
    assert journal_path(tmp_path, "train/walk.00_16") == tmp_path / "train" / "walk.00_16.json"


def test_progress_is_plain_lines_where_nobody_watches(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("mhbench.jobs.progress.LINE_INTERVAL_S", 0.05)
    with shown_progress("convert fake", 4, lambda: 2):
        time.sleep(0.3)
    assert stream.getvalue().splitlines()[0] == "convert fake: 2/4 after 0 s, about 0 s left"


def test_progress_is_a_bar_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with shown_progress("convert fake", 4, lambda: 4):
        pass
    assert stream.getvalue() == "", "what is done at once needs no bar"
    monkeypatch.setattr("mhbench.jobs.progress.BAR_INTERVAL_S", 0.05)
    with shown_progress("convert fake", 4, lambda: 4):
        time.sleep(0.3)
    assert "convert fake" in stream.getvalue()
    assert "4/4" in stream.getvalue()


@pytest.mark.parametrize(
    ("done", "seconds", "line"),
    [
        (0, 3, "x: 0/10 after 3 s"),
        (5, 100, "x: 5/10 after 1 min 40 s, about 1 min 40 s left"),
        (1, 3600, "x: 1/10 after 1 h 00 min, about 9 h 00 min left"),
    ],
)
def test_a_line_of_progress_tells_what_is_left(done, seconds, line):
    assert progress_line("x", done, 10, seconds) == line
