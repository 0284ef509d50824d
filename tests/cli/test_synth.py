from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from mhbench.cli.synth import command
from mhbench.errors import UsageError


def test_it_writes_a_tree_and_names_the_next_command(tmp_path):
    words = ["panoptic", str(tmp_path / "raw"), "--frames", "2", "--people", "2", "--cameras", "00_01,00_02"]
    result = CliRunner().invoke(command, [*words, "--size", "160x90", "--motion", "walk"])
    assert result.exit_code == 0, result.output
    assert "2 frames, 2 people, 2 cameras, 2 pose files, 4 images" in result.output
    assert f"mhbench convert panoptic --raw {tmp_path / 'raw'}" in result.output
    assert len(list((tmp_path / "raw").rglob("*.jpg"))) == 4


def test_images_can_be_left_out(tmp_path):
    words = ["panoptic", str(tmp_path), "--frames", "1", "--people", "1", "--no-images"]
    assert CliRunner().invoke(command, words).exit_code == 0
    assert not list(tmp_path.rglob("*.jpg"))


@pytest.mark.parametrize(
    "words", [["mars", "x"], ["panoptic", "x", "--motion", "fly"], ["panoptic", "x", "--size", "big"]]
)
def test_wrong_words_are_refused_before_anything_is_written(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, words)
    assert isinstance(result.exception, UsageError)
    assert not list(tmp_path.iterdir())


def test_help_loads_no_numpy():
    script = "import sys, mhbench.cli.synth; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
