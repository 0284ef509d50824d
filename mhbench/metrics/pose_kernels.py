"""Compiled loops of the single-person metrics: poses (N, J, 3) in metres in, one number per pose out.

An empty `valid` (0, J), `roots` (0,) or `shift` (0, 3) stands for "none": numba has no cheap optional array.
The mean of no joints is NaN: `np.divide` is used where a plain division would raise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]


@kernel
def mean_distances(
    predicted: Floats, target: Floats, roots: Ints, shift: Floats, valid: Flags, out: Floats
) -> None:
    """Mean over valid joints of |(p - p_root) - (g - g_root)|; `shift` (N, 3) is p_root - g_root if known."""
    poses, joints, _ = predicted.shape
    masked = valid.shape[0] > 0
    for pose in range(poses):
        x, y, z = 0.0, 0.0, 0.0
        if shift.shape[0] > 0:
            x, y, z = shift[pose, 0], shift[pose, 1], shift[pose, 2]
        for position in range(roots.size):
            root = roots[position]
            x += (predicted[pose, root, 0] - target[pose, root, 0]) / roots.size
            y += (predicted[pose, root, 1] - target[pose, root, 1]) / roots.size
            z += (predicted[pose, root, 2] - target[pose, root, 2]) / roots.size
        total = 0.0
        count = 0
        for joint in range(joints):
            if masked and not valid[pose, joint]:
                continue
            dx = predicted[pose, joint, 0] - target[pose, joint, 0] - x
            dy = predicted[pose, joint, 1] - target[pose, joint, 1] - y
            dz = predicted[pose, joint, 2] - target[pose, joint, 2] - z
            total += math.sqrt(dx * dx + dy * dy + dz * dz)
            count += 1
        mean = np.divide(total, count)
        out[pose] = mean if mean < np.inf else np.nan


@kernel
def scaled_distances(predicted: Floats, target: Floats, valid: Flags, out: Floats) -> None:
    """Mean over valid joints of |s p - g| with s = <p, g> / <p, p> of the pose; s = 0 where p is all zero."""
    poses, joints, _ = predicted.shape
    masked = valid.shape[0] > 0
    for pose in range(poses):
        product = 0.0
        square = 0.0
        for joint in range(joints):
            if masked and not valid[pose, joint]:
                continue
            for axis in range(3):
                product += predicted[pose, joint, axis] * target[pose, joint, axis]
                square += predicted[pose, joint, axis] * predicted[pose, joint, axis]
        scale = product / square if square != 0.0 else 0.0
        total = 0.0
        count = 0
        for joint in range(joints):
            if masked and not valid[pose, joint]:
                continue
            dx = scale * predicted[pose, joint, 0] - target[pose, joint, 0]
            dy = scale * predicted[pose, joint, 1] - target[pose, joint, 1]
            dz = scale * predicted[pose, joint, 2] - target[pose, joint, 2]
            total += math.sqrt(dx * dx + dy * dy + dz * dz)
            count += 1
        mean = np.divide(total, count)
        out[pose] = mean if mean < np.inf else np.nan
