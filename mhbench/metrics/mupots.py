"""MuPoTS-3D: share of joints within 150 mm and the area under that curve, as the benchmark's tool counts.

Source: `mpii_mupots_multiperson_eval` as distributed with PoseNet (revision dd025c57). The tool gives every
predicted bone the true bone's length before it measures, in absolute space too: scale errors do not show.
Extra predictions cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import ShapeError, UsageError
from mhbench.kernels import kernel
from mhbench.matching import mupots_2d_frames

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

PELVIS: Final = 14
SCORED_JOINTS: Final = 14
THRESHOLD_MM: Final = 150.0
CURVE_MM: Final = np.arange(0.0, 151.0, 5.0)
UNMATCHED_MM: Final = 100000.0
PARENTS: Final = np.array([1, 15, 1, 2, 3, 1, 5, 6, 14, 8, 9, 14, 11, 12, 14, 14, 1])
"""Of the 17 joints: head top, neck, right and left arm, right and left leg, pelvis, spine, head."""
CHAIN: Final = np.array([15, 1, 0, 16, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
"""Order in which the bones get their length: a parent stands before its children."""
GROUPS: Final = {
    "head": (0,),
    "neck": (1,),
    "shoulder": (2, 5),
    "elbow": (3, 6),
    "wrist": (4, 7),
    "hip": (8, 11),
    "knee": (9, 12),
    "ankle": (10, 13),
}


@dataclass(frozen=True)
class MupotsPart:
    """Score of the visible or of the occluded joints; here an error of exactly 150 mm is right.

    Attributes:
        pck: percent of the joints, NaN without any.
        pck_per_joint: (14,) percent; 100 for a joint that nobody has, as the tool prints it.
        counts: (14,) joints.
    """

    pck: float
    pck_per_joint: Floats
    counts: Ints


@dataclass(frozen=True)
class MupotsScore:
    """Score of one sequence; percent, NaN where no person counts.

    Attributes:
        pck: percent of the 14 scored joints with an error below 150 mm.
        auc: mean of that percentage over the thresholds 0, 5, ..., 150 mm.
        errors: (persons, 17) mm after the bones got their true length; NaN beyond a bone of length 0.
        match: (valid persons,) prediction index inside the frame or -1.
        pck_per_group: percent by group of joints.
        auc_per_group: the same for the area.
        visible: score of the visible joints, if the occlusion was given.
        occluded: score of the occluded joints.
    """

    pck: float
    auc: float
    errors: Floats
    match: Ints
    pck_per_group: dict[str, float]
    auc_per_group: dict[str, float]
    visible: MupotsPart | None = None
    occluded: MupotsPart | None = None


def mupots_pck(
    annot2: npt.ArrayLike,
    univ_annot3: npt.ArrayLike,
    valid: npt.ArrayLike,
    predicted_count: npt.ArrayLike,
    predicted2d: npt.ArrayLike,
    predicted3d: npt.ArrayLike,
    *,
    mode: Literal["all", "matched"] = "all",
    space: Literal["relative", "absolute"] = "relative",
    occlusion: npt.ArrayLike | None = None,
) -> MupotsScore:
    """Score one sequence. The published figure is the plain mean over the 20 sequences.

    Args:
        annot2: (F, P, 17, 2) px, people are matched by it.
        univ_annot3: (F, P, 17, 3) mm, universal skeleton.
        valid: (F, P), which people take part.
        predicted_count: (F,) predictions per frame.
        predicted2d: (sum, 17, 2) px, frame after frame; exactly (0, 0) or NaN is "not found".
        predicted3d: (sum, 17, 3) mm, camera frame; pelvis and spine are needed, the bone chains start there.
        mode: `all` counts every joint of an unmatched person as wrong, `matched` leaves such people out.
        space: `relative` to the pelvis, or `absolute` in the camera frame.
        occlusion: (F, P, 17), nonzero = occluded, for the scores by visibility.

    Raises:
        ShapeError: shapes or counts do not fit.
        UsageError: unknown mode or space.
    """
    _check_options(mode, space)
    chosen = np.asarray(valid) != 0
    sizes = check_shape("valid", chosen, "F P")
    target2d, target3d = np.asarray(annot2, dtype=np.float64), np.asarray(univ_annot3, dtype=np.float64)
    check_shape("annot2", target2d, "F P 17 2", sizes)
    check_shape("univ_annot3", target3d, "F P 17 3", sizes)
    counts = np.asarray(predicted_count, dtype=np.int64)
    check_shape("predicted_count", counts, "F", sizes)
    predicted, pixels = (
        _people(*given) for given in (("predicted3d", predicted3d, 3), ("predicted2d", predicted2d, 2))
    )
    if len(predicted) != counts.sum():
        raise ShapeError(
            f"predicted3d has {len(predicted)} people",
            expected=f"{counts.sum()}, the sum of predicted_count",
            action="store the predictions of all frames one after the other",
        )
    predicted_start = np.append(0, np.cumsum(counts))
    target_start = np.append(0, np.cumsum(chosen.sum(axis=1)))
    match = mupots_2d_frames(target2d[chosen], pixels, target_start, predicted_start)
    rows = np.where(match >= 0, match + np.repeat(predicted_start[:-1], np.diff(target_start)), -1)
    kept = np.flatnonzero(rows >= 0) if mode == "matched" else np.arange(rows.size)
    errors = np.zeros((kept.size, 17))
    truth = np.ascontiguousarray(target3d[chosen][kept])
    _joint_errors(truth, predicted, rows[kept], space == "relative", PARENTS, CHAIN, errors)
    hidden = None
    if occlusion is not None:
        labels = np.asarray(occlusion) != 0
        check_shape("occlusion", labels, "F P 17", sizes)
        hidden = labels[chosen][kept]
    return _score(errors, match, hidden)


def rescaled_errors(target: npt.ArrayLike, predicted: npt.ArrayLike, *, relative: bool) -> Floats:
    """Errors of matched people after every predicted bone got the true bone's length.

    Args:
        target: (N, 17, 3) mm.
        predicted: (N, 17, 3) mm, camera frame.
        relative: both are centred on their pelvis; else the predicted pelvis stays where it is.

    Returns:
        (N, 17) mm; NaN beyond a bone of length 0 or a joint that is NaN.

    Raises:
        ShapeError: the shapes do not fit.
    """
    truth = np.ascontiguousarray(target, dtype=np.float64)
    found = np.ascontiguousarray(predicted, dtype=np.float64)
    check_shape("predicted", found, "N 17 3", check_shape("target", truth, "N 17 3"))
    errors = np.zeros(truth.shape[:2])
    _joint_errors(truth, found, np.arange(len(truth)), relative, PARENTS, CHAIN, errors)
    return errors


@kernel
def _joint_errors(
    target: Floats,
    predicted: Floats,
    rows: Ints,
    relative: bool,  # noqa: FBT001 - compiled, called in one place
    parents: Ints,
    chain: Ints,
    errors: Floats,
) -> None:
    mapped = np.zeros((17, 3))
    for person in range(target.shape[0]):
        row = rows[person]
        if row < 0:
            mapped[:] = UNMATCHED_MM
        else:
            for axis in range(3):
                mapped[PELVIS, axis] = 0.0 if relative else predicted[row, PELVIS, axis]
            for joint in chain:
                parent = parents[joint]
                true_length = _bone_length(target[person], joint, parent)
                length = _bone_length(predicted[row], joint, parent)
                for axis in range(3):
                    bone = predicted[row, joint, axis] - predicted[row, parent, axis]
                    # a bone of length 0 has no direction
                    step = bone * true_length / length if length > 0 else np.nan
                    mapped[joint, axis] = mapped[parent, axis] + step
        for joint in range(17):
            total = 0.0
            for axis in range(3):
                origin = target[person, PELVIS, axis] if relative else 0.0
                total += (mapped[joint, axis] - (target[person, joint, axis] - origin)) ** 2
            errors[person, joint] = np.sqrt(total)


@kernel
def _bone_length(pose: Floats, joint: int, parent: int) -> float:
    return float(
        np.sqrt(
            (pose[joint, 0] - pose[parent, 0]) ** 2
            + (pose[joint, 1] - pose[parent, 1]) ** 2
            + (pose[joint, 2] - pose[parent, 2]) ** 2
        )
    )


def _score(errors: Floats, match: Ints, hidden: npt.NDArray[np.bool_] | None) -> MupotsScore:
    scored = errors[:, :SCORED_JOINTS]
    # (31, 14): NaN is below nothing, so it is wrong
    curve = np.array([_percent(scored < threshold) for threshold in CURVE_MM])
    share = _percent(scored < THRESHOLD_MM)
    area = curve.mean(axis=0)
    return MupotsScore(
        pck=float(share.mean()),
        auc=float(area.mean()),
        errors=errors,
        match=match,
        pck_per_group={name: float(share[list(joints)].mean()) for name, joints in GROUPS.items()},
        auc_per_group={name: float(area[list(joints)].mean()) for name, joints in GROUPS.items()},
        visible=None if hidden is None else _part(scored, ~hidden[:, :SCORED_JOINTS]),
        occluded=None if hidden is None else _part(scored, hidden[:, :SCORED_JOINTS]),
    )


def _percent(right: npt.NDArray[np.bool_]) -> Floats:
    if not len(right):
        return np.full(right.shape[1], np.nan)
    percent: Floats = 100.0 * right.mean(axis=0)
    return percent


def _part(scored: Floats, chosen: npt.NDArray[np.bool_]) -> MupotsPart:
    wrong = ~(scored <= THRESHOLD_MM) & chosen
    counts = chosen.sum(axis=0)
    share = 1.0 - wrong.sum(axis=0) / np.maximum(counts, 1)
    total = 1.0 - wrong.sum() / counts.sum() if counts.any() else np.nan
    return MupotsPart(pck=float(100.0 * total), pck_per_joint=100.0 * share, counts=counts)


def _people(name: str, values: npt.ArrayLike, size: int) -> Floats:
    """(N, 17, size) of all frames; an empty list of any shape is nobody."""
    people = np.ascontiguousarray(values, dtype=np.float64)
    if not people.size:
        people = people.reshape(0, 17, size)
    check_shape(name, people, f"N 17 {size}")
    return people


def _check_options(mode: str, space: str) -> None:
    for name, value, allowed in (
        ("mode", mode, ("all", "matched")),
        ("space", space, ("relative", "absolute")),
    ):
        if value not in allowed:
            raise UsageError(
                f"{name} is {value!r}", expected=" or ".join(allowed), action="see the four published figures"
            )
