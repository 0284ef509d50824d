"""The code of docs/bodies.md, as a reader would run it."""

from __future__ import annotations

import re
from pathlib import Path

from mhbench.predictions import read_predictions
from mhbench.protocols.loading import load_protocol
from mhbench.volumes import PARTS

PAGE = Path(__file__).parents[2] / "docs" / "bodies.md"


def test_the_file_of_the_page_is_read(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(PAGE), "exec"), {})  # noqa: S102 - the page's own code
    table = read_predictions(tmp_path / "predictions.h5")
    assert table.persons["volume"].shape == (1, 128, 128, 128)
    assert (table.dataset, table.space) == ("surreal", "camera")


def test_the_page_names_what_there_is():
    text = PAGE.read_text(encoding="utf-8")
    numbered = ", ".join(f"{number} {name.replace('_', ' ')}" for number, name in enumerate(PARTS, start=1))
    assert numbered in text
    protocol = load_protocol("surreal/test")
    for option in protocol.option:
        assert any(f"--option {option.name}={value}" in text for value in option.values)
