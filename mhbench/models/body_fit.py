"""A body of the SMPL family fitted to the surface of a volume and to joints (BodyNet, equation 6).

First the pose to the joints, with the mean shape; then pose and shape to the closest points of the surface
and of the body, in both directions, weighted by the confidence of the surface, and to the joints. Both steps
are Gauss-Newton's, as the paper's dogleg is, with the closest points found anew in each. Three things are
ours: the distances count mostly along the normals of the body (points slide along a surface whose triangles
are no larger than the cells); priors that hold the pose near that of the joints and the shape near the mean
stand in for SMPLify's, whose data are licensed; and volumes that mark every cell a body touches can be
thinned. Derivatives are differences of bodies skinned in one batch, as exact as Gauss-Newton's method has use
for. Everything is float64 on the CPU, and deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from mhbench.bodies import axis_angles_of
from mhbench.errors import InputError
from mhbench.metrics import procrustes

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.bodies import BodyModel
    from mhbench.volumes.isosurface import Isosurface

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

UPRIGHT: Final = (np.pi, 0.0, 0.0)
"""Root rotation of a body that stands upright in a camera whose y axis points down, and faces it."""
_JOINT_STEPS: Final = 30
_LARGEST_TURN: Final = 0.5  # radians of any joint in one step
_SETTLED: Final = 5e-4  # metres that a vertex or joint moves
_POSE_PRIOR: Final = 1e-4  # m^2 per rad^2, where only joints are known: turns about a bone stay as they are
_MEAN_SHAPE: Final = 1e3  # m^2 per coefficient: as good as fixed
_DIFFERENCE: Final = 1e-6  # of an unknown: its square is lost beside the slope, and the rounding too


@dataclass(frozen=True)
class FitOptions:
    """Weights of a fit.

    Attributes:
        joint_weight: of the squared distance of a joint, that of a surface point being its confidence; 5 in
            the paper, while its code multiplies the distance by 5, which is 25.
        tangential: share of a distance along the surface that counts; 1 is the paper's Chamfer distance.
        pose_weight: m^2 per rad^2 by which each joint is held at its rotation of the first step.
        shape_weight: m^2 by which each shape coefficient is held at 0; the published code ends with 0.0025
            (5 beside the 100 of a distance, both squared). More of it suits volumes with limbs missing.
        steps: most steps of the second part; it ends when nothing moves any more.
        thinned: take off what a volume that marks every touched cell is too thick by.
    """

    joint_weight: float = 5.0
    tangential: float = 0.05
    pose_weight: float = 0.01
    shape_weight: float = 0.0025
    steps: int = 20
    thinned: bool = False


class FittedBody(NamedTuple):
    """A fitted body.

    Attributes:
        pose: (3 J,) axis-angle, rad.
        betas: (B,) shape coefficients.
        transl: (3,) m.
        distance: m, root of the mean squared distance of the surface from the body's nearest vertices.
        steps: of the second part.
    """

    pose: Floats
    betas: Floats
    transl: Floats
    distance: float
    steps: int


def fit_body(
    model: BodyModel,
    surface: Isosurface,
    cell: Floats,
    joints: Floats | None = None,
    *,
    options: FitOptions | None = None,
    free: bool = True,
) -> FittedBody:
    """Fit a body to a surface.

    Args:
        model: the body model.
        surface: the surface of a volume.
        cell: (3,) m, sides of the cells the volume had.
        joints: (J, 3) m, predicted joints of the model, in the frame of the surface; NaN = unknown. Without
            any, the fit begins with an upright body of the rest pose, which finds few other poses.
        options: weights.
        free: the translation is fitted too; else the body stands at the model's origin.

    Raises:
        InputError: fewer than three joints are known, where any are given.
        MissingExtraError: smplx is not installed.
    """
    chosen = options or FitOptions()
    unknowns = _Unknowns(model, free=free)
    if joints is None:
        start = unknowns.standing(surface.points.mean(axis=0))
    else:
        start = _fit_joints(unknowns, joints)
    end, steps = _fit_surface(unknowns, start, surface, cell, joints, chosen)
    pose, betas, transl = unknowns.split(end)
    mesh = model.vertices(pose[None], betas[None], transl[None])[0]
    gaps = cKDTree(mesh).query(surface.points)[0]
    return FittedBody(pose, betas, transl, float(np.sqrt(np.mean(gaps**2))), steps)


class _Unknowns:
    """The vector that is fitted: pose, shape and, if free, translation; and what it makes of the model."""

    def __init__(self, model: BodyModel, *, free: bool) -> None:
        self.model = model
        self.free = free
        self.pose = 3 * len(model.parents)
        self.shapes = model.shapedirs.shape[2]
        self.size = self.pose + self.shapes + (3 if free else 0)

    def split(self, values: Floats) -> tuple[Floats, Floats, Floats]:
        """Pose, shape coefficients and translation (..., 3) of vectors (..., size)."""
        end = self.pose + self.shapes
        shift = values[..., end:] if self.free else np.zeros((*values.shape[:-1], 3))
        return values[..., : self.pose], values[..., self.pose : end], shift

    def standing(self, centre: Floats) -> Floats:
        """An upright body of the mean shape, in the middle of a place if its translation is free."""
        values = np.zeros(self.size)
        values[:3] = UPRIGHT
        if self.free:
            values[-3:] = centre - self.model.vertices(*self.split(values[None]))[0].mean(axis=0)
        return values

    def vertices(self, values: Floats) -> tuple[Floats, Floats]:
        """Vertices (V, 3) m and their derivatives (V, 3, size)."""
        return _slopes(self.model.vertices(*self.split(self._varied(values))))

    def joints(self, values: Floats) -> tuple[Floats, Floats]:
        """Joints (J, 3) m and their derivatives (J, 3, size)."""
        return _slopes(self.model.joints(*self.split(self._varied(values))))

    def _varied(self, values: Floats) -> Floats:
        """The vector, and below it the vector with each of its numbers a little larger."""
        return values + _DIFFERENCE * np.eye(self.size + 1, self.size, k=-1)


def _slopes(points: Floats) -> tuple[Floats, Floats]:
    slopes = np.moveaxis((points[1:] - points[0]) / _DIFFERENCE, 0, -1)
    return points[0], np.ascontiguousarray(slopes)


def _fit_joints(unknowns: _Unknowns, joints: Floats) -> Floats:
    """The pose of the mean shape whose joints are nearest to those given."""
    known = np.isfinite(joints).all(axis=1)
    if known.sum() < 3:
        raise InputError(
            f"{known.sum()} joints of the body model are known",
            expected="three or more, or no joints at all",
            action="predict more joints, or leave joints3d out",
        )
    rest = unknowns.model.rest_joints(np.zeros((1, 1)))[0]
    turn = procrustes(rest[None, known], joints[None, known], scale=False)
    values = np.zeros(unknowns.size)
    values[:3] = axis_angles_of(turn.rotation)[0]
    if unknowns.free:
        values[-3:] = (joints - unknowns.joints(values)[0])[known].mean(axis=0)
    prior = np.zeros(unknowns.size)
    prior[3 : unknowns.pose] = _POSE_PRIOR
    prior[unknowns.pose : unknowns.pose + unknowns.shapes] = _MEAN_SHAPE
    for _ in range(_JOINT_STEPS):
        places, slopes = unknowns.joints(values)
        slope = slopes[known].reshape(-1, unknowns.size)
        pull = slope.T @ (joints - places)[known].ravel() - prior * values
        step = np.linalg.solve(slope.T @ slope + np.diag(prior + _POSE_PRIOR), pull)
        step *= min(1.0, _LARGEST_TURN / max(np.abs(step).max(), 1e-12))
        values = values + step
        if np.abs(slope @ step).max() < _SETTLED:
            break
    return values


def _fit_surface(
    unknowns: _Unknowns,
    start: Floats,
    surface: Isosurface,
    cell: Floats,
    joints: Floats | None,
    options: FitOptions,
) -> tuple[Floats, int]:
    """Pose and shape whose body is nearest to a surface, and the steps it took."""
    shape = slice(unknowns.pose, unknowns.pose + unknowns.shapes)
    tree = cKDTree(surface.points)
    hold = np.zeros(unknowns.size)
    hold[3 : unknowns.pose] = options.pose_weight
    hold[shape] = options.shape_weight
    wanted = start.copy()
    wanted[shape] = 0.0
    values, taken = start, 0
    while taken < options.steps:
        taken += 1
        body, slopes = unknowns.vertices(values)
        stiffness, force = _pulls(body, unknowns.model.faces, surface, tree, cell, options)
        surface_slope = slopes.reshape(-1, unknowns.size)
        square = surface_slope.T @ (stiffness @ slopes).reshape(surface_slope.shape)
        pull = surface_slope.T @ force.ravel()
        if joints is not None:
            known = np.isfinite(joints).all(axis=1)
            places, slopes = unknowns.joints(values)
            slope = slopes[known].reshape(-1, unknowns.size)
            square += options.joint_weight * slope.T @ slope
            pull += options.joint_weight * slope.T @ (joints - places)[known].ravel()
        step = np.linalg.solve(square + np.diag(hold), pull + hold * (wanted - values))
        step *= min(1.0, _LARGEST_TURN / max(np.abs(step[: unknowns.pose]).max(), 1e-12))
        values = values + step
        if np.abs(surface_slope @ step).max() < _SETTLED:
            break
    return values, taken


def _pulls(
    body: Floats, faces: Integers, surface: Isosurface, tree: cKDTree, cell: Floats, options: FitOptions
) -> tuple[Floats, Floats]:
    """What the closest points of both directions do to each vertex: stiffness (V, 3, 3) and force (V, 3)."""
    nearest = tree.query(body)[1]
    vertex = np.concatenate([cKDTree(body).query(surface.points)[1], np.arange(len(body))])
    point = np.concatenate([np.arange(len(surface.points)), nearest])
    normals = _normals(body, faces)
    along = normals[vertex]
    gap = surface.points[point] - body[vertex]
    if options.thinned:
        gap -= along * _thickness(along, cell)[:, None]
    weight = surface.confidence[point]
    # w (n n' + t (1 - n n')): the part along the normal as a whole, the rest by its share
    straight = weight[:, None] * ((1 - options.tangential) * (gap * along).sum(axis=1)[:, None] * along)
    force = _summed(straight + options.tangential * weight[:, None] * gap, vertex, len(body))
    total = np.bincount(vertex, weight, len(body))[:, None, None]
    outer = normals[:, :, None] * normals[:, None, :]
    return total * ((1 - options.tangential) * outer + options.tangential * np.eye(3)), force


def _thickness(normals: Floats, cell: Floats) -> Floats:
    """How far beyond a plane its touched cells end on average, (N,) m by its normals (N, 3)."""
    return np.asarray(np.abs(normals) @ cell / 2)


def _normals(vertices: Floats, faces: Integers) -> Floats:
    """Unit normals (V, 3) of a mesh at its vertices."""
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = _summed(np.repeat(cross, 3, axis=0), faces.ravel(), len(vertices))
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))


def _summed(rows: Floats, index: Integers, size: int) -> Floats:
    """Sums (size, 3) of the rows (N, 3) of each index."""
    return np.stack([np.bincount(index, rows[:, axis], size) for axis in range(3)], axis=1)
