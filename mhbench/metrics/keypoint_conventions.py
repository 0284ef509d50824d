"""What the published tools of keypoint average precision do differently: joints, areas, crowd levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from mhbench.errors import UsageError
from mhbench.skeletons import skeleton

ConventionName = Literal["coco", "crowdpose", "ochuman"]


@dataclass(frozen=True)
class Convention:
    """What one published tool does differently from another.

    Attributes:
        skeleton: whose joints and sigmas are meant.
        area_factor: None takes the field `area`; a number takes that share of the box.
        ranges: closed area ranges in px^2 by suffix of the statistic; the first one is everything.
        crowd_levels: the images have a crowd index, and the statistics are repeated by its levels.
    """

    skeleton: str
    area_factor: float | None
    ranges: dict[str, tuple[float, float]]
    crowd_levels: bool

    @property
    def sigmas(self) -> tuple[float, ...]:
        """(J,) spread of each joint, in units of the square root of the person's area."""
        sigmas = skeleton(self.skeleton).sigmas
        assert sigmas is not None
        return sigmas


_EVERYTHING: Final = (0.0, 1e5**2)
_COCO: Final = Convention(
    skeleton="coco_17",
    area_factor=None,
    ranges={"": _EVERYTHING, "_m": (32.0**2, 96.0**2), "_l": (96.0**2, 1e5**2)},
    crowd_levels=False,
)
_CROWDPOSE: Final = Convention(
    skeleton="crowdpose_14",
    area_factor=0.53,
    ranges={"": _EVERYTHING},
    crowd_levels=True,
)
CONVENTIONS: Final[dict[str, Convention]] = {"coco": _COCO, "crowdpose": _CROWDPOSE, "ochuman": _COCO}


def convention_rules(name: str) -> Convention:
    """The rules of a convention, by name.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in CONVENTIONS:
        raise UsageError(
            f"there is no convention {name!r}",
            expected=", ".join(sorted(CONVENTIONS)),
            action="name the data set whose tool is meant",
        )
    return CONVENTIONS[name]
