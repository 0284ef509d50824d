"""Where the videos of data sets lie: which one holds the frames of an item, and from which index on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - a field of a dataclass that is shown
from typing import TYPE_CHECKING, Final

from mhbench.errors import InputError, MissingInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mhbench.datasets.items import Item


@dataclass(frozen=True, slots=True)
class Video:
    """A video and the data set's index of its first frame."""

    path: Path
    first_index: int = 0


def video_of(dataset: str, raw: Path, item: Item) -> Video:
    """The video of an item.

    Raises:
        InputError: the data set has no videos, or the item none.
        MissingInputError: it is not there.
    """
    if dataset not in _PLACES:
        raise InputError(
            f"{dataset} has no videos to extract images from",
            expected=f"one of: {', '.join(_PLACES)}",
            action="use --images embed, if the data set comes with images, or --images path",
        )
    candidates, first = _PLACES[dataset](item)
    if not candidates:
        raise InputError(
            f"{item.split}/{item.name} comes with images and not with a video",
            expected="items with a video",
            action="use --images embed for this split",
        )
    for name in candidates:
        if (raw / name).is_file():
            return Video(raw / name, first)
    raise MissingInputError(
        f"there is no video {raw / candidates[0]}",
        expected="the videos of the data set, as they are unpacked",
        action="extract them there, or convert with --images path",
    )


def _human36m(item: Item) -> tuple[tuple[str, ...], int]:
    stem, camera = str(item.keys["stem"]), item.keys["camera"]
    folder = f"{item.keys['subject']}/Videos"
    return tuple(f"{folder}/{name}.{camera}.mp4" for name in (stem, stem.replace(" ", "_"))), 0


def _jta(item: Item) -> tuple[tuple[str, ...], int]:
    return (f"videos/{item.split}/{item.keys['sequence']}.mp4",), 1


def _mpi_inf_3dhp(item: Item) -> tuple[tuple[str, ...], int]:
    if item.split == "test":
        return (), 0
    folder = str(item.keys["sequence"]).replace("_", "/")
    return (f"{folder}/imageSequence/video_{item.keys['camera']}.avi",), 0


def _surreal(item: Item) -> tuple[tuple[str, ...], int]:
    return (item.files[0].replace("_info.mat", ".mp4"),), 1


_PLACES: Final[Mapping[str, Callable[[Item], tuple[tuple[str, ...], int]]]] = {
    "human36m": _human36m,
    "jta": _jta,
    "mpi_inf_3dhp": _mpi_inf_3dhp,
    "surreal": _surreal,
}
