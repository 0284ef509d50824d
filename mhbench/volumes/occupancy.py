"""Bodies as voxels: which cells of a cube around a mesh are inside.

Two rules. Centre-sampled: the winding number of a cell's centre is at least 1, so the overlaps of a body with
itself stay inside, which counting crossings loses. Conservative, as binvox's `exact` option makes the volumes
that are published with SURREAL and UP-3D: every cell a triangle touches, and everything they close in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import UsageError
from mhbench.kernels import kernel
from mhbench.volumes.meshes import Mesh, bounds, checked_mesh, closed, enclosed_volume
from mhbench.volumes.scanning import Crossings, cross_lines, square_lines

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Volume = npt.NDArray[np.bool_]


class Box(NamedTuple):
    """A cube along the axes of the mesh.

    Attributes:
        corner: (3,) its smallest coordinates, metres.
        side: metres.
    """

    corner: Floats
    side: float

    def centres(self, resolution: int) -> Floats:
        """Centres of its resolution^3 cells: (resolution, resolution, resolution, 3) metres, axes x, y, z."""
        steps = (np.arange(resolution) + 0.5) * (self.side / resolution)
        grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
        return np.asarray(self.corner + grid)


def voxelize(
    vertices: npt.ArrayLike, faces: npt.ArrayLike, resolution: int, *, conservative: bool = False
) -> tuple[Volume, Box]:
    """The voxels of a mesh in the smallest cube at the smallest corner of its bounding box.

    Cell (i, j, k) reaches from `corner + (i, j, k) * side / resolution` one step further; only along the
    longest side of the bounding box the cube is filled. A mesh with holes is closed by a fan over each; one
    that is inside out is read as it is meant.

    Args:
        vertices: (V, 3) m.
        faces: (T, 3) indices.
        resolution: cells along a side, 128 in the published volumes.
        conservative: every cell that a triangle touches, filled (binvox `exact`), not the cells whose centre
            is inside.

    Returns:
        bool (resolution, resolution, resolution), axes x, y, z; the cube.

    Raises:
        ShapeError: no mesh, or a vertex that is not finite.
        UsageError: the resolution is not positive, or the mesh is a single point.
    """
    mesh = checked_mesh(vertices, faces)
    box = bounding_cube(mesh.vertices, resolution)
    return occupy(mesh, box, resolution, conservative=conservative), box


def bounding_cube(vertices: Floats, resolution: int) -> Box:
    """The cube of `voxelize`.

    Raises:
        UsageError: as `voxelize`.
    """
    corner, high = bounds(vertices)
    side = float((high - corner).max())
    if resolution < 1 or side <= 0:
        raise UsageError(
            f"a mesh {max(side, 0.0)} m wide cannot have {resolution} voxels along its longest side",
            expected="a mesh that is larger than a point, and a positive resolution",
            action="check the vertices and the resolution",
        )
    return Box(corner, side)


def occupy(mesh: Mesh, box: Box, resolution: int, *, conservative: bool = False) -> Volume:
    """The voxels of a mesh in a cube of the caller; what lies outside is cut off."""
    if conservative:
        shut = closed(mesh)
        volume = touched(shut, box, resolution)
        block = cells_around(shut.vertices, box, resolution)
        volume[block] = fill_holes(volume[block])
        return volume
    crossings, turned = scan(mesh, box, resolution)
    volume = np.zeros((resolution, resolution, resolution), dtype=np.bool_)
    _fill_spans(*crossings, turned, volume)
    return volume


def scan(mesh: Mesh, box: Box, resolution: int) -> tuple[Crossings, int]:
    """Crossings along z of the lines through the cell centres, and 1, or -1 for a mesh that is inside out.

    Rows are cells along x, columns along y; a depth of k is the centre of cell k along z.
    """
    shut = closed(mesh)
    step = box.side / resolution
    lines = square_lines((0, 1, 2), box.corner + step / 2, 1 / step, resolution)
    return cross_lines(shut.vertices, shut.faces, lines), -1 if enclosed_volume(shut) < 0 else 1


def touched(mesh: Mesh, box: Box, resolution: int) -> Volume:
    """The cells of a cube that a triangle touches.

    A point belongs to the cell `min(floor((p - corner) / side * resolution), resolution - 1)`.
    """
    volume = np.zeros((resolution, resolution, resolution), dtype=np.bool_)
    _touch((mesh.vertices - box.corner) * (resolution / box.side), mesh.faces, volume)
    return volume


def cells_around(vertices: Floats, box: Box, resolution: int) -> tuple[slice, slice, slice]:
    """The block of a cube's cells outside of which a mesh with these vertices touches none."""
    low, high = ((edge - box.corner) * (resolution / box.side) for edge in bounds(vertices))
    first = np.clip(np.floor(low) - 1, 0, resolution).astype(int).tolist()
    last = np.clip(np.floor(high) + 2, 0, resolution).astype(int).tolist()
    x, y, z = (slice(a, b) for a, b in zip(first, last, strict=True))
    return x, y, z


def fill_holes(volume: npt.NDArray[np.bool_]) -> Volume:
    """Fill what cannot be reached from outside through faces of empty voxels.

    Args:
        volume: (X, Y, Z) bool or 0/1.
    """
    given = np.asarray(volume)
    check_shape("volume", given, "X Y Z")
    filled = np.array(given != 0, dtype=np.bool_)
    if filled.any():
        # what is around everything is outside, so the flood need not go there
        inner = filled[_occupied(filled)]
        # a shell of empty voxels around it is the outside
        outside = np.pad(inner, 1)
        _flood(outside)
        inner[...] = outside[1:-1, 1:-1, 1:-1]
    return filled


def _occupied(volume: Volume) -> tuple[slice, slice, slice]:
    """The smallest block with every occupied voxel; there is one."""
    front = np.asarray(np.any(volume, axis=0))
    lines = (np.any(volume, axis=(1, 2)), np.any(front, axis=1), np.any(front, axis=0))
    ends = [np.flatnonzero(line)[[0, -1]].tolist() for line in lines]
    x, y, z = (slice(first, last + 1) for first, last in ends)
    return x, y, z


@kernel
def _fill_spans(
    start: Integers, depth: Floats, sign: npt.NDArray[np.int8], turned: int, volume: Volume
) -> None:
    rows, columns, length = volume.shape
    for line in range(rows * columns):
        winding = 0
        cells = volume[line // columns, line % columns]
        for n in range(start[line], start[line + 1]):
            winding += turned * sign[n]
            if winding > 0 and n + 1 < start[line + 1]:
                first = int(np.ceil(max(depth[n], 0.0)))
                last = int(np.ceil(min(depth[n + 1], float(length))))
                for k in range(first, last):
                    cells[k] = True


@kernel
def _touch(points: Floats, faces: Integers, volume: Volume) -> None:
    """Mark the cells that each triangle touches: separating axes of a box and a triangle (Akenine-Moller)."""
    resolution = volume.shape[0]
    first, last = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    corner = np.zeros((3, 3))
    for n in range(len(faces)):
        outside = False
        for axis in range(3):
            a, b, c = points[faces[n, 0], axis], points[faces[n, 1], axis], points[faces[n, 2], axis]
            low, high = min(a, b, c), max(a, b, c)
            outside = outside or high < 0.0 or low > resolution
            first[axis] = int(min(max(np.floor(low), 0.0), resolution - 1.0))
            last[axis] = int(min(max(np.floor(high), 0.0), resolution - 1.0))
        if outside:
            continue
        for i in range(first[0], last[0] + 1):
            for j in range(first[1], last[1] + 1):
                for k in range(first[2], last[2] + 1):
                    if volume[i, j, k]:
                        continue
                    for vertex in range(3):
                        corner[vertex, 0] = points[faces[n, vertex], 0] - i - 0.5
                        corner[vertex, 1] = points[faces[n, vertex], 1] - j - 0.5
                        corner[vertex, 2] = points[faces[n, vertex], 2] - k - 0.5
                    volume[i, j, k] = _meets_cell(corner)


@kernel
def _meets_cell(corner: Floats) -> bool:
    """Whether a triangle meets the cube of side 1 around the origin; its bounding box does."""
    for edge in range(3):
        p, q = corner[edge], corner[(edge + 1) % 3]
        r = corner[(edge + 2) % 3]
        for axis in range(3):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            # the cross product of the axis and the edge has only the components u and v
            nu, nv = -(q[v] - p[v]), q[u] - p[u]
            on_edge, at_third = nu * p[u] + nv * p[v], nu * r[u] + nv * r[v]
            reach = 0.5 * (abs(nu) + abs(nv))
            if min(on_edge, at_third) > reach or max(on_edge, at_third) < -reach:
                return False
    ax, ay, az = corner[1, 0] - corner[0, 0], corner[1, 1] - corner[0, 1], corner[1, 2] - corner[0, 2]
    bx, by, bz = corner[2, 0] - corner[0, 0], corner[2, 1] - corner[0, 1], corner[2, 2] - corner[0, 2]
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    offset = nx * corner[0, 0] + ny * corner[0, 1] + nz * corner[0, 2]
    return bool(abs(offset) <= 0.5 * (abs(nx) + abs(ny) + abs(nz)))


@kernel
def _flood(cells: Volume) -> None:
    """Turn a volume with an empty shell into what cannot be reached from the shell.

    Sweeps carry the outside along the lines of z; lines that it spread to wait on a stack.
    """
    rows, columns, length = cells.shape
    reached = np.zeros((rows, columns, length), dtype=np.bool_)
    waiting = np.zeros((rows, columns), dtype=np.bool_)
    stack = np.zeros(rows * columns, dtype=np.int64)
    reached[0, 0, 0] = waiting[0, 0] = True
    size = 1
    while size > 0:
        size -= 1
        i, j = stack[size] // columns, stack[size] % columns
        waiting[i, j] = False
        _sweep(cells[i, j], reached[i, j])
        for side in range(4):
            p, q = i + (side == 0) - (side == 1), j + (side == 2) - (side == 3)
            inside = 0 <= p < rows and 0 <= q < columns
            if inside and _spread(reached[i, j], cells[p, q], reached[p, q]) and not waiting[p, q]:
                waiting[p, q] = True
                stack[size] = p * columns + q
                size += 1
    for i in range(rows):
        for j in range(columns):
            for k in range(length):
                cells[i, j, k] = not reached[i, j, k]


@kernel
def _sweep(cells: Volume, reached: Volume) -> None:
    """Carry the outside along one line, there and back."""
    for k in range(1, len(cells)):
        reached[k] = reached[k] or (reached[k - 1] and not cells[k])
    for k in range(len(cells) - 2, -1, -1):
        reached[k] = reached[k] or (reached[k + 1] and not cells[k])


@kernel
def _spread(source: Volume, cells: Volume, reached: Volume) -> bool:
    """Carry the outside from one line to its neighbour; whether that changed anything."""
    changed = False
    for k in range(len(cells)):
        if source[k] and not cells[k] and not reached[k]:
            reached[k] = changed = True
    return changed
