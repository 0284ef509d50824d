"""Writers of raw trees: a scene in the official on-disk format of a data set. One file each, listed below.

A writer is a module with

    CAMERAS: tuple[str, ...]                                        names of the cameras a scene needs for it
    write(scene: Scene, folder: Path, *, seed: int, images: bool) -> Written

`write` may take more keyword arguments of its own. What it writes appears under its final name only when it
is complete, and nothing that is already there is touched.
"""

from __future__ import annotations

import importlib
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast

from mhbench.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mhbench.synthetic.scenes import Scene

# data sets that can be written; each is a module of this folder
WRITERS: Final = (
    "3dpw",
    "crowdpose",
    "human36m",
    "jta",
    "mpi_inf_3dhp",
    "muco",
    "mupots",
    "ochuman",
    "panoptic",
    "surreal",
    "up3d",
)
_MODULES: Final = {"3dpw": "threedpw"}  # no name of a module begins with a digit


@dataclass(frozen=True)
class Written:
    """What a writer wrote.

    Attributes:
        folder: the raw root, to be given to `mhbench convert --raw`.
        parts: what was written, in the words of the data set -> how many.
    """

    folder: Path
    parts: Mapping[str, int]


def write_raw(
    dataset: str,
    folder: Path,
    *,
    frames: int = 20,
    people: int = 3,
    motion: str = "mixed",
    seed: int = 0,
    cameras: tuple[str, ...] = (),
    size: tuple[int, int] = (1920, 1080),
    images: bool = True,
) -> Written:
    """Make a scene and write it as the raw tree of a data set (see `scene` and the data set's writer).

    Args:
        dataset: name of the data set.
        folder: the raw root.
        frames: how many.
        people: how many.
        motion: what people do.
        seed: of everything random.
        cameras: names of the cameras; none means those of the writer.
        size: width and height of the images in pixels.
        images: whether to render images.

    Raises:
        UsageError: an unknown data set, motion or camera, or numbers that make no scene.
        OutputError: the place is taken, or the disk does not take it.
    """
    from mhbench.synthetic.scenes import scene  # noqa: PLC0415 - an unknown name is told before numba loads

    chosen = writer(dataset)
    made = scene(
        frames=frames,
        people=people,
        motion=motion,
        seed=seed,
        cameras=cameras or chosen.CAMERAS,
        size=size,
    )
    return chosen.write(made, folder, seed=seed, images=images)


class Writer(Protocol):
    """The names every writer's module has."""

    CAMERAS: tuple[str, ...]

    def write(self, scene: Scene, folder: Path, *, seed: int, images: bool) -> Written:
        """Write the scene as a raw tree under `folder`."""


def writer(dataset: str) -> Writer:
    """The writer of a data set.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    if dataset not in WRITERS:
        raise UsageError(
            f"no synthetic raw data can be written for {dataset!r}",
            expected=f"one of: {', '.join(WRITERS)}",
            action="check the spelling",
        )
    return cast("Writer", importlib.import_module(f"{__name__}.{_MODULES.get(dataset, dataset)}"))


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write into that becomes `path` when the block ends well; what a killed try left is removed.

    Raises:
        OutputError: `path` is already there, or the disk does not take it.
    """
    if path.exists():
        raise OutputError(
            f"{path} is already there",
            expected="a folder that does not exist yet, so that no real data can be overwritten",
            action="name another folder, or remove this one",
        )
    part = path.with_name(f".{path.name}.part")
    try:
        if part.exists():
            shutil.rmtree(part)
        part.mkdir(parents=True)
        yield part
        part.rename(path)
    except OSError as error:
        raise OutputError(
            f"{path} could not be written: {error}",
            expected="a folder with room and the right to write",
            action="make room, or name another folder",
        ) from error
