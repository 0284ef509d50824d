"""How synthetic people move: walking with planted feet, sitting, and standing.

World axes: metres, z up, the floor at z = 0, positions on the floor are (2,). Every motion is made from its
own random generator, so a person moves the same whoever else is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mhbench.synthetic.limbs import Build, Feet, ahead, arm, hips, legs, stack, trunk

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from mhbench.synthetic.limbs import Rotations

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Motion:
    """One person's motion: rotations (F, 24, 3, 3) in the parent's frame, pelvis (F, 3) metres, world."""

    rotations: Floats
    pelvis: Floats


def walk(times: Floats, build: Build, rng: np.random.Generator, centre: Floats, radius: float) -> Motion:
    """Walk round an ellipse about `centre` (2,) whose half axes are `radius` metres and a little less."""
    speed = rng.uniform(0.95, 1.35)
    start, way, flat = rng.uniform(0, 2 * np.pi), rng.choice([-1.0, 1.0]), rng.uniform(0.75, 1.0)
    step = 0.72 * build.leg * np.sqrt(speed)

    def path(distance: Floats) -> tuple[Floats, Floats]:
        angle = start + way * distance / (radius * (1 + flat) / 2)
        circle = np.stack([np.cos(angle), flat * np.sin(angle)], axis=-1)
        return centre + radius * circle, np.arctan2(way * flat * np.cos(angle), -way * np.sin(angle))

    phase = speed * times / step
    place, yaw = path(phase * step)
    feet = _footsteps(path, phase, step, 0.8 * float(build.at("left_hip")[0]))
    beat = np.sin(np.pi * (phase - 0.5))  # +1 when the right foot is furthest ahead
    rotations = trunk(
        yaw + np.radians(4) * beat, np.full(len(times), rng.uniform(1, 6)), -8 * beat, _drift(times, rng, 12)
    )
    width, bend = rng.uniform(8, 14), rng.uniform(15, 35)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        swing = rng.uniform(16, 26) * sign * beat
        rotations |= arm(side, swing, np.full(len(times), width), bend + 0.5 * np.maximum(swing, 0))
    return _on_feet(build, place, rotations, feet)


def stand(
    times: Floats, build: Build, rng: np.random.Generator, place: Floats, yaw: float, reach: float = 0.0
) -> Motion:
    """Stand at `place` looking along `yaw` radians, shifting weight; `reach` 0..1 lifts the arms forward."""
    frames = len(times)
    left, forward = ahead(np.array(yaw + np.pi / 2)), ahead(np.array(yaw))
    apart = float(build.at("left_hip")[0]) * rng.uniform(1.0, 1.7)
    stagger = rng.uniform(-0.06, 0.06)
    spots = np.stack([place + sign * (apart * left + stagger * forward) for sign in (1.0, -1.0)])
    sway = _drift(times, rng, 0.03)
    middle = place + sway[:, None] * left + 0.5 * _drift(times, rng, 0.03)[:, None] * forward
    turn = yaw + np.radians(_drift(times, rng, 5))
    rotations = trunk(
        turn, _drift(times, rng, 4) + 3 + 9 * reach, _drift(times, rng, 9), _drift(times, rng, 25)
    )
    rotations |= _gesture(times, rng, reach)
    return _on_feet(build, middle, rotations, _planted(spots, yaw, frames))


def sit(times: Floats, build: Build, rng: np.random.Generator, place: Floats, yaw: float) -> Motion:
    """Sit on a seat at `place` looking along `yaw` radians, feet on the floor in front."""
    frames = len(times)
    left, forward = ahead(np.array(yaw + np.pi / 2)), ahead(np.array(yaw))
    before = build.bone("left_hip", "left_knee") + rng.uniform(-0.08, 0.1)
    spread = rng.uniform(0.1, 0.17)
    spots = np.stack([place + before * forward + sign * spread * left for sign in (1.0, -1.0)])
    rock = _drift(times, rng, 0.01)
    middle = place + rock[:, None] * forward
    pelvis = np.column_stack([middle, np.full(frames, build.seat + 0.14)])
    lean = rng.uniform(-5, 12) + 300 * rock
    rotations = trunk(np.full(frames, yaw), lean, _drift(times, rng, 8), _drift(times, rng, 30))
    rotations |= _gesture(times, rng, 0.45)
    rotations |= legs(build, pelvis, rotations["pelvis"], _planted(spots, yaw, frames))
    return Motion(stack(rotations, frames), pelvis)


def _drift(times: Floats, rng: np.random.Generator, size: float) -> Floats:
    """Slow smooth noise of about the given size: two sines of seconds-long periods."""
    period, phase = rng.uniform([2.5, 4.5], [4.5, 8.0]), rng.uniform(0, 2 * np.pi, 2)
    return np.asarray(size * np.sin(2 * np.pi * times[:, None] / period + phase).mean(axis=1) * 1.4)


def _gesture(times: Floats, rng: np.random.Generator, reach: float) -> Rotations:
    """Arms of somebody who stands or sits: from hanging (`reach` 0) to stretched forward (1)."""
    rotations: Rotations = {}
    for side in ("left", "right"):
        lively = rng.uniform(0.2, 1.0)
        swing = 5 + 70 * reach + _drift(times, rng, 14) * lively
        bend = 12 + 45 * lively + 15 * reach + _drift(times, rng, 25) * lively
        spread = 10 + 6 * lively + _drift(times, rng, 5) * lively
        rotations |= arm(side, swing, spread, np.maximum(bend, 3.0))
    return rotations


def _planted(spots: Floats, yaw: float, frames: int) -> Feet:
    """Both feet on the floor at spots (2, 2), toes turned a little outwards."""
    place = np.zeros((frames, 2, 3))
    place[..., :2] = spots
    return Feet(place, np.tile(yaw + np.radians([8.0, -8.0]), (frames, 1)), np.zeros((frames, 2)))


def _footsteps(
    path: Callable[[Floats], tuple[Floats, Floats]], phase: Floats, step: float, aside: float
) -> Feet:
    """Feet of a walker: one stands for one step while the other swings two steps ahead.

    Args:
        path: distance (F,) metres -> place (F, 2) and yaw (F,) on the path of the pelvis.
        phase: (F,) steps walked.
        step: length of a step in metres.
        aside: metres from the path to a foot.
    """
    place, yaw, pitch = np.zeros((len(phase), 2, 3)), np.zeros((len(phase), 2)), np.zeros((len(phase), 2))
    for n, sign in ((0, 1.0), (1, -1.0)):
        cycle, local = np.divmod(phase - (1.0 - n), 2.0)
        hold = 2.0 * cycle + 1.5 - n  # the foot stands half a step before and after the pelvis passes it
        swing = np.clip(local - 1.0, 0.0, 1.0)
        share = swing * swing * (3.0 - 2.0 * swing)
        (old, old_yaw), (new, new_yaw) = path(hold * step), path((hold + 2.0) * step)
        old = old + sign * aside * ahead(old_yaw + np.pi / 2)
        new = new + sign * aside * ahead(new_yaw + np.pi / 2)
        place[:, n, :2] = old + share[:, None] * (new - old)
        place[:, n, 2] = 0.09 * np.sin(np.pi * swing) ** 2
        yaw[:, n] = old_yaw + share * (np.mod(new_yaw - old_yaw + np.pi, 2 * np.pi) - np.pi)
        pitch[:, n] = 28.0 * np.sin(np.pi * swing) * (1.0 - 1.5 * swing)
    return Feet(place, yaw, pitch)


def _on_feet(build: Build, place: Floats, rotations: Rotations, feet: Feet) -> Motion:
    """Put the pelvis over `place` (F, 2) as high as both legs allow, and solve the legs."""
    turned = rotations["pelvis"]
    pelvis = np.column_stack([place, np.zeros(len(place))])
    offset = hips(build, pelvis, turned) - feet.place
    across = np.minimum((offset[..., :2] ** 2).sum(axis=-1), (0.9 * build.leg) ** 2)
    height = build.sole + np.sqrt((0.985 * build.leg) ** 2 - across) - offset[..., 2]
    pelvis[:, 2] = _smooth(height.min(axis=1)) - 0.004
    return Motion(stack(rotations | legs(build, pelvis, turned, feet), len(place)), pelvis)


def _smooth(values: Floats, width: int = 5) -> Floats:
    """Moving average, so that the pelvis does not jerk when the weight changes feet."""
    padded = np.pad(values, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1.0 / width), mode="valid")
