"""A neutral scene: people, cameras and time, before any data set's format.

World axes: metres, z up, the floor at z = 0. Cameras are as everywhere in mhbench: camera axes x right,
y down, z forward, `X_cam = R X_world + t` in metres.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.errors import UsageError
from mhbench.skeletons import skeleton
from mhbench.synthetic import figure
from mhbench.synthetic.camera_rings import camera_ring
from mhbench.synthetic.limbs import Build
from mhbench.synthetic.motion import Motion, sit, stand, walk
from mhbench.synthetic.smpl_body import SHAPES, Body, body, pose, skin

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from mhbench.cameras import Camera

    Floats = npt.NDArray[np.float64]

MOTIONS: Final = ("walk", "sit", "stand", "crowd", "mixed")
GENDERS: Final = ("female", "male", "neutral")
MOST_POSES: Final = 10**6  # people times frames; each takes some kilobytes
LONGEST_SIDE: Final = 16_384  # px


@dataclass(frozen=True)
class Scene:
    """F frames of P people seen by cameras.

    Attributes:
        fps: frames per second.
        rotations: (F, P, 24, 3, 3) float64, SMPL-24 rotations in the frame of the parent, the pelvis' in the
            world.
        pelvis: (F, P, 3) float64 metres, position of the pelvis joint.
        betas: (P, 10) float64 shape coefficients of `body()`.
        genders: (P) of "female", "male", "neutral"; the body is the same for all, only shapes lean.
        present: (F, P) bool, who is there; the other arrays are filled for everybody all the time.
        cameras: by name, in order.
        stools: (P) height in metres of the stool under a sitting person, 0 for the others.
    """

    fps: float
    rotations: Floats
    pelvis: Floats
    betas: Floats
    genders: tuple[str, ...]
    present: npt.NDArray[np.bool_]
    cameras: Mapping[str, Camera]
    stools: Floats

    @property
    def frames(self) -> int:
        """Number of frames F."""
        return len(self.pelvis)

    @property
    def people(self) -> int:
        """Number of people P, whether or not they are there."""
        return len(self.betas)

    @property
    def body(self) -> Body:
        """The body of everybody, before shape and pose."""
        return body()

    @functools.cached_property
    def _rest(self) -> tuple[Floats, Floats]:
        return body().shaped(self.betas)

    @functools.cached_property
    def _posed(self) -> tuple[Floats, Floats]:
        """Global rotations (F, P, 24, 3, 3) and positions (F, P, 24, 3) of the SMPL joints."""
        joints = len(body().joints)
        return pose(self.rotations, self.pelvis, body().parents, self._rest[1][:, :joints])

    @property
    def translation(self) -> Floats:
        """SMPL's `transl` (F, P, 3) metres: the pelvis less its rest position, as the model adds it."""
        return np.asarray(self.pelvis - self._rest[1][:, 0])

    @property
    def global_rotations(self) -> Floats:
        """(F, P, 24, 3, 3) rotations of the bones from the rest pose to the world."""
        return self._posed[0]

    @functools.cached_property
    def points(self) -> dict[str, Floats]:
        """All points of the vocabulary of skeletons in the world: name -> (F, P, 3) float64 metres."""
        turned, placed = self._posed
        rest = self._rest[1]
        result: dict[str, Floats] = {}
        for n, (name, bone) in enumerate(zip(body().points, body().bones, strict=True)):
            offset = rest[:, n] - rest[:, bone]
            moved = np.einsum("fpij,pj->fpi", turned[:, :, bone], offset)
            result[name] = placed[:, :, bone] + moved
        for name, others in figure.MEANS.items():
            result[name] = np.mean([result[other] for other in others], axis=0)
        return result

    def joints(self, skeleton_name: str) -> Floats:
        """Joints of a skeleton by name: (F, P, J, 3) float64 metres, world; NaN where a person is absent.

        Raises:
            UsageError: there is no such skeleton.
        """
        placed = [self.points[point] for point in skeleton(skeleton_name).points]
        return np.where(self.present[:, :, None, None], np.stack(placed, axis=2), np.nan)

    def vertices(self, frame: int) -> Floats:
        """Posed meshes of everybody in one frame, present or not: (P, 6890, 3) float64 metres, world."""
        vertices, points = self._rest
        turned, placed = self._posed
        rest = points[:, : len(body().joints)]
        return skin(turned[frame], placed[frame], rest, vertices, body().weights)


def scene(
    *,
    frames: int = 30,
    people: int = 3,
    motion: str = "mixed",
    seed: int = 0,
    cameras: tuple[str, ...] = ("0", "1", "2", "3"),
    size: tuple[int, int] = (1920, 1080),
    fps: float = 29.97,
    absences: bool = True,
) -> Scene:
    """Make a scene; the same arguments give the same scene.

    Args:
        frames: how many.
        people: how many; none is allowed.
        motion: what people do: walk, sit, stand, crowd (close together, bodies touch) or mixed.
        seed: of everything random.
        cameras: names of the cameras; they stand in a ring around the people.
        size: width and height of the images in pixels.
        fps: frames per second.
        absences: whether some people come late or leave early. The first person is always there.

    Raises:
        UsageError: an unknown motion, or a number that makes no scene.
    """
    if motion not in MOTIONS:
        raise UsageError(
            f"there is no motion {motion!r}",
            expected=f"one of: {', '.join(MOTIONS)}",
            action="check the spelling",
        )
    _check_numbers(frames, people, size, seed)
    betas, genders = _persons(people, seed)
    builds = _builds(betas)
    plans = _plans(motion, people, seed)
    times = np.arange(frames) / fps
    moves = [
        _move(plan, times, build, np.random.default_rng((seed, 1, n)))
        for n, (plan, build) in enumerate(zip(plans, builds, strict=True))
    ]
    seats = [build.seat if plan.motion == "sit" else 0.0 for plan, build in zip(plans, builds, strict=True)]
    return Scene(
        fps=fps,
        rotations=np.stack([m.rotations for m in moves], axis=1)
        if moves
        else np.zeros((frames, 0, 24, 3, 3)),
        pelvis=np.stack([m.pelvis for m in moves], axis=1) if moves else np.zeros((frames, 0, 3)),
        betas=betas,
        genders=genders,
        present=_presence(frames, people, seed, absences=absences),
        cameras=camera_ring(cameras, size, seed),
        stools=np.array(seats),
    )


@dataclass(frozen=True)
class _Plan:
    """What one person does and where: motion, place (2,) metres, yaw radians, radius of a walker's path."""

    motion: str
    place: Floats
    yaw: float
    radius: float = 0.0


def _persons(people: int, seed: int) -> tuple[Floats, tuple[str, ...]]:
    betas, genders = np.zeros((people, SHAPES)), []
    for n in range(people):
        rng = np.random.default_rng((seed, 0, n))
        gender = GENDERS[int(rng.integers(3))]
        betas[n] = np.clip(rng.normal(0.0, 1.0, SHAPES), -2.0, 2.0)
        betas[n, 0] += {"female": -0.7, "male": 0.7, "neutral": 0.0}[gender]
        genders.append(gender)
    return betas, tuple(genders)


def _builds(betas: Floats) -> list[Build]:
    vertices, points = body().shaped(betas)
    ankle = body().points.index("left_ankle")
    return [
        Build(rest[: len(body().joints)], float(rest[ankle, 1] - mesh[:, 1].min()))
        for mesh, rest in zip(vertices, points, strict=True)
    ]


def _plans(motion: str, people: int, seed: int) -> list[_Plan]:
    """Places for everybody: sitters and standers on a circle looking inwards, a crowd on a tight spiral."""
    rng = np.random.default_rng((seed, 2))
    turn = rng.uniform(0, 2 * np.pi)
    circle = max(1.1, 0.2 * people)
    plans = []
    for n in range(people):
        kind = ("walk", "sit", "stand")[n % 3] if motion == "mixed" else motion
        angle = turn + 2 * np.pi * n / max(people, 1) + rng.uniform(-0.15, 0.15)
        place = circle * rng.uniform(0.85, 1.15) * np.array([np.cos(angle), np.sin(angle)])
        yaw = angle + np.pi + rng.uniform(-0.5, 0.5)
        radius = circle + rng.uniform(0.6, 1.2)
        if motion == "walk":
            radius = rng.uniform(1.2, 1.5) + 0.35 * (n % 8)
        if kind == "crowd":
            # a sunflower: everybody has a neighbour at less than an arm's length, however many there are
            angle = turn + n * np.pi * (3 - np.sqrt(5))
            place = 0.21 * np.sqrt(n + 0.5) * np.array([np.cos(angle), np.sin(angle)])
            yaw = angle + np.pi + rng.uniform(-0.7, 0.7)
        plans.append(_Plan(kind, place, float(yaw), float(radius)))
    return plans


def _move(plan: _Plan, times: Floats, build: Build, rng: np.random.Generator) -> Motion:
    if plan.motion == "walk":
        return walk(times, build, rng, np.zeros(2), plan.radius)
    if plan.motion == "sit":
        return sit(times, build, rng, plan.place, plan.yaw)
    reach = float(rng.uniform(0.2, 0.8)) if plan.motion == "crowd" else 0.0
    return stand(times, build, rng, plan.place, plan.yaw, reach)


def _presence(frames: int, people: int, seed: int, *, absences: bool) -> npt.NDArray[np.bool_]:
    """Who is there: everybody, or from the second person on every other one only part of the time."""
    present = np.ones((frames, people), dtype=np.bool_)
    rng = np.random.default_rng((seed, 3))
    for n in range(1, people, 2):
        cut = int(rng.integers(1, max(frames // 3, 1) + 1)) if frames > 1 else 0
        if absences and rng.random() < 0.5:
            present[:cut, n] = False
        elif absences:
            present[frames - cut :, n] = False
    return present


def _check_numbers(frames: int, people: int, size: tuple[int, int], seed: int) -> None:
    few = frames >= 1 and 0 <= people <= MOST_POSES // frames
    if not few or not 1 <= min(size) <= max(size) <= LONGEST_SIDE or seed < 0:
        raise UsageError(
            f"{frames} frames of {people} people in {size[0]}x{size[1]} pixels, seed {seed}, make no scene",
            expected=f"a frame or more, frames times people up to {MOST_POSES:,}, sides to {LONGEST_SIDE:,}",
            action="correct the numbers; none is negative",
        )
