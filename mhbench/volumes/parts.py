"""Voxels of body parts: the six parts of BodyNet, each a closed piece of the surface.

Labels: 0 nothing, 1 head, 2 torso, 3 right arm, 4 left arm, 5 right leg, 6 left leg.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import UsageError
from mhbench.volumes.meshes import Mesh, checked_faces, checked_mesh
from mhbench.volumes.occupancy import Box, bounding_cube, cells_around, occupy

if TYPE_CHECKING:
    import numpy.typing as npt

PARTS: Final = ("head", "torso", "right_arm", "left_arm", "right_leg", "left_leg")
"""Names of the labels 1 .. 6."""
SEGMENT_PARTS: Final = (2, 6, 5, 2, 6, 5, 2, 6, 5, 2, 6, 5, 2, 2, 2, 1, 4, 3, 4, 3, 4, 3, 4, 3)
"""Label of each of SMPL's 24 segments, in the order of its joints."""
_DRAWN: Final = (1, 3, 4, 5, 6, 2)  # the torso comes last, so it wins where parts overlap


def part_labels(
    vertices: npt.ArrayLike,
    faces: npt.ArrayLike,
    parts: npt.ArrayLike,
    resolution: int,
    *,
    conservative: bool = True,
) -> tuple[npt.NDArray[np.uint8], Box]:
    """The part of each voxel, in the cube of the whole body.

    A part is the faces whose three vertices belong to it; its holes are closed by fans.

    Args:
        vertices: (V, 3) m.
        faces: (T, 3).
        parts: labels 1 .. 6 by vertex: (V,); or (V, 6) bool, where neighbouring parts share a ring of
            vertices, as in the published volumes; without it one row of triangles belongs to no part.
        resolution: cells along a side of the cube.
        conservative: as `voxelize`; the published volumes are.

    Returns:
        uint8 (resolution, resolution, resolution), axes x, y, z; the cube.

    Raises:
        ShapeError: no mesh.
        UsageError: a label that is none, or what `voxelize` refuses.
    """
    mesh = checked_mesh(vertices, faces)
    box = bounding_cube(mesh.vertices, resolution)
    return label_parts(mesh, parts, box, resolution, conservative=conservative), box


def label_parts(
    mesh: Mesh, parts: npt.ArrayLike, box: Box, resolution: int, *, conservative: bool = True
) -> npt.NDArray[np.uint8]:
    """`part_labels` in a cube of the caller; what lies outside is cut off."""
    belongs = _members(parts, len(mesh.vertices))
    labels = np.zeros((resolution,) * 3, dtype=np.uint8)
    for label in _DRAWN:
        piece = mesh.faces[belongs[:, label - 1][mesh.faces].all(axis=1)]
        if len(piece):
            used, corners = np.unique(piece, return_inverse=True)
            own = Mesh(mesh.vertices[used], corners.reshape(piece.shape))
            block = cells_around(own.vertices, box, resolution)
            cells = occupy(own, box, resolution, conservative=conservative)[block]
            labels[block][cells] = label
    return labels


def parts_of_segments(segments: npt.ArrayLike, faces: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """The parts of each vertex of an SMPL mesh, neighbouring ones sharing a ring of triangles.

    Args:
        segments: (V,) the segment (0 .. 23) each vertex moves with most.
        faces: (T, 3); a triangle whose corners are of several parts belongs to all of them.

    Returns:
        (V, 6) bool, for `part_labels`.

    Raises:
        ShapeError: faces that name none of the vertices.
    """
    of_vertex = np.array(SEGMENT_PARTS)[np.asarray(segments)]
    triangles = checked_faces(faces, len(of_vertex))
    member = _members(of_vertex, len(of_vertex))
    of_face = member[triangles].any(axis=1)
    for corner in range(3):
        np.logical_or.at(member, triangles[:, corner], of_face)
    return member


def _members(parts: npt.ArrayLike, vertex_count: int) -> npt.NDArray[np.bool_]:
    given = np.asarray(parts)
    if given.ndim == 2:
        check_shape("parts", given, f"{vertex_count} {len(PARTS)}")
        return np.asarray(given != 0)
    check_shape("parts", given, f"{vertex_count}")
    if given.size and not (np.min(given) >= 1 and np.max(given) <= len(PARTS)):
        raise UsageError(
            f"parts are labelled {np.min(given)} .. {np.max(given)}",
            expected=f"1 .. {len(PARTS)}: {', '.join(PARTS)}",
            action="turn SMPL segments into parts with mhbench.volumes.SEGMENT_PARTS",
        )
    return np.asarray(given[:, None] == np.arange(1, len(PARTS) + 1))
