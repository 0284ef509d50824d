"""Simply shaded images of a scene, with a depth buffer, so that people really hide each other and themselves.

Vertices are projected through the full lens and joined by straight lines, which is exact to a fraction of a
pixel for triangles of a centimetre or two. Floor and stools have no label; they hide people as people do.
"""

from __future__ import annotations

import colorsys
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.kernels import kernel
from mhbench.synthetic.smpl_body import body
from mhbench.synthetic.surface import edges_of, neighbour_mean
from mhbench.volumes.zbuffer import draw

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.cameras import Camera
    from mhbench.synthetic.scenes import Scene

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

NOBODY: Final = -1
_LIGHT: Final = np.array([0.35, -0.25, 0.9]) / np.sqrt(0.995)
_TILE: Final = 0.25  # metres
_FLOOR: Final = 5.0  # metres, half the side
_SKIES: Final = ((206.0, 212.0, 218.0), (150.0, 156.0, 164.0))
_TILES: Final = ((126.0, 120.0, 112.0), (112.0, 107.0, 100.0))
_WOOD: Final = (142.0, 104.0, 66.0)
_SHOES: Final = (54.0, 50.0, 52.0)
_EYES: Final = (30.0, 24.0, 24.0)
_LIPS: Final = (166.0, 78.0, 78.0)
_SKINS: Final = ((232, 190, 165), (198, 146, 112), (141, 94, 66), (92, 62, 48), (245, 208, 186))
_HAIRS: Final = ((48, 34, 26), (98, 68, 40), (28, 26, 28), (176, 140, 86), (120, 116, 112))


@dataclass(frozen=True)
class Picture:
    """What one camera sees in one frame.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) int16, index of the person seen at each pixel, -1 where there is none.
        depth: (H, W) float32 metres along the camera's z axis, infinite where nothing is.
    """

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int16]
    depth: npt.NDArray[np.float32]


def picture(scene: Scene, frame: int, camera: str, *, vertices: Floats | None = None) -> Picture:
    """Render what a camera of a scene sees in a frame.

    Args:
        scene: the scene.
        frame: index of the frame.
        camera: name of the camera; the picture has its size.
        vertices: (P, 6890, 3) what `scene.vertices(frame)` gave, if it is at hand.
    """
    lens = scene.cameras[camera]
    posed = scene.vertices(frame) if vertices is None else vertices
    image = _backdrop(lens.width, lens.height)
    labels = np.full(image.shape[:2], NOBODY, dtype=np.int16)
    depth = np.full(image.shape[:2], np.inf, dtype=np.float32)
    here = np.flatnonzero(scene.present[frame])
    for mesh, triangles, colours in _furniture(scene, frame):
        _draw(lens, mesh, triangles, colours, NOBODY, image, labels, depth)
    for person in here:
        colours = _clothes(int(person)) * _shade(posed[person], body().triangles)[:, None]
        _draw(lens, posed[person], body().triangles, colours, int(person), image, labels, depth)
    return Picture(np.rint(image).astype(np.uint8), labels, depth)


def _draw(
    camera: Camera,
    vertices: Floats,
    triangles: Integers,
    colours: Floats,
    label: int,
    image: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int16],
    depth: npt.NDArray[np.float32],
) -> None:
    seen = camera.to_camera(vertices)
    draw(camera.project(seen), seen[:, 2], triangles, label, labels, depth, colours=colours, image=image)


@kernel
def _normals(vertices: Floats, triangles: Integers) -> Floats:
    """Unit normals of the vertices, weighted by area."""
    normals = np.zeros_like(vertices)
    for n in range(triangles.shape[0]):
        first, second = vertices[triangles[n, 1]], vertices[triangles[n, 2]]
        base = vertices[triangles[n, 0]]
        cross = np.cross(first - base, second - base)
        for corner in range(3):
            normals[triangles[n, corner]] += cross
    for n in range(vertices.shape[0]):
        normals[n] /= max(np.sqrt((normals[n] ** 2).sum()), 1e-12)
    return normals


def _shade(vertices: Floats, triangles: Integers) -> Floats:
    """Brightness 0..1 of every vertex: Lambert's law with a lamp above and light from everywhere."""
    normals = _normals(vertices, triangles)
    lamp = np.maximum((normals * _LIGHT).sum(axis=1), 0.0)
    return np.asarray(0.42 + 0.12 * normals[:, 2] + 0.46 * lamp)


@functools.lru_cache(maxsize=4)
def _sky(width: int, height: int) -> npt.NDArray[np.float32]:
    share = np.linspace(0.0, 1.0, height)[:, None, None]
    column = (1 - share) * np.array(_SKIES[0]) + share * np.array(_SKIES[1])
    return np.broadcast_to(column, (height, width, 3)).astype(np.float32)


def _backdrop(width: int, height: int) -> npt.NDArray[np.float32]:
    """A wall that darkens downwards: (H, W, 3)."""
    return _sky(width, height).copy()


def _furniture(scene: Scene, frame: int) -> list[tuple[Floats, Integers, Floats]]:
    """Floor and stools as meshes: vertices, triangles, colours."""
    meshes = [_floor()]
    for person in np.flatnonzero(scene.present[frame] & (scene.stools > 0)):
        vertices, triangles = _stool(scene.stools[person])
        placed = vertices + np.array([*scene.pelvis[:, person, :2].mean(axis=0), 0.0])
        meshes.append((placed, triangles, np.array(_WOOD) * _shade(placed, triangles)[:, None]))
    return meshes


@functools.cache
def _floor() -> tuple[Floats, Integers, Floats]:
    """A chequered floor, each tile with its own vertices."""
    count = round(2 * _FLOOR / _TILE)
    tile = np.stack(np.meshgrid(np.arange(count), np.arange(count), indexing="ij"), axis=-1).reshape(-1, 2)
    corners = tile[:, None] + np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    vertices = np.concatenate([corners * _TILE - _FLOOR, np.zeros((len(tile), 4, 1))], axis=-1).reshape(-1, 3)
    first = 4 * np.arange(len(tile))[:, None]
    triangles = np.concatenate([first + np.array([0, 1, 2]), first + np.array([0, 2, 3])])
    colours = np.repeat(np.array(_TILES)[tile.sum(axis=1) % 2], 4, axis=0)
    return vertices, triangles, colours


@functools.lru_cache(maxsize=64)
def _stool(height: float, radius: float = 0.17, sides: int = 24, rings: int = 6) -> tuple[Floats, Integers]:
    """A round stool with its top at `height` metres: the side in rings, then the top as a fan."""
    angle = 2 * np.pi * np.arange(sides) / sides
    circle = radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    levels = np.append(np.linspace(0.0, height, rings), height)
    side = [np.column_stack([circle, np.full(sides, level)]) for level in levels]
    vertices = np.concatenate([*side, [[0.0, 0.0, height]]])
    triangles = []
    for ring in range(rings - 1):
        for n in range(sides):
            a, b = ring * sides + n, ring * sides + (n + 1) % sides
            triangles += [(a, b, b + sides), (a, b + sides, a + sides)]
    top = rings * sides
    triangles += [(top + n, top + (n + 1) % sides, len(vertices) - 1) for n in range(sides)]
    return vertices, np.array(triangles, dtype=np.int64)


@functools.lru_cache(maxsize=64)
def _clothes(person: int) -> Floats:
    """Colours (6890, 3) of a person: skin, hair, shirt, trousers and shoes, for dozens of people."""
    hue = (0.58 + person * 0.618034) % 1.0
    colour = {
        "skin": _SKINS[person % len(_SKINS)],
        "hair": _HAIRS[(person * 3 + person // 5) % len(_HAIRS)],
        "shirt": 255 * np.array(colorsys.hsv_to_rgb(hue, 0.62, 0.88)),
        "trousers": 255 * np.array(colorsys.hsv_to_rgb((hue + 0.45) % 1.0, 0.35, 0.46)),
        "shoes": _SHOES,
    }
    colours = np.array([colour[part] for part in _worn()], dtype=np.float64)
    # seams run through the middle of triangles, or they would show the mesh
    colours = 0.4 * colours + 0.6 * neighbour_mean(edges_of(body().triangles), colours)
    eyes, mouth = _face()
    colours[eyes], colours[mouth] = _EYES, _LIPS
    return colours


@functools.cache
def _worn() -> tuple[str, ...]:
    """What each vertex is dressed in: from the bone that moves it most, and its place at rest."""
    figure = body()
    dress = {"hip": "trousers", "knee": "trousers", "pelvis": "trousers", "ankle": "shoes", "foot": "shoes"}
    dress |= {"neck": "skin", "head": "skin", "elbow": "skin", "wrist": "skin", "hand": "skin"}
    parts = []
    for (_, y, z), weights in zip(figure.template, figure.weights, strict=True):
        joint = figure.joints[int(np.argmax(weights))]
        hairy = joint == "smpl_head" and (y > 0.5 or (z < 0.035 and y > 0.39))
        parts.append("hair" if hairy else dress.get(joint.rpartition("_")[2], "shirt"))
    return tuple(parts)


@functools.cache
def _face() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which vertices are eyes and which are the mouth: (6890,) each."""
    figure = body()
    places = dict(zip(figure.points, figure.regressor @ figure.template, strict=True))
    gaps = [((figure.template - places[eye]) ** 2).sum(axis=1) for eye in ("left_eye", "right_eye")]
    mouth = np.abs(figure.template - places["jaw"]) < np.array([0.022, 0.006, 0.03])
    return np.minimum(*gaps) < 0.011**2, mouth.all(axis=1)
