"""Do the bodies of a converted item look like bodies? A wrong unit, axis or joint order shows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from mhbench.columns import JointFlag
from mhbench.plausibility import body_extents, handedness
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from mhbench.frames import FrameTable

# a crouching child and a tall man with raised arms both lie between; millimetres taken for metres do not
PLAUSIBLE_EXTENT_M: Final = (0.5, 2.6)
FEWEST_JUDGED: Final = 20
MOST_MIRRORED: Final = 0.5


class BodyCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What the 3D people of an item look like.

    Attributes:
        median_extent_m: diagonal of the box around a person's joints, median over the people.
        judged: people whose left and right could be told apart by front and up.
        mirrored: those of them whose left is on the right.
    """

    median_extent_m: float | None
    judged: int
    mirrored: int

    @property
    def warning(self) -> str:
        """What is suspicious, in a sentence; empty if nothing is."""
        low, high = PLAUSIBLE_EXTENT_M
        if self.median_extent_m is not None and not low <= self.median_extent_m <= high:
            return f"bodies are {self.median_extent_m:g} m large; is the unit right?"
        if self.judged >= FEWEST_JUDGED and self.mirrored > MOST_MIRRORED * self.judged:
            return f"{self.mirrored} of {self.judged} people are mirrored; are left and right swapped?"
        return ""


def check_bodies(table: FrameTable) -> BodyCheck | None:
    """Look at the labelled 3D joints of a table; None where it has no 3D people."""
    if not {"joints3d", "joint_flags"} <= set(table.persons) or table.person_count == 0:
        return None
    labelled = (table.persons["joint_flags"] & JointFlag.LABELLED_3D) != 0
    joints = np.where(labelled[..., None], table.persons["joints3d"].astype(np.float64), np.nan)
    extents = body_extents(joints)
    signs = handedness(joints, skeleton(table.skeleton))
    known = extents[np.isfinite(extents)]
    return BodyCheck(
        median_extent_m=round(float(np.median(known)), 3) if known.size else None,
        judged=int(np.isfinite(signs).sum()),
        mirrored=int((signs < 0).sum()),
    )
