"""Pictures of crowds: people of thick lines over a floor with a horizon, the near ones over the far ones.

Enough to learn from, and drawn in milliseconds: size tells the distance, colours tell the limbs (the two
sides of a person are dressed differently) and the face tells which way the person looks.
"""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.skeletons import skeleton
from mhbench.synthetic.crowds import SKELETON

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import ImageDraw

    from mhbench.synthetic.crowds import Crowd, Kind

    Floats = npt.NDArray[np.float64]

_JOINTS: Final = skeleton(SKELETON).joints
_LIMBS: Final = tuple(  # start, end, metres across, what it is dressed in; drawn in this order
    (_JOINTS.index(f"{side}_{start}"), _JOINTS.index(f"{side}_{end}"), across, f"{side} {cloth}")
    for side in ("left", "right")
    for start, end, across, cloth in (
        ("hip", "knee", 0.15, "trousers"),
        ("knee", "ankle", 0.11, "trousers"),
        ("shoulder", "elbow", 0.10, "sleeve"),
        ("elbow", "wrist", 0.08, "sleeve"),
    )
)
_TRUNK: Final = tuple(
    _JOINTS.index(name) for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
)
_HEAD, _NECK = _JOINTS.index("head_top"), _JOINTS.index("neck")
_HEAD_WIDTH: Final = 0.19  # metres
_NEAREST: Final = 0.3  # metres; who is nearer is not drawn
_FACE: Final = (226, 184, 156)
_HAIR: Final = (58, 42, 34)
_FLOOR: Final = np.array([118.0, 113.0, 106.0])
_SKY: Final = np.array([186.0, 196.0, 208.0])


def draw_picture(kind: Kind, crowd: Crowd, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """What the camera sees of a crowd: (H, W, 3) uint8 RGB; clothes and light are drawn from `random`."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only pictures need it

    image = Image.fromarray(_backdrop(kind, crowd, random))
    canvas = ImageDraw.Draw(image)
    depth = crowd.joints3d[..., 2]
    for person in np.argsort(-depth.mean(axis=1)):
        if depth[person].min() > _NEAREST:
            _person(canvas, crowd.joints2d[person], crowd.joints3d[person], kind.focal, _clothes(random))
    return np.asarray(image)


def _backdrop(kind: Kind, crowd: Crowd, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Sky above the horizon, floor below it, darker where it is far."""
    _, up, forward = crowd.up
    row = (np.arange(kind.height) - kind.height / 2) / kind.focal
    # how far the ray of a row falls below the horizon
    falls = -(row * up + forward)
    floor = _FLOOR * np.clip(0.75 + 0.6 * falls, 0.0, 1.15)[:, None]
    rows = np.where(falls[:, None] > 0, floor, _SKY * np.clip(1 + 0.5 * falls, 0.6, 1.0)[:, None])
    rows = rows * random.uniform(0.8, 1.15) + random.normal(0, 2, rows.shape)
    picture: npt.NDArray[np.uint8] = (
        np.clip(rows, 0, 255).astype(np.uint8)[:, None].repeat(kind.width, axis=1)
    )
    return picture


def _clothes(random: np.random.Generator) -> dict[str, tuple[int, int, int]]:
    def colour(hue: float, strength: float, light: float) -> tuple[int, int, int]:
        red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, strength, light)
        return round(255 * red), round(255 * green), round(255 * blue)

    shirt, light = random.random(), random.uniform(0.75, 1.0)
    return {
        "shirt": colour(shirt, 0.6, 0.85 * light),
        # warm right, cool left
        "right sleeve": colour(0.02 + 0.08 * random.random(), 0.75, 0.95 * light),
        "left sleeve": colour(0.55 + 0.1 * random.random(), 0.75, 0.95 * light),
        "right trousers": colour(0.08 + 0.08 * random.random(), 0.6, 0.55 * light),
        "left trousers": colour(0.65 + 0.1 * random.random(), 0.6, 0.55 * light),
    }


def _person(
    canvas: ImageDraw.ImageDraw,
    pixels: Floats,
    joints: Floats,
    focal: float,
    clothes: dict[str, tuple[int, int, int]],
) -> None:
    """Limbs, trunk and head of one person, the farthest first."""
    parts = [
        (joints[[start, end], 2].mean(), start, end, across, clothes[cloth])
        for start, end, across, cloth in _LIMBS
    ]
    trunk_depth = joints[list(_TRUNK), 2].mean()
    behind = sorted((part for part in parts if part[0] > trunk_depth), reverse=True)
    before = sorted((part for part in parts if part[0] <= trunk_depth), reverse=True)
    for part in behind:
        _limb(canvas, pixels, focal, *part)
    scale = focal / trunk_depth
    canvas.polygon([tuple(pixels[joint]) for joint in _TRUNK], fill=clothes["shirt"])
    canvas.line([tuple(pixels[joint]) for joint in _TRUNK[2:]], fill=clothes["shirt"], width=_px(0.2 * scale))
    _head(canvas, pixels, joints, scale)
    for part in before:
        _limb(canvas, pixels, focal, *part)


def _limb(
    canvas: ImageDraw.ImageDraw,
    pixels: Floats,
    focal: float,
    depth: float,
    start: int,
    end: int,
    across: float,
    colour: tuple[int, int, int],
) -> None:
    width = _px(across * focal / depth)
    canvas.line([tuple(pixels[start]), tuple(pixels[end])], fill=colour, width=width)
    for joint in (start, end):
        u, v = pixels[joint]
        canvas.ellipse([u - width / 2, v - width / 2, u + width / 2, v + width / 2], fill=colour)


def _head(canvas: ImageDraw.ImageDraw, pixels: Floats, joints: Floats, scale: float) -> None:
    """Face towards the camera or hair: by the turn of the shoulders."""
    left, right = joints[_TRUNK[0]], joints[_TRUNK[1]]
    faces = left[0] > right[0]  # a person who looks at us has the left hand on our right
    (u, top), (_, neck) = pixels[_HEAD], pixels[_NECK]
    half = _HEAD_WIDTH / 2 * scale
    low, high = sorted((float(top), float(neck)))
    canvas.ellipse([u - half, low, u + half, high], fill=_FACE if faces else _HAIR)


def _px(width: float) -> int:
    return max(1, round(float(width)))
