"""The depth buffer in torch: the bits of the compiled one, on scenes with everything that can be wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from closed_meshes import blob, sphere

from mhbench.cameras import Camera
from mhbench.errors import ShapeError, UsageError
from mhbench.volumes import depth_maps, label_map, zbuffer_torch

WIDTH, HEIGHT = 70, 50


def scene(seed, people=5):
    """People in front of the camera, behind it, through its plane, broken, flat, and one twice."""
    random = np.random.default_rng(seed)
    meshes = []
    for _ in range(people):
        vertices, faces = blob(random, splits=2)
        meshes.append(vertices + [*random.uniform(-1, 1, 2), random.uniform(-1, 5)])
    meshes[1][3] = [np.nan, np.inf, -np.inf][seed % 3]
    meshes[2][: len(meshes[2]) // 2] = meshes[2][0]  # half of its triangles have no area
    meshes[3][:, 2] = meshes[3][0, 2]  # flat, parallel to the image
    meshes.append(meshes[0].copy())
    meshes.append(meshes[4] * 1e18)
    K = np.array([[60.0, 0.3, 34.5], [0, 64, 24.25], [0, 0, 1]])
    return np.stack(meshes), faces, Camera(K, width=WIDTH, height=HEIGHT)


def tensors(vertices, faces, camera):
    points = torch.as_tensor(vertices)
    return points, torch.as_tensor(faces), zbuffer_torch.pinhole(points, torch.as_tensor(camera.K))


@pytest.mark.parametrize("at_once", [97, zbuffer_torch.AT_ONCE])
def test_the_bits_of_the_compiled_buffer(monkeypatch, at_once):
    monkeypatch.setattr(zbuffer_torch, "AT_ONCE", at_once)
    scenes = [scene(seed) for seed in range(12 if at_once > 97 else 3)]
    people = np.stack([vertices for vertices, _, _ in scenes])
    _, faces, camera = scenes[0]
    given = tensors(people, faces, camera)
    labels, depth = zbuffer_torch.label_maps(*given, HEIGHT, WIDTH)
    alone = zbuffer_torch.depth_maps(*given, HEIGHT, WIDTH)
    assert labels.dtype == torch.int16
    for number, vertices in enumerate(people):
        expected = label_map(vertices, faces, camera)
        assert len(np.unique(expected.labels)) > 2 or number
        np.testing.assert_array_equal(labels[number].numpy(), expected.labels)
        np.testing.assert_array_equal(depth[number].numpy(), expected.depth)
        np.testing.assert_array_equal(alone[number].numpy(), depth_maps(vertices, faces, camera))


def test_the_bits_through_a_lens():
    vertices, faces, camera = scene(3)
    bent = Camera(camera.K, np.array([-0.2, 0.1, 1e-3, -1e-3, 0, 0, 0, 0]), "opencv", width=70, height=50)
    pixels = torch.as_tensor(bent.project(vertices))[None]
    points = torch.as_tensor(vertices)[None]
    labels, depth = zbuffer_torch.label_maps(points, torch.as_tensor(faces), pixels, HEIGHT, WIDTH)
    expected = label_map(vertices, faces, bent)
    np.testing.assert_array_equal(labels[0].numpy(), expected.labels)
    np.testing.assert_array_equal(depth[0].numpy(), expected.depth)


def test_nobody_and_nothing():
    vertices, faces, camera = scene(0)
    for people, triangles in (
        (vertices[:0], faces),
        (vertices, faces[:0]),
        (-vertices[:1] - [0, 0, 9], faces),
    ):
        given = tensors(people[None], triangles, camera)
        labels, depth = zbuffer_torch.label_maps(*given, HEIGHT, WIDTH)
        assert labels.shape == (1, HEIGHT, WIDTH)
        assert not labels.any()
        assert torch.isinf(depth).all()
        alone = zbuffer_torch.depth_maps(*given, HEIGHT, WIDTH)
        assert alone.shape == (1, len(people), HEIGHT, WIDTH)
        assert torch.isinf(alone).all()


def test_gradients_of_a_depth_are_those_of_finite_differences():
    vertices, faces = sphere(0.5, centre=(0.1, 0, 2), splits=1)
    K = torch.tensor([[20.0, 0, 10.3], [0, 20, 10.2], [0, 0, 1]], dtype=torch.float64)
    triangles = torch.as_tensor(faces)

    def weighed(points):
        pixels = zbuffer_torch.pinhole(points, K)
        depth = zbuffer_torch.depth_maps(points, triangles, pixels, 20, 20)
        drawn = torch.isfinite(depth)
        weights = torch.arange(drawn.sum(), dtype=torch.float64).cos()
        return drawn, (depth[drawn].double() * weights).sum()

    nobody = torch.full((1, 1, len(vertices), 3), torch.nan, dtype=torch.float64)
    points = torch.cat([torch.as_tensor(vertices)[None, None], nobody], dim=1).requires_grad_()
    drawn, value = weighed(points)
    value.backward()
    assert torch.isfinite(points.grad).all()
    assert not points.grad[0, 1].any()
    checked, step = 0, 1e-4  # depth is float32: the difference needs a long step
    for index in np.ndindex(1, 1, len(vertices), 3):
        ends = []
        for side in (-step, step):
            moved = points.detach().clone()
            moved[index] += side
            outline, end = weighed(moved)
            ends.append(end.item() if torch.equal(outline, drawn) else np.nan)
        slope = (ends[1] - ends[0]) / (2 * step)
        if np.isfinite(slope):  # where the outline stays
            checked += 1
            assert points.grad[index].item() == pytest.approx(slope, abs=0.02)
    assert checked > 30


def test_refusals():
    vertices, faces, camera = scene(1)
    points, triangles, pixels = tensors(vertices[None], faces, camera)
    with pytest.raises(ShapeError, match="do not belong together"):
        zbuffer_torch.label_maps(points[0], triangles, pixels, HEIGHT, WIDTH)
    with pytest.raises(ShapeError, match="faces name vertices"):
        zbuffer_torch.depth_maps(points, triangles + points.shape[2], pixels, HEIGHT, WIDTH)
    with pytest.raises(UsageError, match="70 x 0 pixels"):
        zbuffer_torch.label_maps(points, triangles, pixels, 0, WIDTH)
