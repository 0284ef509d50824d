from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from mhbench.cli.doctor import command
from mhbench.errors import UsageError
from mhbench.synthetic.raw.crowdpose import write as write_crowdpose
from mhbench.synthetic.raw.panoptic import write as write_panoptic
from mhbench.synthetic.scenes import scene


@pytest.fixture(scope="session")
def dome():
    return scene(frames=2, people=2, cameras=("00_03", "00_16"), size=(160, 90))


@pytest.fixture
def raw(tmp_path, dome):
    return write_panoptic(dome, tmp_path / "raw" / "panoptic", images=False).folder


def doctor(*words):
    result = CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def test_a_whole_tree_is_told_with_what_can_be_done(raw):
    code, told = doctor("panoptic", "--raw", raw)
    assert code == 0
    assert "present   170101_synthetic1: poses" in told
    assert "optional  170101_synthetic1: images" in told
    assert "all: 2 items, 4 frames" in told
    assert f"next: mhbench convert panoptic --raw {raw}" in told
    assert "panoptic/generic" in told


def test_a_missing_part_is_named_and_gives_1(raw):
    (raw / "170101_synthetic1" / "calibration_170101_synthetic1.json").unlink()
    code, told = doctor("panoptic", "--raw", raw)
    assert code == 1
    assert "MISSING   170101_synthetic1: calibration" in told


def test_an_empty_folder_says_what_is_needed_and_where_it_comes_from(tmp_path):
    code, told = doctor("panoptic", "--raw", tmp_path)
    assert code == 1
    assert "nothing can be converted" in told
    assert "http://domedb.perception.cs.cmu.edu" in told
    assert "<sequence>/calibration_<sequence>.json" in told


def test_a_folder_that_is_not_there_is_told(tmp_path):
    code, told = doctor("panoptic", "--raw", tmp_path / "nowhere")
    assert code == 1
    assert f"there is no folder {tmp_path / 'nowhere'}" in told


def test_without_a_data_set_all_raw_folders_are_looked_at(raw, dome, tmp_path, monkeypatch):
    monkeypatch.setenv("MHBENCH_RAW", str(raw.parent))
    write_crowdpose(dome, raw.parent / "crowdpose", images=False)
    code, told = doctor()
    assert code == 0
    assert "panoptic (CMU Panoptic)" in told
    assert "crowdpose (CrowdPose)" in told
    monkeypatch.setenv("MHBENCH_RAW", str(tmp_path / "nowhere"))
    assert doctor()[0] == 1


def test_wrong_words_are_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no data set 'mars'"):
        doctor("mars", "--raw", tmp_path)
    with pytest.raises(UsageError, match="without a data set"):
        doctor("--raw", tmp_path)


def test_known_files_are_compared_with_the_release(samples, tmp_path):
    raw = tmp_path / "crowdpose"
    shutil.copytree(samples / "crowdpose", raw, copy_function=shutil.copyfile)
    path = raw / "json" / "crowdpose_val.json"
    code, told = doctor("crowdpose", "--raw", raw, "--check", "full")
    assert (code, "1 of 1 known files have the sha256 of the release" in told) == (0, True)
    content = path.read_text()
    path.write_text(content.replace("0.76", "0.77", 1))
    assert doctor("crowdpose", "--raw", raw)[0] == 0  # the size is the same
    code, told = doctor("crowdpose", "--raw", raw, "--check", "full")
    assert code == 1
    assert "DIFFERENT json/crowdpose_val.json: sha256 " in told
    path.write_text(content + "\n")
    code, told = doctor("crowdpose", "--raw", raw)
    assert code == 1
    assert "DIFFERENT json/crowdpose_val.json: 2746207 bytes, the release has 2746206" in told


def test_a_damaged_file_is_no_traceback(tmp_path):
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "crowdpose_val.json").write_text('{"images": [')
    code, told = doctor("crowdpose", "--raw", tmp_path)
    assert code == 1
    assert "ends in the middle" in told


def test_the_command_gives_its_exit_code_to_the_shell(tmp_path):
    words = [sys.executable, "-m", "mhbench", "doctor", "crowdpose", "--raw", str(tmp_path)]
    assert subprocess.run(words, check=False, capture_output=True).returncode == 1
