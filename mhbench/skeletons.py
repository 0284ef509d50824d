"""Skeletons: named lists of joints with their tree, and the conversion of joints between them by name.

Every skeleton is a file `manifests/skeletons/<name>.toml`. Its joints carry the data set's own names; where a
word means different points (the "head" of MPI-INF-3DHP, SMPL and Human3.6M), the file says which point of
`vocabulary.toml` is meant, and conversion compares points, never indices or bare words.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping  # noqa: TC003 - msgspec resolves the field types at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from mhbench.errors import ManifestError, ShapeError, UsageError
from mhbench.manifests import manifest_names, manifest_path, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

_KIND: Final = "skeletons"
_VOCABULARY: Final = "vocabulary"


class _SkeletonManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A skeleton as written: everything by name; limbs default to the tree's edges."""

    name: str
    about: str
    source: str
    root: tuple[str, ...]
    joints: tuple[str, ...]
    parents: Mapping[str, str]
    limbs: tuple[tuple[str, str], ...] | None = None
    sigmas: tuple[float, ...] | None = None
    points: Mapping[str, str] = {}
    also: tuple[str, ...] = ()


class _Joint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    meaning: str
    aliases: tuple[str, ...] = ()


class _StandIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    joint: str
    stand_ins: tuple[str, ...]
    reason: str


class _VocabularyManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    joints: Mapping[str, _Joint]
    approximate: tuple[_StandIn, ...]


@dataclass(frozen=True, slots=True)
class Skeleton:
    """An ordered list of joints with its tree.

    Attributes:
        name: its identifier, such as `h36m_17`.
        joints: J names, as the data set uses them.
        points: J points of the vocabulary, what each joint really is; equal to `joints` unless the data set's
            word means another point.
        parents: J indices, -1 for the one joint without a parent.
        pairs: (left, right) indices that a mirror image swaps.
        root: the joint, or the joints whose mean, a rooted error subtracts.
        sigmas: J falloffs of object keypoint similarity, None where none are defined.
        limbs: pairs of indices to draw; not always the tree (a data set may draw loops).
        about: what it is.
        source: where the order was read.
    """

    name: str
    joints: tuple[str, ...]
    points: tuple[str, ...]
    parents: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    root: tuple[str, ...]
    sigmas: tuple[float, ...] | None
    limbs: tuple[tuple[int, int], ...]
    about: str
    source: str

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def mirrored(self) -> npt.NDArray[np.int64]:
        """(J,) for each joint the one that a mirror image shows in its place."""
        order = np.arange(len(self.joints))
        for left, right in self.pairs:
            order[left], order[right] = right, left
        return order

    def index(self, name: str) -> int:
        """Index of a joint, by the skeleton's own name or by another spelling of it.

        Raises:
            UsageError: the skeleton has no such joint; the message lists those it has.
        """
        own = name if name in self.joints else _spellings().get(name, name)
        if own not in self.joints:
            raise UsageError(
                f"the skeleton {self.name} has no joint {name!r}",
                expected=f"one of: {', '.join(self.joints)}",
                action="check the spelling, or name another skeleton",
            )
        return self.joints.index(own)

    def indices(self, names: Iterable[str]) -> tuple[int, ...]:
        """Indices of several joints (see `index`)."""
        return tuple(self.index(name) for name in names)


@dataclass(frozen=True, slots=True, eq=False)
class Conversion:
    """Where each joint of a target skeleton comes from in a source skeleton.

    Attributes:
        source: name of the source skeleton.
        target: name of the target skeleton.
        indices: (J_target,) int64 index in the source, -1 = the source has nothing for it.
        approximate: (J_target,) bool, True where another point of the body stands in.
    """

    source: str
    target: str
    indices: npt.NDArray[np.int64]
    approximate: npt.NDArray[np.bool_]

    def apply(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values of the target's joints, stand-ins included.

        Args:
            array: (..., J_source, d), any unit; integers become float64.

        Returns:
            (..., J_target, d), a new array; NaN where the source has nothing.

        Raises:
            ShapeError: the array does not have the source's joints as its last axis but one.
        """
        joints = len(skeleton(self.source))
        if array.ndim < 2 or array.shape[-2] != joints:
            raise ShapeError(
                f"joints of {self.source} have shape {array.shape}",
                expected=f"(..., {joints}, d)",
                action="check the order of the axes and the skeleton's name",
            )
        dtype = array.dtype if np.issubdtype(array.dtype, np.floating) else np.float64
        found = self.indices >= 0
        converted = np.full((*array.shape[:-2], len(self.indices), array.shape[-1]), np.nan, dtype=dtype)
        converted[..., found, :] = array[..., self.indices[found], :]
        return converted


def skeleton_names() -> list[str]:
    """Names of all skeletons, sorted; other names of the same skeleton are left out."""
    return [name for name in manifest_names(_KIND) if name != _VOCABULARY]


@functools.cache
def skeleton(name: str) -> Skeleton:
    """The skeleton of a name such as `panoptic_19`, or of another name in use (`muco_21` is `mpi_21`).

    Raises:
        UsageError: there is none of this name; the message lists those there are.
        ManifestError: its file breaks the schema or contradicts itself.
    """
    names = skeleton_names()
    if name in names:
        return _resolve(read_manifest(f"{_KIND}/{name}", _SkeletonManifest), name)
    also = _other_names()
    if name not in also:
        raise UsageError(
            f"there is no skeleton {name!r}",
            expected=f"one of: {', '.join(names)}",
            action="name the skeleton whose joints are in the order of your arrays",
        )
    return skeleton(also[name])


@functools.cache
def conversion(source: str, target: str) -> Conversion:
    """How one skeleton becomes another: for each joint the same point, else a listed stand-in, else nothing.

    Raises:
        UsageError: there is no such skeleton.
    """
    given, wanted = skeleton(source), skeleton(target)
    stand_ins = {entry.joint: entry.stand_ins for entry in _vocabulary().approximate}
    indices = np.full(len(wanted), -1, dtype=np.int64)
    approximate = np.zeros(len(wanted), dtype=np.bool_)
    for row, point in enumerate(wanted.points):
        options = (point, *stand_ins.get(point, ()))
        chosen = next((option for option in options if option in given.points), None)
        if chosen is not None:
            indices[row] = given.points.index(chosen)
            approximate[row] = chosen != point
    # One object serves every caller.
    indices.flags.writeable = approximate.flags.writeable = False
    return Conversion(given.name, wanted.name, indices, approximate)


def canonical(joint_name: str) -> str:
    """The vocabulary's name of a joint: `r_hip`, `RHip` and `RightUpLeg` are all `right_hip`.

    Spelling counts: `RightFoot` is an ankle in mocap trees and a foot elsewhere, so it is no alias of either.

    Raises:
        UsageError: no joint is known under this name; the message lists the vocabulary.
    """
    spellings = _spellings()
    if joint_name not in spellings:
        raise UsageError(
            f"there is no joint {joint_name!r}",
            expected=f"one of: {', '.join(_vocabulary().joints)}",
            action="use a name of the list or a common spelling of it",
        )
    return spellings[joint_name]


def _resolve(manifest: _SkeletonManifest, name: str) -> Skeleton:
    """Names to indices, with every name checked."""
    joints, points = manifest.joints, manifest.points
    meant = tuple(points.get(joint, joint) for joint in joints)
    limbs = manifest.limbs
    if limbs is None:
        limbs = tuple((manifest.parents[joint], joint) for joint in joints if joint in manifest.parents)
    named = {*points, *manifest.parents, *manifest.parents.values(), *manifest.root, *sum(limbs, ())}
    orphans = [joint for joint in joints if joint not in manifest.parents]
    faults = [f"unknown joint {joint!r}" for joint in sorted(named - set(joints))]
    faults += [f"{point!r} is not in the vocabulary" for point in meant if point not in _vocabulary().joints]
    if len(set(joints)) != len(joints) or len(set(meant)) != len(meant):
        faults.append("two joints are the same")
    if manifest.sigmas is not None and len(manifest.sigmas) != len(joints):
        faults.append(f"{len(manifest.sigmas)} sigmas for {len(joints)} joints")
    if len(orphans) != 1:
        faults.append(f"{len(orphans)} joints have no parent")
    if manifest.name != name:
        faults.append(f"it calls itself {manifest.name!r}")
    if faults:
        raise ManifestError(
            f"{manifest_path(f'{_KIND}/{name}')}: {'; '.join(faults)}",
            expected="distinct joints of the vocabulary, one of them without a parent",
            action="correct the file",
        )
    row = {joint: position for position, joint in enumerate(joints)}
    mirrored = {joint: joint.replace("left_", "right_", 1) for joint in joints if joint.startswith("left_")}
    return Skeleton(
        name=name,
        joints=joints,
        points=meant,
        parents=tuple(row[manifest.parents[joint]] if joint in manifest.parents else -1 for joint in joints),
        pairs=tuple((row[left], row[right]) for left, right in mirrored.items() if right in row),
        root=manifest.root,
        sigmas=manifest.sigmas,
        limbs=tuple((row[start], row[end]) for start, end in limbs),
        about=manifest.about,
        source=manifest.source,
    )


@functools.cache
def _other_names() -> Mapping[str, str]:
    manifests = [read_manifest(f"{_KIND}/{name}", _SkeletonManifest) for name in skeleton_names()]
    return {other: manifest.name for manifest in manifests for other in manifest.also}


@functools.cache
def _vocabulary() -> _VocabularyManifest:
    return read_manifest(f"{_KIND}/{_VOCABULARY}", _VocabularyManifest)


@functools.cache
def _spellings() -> Mapping[str, str]:
    joints = _vocabulary().joints
    spellings = {name: name for name in joints}
    spellings.update({alias: name for name, joint in joints.items() for alias in joint.aliases})
    return spellings
