"""Compiled loops over people and joints of many frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]


@kernel
def pair_distances(
    target: Floats, scored: Flags, predicted: Floats, gt_start: Ints, pred_start: Ints, out: Floats
) -> None:
    """Mean distance of every true person to every prediction of its frame, over the joints both have.

    target (P, J, 3), scored (P, J), predicted (Q, J, 3) with NaN for missing joints; out holds the (P_f, Q_f)
    blocks of the frames row by row and gets NaN where a pair has no joint in common.
    """
    position = 0
    joints = target.shape[1]
    for frame in range(len(gt_start) - 1):
        for person in range(gt_start[frame], gt_start[frame + 1]):
            for other in range(pred_start[frame], pred_start[frame + 1]):
                total = 0.0
                count = 0
                for joint in range(joints):
                    if not scored[person, joint]:
                        continue
                    x = predicted[other, joint, 0] - target[person, joint, 0]
                    y = predicted[other, joint, 1] - target[person, joint, 1]
                    z = predicted[other, joint, 2] - target[person, joint, 2]
                    distance = math.sqrt(x * x + y * y + z * z)
                    if not math.isnan(distance):
                        total += distance
                        count += 1
                out[position] = total / count if count > 0 else math.nan
                position += 1
