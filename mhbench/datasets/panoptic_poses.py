"""The body poses of a CMU Panoptic sequence: a folder or a tar, coco19 or joints15 files.

Values stay as they are written: world frame (y down), centimetres.
"""

from __future__ import annotations

import functools
import os
import re
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from mhbench.datasets.raw.archives import MEMBER_LIMIT, Member, read_members, tar_members
from mhbench.datasets.raw.files import read_bytes
from mhbench.datasets.raw.json_files import Integer, decode_json
from mhbench.datasets.raw.kept import file_state, kept
from mhbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

POSE_FOLDERS: Final = ("hdPose3d_stage1_coco19", "hdPose3d_stage1")  # the first one that is there is read
_POSE_FILE: Final = re.compile(r"body3DScene_(\d+)\.json")
_FURTHEST: Final = 1e6  # cm; the dome is 5.5 m wide, so this is no measurement


class _Body19(msgspec.Struct, rename={"joints": "joints19"}):
    id: Integer
    joints: list[float]


class _Body15(msgspec.Struct, rename={"joints": "joints15"}):
    id: Integer
    joints: list[float]


class _Frame19(msgspec.Struct):
    bodies: list[_Body19]


class _Frame15(msgspec.Struct):
    bodies: list[_Body15]


_KINDS: Final[Mapping[int, type[_Frame19 | _Frame15]]] = {19: _Frame19, 15: _Frame15}


@dataclass(frozen=True, slots=True)
class PoseFiles:
    """The pose files of one sequence; two are equal when no file was touched in between.

    Attributes:
        source: the folder or tar archive.
        joints: joints of a body, 19 or 15.
        state: number and size of the files and their last change.
        entries: file name or archive member of each HD image number, ascending.
    """

    source: Path
    joints: int
    state: tuple[int, ...]
    entries: Mapping[int, str | Member] = field(compare=False)

    @property
    def skeleton(self) -> str:
        """Name of the skeleton of the bodies."""
        return f"panoptic_{self.joints}"


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """Bodies of some frames of a sequence, in the order of the files."""

    start: npt.NDArray[np.int64]  # (F + 1,) offsets of each frame's bodies
    track: npt.NDArray[np.int64]  # (P,)
    joints: npt.NDArray[np.float64]  # (P, J, 4) x y z in the world frame, cm; confidence


def pose_source(folder: Path) -> Path | None:
    """Where the poses of a sequence are: a folder with pose files, else the tar, else a folder without any.

    Archives of the newer poses win over a folder of the older ones.
    """
    for name in POSE_FOLDERS:
        extracted, archive = folder / name, folder / f"{name}.tar"
        if extracted.is_dir() and (not archive.is_file() or _scan(extracted)):
            return extracted
        if archive.is_file():
            return archive
    return None


def list_poses(source: Path) -> PoseFiles:
    """The pose files of a folder or tar archive (see `pose_source`).

    Raises:
        InputError: there are none, two have the same number, the archive is cut short, or the folder lacks
            frames that the archive beside it has.
    """
    state: tuple[int, ...]
    extracted = source.is_dir()
    if extracted:
        files = _scan(source)
        state = (len(files), sum(entry[1] for entry in files), max((entry[2] for entry in files), default=0))
        entries = _numbered(source, [(name, name) for name, _, _ in files])
        archive = source.with_name(f"{source.name}.tar")
        if archive.is_file():
            _check_extraction(source, entries, archive)
    else:
        state = file_state(source)
        entries = _archived(source)
    if not entries:
        raise InputError(
            f"{source} holds no pose files",
            expected="body3DScene_%08d.json",
            action="extract the tar again" if extracted else "download it again",
        )
    return PoseFiles(source, 19 if source.name.startswith(POSE_FOLDERS[0]) else 15, state, entries)


# A worker meets the 31 cameras of a sequence one after the other; 11,000 frames of it take about 40 MB.
@functools.lru_cache(maxsize=2)
def read_bodies(poses: PoseFiles, index: tuple[int, ...]) -> Bodies:
    """The bodies of the given HD image numbers; kept for the last two sequences.

    Raises:
        InputError: a file is empty, cut short or breaks the layout; a body has the wrong number of values, or
            shares its id with another one of the frame.
    """
    values, track, counts = array("d"), array("q"), array("q", [0])
    for where, content in _contents(poses, index):
        bodies = decode_json(content, _KINDS[poses.joints], where).bodies
        _check_bodies(where, bodies, poses.joints)
        for body in bodies:
            values.extend(body.joints)
            track.append(body.id)
        counts.append(len(bodies))
    found = Bodies(
        start=np.cumsum(counts),
        track=np.array(track, dtype=np.int64),
        joints=np.array(values).reshape(-1, poses.joints, 4),
    )
    _check_range(poses, found, index)
    for column in (found.start, found.track, found.joints):
        column.setflags(write=False)  # shared by the tables of all cameras
    return found


def _check_bodies(where: str, bodies: Sequence[_Body19 | _Body15], joints: int) -> None:
    known = set()
    for row, body in enumerate(bodies):
        fault = ""
        if len(body.joints) != 4 * joints:
            fault = f"a body has {len(body.joints)} numbers - at $.bodies[{row}].joints{joints}"
        elif body.id in known:
            fault = f"two bodies have the id {body.id} - at $.bodies[{row}].id"
        if fault:
            raise InputError(
                f"{where}: {fault}",
                expected=f"each person once, with {4 * joints} numbers: x y z c of {joints} joints",
                action="download or extract the pose files again",
            )
        known.add(body.id)


def _scan(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of last change of every pose file of a folder."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.stat()) for entry in entries if _POSE_FILE.fullmatch(entry.name)]
    return sorted((name, status.st_size, status.st_mtime_ns) for name, status in found)


@kept(4)
def _archived(archive: Path) -> Mapping[int, str | Member]:
    members = [(member.name.rpartition("/")[2], member) for member in tar_members(archive)]
    return _numbered(archive, [(name, member) for name, member in members if _POSE_FILE.fullmatch(name)])


def _numbered(source: Path, files: Sequence[tuple[str, str | Member]]) -> Mapping[int, str | Member]:
    numbered: dict[int, str | Member] = {}
    for name, entry in files:
        number = int(name.removeprefix("body3DScene_").removesuffix(".json"))
        if number in numbered:
            raise InputError(
                f"{source} holds HD image number {number} twice; the second is {name}",
                expected="one pose file for each number",
                action="remove the one that is not of the official release",
            )
        numbered[number] = entry
    return dict(sorted(numbered.items()))


def _check_extraction(source: Path, entries: Mapping[int, str | Member], archive: Path) -> None:
    lacking = _archived(archive).keys() - entries.keys()
    if lacking:
        raise InputError(
            f"{source} lacks {len(lacking)} frames of {archive.name} beside it, first {min(lacking)}",
            expected="the folder as extracted from the whole archive",
            action="extract it again, or remove one of the two: the archive is read as it is",
        )


def _contents(poses: PoseFiles, index: Sequence[int]) -> Iterator[tuple[str, bytes]]:
    entries = [poses.entries[number] for number in index]
    members = [entry for entry in entries if isinstance(entry, Member)]
    for member, content in read_members(poses.source, members) if members else ():
        yield f"{poses.source}: {member.name}", content
    for name in entries:
        if isinstance(name, str):
            yield f"{poses.source}/{name}", read_bytes(poses.source / name, limit=MEMBER_LIMIT)


def _check_range(poses: PoseFiles, found: Bodies, index: Sequence[int]) -> None:
    far = np.flatnonzero(np.any(np.abs(found.joints) > _FURTHEST, axis=(1, 2)))
    if len(far):
        frame = int(np.searchsorted(found.start, far[0], side="right")) - 1
        place = f"$.bodies[{far[0] - found.start[frame]}].joints{poses.joints}"
        raise InputError(
            f"{poses.source}: HD image number {index[frame]} has a joint outside of any dome - at {place}",
            expected=f"centimetres, at most {_FURTHEST:g}",
            action="download or extract the pose files again",
        )
