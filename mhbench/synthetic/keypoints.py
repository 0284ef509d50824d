"""What a person who annotates images would mark of a scene: 2D joints, who hides them, and boxes.

It follows from the scene alone and not from rendered pixels: a joint is hidden where a joint or the middle of
a bone of somebody (else, or the same person beyond the next joint) stands in its line of sight.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.synthetic.scenes import Scene

    Floats = npt.NDArray[np.float64]

_THICK: Final = 0.09  # metres, radius of what hides
_BEHIND: Final = 0.12  # metres by which it must be nearer
_MARGIN: Final = 0.12  # of the joints' extent, which the box has around them


class Sight(enum.IntEnum):
    """How a joint is seen; the numbers are OCHuman's."""

    MISSING = 0
    VISIBLE = 1
    SELF_OCCLUDED = 2
    OTHERS_OCCLUDED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """One person in one image.

    Attributes:
        person: index in the scene.
        pixels: (J, 2) px, NaN where MISSING.
        sight: (J,) values of `Sight`.
        box: (4,) x1 y1 x2 y2 px, inside the image.
    """

    person: int
    pixels: Floats
    sight: npt.NDArray[np.int64]
    box: Floats


def marked_people(scene: Scene, frame: int, camera: str, skeleton_name: str) -> list[Marked]:
    """The people of a frame with at least one joint in the image, in the order of the scene.

    Args:
        scene: the scene.
        frame: index of the frame.
        camera: name of the camera.
        skeleton_name: the joints to mark; one outside the image is MISSING.
    """
    lens = scene.cameras[camera]
    points = lens.to_camera(scene.joints(skeleton_name)[frame])
    pixels = lens.project(points)
    inside = np.all((pixels >= 0) & (pixels <= np.array([lens.width, lens.height]) - 1), axis=-1)
    sight = _sights(points, skeleton(skeleton_name).limbs)
    found = []
    for person in np.flatnonzero(inside.any(axis=1)):
        seen = inside[person]
        corners = pixels[person][seen]
        low, high = corners.min(axis=0), corners.max(axis=0)
        margin = _MARGIN * (high - low) + 4
        edge = np.array([lens.width, lens.height], dtype=np.float64)
        box = np.concatenate([np.maximum(low - margin, 0), np.minimum(high + margin, edge)])
        found.append(
            Marked(
                person=int(person),
                pixels=np.where(seen[:, None], pixels[person], np.nan),
                sight=np.where(seen, sight[person], Sight.MISSING),
                box=box,
            )
        )
    return found


def box_overlaps(boxes: Floats) -> Floats:
    """(P, P) intersection over union of boxes (P, 4) x1 y1 x2 y2; 0 with itself."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=-1)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1)
    overlaps: Floats = common / (area[:, None] + area[None] - common)
    np.fill_diagonal(overlaps, 0.0)
    return overlaps


def _sights(points: Floats, limbs: Sequence[tuple[int, int]]) -> npt.NDArray[np.int64]:
    """(P, J) who hides each joint, if anybody does; points (P, J, 3) in the camera frame, NaN = absent."""
    people, joints = points.shape[:2]
    sight = np.full((people, joints), int(Sight.VISIBLE), dtype=np.int64)
    depth = np.linalg.norm(points, axis=-1)
    near = _neighbours(joints, limbs)
    for hider in range(people):
        middles = [(points[hider, a] + points[hider, b]) / 2 for a, b in limbs]
        things = np.concatenate([points[hider], np.array(middles).reshape(-1, 3)])
        along = np.einsum("pjc,tc->pjt", points, things) / depth[..., None]
        beside = np.sqrt(np.maximum(np.sum(things**2, axis=-1) - along**2, 0))
        blocks = (beside < _THICK) & (along > 0) & (along < depth[..., None] - _BEHIND)
        sight[hider][np.any(blocks[hider] & ~near, axis=-1)] = Sight.SELF_OCCLUDED
        blocks[hider] = False
        sight[np.any(blocks, axis=-1)] = Sight.OTHERS_OCCLUDED
    return sight


def _neighbours(joints: int, limbs: Sequence[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    """(J, J + limbs) what belongs to a joint itself and to the bones that end in it."""
    near = np.zeros((joints, joints + len(limbs)), dtype=np.bool_)
    near[:, :joints] = np.eye(joints, dtype=np.bool_)
    for number, (a, b) in enumerate(limbs):
        near[[a, b], joints + number] = True
        near[a, b] = near[b, a] = True
    return near
