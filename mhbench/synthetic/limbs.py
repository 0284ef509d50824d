"""Rotations of limbs: legs solved backwards from planted feet, arms and torso set by angles.

World axes: metres, z up. A body's own axes are SMPL's: y up, x to its left, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.synthetic import figure

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Rotations = dict[str, npt.NDArray[np.float64]]  # joint -> (F, 3, 3), in the frame of its parent

JOINTS: Final = figure.joint_names()
# body axes (y up, x left, z forward) -> world axes (z up) of a person who looks along x
_UPRIGHT: Final = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_X: Final = (1.0, 0.0, 0.0)
_Y: Final = (0.0, 1.0, 0.0)
_Z: Final = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Build:
    """What a motion must know of a person.

    Attributes:
        rest: (24, 3) metres, rest joints.
        sole: metres from the ankle down to the sole.
    """

    rest: Floats
    sole: float

    def at(self, joint: str) -> Floats:
        """Rest position (3,) of a joint."""
        place: Floats = self.rest[JOINTS.index(joint)]
        return place

    def bone(self, start: str, end: str) -> float:
        """Length in metres between two rest joints."""
        return float(np.sqrt(((self.at(end) - self.at(start)) ** 2).sum()))

    @property
    def leg(self) -> float:
        """Length in metres of the stretched leg, hip to ankle."""
        return self.bone("left_hip", "left_knee") + self.bone("left_knee", "left_ankle")

    @property
    def seat(self) -> float:
        """Height in metres of the seat this person sits well on."""
        return self.bone("left_knee", "left_ankle") + self.sole - 0.06


@dataclass(frozen=True)
class Feet:
    """Where both feet are (left, right): ground point under the ankle (F, 2, 3) metres, yaw and pitch (F, 2).

    Yaw in radians, 0 along world x; pitch in degrees, positive when the toes point down.
    """

    place: Floats
    yaw: Floats
    pitch: Floats


def rotation(axis: tuple[float, float, float], degrees: Floats | float) -> Floats:
    """Rotations by angles (...) in degrees about a unit axis: (..., 3, 3)."""
    angle = np.radians(np.asarray(degrees, dtype=np.float64))[..., None, None]
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross))


def chain(*rotations: Floats) -> Floats:
    """Product of rotations (..., 3, 3), the last is applied first."""
    product = rotations[0]
    for other in rotations[1:]:
        product = np.einsum("...ij,...jk->...ik", product, other)
    return product


def facing(yaw: Floats) -> Floats:
    """Global rotation of a pelvis that looks along `yaw` (...) radians, upright."""
    return chain(rotation(_Z, np.degrees(yaw)), _UPRIGHT)


def ahead(yaw: Floats) -> Floats:
    """Unit ground vectors (..., 2) along `yaw` (...) radians."""
    return np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)


def trunk(yaw: Floats, lean: Floats, twist: Floats, glance: Floats) -> Rotations:
    """Pelvis along `yaw`, spine leaning forward and twisting, head turned; all (F,), degrees except yaw."""
    third = chain(rotation(_X, lean / 3), rotation(_Y, twist / 3))
    head = chain(rotation(_Y, glance / 2), rotation(_X, -lean / 4))
    return {
        "pelvis": facing(yaw),
        "spine1": third,
        "spine2": third,
        "spine3": third,
        "neck": head,
        "smpl_head": head,
    }


def arm(side: str, swing: Floats, spread: Floats, bend: Floats) -> Rotations:
    """Arm of one side, `left` or `right`.

    Args:
        side: which arm.
        swing: (F,) degrees the hanging arm is swung forward.
        spread: (F,) degrees it stands off the body sideways; 90 is straight out.
        bend: (F,) degrees the elbow is bent.
    """
    sign = 1.0 if side == "left" else -1.0
    collar = -sign * (8.0 - np.maximum(spread - 60.0, 0.0) / 4)
    return {
        f"{side}_collar": rotation(_Z, collar),
        f"{side}_shoulder": chain(rotation(_X, -swing), rotation(_Z, -sign * (90.0 - spread) - collar)),
        f"{side}_elbow": rotation(_Y, -sign * bend),
    }


def hips(build: Build, pelvis: Floats, turned: Floats) -> Floats:
    """World positions (F, 2, 3) of the left and right hip of a pelvis at (F, 3) turned by (F, 3, 3)."""
    offsets = np.stack([build.at(f"{side}_hip") - build.at("pelvis") for side in ("left", "right")])
    return np.asarray(pelvis[:, None] + np.einsum("fij,sj->fsi", turned, offsets))


def legs(build: Build, pelvis: Floats, turned: Floats, feet: Feet) -> Rotations:
    """Rotations of hips, knees and ankles that put the feet where they are wanted.

    A foot out of reach is left on the line to its place, with the leg stretched.
    """
    result: Rotations = {}
    start = hips(build, pelvis, turned)
    front = turned[:, :, 2]
    for n, side in enumerate(("left", "right")):
        thigh = build.at(f"{side}_knee") - build.at(f"{side}_hip")
        shin = build.at(f"{side}_ankle") - build.at(f"{side}_knee")
        goal = feet.place[:, n] + np.array([0.0, 0.0, build.sole])
        knee, ankle, left = _hinge(
            start[:, n], goal, front, float(np.linalg.norm(thigh)), float(np.linalg.norm(shin))
        )
        upper = chain(_frame(knee - start[:, n], left), _frame(thigh, np.array(_X)).T)
        lower = chain(_frame(ankle - knee, left), _frame(shin, np.array(_X)).T)
        foot = chain(facing(feet.yaw[:, n]), rotation(_X, feet.pitch[:, n]))
        result[f"{side}_hip"] = chain(turned.swapaxes(-1, -2), upper)
        result[f"{side}_knee"] = chain(upper.swapaxes(-1, -2), lower)
        result[f"{side}_ankle"] = chain(lower.swapaxes(-1, -2), foot)
    return result


def stack(rotations: Rotations, frames: int) -> Floats:
    """Rotations of all 24 joints (F, 24, 3, 3); joints that are not named keep their rest rotation."""
    still = np.broadcast_to(np.eye(3), (frames, 3, 3))
    return np.stack([np.broadcast_to(rotations.get(name, still), (frames, 3, 3)) for name in JOINTS], axis=1)


def _hinge(
    start: Floats, goal: Floats, front: Floats, first: float, second: float
) -> tuple[Floats, Floats, Floats]:
    """Knee, ankle and the leg's left axis of a two-bone leg whose knee points to the front: each (F, 3)."""
    way = goal - start
    distance = np.linalg.norm(way, axis=-1, keepdims=True)
    along = way / distance
    reach = np.clip(distance, abs(first - second) + 1e-3, (first + second) * 0.9995)
    aside = front - (front * along).sum(axis=-1, keepdims=True) * along
    aside = aside / np.linalg.norm(aside, axis=-1, keepdims=True)
    cosine = (first**2 + reach**2 - second**2) / (2 * first * reach)
    knee = start + first * (cosine * along + np.sqrt(np.maximum(1 - cosine**2, 0)) * aside)
    return knee, start + reach * along, np.cross(aside, along)


def _frame(direction: Floats, left: Floats) -> Floats:
    """Orthonormal frames (..., 3, 3) of columns: direction, left at right angles to it, their product."""
    down = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    across = left - (left * down).sum(axis=-1, keepdims=True) * down
    across = across / np.linalg.norm(across, axis=-1, keepdims=True)
    return np.stack([down, across, np.cross(down, across)], axis=-1)
