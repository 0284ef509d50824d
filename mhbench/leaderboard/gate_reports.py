"""The gate for CI: JUnit XML, which every one shows, and Markdown, which GitHub shows of a step."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final

from mhbench.leaderboard.gate import TABLE_HEAD, table_cells
from mhbench.leaderboard.tables import markdown_cell

if TYPE_CHECKING:
    from mhbench.leaderboard.gate import Gate, Verdict

# what XML 1.0 cannot hold, even escaped
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SIGN: Final = {"worse": "❌", "unresolved": "❔"}


def as_junit(gate: Gate) -> bytes:
    """One test case per metric and per thing lost; unresolved metrics are skipped ones unless strict."""
    failed = {one.metric for one in gate.failures}
    skipped = [one for one in gate.verdicts if one.outcome == "unresolved" and one.metric not in failed]
    suite = ET.Element(
        "testsuite",
        name=_text(f"leaderboard check {gate.protocol}"),
        tests=str(len(gate.verdicts) + len(gate.lost)),
        failures=str(len(failed) + len(gate.lost)),
        skipped=str(len(skipped)),
        errors="0",
    )
    for one in gate.verdicts:
        case = ET.SubElement(suite, "testcase", classname=_text(gate.protocol), name=_text(one.metric))
        if one.metric in failed:
            ET.SubElement(case, "failure", message=_text(_sentence(one))).text = _text(str(gate))
        elif one in skipped:
            ET.SubElement(case, "skipped", message=_text(_sentence(one)))
    for reason in gate.lost:
        case = ET.SubElement(suite, "testcase", classname=_text(gate.protocol), name="predictions")
        ET.SubElement(case, "failure", message=_text(reason))
    ET.indent(suite)
    text: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def as_summary(gate: Gate) -> str:
    """The table as Markdown, under a heading."""
    new, old = markdown_cell(gate.models[1]), markdown_cell(gate.models[0])
    lines = [
        f"### {'✅' if gate.passed else '❌'} {markdown_cell(gate.protocol)}: {new} against {old}",
        "",
        f"| {' | '.join(TABLE_HEAD)} |",
        "|---|" + "---:|" * 3 + "---|" * 3,
    ]
    for one in gate.verdicts:
        cells = [markdown_cell(cell) for cell in table_cells(one)]
        cells[-1] = f"{_SIGN.get(one.outcome, '✅')} {cells[-1]}"
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"{markdown_cell(note)}  " for note in gate.notes), f"{markdown_cell(gate.summary)}."]
    return "\n".join(lines) + "\n\n"


def _sentence(one: Verdict) -> str:
    if one.interval is None:
        return f"{one.metric} has no value any more"
    low, high = one.interval
    allowed = f"{one.allowed:g} {one.unit} are allowed" if one.allowed else "only noise is allowed"
    return (
        f"{one.metric} loses {one.loss:+.2f} {one.unit}, 95 % interval [{low:+.2f}, {high:+.2f}]; {allowed};"
        f" differences from {one.resolvable:.2f} {one.unit} can be shown"
    )


def _text(text: str) -> str:
    return _FORBIDDEN.sub("?", text)
