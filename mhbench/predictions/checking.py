"""What the types of the schema cannot say: that header, skeleton, frames and people fit each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import PredictionError, UsageError
from mhbench.predictions.schema import FORMAT
from mhbench.predictions.table import frame_key
from mhbench.skeletons import Skeleton, skeleton

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mhbench.predictions.schema import FrameRecord, Header, PersonRecord, SmplRecord
    from mhbench.predictions.table import PredictionTable

ROTATION_COUNT: Final = {"smpl_24": 24, "challenge_9": 9}
POSE_SIZE: Final = {"smpl": 72, "smplh": 156, "smplx": 165}  # 3 x (24, 52, 55) joints
SMPL_VERTICES: Final = 6890

_JOINTS: Final = ("joints3d", "joints2d", "joint_scores")
_PAYLOADS: Final = ("joints3d", "joints2d", "rotations", "vertices", "smpl")

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


class FrameCheck:
    """Checks frames one after another; what must agree between them is settled by the first.

    Args:
        header: the checked header.
    """

    def __init__(self, header: HeaderCheck) -> None:
        self.header = header
        self.body_model: str | None = None
        self._ids = IdCheck(header, "$.predictions[{}].frame")
        self._declared: set[str] = set()
        self._sizes: dict[str, int] = {}
        if header.header.topology == "smpl":
            self._sizes["vertices"] = SMPL_VERTICES
        self._meshes: bool | None = None

    def check(self, index: int, frame: FrameRecord) -> None:
        """Check the frame that is `$.predictions[index]`.

        Raises:
            PredictionError: its first fault, with the JSON path.
        """
        path = f"$.predictions[{index}]"
        if frame.persons is None and frame.loose_joints is None:
            raise self.header.error(
                path,
                "has neither persons nor loose_joints",
                expected='"persons": [...]',
                action='write "persons": [] to say that nobody is there, or leave the frame out',
            )
        if frame.loose_joints:
            self._require("loose_joints", path)
        for number, person in enumerate(frame.persons or ()):
            self._check_person(f"{path}.persons[{number}]", person)
        for name in ("person", "track"):
            self._check_identities(path, name, [getattr(person, name) for person in frame.persons or ()])
        self._ids.check(index, frame.frame)

    def _check_person(self, path: str, person: PersonRecord) -> None:
        given = [name for name in _PAYLOADS if getattr(person, name) is not None]
        if not given:
            raise self.header.error(
                path,
                "predicts nothing",
                expected=f"at least one of {', '.join(_PAYLOADS)}",
                action="give the joints, or leave the person out",
            )
        for name in _JOINTS:
            values = getattr(person, name)
            if values is not None:
                self._require(name, path)
                if len(values) != self.header.joint_count:
                    raise self._wrong_joint_count(f"{path}.{name}", len(values))
        if person.rotations is not None:
            self._check_rotations(path, person.rotations)
        if person.depth is not None:
            self._require("depth", path)
        if isinstance(person.person, str):
            self.header.check_text(f"{path}.person", person.person)
        self._check_mesh(path, person.vertices)
        if person.smpl is not None:
            self._check_body(f"{path}.smpl", person.smpl)

    def _check_identities(self, path: str, name: str, keys: list[str | int | None]) -> None:
        """Two people of a frame cannot have been given the same box, nor be the same person."""
        if len(keys) < 2 or keys.count(None) == len(keys):
            return
        first: dict[str, int] = {}
        for number, key in enumerate(keys):
            if key is not None and first.setdefault(str(key), number) != number:
                raise self.header.error(
                    f"{path}.persons[{number}].{name}",
                    f"is {key!r}, which is already that of persons[{first[str(key)]}]",
                    expected=f"every {name} once in a frame",
                    action="give everybody a key of their own, or leave the worse of the two out",
                )

    def _require(self, key: str, path: str) -> None:
        if key not in self._declared:
            self.header.require(key, path)
            self._declared.add(key)

    def _wrong_joint_count(self, path: str, count: int) -> PredictionError:
        known = self.header.skeleton
        assert known is not None  # _require
        return self.header.error(
            path,
            f"has {count} joints",
            expected=f"{len(known.joints)} joints, as {known.name} has: {', '.join(known.joints)}",
            action="write null for a joint you do not predict, or declare the skeleton you use",
        )

    def _check_rotations(self, path: str, rotations: Sequence[Any]) -> None:
        self._require("rotations", path)
        name = self.header.header.rotation_set
        assert name is not None  # _require
        if len(rotations) != ROTATION_COUNT[name]:
            raise self.header.error(
                f"{path}.rotations",
                f"has {len(rotations)} matrices",
                expected=f"{ROTATION_COUNT[name]}, one per bone of {name}",
            )

    def _check_mesh(self, path: str, vertices: Sequence[Any] | None) -> None:
        if self._meshes is None:
            self._meshes = vertices is not None
        if self._meshes != (vertices is not None):
            raise self.header.error(
                path,
                "has no vertices" if self._meshes else "has vertices",
                expected="vertices for every person or for none; the people before it differ",
                action="leave the vertices out, or give them to everybody",
            )
        if vertices is not None:
            self._require("vertices", path)
            self._check_size("vertices", f"{path}.vertices", len(vertices))

    def _check_body(self, path: str, body: SmplRecord) -> None:
        if self.body_model is None:
            self.body_model = body.model
        if body.model != self.body_model:
            raise self.header.error(
                f"{path}.model", f"is {body.model!r}", expected=f"{self.body_model!r}, as the people before"
            )
        self._sizes["pose"] = POSE_SIZE[body.model]
        self._check_size("pose", f"{path}.pose", len(body.pose))
        self._check_size("betas", f"{path}.betas", len(body.betas))
        if body.transl is not None:
            self._require("smpl_transl", path)

    def _check_size(self, name: str, path: str, size: int) -> None:
        wanted = self._sizes.setdefault(name, size)
        if size != wanted:
            raise self.header.error(path, f"has {size} entries", expected=f"{wanted} for every person")
