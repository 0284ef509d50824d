"""The gate: worse, unresolved, holding; what is lost; and its forms for CI."""

from __future__ import annotations

import functools
import xml.etree.ElementTree as ET

import leaderboard_results
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leaderboard_results import saved

from mhbench.cli.main import main
from mhbench.errors import InputError, MissingInputError, UsageError
from mhbench.leaderboard.gate import allowed_losses, check_result, read_baseline
from mhbench.leaderboard.gate_reports import as_junit, as_summary
from mhbench.leaderboard.store import add_entry

made_result = functools.partial(leaderboard_results.made_result, whole=False)
OLD = made_result("old", 100.0)


def outcomes(gate):
    return {one.metric: one.outcome for one in gate.verdicts}


def exit_code(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(["leaderboard", "check", *map(str, arguments)])
    return caught.value.code


def test_a_clear_loss_fails_though_the_two_intervals_overlap_widely():
    new = made_result("new", 103.0)  # paired noise 0.7 mm, unpaired 4 mm
    assert new.metrics["mpjpe_abs"].ci95[0] < OLD.metrics["mpjpe_abs"].ci95[1]
    gate = check_result(new, OLD)
    assert outcomes(gate)["mpjpe_abs"] == "worse"
    assert outcomes(gate)["pck@150mm"] == "worse"  # shares fall where errors rise
    assert not gate.passed
    assert "failed: mpjpe_abs worse" in gate.summary


def test_a_clear_gain_and_no_change_pass():
    assert outcomes(check_result(made_result("new", 90.0), OLD))["mpjpe_abs"] == "better"
    same = check_result(OLD, OLD)
    assert set(outcomes(same).values()) == {"holds"}
    assert same.passed


@pytest.mark.parametrize(
    ("level", "allowed", "outcome"),
    [(100.2, 3.0, "holds"), (105.0, 3.0, "worse"), (103.0, 3.0, "unresolved"), (99.0, 0.5, "unresolved")],
)
def test_an_allowance_is_a_non_inferiority_test(level, allowed, outcome):
    new = made_result("new", level, own=2.0 if level == 99.0 else 0.5)
    gate = check_result(new, OLD, {"mm": allowed, "%": 50.0})
    (one,) = [one for one in gate.verdicts if one.metric == "mpjpe_abs"]
    low, high = one.interval
    assert one.outcome == outcome
    assert one.resolvable == pytest.approx((high - low) / 2)
    assert one.loss == pytest.approx(level - 100.0)
    assert gate.passed == (outcome != "worse")
    strict = check_result(new, OLD, {"mm": allowed, "%": 50.0}, strict=True)
    assert strict.passed == (outcome == "holds")


def test_strictness_asks_nothing_of_units_without_an_allowance():
    new = made_result("new", 100.1)
    gate = check_result(new, OLD, {"mm": 10.0}, strict=True)
    assert outcomes(gate)["pck@150mm"] == "within noise"
    assert gate.passed


def test_a_missing_value_frames_joints_or_comparability_fail():
    metrics = {name: one for name, one in OLD.metrics.items() if name != "mpjpe"}
    without = msgspec.structs.replace(OLD, metrics=metrics)
    assert outcomes(check_result(without, OLD))["mpjpe"] == "worse"
    undefined = {**OLD.metrics, "mpjpe": msgspec.structs.replace(OLD.metrics["mpjpe"], value=None)}
    broken = msgspec.structs.replace(OLD, metrics=undefined)
    assert outcomes(check_result(broken, OLD))["mpjpe"] == "worse"
    assert outcomes(check_result(OLD, broken))["mpjpe"] == "not given"
    for fields, words in (
        ({"missing": 2}, "2 more frames"),
        ({"coverage": 0.99}, "joint coverage 99.00 %"),
        ({"reasons": ["option a = b"]}, "no longer comparable: option a = b"),
    ):
        gate = check_result(made_result("old", 100.0, **fields), OLD)
        assert not gate.passed
        assert words in gate.lost[0]
        assert check_result(made_result("old", 100.0, **fields), made_result("old", 100.0, **fields)).passed


def test_results_that_cannot_be_paired_are_refused():
    with pytest.raises(UsageError, match="cannot be paired"):
        check_result(made_result("new", drawn=False), OLD)
    with pytest.raises(UsageError, match="ground truth"):
        check_result(made_result("new", truth="b" * 64), OLD)
    with pytest.raises(UsageError, match="is in deg"):
        check_result(OLD, OLD, {"deg": 1.0})


@given(st.floats(80, 120), st.floats(80, 120), st.floats(0, 5), st.integers(0, 1000))
def test_a_result_never_fails_both_ways_nor_by_more_allowance(first, second, allowed, seed):
    a, b = made_result(f"a{seed}", first), made_result(f"b{seed}", second)
    forth, back = check_result(a, b, {"mm": allowed}), check_result(b, a, {"mm": allowed})
    for one, other in zip(forth.verdicts, back.verdicts, strict=True):
        assert (one.outcome, other.outcome) != ("worse", "worse")
        assert one.loss == pytest.approx(-other.loss)
    wider = check_result(a, b, {"mm": allowed + 1.0})
    assert {one.metric for one in wider.failures} <= {one.metric for one in forth.failures}


def test_losses_are_read_with_their_units():
    assert allowed_losses(["0.5mm", " 1 % ", "2deg"]) == {"mm": 0.5, "%": 1.0, "deg": 2.0}
    for word in ("0.5", "mm", "-1mm", "1cm", "1e3mm"):
        with pytest.raises(UsageError, match="is no loss"):
            allowed_losses([word])


def test_a_baseline_is_a_result_or_an_unedited_entry(tmp_path):
    path = saved(tmp_path, OLD)
    entry = add_entry(tmp_path / "store", path, partial=True)
    assert read_baseline(path) == read_baseline(entry) == OLD
    entry.write_text(entry.read_text().replace('"value": 100.0', '"value": 200.0'))
    with pytest.raises(InputError, match="was edited"):
        read_baseline(entry)
    with pytest.raises(MissingInputError):
        read_baseline(tmp_path / "nothing.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InputError):
        read_baseline(tmp_path / "broken.json")


def test_junit_counts_what_fails_and_holds_any_name():
    new = made_result("new \x00<&>", 103.0, missing=1)
    gate = check_result(new, OLD, {"mm": 3.0})
    suite = ET.fromstring(as_junit(gate))  # noqa: S314 - our own text
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "3", "2")
    assert len(suite.findall("testcase/failure")) == 3
    messages = [one.get("message") for one in suite.iter("skipped")]
    assert "3 mm are allowed" in messages[0]


def test_the_summary_is_a_table_with_a_verdict_per_metric():
    text = as_summary(check_result(made_result("new|x", 103.0), OLD))
    assert text.startswith("### ❌ panoptic/generic v1: new\\|x against old")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 5
    assert all("❌ worse" in row for row in rows[1:])


def test_the_command_ends_with_3_prints_the_table_and_writes_the_files(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    old, new = saved(tmp_path, OLD), saved(tmp_path, made_result("new", 103.0))
    junit = tmp_path / "junit.xml"
    assert exit_code(new, "--baseline", old, "--significant", "--junit", junit) == 3
    assert exit_code(old, "--baseline", old, "--max-drop", "0.5mm") == 0
    said = capsys.readouterr().out
    assert "allowed: only noise" in said
    assert max(map(len, said.splitlines())) <= 80
    assert "failed: mpjpe_abs worse" in said
    assert ET.fromstring(junit.read_bytes()).get("failures") == "4"  # noqa: S314 - our own text
    assert (tmp_path / "step.md").read_text().count("### ") == 2
    assert exit_code(new, "--baseline", old) == 2
    assert exit_code(new, "--baseline", old, "--significant", "--strict") == 2
    assert exit_code(new, "--baseline", tmp_path / "x.json", "--significant") == 2
