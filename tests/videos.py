"""Tiny videos whose frames say their number: eight black or white bars are its bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

BITS = 8


def picture(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    bits = [(number >> bit) & 1 for bit in range(BITS)]
    columns = np.arange(width) * BITS // width
    row = np.array(bits, dtype=np.uint8)[columns] * 255
    return np.repeat(np.repeat(row[None, :, None], height, axis=0), 3, axis=2)


def number_in(pixels: np.ndarray) -> int:
    width = pixels.shape[1]
    middles = (np.arange(BITS) * width + width // 2) // BITS
    return sum(int(pixels[:, column].mean() > 127) << bit for bit, column in enumerate(middles))


def write(
    path: Path, frames: int, *, codec: str = "mpeg4", between: int = 0, size: tuple[int, int] = (64, 48)
) -> Path:
    """Write a video with a key frame every 12 frames and `between` bidirectional frames between others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if codec != "mjpeg":
            stream.codec_context.gop_size = 12
            stream.codec_context.max_b_frames = between
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
