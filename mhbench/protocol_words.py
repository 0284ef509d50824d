"""Protocols in words, from the same objects that score."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from mhbench.protocols import protocol_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mhbench.protocols import MetricRule, Protocol

WIDTH: Final = 100
EVIDENCE: Final = {
    "run": "run: gives the numbers of the public evaluator on the golden inputs",
    "read": "read: read in public code, not run; not an official score",
    "paper": "paper: stated by a paper, no code seen; not an official score",
    "inferred": "inferred: deduced or decided by this project; not an official score",
}


def list_in_words(protocols: Sequence[Protocol]) -> str:
    """One line per protocol: name, evidence, what it is."""
    width = max((len(one.name) for one in protocols), default=0)
    return "\n".join(f"{one.name:<{width}}  {one.evidence:<8}  {one.about}" for one in protocols)


def protocol_in_words(protocol: Protocol) -> str:
    """Every choice of a protocol, one labelled line each."""
    options = [
        f"{option.name} = {option.default} (default) | {' | '.join(option.values)}: {option.about}"
        for option in protocol.option
    ]
    lines = [
        ("protocol", [f"{protocol.name} v{protocol.version}  hash {protocol_hash(protocol)}"]),
        ("is", [protocol.about]),
        ("evidence", [EVIDENCE[protocol.evidence]]),
        ("source", [protocol.source]),
        ("frames", [_frames(protocol)]),
        ("joints", [_joints(protocol)]),
        ("people", ["ground-truth people with at least one scored joint"]),
        ("predictions", [_predictions(protocol)]),
        ("matching", [_matching(protocol)]),
        ("metrics", [_metric(rule) for rule in protocol.metric]),
        ("average", [_averaging(protocol)]),
        ("training", [protocol.training.rule]),
        ("options", options),
        ("notes", protocol.notes),
    ]
    return "\n".join(line for label, texts in lines for line in _labelled(label, texts))


def _labelled(label: str, texts: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for text in texts:
        head = f"{label:<13}" if not lines else " " * 13
        lines += textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * 13)
    return lines


def _frames(protocol: Protocol) -> str:
    rule = protocol.frames
    parts = [
        f"{rule.dataset}, split {rule.split}" if rule.split else f"{rule.dataset}, every converted split"
    ]
    parts.append(f"sequences {', '.join(rule.sequences)}" if rule.sequences else "all sequences")
    parts.append(f"cameras {', '.join(rule.cameras)}" if rule.cameras else "all converted cameras")
    parts.append(f"every frame with index % {rule.stride} == 0" if rule.stride > 1 else "every frame")
    parts += [f"{rule.expected} frames in all"] if rule.expected else []
    parts += ["the official list is not public: --frames DIR"] if rule.user_lists else []
    return "; ".join(parts)


def _joints(protocol: Protocol) -> str:
    rule = protocol.truth
    if rule.joints == "shared":
        names = "those that both skeletons share exactly, in ground-truth order"
    else:
        names = (
            rule.joints if isinstance(rule.joints, str) else f"{len(rule.joints)}: {', '.join(rule.joints)}"
        )
    return f"{names}; joints outside the image are {rule.out_of_image_joints}"


def _predictions(protocol: Protocol) -> str:
    null = {
        "refuse": "a null joint refuses the file",
        "drop": "a null joint is left out of the person's mean and counted",
        "wrong": "a null joint is left out of the errors, and wrong in shares",
    }[protocol.prediction.null_joint]
    return f"space {' or '.join(protocol.prediction.spaces)}; {null}"


def _matching(protocol: Protocol) -> str:
    rule = protocol.matching
    missed = {"out": "a missed person is left out of the errors and counted", "wrong": "and all joints wrong"}
    return f"{rule.rule} on the mean joint distance within {rule.limit_m} m; {missed[rule.missed_person]}"


def _metric(rule: MetricRule) -> str:
    parts = [rule.name]
    if rule.name.partition("@")[0] in {"mpjpe", "pck", "auc"}:
        root = rule.root if isinstance(rule.root, str) else f"mean of {', '.join(rule.root)}"
        parts.append(f"root: {root}")
    if rule.name.startswith(("pck", "auc")):
        parts.append("<=" if rule.inclusive else "<")
    if rule.name.startswith("auc"):
        parts.append(f"thresholds every {rule.step_mm:g} mm, {rule.area}")
    return "; ".join(parts)


def _averaging(protocol: Protocol) -> str:
    rule = protocol.averaging
    if rule.over == "groups":
        over = f"people pooled in each of {', '.join(rule.groups)}, then the plain mean of the groups"
    else:
        over = {
            "persons": "people pooled",
            "frames": "each frame, then the mean over frames",
            "sequences": "each sequence, then the plain mean of the sequences",
        }[rule.over]
    return f"{over}; intervals resample the {rule.resample}"
