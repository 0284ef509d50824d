"""Compiled loops of the keypoint average precision: similarity, matching, and the precision curve.

The order of the additions is that of the published tools (numpy sums eight strands of a short array in
parallel), so that a similarity equal to a threshold is equal here too. Source: pycocotools `cocoeval.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]
    Bits = npt.NDArray[np.uint16]

EPSILON: Final = 2.220446049250313e-16
"""Added to areas and counts by the tools, numpy.spacing(1)."""


@kernel
def _sum_like_numpy(terms: Floats, count: int) -> float:
    if count < 8:
        few = 0.0
        for index in range(count):
            few += terms[index]
        return few
    whole = count - count % 8
    for index in range(8, whole):
        terms[index % 8] += terms[index]
    total = ((terms[0] + terms[1]) + (terms[2] + terms[3])) + ((terms[4] + terms[5]) + (terms[6] + terms[7]))
    for index in range(whole, count):
        total += terms[index]
    return float(total)


@kernel
def similarity(
    target: Floats, labelled: Flags, box: Floats, area: float, detection: Floats, variances: Floats
) -> float:
    """Object keypoint similarity of one person and one detection: (J, 2) px each; NaN joints score 0."""
    joints = variances.size
    anywhere = False
    for joint in range(joints):
        anywhere |= labelled[joint]
    left, right = box[0] - box[2], box[0] + box[2] * 2
    top, bottom = box[1] - box[3], box[1] + box[3] * 2
    terms = np.zeros(joints)
    count = 0
    for joint in range(joints):
        x, y = detection[joint, 0], detection[joint, 1]
        if not anywhere:
            # nobody says where the joints are: only the distance to the tripled box counts
            dx = max(0.0, left - x) + max(0.0, x - right)
            dy = max(0.0, top - y) + max(0.0, y - bottom)
        elif labelled[joint]:
            dx = x - target[joint, 0]
            dy = y - target[joint, 1]
        else:
            continue
        if np.isfinite(x) and np.isfinite(y):
            terms[count] = np.exp(-((dx**2 + dy**2) / variances[joint] / (area + EPSILON) / 2))
        count += 1
    return float(_sum_like_numpy(terms, count) / count)


@kernel
def extents(xy: Floats, area: Floats) -> None:
    """Write the area of the box around the joints of every detection; joints that are NaN are left out."""
    for detection in range(xy.shape[0]):
        left, top, right, bottom = np.inf, np.inf, -np.inf, -np.inf
        for joint in range(xy.shape[1]):
            x, y = xy[detection, joint, 0], xy[detection, joint, 1]
            if np.isfinite(x) and np.isfinite(y):
                left, right = min(left, x), max(right, x)
                top, bottom = min(top, y), max(bottom, y)
        area[detection] = (right - left) * (bottom - top) if right >= left else 0.0


@kernel
def match_image(
    similarities: Floats, ignored: Flags, crowd: Flags, threshold: float, met: Ints, taken: Flags
) -> None:
    """Greedy matching of one image at one threshold; `met` (D,) receives truth indices or -1.

    Detections (rows of `similarities`) come best score first. Of equal similarities the later truth wins;
    an ignored truth is looked at only when no counted one was found; a crowd can be met again.
    """
    detections, people = similarities.shape
    taken[:] = False
    for detection in range(detections):
        best = min(threshold, 1 - 1e-10)
        chosen = -1
        for part in range(2):
            if part == 1 and chosen >= 0:
                break
            for person in range(people):
                if ignored[person] != (part == 1) or (taken[person] and not crowd[person]):
                    continue
                if similarities[detection, person] >= best:
                    best = similarities[detection, person]
                    chosen = person
        met[detection] = chosen
        if chosen >= 0:
            taken[chosen] = True


@kernel
def match_images(
    person_start: Ints,
    xy: Floats,
    labelled: Flags,
    box: Floats,
    area: Floats,
    ignored: Flags,
    crowd: Flags,
    void: Flags,
    detection_start: Ints,
    detected: Floats,
    detected_area: Floats,
    order: Ints,
    variances: Floats,
    thresholds: Floats,
    ranges: Floats,
    counted: Ints,
    matched_bits: Bits,
    ignored_bits: Bits,
) -> None:
    """Match all images in all area ranges; one bit per threshold, counted truths per image and range.

    Args:
        person_start: (N + 1,) offsets of the truths of an image, in file order; the next seven are theirs.
        xy: (P, J, 2) px.
        labelled: (P, J).
        box: (P, 4) xywh px.
        area: (P,) px^2.
        ignored: (P,), whatever the area.
        crowd: (P,).
        void: (P,) meeting this person counts as meeting nobody (the tools' handling of id 0).
        detection_start: (N + 1,) offsets of the kept detections of an image, best first.
        detected: (all, J, 2) px.
        detected_area: (all,) px^2.
        order: (D,) which of all detections are kept.
        variances: (J,) squared doubled sigmas.
        thresholds: (T,), T <= 16.
        ranges: (A, 2) closed area ranges, px^2.
        counted: (N, A), written.
        matched_bits: (A, D), written.
        ignored_bits: (A, D), written.
    """
    for image in range(person_start.size - 1):
        first, last = person_start[image], person_start[image + 1]
        begin, end = detection_start[image], detection_start[image + 1]
        similarities = np.zeros((end - begin, last - first))
        for row in range(begin, end):
            for person in range(first, last):
                similarities[row - begin, person - first] = similarity(
                    xy[person], labelled[person], box[person], area[person], detected[order[row]], variances
                )
        met = np.full(end - begin, -1, np.int64)
        taken = np.zeros(last - first, np.bool_)
        for number in range(ranges.shape[0]):
            low, high = ranges[number, 0], ranges[number, 1]
            out = ignored[first:last] | (area[first:last] < low) | (area[first:last] > high)
            counted[image, number] = out.size - np.sum(out)
            for level in range(thresholds.size):
                match_image(similarities, out, crowd[first:last], thresholds[level], met, taken)
                for row in range(begin, end):
                    person = met[row - begin]
                    size = detected_area[order[row]]
                    bit = np.uint16(1 << level)
                    if person >= 0 and not void[first + person]:
                        matched_bits[number, row] |= bit
                    elif size < low or size > high:
                        ignored_bits[number, row] |= bit
                    if person >= 0 and out[person]:
                        ignored_bits[number, row] |= bit


@kernel
def precision_curves(
    matched_bits: Bits,
    ignored_bits: Bits,
    weights: Floats,
    people: float,
    recall_points: Floats,
    precision: Floats,
    recall: Floats,
) -> None:
    """Precision at the recall points (T, R) and final recall (T,) of detections (D,), best score first.

    Recall grows at right detections only, and between two of them precision falls: no other point of the
    curve can be sampled. A weight of w stands for w copies of the image: copies of a detection lie next to
    each other, and the envelope from the right reads only the last of them.
    """
    reached = np.zeros(weights.size)
    sharpness = np.zeros(weights.size)
    for level in range(recall.size):
        bit = np.uint16(1 << level)
        right = 0.0
        wrong = 0.0
        rows = 0
        for row in range(weights.size):
            if ignored_bits[row] & bit:
                continue
            if matched_bits[row] & bit:
                right += weights[row]
                reached[rows] = right / people
                sharpness[rows] = right / (wrong + right + EPSILON)
                rows += 1
            else:
                wrong += weights[row]
        for row in range(rows - 1, 0, -1):
            sharpness[row - 1] = max(sharpness[row - 1], sharpness[row])
        row = 0
        for point in range(recall_points.size):
            while row < rows and reached[row] < recall_points[point]:
                row += 1
            precision[level, point] = sharpness[row] if row < rows else 0.0
        recall[level] = right / people
