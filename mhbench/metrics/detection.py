"""Precision, recall and F1 over people, and errors divided by F1 (AGORA).

Source: pixelite1201/agora_evaluation, revision 8c9dece5; Relative Human rounds the same way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

AGORA_DECIMALS: Final = 2


@dataclass(frozen=True)
class DetectionScore:
    """Shares of found people, as fractions."""

    precision: float
    recall: float
    f1: float


def detection_scores(
    matched: int, missed: int, false_positives: int, *, decimals: int | None = None
) -> DetectionScore:
    """Precision, recall and F1 of people.

    Args:
        matched: true people that a prediction met.
        missed: true people that none met.
        false_positives: predictions that met nobody.
        decimals: round each of the three; the AGORA tool has 2, None keeps every digit.

    Returns:
        fractions; 0 where nobody was matched, 1 where there is nobody to find and nobody was found.
    """
    if matched + missed + false_positives == 0:
        return DetectionScore(1.0, 1.0, 1.0)
    shares = (
        matched / max(matched + false_positives, 1),
        matched / max(matched + missed, 1),
        2 * matched / (2 * matched + missed + false_positives),
    )
    return DetectionScore(*(share if decimals is None else round(share, decimals) for share in shares))


def nmje(mpjpe_mm: float, f1: float) -> float:
    """Normalised mean joint error of AGORA in mm: the error divided by F1, so that missing people costs.

    The tool divides what it prints: the error with one decimal by F1 with two, and rounds again to one.

    Args:
        mpjpe_mm: mean error over matched people, relative to the middle of the hips.
        f1: fraction.

    Returns:
        mm, NaN where F1 is 0.
    """
    return _normalised(mpjpe_mm, f1)


def nmve(mve_mm: float, f1: float) -> float:
    """Normalised mean vertex error of AGORA in mm; see `nmje`."""
    return _normalised(mve_mm, f1)


def _normalised(error_mm: float, f1: float) -> float:
    share = round(f1, AGORA_DECIMALS)
    return round(round(error_mm, 1) / share, 1) if share > 0 else math.nan
