"""The depth buffer on any device torch knows, the same bits as `zbuffer.py` and `silhouettes.py`.

All pairs of a triangle and a pixel of its bounding box are tried at once, for many meshes and images, in
pieces of bounded memory; the nearest surface of a pixel is a minimum, which no order of execution can change.
Beside the pairs there are about 300 bytes for each triangle of each mesh: give it a batch, not a data set.
Arithmetic is that of the compiled buffer, in float64: the CPU and CUDA, but no device without it. The depth
of a person alone can be differentiated: the pixel stays with its triangle, whose corners move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import torch

from mhbench.errors import ShapeError, UsageError
from mhbench.volumes.zbuffer import FLATTEST, NEAREST

if TYPE_CHECKING:
    from collections.abc import Iterator

AT_ONCE: Final = 1 << 21
"""Pairs of a triangle and a pixel tried at once: about 300 MB."""
_NOTHING: Final = torch.iinfo(torch.int64).max
_NUMBERS: Final = 1 << 32


class Fragments(NamedTuple):
    """Pairs of a triangle and a pixel. All (F,): the triangle's number among those of all meshes, x, y."""

    triangle: torch.Tensor
    x: torch.Tensor
    y: torch.Tensor


def pinhole(vertices: torch.Tensor, K: torch.Tensor) -> torch.Tensor:
    """Pixels of points through cameras without a lens, as `mhbench.cameras.project` gives them.

    Args:
        vertices: (B, P, V, 3) m in the frame of each image's camera.
        K: (3, 3), or (B, 3, 3) one for each image, px.

    Returns:
        (B, P, V, 2) float64; NaN for what is not in front of the camera.
    """
    # nothing is divided by what is not there: the gradient of an unused quotient would still be NaN
    points = torch.where(torch.isfinite(vertices).all(dim=-1, keepdim=True), vertices.double(), 0.0)
    x, y, z = points.unbind(dim=-1)
    behind = z <= 0
    depth = torch.where(behind, 1.0, z)
    matrix = K.to(points).reshape(-1, 1, 1, 3, 3)
    x, y = x / depth, y / depth
    u = matrix[..., 0, 0] * x + matrix[..., 0, 1] * y + matrix[..., 0, 2]
    v = matrix[..., 1, 1] * y + matrix[..., 1, 2]
    return torch.stack([u, v], dim=-1).masked_fill(behind[..., None], torch.nan)


def label_maps(
    vertices: torch.Tensor, faces: torch.Tensor, pixels: torch.Tensor, height: int, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Who is seen at each pixel of B images: `silhouettes.label_map` of each, to the last bit.

    Args:
        vertices: (B, P, V, 3) m in the cameras' frames. A person with a coordinate that is not finite is
            nowhere, so images of fewer people are filled up with NaN.
        faces: (T, 3) integers, the same for all.
        pixels: (B, P, V, 2) image points of the vertices: `pinhole`, or what a lens gives.
        height: of the images.
        width: of the images.

    Returns:
        labels (B, H, W) int16, 0 nobody, p + 1 the person p; depth (B, H, W) float32 metres, infinite where
        nobody is.

    Raises:
        ShapeError: no meshes of one topology with a pixel for each vertex.
        UsageError: the images have no size.
    """
    images, people = _checked(vertices, faces, pixels, height, width)[:2]
    place = torch.arange(images, device=vertices.device).repeat_interleave(people)
    with torch.no_grad():
        key = _nearest(vertices, faces, pixels, place, (images, height, width))
    seen = key != _NOTHING
    triangles = max(len(faces) * people, 1)  # of one image
    person = (key % _NUMBERS % triangles) // max(len(faces), 1)
    labels = torch.where(seen, person + 1, 0).to(torch.int16)
    return labels, _depth_of(key)


def depth_maps(
    vertices: torch.Tensor, faces: torch.Tensor, pixels: torch.Tensor, height: int, width: int
) -> torch.Tensor:
    """Depth of each person alone, differentiable: `silhouettes.depth_maps` of B images, to the last bit.

    The gradient reaches the vertices and pixels of the triangle that is seen at a pixel, hidden behind other
    people or not; that a silhouette moves has no gradient.

    Arguments and errors as `label_maps`.

    Returns:
        (B, P, H, W) float32 metres, infinite outside the person's own silhouette.
    """
    images, people = _checked(vertices, faces, pixels, height, width)[:2]
    place = torch.arange(images * people, device=vertices.device)
    with torch.no_grad():
        key = _nearest(vertices, faces, pixels, place, (images * people, height, width)).flatten()
        where = torch.nonzero(key != _NOTHING)[:, 0]
        fragments = Fragments(key[where] % _NUMBERS, where % width, where // width % height)
    corners, depths = _corners(vertices, faces, pixels)
    _, near = _surface(corners, depths, fragments)
    maps = torch.full(key.shape, torch.inf, dtype=torch.float32, device=key.device)
    return maps.index_put((where,), near).reshape(images, people, height, width)


def _nearest(
    vertices: torch.Tensor,
    faces: torch.Tensor,
    pixels: torch.Tensor,
    place: torch.Tensor,
    shape: tuple[int, int, int],
) -> torch.Tensor:
    """The nearest triangle of each pixel of an image stack, as one number that is smaller when nearer.

    Above the 32 bits of the triangle's number among those of all meshes stand the bits of its float32 depth,
    which for positive numbers have the order of the numbers: the minimum is the nearest, and of equally near
    ones the first.

    Args:
        vertices: (B, P, V, 3).
        faces: (T, 3).
        pixels: (B, P, V, 2).
        place: (B P,) the image of the stack that each mesh is drawn into.
        shape: images, height, width.
    """
    corners, depths = _corners(vertices, faces, pixels)
    _, height, width = shape
    key = torch.full(shape, _NOTHING, dtype=torch.int64, device=vertices.device)
    for fragments in _candidates(corners, depths, height, width):
        inside, near = _surface(corners, depths, fragments)
        kept = torch.nonzero(inside & torch.isfinite(near))[:, 0]
        triangle = fragments.triangle[kept]
        image = place[triangle // max(len(faces), 1)]
        pixel = (image * height + fragments.y[kept]) * width + fragments.x[kept]
        number = near[kept].view(torch.int32).long() * _NUMBERS + triangle
        key.view(-1).scatter_reduce_(0, pixel, number, "amin")
    return key


def _corners(
    vertices: torch.Tensor, faces: torch.Tensor, pixels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Image points (N, 3, 2) and depths (N, 3) of the corners of all triangles of all meshes, float64."""
    whole = torch.isfinite(vertices).flatten(start_dim=2).all(dim=-1, keepdim=True)
    depths = torch.where(whole, vertices[..., 2].double(), torch.nan)
    index = faces.long()
    return pixels.double()[:, :, index].reshape(-1, 3, 2), depths[:, :, index].reshape(-1, 3)


def _candidates(corners: torch.Tensor, depths: torch.Tensor, height: int, width: int) -> Iterator[Fragments]:
    """Every triangle that has an area and begins in front of the camera, with the pixels of its box."""
    edge = corners[:, 1:] - corners[:, :1]
    area = edge[:, 0, 0] * edge[:, 1, 1] - edge[:, 0, 1] * edge[:, 1, 0]
    # comparisons with NaN are false: what has no pixel or depth is left out
    drawn = torch.nonzero((area.abs() > FLATTEST) & (depths.amin(dim=-1) >= NEAREST))[:, 0]
    low, high = corners[drawn].amin(dim=1).ceil(), corners[drawn].amax(dim=1).floor()
    size = torch.tensor([width, height], dtype=low.dtype, device=low.device)
    # within reach of the image before they become integers, which hold no 1e20
    first = torch.minimum(low.clamp(min=0), size).nan_to_num(0).long()
    last = torch.minimum(high.clamp(min=-1), size - 1).nan_to_num(-1).long()
    columns, rows = (last - first + 1).clamp(min=0).unbind(dim=-1)
    ends = torch.cumsum(columns * rows, dim=0)
    total = int(ends[-1]) if len(ends) else 0
    for start in range(0, total, AT_ONCE):
        number = torch.arange(start, min(start + AT_ONCE, total), device=corners.device)
        row = torch.searchsorted(ends, number, right=True)
        offset = number - (ends - columns * rows)[row]
        yield Fragments(
            drawn[row], first[row, 0] + offset % columns[row], first[row, 1] + offset // columns[row]
        )


def _surface(
    corners: torch.Tensor, depths: torch.Tensor, fragments: Fragments
) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether each pixel lies in its triangle, and the float32 depth of the triangle's plane there."""
    x, y = fragments.x.double(), fragments.y.double()
    points, depth = corners[fragments.triangle], depths[fragments.triangle]
    (ax, ay), (bx, by), (cx, cy) = (point.unbind(dim=-1) for point in points.unbind(dim=1))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
    v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
    w = ((ax - x) * (by - y) - (ay - y) * (bx - x)) / area
    # inverse depth is what is linear in the image
    near = 1.0 / (u / depth[:, 0] + v / depth[:, 1] + w / depth[:, 2])
    return (u >= 0) & (v >= 0) & (w >= 0), near.float()


def _depth_of(key: torch.Tensor) -> torch.Tensor:
    depth = (key // _NUMBERS).to(torch.int32).view(torch.float32)
    return depth.masked_fill(key == _NOTHING, torch.inf)


def _checked(
    vertices: torch.Tensor, faces: torch.Tensor, pixels: torch.Tensor, height: int, width: int
) -> torch.Size:
    fits = vertices.ndim == 4 and vertices.shape[-1] == 3 and pixels.shape == (*vertices.shape[:-1], 2)
    if not fits or faces.ndim != 2 or faces.shape[1] != 3:
        raise ShapeError(
            f"vertices {list(vertices.shape)}, faces {list(faces.shape)} and pixels {list(pixels.shape)}"
            " do not belong together",
            expected="(B, P, V, 3), (T, 3) and (B, P, V, 2)",
            action="give every image the same number of people; NaN stands for nobody",
        )
    if len(faces) and not 0 <= int(faces.min()) <= int(faces.max()) < vertices.shape[2]:
        raise ShapeError(
            f"faces name vertices {int(faces.min())} to {int(faces.max())}",
            expected=f"0 to {vertices.shape[2] - 1}",
            action="take the faces of the same body model",
        )
    triangles = vertices.shape[0] * vertices.shape[1] * len(faces)
    if height < 1 or width < 1 or triangles >= _NUMBERS:
        raise UsageError(
            f"{triangles} triangles cannot be drawn into images of {width} x {height} pixels",
            expected=f"a width, a height and fewer than {_NUMBERS} triangles",
            action="give the images' size, and fewer of them at once",
        )
    return vertices.shape
