"""Protocols: manifests -> frozen objects, their names, their hash, and the frames they select.

A protocol says everything a number depends on: frames, ground-truth people and joints, the space predictions
live in, matching, misses, metrics, averaging. As data: `manifests/protocols/<dataset>/<name>.toml`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping  # noqa: TC003 - msgspec resolves the field types at run time
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from mhbench.errors import UsageError
from mhbench.manifests import manifest_names, read_manifest
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.frames import FrameTable

Names = tuple[str, ...]


class FrameRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which converted frames are expected. Empty lists mean all; strides refer to raw indices.

    Attributes:
        cameras: names of cameras; empty = every converted one.
        user_lists: the official list is not public: `--frames DIR` gives it, else nothing is comparable.
        expected: number of frames of the complete protocol, where it is known.
    """

    dataset: str
    split: str = ""
    sequences: Names = ()
    cameras: Names = ()
    stride: int = 1
    exclusions: Names = ()
    user_lists: bool = False
    expected: int = 0


class TruthRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which joints and people are scored.

    Attributes:
        joints: `shared` = those both skeletons share exactly; a skeleton's name; or a list of joint names, in
            which `a | b` stands for the first of them that the ground truth has.
        joint_set: a further joint set of the shards instead of the main one.
        out_of_image_joints: whether joints outside the image are scored.
    """

    joints: str | Names = "shared"
    joint_set: str = ""
    out_of_image_joints: Literal["scored", "not scored"] = "not scored"


class PredictionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a prediction must be. `spaces`: those accepted; metrics that a space cannot give are left out.

    Attributes:
        null_joint: refuse the file; drop the joint from the errors; or count it as wrong in shares only.
    """

    spaces: tuple[Literal["camera", "root", "world", "2d"], ...] = ("camera",)
    null_joint: Literal["refuse", "drop", "wrong"] = "drop"


class MatchingRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How predictions meet ground-truth people, and what a person without one costs."""

    rule: str = "hungarian"
    limit_m: float = 0.5
    missed_person: Literal["out", "wrong"] = "out"


class MetricRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One metric: its contract name (thresholds are part of it) and how it is computed.

    Attributes:
        root: `skeleton` (its root, else the mean of the hips), `none`, or joints whose mean is subtracted.
        inclusive: whether an error equal to the threshold is right.
        step_mm, closed, area: grid of an AUC, whether its last threshold belongs to it, and the rule.
    """

    name: str
    root: str | Names = "skeleton"
    inclusive: bool = False
    step_mm: float = 5.0
    closed: bool = True
    area: Literal["mean", "trapezoid"] = "mean"


class AveragingRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How people become one number: pooled, or the plain mean over groups of sequences.

    Attributes:
        over: everybody pooled; the plain mean of the groups, or of the sequences; or the mean of frames.
        groups: group name -> sequences; each group is pooled, then the plain mean of the groups is taken.
        resample: what the interval speaks of.
    """

    over: Literal["persons", "groups", "frames", "sequences"] = "persons"
    groups: Mapping[str, Names] = {}
    resample: Literal["sequence", "image"] = "sequence"


class TrainingRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model may have been trained on, in words, and which sets break the rule."""

    rule: str = "not restricted"
    forbidden: Names = ()


class OptionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An open point of the protocol. A value other than the default makes a result not comparable.

    Attributes:
        values: other value -> what it replaces in the manifest (tables are merged, lists replaced).
    """

    name: str
    default: str
    values: Mapping[str, dict[str, Any]]
    about: str = ""


class Protocol(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen, versioned protocol (contract 4)."""

    name: str
    version: int
    evidence: Literal["run", "read", "paper", "inferred"]
    source: str
    about: str
    scoring: Literal["poses"] = "poses"
    frames: FrameRule
    truth: TruthRule = TruthRule()
    prediction: PredictionRule = PredictionRule()
    matching: MatchingRule = MatchingRule()
    metric: tuple[MetricRule, ...]
    averaging: AveragingRule = AveragingRule()
    training: TrainingRule = TrainingRule()
    option: tuple[OptionRule, ...] = ()
    notes: Names = ()

    @property
    def official(self) -> bool:
        """Whether the definition was run against the public evaluator; below that it is not official."""
        return self.evidence == "run"


def protocol_names() -> list[str]:
    """Names of all protocols, as `panoptic/generic`."""
    return manifest_names("protocols")


@functools.cache
def load_protocol(name: str) -> Protocol:
    """The protocol of a full name such as `panoptic/generic`.

    Raises:
        UsageError: there is none; the message lists those of the same data set.
        ManifestError: its manifest breaks the schema.
    """
    names = protocol_names()
    if name not in names:
        dataset = name.partition("/")[0]
        near = [other for other in names if other.startswith(f"{dataset}/")] or names
        raise UsageError(
            f"there is no protocol {name!r}",
            expected=f"one of: {', '.join(near)}",
            action="`mhbench protocols` lists all of them",
        )
    return read_manifest(f"protocols/{name}", Protocol)


def resolve_protocol(name: str, dataset: str | None) -> Protocol:
    """The protocol of a full or bare name; a bare one is looked up in the data set of the predictions.

    Raises:
        UsageError: there is none, or a bare name comes without a data set; candidates are listed.
    """
    if "/" in name:
        return load_protocol(name)
    if dataset is not None and f"{dataset}/{name}" in protocol_names():
        return load_protocol(f"{dataset}/{name}")
    candidates = [full for full in protocol_names() if full.partition("/")[2] == name]
    raise UsageError(
        f"the protocol name {name!r} is not enough" + (f" for predictions of {dataset!r}" if dataset else ""),
        expected=f"a full name: {', '.join(candidates) or 'none has this ending'}",
        action="`mhbench protocols` lists all of them",
    )


def with_options(protocol: Protocol, chosen: Mapping[str, str]) -> Protocol:
    """The protocol with some of its options set to other values.

    Raises:
        UsageError: no such option or value; the message lists those there are.
    """
    content: dict[str, Any] = msgspec.to_builtins(protocol)
    options = {option.name: option for option in protocol.option}
    for name, value in chosen.items():
        if name not in options:
            raise UsageError(
                f"{protocol.name} has no option {name!r}",
                expected=f"one of: {', '.join(options) or 'it has none'}",
            )
        if value == options[name].default:
            continue
        if value not in options[name].values:
            raise UsageError(
                f"option {name!r} of {protocol.name} has no value {value!r}",
                expected=f"one of: {', '.join((options[name].default, *options[name].values))}",
            )
        content = _merged(content, options[name].values[value])
    return msgspec.convert(content, Protocol)


def _merged(content: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(content)
    for key, value in patch.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def protocol_hash(protocol: Protocol, frame_lists: Mapping[str, tuple[int, ...]] | None = None) -> str:
    """sha256 of everything the numbers depend on: the rules, the skeletons they name, the frame lists.

    Texts (about, source, notes, words on training) are left out, so a better wording changes nothing.
    """
    content: dict[str, Any] = msgspec.to_builtins(protocol)
    for text in ("about", "source", "notes"):
        content.pop(text)
    content["training"].pop("rule")
    content.pop("option")  # what an option changes stands in the other fields
    joints = protocol.truth.joints
    if isinstance(joints, str) and joints != "shared":
        content["truth"]["joints"] = list(skeleton(joints).points)
    content["frame_lists"] = {name: list(frames) for name, frames in (frame_lists or {}).items()}
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


def expected_frames(
    protocol: Protocol, table: FrameTable, frame_lists: Mapping[str, tuple[int, ...]] | None = None
) -> npt.NDArray[np.bool_]:
    """(F,) which frames of a shard the protocol expects to be predicted."""
    rule = protocol.frames
    wanted = np.full(table.frame_count, fill_value=True)
    if rule.split and table.split != rule.split:
        return ~wanted
    if rule.sequences:
        wanted &= np.isin(table.frames["sequence"], rule.sequences)
    if rule.cameras:
        wanted &= np.isin(table.frames["camera"], rule.cameras)
    if rule.stride > 1:
        wanted &= table.frames["index"] % rule.stride == 0
    if frame_lists:
        for sequence in np.unique(table.frames["sequence"]):
            inside = table.frames["sequence"] == sequence
            listed = np.isin(table.frames["index"], frame_lists.get(str(sequence), ()))
            wanted &= ~inside | listed
    return wanted
