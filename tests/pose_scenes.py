"""Small frame tables and predictions for tests of scoring, written out by hand."""

from __future__ import annotations

import numpy as np

from mhbench.columns import JointFlag
from mhbench.frames import FrameTable
from mhbench.predictions.table import PredictionTable
from mhbench.skeletons import skeleton

PANOPTIC = "panoptic_19"
LABELLED = int(JointFlag.LABELLED_3D | JointFlag.LABELLED_2D | JointFlag.VISIBLE)


def body(x: float, z: float = 3.0, *, seed: int = 0) -> np.ndarray:
    """(19, 3) a random but fixed pose around (x, 0, z), 1.6 m tall."""
    generator = np.random.default_rng(seed)
    spread = generator.uniform(-0.8, 0.8, size=(len(skeleton(PANOPTIC)), 3)) * (0.4, 1.0, 0.3)
    joints = np.asarray(spread + (x, 0.0, z), dtype=np.float64)
    left, right = skeleton(PANOPTIC).indices(("left_hip", "right_hip"))
    joints[skeleton(PANOPTIC).index("body_center")] = (joints[left] + joints[right]) / 2
    return joints.astype(np.float32).astype(np.float64)


def truth(people: list[list[np.ndarray]], *, sequence: str = "160906_band1", first: int = 0) -> FrameTable:
    """One table: a list of people (19, 3) for each frame, everything labelled and inside the image."""
    joints = np.array([one for frame in people for one in frame], dtype=np.float32).reshape(-1, 19, 3)
    count = len(people)
    start = np.concatenate([[0], np.cumsum([len(frame) for frame in people])]).astype(np.int64)
    indices = np.arange(first, first + count)
    return FrameTable(
        dataset="panoptic",
        split="all",
        skeleton=PANOPTIC,
        frames={
            "id": np.array([f"{sequence}/00_16/{index:08d}" for index in indices]),
            "sequence": np.full(count, sequence),
            "camera": np.full(count, "00_16"),
            "index": indices.astype(np.int64),
            "width": np.full(count, 1920, dtype=np.int32),
            "height": np.full(count, 1080, dtype=np.int32),
        },
        person_start=start,
        persons={
            "joints3d": joints,
            "joint_flags": np.full(joints.shape[:2], LABELLED, dtype=np.uint8),
            "track": np.concatenate([np.arange(len(frame)) for frame in people]).astype(np.int64),
        },
    )


def predicted(
    people: list[list[np.ndarray]],
    table: FrameTable,
    *,
    space: str = "camera",
    skeleton_name: str = PANOPTIC,
    scores: list[float] | None = None,
) -> PredictionTable:
    """Predictions for the frames of a table, in its order."""
    joints = [np.asarray(one, dtype=np.float64) for frame in people for one in frame]
    start = np.concatenate([[0], np.cumsum([len(frame) for frame in people])]).astype(np.int64)
    count = len(skeleton(skeleton_name))
    return PredictionTable(
        dataset="panoptic",
        frame_ids=table.frames["id"][: len(people)],
        person_start=start,
        persons={
            "joints3d": np.array(joints).reshape(-1, count, 3),
            "score": np.ones(len(joints)) if scores is None else np.array(scores),
        },
        skeleton=skeleton_name,
        model="by hand",
        space=space,
        root="body_center" if space == "root" else None,
        trained_on=(),
    )
