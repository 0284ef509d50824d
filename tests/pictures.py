"""Comparison of pictures with stored ones: small and blurred, so the same on any build of matplotlib."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

REFERENCE = Path(__file__).parent / "reference"
SIZE = (160, 100)
LARGEST_MEAN_DIFFERENCE = 6.0  # of 255; fonts and anti-aliasing move it by 1 or 2, a missing panel by 15


def thumbnail(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        small = image.convert("RGB").resize(SIZE, Image.Resampling.BOX)
        return np.asarray(small, dtype=np.float64)


def assert_looks_like(png: bytes, name: str) -> None:
    """Compare with `tests/reference/<name>.png`; MHBENCH_UPDATE_PICTURES=1 stores the picture instead."""
    path = REFERENCE / f"{name}.png"
    if os.environ.get("MHBENCH_UPDATE_PICTURES") == "1":
        Image.fromarray(thumbnail(png).astype(np.uint8)).save(path)
    stored = thumbnail(path.read_bytes())
    difference = np.abs(thumbnail(png) - stored).mean()
    assert difference < LARGEST_MEAN_DIFFERENCE, f"{name}: mean difference {difference:.1f} of 255"
