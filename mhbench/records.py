"""The record table: the product of scoring, from which every number, interval, breakdown and picture derives.

One row per ground-truth person (matched or missed) and per prediction that met nobody:

    truth >= 0, prediction >= 0   a matched pair, with errors per joint
    truth >= 0, prediction == -1  a missed person
    truth == -1, prediction >= 0  a false positive

Rows are sorted by frame; within a frame people come in the shard's order, then false positives in file order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Scored frames and people as columns: F frames, N rows, J scored joints.

    Attributes:
        joints: names of the scored joints, in order.
        frames: frame columns (id, sequence, camera, index, ...) and `given`: a prediction names the frame.
        frame: (N,) row of the frame.
        truth: (N,) row of the person inside its frame in the shard, -1 for a false positive.
        prediction: (N,) row of the predicted person inside its frame in the file, -1 for a miss.
        track: (N,) track of the ground-truth person, -1 for a false positive.
        score: (N,) score of the prediction, NaN where there is none.
        distance_m: (N,) mean distance over the joints both have, by which the pair was matched.
        scored: (N, J) the ground truth of the joint is scored.
        present: (N, J) the predicted joint is there and finite.
        occluded: (N, J) the true joint is hidden, as the data set says it.
        root_depth: (N, 2) camera z of the true and of the predicted root in metres, NaN where unknown.
        errors: for each error of joints the protocol asks for: (N, J) mm, NaN where it cannot be said.
        body_errors: for errors of bodies (N, 1) mm of their meshes, or (N, K) degrees of K bones.
        rootless: (N,) a rooted error was asked for, but the root is missing on either side.
        joint_counts: for each distance (as in the metric's name) (F, 3) joints found, false and missed.
    """

    joints: tuple[str, ...]
    frames: Mapping[str, npt.NDArray[Any]]
    frame: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    prediction: npt.NDArray[np.int64]
    track: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]
    distance_m: npt.NDArray[np.float64]
    scored: npt.NDArray[np.bool_]
    present: npt.NDArray[np.bool_]
    occluded: npt.NDArray[np.bool_]
    root_depth: npt.NDArray[np.float64]
    errors: Mapping[str, npt.NDArray[np.float64]]
    body_errors: Mapping[str, npt.NDArray[np.float64]]
    rootless: npt.NDArray[np.bool_]
    joint_counts: Mapping[str, npt.NDArray[np.int64]]

    @property
    def frame_count(self) -> int:
        """Number of frames F."""
        return len(self.frames["id"])

    @property
    def matched(self) -> npt.NDArray[np.bool_]:
        """(N,) rows of matched pairs."""
        return (self.truth >= 0) & (self.prediction >= 0)

    @property
    def missed(self) -> npt.NDArray[np.bool_]:
        """(N,) rows of missed people."""
        return (self.truth >= 0) & (self.prediction < 0)

    @property
    def false(self) -> npt.NDArray[np.bool_]:
        """(N,) rows of predictions that met nobody."""
        return self.truth < 0


def join_records(parts: Sequence[Records]) -> Records:
    """One record table of several, in their order; joints and errors must be the same ones."""
    first = parts[0]
    offsets = np.concatenate([[0], np.cumsum([part.frame_count for part in parts])[:-1]])

    def joined(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    return Records(
        joints=first.joints,
        frames={
            name: np.concatenate([part.frames[name] for part in parts])
            for name in first.frames
            if all(name in part.frames for part in parts)
        },
        frame=np.concatenate([part.frame + offset for part, offset in zip(parts, offsets, strict=True)]),
        truth=joined("truth"),
        prediction=joined("prediction"),
        track=joined("track"),
        score=joined("score"),
        distance_m=joined("distance_m"),
        scored=joined("scored"),
        present=joined("present"),
        occluded=joined("occluded"),
        root_depth=joined("root_depth"),
        errors={name: np.concatenate([part.errors[name] for part in parts]) for name in first.errors},
        body_errors={
            name: np.concatenate([part.body_errors[name] for part in parts]) for name in first.body_errors
        },
        rootless=joined("rootless"),
        joint_counts={
            name: np.concatenate([part.joint_counts[name] for part in parts]) for name in first.joint_counts
        },
    )
