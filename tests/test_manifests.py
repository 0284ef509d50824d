from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from mhbench import manifests
from mhbench.errors import ManifestError, MissingInputError


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    x: int
    label: str = ""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "points/deep").mkdir(parents=True)
    (tmp_path / "points/one.toml").write_text("x = 1 # a comment\n", encoding="utf-8")
    (tmp_path / "points/deep/two.toml").write_text('label = "é"\nx = 2\n', encoding="utf-8")
    (tmp_path / "points/torn.toml").write_text("x = ", encoding="utf-8")
    (tmp_path / "points/typed.toml").write_text('x = "1"\n', encoding="utf-8")
    (tmp_path / "points/extra.toml").write_text("x = 1\ny = 2\n", encoding="utf-8")
    monkeypatch.setattr(manifests, "manifest_root", lambda: tmp_path)
    return tmp_path


def test_read_and_list(folder):
    assert manifests.read_manifest("points/one", Point) == Point(1)
    assert manifests.read_manifest("points/deep/two", Point) == Point(2, "é")
    assert manifests.manifest_names("points") == ["deep/two", "extra", "one", "torn", "typed"]
    assert manifests.manifest_names("nothing") == []
    assert manifests.manifest_path("points/one") == folder / "points/one.toml"


@pytest.mark.parametrize(
    ("name", "fault"), [("torn", "torn.toml"), ("typed", r"\$\.x"), ("extra", "unknown field `y`")]
)
@pytest.mark.usefixtures("folder")
def test_a_wrong_manifest_is_named_with_its_field(name, fault):
    with pytest.raises(ManifestError, match=fault) as caught:
        manifests.read_manifest(f"points/{name}", Point)
    assert f"{name}.toml" in str(caught.value)
    assert "the fields of Point" in str(caught.value)


@pytest.mark.usefixtures("folder")
def test_an_unknown_manifest_lists_those_there_are():
    with pytest.raises(ManifestError, match="deep/two, extra, one, torn, typed"):
        manifests.read_manifest("points/three", Point)
    with pytest.raises(ManifestError, match="none exist"):
        manifests.read_manifest("nothing/three", Point)


def test_the_hash_is_of_the_content_not_of_comments_or_order(folder):
    before = manifests.manifest_hash("points/deep/two")
    (folder / "points/deep/two.toml").write_text('# new\nx = 2\nlabel = "é"\n', encoding="utf-8")
    assert manifests.manifest_hash("points/deep/two") == before
    (folder / "points/deep/two.toml").write_text('x = 3\nlabel = "é"\n', encoding="utf-8")
    assert manifests.manifest_hash("points/deep/two") != before
    assert len(before) == 64


@pytest.mark.parametrize("place", ["mhbench/_data/manifests", "manifests"])
def test_found_in_a_wheel_and_in_the_repository(tmp_path, monkeypatch, place):
    (tmp_path / "mhbench").mkdir()
    shutil.copy(manifests.__file__, tmp_path / "mhbench/manifests.py")
    monkeypatch.setattr(manifests, "__file__", str(tmp_path / "mhbench/manifests.py"))
    find = manifests.manifest_root.__wrapped__
    with pytest.raises(MissingInputError, match="install mhbench again"):
        find()
    (tmp_path / place).mkdir(parents=True)
    assert find() == tmp_path / place


def test_the_real_ones_are_there():
    root = manifests.manifest_root()
    assert isinstance(root, Path)
    assert "vocabulary" in manifests.manifest_names("skeletons")
