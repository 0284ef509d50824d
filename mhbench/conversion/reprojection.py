"""Do the 3D joints of a table project onto its 2D joints? A wrong camera, unit or frame shows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from mhbench.cameras import project
from mhbench.columns import JointFlag

if TYPE_CHECKING:
    from mhbench.frames import FrameTable


class Reprojection(msgspec.Struct, frozen=True, kw_only=True):
    """Distances between projected 3D joints and 2D joints.

    Attributes:
        joints: number of joints compared.
        median_px: their median.
        largest_px: the largest.
    """

    joints: int
    median_px: float
    largest_px: float


def reprojection_error(table: FrameTable) -> Reprojection | None:
    """Compare the joints that are labelled in 3D and in 2D; None where there are none, or no intrinsics."""
    if not {"joints3d", "joints2d", "joint_flags"} <= set(table.persons) or "K" not in table.frames:
        return None
    both = JointFlag.LABELLED_3D | JointFlag.LABELLED_2D
    labelled = (table.persons["joint_flags"] & both) == both
    owner = table.frame_of_person
    distortion = table.frames.get("distortion", np.zeros((table.frame_count, 8)))
    projected = project(
        table.persons["joints3d"], table.frames["K"][owner], distortion[owner], lens=table.lens
    )
    distance = np.hypot(*np.moveaxis(projected - table.persons["joints2d"], -1, 0))[labelled]
    distance = distance[~np.isnan(distance)]
    if not len(distance):
        return None
    return Reprojection(
        joints=len(distance),
        median_px=round(float(np.median(distance)), 3),
        largest_px=round(float(distance.max()), 3),
    )
