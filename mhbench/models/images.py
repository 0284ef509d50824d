"""Images of frames for networks: from the shard if it holds them, else from the raw folder; read ahead."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from mhbench.errors import InputError, MhbenchError, MissingInputError, UnsafeInputError
from mhbench.models.protocol import InputFrame
from mhbench.shards.frame_images import pixels_of
from mhbench.shards.images import encoded_image, has_images
from mhbench.shards.tables import column_paths, open_file, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from mhbench.cameras import Camera
    from mhbench.frames import FrameTable

READERS: Final = 4  # threads; Pillow decodes without the interpreter's lock


@dataclass(frozen=True, slots=True)
class ImageSource:
    """The frames of one shard and where their images are.

    Attributes:
        path: the shard.
        raw: the raw folder.
        table: the shard's frames.
        embedded: the shard holds the images itself.
    """

    path: Path
    raw: Path
    table: FrameTable
    embedded: bool

    def read(self, row: int) -> InputFrame:
        """One frame with its image.

        Raises:
            InputError: the image is missing, unreadable, or not of the size the camera says.
        """
        frames = self.table.frames
        name = str(frames["image"][row]) if "image" in frames else f"{self.path}, frame {row}"
        image = pixels_of(self._bytes(name, row), name)
        if "width" in frames:
            told = (int(frames["height"][row]), int(frames["width"][row]))
            if image.shape[:2] != told:
                raise InputError(
                    f"{name} has {image.shape[1]} x {image.shape[0]} pixels",
                    expected=f"{told[1]} x {told[0]}, for which its camera is calibrated",
                    action="use the images of the data set as they are, not resized or cropped ones",
                )
        return InputFrame(str(frames["id"][row]), image, self._camera(row))

    def _camera(self, row: int) -> Camera | None:
        return self.table.camera(row) if "K" in self.table.frames else None

    def _bytes(self, name: str, row: int) -> bytes:
        if self.embedded:
            with open_file(self.path) as file:
                return encoded_image(file, row)
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts:
            raise UnsafeInputError(
                f"the image path {name} leaves the raw folder",
                expected="a path inside it",
                action="do not use these shards; convert the data set again",
            )
        try:
            return (self.raw / name).read_bytes()
        except OSError as error:
            kind = MissingInputError if isinstance(error, FileNotFoundError) else InputError
            raise kind(
                f"the image {self.raw / name} cannot be read: {error.strerror}",
                expected="the image of the frame",
                action="give the raw folder (--raw), or extract the images",
            ) from error


def image_source(path: Path, raw: Path) -> ImageSource:
    """The frames of a shard, ready to be read.

    Raises:
        InputError: the shard is damaged, or has no images and no paths of any.
    """
    with open_file(path) as file:
        embedded = has_images(file)
        columns = [name for name in column_paths(file) if name.startswith("frames/")]
    if not embedded and "frames/image" not in columns:
        raise InputError(
            f"{path} has no images and no paths of images",
            expected="a data set with images",
            action="convert it with --images embed or extract, or run gt-heatmaps, which needs none",
        )
    return ImageSource(path, raw, read_table(path, columns), embedded)


def read_ahead(tasks: Iterable[Callable[[], InputFrame]], ahead: int) -> Iterator[InputFrame | MhbenchError]:
    """The results of reading tasks in their order, up to `ahead` of them before they are asked for."""
    with ThreadPoolExecutor(READERS) as threads:
        waiting: deque[Future[InputFrame | MhbenchError]] = deque()
        try:
            for task in tasks:
                waiting.append(threads.submit(_attempt, task))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)


def _attempt(task: Callable[[], InputFrame]) -> InputFrame | MhbenchError:
    try:
        return task()
    except MhbenchError as error:
        return error
