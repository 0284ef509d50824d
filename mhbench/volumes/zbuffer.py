"""The depth buffer: triangles in image coordinates -> who is seen at each pixel, how far away, which colour.

Pixel (0, 0) is the centre of the top-left pixel. Vertices are projected by the caller, through the full lens,
and joined by straight lines. An edge that two triangles share gives both the same number with opposite signs,
so that no pixel on it is lost between them. Of what is equally far away, as float32 sees it, the first drawn
stays: a person who is given twice is one label and not a mottle of two. `zbuffer_torch` gives the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.kernels import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Singles = npt.NDArray[np.float32]
    Integers = npt.NDArray[np.int64]

NEAREST: Final = 0.05
"""Metres in front of the camera at which the world begins."""
FLATTEST: Final = 1e-9
"""Twice the area in square pixels up to which a triangle is seen edge-on and not drawn."""
_NO_COLOURS: Final = np.zeros((0, 3))
_NO_IMAGE: Final = np.zeros((0, 0, 3), dtype=np.float32)


def draw(
    pixels: Floats,
    depths: Floats,
    triangles: Integers,
    label: int,
    labels: npt.NDArray[np.int16],
    depth: Singles,
    *,
    colours: Floats = _NO_COLOURS,
    image: Singles = _NO_IMAGE,
) -> None:
    """Draw a mesh into labels, depth and image where it is nearer than what is there.

    Args:
        pixels: (V, 2) image points of the vertices; NaN where the lens has none.
        depths: (V,) metres along the camera's z axis. Triangles that begin before `NEAREST` are left out.
        triangles: (T, 3).
        label: written to `labels`.
        labels: (H, W), changed.
        depth: (H, W) metres, infinite where nothing is, changed.
        colours: (V, 3) of the vertices, if there is an image.
        image: (H, W, 3), changed.
    """
    _rasterise(pixels, depths, triangles, colours, label, image, labels, depth)


@kernel
def _rasterise(
    pixels: Floats,
    depths: Floats,
    triangles: Integers,
    colours: Floats,
    label: int,
    image: Singles,
    labels: npt.NDArray[np.int16],
    depth: Singles,
) -> None:
    height, width = depth.shape
    painted = len(colours) > 0
    for n in range(triangles.shape[0]):
        a, b, c = triangles[n, 0], triangles[n, 1], triangles[n, 2]
        if min(depths[a], depths[b], depths[c]) < NEAREST:
            continue
        ax, ay, bx, by = pixels[a, 0], pixels[a, 1], pixels[b, 0], pixels[b, 1]
        cx, cy = pixels[c, 0], pixels[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # a comparison with NaN is false: a vertex beyond the fold of the lens has no pixel
        if not abs(area) > FLATTEST:
            continue
        # within reach of the image before they become integers, which hold no 1e20
        left = min(max(np.ceil(min(ax, bx, cx)), 0.0), float(width))
        right = min(max(np.floor(max(ax, bx, cx)), -1.0), width - 1.0)
        top = min(max(np.ceil(min(ay, by, cy)), 0.0), float(height))
        bottom = min(max(np.floor(max(ay, by, cy)), -1.0), height - 1.0)
        for y in range(int(top), int(bottom) + 1):
            for x in range(int(left), int(right) + 1):
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                w = ((ax - x) * (by - y) - (ay - y) * (bx - x)) / area
                if u < 0.0 or v < 0.0 or w < 0.0:
                    continue
                # inverse depth is what is linear in the image
                near = np.float32(1.0 / (u / depths[a] + v / depths[b] + w / depths[c]))
                if near < depth[y, x]:
                    depth[y, x] = near
                    labels[y, x] = label
                    if painted:
                        for channel in range(3):
                            image[y, x, channel] = (
                                u * colours[a, channel] + v * colours[b, channel] + w * colours[c, channel]
                            )
