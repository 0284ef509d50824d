"""How the counts a manifest knows are counted in shards.

The name of a known count is `<thing>` or `<split>_<thing>`, where the thing is one of `MEASURES`, or the name
of a sequence (its frames, those of several cameras once).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from mhbench.shards.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from mhbench.datasets.manifest import DatasetManifest
    from mhbench.frames import FrameTable
    from mhbench.shards.reading import Shards

LEVELS: Final = (0.2, 0.8)  # CrowdPose's bounds of crowdIndex, as every evaluator has them
P1_CAMERA: Final = "55011271"  # "camera 2" of Human3.6M's first protocol, counted from 1
P1_STRIDE: Final = 64
LOCO_STRIDE: Final = 10


@dataclass(frozen=True, slots=True)
class Measure:
    """How one thing is counted.

    Attributes:
        columns: what it reads of a shard.
        tally: how often each key occurs in a table; the tallies of shards are added.
        total: the count that follows from their sum.
    """

    columns: tuple[str, ...]
    tally: Callable[[FrameTable], Counter[str]]
    total: Callable[[Counter[str]], int] = Counter.total


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """A known count and the one found; `found` is null if that part of the data set was not converted."""

    name: str
    expected: int
    found: int | None

    @property
    def differs(self) -> bool:
        """It was counted, and it is another number."""
        return self.found is not None and self.found != self.expected


def compare_counts(manifest: DatasetManifest, shards: Shards) -> tuple[Count, ...]:
    """All known counts of a data set and those of its shards, in one pass over them.

    Raises:
        InputError: a shard is damaged or lacks a column that is counted.
    """
    wanted = {name: _measure(name, manifest) for name in manifest.known_counts}
    tallies: dict[str, Counter[str]] = {name: Counter() for name in wanted}
    for info in shards.infos:
        here = {name: one for name, (split, one) in wanted.items() if split in {"", info.split}}
        columns = {column for one in here.values() for column in one.columns}
        table = read_table(shards.folder / info.path, columns)
        for name, one in here.items():
            tallies[name] += one.tally(table)
    converted = {info.split for info in shards.infos}
    found = {
        name: one.total(tallies[name])
        for name, (split, one) in wanted.items()
        if tallies[name] and converted.issuperset([split] if split else manifest.splits)
    }
    return tuple(
        Count(name=name, expected=expected, found=found.get(name))
        for name, expected in manifest.known_counts.items()
    )


def _measure(name: str, manifest: DatasetManifest) -> tuple[str, Measure]:
    """The split a count is of (empty: all) and how it is counted."""
    split, _, thing = name.partition("_")
    if split in manifest.splits and thing in MEASURES:
        return split, MEASURES[thing]
    return "", MEASURES.get(name) or _frames_of(name)


def _frames_of(sequence: str) -> Measure:
    def tally(table: FrameTable) -> Counter[str]:
        return Counter(table.frames["index"][table.frames["sequence"] == sequence].astype(np.str_).tolist())

    return Measure(("frames/sequence", "frames/index"), tally, len)


def _numbered(table: FrameTable) -> list[str]:
    """Sequence and index of every frame: the same for all cameras."""
    numbers = table.frames["index"].astype(np.str_)
    joined: list[str] = np.char.add(np.char.add(table.frames["sequence"], "/"), numbers).tolist()
    return joined


def _frames(table: FrameTable, mask: npt.NDArray[np.bool_] | None = None) -> Counter[str]:
    return Counter(frames=table.frame_count if mask is None else int(mask.sum()))


def _people(table: FrameTable, mask: npt.NDArray[np.bool_] | None = None) -> Counter[str]:
    return Counter(people=table.person_count if mask is None else int(mask.sum()))


def _level(level: int) -> Measure:
    return Measure(
        ("frames/crowd_index",),
        lambda table: _frames(table, np.digitize(table.frames["crowd_index"], LEVELS) == level),
    )


def _first_protocol(table: FrameTable) -> Counter[str]:
    mask = (table.frames["subject"] == "S11") & (table.frames["camera"] == P1_CAMERA)
    return _frames(table, mask & (table.frames["index"] % P1_STRIDE == 0))


def _each_once(column: str) -> Measure:
    return Measure((f"frames/{column}",), lambda table: Counter(table.frames[column].tolist()), len)


def _shortest(tally: Mapping[str, int]) -> int:
    return min(tally.values())


def _scored(table: FrameTable) -> npt.NDArray[np.bool_]:
    counted: npt.NDArray[np.bool_] = (table.persons["num_keypoints"] > 0) & (table.persons["iscrowd"] == 0)
    return counted


MEASURES: Final[Mapping[str, Measure]] = {
    "frames": Measure((), _frames),
    "images": Measure((), _frames),
    "people": Measure((), _people),
    "sequences": _each_once("sequence"),
    "cameras": _each_once("camera"),
    "hd_cameras": _each_once("camera"),
    "frames_per_camera": Measure(
        ("frames/sequence", "frames/index"), lambda table: Counter(_numbered(table)), len
    ),
    "frames_per_sequence": Measure(
        ("frames/sequence",), lambda table: Counter(table.frames["sequence"].tolist()), _shortest
    ),
    "every_10th_frames": Measure(
        ("frames/index",), lambda table: _frames(table, table.frames["index"] % LOCO_STRIDE == 0)
    ),
    "s11_every_64th_one_camera": Measure(
        ("frames/subject", "frames/camera", "frames/index"), _first_protocol
    ),
    "valid_people": Measure(
        ("persons/campose_valid",), lambda table: _people(table, table.persons["campose_valid"] > 0)
    ),
    "valid_frames": Measure(
        ("frames/valid_frame",), lambda table: _frames(table, table.frames["valid_frame"] > 0)
    ),
    "bodynet_frames": Measure(
        ("frames/bodynet_test",), lambda table: _frames(table, table.frames["bodynet_test"] > 0)
    ),
    "lsp_images": Measure(
        ("frames/sequence",), lambda table: _frames(table, table.frames["sequence"] == "lsp")
    ),
    "people_scored": Measure(
        ("persons/num_keypoints", "persons/iscrowd"), lambda table: _people(table, _scored(table))
    ),
    "groups": Measure(("persons/iscrowd",), lambda table: _people(table, table.persons["iscrowd"] > 0)),
    "easy_images": _level(0),
    "medium_images": _level(1),
    "hard_images": _level(2),
}
