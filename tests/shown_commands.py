"""Commands as the documentation shows them, and what it says that they print."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_PROMPT = re.compile(r"^    \$ (.*)$")
_NUMBER = re.compile(r"-?\d+\.\d+")
_HASH = re.compile(r"\b[0-9a-f]{12}\b")
_END = re.compile(r" (?:&&|\|\||\||#|->) ?")


def commands_of(text):
    """(command, whole) of a page: the lines of blocks, which are whole, and those inside sentences."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = re.findall(r"^\s*(?:\$ |- )?(?:.*/)?(mhbench [a-z].*)$", joined, flags=re.MULTILINE)
    inline = [found for found in re.findall(r"`(mhbench [^`\n]+)`", joined) if " " in found[8:]]
    marked = [(line, True) for line in lines] + [(line, False) for line in inline]
    return [(_END.split(line)[0].strip(), whole) for line, whole in marked]


def sessions(text):
    """(command, lines it prints) of each `$` in indented blocks; `...` stands for any lines."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if match := _PROMPT.match(line):
            found.append((match[1], []))
        elif found and line.startswith("    ") and line.strip() != "...":
            found[-1][1].append(textwrap.dedent(line[4:]) if not line[4:].startswith(" ") else line[4:])
        elif found and line.strip():
            found.append(("", []))  # a sentence ends what was printed
    return [(command, lines) for command, lines in found if command]


def assert_prints(output, lines):
    """Each line is printed, in this order; numbers with decimals to 2 % or 0.1, hashes as they may be."""
    printed = [line.rstrip() for line in output.splitlines()]
    at = 0
    for line in lines:
        form = _form(line)
        while at < len(printed) and not (_form(printed[at]) == form and _close(printed[at], line)):
            at += 1
        assert at < len(printed), f"not printed: {line}\nbut\n{output}"


def _form(line):
    return " ".join(_NUMBER.sub("#", _HASH.sub("hash", line)).split())


def _close(printed, shown):
    numbers = [[float(one) for one in _NUMBER.findall(line)] for line in (printed, shown)]
    return numbers[0] == pytest.approx(numbers[1], rel=0.02, abs=0.1)
