"""`mhbench leaderboard`: what the commands print and how they end."""

from __future__ import annotations

import pytest
from leaderboard_results import made_result, saved

from mhbench.cli.main import main


def exit_code(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(["leaderboard", *map(str, arguments)])
    return caught.value.code


def test_add_says_where_the_entry_lies_and_refuses_in_three_parts(tmp_path, capsys):
    path = saved(tmp_path, made_result("ours"))
    assert exit_code("add", path, "--store", tmp_path / "store", "--year", 2024) == 0
    assert "panoptic/generic/ours.json" in capsys.readouterr().out
    assert exit_code("add", path, "--store", tmp_path / "store") == 2
    said = capsys.readouterr().err
    assert "expected:" in said
    assert "to do:" in said
    assert "Traceback" not in said


def test_build_says_what_to_open(tmp_path, capsys):
    path = saved(tmp_path, made_result("ours"))
    assert exit_code("add", path, "--store", tmp_path / "store") == 0
    assert exit_code("build", "--store", tmp_path / "store", "--out", tmp_path / "site") == 0
    assert f"open {tmp_path / 'site' / 'index.html'}" in capsys.readouterr().out
    assert exit_code("build", "--store", tmp_path / "nothing", "--out", tmp_path / "site") == 2
