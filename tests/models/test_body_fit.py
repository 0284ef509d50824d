"""Bodies fitted to surfaces: found again from their own volumes, in millimetres."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mhbench.bodies import BodyModel
from mhbench.errors import InputError
from mhbench.metrics import surface_error
from mhbench.models import body_fit
from mhbench.models.body_fit import FitOptions, fit_body
from mhbench.synthetic import body
from mhbench.volumes import voxelize
from mhbench.volumes.isosurface import Isosurface, isosurface

RESOLUTION = 64


@pytest.fixture(scope="module")
def model():
    arrays = body().model_arrays()
    names = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights")
    return BodyModel(
        gender="neutral",
        parents=np.array(body().parents),
        faces=body().triangles,
        **{n: arrays[n] for n in names},
    )


def somebody(model, seed, turn=(np.pi, 0, 0)):
    random = np.random.default_rng(seed)
    pose = random.normal(0, 0.2, 72)
    pose[:3] = turn
    betas = random.normal(0, 1, 10)
    return model.vertices(pose[None], betas)[0], model.joints(pose[None], betas)[0]


def surface_of(mesh, model, *, conservative=False):
    volume, box = voxelize(mesh, model.faces, RESOLUTION, conservative=conservative)
    cell = np.full(3, box.side / RESOLUTION)
    return isosurface(volume, box.corner, cell), cell


def error_mm(model, fit, mesh):
    return surface_error(model.vertices(fit.pose[None], fit.betas, fit.transl), mesh[None])[0]


def test_a_body_is_found_from_its_volume_and_joints(model):
    mesh, joints = somebody(model, 0, turn=(0.4, 2.0, -1.3))
    joints[[20, 21, 22]] = np.nan  # a predictor does not know all joints
    shift = np.array([0.3, -0.1, 4.0])
    surface, cell = surface_of(mesh + shift, model)
    fit = fit_body(model, surface, cell, joints + shift)
    # cells of 30 mm
    assert error_mm(model, fit, mesh + shift) < 8
    assert np.abs(fit.transl - shift).max() < 0.02
    assert fit.distance < 0.02
    short = FitOptions(steps=1)
    once, again = (fit_body(model, surface, cell, joints + shift, options=short) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(once, again, strict=True))


def test_thick_volumes_are_thinned(model):
    mesh, joints = somebody(model, 1)
    surface, cell = surface_of(mesh, model, conservative=True)
    errors = [
        error_mm(model, fit_body(model, surface, cell, joints, options=options, free=False), mesh)
        for options in (FitOptions(thinned=True, steps=8), FitOptions(steps=8))
    ]
    assert errors[0] < 12
    assert errors[1] > 1.5 * errors[0]


def test_the_chamfer_distance_of_the_paper_comes_nearer_step_by_step(model):
    mesh, joints = somebody(model, 2)
    surface, cell = surface_of(mesh, model)
    errors = []
    for steps in (1, 4, 10):
        options = FitOptions(tangential=1.0, steps=steps)
        errors.append(
            error_mm(model, fit_body(model, surface, cell, joints, options=options, free=False), mesh)
        )
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 15


def test_without_joints_an_upright_body_is_the_beginning(model):
    rest = np.zeros((1, 72))
    rest[0, :3] = np.pi * np.array([1, 0, 0])
    betas = np.array([1.5, -1, 0.5, 0, 0, 0, 0, 0, 0, 0])
    shift = np.array([0.2, 0.1, 3.0])
    mesh = model.vertices(rest, betas)[0] + shift
    surface, cell = surface_of(mesh, model)
    fit = fit_body(model, surface, cell, options=FitOptions(steps=8))
    assert error_mm(model, fit, mesh) < 10


def test_derivatives(model):
    unknowns = body_fit._Unknowns(model, free=True)
    values = np.random.default_rng(3).normal(0, 0.3, unknowns.size)
    for slopes in (unknowns.vertices(values)[1], unknowns.joints(values)[1]):
        np.testing.assert_allclose(
            slopes[..., 82:], np.broadcast_to(np.eye(3), (*slopes.shape[:2], 3)), atol=1e-8
        )
    # a turn of the root turns the body about the pelvis, about the axis the rotation vector has
    only = np.zeros(unknowns.size)
    mesh, slopes = unknowns.vertices(only)
    arm = mesh - model.rest_joints(np.zeros((1, 1)))[0, 0]
    for axis in range(3):
        np.testing.assert_allclose(slopes[..., axis], np.cross(np.eye(3)[axis], arm), atol=2e-6)
    np.testing.assert_allclose(slopes[..., 72:82], model.shapedirs, atol=1e-8)


def test_closest_points_pull_along_normals_and_by_their_share_across():
    """One vertex of a flat mesh, one point above and beside it; the others lie where they belong."""
    vertices, faces = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 0]]), np.array([[0, 1, 2]])
    points = np.array([[0.01, 0, 0.02], [9, 0, 0], [0, 9, 0]])
    surface = Isosurface(points, faces, np.array([0.5, 1, 1]))

    def pulls(**options):
        cell = np.full(3, 0.01)
        return body_fit._pulls(vertices, faces, surface, cKDTree(points), cell, FitOptions(**options))

    stiffness, force = pulls(tangential=0.1)
    # both directions, each with the point's confidence
    np.testing.assert_allclose(force[0], [2 * 0.5 * 0.1 * 0.01, 0, 2 * 0.5 * 0.02])
    np.testing.assert_allclose(stiffness[0], np.diag([0.1, 0.1, 1.0]))
    # of a plane along the axes, half a cell is too thick
    np.testing.assert_allclose(pulls(tangential=1.0, thinned=True)[1][0], [0.01, 0, 0.02 - 0.005])


def test_too_few_joints(model):
    mesh, joints = somebody(model, 4)
    joints[2:] = np.nan
    with pytest.raises(InputError, match="2 joints of the body model"):
        fit_body(model, *surface_of(mesh, model), joints)
