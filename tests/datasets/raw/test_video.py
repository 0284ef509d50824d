from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import videos

from mhbench.datasets.raw import video
from mhbench.datasets.raw.video import count_frames, read_frames
from mhbench.errors import InputError, MissingExtraError, MissingInputError

FRAMES = 40
KINDS = [
    ("mp4", "mpeg4", 0),
    ("mp4", "mpeg4", 2),
    ("avi", "mpeg4", 0),
    ("mp4", "libx264", 2),
    ("avi", "mjpeg", 0),
]


@pytest.fixture(params=KINDS, ids=lambda kind: "-".join(map(str, kind)))
def path(request, tmp_path):
    container, codec, between = request.param
    return videos.write(tmp_path / f"v.{container}", FRAMES, codec=codec, between=between)


@pytest.mark.parametrize(
    "numbers", [(0,), (FRAMES - 1,), (3, 4, 5), (0, 11, 12, 13, 39), (25, 2), range(0, 40, 5)]
)
def test_frames_are_found_by_their_number(path, numbers):
    found = list(read_frames(path, numbers))
    assert [number for number, _ in found] == sorted(numbers)
    for number, pixels in found:
        assert pixels.shape == (48, 64, 3)
        assert pixels.dtype == np.uint8
        assert videos.number_in(pixels) == number


def test_frames_are_counted(path):
    assert count_frames(path) == FRAMES


def test_a_frame_beyond_the_end_is_named_with_the_length(path):
    with pytest.raises(InputError, match="has 40 frames, and number 40"):
        next(read_frames(path, (39, 40)))


def test_nothing_wanted_is_nothing_read(path):
    assert list(read_frames(path, ())) == []


def test_no_video_is_told(tmp_path):
    with pytest.raises(MissingInputError, match="is not there"):
        count_frames(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(InputError, match="cannot be decoded"):
        count_frames(tmp_path / "a.mp4")


def test_a_video_cut_short_is_told(tmp_path):
    path = videos.write(tmp_path / "v.avi", FRAMES, codec="mpeg4", between=0)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 5 // 6])
    length = count_frames(path)
    assert 0 < length < FRAMES
    with pytest.raises(InputError, match=f"has {length} frames"):
        list(read_frames(path, range(FRAMES)))


def test_without_the_extra_its_name_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtraError, match="reading videos") as caught:
        count_frames(tmp_path / "a.mp4")
    assert "mhbench[video]" in caught.value.action


def test_frames_of_which_some_have_no_time_are_told():
    """No two encoders at hand write such a file; a container of packets does."""
    packets = [
        SimpleNamespace(size=9, is_discard=False, is_keyframe=True, pts=time, dts=None) for time in (0, None)
    ]
    container = SimpleNamespace(demux=lambda _: packets)
    with pytest.raises(InputError, match="holds no frames with times"):
        video._times(Path("v.h264"), container, None)
