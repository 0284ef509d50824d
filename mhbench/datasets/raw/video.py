"""Frames of a video by their number from 0, in the order they are shown. Only what is needed is decoded."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.errors import InputError, MissingExtraError, MissingInputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class _Times:
    """Time stamps of all frames, in order, and which of them can be jumped to (their numbers, ascending)."""

    stamps: list[int]
    keys: list[int]


def count_frames(path: Path) -> int:
    """Number of frames of a video, counted without decoding: what its header says may be wrong.

    Raises:
        MissingExtraError: PyAV is not installed.
        MissingInputError: there is no such file.
        InputError: it is no video, or it is damaged.
    """
    with _opened(path) as (container, stream):
        return len(_times(path, container, stream).stamps)


def read_frames(path: Path, numbers: Collection[int]) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """The frames with the given numbers, ascending: number and (H, W, 3) uint8 RGB, one at a time.

    Raises:
        MissingExtraError, MissingInputError, InputError: see `count_frames`; the video has no such frame, or
            it cannot be decoded.
    """
    wanted = deque(sorted(set(numbers)))
    with _opened(path) as (container, stream):
        times = _times(path, container, stream)
        if wanted and not 0 <= wanted[0] <= wanted[-1] < len(times.stamps):
            raise InputError(
                f"{path} has {len(times.stamps)} frames, and number {wanted[-1]} (from 0) is wanted",
                expected="a video as long as its annotations",
                action="download it again, or leave the last frames out (--limit, --frames)",
            )
        number_of = {stamp: number for number, stamp in enumerate(times.stamps)}
        while wanted:
            container.seek(times.stamps[_key_before(times, wanted[0])], stream=stream)
            for frame in container.decode(stream):
                number = number_of.get(frame.pts, -1)
                if number >= wanted[0]:
                    if number > wanted[0]:
                        raise _undecodable(path, wanted[0])
                    yield wanted.popleft(), frame.to_ndarray(format="rgb24")
                    # a key frame between here and the next wanted one saves decoding the frames before it
                    if not wanted or _key_before(times, wanted[0]) > number + 1:
                        break
            else:
                raise _undecodable(path, wanted[0])


def _key_before(times: _Times, number: int) -> int:
    return times.keys[int(np.searchsorted(times.keys, number, side="right")) - 1]


def _times(path: Path, container: Any, stream: Any) -> _Times:
    packets = [one for one in container.demux(stream) if one.size and not one.is_discard]
    # AVI has no presentation times, but its frames are stored in the order they are shown
    found = [(one.dts if one.pts is None else one.pts, one.is_keyframe) for one in packets]
    if not found or any(stamp is None for stamp, _ in found):
        raise InputError(
            f"{path} holds no frames with times", expected="a whole video", action="download it again"
        )
    found.sort()
    keys = [number for number, (_, key) in enumerate(found) if key]
    # the first frame is where decoding begins, whatever it is
    return _Times([stamp for stamp, _ in found], sorted({0, *keys}))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Container and video stream of a file."""
    try:
        import av  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError.of("av", "video", "reading videos") from error
    if not path.is_file():
        raise MissingInputError(
            f"{path} is not there", expected="the video of the data set", action="check the raw folder"
        )
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path} has no pictures", expected="a video", action="download it again")
            yield container, container.streams.video[0]
    except av.error.FFmpegError as error:
        raise InputError(
            f"{path} cannot be decoded: {error.strerror}",
            expected="a whole video",
            action="download it again",
        ) from error


def _undecodable(path: Path, number: int) -> InputError:
    return InputError(
        f"{path}: frame {number} (from 0) cannot be decoded",
        expected="a whole video",
        action="download it again, or leave the frame out (--frames)",
    )
