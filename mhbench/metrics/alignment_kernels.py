"""Procrustes alignment of many poses at once: a block of poses side by side, one in each SIMD lane.

A block of LANES poses is transposed so that the same coordinate of all its poses lies together; every step is
then one branch-free loop over lanes, which LLVM turns into vector instructions without changing a single
rounding. A pose therefore gets the same bits in whichever lane, block or batch it stands.

The 3x3 problem K = X^T Y = U S V^T is solved by one-sided Jacobi rotations, K V = U S: the most accurate way,
and it needs no special care for planar, collinear or mirrored poses. The best proper rotation is then
v1 u1^T + v2 u2^T + (v1 x v2)(u1 x u2)^T, which puts a reflection into the smallest singular value by itself.

All steps stand in this one file, longer than others, since a kernel calls kernels of its own file only (see
`mhbench.kernels`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

LANES: Final = 16
# Where the rows of a block's state start; each holds one number per lane, 3x3 matrices are nine rows.
COUNT: Final = 0
CENTRE_P: Final = COUNT + LANES
CENTRE_G: Final = CENTRE_P + 3 * LANES
SQUARES_P: Final = CENTRE_G + 3 * LANES
SQUARES_G: Final = SQUARES_P + LANES
SIZE: Final = SQUARES_G + LANES
LONGER: Final = SIZE + LANES
K: Final = LONGER + LANES
B: Final = K + 9 * LANES
V: Final = B + 9 * LANES
R: Final = V + 9 * LANES
SCALE: Final = R + 9 * LANES
TOTAL: Final = SCALE + LANES
STATE: Final = TOTAL + LANES

MOST_SWEEPS: Final = 12
# Two columns count as orthogonal when the squared cosine between them is below this: a few roundings.
ORTHOGONAL: Final = 4e-30
# A pose whose spread is below the rounding of its own position is a single point.
POINT: Final = 1e-28


@kernel
def align(
    predicted: Floats,
    target: Floats,
    valid: Flags,
    with_scale: bool,  # noqa: FBT001 - compiled
    rotation: Floats,
    scale: Floats,
    translation: Floats,
    errors: Floats,
) -> None:
    """Align every predicted pose (N, J, 3) to its target over its valid joints (empty `valid`: all).

    Fills rotation (N, 3, 3), scale (N,), translation (N, 3) and errors (N,), the mean distance afterwards;
    those that come with a length of 0 are left out.
    """
    poses, joints, _ = predicted.shape
    block_p = np.zeros(joints * 3 * LANES)
    block_g = np.zeros(joints * 3 * LANES)
    weights = np.ones(joints * LANES)
    state = np.zeros(STATE)
    for start in range(0, poses, LANES):
        count = min(LANES, poses - start)
        _weigh(joints, valid, start, count, weights, state)
        _load(predicted, valid, start, count, block_p)
        _load(target, valid, start, count, block_g)
        _centre(joints, block_p, weights, CENTRE_P, state)
        _centre(joints, block_g, weights, CENTRE_G, state)
        _correlate(joints, block_p, block_g, state)
        _diagonalise(state)
        _order(0, 1, state)
        _order(0, 2, state)
        _order(1, 2, state)
        _complete(state)
        _compose(state, with_scale)
        if errors.shape[0] > 0:
            _residuals(joints, block_p, block_g, state)
            for lane in range(count):
                errors[start + lane] = state[TOTAL + lane]
        if rotation.shape[0] > 0:
            _store(state, start, count, rotation, scale, translation)


@kernel
def _weigh(joints: int, valid: Flags, start: int, count: int, weights: Floats, state: Floats) -> None:
    """Weight 1 for a valid joint, 0 for a masked one, and their number in each lane."""
    if valid.shape[0] > 0:
        for lane in range(count):
            for joint in range(joints):
                weights[joint * LANES + lane] = 1.0 if valid[start + lane, joint] else 0.0
    state[COUNT : COUNT + LANES] = 0.0
    for joint in range(joints):
        for lane in range(LANES):
            state[COUNT + lane] += weights[joint * LANES + lane]


@kernel
def _load(poses: Floats, valid: Flags, start: int, count: int, block: Floats) -> None:
    """Transpose `count` poses into a block; a masked joint becomes 0, for it may hold NaN."""
    masked = valid.shape[0] > 0
    for lane in range(count):
        for joint in range(poses.shape[1]):
            row = joint * 3 * LANES + lane
            if masked and not valid[start + lane, joint]:
                block[row] = 0.0
                block[row + LANES] = 0.0
                block[row + 2 * LANES] = 0.0
            else:
                block[row] = poses[start + lane, joint, 0]
                block[row + LANES] = poses[start + lane, joint, 1]
                block[row + 2 * LANES] = poses[start + lane, joint, 2]


@kernel
def _centre(joints: int, block: Floats, weights: Floats, centre: int, state: Floats) -> None:
    """Subtract the mean of the valid joints; masked joints stay 0. No valid joint: everything is NaN."""
    state[centre : centre + 3 * LANES] = 0.0
    for joint in range(joints):
        row = joint * 3 * LANES
        for place in range(3 * LANES):
            state[centre + place] += block[row + place]
    for axis in range(3):
        for lane in range(LANES):
            mean = np.divide(state[centre + axis * LANES + lane], state[COUNT + lane])
            state[centre + axis * LANES + lane] = mean
    for joint in range(joints):
        for axis in range(3):
            row = (3 * joint + axis) * LANES
            for lane in range(LANES):
                offset = block[row + lane] - state[centre + axis * LANES + lane]
                block[row + lane] = offset * weights[joint * LANES + lane]


@kernel
def _correlate(joints: int, block_p: Floats, block_g: Floats, state: Floats) -> None:
    """K = X^T Y and the squared norms of X and Y."""
    state[SQUARES_P : SQUARES_P + 2 * LANES] = 0.0
    state[K : K + 9 * LANES] = 0.0
    for joint in range(joints):
        row = joint * 3 * LANES
        for lane in range(LANES):
            x0 = block_p[row + lane]
            x1 = block_p[row + LANES + lane]
            x2 = block_p[row + 2 * LANES + lane]
            y0 = block_g[row + lane]
            y1 = block_g[row + LANES + lane]
            y2 = block_g[row + 2 * LANES + lane]
            state[SQUARES_P + lane] += x0 * x0 + x1 * x1 + x2 * x2
            state[SQUARES_G + lane] += y0 * y0 + y1 * y1 + y2 * y2
            state[K + lane] += x0 * y0
            state[K + LANES + lane] += x0 * y1
            state[K + 2 * LANES + lane] += x0 * y2
            state[K + 3 * LANES + lane] += x1 * y0
            state[K + 4 * LANES + lane] += x1 * y1
            state[K + 5 * LANES + lane] += x1 * y2
            state[K + 6 * LANES + lane] += x2 * y0
            state[K + 7 * LANES + lane] += x2 * y1
            state[K + 8 * LANES + lane] += x2 * y2


@kernel
def _diagonalise(state: Floats) -> None:
    """Turn the columns of B = K V, K scaled to about 1, until they are orthogonal; V starts as the identity.

    A pair of columns that is orthogonal already is left as it is, so the sweeps that a slower lane still
    needs do not touch a finished one.
    """
    for lane in range(LANES):
        size = 0.0
        for entry in range(9):
            size += abs(state[K + entry * LANES + lane])
        state[SIZE + lane] = size
    _mark_points(CENTRE_P, SQUARES_P, state)
    _mark_points(CENTRE_G, SQUARES_G, state)
    for lane in range(LANES):
        size = state[SIZE + lane]
        # where K is not finite, size - size is NaN and so is everything that follows
        unit = np.divide(1.0, size) + (size - size)
        for entry in range(9):
            state[B + entry * LANES + lane] = state[K + entry * LANES + lane] * unit
            state[V + entry * LANES + lane] = 1.0 if entry % 4 == 0 else 0.0
    for _ in range(MOST_SWEEPS):
        if _turn(0, 1, state) + _turn(0, 2, state) + _turn(1, 2, state) == 0:
            break


@kernel
def _mark_points(centre: int, squares: int, state: Floats) -> None:
    """A pose that is a single point leaves nothing to turn or scale: the size of K becomes exactly 0."""
    for lane in range(LANES):
        x = state[centre + lane]
        y = state[centre + LANES + lane]
        z = state[centre + 2 * LANES + lane]
        least = POINT * state[COUNT + lane] * (x * x + y * y + z * z)
        size = state[SIZE + lane]
        state[SIZE + lane] = 0.0 if state[squares + lane] <= least else size


@kernel
def _turn(first: int, second: int, state: Floats) -> int:
    """One Jacobi rotation of two columns of B and V in every lane; returns how many lanes needed it.

    Written out in one loop, for the rows stay in registers: a loop per row takes twice the time.
    """
    turned = 0
    a = B + first * LANES
    b = B + second * LANES
    v = V + first * LANES
    w = V + second * LANES
    for lane in range(LANES):
        a0, a1, a2 = state[a + lane], state[a + 3 * LANES + lane], state[a + 6 * LANES + lane]
        b0, b1, b2 = state[b + lane], state[b + 3 * LANES + lane], state[b + 6 * LANES + lane]
        v0, v1, v2 = state[v + lane], state[v + 3 * LANES + lane], state[v + 6 * LANES + lane]
        w0, w1, w2 = state[w + lane], state[w + 3 * LANES + lane], state[w + 6 * LANES + lane]
        square_a = a0 * a0 + a1 * a1 + a2 * a2
        square_b = b0 * b0 + b1 * b1 + b2 * b2
        product = a0 * b0 + a1 * b1 + a2 * b2
        needed = product * product > ORTHOGONAL * (square_a * square_b)
        difference = square_b - square_a
        double = 2.0 * product if difference >= 0.0 else -2.0 * product
        tangent = np.divide(double, abs(difference) + math.sqrt(difference * difference + double * double))
        tangent = tangent if needed else 0.0
        cosine = np.divide(1.0, math.sqrt(1.0 + tangent * tangent))
        sine = cosine * tangent
        state[a + lane] = cosine * a0 - sine * b0
        state[a + 3 * LANES + lane] = cosine * a1 - sine * b1
        state[a + 6 * LANES + lane] = cosine * a2 - sine * b2
        state[b + lane] = sine * a0 + cosine * b0
        state[b + 3 * LANES + lane] = sine * a1 + cosine * b1
        state[b + 6 * LANES + lane] = sine * a2 + cosine * b2
        state[v + lane] = cosine * v0 - sine * w0
        state[v + 3 * LANES + lane] = cosine * v1 - sine * w1
        state[v + 6 * LANES + lane] = cosine * v2 - sine * w2
        state[w + lane] = sine * v0 + cosine * w0
        state[w + 3 * LANES + lane] = sine * v1 + cosine * w1
        state[w + 6 * LANES + lane] = sine * v2 + cosine * w2
        turned += 1 if needed else 0
    return turned


@kernel
def _order(first: int, second: int, state: Floats) -> None:
    """Swap two columns of B and V in the lanes where the second of B is longer."""
    a = B + first * LANES
    b = B + second * LANES
    for lane in range(LANES):
        a0, a1, a2 = state[a + lane], state[a + 3 * LANES + lane], state[a + 6 * LANES + lane]
        b0, b1, b2 = state[b + lane], state[b + 3 * LANES + lane], state[b + 6 * LANES + lane]
        state[LONGER + lane] = (b0 * b0 + b1 * b1 + b2 * b2) - (a0 * a0 + a1 * a1 + a2 * a2)
    for matrix in (B, V):
        for row in range(3):
            a = matrix + (3 * row + first) * LANES
            b = matrix + (3 * row + second) * LANES
            for lane in range(LANES):
                left, right = state[a + lane], state[b + lane]
                swap = state[LONGER + lane] > 0.0
                state[a + lane] = right if swap else left
                state[b + lane] = left if swap else right


@kernel
def _complete(state: Floats) -> None:
    """Make B and V orthonormal and right-handed from their two longest columns, now the first two."""
    for lane in range(LANES):
        u0, u1, u2 = state[B + lane], state[B + 3 * LANES + lane], state[B + 6 * LANES + lane]
        b0, b1, b2 = state[B + LANES + lane], state[B + 4 * LANES + lane], state[B + 7 * LANES + lane]
        inverse = np.divide(1.0, math.sqrt(u0 * u0 + u1 * u1 + u2 * u2))
        u0, u1, u2 = u0 * inverse, u1 * inverse, u2 * inverse
        inverse = np.divide(1.0, math.sqrt(b0 * b0 + b1 * b1 + b2 * b2))
        b0, b1, b2 = b0 * inverse, b1 * inverse, b2 * inverse
        # A collinear pose leaves the second column 0 or mere rounding: any direction across u will do.
        along = b0 * u0 + b1 * u1 + b2 * u2
        b0, b1, b2 = b0 - along * u0, b1 - along * u1, b2 - along * u2
        sound = b0 * b0 + b1 * b1 + b2 * b2 > 0.5
        e0 = 1.0 if abs(u0) < 0.6 else 0.0
        along = e0 * u0 + (1.0 - e0) * u1
        b0 = b0 if sound else e0 - along * u0
        b1 = b1 if sound else 1.0 - e0 - along * u1
        b2 = b2 if sound else -along * u2
        inverse = np.divide(1.0, math.sqrt(b0 * b0 + b1 * b1 + b2 * b2))
        b0, b1, b2 = b0 * inverse, b1 * inverse, b2 * inverse
        state[B + lane], state[B + 3 * LANES + lane], state[B + 6 * LANES + lane] = u0, u1, u2
        state[B + LANES + lane], state[B + 4 * LANES + lane], state[B + 7 * LANES + lane] = b0, b1, b2
        state[B + 2 * LANES + lane] = u1 * b2 - u2 * b1
        state[B + 5 * LANES + lane] = u2 * b0 - u0 * b2
        state[B + 8 * LANES + lane] = u0 * b1 - u1 * b0
        v0, v1, v2 = state[V + lane], state[V + 3 * LANES + lane], state[V + 6 * LANES + lane]
        w0, w1, w2 = state[V + LANES + lane], state[V + 4 * LANES + lane], state[V + 7 * LANES + lane]
        state[V + 2 * LANES + lane] = v1 * w2 - v2 * w1
        state[V + 5 * LANES + lane] = v2 * w0 - v0 * w2
        state[V + 8 * LANES + lane] = v0 * w1 - v1 * w0


@kernel
def _compose(state: Floats, with_scale: bool) -> None:  # noqa: FBT001 - compiled
    """R = V B^T and s = trace(R K) / |X|^2; where there is nothing to turn, R = I and s = 0."""
    for lane in range(LANES):
        state[SCALE + lane] = 0.0
    for row in range(3):
        for column in range(3):
            v = V + 3 * row * LANES
            b = B + 3 * column * LANES
            r = R + (3 * row + column) * LANES
            k = K + (3 * column + row) * LANES
            identity = 1.0 if row == column else 0.0
            for lane in range(LANES):
                entry = (
                    state[v + lane] * state[b + lane]
                    + state[v + LANES + lane] * state[b + LANES + lane]
                    + state[v + 2 * LANES + lane] * state[b + 2 * LANES + lane]
                )
                entry = identity if state[SIZE + lane] == 0.0 else entry
                state[r + lane] = entry
                state[SCALE + lane] += entry * state[k + lane]
    for lane in range(LANES):
        size = state[SIZE + lane]
        scale = np.divide(state[SCALE + lane], state[SQUARES_P + lane])
        scale = 0.0 if size == 0.0 else scale
        state[SCALE + lane] = scale if with_scale else 1.0 + (size - size)


@kernel
def _residuals(joints: int, block_p: Floats, block_g: Floats, state: Floats) -> None:
    """Mean over valid joints of |s R x - y|."""
    for entry in range(9):
        for lane in range(LANES):
            state[B + entry * LANES + lane] = state[SCALE + lane] * state[R + entry * LANES + lane]
    for lane in range(LANES):
        state[TOTAL + lane] = 0.0
    for joint in range(joints):
        row = joint * 3 * LANES
        for lane in range(LANES):
            x0 = block_p[row + lane]
            x1 = block_p[row + LANES + lane]
            x2 = block_p[row + 2 * LANES + lane]
            d0 = state[B + lane] * x0 + state[B + LANES + lane] * x1 + state[B + 2 * LANES + lane] * x2
            d1 = (
                state[B + 3 * LANES + lane] * x0
                + state[B + 4 * LANES + lane] * x1
                + state[B + 5 * LANES + lane] * x2
            )
            d2 = (
                state[B + 6 * LANES + lane] * x0
                + state[B + 7 * LANES + lane] * x1
                + state[B + 8 * LANES + lane] * x2
            )
            d0 -= block_g[row + lane]
            d1 -= block_g[row + LANES + lane]
            d2 -= block_g[row + 2 * LANES + lane]
            # a masked joint is 0 on both sides and adds nothing
            state[TOTAL + lane] += math.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
    for lane in range(LANES):
        state[TOTAL + lane] = np.divide(state[TOTAL + lane], state[COUNT + lane])


@kernel
def _store(
    state: Floats, start: int, count: int, rotation: Floats, scale: Floats, translation: Floats
) -> None:
    for lane in range(count):
        scale[start + lane] = state[SCALE + lane]
        for row in range(3):
            moved = 0.0
            for column in range(3):
                entry = state[R + (3 * row + column) * LANES + lane]
                rotation[start + lane, row, column] = entry
                moved += entry * state[CENTRE_P + column * LANES + lane]
            translation[start + lane, row] = (
                state[CENTRE_G + row * LANES + lane] - state[SCALE + lane] * moved
            )
