"""Protocols by name: manifests -> frozen objects, aliases, options, and the hash of all they depend on.

A protocol says everything a number depends on: frames, ground-truth people and joints, the space predictions
live in, matching, misses, metrics, averaging. As data: `manifests/protocols/<dataset>/<name>.toml`; a
manifest with `same_as` holds only what differs from another one.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
from collections.abc import Mapping  # noqa: TC003 - msgspec resolves the field types at run time
from typing import Any, Final

import msgspec

from mhbench.datasets.choosing import exclusion_manifests
from mhbench.datasets.manifest import dataset_manifest
from mhbench.datasets.names import dataset_id
from mhbench.errors import ManifestError, UsageError
from mhbench.manifests import manifest_names, manifest_path, read_manifest
from mhbench.protocols.rules import (
    ANY,
    AveragingRule,
    FrameRule,
    MatchingRule,
    MetricRule,
    OptionRule,
    PredictionRule,
    Protocol,
    TrainingRule,
    TruthRule,
    VolumeRule,
)
from mhbench.skeletons import skeleton

__all__ = [
    "ANY",
    "AveragingRule",
    "FrameRule",
    "MatchingRule",
    "MetricRule",
    "OptionRule",
    "PredictionRule",
    "Protocol",
    "TrainingRule",
    "TruthRule",
    "VolumeRule",
    "load_protocol",
    "other_meanings",
    "protocol_hash",
    "protocol_names",
    "protocols_of",
    "resolve_protocol",
    "with_options",
]

# of the protocol that `same_as` names these are never taken over
_OWN: Final = ("name", "version", "about", "source", "notes", "same_as")

# tables whose keys are data and not fields: another one replaces them as a whole, as it does lists
_WHOLE: Final = ("require", "stand_ins", "groups", "means", "overlaps")


class Meaning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What else a name means in the literature."""

    protocol: str
    says: str


class Alias(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name of a protocol, or (without `is`) a name that would be a guess and is refused."""

    name: str
    protocol: str = msgspec.field(default="", name="is")
    others: tuple[Meaning, ...] = ()


class AliasManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Aliases of protocols."""

    alias: tuple[Alias, ...]


def protocol_names() -> list[str]:
    """Names of all protocols, as `panoptic/generic`."""
    return manifest_names("protocols")


def protocols_of(dataset: str) -> list[str]:
    """Names of the protocols of one data set."""
    return [name for name in protocol_names() if name.startswith(f"{dataset}/")]


@functools.cache
def load_protocol(name: str) -> Protocol:
    """The protocol of a full name such as `panoptic/generic`.

    Raises:
        UsageError: there is none; the message lists those of the same data set.
        ManifestError: its manifest breaks the schema.
    """
    names = protocol_names()
    if name not in names:
        near = protocols_of(name.partition("/")[0]) or names
        raise UsageError(
            f"there is no protocol {name!r}",
            expected=f"one of: {', '.join(near)}",
            action="`mhbench protocols` lists all of them",
        )
    try:
        return msgspec.convert(_content(name), Protocol)
    except msgspec.ValidationError as error:
        raise ManifestError(
            f"{manifest_path(f'protocols/{name}')}: {error}",
            expected="the fields of Protocol",
            action="correct the file; the manifests beside it are examples",
        ) from error


def _content(name: str) -> dict[str, Any]:
    """Decoded manifest of a protocol, with what it takes over from the one that `same_as` names."""
    path = manifest_path(f"protocols/{name}")
    try:
        own: dict[str, Any] = msgspec.toml.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise ManifestError(f"{path}: {error}", expected="TOML", action="correct the file") from error
    base = own.pop("same_as", None)
    if base is None:
        return own
    inherited = {key: value for key, value in _content(base).items() if key not in _OWN}
    return _merged(inherited, own)


def resolve_protocol(name: str, dataset: str | None) -> Protocol:
    """The protocol of a full name, an alias, or a bare name, which the data set of the predictions completes.

    Raises:
        UsageError: there is none, a bare name comes without a data set, or the name could mean several; the
            candidates are listed.
    """
    full = _full_name(name, dataset)
    alias = _aliases().get(full)
    if alias is None:
        return load_protocol(full)
    if not alias.protocol:
        raise UsageError(
            f"the protocol name {name!r} means several things",
            expected="; or ".join(f"{other.protocol} ({other.says})" for other in alias.others),
            action="choose one of them",
        )
    return load_protocol(alias.protocol)


def other_meanings(name: str, dataset: str | None) -> list[str]:
    """What else an alias means in the literature, with the commands; nothing for a protocol's own name.

    Raises:
        UsageError: see `resolve_protocol`.
    """
    alias = _aliases().get(_full_name(name, dataset))
    if alias is None or not alias.others:
        return []
    lines = [f"{alias.name} is {alias.protocol} here; the literature also calls so:"]
    return lines + [f"  {other.says}: --protocol {other.protocol}" for other in alias.others]


def named_dataset(name: str) -> str | None:
    """The data set of a full protocol name; None for a bare name and for protocols of any data set."""
    head, slash, _ = name.partition("/")
    return dataset_id(head) if slash and head != ANY else None


def _full_name(name: str, dataset: str | None) -> str:
    known = {*protocol_names(), *_aliases()}
    head, slash, tail = name.partition("/")
    if slash:
        return f"{dataset_id(head)}/{tail}"
    dataset = dataset and dataset_id(dataset)
    if dataset is not None and f"{dataset}/{name}" in known:
        return f"{dataset}/{name}"
    candidates = sorted(full for full in known if full.partition("/")[2] == name)
    own = protocols_of(dataset) if dataset else []
    if own:
        elsewhere = f"; {', '.join(candidates)} are for other data sets" if candidates else ""
        raise UsageError(
            f"{dataset} has no protocol {name!r}{elsewhere}",
            expected=f"one of: {', '.join(own)}",
            action=f"`mhbench protocols {dataset}` says what each is",
        )
    near = candidates or difflib.get_close_matches(name, sorted(known), cutoff=0.4)
    raise UsageError(
        f"the protocol name {name!r} is not enough" + (f" for predictions of {dataset!r}" if dataset else ""),
        expected=f"a full name, such as {', '.join(near or ['panoptic/generic'])}",
        action="`mhbench protocols` lists all of them",
    )


@functools.cache
def _aliases() -> Mapping[str, Alias]:
    return {alias.name: alias for alias in read_manifest("protocol_aliases", AliasManifest).alias}


def with_options(protocol: Protocol, chosen: Mapping[str, str]) -> Protocol:
    """The protocol with some of its options set to other values.

    Raises:
        UsageError: no such option or value; the message lists those there are.
    """
    options = {option.name: option for option in protocol.option}
    for name, value in chosen.items():
        _check_option(protocol, options, name, value)
    content: dict[str, Any] = msgspec.to_builtins(protocol)
    for name, option in options.items():  # in the manifest's order: one may replace what another one changes
        value = chosen.get(name, option.default)
        if value != option.default:
            content = _patched(content, option.values[value])
    return msgspec.convert(content, Protocol)


def _check_option(protocol: Protocol, options: Mapping[str, OptionRule], name: str, value: str) -> None:
    if name not in options:
        raise UsageError(
            f"{protocol.name} has no option {name!r}",
            expected=f"one of: {', '.join(options)}" if options else "no --option: it has none",
            action=f"`mhbench protocols {protocol.name}` prints its options",
        )
    known = (options[name].default, *options[name].values)
    if value not in known:
        raise UsageError(
            f"option {name!r} of {protocol.name} has no value {value!r}",
            expected=f"one of: {', '.join(known)}",
            action=f"`mhbench protocols {protocol.name}` says what each of them means",
        )


def _patched(content: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    changes = patch.get("metric_of", {})
    merged = _merged(content, {key: value for key, value in patch.items() if key != "metric_of"})
    merged["metric"] = [{**metric, **changes.get(metric["name"], {})} for metric in merged["metric"]]
    return merged


def _merged(content: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(content)
    for key, value in patch.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict) and key not in _WHOLE
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def protocol_hash(protocol: Protocol, frame_lists: Mapping[str, tuple[int, ...]] | None = None) -> str:
    """sha256 of everything the numbers depend on: the rules, the skeletons they name, all lists of frames.

    Texts (about, source, notes, words on training) are left out, so a better wording changes nothing.
    """
    content = _stated(protocol)
    # what an option changes stands in the other fields
    for text in ("about", "source", "notes", "refused", "option"):
        content.pop(text, None)
    for text in ("rule", "overlaps"):
        content.get("training", {}).pop(text, None)
    content["skeletons"] = {name: list(skeleton(name).points) for name in _skeletons(protocol)}
    lists = exclusion_manifests(protocol.frames.exclusions, protocol.frames.dataset)
    content["exclusion_lists"] = [msgspec.to_builtins(one.frames) for one in lists]
    content["frame_lists"] = {name: list(frames) for name, frames in (frame_lists or {}).items()}
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


def _stated(part: msgspec.Struct) -> dict[str, Any]:
    """What a part of a protocol says, without the fields at their defaults."""
    said = {}
    for field in msgspec.structs.fields(part):
        value, unset = getattr(part, field.name), msgspec.NODEFAULT
        default = field.default if field.default_factory is unset else field.default_factory()
        if default is unset or value != default:
            said[field.name] = _plain(value)
    return said


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _stated(value)
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _skeletons(protocol: Protocol) -> list[str]:
    """Skeletons by which the joint names of a protocol are read: a name may mean another point elsewhere."""
    if protocol.frames.dataset == ANY:
        return []
    manifest, truth = dataset_manifest(protocol.frames.dataset), protocol.truth
    names = {manifest.skeleton}
    names |= {manifest.joint_sets[one] for one in (truth.joint_set, truth.pixel_set) if one}
    names |= {truth.joints} if isinstance(truth.joints, str) and truth.joints != "shared" else set()
    names |= {truth.seen.skeleton} if truth.seen else set()
    names |= {"h36m_17_regressor"} if truth.body and truth.regressor == "h36m" else set()
    return sorted(names)
