"""Who may stand on a board: what is refused when a result is added, and again when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mhbench.errors import InputError, UsageError
from mhbench.leaderboard.entries import Board
from mhbench.protocols.loading import load_protocol, protocol_hash

if TYPE_CHECKING:
    from pathlib import Path

    from mhbench.evaluation.results import Result
    from mhbench.leaderboard.entries import Entry

_SHARED: Final = {
    "version": "protocol version",
    "hash": "rules (protocol hash)",
    "frames_sha256": "list of frames",
    "gt_sha256": "ground truth",
    "joints": "scored joints",
}


def check_numbers(path: Path, result: Result) -> None:
    """Refuse what no evaluation writes: shares outside 0 to 100, negative errors, counts that do not fit.

    Raises:
        InputError: naming all of them.
    """
    faults = [
        f"metrics.{name}.value is {one.value:g} {one.unit}"
        for name, one in result.metrics.items()
        if one.value is not None and (one.value < 0.0 or (one.unit == "%" and one.value > 100.0 + 1e-9))
    ]
    faults += [] if 0.0 <= result.joint_coverage <= 1.0 else [f"joint_coverage is {result.joint_coverage:g}"]
    faults += [] if result.metrics else ["metrics is empty"]
    if not 0 <= result.counts.frames_missing <= result.counts.frames:
        faults.append(f"counts.frames_missing is {result.counts.frames_missing} of {result.counts.frames}")
    if faults:
        raise InputError(
            f"{path}: {'; '.join(faults)}",
            expected="shares from 0 to 100 %, errors of at least 0, counts that fit",
            action="evaluate the predictions again",
        )


def check_metrics(path: Path, result: Result) -> list[str]:
    """Refuse metrics that the protocol does not give; return those of the protocol that are missing.

    Raises:
        UsageError: there is no such protocol, so its name is no way out of the store either.
        InputError: the result has a metric that its protocol does not know.
    """
    asked = [rule.name for rule in load_protocol(result.protocol.name).metric]
    strange = sorted(set(result.metrics) - set(asked))
    if strange and not result.protocol.options:  # an option may change what is measured
        raise InputError(
            f"{path}: {result.protocol.name} gives no {', '.join(strange)}",
            expected=f"only: {', '.join(asked)}",
            action="evaluate again",
        )
    return [] if result.protocol.options else [name for name in asked if name not in result.metrics]


def check_whole(path: Path, result: Result, *, partial: bool) -> None:
    """Missing frames, joints or metrics only if somebody said so.

    Raises:
        UsageError: they are missing and `partial` is not set, or there is no such protocol.
        InputError: the result has a metric that its protocol does not know.
    """
    missing = check_metrics(path, result)
    faults = [f"there is no {', '.join(missing)}"] if missing else []
    if result.partial:
        faults.append(f"{result.counts.frames_missing} of {result.counts.frames} frames are not predicted")
    if result.joint_coverage < 1.0:
        faults.append(f"{100.0 * (1.0 - result.joint_coverage):.2f} % of matched people's joints are null")
    if faults and not partial:
        raise UsageError(
            f"{path}: {'; '.join(faults)}",
            expected="predictions of every frame and joint, which give every metric",
            action="complete the predictions, or add them with --partial: ranked only where they are whole",
        )


def check_belongs(path: Path, result: Result, board: Board, own_data: str = "") -> None:
    """The result shares rules, frames, ground truth and joints with its board.

    Raises:
        InputError: it is of another protocol.
        UsageError: it does not; the message names all that differs.
    """
    if result.protocol.name != board.protocol:
        raise InputError(
            f"{path} is a result of {result.protocol.name}",
            expected=f"one of {board.protocol}, as the folder is named",
            action="move the entry to the board of its protocol, or add the result anew",
        )
    if own_data and own_data != board.own_data:
        raise UsageError(
            f"the board of {board.protocol} exists: its data are {board.own_data or 'the official ones'}",
            expected="--own-data only with the first entry of a board",
            action="leave it out, or add to another --store",
        )
    other = Board.of(result)
    unlike = [
        f"{words}: {_short(getattr(other, field))}, the board has {_short(getattr(board, field))}"
        for field, words in _SHARED.items()
        if getattr(other, field) != getattr(board, field)
    ]
    if unlike:
        raise UsageError(
            f"{path} does not belong on the board of {board.protocol}: {'; '.join(unlike)}",
            expected="a result by the same rules, on the same frames, against the same ground truth",
            action="evaluate with the same version, options, frame lists and shards; or use another --store",
        )


def _short(value: object) -> str:
    text = str(value)
    if isinstance(value, tuple):
        return f"{len(value)} joints ({', '.join(value)})"
    return text[:12]


def check_new(entry: Entry, entries: tuple[Entry, ...]) -> None:
    """Neither the name nor the predictions are on the board.

    Raises:
        UsageError: one of them is.
    """
    for other in entries:
        if other.name == entry.name:
            raise UsageError(
                f"the board has an entry {entry.name!r} already",
                expected="a new name",
                action="choose one with --name, or delete the old file first",
            )
        same = entry.result.provenance.get("predictions_sha256")
        if same and same == other.result.provenance.get("predictions_sha256"):
            raise UsageError(
                f"the same predictions are on the board already, as {other.name!r}",
                expected="a result of other predictions",
                action="delete the old entry first if the new one is to replace it",
            )


def check_may_open(path: Path, result: Result, own_data: str) -> None:
    """The result can be the first of its board, which decides frames and ground truth of all later ones.

    Raises:
        UsageError: other rules than those of this version, or not comparable on the official data.
    """
    protocol = load_protocol(result.protocol.name)
    if result.protocol.options or (
        not protocol.frames.user_lists and result.protocol.hash != protocol_hash(protocol)
    ):
        options = ", ".join(f"{name}={value}" for name, value in result.protocol.options.items())
        raise UsageError(
            f"{path} was not scored by {protocol.name} v{protocol.version} as it is"
            f" ({options or 'other rules: another version of mhbench'})",
            expected="a result without options by the protocol of this version, as the first of a board",
            action="evaluate again",
        )
    if not own_data and not result.comparable.value:
        raise UsageError(
            f"{path} would open the board of {protocol.name}, but is not comparable:"
            f" {'; '.join(result.comparable.reasons)}",
            expected="a comparable result as the first entry, as it decides frames and ground truth",
            action='say what the data are (--own-data "the first 100 frames"), or add another result first',
        )
