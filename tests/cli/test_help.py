"""What a stranger reads first: help that a terminal holds, hints for wrong names and for other files."""

from __future__ import annotations

import sys

import click
import numpy as np
import pytest

from mhbench.cli.main import main, program
from mhbench.cli.options import folded
from mhbench.errors import InputError, PredictionError
from mhbench.evaluation.results import read_result
from mhbench.predictions.reading import read_predictions
from mhbench.synthetic.raw.panoptic import write
from mhbench.synthetic.scenes import scene


def commands(command, name="mhbench", parent=None):
    """Every command with its full name and its context."""
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent, terminal_width=80)
    yield name, command, context
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from commands(command.get_command(context, inner), f"{name} {inner}", context)


COMMANDS = list(commands(program))


@pytest.mark.parametrize(("name", "command", "context"), COMMANDS, ids=[name for name, _, _ in COMMANDS])
def test_help_fits_a_terminal_and_shows_examples(name, command, context):
    text = command.get_help(context)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert f"\n  {name} " in text or f"\n  {name}\n" in text, "no example"
    for option in command.params:
        assert isinstance(option, click.Argument) or option.help, option.name


def said(capsys, *words):
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    told = capsys.readouterr()
    return caught.value.code, told.out + told.err


def test_a_misspelt_command_is_told_the_nearest(capsys):
    code, text = said(capsys, "evaluat", "a.json")
    assert code == 2
    assert "There is no command 'evaluat'. Did you mean 'evaluate'?" in text


def test_predictions_without_a_protocol_are_told_those_of_their_data_set(capsys, tmp_path):
    path = tmp_path / "p.json"
    path.write_text('{"format": "mhbench-predictions/1", "dataset": "mupots", "predictions": []}')
    code, text = said(capsys, "evaluate", path)
    assert code == 2
    assert "mupots/all" in text
    code, text = said(capsys, "evaluate", path, "--protocol", "p2")
    assert code == 2
    assert "mupots has no protocol 'p2'; 3dpw/p2, human36m/p2 are for other data sets" in text


def test_protocols_of_one_data_set_are_listed_with_what_their_evidence_means(capsys):
    code, text = said(capsys, "protocols", "mupots")
    assert code == 0
    assert {line.split("/")[0] for line in text.splitlines() if "/" in line.split(" ")[0]} == {"mupots"}
    assert "run: gives the numbers of the public evaluator" in text


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("  needs    some files, and others, and then some more that nobody has seen", 11),
        ("error: words that go on and on until there is no room left for more of them", 7),
        ("  to do:    check the path, and if it is right, check it once more", 12),
        ("a plain sentence that is longer than the terminal is wide, as most are", 2),
    ],
)
def test_a_long_line_is_folded_under_its_words(line, column):
    lines = folded(line, 30).splitlines()
    assert max(map(len, lines)) <= 30
    assert all(len(one) - len(one.lstrip()) == column for one in lines[1:])
    assert " ".join(" ".join(lines).split()) == " ".join(line.split())


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("a.npz", lambda path: np.savez(path, joints=np.zeros(3)), "an archive of arrays"),
        ("a.npy", lambda path: np.save(path, np.zeros(3)), "an array of NumPy"),
        ("a.pkl", lambda path: path.write_bytes(b"\x80\x04K\x01."), "a pickle"),
        (
            "a.json",
            lambda path: path.write_text('{"format": "mhbench-result/1"}'),
            "a file of mhbench-result",
        ),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, name, write, words):
    write(tmp_path / name)
    with pytest.raises(PredictionError, match=words):
        read_predictions(tmp_path / name)


def test_predictions_are_no_result(tmp_path):
    (tmp_path / "p.json").write_text('{"format": "mhbench-predictions/1"}')
    with pytest.raises(InputError, match="holds predictions, not the result") as caught:
        read_result(tmp_path / "p.json")
    assert "mhbench evaluate" in caught.value.action


def test_the_folder_above_a_raw_root_is_told_which_one_may_be_meant(capsys, tmp_path):
    write(scene(frames=1, people=1, cameras=("00_16",)), tmp_path / "panoptic", images=False)
    code, text = said(capsys, "convert", "panoptic", "--raw", tmp_path, "--out", tmp_path / "shards")
    assert code == 2
    assert f"--raw {tmp_path / 'panoptic'}" in " ".join(text.split())


def test_a_command_that_needs_torch_says_which_extra_has_it(capsys, tmp_path, monkeypatch):
    for name in [one for one in sys.modules if one.partition(".")[0] == "torch"]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in [one for one in sys.modules if one.startswith("mhbench.models")]:
        monkeypatch.delitem(sys.modules, name)
    code, text = said(capsys, "train", "loco-refiner", "--out", tmp_path / "w", "--set", "crowds.kind=jta")
    assert code == 2
    assert "pip install 'mhbench[models]'" in text
