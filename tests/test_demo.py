"""`mhbench demo`: the whole way, twice (a second run finds everything there)."""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner
from shown_commands import ROOT, assert_prints, sessions

from mhbench.cli.main import program
from mhbench.evaluation.results import read_result


@pytest.mark.slow
def test_demo_ends_by_saying_where_to_look(tmp_path, monkeypatch):
    for _ in range(2):
        done = CliRunner(catch_exceptions=False).invoke(program, ["demo", str(tmp_path / "demo")])
        assert done.exit_code == 0
    assert "Where to look:" in done.output
    monkeypatch.chdir(tmp_path)
    ((command, lines),) = (
        one for one in sessions((ROOT / "README.md").read_text(encoding="utf-8")) if "demo/" in one[0]
    )
    audit = CliRunner(catch_exceptions=False).invoke(program, shlex.split(command)[1:])
    assert_prints(audit.output, lines)
    upper = read_result(tmp_path / "demo" / "report-upper-bound" / "result.json")
    noisy = read_result(tmp_path / "demo" / "report-noisy" / "result.json")
    assert 7.0 < upper.metrics["mpjpe_abs"].value < 13.0
    assert upper.metrics["f1.person@0.5m"].value == 100.0
    # 40 mm of noise in three directions: the mean length of the error is 0.92 of its root mean square
    assert 35.0 < noisy.metrics["mpjpe_abs"].value < 39.0
    assert noisy.counts.missed > 0
    assert noisy.counts.false_positives > 0
    assert (tmp_path / "demo" / "frame.png").stat().st_size > 50_000
