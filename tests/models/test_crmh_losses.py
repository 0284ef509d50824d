"""CRMH's losses: golden values of its code, the paper's formulas in numpy, gradients, what does not count."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from closed_meshes import blob, sphere
from scipy.ndimage import map_coordinates

from mhbench.errors import ShapeError, UsageError
from mhbench.models.losses import crmh
from mhbench.models.losses.crmh import depth_order_loss, interpenetration_loss
from mhbench.volumes import signed_distance, zbuffer_torch

GOLDEN = ["collision_cases", "collision_expected"]
K = torch.tensor([[60.0, 0, 40.2], [0, 60, 30.1], [0, 0, 1]], dtype=torch.float64)


@pytest.fixture(scope="module")
def scenes(golden):
    cases = np.load(golden / "metrics_multi/collision_cases.npz")
    expected = json.loads((golden / "metrics_multi/collision_expected.json").read_text())["scenes"]
    return cases, expected, cases["faces"]


def people_of(cases, name):
    return torch.from_numpy(cases[f"{name}_vertices"] + cases[f"{name}_translation"][:, None])


@pytest.mark.parametrize("scale", [None, 0.2])
def test_interpenetration_is_that_of_the_published_code(scenes, scale):
    cases, expected, faces = scenes
    for scene in expected:
        loss = interpenetration_loss(people_of(cases, scene["name"]), faces, robust_scale=scale)
        golden = scene[f"sdf_loss_torch11_robustifier_{scale}"]
        assert loss.item() == pytest.approx(golden, rel=1e-4, abs=1e-7), scene["name"]
    assert sum(scene[f"sdf_loss_torch11_robustifier_{scale}"] > 0 for scene in expected) > 3


@pytest.mark.parametrize(
    ("form", "index"),
    [
        ("crmh", lambda x, size: (x + 1) / 2 * (size - 1)),
        ("crmh-now", lambda x, size: ((x + 1) * size - 1) / 2),
        ("paper", lambda x, size: (x + 1) / 2 * (size - 1) - 0.5),  # cells at -1 + (2 i + 1) / (D - 1)
    ],
)
def test_fields_are_sampled_where_the_form_says(form, index):
    random = np.random.default_rng(1)
    field, places = random.uniform(size=(6, 6, 6)), random.uniform(-1.4, 1.4, (200, 3))
    at = index(places[:, ::-1].T, 6)
    expected = map_coordinates(field, at, order=1, mode="grid-constant", cval=0)
    sampled = crmh._sampled(torch.from_numpy(field), torch.from_numpy(places), form)
    np.testing.assert_allclose(sampled.numpy(), expected, atol=1e-12)


def two_spheres(distance, splits=4):
    vertices, faces = sphere(0.5, splits=splits)
    return torch.from_numpy(np.stack([vertices, vertices + [distance, 0, 0]])), faces


def test_interpenetration_on_paper_is_its_formula_with_exact_depths():
    people, faces = two_spheres(0.7)
    third = people[:1] + torch.tensor([0.2, 0.75, 0.1])
    people = torch.cat([people, third])
    arrays = people.numpy()
    met = [
        sum(
            np.maximum(-signed_distance(host, faces, guest), 0).sum() for host in np.delete(arrays, j, axis=0)
        )
        for j, guest in enumerate(arrays)
    ]
    # trilinear between cells of 39 mm: a hundredth of the sum
    plain = interpenetration_loss(people, faces, form="paper", robust_scale=None)
    assert plain.item() == pytest.approx(sum(met), rel=0.03)
    robust = interpenetration_loss(people, faces, form="paper", robust_scale=20.0)
    assert robust.item() == pytest.approx(sum(x**2 / (x**2 + 20.0**2) for x in met), rel=0.06)
    # in units of half the cube and for each vertex, as coded, it is another number
    assert interpenetration_loss(people, faces).item() != pytest.approx(robust.item(), rel=0.2)


def test_who_takes_part(scenes):
    cases, _, faces = scenes
    pair = people_of(cases, "two_graze")
    far = pair[:1] + 50.0
    three = torch.cat([pair, far])
    # the code of the release drops whoever misses anybody, here everybody
    assert interpenetration_loss(three, faces).item() == 0
    assert interpenetration_loss(three, faces, form="crmh-now").item() > 0
    alone = interpenetration_loss(pair, faces, form="paper")
    assert interpenetration_loss(three, faces, form="paper").item() == pytest.approx(alone.item(), rel=1e-6)
    # divided by the square of the people
    now = interpenetration_loss(pair, faces, form="crmh-now").item()
    assert interpenetration_loss(three, faces, form="crmh-now").item() == pytest.approx(now * 4 / 9, rel=1e-6)


@pytest.mark.parametrize("form", ["crmh", "crmh-now", "paper"])
def test_place_and_order_of_the_people_do_not_matter(form):
    random = np.random.default_rng(9)
    vertices, faces = blob(random, splits=2)
    people = torch.from_numpy(np.stack([vertices + shift for shift in random.uniform(-0.2, 0.2, (4, 3))]))
    loss = interpenetration_loss(people, faces, form=form).item()
    assert loss > 0
    moved = people + torch.tensor([3.0, -1.0, 7.0])
    assert interpenetration_loss(moved, faces, form=form).item() == pytest.approx(loss, rel=1e-6)
    turned = people[[2, 0, 3, 1]]
    assert interpenetration_loss(turned, faces, form=form).item() == pytest.approx(loss, rel=1e-9)

    _, depths = in_front((2.0, 3.0, 2.5))
    owners = torch.from_numpy(random.integers(0, 4, depths.shape[1:]))
    kind = "paper" if form == "paper" else "crmh"
    renamed = torch.tensor([0, 3, 1, 2])[owners]  # person 2 comes first, then 3, then 1
    expected = depth_order_loss(depths, owners, form=kind).item()
    assert depth_order_loss(depths[[1, 2, 0]], renamed, form=kind).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("form", ["crmh", "crmh-now", "paper"])
def test_gradients_of_interpenetration(form):
    random = np.random.default_rng(5)
    vertices, faces = blob(random, splits=1)
    people = torch.from_numpy(np.stack([vertices, vertices + [0.2, 0.1, 0.15], vertices + [0.1, -0.2, 0]]))
    fields = crmh._fields(people, faces, 16)
    fields = crmh.Fields(*(part.double() for part in fields))
    people.requires_grad_()
    torch.autograd.gradcheck(lambda points: crmh._penalty(points, fields, form, 0.2), people, eps=1e-7)

    loss = interpenetration_loss(people, faces, form=form)
    loss.backward()
    assert people.grad.abs().sum() > 0
    assert torch.isfinite(people.grad).all()
    # a step against the gradient brings people apart
    moved = people.detach() - 0.02 * people.grad / people.grad.norm()
    assert interpenetration_loss(moved, faces, form=form) < loss


def test_losses_of_too_few_people_have_a_gradient_of_zero():
    people, faces = two_spheres(3.0)
    people.requires_grad_()
    for points in (people, people[:1], people[:0]):
        for form in ("crmh", "crmh-now", "paper"):
            loss = interpenetration_loss(points, faces, form=form)
            assert loss.item() == 0
            loss.backward()
    assert not people.grad.any()


def in_front(order=(2.0, 3.0), size=(60, 80)):
    vertices, faces = sphere(0.5, splits=3)
    people = np.stack([vertices + [0.25 * n, 0.1 * n, z] for n, z in enumerate(order)])
    points = torch.from_numpy(people)[None].requires_grad_()
    pixels = zbuffer_torch.pinhole(points, K)
    return points, zbuffer_torch.depth_maps(points, torch.as_tensor(faces), pixels, *size)[0]


def masks_of(depths):
    depths = depths.detach()
    return torch.where(torch.isfinite(depths).any(dim=0), depths.argmin(dim=0) + 1, 0)


def as_written(depths, owners, form):
    """Both forms by loops over pixels, from the paper's formula and the description of the code."""
    people = [p for p in range(len(depths)) if (owners == p + 1).any()] if form == "crmh" else []
    total = 0.0
    for y, x in np.ndindex(owners.shape):
        owner, here = owners[y, x] - 1, depths[:, y, x]
        if owner < 0 or not np.isfinite(here).any():
            continue
        if form == "paper":
            shown = int(np.argmin(here))
            if owner < len(depths) and shown != owner and np.isfinite(here[owner]):
                total += math.log(1 + math.exp(here[owner] - here[shown]))
        elif people and np.isfinite(here[people]).all():
            nearest = here[owner] if owner in people else 0.0
            for p in people:
                if p != owner:
                    gap = nearest - here[p]
                    total += gap if gap > 10 else math.log(1 + math.exp(gap))
    return total if form == "paper" else total / max(len(people), 1) / owners.size


@pytest.mark.parametrize("form", ["crmh", "paper"])
def test_depth_order_is_its_formula(form):
    for order in ((2.0, 3.0), (3.0, 2.0, 2.4), (15.0, 2.0)):
        _, depths = in_front(order)
        truth = masks_of(in_front(order[::-1])[1])
        for owners in (truth, torch.where(truth == 1, 7, truth), torch.zeros_like(truth)):
            expected = as_written(depths.detach().double().numpy(), owners.numpy(), form)
            assert depth_order_loss(depths, owners, form=form).item() == pytest.approx(expected, rel=1e-5)


def test_depth_order_moves_people_the_right_way():
    points, depths = in_front((2.0, 3.0))
    right = masks_of(depths)
    both = torch.isfinite(depths).all(dim=0)
    assert depth_order_loss(depths, right, form="paper").item() == 0
    assert depth_order_loss(depths, right).item() > 0  # the code does not ask who is shown
    wrong = torch.where(both, 2, right)
    for form in ("crmh", "paper"):
        points.grad = None
        depth_order_loss(depths, wrong, form=form).backward(retain_graph=True)
        pull = points.grad[0, :, :, 2].sum(dim=1)
        # the first, in front by mistake, is pushed back, and the hidden owner of the pixels pulled forward
        assert pull[0] < 0 < pull[1]
        assert torch.isfinite(points.grad).all()


@pytest.mark.parametrize("form", ["crmh", "paper"])
def test_gradients_of_depth_order(form):
    random = np.random.default_rng(2)
    depths = torch.from_numpy(random.uniform(2, 4, (3, 4, 5)))
    depths[0, 1] = torch.inf
    depths[1, 2, 2] = 30.0  # beyond the linear part
    depths.requires_grad_()
    owners = torch.from_numpy(random.integers(0, 5, (4, 5)))
    torch.autograd.gradcheck(lambda maps: depth_order_loss(maps, owners, form=form), depths)


def test_refusals():
    people, faces = two_spheres(0.5)
    with pytest.raises(UsageError, match="no form 'best'"):
        interpenetration_loss(people, faces, form="best")
    with pytest.raises(UsageError, match="no form 'crmh-now'"):
        depth_order_loss(torch.zeros(2, 3, 3), torch.zeros(3, 3), form="crmh-now")
    with pytest.raises(ShapeError, match="vertices has shape"):
        interpenetration_loss(people[None], faces)
    with pytest.raises(ShapeError, match="owners"):
        depth_order_loss(torch.zeros(2, 3, 3), torch.zeros(3, 4))
    people[0, 0] = torch.nan
    with pytest.raises(ShapeError, match="finite"):
        interpenetration_loss(people, faces, form="crmh-now")
