"""What a model predicted for one frame, in pixels and in metres, to be drawn beside the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """Predicted people of one frame; NaN is not known and not drawn.

    Attributes:
        skeleton: of the joints; None where no joints are predicted.
        joints2d: (P, J, 2) px.
        joints3d: (P, J, 3) m, camera frame.
        loose2d: (N, 2) px of joints without people.
        loose3d: (N, 3) m of the same.
        note: what is not drawn, and why; "" if everything is.
    """

    skeleton: str | None
    joints2d: Floats
    joints3d: Floats
    loose2d: Floats
    loose3d: Floats
    note: str = ""


def overlay_of(table: FrameTable, predictions: PredictionTable, row: int) -> Overlay:
    """The predicted people of one frame.

    Joints that are relative to a root have no place in the camera's space: they are drawn in the image where
    the file has pixels, and left out of the views in metres.

    Args:
        table: the frame; its camera projects what has no pixels.
        predictions: the file.
        row: of the frame in the predictions, -1 = the file does not have it.
    """
    if row < 0:
        return _nothing("the predictions do not have this frame")
    if predictions.skeleton is None:
        return _nothing("the predictions have no joints; --mesh draws bodies")
    placed = predictions.space == "camera"
    people, given = predictions.people(row), predictions.persons
    joints, count = len(skeleton(predictions.skeleton)), people.stop - people.start
    joints3d = np.full((count, joints, 3), np.nan)
    joints2d = np.full((count, joints, 2), np.nan)
    if placed and "joints3d" in given:
        joints3d = given["joints3d"][people]
    if "joints2d" in given:
        joints2d = given["joints2d"][people]
        # the programs that write COCO's results put joints they did not find at (0, 0)
        joints2d = np.where((joints2d == 0.0).all(axis=2, keepdims=True), np.nan, joints2d)
    elif "K" in table.frames:
        joints2d = table.camera(0).project(joints3d)
    loose3d = np.zeros((0, 3))
    if placed and predictions.loose_start is not None:
        loose3d = predictions.loose["position"][slice(*predictions.loose_start[row : row + 2])]
    loose2d = table.camera(0).project(loose3d) if len(loose3d) else np.zeros((0, 2))
    relative = predictions.space is not None and not placed
    note = (
        f"predicted in space {predictions.space}, not in the camera's: no place in metres" if relative else ""
    )
    return Overlay(predictions.skeleton, joints2d, joints3d, loose2d, loose3d, note)


def _nothing(note: str) -> Overlay:
    return Overlay(None, np.zeros((0, 0, 2)), np.zeros((0, 0, 3)), np.zeros((0, 2)), np.zeros((0, 3)), note)
