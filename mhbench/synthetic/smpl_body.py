"""The synthetic body: our own figure in SMPL's layout (24 joints, 6,890 vertices, 10 shapes).

Everything a model file of that layout holds is an array here, so one can be written from it. The mesh is made
once per process and is the same in every run.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.checks import check_shape
from mhbench.synthetic import figure
from mhbench.synthetic.surface import closed_surface, edges_of, neighbour_mean

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

VERTICES: Final = 6890
SHAPES: Final = 10
_SPACING: Final = 0.0206  # just too coarse for 6,890 vertices, and of genus 0
_LOW: Final = (-1.15, -1.32, -0.3)
_HIGH: Final = (1.15, 0.75, 0.35)
_SUPPORT: Final = 200  # vertices that carry one point: enough to surround a joint deep inside the trunk


@dataclass(frozen=True)
class Body:
    """A rest body in SMPL's layout and axes (y up, x to the person's left, z forward; metres).

    Attributes:
        joints: the 24 joints, as the vocabulary of skeletons names them.
        parents: their parents, -1 for the pelvis.
        points: names of all points the body knows: the joints, then the landmarks.
        bones: for each point the joint whose bone carries it.
        template: (6890, 3) rest vertices. triangles: (13776, 3) int64, counter-clockwise from outside.
        shapes: (6890, 3, 10) metres per unit of each shape coefficient.
        regressor: (points, 6890), rows sum to one; `regressor @ vertices` are the points of a rest body.
        weights: (6890, 24) skinning weights, rows sum to one, at most four per vertex.
    """

    joints: tuple[str, ...]
    parents: tuple[int, ...]
    points: tuple[str, ...]
    bones: tuple[int, ...]
    template: Floats
    triangles: Integers
    shapes: Floats
    regressor: Floats
    weights: Floats

    def shaped(self, betas: Floats) -> tuple[Floats, Floats]:
        """Rest vertices and points of people of the given shapes.

        Args:
            betas: (P, 10) shape coefficients.

        Returns:
            vertices (P, 6890, 3) and points (P, points, 3), metres, rest pose.
        """
        check_shape("betas", betas, "P 10")
        vertices = self.template + np.einsum("vcs,ps->pvc", self.shapes, betas)
        points = self.regressor @ self.template + np.einsum("lcs,ps->plc", self._point_shapes, betas)
        return vertices, points

    @functools.cached_property
    def _point_shapes(self) -> Floats:
        flat = self.regressor @ self.shapes.reshape(len(self.template), -1)
        return flat.reshape(len(self.points), 3, SHAPES)

    def model_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """The arrays of an SMPL model file of this body, under the names and shapes of the official file.

        Pose correctives (`posedirs`) are zero: this body has none.
        """
        joints = len(self.joints)
        parents = np.array(self.parents, dtype=np.int64)
        return {
            "v_template": self.template,
            "shapedirs": self.shapes,
            "posedirs": np.zeros((len(self.template), 3, 9 * (joints - 1))),
            "J_regressor": self.regressor[:joints],
            "weights": self.weights,
            # the official files hold the root's parent as the largest uint32
            "kintree_table": np.stack([parents, np.arange(joints)]).astype(np.uint32),
            "f": self.triangles.astype(np.uint32),
        }


@functools.cache
def body() -> Body:
    """The body, made once per process (about two seconds with a warm kernel cache)."""
    template, triangles = closed_surface(
        figure.solid(), figure.lenses(), np.array(_LOW), np.array(_HIGH), _SPACING, VERTICES
    )
    joints, parents = figure.joint_names(), figure.joint_parents()
    landmarks = figure.landmarks()
    places = np.concatenate([figure.joint_positions(), [place for _, place in landmarks.values()]])
    return Body(
        joints=joints,
        parents=parents,
        points=(*joints, *landmarks),
        bones=(*range(len(joints)), *(joints.index(joint) for joint, _ in landmarks.values())),
        template=template,
        triangles=triangles,
        shapes=_shapes(template, triangles),
        regressor=_regressor(template, places),
        weights=_weights(template, triangles),
    )


def pose(rotations: Floats, roots: Floats, parents: tuple[int, ...], rest: Floats) -> tuple[Floats, Floats]:
    """Global rotation and position of every joint (forward kinematics).

    Args:
        rotations: (..., 24, 3, 3) rotations of every joint in the frame of its parent.
        roots: (..., 3) position of the pelvis.
        parents: parent of every joint, parents first.
        rest: (..., 24, 3) rest positions of the joints.

    Returns:
        rotations (..., 24, 3, 3) and positions (..., 24, 3), in the frame of `roots`.
    """
    turned, placed = np.zeros_like(rotations), np.zeros((*rotations.shape[:-3], len(parents), 3))
    for joint, parent in enumerate(parents):
        if parent < 0:
            turned[..., joint, :, :] = rotations[..., joint, :, :]
            placed[..., joint, :] = roots
            continue
        bone = rest[..., joint, :] - rest[..., parent, :]
        carrier = turned[..., parent, :, :]
        turned[..., joint, :, :] = np.einsum("...ij,...jk->...ik", carrier, rotations[..., joint, :, :])
        placed[..., joint, :] = placed[..., parent, :] + np.einsum("...ij,...j->...i", carrier, bone)
    return turned, placed


def skin(turned: Floats, placed: Floats, rest: Floats, vertices: Floats, weights: Floats) -> Floats:
    """Linear blend skinning of P people: rest vertices (P, V, 3) -> posed vertices (P, V, 3).

    Args:
        turned: (P, 24, 3, 3) global rotations of the joints.
        placed: (P, 24, 3) positions of the joints.
        rest: (P, 24, 3) rest positions of the joints.
        vertices: (P, V, 3) rest vertices.
        weights: (V, 24).
    """
    shift = placed - np.einsum("pjab,pjb->pja", turned, rest)
    blended = np.einsum("vj,pjk->pvk", weights, turned.reshape(*turned.shape[:2], 9))
    moved = np.einsum("pvab,pvb->pva", blended.reshape(*vertices.shape, 3), vertices)
    return np.asarray(moved + np.einsum("vj,pjk->pvk", weights, shift))


def _regressor(vertices: Floats, places: Floats) -> Floats:
    """Rows that reproduce each place exactly: the least uneven weights on its nearest vertices."""
    rows = np.zeros((len(places), len(vertices)))
    for row, place in zip(rows, places, strict=True):
        distance = ((vertices - place) ** 2).sum(axis=1)
        near = np.argsort(distance, kind="stable")[:_SUPPORT]
        system = np.vstack([np.ones(_SUPPORT), vertices[near].T - place[:, None]])
        even = np.full(_SUPPORT, 1.0 / _SUPPORT)
        row[near] = even + np.linalg.lstsq(system, np.array([1.0, 0, 0, 0]) - system @ even, rcond=None)[0]
    return rows


def _weights(vertices: Floats, triangles: Integers, rounds: int = 24, most: int = 4) -> Floats:
    """Skinning weights: each vertex to its nearest bone, then spread along the surface.

    Along the surface and not through space, so that one thigh never moves the other.
    """
    names = figure.joint_names()
    nearest = np.full(len(vertices), np.inf)
    owner = np.zeros(len(vertices), dtype=np.int64)
    for joint, start, end, radius in figure.bones():
        along = np.clip((vertices - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
        gap = np.sqrt(((vertices - start - along[:, None] * (end - start)) ** 2).sum(axis=1)) - radius
        owner = np.where(gap < nearest, names.index(joint), owner)
        nearest = np.minimum(gap, nearest)
    spread = np.eye(len(names))[owner]
    edge = edges_of(triangles)
    for _ in range(rounds):
        spread = 0.5 * spread + 0.5 * neighbour_mean(edge, spread)
    least = np.maximum(np.sort(spread, axis=1)[:, -most], 0.01)[:, None]
    kept = np.where(spread >= least, spread, 0.0)
    return np.asarray(kept / kept.sum(axis=1, keepdims=True))


def _ramp(values: Floats, start: float, end: float) -> Floats:
    """0 before `start`, 1 after `end`, smooth between; `end` may be the smaller one."""
    share = np.clip((values - start) / (end - start), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


def _shapes(vertices: Floats, triangles: Integers) -> Floats:
    """The ten shape directions: smooth displacement fields, metres per unit (one unit is one deviation)."""
    place = dict(zip(figure.joint_names(), figure.joint_positions(), strict=True))
    x, y, z = vertices.T
    side = np.sign(x)
    arm = _ramp(np.abs(x), place["left_shoulder"][0] - 0.03, place["left_elbow"][0])
    outward = _outward(vertices, triangles)
    head = _ramp(y, place["neck"][1] + 0.02, place["smpl_head"][1] + 0.06) * (1 - arm)
    below = np.clip((place["left_hip"][1] - y) / (place["left_hip"][1] - place["left_ankle"][1]), 0, 1.1)
    torso = _ramp(y, place["pelvis"][1] - 0.05, place["neck"][1])
    waist = np.exp(-(((y - place["spine1"][1]) / 0.13) ** 2)) * (1 - arm)
    hips = np.exp(-(((y - place["left_hip"][1]) / 0.12) ** 2))
    chest = np.exp(-(((y - 0.12) / 0.1) ** 2)) * (1 - arm)
    along_arm = np.clip((np.abs(x) - place["left_shoulder"][0]) / 0.5, 0, 1.2)
    legs = _ramp(y, place["left_hip"][1] + 0.02, place["left_knee"][1] + 0.1)
    fine = _ramp(
        np.abs(x), place["left_wrist"][0] - 0.05, place["smpl_left_hand"][0]
    )  # hands keep their size
    zero = np.zeros_like(x)
    middle = place["smpl_head"] + np.array([0.0, 0.09, 0.0])
    fields = (
        0.035 * (vertices - place["pelvis"]),  # height
        0.005 * outward * (1 - 0.6 * head - 0.9 * fine)[:, None],  # girth
        np.stack([zero, -0.022 * below, zero], axis=1),  # legs
        np.stack([0.018 * side * along_arm, zero, zero], axis=1),  # arms
        np.stack([zero, 0.014 * torso, zero], axis=1),  # torso
        np.stack([0.1 * x, zero, 0.15 * z + 0.008 * (z > 0) * np.abs(z) / 0.1], axis=1) * waist[:, None],
        np.stack([0.011 * side * _ramp(np.abs(x), 0.02, 0.17) * _ramp(y, -0.02, 0.17), zero, zero], axis=1),
        np.stack([0.07 * x * hips * (1 - arm), zero, 0.07 * z * hips], axis=1),
        np.stack([0.04 * x, zero, 0.1 * z], axis=1) * chest[:, None],
        0.03 * head[:, None] * (vertices - middle) + 0.004 * outward * (legs + arm * (1 - fine))[:, None],
    )
    return np.stack(fields, axis=-1)


def _outward(vertices: Floats, triangles: Integers) -> Floats:
    """Unit normals of the vertices, smoothed so that fingers and ears do not tangle."""
    corners = vertices[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], cross)
    edge = edges_of(triangles)
    for _ in range(3):
        normals = normals / np.sqrt((normals**2).sum(axis=1, keepdims=True))
        normals = 0.5 * normals + 0.5 * neighbour_mean(edge, normals)
    return normals
