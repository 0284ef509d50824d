"""People on a street as JTA shows them: made-up crowds before cameras like the data set's, in camera axes.

What is known of JTA's crowding: 20 people per frame on average, up to 100 m away (LoCO paper), and the three
test frames of which LoCO publishes its predictions (26, 28 and 14 people, the nearest neighbour at 1.2 to
2.4 m in the median, cameras at 3.5, 4.6 and 6.3 m that look down by 23, 31 and 39 degrees).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.skeletons import skeleton
from mhbench.synthetic.scenes import scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SKELETON: Final = "loco_14"
WIDTH, HEIGHT, FOCAL = 1920, 1080, 1158.0  # of every JTA sequence
MEAN_PEOPLE, MOST_PEOPLE = 20, 60


def walkers(seed: int, people: int = 24, frames: int = 40) -> Floats:
    """(N, 14, 3) poses of walking people, metres, z up; the hips stand over the origin."""
    walk = scene(frames=frames, people=people, motion="walk", seed=seed, absences=False, cameras=("0",))
    poses = walk.joints(SKELETON).reshape(-1, len(skeleton(SKELETON).joints), 3)
    hips = [skeleton(SKELETON).joints.index(f"{side}_hip") for side in ("left", "right")]
    return np.asarray(poses - poses[:, hips].mean(axis=1, keepdims=True) * (1, 1, 0))


def crowd(random: np.random.Generator, poses: Floats, people: int) -> Floats:
    """(P, 14, 3) people, all of them in the image at least in part, metres, camera axes.

    Half of them join another one at about 1.3 m, nobody comes nearer than 0.5 m to anybody. The farthest may
    be 40 to 100 m away. The camera hangs at 2 to 7 m and looks down the more, the higher it hangs, as in the
    three frames of JTA, give or take 6 degrees.
    """
    far = random.uniform(40, 100)
    height = random.uniform(2, 7)
    pitch = np.deg2rad(4 + 5.7 * height + random.uniform(-6, 6))
    down, ahead = np.array([0, -np.sin(pitch), -np.cos(pitch)]), np.array([0, np.cos(pitch), -np.sin(pitch)])
    axes = np.stack([np.array([1, 0, 0]), down, ahead])
    places: list[Floats] = []
    seen: list[Floats] = []
    while len(seen) < people:
        place = _place(random, places, far)
        if places and np.hypot(*(np.array(places) - place).T).min() < 0.5:
            continue
        turn = random.uniform(0, 2 * np.pi)
        turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        body = poses[random.integers(len(poses))].copy()
        body[:, :2] = body[:, :2] @ turned.T + place
        body = (body - (0, 0, height)) @ axes.T
        if body[:, 2].min() > 0.5 and inside(project(body)).any():
            places.append(place)
            seen.append(body)
    return np.array(seen)


def number_of_people(random: np.random.Generator) -> int:
    """1 to 60, 20 on average."""
    return int(np.clip(np.rint(random.gamma(2, MEAN_PEOPLE / 2)), 1, MOST_PEOPLE))


def project(people: Floats) -> Floats:
    """Pixels (..., 2) of points (..., 3) in camera axes."""
    return np.asarray(FOCAL * people[..., :2] / people[..., 2:] + (WIDTH / 2, HEIGHT / 2))


def inside(pixels: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(np.all((pixels >= 0) & (pixels <= (WIDTH, HEIGHT)), axis=-1))


def close_share(people: Floats, cell: int) -> float:
    """Share of the joints in the image with one of the same type, another person's, within a cell of it."""
    pixels = project(people)
    pixels[~inside(pixels)] = np.nan
    cells = np.rint(pixels / cell).transpose(1, 0, 2)
    between = np.abs(cells[:, :, None] - cells[:, None]).max(axis=-1)
    between[:, np.arange(len(people)), np.arange(len(people))] = np.inf
    # a comparison with NaN is false
    return float(np.any(between <= 1, axis=-1).sum() / max(inside(project(people)).sum(), 1))


def _place(random: np.random.Generator, places: list[Floats], far: float) -> Floats:
    if places and random.random() < 0.5:
        return np.asarray(places[random.integers(len(places))] + random.normal(0, 1, 2))
    away, aside = random.uniform(3, far), random.uniform(-0.7, 0.7)
    return np.asarray(away * np.array([np.sin(aside), np.cos(aside)]))
