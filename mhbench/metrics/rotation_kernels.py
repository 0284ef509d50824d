"""Compiled loops over rotation matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

# Determinant over that of a rotation of the same Frobenius norm: 1 for c R, 0 for singular, -1 for reflected.
LEAST_DETERMINANT: Final = 1e-3
# Change of a Newton step, or distance from orthogonality, below which a matrix is taken as orthogonal.
ORTHOGONAL: Final = 1e-13
MOST_STEPS: Final = 30


@kernel
def relative_angles(predicted: Floats, target: Floats, alignment: Floats, out: Floats) -> None:
    """Angle of A P G^T in radians for (N, K, 3, 3) twice and A (N, 3, 3), or (0, 3, 3) for none."""
    poses, joints = out.shape
    p = np.zeros((3, 3))
    relative = np.zeros((3, 3))
    for pose in range(poses):
        for joint in range(joints):
            if alignment.shape[0] > 0:
                _product(alignment[pose], predicted[pose, joint], p)
            else:
                p[:] = predicted[pose, joint]
            g = target[pose, joint]
            if _is_improper(p) or _is_improper(g):
                out[pose, joint] = np.nan
                continue
            for row in range(3):
                for column in range(3):
                    relative[row, column] = (
                        p[row, 0] * g[column, 0] + p[row, 1] * g[column, 1] + p[row, 2] * g[column, 2]
                    )
            _orthogonalise(relative)
            out[pose, joint] = _angle(relative)


@kernel
def find_improper(matrices: Floats, out: Flags) -> None:
    """Flag the matrices of (N, K, 3, 3) that have no nearest rotation worth the name."""
    for pose in range(out.shape[0]):
        for joint in range(out.shape[1]):
            out[pose, joint] = _is_improper(matrices[pose, joint])


@kernel
def _product(left: Floats, right: Floats, out: Floats) -> None:
    for row in range(3):
        for column in range(3):
            out[row, column] = (
                left[row, 0] * right[0, column]
                + left[row, 1] * right[1, column]
                + left[row, 2] * right[2, column]
            )


@kernel
def _determinant(m: Floats) -> float:
    determinant: float = (
        m[0, 0] * (m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1])
        + m[0, 1] * (m[1, 2] * m[2, 0] - m[1, 0] * m[2, 2])
        + m[0, 2] * (m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0])
    )
    return determinant


@kernel
def _is_improper(m: Floats) -> bool:
    square = 0.0
    for row in range(3):
        square += m[row, 0] * m[row, 0] + m[row, 1] * m[row, 1] + m[row, 2] * m[row, 2]
    volume = (square / 3.0) * math.sqrt(square / 3.0)
    # written so that NaN is improper too
    return not (volume < np.inf and _determinant(m) > LEAST_DETERMINANT * volume)


@kernel
def _orthogonalise(m: Floats) -> None:
    """Replace a matrix of positive determinant by its nearest orthogonal one: Newton, (m + m^-T) / 2."""
    if _distance_from_orthogonal(m) < ORTHOGONAL:
        return
    size = _determinant(m) ** (1.0 / 3.0)
    for row in range(3):
        for column in range(3):
            m[row, column] /= size
    inverse = np.zeros((3, 3))
    for _ in range(MOST_STEPS):
        determinant = _determinant(m)
        change = 0.0
        for row in range(3):
            for column in range(3):
                r1, r2 = (row + 1) % 3, (row + 2) % 3
                c1, c2 = (column + 1) % 3, (column + 2) % 3
                inverse[row, column] = (m[r1, c1] * m[r2, c2] - m[r1, c2] * m[r2, c1]) / determinant
        for row in range(3):
            for column in range(3):
                step = (inverse[row, column] - m[row, column]) / 2.0
                change = max(change, abs(step))
                m[row, column] += step
        if change < ORTHOGONAL:
            return


@kernel
def _distance_from_orthogonal(m: Floats) -> float:
    farthest = 0.0
    for row in range(3):
        for column in range(row, 3):
            product = m[row, 0] * m[column, 0] + m[row, 1] * m[column, 1] + m[row, 2] * m[column, 2]
            farthest = max(farthest, abs(product - (1.0 if row == column else 0.0)))
    return farthest


@kernel
def _angle(m: Floats) -> float:
    """atan2 of sine and cosine: as good near 0 and 180 degrees as anywhere, unlike the arc cosine."""
    x = m[2, 1] - m[1, 2]
    y = m[0, 2] - m[2, 0]
    z = m[1, 0] - m[0, 1]
    return math.atan2(math.sqrt(x * x + y * y + z * z), m[0, 0] + m[1, 1] + m[2, 2] - 1.0)
