"""The schema of `mhbench-predictions/1`: its header and records.

The structs are what msgspec decodes into; unknown keys are refused, because a misspelt optional key would
otherwise be lost in silence.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

FORMAT: Final = "mhbench-predictions/1"
SIZE_LIMIT: Final = 2 * 1024**3  # the JSON reader holds the whole file

Text = Annotated[
    str, msgspec.Meta(min_length=1, max_length=1000)
]  # one long text would widen its whole column
Track = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Number = float | None
Point2 = tuple[Number, Number]
Point3 = tuple[Number, Number, Number]
Row3 = tuple[float, float, float]
Matrix3 = tuple[Row3, Row3, Row3]
LooseJoint = tuple[Text | Track, float, float, float, Number]


class Header(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What stands before the predictions (contract 3); None = not declared."""

    format: str
    model: Text | None = None
    dataset: Text
    skeleton: Text | None = None
    units: Literal["m", "mm"] | None = None
    space: Literal["camera", "root", "world"] | None = None
    root: Text | None = None
    rotation_set: Literal["smpl_24", "challenge_9"] | None = None
    depth_kind: Literal["metric", "ordinal"] | None = None
    topology: Text | None = None
    trained_on: tuple[Text, ...] | None = None


HEADER_FIELDS: Final = tuple(name for name in Header.__struct_fields__ if name != "format")


class Document(Header):
    """A whole file, its frames not yet decoded."""

    predictions: list[msgspec.Raw]


class SmplRecord(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Parameters of a body model; pose as one flat list of axis-angle vectors, root first."""

    pose: list[float]
    betas: list[float]
    transl: Row3 | None = None
    gender: Literal["male", "female", "neutral"] | None = None
    model: Literal["smpl", "smplh", "smplx"] = "smpl"


class PersonRecord(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One predicted person."""

    score: float | None = None
    person: Text | Track | None = None
    track: Track | None = None
    bbox: tuple[float, float, float, float] | None = None
    depth: float | None = None
    joints3d: list[Point3 | None] | None = None
    joints2d: list[Point2 | None] | None = None
    joint_scores: list[Number] | None = None
    rotations: list[Matrix3 | None] | None = None
    vertices: list[Row3] | None = None
    smpl: SmplRecord | None = None


class FrameRecord(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One frame: its people, and joints that belong to nobody as [joint, x, y, z, score]."""

    frame: Text
    persons: list[PersonRecord] | None = None
    loose_joints: list[LooseJoint] | None = None
