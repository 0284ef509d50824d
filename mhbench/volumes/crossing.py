"""Whether the surfaces of two bodies cross, whatever vertices lie where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mhbench.kernels import kernel
from mhbench.volumes.trees import DEEPEST, Tree

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]


def surfaces_cross(first: Tree, second: Tree) -> bool:
    """Whether an edge of one mesh meets a triangle of the other; edges within its plane do not."""
    return bool(_surfaces_cross(first, second))


@kernel
def _surfaces_cross(first: Tree, second: Tree) -> bool:
    boxes_a, boxes_b = first.boxes, second.boxes
    leaves_a, leaves_b = len(first.starts) - 1, len(second.starts) - 1
    stack = np.zeros((4 * DEEPEST, 2), dtype=np.int64)
    stack[0, 0], stack[0, 1] = 1, 1
    size = 1
    while size > 0:
        size -= 1
        a, b = stack[size, 0], stack[size, 1]
        apart = False
        for axis in range(3):
            apart = (
                apart or boxes_a[a, axis] > boxes_b[b, axis + 3] or boxes_b[b, axis] > boxes_a[a, axis + 3]
            )
        if apart:
            continue
        if a < leaves_a and (b >= leaves_b or a <= b):
            stack[size, 0], stack[size, 1] = 2 * a, b
            stack[size + 1, 0], stack[size + 1, 1] = 2 * a + 1, b
            size += 2
        elif b < leaves_b:
            stack[size, 0], stack[size, 1] = a, 2 * b
            stack[size + 1, 0], stack[size + 1, 1] = a, 2 * b + 1
            size += 2
        elif _leaves_cross(first, a - leaves_a, second, b - leaves_b):
            return True
    return False


@kernel
def _leaves_cross(first: Tree, leaf_a: int, second: Tree, leaf_b: int) -> bool:
    for m in range(first.starts[leaf_a], first.starts[leaf_a + 1]):
        for n in range(second.starts[leaf_b], second.starts[leaf_b + 1]):
            a, b = first.faces[m], second.faces[n]
            for corner in range(3):
                after = (corner + 1) % 3
                if _pierces(first.vertices, a[corner], a[after], second.vertices, b):
                    return True
                if _pierces(second.vertices, b[corner], b[after], first.vertices, a):
                    return True
    return False


@kernel
def _pierces(vertices: Floats, start: int, end: int, others: Floats, face: Integers) -> bool:
    """Whether an edge passes through a triangle of another mesh: the signs of five tetrahedra."""
    p, q = vertices[start], vertices[end]
    a, b, c = others[face[0]], others[face[1]], others[face[2]]
    above, below = _tetrahedron(a, b, c, p), _tetrahedron(a, b, c, q)
    if above * below > 0.0 or above == below:
        return False
    first, second, third = _tetrahedron(p, q, a, b), _tetrahedron(p, q, b, c), _tetrahedron(p, q, c, a)
    return (first >= 0.0 and second >= 0.0 and third >= 0.0) or (
        first <= 0.0 and second <= 0.0 and third <= 0.0
    )


@kernel
def _tetrahedron(a: Floats, b: Floats, c: Floats, d: Floats) -> float:
    """Six times the signed volume."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    wx, wy, wz = d[0] - a[0], d[1] - a[1], d[2] - a[2]
    return float(wx * (uy * vz - uz * vy) + wy * (uz * vx - ux * vz) + wz * (ux * vy - uy * vx))
