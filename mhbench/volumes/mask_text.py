"""Masks as text: COCO's compressed run lengths, some hundred characters for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt


def mask_to_text(mask: npt.NDArray[np.bool_]) -> str:
    """The `counts` of COCO's run lengths of a mask (H, W)."""
    from pycocotools import mask as coco  # noqa: PLC0415 - few data sets have masks

    check_shape("mask", mask, "H W")
    counts = coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]
    return counts.decode("ascii") if isinstance(counts, bytes) else counts


def text_to_mask(text: str, height: int, width: int) -> npt.NDArray[np.bool_]:
    """The mask (H, W) of its text.

    Raises:
        InputError: the text is none, or of a mask of another size.
    """
    runs = _runs(text)
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise InputError(
            f"the mask {text[:40]!r} is not one of {height} x {width} pixels",
            expected="run lengths that add up to the pixels",
            action="convert the data set again",
        )
    # down the columns, beginning outside the mask
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(width, height).T


def _runs(text: str) -> list[int]:
    """Lengths of the runs: five bits a character, low ones first; from the fourth on as differences."""
    found: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        found.append(value + (found[-2] if len(found) > 2 else 0))
        value = shift = 0
    return found
