"""Every golden case is claimed by a test: `GOLDEN = [...]` in a test module names the files it compares with.

The lists are read from the sources, so a module need not be importable to be counted.
"""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent


def claims(source):
    """Names in the `GOLDEN` list of one module."""
    return {
        name
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["GOLDEN"]
        for name in ast.literal_eval(node.value)
    }


def unclaimed(folder, claimed):
    cases = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    return sorted(str(path.relative_to(folder)) for path in cases if path.stem not in claimed)


def test_every_golden_case_is_claimed(golden):
    claimed = set().union(
        *(claims(path.read_text(encoding="utf-8")) for path in sorted(TESTS.rglob("test_*.py")))
    )
    assert unclaimed(golden, claimed) == []


def test_an_unclaimed_case_is_found(tmp_path):
    for name in ("claimed.npz", "claimed.json", "forgotten.json", "README.md"):
        (tmp_path / name).touch()
    claimed = claims('"""Module."""\nGOLDEN = ["claimed"]\nOTHER = ["forgotten"]\n')
    assert unclaimed(tmp_path, claimed) == ["forgotten.json"]
