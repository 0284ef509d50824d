"""Result: what an evaluation gives. The same object prints, becomes JSON, and feeds the report."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - msgspec resolves the field types at run time
from pathlib import Path  # noqa: TC003 - same
from typing import Any, Final, Literal

import msgspec

from mhbench.errors import InputError, MissingInputError
from mhbench.evaluation.printing import all_wrapped, interval, number, wrapped

FORMAT: Final = "mhbench-result/1"
_LOOK: Final = "`mhbench audit` tries other axes, units and sides, `mhbench view --preds` draws them"
_ZEROS: Final = re.compile(r"\b0+(?=\d)")


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One number: None = not defined on these data; `ci95` = interval by resampling the protocol's unit."""

    value: float | None
    unit: str
    ci95: tuple[float, float] | None = None


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics of one part of the data: `by` sequence, camera, joint, group; `key` = which one."""

    by: str
    key: str
    metrics: Mapping[str, float | None]

    @property
    def words(self) -> str:
        """The key as people write it (see `part_words`)."""
        return part_words(self.by, self.key)


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What the numbers rest on; always printed beside them. None: the protocol does not match people.

    `frames_with_several` frames are not among `frames`: several people were in them, and predictions relative
    to their root cannot be told apart by position.
    """

    frames: int
    frames_missing: int
    gt_persons: int
    predicted_persons: int
    matched: int | None
    missed: int | None
    false_positives: int | None
    joints_dropped: int
    persons_without_root: int
    frames_outside_protocol: int = 0
    frames_with_several: int = 0


class UsedProtocol(msgspec.Struct, frozen=True, kw_only=True):
    """Which protocol, by content: name, version and hashes of its rules, its frames and its ground truth."""

    name: str
    version: int
    hash: str
    frames_sha256: str
    gt_sha256: str
    evidence: str
    joints: tuple[str, ...]
    options: Mapping[str, str] = {}
    resampled: str = ""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Frames of the raw data that were left out on purpose, and why."""

    frames: int
    reason: str


class Comparable(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the numbers may stand beside others of this protocol, and why not."""

    value: bool
    reasons: tuple[str, ...] = ()


class WorstFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One of the frames a result is worst on: its id, and what went wrong in it."""

    frame: str
    about: str


class Resampling(msgspec.Struct, frozen=True, kw_only=True):
    """Every metric in every draw of the bootstrap: what a paired comparison of two results needs.

    Attributes:
        unit: what was drawn (sequence, image or block), `units` of them, `draws` times.
        sha256: of what was drawn; two results with the same one drew the same units in every draw.
        values: metric -> its value in each draw, base64 of little-endian float32.
        parts: breakdown -> key -> metric -> its value in the first draws, likewise; without parts that lie in
            one unit.
    """

    unit: str
    units: int
    draws: int
    sha256: str
    values: Mapping[str, str]
    parts: Mapping[str, Mapping[str, Mapping[str, str]]] = {}


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one evaluation (contract 6); without `resampling` if nothing was drawn.

    `contamination`: what the training data share with the tested frames, as sentences.
    """

    format: Literal["mhbench-result/1"] = FORMAT
    protocol: UsedProtocol
    comparable: Comparable
    model: str
    trained_on: tuple[str, ...] | None
    dataset: str
    metrics: Mapping[str, Value]
    breakdown: tuple[Breakdown, ...]
    counts: Counts
    joint_coverage: float
    provenance: Mapping[str, Any]
    contamination: tuple[str, ...] = ()
    excluded: tuple[LeftOut, ...] = ()
    resampling: Resampling | None = None
    worst_frames: tuple[WorstFrame, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether expected frames are missing from the predictions."""
        return self.counts.frames_missing > 0

    def to_json(self) -> bytes:
        """The result as indented JSON, keys in a fixed order, no NaN."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    def __str__(self) -> str:
        return "\n".join([*_heading(self), "", *_people(self), "", *_metrics(self), *_remarks(self)])


def part_words(by: str, key: str) -> str:
    """The key of a part as people write it: ranges without the zeros they sort by, joints without `_`."""
    if by in {"people", "distance"}:
        return _ZEROS.sub("", key)
    return key.replace("_", " ") if by == "joint" else key


def read_result(path: Path) -> Result:
    """Read a result file.

    Raises:
        MissingInputError: it is not there.
        InputError: it is no result of this format version.
    """
    if not path.is_file():
        raise MissingInputError(
            f"there is no result {path}",
            expected="a JSON file written by `mhbench evaluate --out`",
            action="check the path, or evaluate the predictions first",
        )
    content = path.read_bytes()
    try:
        return msgspec.json.decode(content, type=Result)
    except (msgspec.DecodeError, RecursionError) as error:
        if b'"mhbench-predictions/' in content[:4096]:
            raise InputError(
                f"{path} holds predictions, not the result of scoring them",
                expected=f"a result of format {FORMAT}",
                action=f"mhbench evaluate {path} --protocol NAME --out result.json",
            ) from error
        raise InputError(
            f"{path}: {error}",
            expected=f"a result of format {FORMAT}",
            action="evaluate the predictions again",
        ) from error


def _heading(result: Result) -> list[str]:
    protocol = result.protocol
    official = (
        "" if protocol.evidence == "run" else f" (evidence: {protocol.evidence}; not an official score)"
    )
    lines = [
        f"{protocol.name} v{protocol.version}{official}",
        f"model {result.model}   protocol hash {protocol.hash[:12]}"
        + (f"   {len(protocol.joints)} joints" if protocol.joints else ""),
    ]
    if protocol.options:
        lines.append("options " + ", ".join(f"{name}={value}" for name, value in protocol.options.items()))
    return lines


def _people(result: Result) -> list[str]:
    counts = result.counts
    given = counts.frames - counts.frames_missing
    return [
        _counts_line("frames", expected=counts.frames, given=given, missing=counts.frames_missing),
        _counts_line(
            "people",
            true=counts.gt_persons if counts.gt_persons or counts.matched is not None else None,
            predicted=counts.predicted_persons if counts.matched is None else None,
            matched=counts.matched,
            missed=counts.missed,
            false=counts.false_positives,
        ),
    ]


def _counts_line(label: str, **counts: int | None) -> str:
    told = {name: count for name, count in counts.items() if count is not None}
    return f"{label:<8}" + "".join(f"{count:>9} {name:<9}" for name, count in told.items()).rstrip()


def _metrics(result: Result) -> list[str]:
    width = max([len(name) for name in result.metrics] + [len("metric")]) + 2
    lines = [f"{'metric':<{width}}{'value':>12}    95 % interval"]
    for name, value in result.metrics.items():
        text = number(value.value, value.unit) + ("" if value.value is None else f" {value.unit:<2}")
        lines.append(f"{name:<{width}}{text:>12}    {interval(value.ci95, value.unit)}".rstrip())
    if result.protocol.resampled:
        seconds = result.provenance.get("interval_seconds")
        cost = "" if seconds is None else f", made in {seconds:.2f} s"
        lines += wrapped(f"intervals: {result.protocol.resampled}{cost}")
    if bare := _without_intervals_of_parts(result):
        lines += wrapped(f"no intervals for parts of the data: {', '.join(bare)}")
    return lines


def _without_intervals_of_parts(result: Result) -> list[str]:
    """Metrics that are broken down without intervals: a precision is no function of sums over frames."""
    if result.resampling is None:
        return []
    drawn = {name for keys in result.resampling.parts.values() for one in keys.values() for name in one}
    broken = {name for part in result.breakdown for name, value in part.metrics.items() if value is not None}
    return [name for name in result.metrics if name in broken - drawn]


def _remarks(result: Result) -> list[str]:
    counts = result.counts
    lines = [f"joint coverage {100 * result.joint_coverage:.2f} %"] if result.protocol.joints else []
    if counts.matched == 0 and counts.gt_persons and counts.predicted_persons:
        lines = [f"nobody was matched: {_LOOK}"]
    if result.provenance.get("place"):
        lines.append(f"people were placed by {result.provenance['place']} of their own joints2d")
    lines += _bodies(result.provenance)
    if counts.persons_without_root:
        lines.append(f"{counts.persons_without_root} matched people have no root and no rooted error")
    if counts.frames_with_several:
        lines.append(
            f"{counts.frames_with_several} frames with several people were left out: predictions relative to"
            " their root have no place by which to tell people apart"
        )
    if counts.frames_outside_protocol:
        lines.append(
            f"{counts.frames_outside_protocol} predicted frames lie outside the protocol and were ignored"
        )
    lines += [f"left out of the raw data: {one.frames} frames ({one.reason})" for one in result.excluded]
    lines += [f"contamination: {words}" for words in result.contamination]
    if not result.comparable.value:
        lines.append("not comparable with other results of this protocol:")
        lines += [f"  - {reason}" for reason in result.comparable.reasons]
    return ["", *all_wrapped(lines)]


def _bodies(told: Mapping[str, Any]) -> list[str]:
    """What a count of collisions rests on: without it the count says nothing."""
    without = told.get("people_without_mesh")
    if "collision_people" not in told:
        return [] if without is None else [f"{without} people have no body: collisions are not defined"]
    among = f"collisions among {told['collision_people']} bodies of {told['collisions_among']}"
    pairs = f"{told['collision_candidate_pairs']} pairs of boxes meet"
    return [f"{among}, {pairs}; {without} people have no whole body"]
