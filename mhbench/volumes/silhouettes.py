"""Silhouettes: who is seen at each pixel of an image, each person alone, and the shadows of a volume.

A person's own silhouette ignores everybody else; the visible one is what the label map shows. Their overlap
with a mask is a different number, so they have different names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import UsageError
from mhbench.volumes.meshes import checked_faces
from mhbench.volumes.zbuffer import draw

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.cameras import Camera

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

MOST_PEOPLE: Final = np.iinfo(np.int16).max


class LabelMap(NamedTuple):
    """What is seen where.

    Attributes:
        labels: (H, W) int16: 0 nobody, p + 1 the person p.
        depth: (H, W) float32 metres along the camera's z axis, infinite where nobody is.
    """

    labels: npt.NDArray[np.int16]
    depth: npt.NDArray[np.float32]

    def visible(self, person: int) -> npt.NDArray[np.bool_]:
        """(H, W) bool, where a person is seen."""
        return np.asarray(self.labels == person + 1)


def label_map(vertices: npt.ArrayLike, faces: npt.ArrayLike, camera: Camera) -> LabelMap:
    """Who is seen at each pixel: the nearest surface along the camera's z axis.

    Args:
        vertices: (P, V, 3) m in the camera's frame. A person with a coordinate that is not finite is nowhere.
        faces: (T, 3), the same for all.
        camera: one camera with the size of its image; R and t are not used.

    Raises:
        ShapeError: no meshes of one topology.
        UsageError: the camera's image has no size.
    """
    people, triangles = _checked(vertices, faces, camera)
    labels = np.zeros((camera.height, camera.width), dtype=np.int16)
    depth = np.full(labels.shape, np.inf, dtype=np.float32)
    for person, mesh in enumerate(people):
        _draw(mesh, triangles, camera, person + 1, labels, depth)
    return LabelMap(labels, depth)


def depth_maps(vertices: npt.ArrayLike, faces: npt.ArrayLike, camera: Camera) -> npt.NDArray[np.float32]:
    """Depth of each person alone: (P, H, W) metres, infinite outside the person's own silhouette.

    Arguments and errors as `label_map`.
    """
    people, triangles = _checked(vertices, faces, camera)
    maps = np.full((len(people), camera.height, camera.width), np.inf, dtype=np.float32)
    labels = np.zeros((camera.height, camera.width), dtype=np.int16)
    for mesh, depth in zip(people, maps, strict=True):
        _draw(mesh, triangles, camera, 1, labels, depth)
    return maps


def romp_label_map(
    vertices: npt.ArrayLike,
    faces: npt.ArrayLike,
    camera: Camera,
    scores: npt.ArrayLike,
    *,
    margin: float = 0.0,
) -> LabelMap:
    """Who is drawn at each pixel if confidence and size decide, not depth: ROMP's order, an aid for drawing.

    People take their pixels one after the other, the surest first. Where somebody is already, the later one
    takes the pixel only with a silhouette that is larger by more than `margin`: who looks larger is probably
    nearer (ROMP, supplementary material, section 3.3). It is a picture's order and no estimate of depth;
    where the depth is known, `label_map` tells the truth.

    Args:
        vertices: (P, V, 3) m in the camera's frame. A person with a coordinate that is not finite is nowhere.
        faces: (T, 3), the same for all.
        camera: one camera with the size of its image; R and t are not used.
        scores: (P,) confidences; of equal ones the earlier person comes first, and NaN comes last.
        margin: px of area, of the person's own silhouette in the image. The paper has such a threshold and
            does not give its value; with 0 the largest silhouette wins.

    Returns:
        The label map; its depth is that of the person drawn.

    Raises:
        ShapeError: no meshes of one topology, or other than one score for each.
        UsageError: the camera's image has no size, or the margin is negative.
    """
    people, triangles = _checked(vertices, faces, camera)
    confidences = np.asarray(scores, dtype=np.float64)
    check_shape("scores", confidences, "P", {"P": len(people)})
    if not margin >= 0:
        raise UsageError(
            f"the margin is {margin}", expected="an area in pixels, 0 or more", action="check it"
        )
    shape = (camera.height, camera.width)
    shown = LabelMap(np.zeros(shape, dtype=np.int16), np.full(shape, np.inf, dtype=np.float32))
    # the area of the person shown; none where nobody is
    area = np.full(shape, -np.inf)
    for person in np.argsort(-confidences, kind="stable"):
        depth = np.full(shape, np.inf, dtype=np.float32)
        _draw(people[person], triangles, camera, 1, np.zeros(shape, dtype=np.int16), depth)
        own = np.isfinite(depth)
        taken = own & (np.count_nonzero(own) > area + margin)
        shown.labels[taken] = person + 1
        shown.depth[taken] = depth[taken]
        area[taken] = np.count_nonzero(own)
    return shown


def projections(volume: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Front and side view of volumes in the network's order of axes: the largest value along z, along x.

    Args:
        volume: (..., D, H, W) occupancies or probabilities, axes z, y, x.

    Returns:
        front (..., H, W); side (..., D, H).
    """
    check_shape("volume", volume, "... D H W")
    return volume.max(axis=-3), volume.max(axis=-1)


def _draw(
    mesh: Floats,
    triangles: Integers,
    camera: Camera,
    label: int,
    labels: npt.NDArray[np.int16],
    depth: npt.NDArray[np.float32],
) -> None:
    if np.isfinite(mesh).all():
        draw(camera.project(mesh), np.ascontiguousarray(mesh[:, 2]), triangles, label, labels, depth)


def _checked(vertices: npt.ArrayLike, faces: npt.ArrayLike, camera: Camera) -> tuple[Floats, Integers]:
    people = np.ascontiguousarray(vertices, dtype=np.float64)
    check_shape("vertices", people, "P V 3")
    if camera.width < 1 or camera.height < 1:
        raise UsageError(
            f"the camera's image is {camera.width} x {camera.height} pixels",
            expected="a width and a height",
            action="give the camera the size of its image",
        )
    if len(people) > MOST_PEOPLE:
        raise UsageError(
            f"there are {len(people)} people in one image",
            expected=f"at most {MOST_PEOPLE}, which the labels can number",
            action="check that the first axis is the people of one frame",
        )
    return people, checked_faces(faces, people.shape[1])
