"""Protocols in words, from the same objects that score."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from mhbench.protocols.loading import protocol_hash
from mhbench.protocols.metric_names import error_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mhbench.protocols.loading import MetricRule, Protocol

WIDTH: Final = 100
EVIDENCE: Final = {
    "run": "run: gives the numbers of the public evaluator on the golden inputs",
    "read": "read: read in public code, not run; not an official score",
    "paper": "paper: stated by a paper, no code seen; not an official score",
    "inferred": "inferred: deduced or decided by this project; not an official score",
}


def list_in_words(protocols: Sequence[Protocol]) -> str:
    """One line per protocol: name, evidence, what it is; then what the words of evidence mean."""
    width = max((len(one.name) for one in protocols), default=0)
    lines = [f"{one.name:<{width}}  {one.weakest_evidence:<8}  {one.about}" for one in protocols]
    return "\n".join([*lines, "", "evidence", *(f"  {words}" for words in EVIDENCE.values())])


def protocol_in_words(protocol: Protocol) -> str:
    """Every choice of a protocol, one labelled line each."""
    options = [
        f"{option.name} = {option.default} (default) | {' | '.join(option.values)}: {option.about}"
        for option in protocol.option
    ]
    lines = [
        ("protocol", [f"{protocol.name} v{protocol.version}  hash {protocol_hash(protocol)}"]),
        ("is", [protocol.about]),
        ("refused", [protocol.refused] if protocol.refused else []),
        ("evidence", _evidence(protocol)),
        ("source", [protocol.source]),
        ("frames", [_frames(protocol)]),
        ("joints", [_joints(protocol)]),
        ("people", [_people(protocol)]),
        ("predictions", [_predictions(protocol)]),
        ("matching", [_matching(protocol)]),
        ("metrics", [_metric(rule) for rule in protocol.metric]),
        ("volumes", _volumes(protocol)),
        ("average", [_averaging(protocol)]),
        ("training", _training(protocol)),
        ("options", options),
        ("notes", protocol.notes),
    ]
    return "\n".join(line for label, texts in lines for line in _labelled(label, texts))


def _evidence(protocol: Protocol) -> list[str]:
    if protocol.frames_evidence in {"", protocol.evidence}:
        return [EVIDENCE[protocol.evidence]]
    return [f"metric: {EVIDENCE[protocol.evidence]}", f"frames: {EVIDENCE[protocol.frames_evidence]}"]


def _training(protocol: Protocol) -> list[str]:
    rule = protocol.training
    lines = [rule.rule]
    lines += [f"not comparable if trained on {', '.join(rule.forbidden)}"] if rule.forbidden else []
    lines += ["not comparable without trained_on"] if rule.declare or rule.forbidden else []
    return lines + [f"{name}: {words}" for name, words in rule.overlaps.items()]


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
    parts += [f"subjects {', '.join(rule.subjects)}"] if rule.subjects else []
    parts.append(f"cameras {', '.join(rule.cameras)}" if rule.cameras else "all converted cameras")
    parts += ["all cameras of a moment together are one frame <sequence>/world/<index>"] if rule.world else []
    step = f"every {rule.stride}th of the sorted frames" if rule.world else f"index % {rule.stride} == 0"
    parts.append(step if rule.stride > 1 else "every frame")
    parts += [f"{column} = {value}" for column, value in rule.require.items()]
    parts += ["every 2D joint inside the image"] if rule.joints_inside else []
    parts += ["somebody counts"] if rule.with_people else []
    parts += [f"without {', '.join(rule.exclusions)}"] if rule.exclusions else []
    parts += [f"{rule.expected:,} frames in all"] if rule.expected else []
    parts += [f"{rule.expected_people:,} people in all"] if rule.expected_people else []
    parts += ["the official list is not public: --frames DIR"] if rule.user_lists else []
    return "; ".join(parts)


def _people(protocol: Protocol) -> str:
    rule = protocol.truth
    parts = ["ground-truth people with at least one scored joint"]
    parts += [f"{column} = {value}" for column, value in rule.require.items()]
    parts += [f"{' and '.join(rule.labelled)} labelled in the image"] if rule.labelled else []
    parts += ["not hidden in every joint"] if rule.fully_occluded == "not scored" else []
    parts += [f"in whole windows of {rule.windows} frames of a track"] if rule.windows else []
    if rule.seen is not None:
        seen = rule.seen
        parts.append(
            f"more than {seen.more_than} of {', '.join(seen.joints)} with {seen.column} above {seen.above}"
        )
    return "; ".join(parts)


def _joints(protocol: Protocol) -> str:
    rule = protocol.truth
    if rule.joints == "shared":
        names = "those that both skeletons share exactly, in ground-truth order"
    else:
        names = (
            rule.joints if isinstance(rule.joints, str) else f"{len(rule.joints)}: {', '.join(rule.joints)}"
        )
    places = {
        "scored": "scored",
        "not scored": "not scored",
        "truncated": "not scored; pixels are cut to integers, both ends of the image are inside",
    }
    parts = [names]
    parts += [f"a prediction needs {', '.join(rule.needed)} besides"] if rule.needed else []
    parts += [f"of the joint set {rule.joint_set}"] if rule.joint_set else []
    if rule.body:
        made = "Human3.6M's regressor" if rule.regressor == "h36m" else "SMPL's own regressor"
        parts.append(f"from {rule.body} SMPL bodies by {made}")
    parts += [f"{joint} is the mean of {' and '.join(names)}" for joint, names in rule.means.items()]
    return "; ".join([*parts, f"joints outside the image are {places[rule.out_of_image_joints]}"])


def _predictions(protocol: Protocol) -> str:
    rule = protocol.prediction
    null = {
        "refuse": "a null joint refuses the file",
        "drop": "a null joint is left out of the person's mean and counted",
        "wrong": "a null joint is left out of the errors, and wrong in shares",
    }[rule.null_joint]
    mesh = {
        "": "",
        "h36m": "; a mesh or SMPL parameters go through Human3.6M's regressor",
        "smpl": "; SMPL parameters give the model's own joints",
    }[rule.regressor]
    stand_ins = "".join(f"; {point} counts as {joint}" for joint, point in rule.stand_ins.items())
    loose = "; loose joints only, no people" if rule.people == "refused" else ""
    return f"space {' or '.join(rule.spaces)}; {null}{mesh}{stand_ins}{loose}"


def _matching(protocol: Protocol) -> str:
    rule = protocol.matching
    rules = {
        "hungarian": f"Hungarian on the mean joint distance, pairs over {rule.limit_m:g} m inadmissible",
        "nearest": "each person takes the prediction with the nearest root",
        "highest_score": "the prediction with the highest score meets the one person of the frame",
        "best": "all predictions of the frame are scored, and each metric takes its least error",
        "given": "by the person whose box the prediction was given",
        "track": "prediction i is person i, or the one its key names",
        "greedy_2d": "by the person a prediction names, else least mean pixel distance first",
        "mupots_2d": "most joints within 40 px, people in file order",
        "points": f"joints of a type, whoever they belong to: {rule.pairing} pairing, distance <= threshold",
        "similarity": "keypoint similarity, best score first, 20 per image",
        "roots": "the nearest root, best score first, no second choice",
        "by_score": "each prediction belongs to its nearest person; by score, one hit for each person",
    }
    parts = [rules[rule.rule]]
    parts += [f"pixel distance over {', '.join(rule.joints)}"] if rule.joints else []
    parts += [f"below {rule.limit_px:g} px"] if rule.limit_px else []
    missed = {
        "out": "a missed person is left out of the errors and counted",
        "wrong": "every joint of a missed person is wrong",
        "refuse": "a missed person refuses the file",
    }
    parts.append(missed[rule.missed_person])
    parts += [f"the error of a missed person is {rule.missed_mm:g} mm"] if rule.missed_mm else []
    return "; ".join(parts)


def _metric(rule: MetricRule) -> str:
    parts = [rule.name]
    if error_name(rule) == "mpjpe":
        root = rule.root if isinstance(rule.root, str) else f"mean of {', '.join(rule.root)}"
        parts.append(f"root: {root}")
    parts += [f"alignment: {rule.align}"] if rule.name == "pmpjpe" else []
    parts += [f"the fit also takes the mean of {' and '.join(names)}" for names in rule.fit_also]
    parts += [] if rule.recentre else ["a root-relative prediction is taken as it is"]
    parts += ["predicted bones get the true lengths first"] if rule.rescale_bones else []
    parts += [f"{len(rule.joints)} joints: {', '.join(rule.joints)}"] if rule.joints else []
    parts += [f"cameras {', '.join(rule.cameras)}"] if rule.cameras else []
    if rule.name.startswith(("pck", "auc")):
        parts.append("<=" if rule.inclusive else "<")
    if rule.name.startswith("auc"):
        parts.append(f"thresholds every {rule.step_mm:g} mm, {rule.area}")
    return "; ".join(parts)


def _volumes(protocol: Protocol) -> list[str]:
    rule = protocol.volumes
    if rule is None:
        return []
    cells = {
        "conservative": "every cell a triangle touches, filled",
        "centre": "every cell whose centre is inside",
    }[rule.cells]
    parts = [f"{rule.resolution} cells along the longest side of the true body", cells]
    parts += [f"{', '.join(rule.pooled)}: cells of all samples together"] if rule.pooled else []
    parts += [f"s{one}: the {one} % farthest from the mean shape" for one in rule.extreme]
    return ["; ".join(parts)]


def _averaging(protocol: Protocol) -> str:
    rule = protocol.averaging
    if rule.over == "groups":
        over = f"people pooled in each of {', '.join(rule.groups)}, then the plain mean of the groups"
    else:
        over = {
            "persons": "people pooled",
            "frames": "each frame, then the mean over frames",
            "sequences": "each sequence, then the plain mean of the sequences",
            "actions": "people pooled in each action, then the plain mean of the actions",
            "actions of takes": "the plain mean of the takes of each action, then that of the actions",
        }[rule.over]
    return f"{over}; intervals resample the {rule.resample}"
