"""What a leaderboard stores: entries and boards, as JSON files with a schema and a hash of their content."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

import msgspec

from mhbench.errors import InputError, MissingInputError
from mhbench.evaluation.results import Result  # noqa: TC001 - msgspec resolves the field types at run time

if TYPE_CHECKING:
    from pathlib import Path

ENTRY_FORMAT: Final = "mhbench-entry/1"
BOARD_FORMAT: Final = "mhbench-board/1"
BOARD_FILE: Final = "_board.json"  # no entry can have this name: they begin with a letter or a digit
SLUG: Final = r"^[a-z0-9][a-z0-9._-]{0,79}$"

Stored = TypeVar("Stored", bound=msgspec.Struct)
Text = Annotated[str, msgspec.Meta(max_length=300)]
# only what is safe to click; pages put it into href
Link = Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s\"'<>]+)?$", max_length=500)]
Date = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Year = Annotated[int, msgspec.Meta(ge=1990, le=2100)]


class Picture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture in the folder that bears the entry's name, beside the entry."""

    file: Annotated[str, msgspec.Meta(pattern=r"^[1-9]\.png$")]
    about: Text
    sha256: str


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a result does not say itself.

    Attributes:
        added: day of the addition.
        link: of the paper or the code.
        year: of the publication.
        partial: it was added although frames or joints are missing.
        upper_bound: made from the ground truth, so shown but not ranked.
        pictures: of the worst frames.
    """

    added: Date
    link: Link = ""
    backbone: Text = ""
    year: Year | None = None
    note: Text = ""
    partial: bool = False
    upper_bound: bool = False
    pictures: tuple[Picture, ...] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One result on a board.

    Attributes:
        name: also the name of the file.
        content_sha256: of everything else in the file, so that no number is edited unnoticed.
    """

    format: Literal["mhbench-entry/1"] = ENTRY_FORMAT
    name: Annotated[str, msgspec.Meta(pattern=SLUG)]
    facts: Facts
    result: Result
    content_sha256: str = ""


class Board(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all entries of a board share; the first entry decides it.

    Attributes:
        protocol, version, hash: the rules.
        frames_sha256, gt_sha256, joints: frames, ground truth and joints that were scored.
        own_data: what the data are, if they are not the official ones (synthetic, a part): published figures
            are then kept apart.
    """

    format: Literal["mhbench-board/1"] = BOARD_FORMAT
    protocol: str
    version: int
    hash: str
    frames_sha256: str
    gt_sha256: str
    joints: tuple[str, ...]
    own_data: Text = ""

    @classmethod
    def of(cls, result: Result, own_data: str = "") -> Board:
        """The board that a result belongs to."""
        used = result.protocol
        return cls(
            protocol=used.name,
            version=used.version,
            hash=used.hash,
            frames_sha256=used.frames_sha256,
            gt_sha256=used.gt_sha256,
            joints=used.joints,
            own_data=own_data,
        )


def as_file(content: Entry | Board) -> bytes:
    """The JSON of a stored file, indented so that a diff shows what changed; an entry gets its hash."""
    plain: dict[str, Any] = msgspec.to_builtins(content)
    if "content_sha256" in plain:
        plain["content_sha256"] = content_hash(plain)
    return msgspec.json.format(msgspec.json.encode(plain), indent=1) + b"\n"


def content_hash(plain: dict[str, Any]) -> str:
    """sha256 of a decoded entry as it lies in the file, without the hash itself.

    It is taken before any schema is applied: a later version that knows more fields finds the same hash.
    """
    rest = {key: value for key, value in plain.items() if key != "content_sha256"}
    return hashlib.sha256(msgspec.json.encode(rest, order="deterministic")).hexdigest()


def read_entry(path: Path) -> Entry:
    """Read one entry.

    Raises:
        MissingInputError: it is not there.
        InputError: it is no entry of this format version, or it was edited.
    """
    content = _content(path)
    entry = _decode(path, content, Entry)
    plain: dict[str, Any] = msgspec.json.decode(content)
    found = content_hash(plain)
    if found != entry.content_sha256:
        raise InputError(
            f"{path} was edited: its content does not have the hash it states",
            expected=f"content_sha256 {found[:12]}; the file says {entry.content_sha256[:12] or 'nothing'}",
            action="restore the file (git log shows the change), or evaluate again and add the new result",
        )
    return entry


def read_board_file(path: Path) -> Board:
    """Read what the entries of a board share.

    Raises:
        MissingInputError: it is not there.
        InputError: it is no board of this format version.
    """
    return _decode(path, _content(path), Board)


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise MissingInputError(
            f"there is no {path}",
            expected="a file that `mhbench leaderboard add` wrote",
            action="check --store, or restore the file (git log shows what became of it)",
        )
    return path.read_bytes()


def _decode(path: Path, content: bytes, kind: type[Stored]) -> Stored:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(
            f"{path}: {error}",
            expected=f"{kind.__name__.lower()} of format {ENTRY_FORMAT if kind is Entry else BOARD_FORMAT}",
            action="restore the file, or use the version of mhbench that wrote it",
        ) from error
