"""Cameras around the people of a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mhbench.cameras import Camera

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def camera_ring(names: tuple[str, ...], size: tuple[int, int], seed: int) -> dict[str, Camera]:
    """Cameras in a ring, looking a little beside the middle, each with its own lens and focal length.

    The lens is that of the Panoptic dome's HD cameras, give or take a tenth.
    """
    width, height = size
    rng = np.random.default_rng((seed, 4))
    turn = rng.uniform(0, 2 * np.pi)
    cameras = {}
    for n, name in enumerate(names):
        angle = turn + 2 * np.pi * n / len(names)
        # every fourth camera stands among the people: some are behind it, others fill its image
        distance, above = rng.uniform(3.2, 4.2), rng.uniform(1.0, 2.6)
        if n % 4 == 3:
            distance, above = 0.3 * distance, 0.7 * above + 0.4
        centre = np.array([distance * np.cos(angle), distance * np.sin(angle), above])
        focal = rng.uniform(0.73, 0.76) * width
        K = np.array(
            [
                [focal, 0.0, (width - 1) / 2 + 0.012 * width * rng.normal()],
                [0.0, focal * rng.uniform(0.997, 1.003), (height - 1) / 2 + 0.012 * width * rng.normal()],
                [0.0, 0.0, 1.0],
            ]
        )
        lens = np.array([-0.28, 0.17, -0.0003, 0.0005, -0.04, 0, 0, 0]) * rng.uniform(0.9, 1.1, 8)
        R = looking(centre, np.array([*rng.uniform(-0.3, 0.3, 2), rng.uniform(0.7, 1.0)]))
        cameras[name] = Camera(
            K=K, distortion=lens, lens="opencv", R=R, t=-R @ centre, width=width, height=height
        )
    return cameras


def looking(centre: Floats, target: Floats) -> Floats:
    """World-to-camera rotation of a camera at `centre` that looks at `target` and holds its horizon level."""
    forward = (target - centre) / np.linalg.norm(target - centre)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])
