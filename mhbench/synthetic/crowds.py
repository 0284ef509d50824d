"""Crowds without end: people of one data set's kind in front of its camera, drawn from a random generator.

Where `scenes` makes people that move and whose bodies are rendered, a crowd is one frame, made in a
millisecond: poses of synthetic people, turned, scaled and put on the floor of a camera that looks down on
them. So a network can be trained on frames it never sees twice, and its score needs no licensed data.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.cameras import Camera
from mhbench.errors import UsageError
from mhbench.skeletons import skeleton
from mhbench.synthetic.scenes import scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SKELETON: Final = "loco_14"
_POSES: Final = 64  # per synthetic person and motion
_ACTORS: Final = 24
_NEIGHBOURS: Final = (0.35, 1.2)  # metres between people who stand together


@dataclass(frozen=True, slots=True)
class Kind:
    """What the crowds of a data set look like.

    Attributes:
        width: of the image, px.
        height: of the image, px.
        focal: length, px; the principal point is the middle.
        people: mean number in front of the camera.
        most: at most so many.
        near: metres to the nearest person.
        far: metres to the farthest.
        above: least and largest height of the camera above the floor, metres.
        down: least and largest angle by which it looks down, degrees.
        together: share of people who stand beside another one.
        depth: nearest and farthest distance of the data set's heatmaps, metres.
        whole_pixels: the data set cuts pixels to integers.
    """

    width: int
    height: int
    focal: float
    people: float
    most: int
    near: float
    far: float
    above: tuple[float, float]
    down: tuple[float, float]
    together: float
    depth: tuple[float, float]
    whole_pixels: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.near < self.far and 1 <= self.people <= self.most and self.focal > 0):
            raise UsageError(
                f"no crowd has {self.people} of at most {self.most} people {self.near} to {self.far} m away",
                expected="1 <= people <= most and 0 < near < far",
                action="correct the numbers",
            )

    @property
    def camera(self) -> Camera:
        """A pinhole camera in its own frame."""
        K = np.array([[self.focal, 0, self.width / 2], [0, self.focal, self.height / 2], [0, 0, 1]])
        return Camera(K, np.zeros(8), width=self.width, height=self.height)

    def smaller(self, times: int) -> Kind:
        """The same view in an image of a `times` smaller side."""
        return replace(self, width=self.width // times, height=self.height // times, focal=self.focal / times)


# JTA: intrinsics and size are its own, people and distances those the LoCO paper speaks of. Panoptic and
# Human3.6M: size and typical focal length; distances as in the simulations of the volumetric heatmaps.
KINDS: Final = {
    "jta": Kind(
        1920, 1080, 1158.0, 20, 60, 4.0, 60.0, (1.6, 7.0), (0.0, 18.0), 0.5, (0, 100), whole_pixels=True
    ),
    "panoptic": Kind(1920, 1080, 1400.0, 4, 7, 2.0, 4.5, (1.0, 2.6), (0.0, 20.0), 0.3, (0, 7)),
    "human36m": Kind(1000, 1000, 1145.0, 1, 1, 4.0, 6.5, (1.3, 1.7), (2.0, 8.0), 0.0, (1.8, 8.1)),
}


@dataclass(frozen=True, slots=True)
class Crowd:
    """One frame.

    Attributes:
        joints3d: (P, 14, 3) metres, camera frame, joints of `SKELETON`.
        joints2d: (P, 14, 2) px; NaN behind the camera.
        up: (3,) unit vector from the floor to the sky, camera frame.
    """

    joints3d: Floats
    joints2d: Floats
    up: Floats


def draw_crowd(kind: Kind, random: np.random.Generator, *, held_out: bool = False) -> Crowd:
    """A crowd of that kind; nobody need be wholly inside the image.

    The number of people is 1 to `most` with the mean of the kind. A share of them stands beside another one,
    everybody else is spread evenly over distance and direction.

    Args:
        kind: what the crowd looks like.
        random: decides everything.
        held_out: made of people (other bodies, other motions) that are in no crowd without it.
    """
    count = _count(kind, random)
    poses = people_of(held_out=held_out)
    chosen = poses[random.integers(len(poses), size=count)] * random.uniform(0.92, 1.08, (count, 1, 1))
    placed = _turned(chosen, random.uniform(0, 2 * np.pi, count)) + _places(kind, count, random)[:, None]
    above, down = random.uniform(*kind.above), np.radians(random.uniform(*kind.down))
    lean = np.array([[1, 0, 0], [0, np.cos(down), -np.sin(down)], [0, np.sin(down), np.cos(down)]])
    joints = (placed + np.array([0.0, above, 0.0])) @ lean.T
    return Crowd(joints, kind.camera.project(joints), -lean[:, 1])


@functools.cache
def people_of(*, held_out: bool) -> Floats:
    """Walking, standing and sitting people, every fourth of whom is held out.

    Returns:
        (N, 14, 3) metres: x right, y down, z forward, the floor at y = 0.
    """
    found = []
    for seed, motion in enumerate(("walk", "stand", "sit", "crowd")):
        made = scene(
            frames=_POSES, people=_ACTORS, motion=motion, seed=seed, cameras=("0",), fps=5, absences=False
        )
        chosen = (np.arange(_ACTORS) % 4 == 3) == held_out
        joints = made.joints(SKELETON)[:, chosen].reshape(-1, len(skeleton(SKELETON)), 3)
        joints[..., :2] -= joints[..., :2].mean(axis=1, keepdims=True)
        found.append(np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], axis=-1))
    poses: Floats = np.concatenate(found)
    poses.setflags(write=False)
    return poses


def _count(kind: Kind, random: np.random.Generator) -> int:
    if kind.most == 1:
        return 1
    # uniform on both sides of the mean, so that the mean is what it says
    low, high = 1.0, kind.people
    if random.random() < (kind.people - 1) / (kind.most - 1):
        low, high = kind.people, float(kind.most)
    return int(np.rint(random.uniform(low, high)))


def _places(kind: Kind, count: int, random: np.random.Generator) -> Floats:
    """(P, 3) metres on the floor: x right, y 0, z forward."""
    half = np.arctan(kind.width / 2 / kind.focal)
    far, aside = random.uniform(kind.near, kind.far, count), np.tan(random.uniform(-half, half, count))
    places = np.column_stack([aside * far, np.zeros(count), far])
    for person in range(1, count):
        if random.random() < kind.together:
            angle, apart = random.uniform(0, 2 * np.pi), random.uniform(*_NEIGHBOURS)
            beside = places[random.integers(person)] + apart * np.array([np.sin(angle), 0, np.cos(angle)])
            places[person] = (*beside[:2], max(beside[2], kind.near))
    return places


def _turned(poses: Floats, angles: Floats) -> Floats:
    """Poses (P, J, 3) turned about the vertical by angles (P,)."""
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y, z = np.moveaxis(poses, -1, 0)
    return np.stack([cosine * x + sine * z, y, cosine * z - sine * x], axis=-1)
