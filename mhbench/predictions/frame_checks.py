"""What the types of the schema cannot say of frames and people: that they fit the header and each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mhbench.predictions.header_checks import HeaderCheck, IdCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mhbench.errors import PredictionError
    from mhbench.predictions.schema import FrameRecord, PersonRecord, SmplRecord

ROTATION_COUNT: Final = {"smpl_24": 24, "challenge_9": 9}
POSE_SIZE: Final = {"smpl": 72, "smplh": 156, "smplx": 165}  # 3 x (24, 52, 55) joints
SMPL_VERTICES: Final = 6890

_JOINTS: Final = ("joints3d", "joints2d", "joint_scores")
_PAYLOADS: Final = ("joints3d", "joints2d", "rotations", "vertices", "smpl")


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
