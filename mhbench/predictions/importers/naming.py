"""Images that other programs name by parts of their paths, found among the frames of shards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mhbench.errors import PredictionError

if TYPE_CHECKING:
    from collections.abc import Iterable

Tail = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownFrames:
    """Frames by the ends of their official image paths, without file extension.

    Attributes:
        by_tail: the last k parts of the path -> ids of the frames it fits.
        longest: largest number of parts.
    """

    by_tail: dict[Tail, list[str]]
    longest: int

    def frame_id(self, image: str, source: str) -> str:
        """The frame whose image path ends as the given one does, by as many parts as possible.

        Raises:
            PredictionError: no frame fits, or several do.
        """
        parts = _parts(image)
        for count in range(min(len(parts), self.longest), 0, -1):
            found = self.by_tail.get(parts[-count:], [])
            if len(found) == 1:
                return found[0]
            if found:
                raise PredictionError(
                    f"{source}: {image!r} could be {len(found)} frames, such as {found[0]} and {found[1]}",
                    expected="enough of the image's path to tell frames apart",
                    action="keep the folders of the images: one folder of results for each of theirs",
                )
        raise PredictionError(
            f"{source}: {image!r} is no image of the shards",
            expected="results named like the images of the data set",
            action="run the model on the data set's own images, or convert the frames that are missing",
        )


def known_frames(frames: Iterable[tuple[str, str]]) -> KnownFrames:
    """Index (frame id, official image path) pairs."""
    by_tail: dict[Tail, list[str]] = {}
    longest = 0
    for frame_id, image in frames:
        parts = _parts(image)
        longest = max(longest, len(parts))
        for count in range(1, len(parts) + 1):
            by_tail.setdefault(parts[-count:], []).append(frame_id)
    return KnownFrames(by_tail, longest)


def _parts(image: str) -> Tail:
    path = PurePosixPath(image.replace("\\", "/"))
    return tuple(part for part in path.with_suffix("").parts if part not in {"/", "."})
