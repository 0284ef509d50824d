"""Angles between many pairs of rotation matrices: a block of pairs side by side, one in each SIMD lane.

As in alignment_kernels, every step is one branch-free loop over the lanes of a block, so a pair gets the same
bits in whichever lane it stands. The arc tangent is worked out here, in square roots and its series, for the
C library has no vector form of it and rounds differently from machine to machine.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

LANES: Final = 16
# Where the rows of a block start; each holds one number per lane, 3x3 matrices are nine rows.
P: Final = 0
G: Final = P + 9 * LANES
A: Final = G + 9 * LANES
M: Final = A + 9 * LANES
PROPER: Final = M + 9 * LANES
BENT: Final = PROPER + LANES
ANGLE: Final = BENT + LANES
BLOCK: Final = ANGLE + LANES

# Square of the determinant over that of a rotation of the same Frobenius norm: 1 for c R, 0 for singular.
LEAST_DETERMINANT: Final = 1e-6
# How far M^T M may be from I for one step of Newton and Schulz to end at 1e-12; float32 rotations are closer.
NEARLY_ORTHOGONAL: Final = 1e-6
MOST_STEPS: Final = 30
DEGREES: Final = 180.0 / math.pi


@kernel
def relative_angles(predicted: Floats, target: Floats, alignment: Floats, joints: int, out: Floats) -> None:
    """Angle of A P G^T in degrees; NaN where one of the matrices is no rotation.

    predicted and target (N K, 9), alignment (N, 9), one for every K = `joints` pairs, or (0, 9) for none,
    out (N K,).
    """
    pairs = out.size
    block = np.zeros(BLOCK)
    matrix = np.zeros((3, 3))
    for start in range(0, pairs, LANES):
        count = min(LANES, pairs - start)
        block[PROPER : PROPER + LANES] = 1.0
        for lane in range(count):
            _load(predicted, start + lane, P + lane, block)
            _load(target, start + lane, G + lane, block)
        _find_proper(P, block)
        _find_proper(G, block)
        if alignment.shape[0] > 0:
            for lane in range(count):
                _load(alignment, (start + lane) // joints, A + lane, block)
            _find_proper(A, block)
            _multiply(block)
        _relate(block)
        for lane in range(count):
            if block[BENT + lane] > NEARLY_ORTHOGONAL and block[PROPER + lane] > 0.0:
                _straighten(lane, matrix, block)
        _polish(block)
        _measure(block)
        for lane in range(count):
            out[start + lane] = block[ANGLE + lane] if block[PROPER + lane] > 0.0 else np.nan


@kernel
def find_improper(matrices: Floats, out: npt.NDArray[np.bool_]) -> None:
    """Flag the matrices (M, 9) that have no nearest rotation worth the name."""
    block = np.zeros(BLOCK)
    for index in range(out.size):
        block[PROPER] = 1.0
        _load(matrices, index, P, block)
        _find_proper(P, block)
        out[index] = block[PROPER] == 0.0


@kernel
def _load(matrices: Floats, index: int, row: int, block: Floats) -> None:
    for entry in range(9):
        block[row + entry * LANES] = matrices[index, entry]


@kernel
def _find_proper(x: int, block: Floats) -> None:
    """Clear PROPER where the matrix at x is singular, reflected or not finite, whatever its scale."""
    for lane in range(LANES):
        a, b, c = block[x + lane], block[x + LANES + lane], block[x + 2 * LANES + lane]
        d, e, f = block[x + 3 * LANES + lane], block[x + 4 * LANES + lane], block[x + 5 * LANES + lane]
        g, h, i = block[x + 6 * LANES + lane], block[x + 7 * LANES + lane], block[x + 8 * LANES + lane]
        determinant = a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g)
        mean = (a * a + b * b + c * c + d * d + e * e + f * f + g * g + h * h + i * i) / 3.0
        # compared so that NaN is improper too; the square keeps the sign
        signed = determinant * abs(determinant)
        proper = block[PROPER + lane]
        block[PROPER + lane] = proper if signed > LEAST_DETERMINANT * (mean * mean * mean) else 0.0


@kernel
def _multiply(block: Floats) -> None:
    """P becomes A P."""
    for column in range(3):
        x = P + column * LANES
        for lane in range(LANES):
            p0, p1, p2 = block[x + lane], block[x + 3 * LANES + lane], block[x + 6 * LANES + lane]
            block[x + lane] = (
                block[A + lane] * p0 + block[A + LANES + lane] * p1 + block[A + 2 * LANES + lane] * p2
            )
            block[x + 3 * LANES + lane] = (
                block[A + 3 * LANES + lane] * p0
                + block[A + 4 * LANES + lane] * p1
                + block[A + 5 * LANES + lane] * p2
            )
            block[x + 6 * LANES + lane] = (
                block[A + 6 * LANES + lane] * p0
                + block[A + 7 * LANES + lane] * p1
                + block[A + 8 * LANES + lane] * p2
            )


@kernel
def _relate(block: Floats) -> None:
    """M = P G^T, and how far the rows of M are from orthonormal."""
    for row in range(3):
        for column in range(3):
            p = P + 3 * row * LANES
            g = G + 3 * column * LANES
            m = M + (3 * row + column) * LANES
            for lane in range(LANES):
                block[m + lane] = (
                    block[p + lane] * block[g + lane]
                    + block[p + LANES + lane] * block[g + LANES + lane]
                    + block[p + 2 * LANES + lane] * block[g + 2 * LANES + lane]
                )
    for lane in range(LANES):
        a, b, c = block[M + lane], block[M + LANES + lane], block[M + 2 * LANES + lane]
        d, e, f = block[M + 3 * LANES + lane], block[M + 4 * LANES + lane], block[M + 5 * LANES + lane]
        g, h, i = block[M + 6 * LANES + lane], block[M + 7 * LANES + lane], block[M + 8 * LANES + lane]
        lengths = abs(a * a + b * b + c * c - 1.0) + abs(d * d + e * e + f * f - 1.0)
        lengths += abs(g * g + h * h + i * i - 1.0)
        angles = abs(a * d + b * e + c * f) + abs(a * g + b * h + c * i) + abs(d * g + e * h + f * i)
        block[BENT + lane] = lengths + angles


@kernel
def _straighten(lane: int, m: Floats, block: Floats) -> None:
    """Replace M of one lane by its nearest rotation with Newton's steps m <- (m + m^-T) / 2.

    M has a positive determinant here: both of its factors have.
    """
    for entry in range(9):
        m[entry // 3, entry % 3] = block[M + entry * LANES + lane]
    size = _determinant(m) ** (1.0 / 3.0)
    for entry in range(9):
        m[entry // 3, entry % 3] = np.divide(m[entry // 3, entry % 3], size)
    inverse = np.zeros((3, 3))
    for _ in range(MOST_STEPS):
        determinant = _determinant(m)
        change = 0.0
        for row in range(3):
            for column in range(3):
                r1, r2 = (row + 1) % 3, (row + 2) % 3
                c1, c2 = (column + 1) % 3, (column + 2) % 3
                cofactor = m[r1, c1] * m[r2, c2] - m[r1, c2] * m[r2, c1]
                inverse[row, column] = np.divide(cofactor, determinant)
        for row in range(3):
            for column in range(3):
                step = (inverse[row, column] - m[row, column]) / 2.0
                change = max(change, abs(step))
                m[row, column] += step
        if change < NEARLY_ORTHOGONAL:
            break
    for entry in range(9):
        block[M + entry * LANES + lane] = m[entry // 3, entry % 3]


@kernel
def _determinant(m: Floats) -> float:
    determinant: float = (
        m[0, 0] * (m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1])
        + m[0, 1] * (m[1, 2] * m[2, 0] - m[1, 0] * m[2, 2])
        + m[0, 2] * (m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0])
    )
    return determinant


@kernel
def _polish(block: Floats) -> None:
    """One step of Newton and Schulz, M <- (3 I - M M^T) M / 2: what is nearly orthogonal becomes so."""
    for lane in range(LANES):
        a, b, c = block[M + lane], block[M + LANES + lane], block[M + 2 * LANES + lane]
        d, e, f = block[M + 3 * LANES + lane], block[M + 4 * LANES + lane], block[M + 5 * LANES + lane]
        g, h, i = block[M + 6 * LANES + lane], block[M + 7 * LANES + lane], block[M + 8 * LANES + lane]
        s0 = 1.5 - 0.5 * (a * a + b * b + c * c)
        s1 = 1.5 - 0.5 * (d * d + e * e + f * f)
        s2 = 1.5 - 0.5 * (g * g + h * h + i * i)
        t0 = -0.5 * (a * d + b * e + c * f)
        t1 = -0.5 * (a * g + b * h + c * i)
        t2 = -0.5 * (d * g + e * h + f * i)
        block[M + lane] = s0 * a + t0 * d + t1 * g
        block[M + LANES + lane] = s0 * b + t0 * e + t1 * h
        block[M + 2 * LANES + lane] = s0 * c + t0 * f + t1 * i
        block[M + 3 * LANES + lane] = t0 * a + s1 * d + t2 * g
        block[M + 4 * LANES + lane] = t0 * b + s1 * e + t2 * h
        block[M + 5 * LANES + lane] = t0 * c + s1 * f + t2 * i
        block[M + 6 * LANES + lane] = t1 * a + t2 * d + s2 * g
        block[M + 7 * LANES + lane] = t1 * b + t2 * e + s2 * h
        block[M + 8 * LANES + lane] = t1 * c + t2 * f + s2 * i


@kernel
def _measure(block: Floats) -> None:
    """Angle of M from its sine and cosine: as good near 0 and 180 degrees as anywhere.

    The angle to the nearer of 0 and 180 degrees is halved three times, each time by tan(x/2) =
    sin x / (1 + cos x) in terms of the tangent; below tan(pi/16) twelve terms of the series are enough.
    """
    for lane in range(LANES):
        x = block[M + 7 * LANES + lane] - block[M + 5 * LANES + lane]
        y = block[M + 2 * LANES + lane] - block[M + 6 * LANES + lane]
        z = block[M + 3 * LANES + lane] - block[M + LANES + lane]
        square = x * x + y * y + z * z
        cosine = block[M + lane] + block[M + 4 * LANES + lane] + block[M + 8 * LANES + lane] - 1.0
        sine = math.sqrt(square)
        t = np.divide(sine, math.sqrt(square + cosine * cosine) + abs(cosine))
        t = np.divide(t, 1.0 + math.sqrt(1.0 + t * t))
        t = np.divide(t, 1.0 + math.sqrt(1.0 + t * t))
        u = -t * t
        series = 1.0 + u * (1 / 3 + u * (1 / 5 + u * (1 / 7 + u * (1 / 9 + u * (1 / 11 + u * _tail(u))))))
        angle = DEGREES * 8.0 * t * series
        block[ANGLE + lane] = angle if cosine >= 0.0 else 180.0 - angle


@kernel
def _tail(u: float) -> float:
    """Terms of the arc tangent's series from the seventh on."""
    return 1 / 13 + u * (1 / 15 + u * (1 / 17 + u * (1 / 19 + u * (1 / 21 + u * (1 / 23)))))
