"""Every command that the documentation shows exists with these options; the README's do what it says."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise

import click
import pytest
from click.testing import CliRunner
from shown_commands import ROOT, assert_prints, commands_of, sessions

from mhbench.cli.main import program
from mhbench.manifests import manifest_path
from mhbench.models.training_config import (
    AutoencoderConfig,
    PredictorConfig,
    RefinerConfig,
    UncompressedConfig,
    read_config,
)

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [ROOT / "action.yml", ROOT / "reports" / "build.sh", *sorted((ROOT / "reports").rglob("*.md"))]
SHOWN = [
    pytest.param(command, whole, id=f"{page.name}-{number}")
    for page in PAGES
    for number, (command, whole) in enumerate(commands_of(page.read_text(encoding="utf-8")))
]


def found(words):
    """The command that words name, and the words after its name."""
    command, context = program, click.Context(program, info_name="mhbench")
    while isinstance(command, click.Group):
        command, words = command.get_command(context, words[0]), words[1:]
        assert command is not None
    return command, words


@pytest.mark.parametrize(("text", "whole"), SHOWN)
def test_a_command_that_is_shown_exists_with_its_options(text, whole):
    command, words = found(shlex.split(text)[1:])
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    for word in words:
        if re.match(r"--?[a-z]", word):
            assert word.partition("=")[0] in options, f"{text}: {word}"
    if whole and not re.search(r"[$|]|\.\.\.", text):
        command.make_context("mhbench", list(words))


def test_settings_that_are_shown_are_settings_of_that_training():
    kinds = {
        "loco-vha": AutoencoderConfig,
        "loco-predictor": PredictorConfig,
        "loco-refiner": RefinerConfig,
        "loco-uncompressed": UncompressedConfig,
    }
    shown = 0
    for command, whole in commands_of((ROOT / "docs" / "training.md").read_text(encoding="utf-8")):
        words = shlex.split(command)
        if not whole or words[1] != "train":
            continue
        changes = dict(after.split("=", 1) for word, after in pairwise(words) if word == "--set")
        read_config(manifest_path(f"training/{words[2]}"), kinds[words[2]], changes)
        shown += len(changes)
    assert shown


def test_the_first_commands_of_the_readme_print_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = []
    for command, lines in sessions((ROOT / "README.md").read_text(encoding="utf-8")):
        if "demo/" in command:
            continue  # tests/test_demo.py
        result = CliRunner(catch_exceptions=False).invoke(program, shlex.split(command)[1:])
        assert result.exit_code == 0, result.output
        assert_prints(result.output, lines)
        done.append(shlex.split(command)[1])
    assert done == ["synth", "convert", "run", "evaluate"]
