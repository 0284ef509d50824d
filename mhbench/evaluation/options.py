"""What may be chosen for an evaluation besides its protocol."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mhbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What can be chosen besides the protocol; every value other than the default stands in the result.

    Attributes:
        options: open points of the protocol set to other values.
        min_score: people with a lower score are left out.
        allow_approximate: joints that the predicted skeleton only has approximately are accepted.
        frame_lists: raw indices per sequence, where the official list is not public.
        bootstrap: draws of the intervals; 0 = none.
        jobs: processes that score; the numbers do not depend on it.
        place: `reprojection` puts root-relative people where their joints2d say that they are.

    Raises:
        UsageError: the least score is NaN.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    min_score: float | None = None
    allow_approximate: bool = False
    frame_lists: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    bootstrap: int = 1000
    jobs: int = 1
    place: Literal["", "reprojection"] = ""

    def __post_init__(self) -> None:
        if self.min_score is not None and math.isnan(self.min_score):
            raise UsageError(
                "the least score is no number",
                expected="a number that scores are compared with",
                action="correct --min-score, or leave it out",
            )
