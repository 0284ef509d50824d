"""Angles between predicted and true bone rotations: MPJAE and PMPJAE of the 3DPW challenge.

Rotations are global, bone to camera frame, 3x3. The angle is that of the relative rotation R_p R_t^T after it
was replaced by its nearest orthogonal matrix, as OpenCV's logarithm does: a rotation times 1.3 costs nothing.
A matrix that is no rotation at all (zero, reflected, squashed flat, not finite) has no angle; the challenge
program gives it an arbitrary one, here its pose is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mhbench.checks import check_shape
from mhbench.metrics import rotation_kernels

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def mpjae(rotations_p: npt.ArrayLike, rotations_t: npt.ArrayLike) -> Floats:
    """Mean per joint angle error.

    Args:
        rotations_p: (N, K, 3, 3), predicted.
        rotations_t: (N, K, 3, 3), true, same frame.

    Returns:
        (N,) degrees in [0, 180]; NaN where one of the pose's matrices is no rotation.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    return _mean_angles(rotation_angles(rotations_p, rotations_t))


def pmpjae(rotations_p: npt.ArrayLike, rotations_t: npt.ArrayLike, alignment: npt.ArrayLike) -> Floats:
    """MPJAE after each pose was turned by the rotation that aligns its joints.

    Args:
        rotations_p: (N, K, 3, 3), predicted.
        rotations_t: (N, K, 3, 3), true, same frame.
        alignment: (N, 3, 3), the Procrustes rotation of each pose, prediction to truth. The challenge takes
            it from all 24 root-aligned joints.

    Returns:
        (N,) degrees, as `mpjae`.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    return _mean_angles(rotation_angles(rotations_p, rotations_t, alignment))


def rotation_angles(
    rotations_p: npt.ArrayLike, rotations_t: npt.ArrayLike, alignment: npt.ArrayLike | None = None
) -> Floats:
    """Angle of every joint, (N, K) degrees, NaN where a matrix is no rotation; arguments as in `pmpjae`.

    The challenge program rounds angles below 1e-5 rad to 0; here they are kept.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    p = np.ascontiguousarray(rotations_p, dtype=np.float64)
    t = np.ascontiguousarray(rotations_t, dtype=np.float64)
    sizes = check_shape("rotations_p", p, "N K 3 3")
    check_shape("rotations_t", t, "N K 3 3", sizes)
    turns = np.zeros((0, 3, 3))
    if alignment is not None:
        turns = np.ascontiguousarray(alignment, dtype=np.float64)
        check_shape("alignment", turns, "N 3 3", sizes)
    angles = np.zeros(p.shape[:2])
    rotation_kernels.relative_angles(
        p.reshape(-1, 9), t.reshape(-1, 9), turns.reshape(-1, 9), p.shape[1], angles.reshape(-1)
    )
    return angles


def _mean_angles(angles: Floats) -> Floats:
    mean: Floats = angles.mean(axis=1)
    return mean


def improper_rotations(rotations: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which matrices have no nearest rotation worth the name, to count what `mpjae` leaves out.

    Args:
        rotations: (N, K, 3, 3).

    Returns:
        (N, K) bool: not finite, or the determinant, made independent of scale, is below 0.001.

    Raises:
        ShapeError: not (N, K, 3, 3).
    """
    matrices = np.ascontiguousarray(rotations, dtype=np.float64)
    check_shape("rotations", matrices, "N K 3 3")
    flags = np.zeros(matrices.shape[:2], dtype=np.bool_)
    rotation_kernels.find_improper(matrices.reshape(-1, 9), flags.reshape(-1))
    return flags
