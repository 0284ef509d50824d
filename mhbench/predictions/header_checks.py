"""What the types of the schema cannot say of a header and of the ids of frames, in any form of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.errors import PredictionError, UsageError
from mhbench.predictions.schema import FORMAT
from mhbench.predictions.table import frame_key
from mhbench.skeletons import Skeleton, skeleton

if TYPE_CHECKING:
    from mhbench.predictions.schema import Header
    from mhbench.predictions.table import PredictionTable

# what the header must declare before a person may carry the key
REQUIRED: Final = {
    "joints3d": ("skeleton", "units", "space"),
    "joints2d": ("skeleton",),
    "joint_scores": ("skeleton",),
    "loose_joints": ("skeleton", "units", "space"),
    "vertices": ("units", "space"),
    "rotations": ("rotation_set",),
    "smpl_transl": ("units", "space"),
    "volume_corner": ("units", "space"),
    "depth": ("units",),
}

_LENGTHS: Final = ("joints3d", "vertices", "smpl_transl", "volume_corner", "volume_cell")

_MEANING: Final = {
    "skeleton": "the name of the skeleton whose joints these are",
    "units": "'m' or 'mm', the unit of joints3d, loose_joints, vertices, transl and depth",
    "space": "'camera' (absolute), 'root' (relative to the joint named in `root`) or 'world' (multi-view)",
    "rotation_set": "'smpl_24' or 'challenge_9', the bones of the rotations",
}


class HeaderCheck:
    """A checked header: its skeleton, its unit, and what its people may carry.

    Args:
        header: the decoded header.
        source: the file, for messages.
        at: what stands before the name of a header field in messages; the form decides.

    Raises:
        PredictionError: the header names an unknown format, skeleton or root, or lacks the root.
    """

    def __init__(self, header: Header, source: str, at: str = "$.") -> None:
        self.header = header
        self.source = source
        self.at = at
        if header.format != FORMAT:
            raise self.error(f"{at}format", f"is {header.format!r}", expected=repr(FORMAT))
        for name in ("dataset", "model", "topology"):
            self.check_text(f"{at}{name}", getattr(header, name) or "-")
        self.skeleton = self._skeleton()
        self._check_root()

    @property
    def joint_count(self) -> int:
        """Number of joints J of the skeleton; 0 without one."""
        return 0 if self.skeleton is None else len(self.skeleton.joints)

    def error(self, path: str, what: str, *, expected: str = "", action: str = "") -> PredictionError:
        """An error of this file at a JSON path."""
        return PredictionError(f"{self.source}: {path} {what}", expected=expected, action=action)

    def check_text(self, path: str, text: str) -> None:
        """Refuse line breaks, NUL and lone surrogates: they survive neither HDF5 nor a report."""
        if not text.isprintable():
            raise self.error(path, f"is {text!r}", expected="text without control characters")

    def to_metres(self, table: PredictionTable) -> None:
        """Bring the lengths of a table from the units of the header to metres, in place."""
        if self.header.units != "mm":
            return
        lengths = [table.persons.get(name) for name in _LENGTHS]
        lengths.append(table.loose.get("position"))
        if self.header.depth_kind != "ordinal":
            lengths.append(table.persons.get("depth"))
        for column in lengths:
            if column is not None:
                np.divide(column, 1000.0, out=column)

    def require(self, key: str, path: str) -> None:
        """Check that the header declares what `key`, found at this path, depends on."""
        if key == "loose_joints" and self.header.space == "root":
            raise self.error(
                f"{self.at}space",
                f"is 'root', but {path} has joints without people, who alone have a root",
                expected="'camera' or 'world' with loose joints",
                action="leave the loose joints out, or give absolute positions",
            )
        for name in REQUIRED[key]:
            ordinal = key == "depth" and self.header.depth_kind == "ordinal"
            if getattr(self.header, name) is None and not ordinal:
                raise self.error(
                    f"{self.at}{name}",
                    f"is missing, but {path} has {key}",
                    expected=_MEANING[name],
                    action=f"declare {name} in the header",
                )

    def _skeleton(self) -> Skeleton | None:
        if self.header.skeleton is None:
            return None
        try:
            return skeleton(self.header.skeleton)
        except UsageError as error:
            raise self.error(
                f"{self.at}skeleton",
                f"is {self.header.skeleton!r}, which is unknown",
                expected=error.expected,
                action=error.action,
            ) from error

    def _check_root(self) -> None:
        header = self.header
        if header.space != "root" and header.root is not None:
            raise self.error(
                f"{self.at}root",
                f"is {header.root!r}, but {self.at}space is {header.space!r}",
                expected="a root only with space 'root'",
                action="declare space 'root', or leave the root out",
            )
        if header.space != "root" or self.skeleton is None:
            return
        expected = f"'skeleton' (its own root) or one of {', '.join(self.skeleton.joints)}"
        action = "name the joint that is the origin of every person's coordinates"
        if header.root is None:
            raise self.error(f"{self.at}root", "is missing", expected=expected, action=action)
        if header.root == "skeleton":
            return
        try:
            self.skeleton.index(header.root)
        except UsageError as error:
            what = f"is {header.root!r}, no joint of {self.skeleton.name}"
            raise self.error(f"{self.at}root", what, expected=expected, action=action) from error


class IdCheck:
    """Checks frame ids one after another: readable, unique, and of the form their space asks for.

    Args:
        header: the checked header.
        place: where the id of frame number `{}` stands, for messages.
    """

    def __init__(self, header: HeaderCheck, place: str) -> None:
        self._header = header
        self._place = place
        self._first: dict[str, int] = {}

    def check(self, index: int, frame_id: str) -> None:
        """Check the id of one frame.

        Raises:
            PredictionError: with the place of the id.
        """
        place = self._place.format(index)
        self._header.check_text(place, frame_id)
        key = frame_key(frame_id)
        if self._header.header.space == "world" and key.split("/")[-2:-1] != ["world"]:
            raise self._header.error(
                place,
                f"is {frame_id!r}, but {self._header.at}space is 'world'",
                expected="<sequence>/world/<index>",
                action="name the camera 'world', or declare space 'camera'",
            )
        first = self._first.setdefault(key, index)
        if first != index:
            raise self._header.error(
                place,
                f"is {frame_id!r}, which is already {self._place.format(first)}",
                expected="every frame once (the padding of the index does not count)",
                action="put all people of a frame together",
            )
