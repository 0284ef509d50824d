"""Compiled loops of the matching rules: flat arrays of many frames in, one index per true person out.

Frames are given by offsets. The distances of frame f are a P x Q block (true people by predictions), stored
row by row; the blocks follow one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


@kernel
def assign(distances: Floats, limit: float, row_of: Ints, column_of: Ints) -> None:
    """Largest, then cheapest, one-to-one assignment of one (P, Q) block; fills both index arrays.

    Successive shortest paths: k augmentations give the cheapest assignment of k pairs, so the last one that
    is possible has the largest number of pairs. Inadmissible pairs are no edges at all, so no large constant
    stands for them and no digits are lost. Dual values stay exact bounds because free rows keep theirs at 0.
    """
    rows, columns = distances.shape
    if _nearest_is_best(distances, limit, row_of, column_of):
        return
    row_of[:] = -1
    column_of[:] = -1
    row_dual = np.zeros(rows)
    column_dual = np.zeros(columns)
    shortest = np.zeros(columns)
    parent = np.zeros(columns, np.int64)
    done = np.zeros(columns, np.bool_)
    reached = np.zeros(rows)
    while True:
        shortest[:] = np.inf
        done[:] = False
        reached[:] = np.inf
        for row in range(rows):
            if column_of[row] < 0:
                reached[row] = 0.0
                _relax(distances, limit, row, 0.0, row_dual, column_dual, shortest, parent, done)
        last = -1
        while last < 0:
            nearest = _nearest(shortest, done)
            if nearest < 0:
                return
            done[nearest] = True
            row = row_of[nearest]
            if row < 0:
                last = nearest
            else:
                reached[row] = shortest[nearest]
                _relax(distances, limit, row, reached[row], row_dual, column_dual, shortest, parent, done)
        length = shortest[last]
        for row in range(rows):
            row_dual[row] += min(reached[row], length)
        for column in range(columns):
            column_dual[column] += min(shortest[column], length)
        _augment(last, parent, row_of, column_of)


@kernel
def _nearest_is_best(distances: Floats, limit: float, row_of: Ints, column_of: Ints) -> bool:
    """Give every row its nearest column; true if no two rows want the same: nothing can be better."""
    row_of[:] = -1
    column_of[:] = -1
    for row in range(distances.shape[0]):
        least = np.inf
        for column in range(distances.shape[1]):
            if distances[row, column] <= limit and distances[row, column] < least:
                least = distances[row, column]
                column_of[row] = column
        if column_of[row] >= 0:
            if row_of[column_of[row]] >= 0:
                return False
            row_of[column_of[row]] = row
    return True


@kernel
def _nearest(shortest: Floats, done: npt.NDArray[np.bool_]) -> int:
    nearest = -1
    length = np.inf
    for column in range(shortest.size):
        if not done[column] and shortest[column] < length:
            nearest = column
            length = shortest[column]
    return nearest


@kernel
def _relax(
    distances: Floats,
    limit: float,
    row: int,
    reached: float,
    row_dual: Floats,
    column_dual: Floats,
    shortest: Floats,
    parent: Ints,
    done: npt.NDArray[np.bool_],
) -> None:
    for column in range(distances.shape[1]):
        distance = distances[row, column]
        # a comparison with NaN is false, so NaN is inadmissible as well
        if not done[column] and distance <= limit and distance < np.inf:
            candidate = reached + max(distance + row_dual[row] - column_dual[column], 0.0)
            if candidate < shortest[column]:
                shortest[column] = candidate
                parent[column] = row


@kernel
def _augment(last: int, parent: Ints, row_of: Ints, column_of: Ints) -> None:
    column = last
    while column >= 0:
        row = parent[column]
        previous = column_of[row]
        column_of[row] = column
        row_of[column] = row
        column = previous


@kernel
def assign_frames(
    distances: Floats, target_start: Ints, predicted_start: Ints, limit: float, matches: Ints
) -> None:
    """`assign` for every frame; `matches` (sum P,) receives indices inside the frame, or -1."""
    begin = 0
    for frame in range(target_start.size - 1):
        rows = target_start[frame + 1] - target_start[frame]
        columns = predicted_start[frame + 1] - predicted_start[frame]
        block = distances[begin : begin + rows * columns].reshape(rows, columns)
        begin += rows * columns
        row_of = np.zeros(columns, np.int64)
        assign(block, limit, row_of, matches[target_start[frame] : target_start[frame + 1]])


@kernel
def greedy(distances: Floats, limit: float, inclusive: bool, matches: Ints) -> None:  # noqa: FBT001 - compiled
    """Least distance first, each side once; equal distances: lower row, then lower column first."""
    rows, columns = distances.shape
    matches[:] = -1
    taken = np.zeros(columns, np.bool_)
    for _ in range(min(rows, columns)):
        best = np.inf
        best_row = -1
        best_column = -1
        for row in range(rows):
            if matches[row] >= 0:
                continue
            for column in range(columns):
                distance = distances[row, column]
                admissible = distance < limit or (inclusive and distance == limit)
                if not taken[column] and admissible and distance < best:
                    best, best_row, best_column = distance, row, column
        if best_row < 0:
            return
        matches[best_row] = best_column
        taken[best_column] = True


@kernel
def most_hits_frames(
    target: Floats, predicted: Floats, target_start: Ints, predicted_start: Ints, limit: float, matches: Ints
) -> None:
    """In file order each true person takes the free prediction with most joints inside a square.

    Args:
        target: (sum P, J, 2) px.
        predicted: (sum Q, J, 2) px; a joint at exactly (0, 0) was not found.
        target_start: (F + 1,).
        predicted_start: (F + 1,).
        limit: both |dx| and |dy| must be below it.
        matches: (sum P,), written.
    """
    for frame in range(target_start.size - 1):
        begin, end = predicted_start[frame], predicted_start[frame + 1]
        taken = np.zeros(end - begin, np.bool_)
        for person in range(target_start[frame], target_start[frame + 1]):
            matches[person] = -1
            most = 0
            for row in range(begin, end):
                hits = 0
                for joint in range(target.shape[1]):
                    x, y = predicted[row, joint, 0], predicted[row, joint, 1]
                    near = (
                        abs(target[person, joint, 0] - x) < limit
                        and abs(target[person, joint, 1] - y) < limit
                    )
                    if near and not (x == 0 and y == 0):
                        hits += 1
                if hits > most and not taken[row - begin]:
                    most = hits
                    matches[person] = row - begin
            if matches[person] >= 0:
                taken[matches[person]] = True


@kernel
def greedy_boxes(
    target: Floats, predicted: Floats, read: npt.NDArray[np.bool_], least_overlap: float, matches: Ints
) -> None:
    """Least image distance first, but only boxes that overlap; see `mhbench.matching.greedy_2d`.

    Args:
        target: (P, J, 2) px.
        predicted: (Q, J, 2) px.
        read: (P, J) joints the distance reads.
        least_overlap: of the boxes, intersection over union.
        matches: (P,), written.
    """
    people, predictions = target.shape[0], predicted.shape[0]
    matches[:] = -1
    # predictions vary slowest, as in the tools: that decides ties
    distances = np.zeros(predictions * people)
    for row in range(predictions):
        for person in range(people):
            distances[row * people + person] = _spectral_distance(
                target[person], predicted[row], read[person]
            )
    taken = np.zeros(predictions, np.bool_)
    used = 0
    for pair in np.argsort(distances, kind="mergesort"):
        row, person = pair // people, pair % people
        if used == predictions or distances[pair] == np.inf:
            return
        if taken[row] or matches[person] >= 0:
            continue
        used += 1
        if _box_overlap(target[person], predicted[row]) >= least_overlap:
            matches[person] = row
            taken[row] = True


@kernel
def _spectral_distance(target: Floats, predicted: Floats, read: npt.NDArray[np.bool_]) -> float:
    # the largest singular value of an n x 2 matrix: root of the larger eigenvalue of its Gram matrix
    xx, yy, xy = 0.0, 0.0, 0.0
    compared = 0
    for joint in range(read.size):
        x = predicted[joint, 0] - target[joint, 0]
        y = predicted[joint, 1] - target[joint, 1]
        if read[joint] and np.isfinite(x) and np.isfinite(y):
            xx += x * x
            yy += y * y
            xy += x * y
            compared += 1
    if compared == 0:
        return np.inf
    return float(np.sqrt((xx + yy + np.hypot(xx - yy, 2 * xy)) / 2))


@kernel
def _box_overlap(first: Floats, second: Floats) -> float:
    shared, first_area, second_area = 1.0, 1.0, 1.0
    for axis in range(2):
        # pixels are counted, so a box of one pixel has the size 1
        first_low, first_high = np.nanmin(first[:, axis]), np.nanmax(first[:, axis])
        second_low, second_high = np.nanmin(second[:, axis]), np.nanmax(second[:, axis])
        shared *= max(min(first_high, second_high) - max(first_low, second_low) + 1, 0.0)
        first_area *= first_high - first_low + 1
        second_area *= second_high - second_low + 1
    return float(shared / (first_area + second_area - shared))
