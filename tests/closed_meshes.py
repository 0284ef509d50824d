"""Closed meshes for the tests of volumes: spheres, boxes, random bodies, and a rotation to turn them by."""

from __future__ import annotations

import itertools

import numpy as np

CUBE_FACES = np.array(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]
)  # fmt: skip


def box(low, high):
    """A box of 12 triangles between two corners."""
    corners = np.array(list(itertools.product((0, 1), repeat=3)), dtype=np.float64)
    return np.asarray(low) + corners * (np.asarray(high) - np.asarray(low, dtype=np.float64)), CUBE_FACES


def sphere(radius=1.0, centre=(0, 0, 0), splits=4):
    """An octahedron whose faces are split in four again and again; its vertices lie on the sphere."""
    places = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    vertices = [np.array(place, dtype=np.float64) for place in places]
    faces = [(x, y, z) if (x + y + z) % 2 == 0 else (x, z, y) for x in (0, 1) for y in (2, 3) for z in (4, 5)]
    for _ in range(splits):
        middle, finer = {}, []

        def halfway(a, b, middle=middle):
            key = (min(a, b), max(a, b))
            if key not in middle:
                middle[key] = len(vertices)
                point = vertices[a] + vertices[b]
                vertices.append(point / np.linalg.norm(point))
            return middle[key]

        for a, b, c in faces:
            ab, bc, ca = halfway(a, b), halfway(b, c), halfway(c, a)
            finer += [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        faces = finer
    return np.asarray(centre) + radius * np.array(vertices), np.array(faces)


def blob(random, splits=3):
    """A sphere with random long waves on it, squeezed, turned and moved: closed and seldom convex."""
    vertices, faces = sphere(splits=splits)
    waves = random.normal(size=(4, 3))
    bumps = np.sin(2 * vertices @ waves.T + random.uniform(0, 6, 4)) @ random.uniform(0, 0.12, 4)
    shaped = vertices * (1 + bumps)[:, None] * random.uniform(0.3, 1, 3)
    return shaped @ rotation(random).T + random.uniform(-0.5, 0.5, 3), faces


def rotation(random):
    """A random proper rotation."""
    q, r = np.linalg.qr(random.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)
