"""Collisions: CRMH's coded volumes, Monte-Carlo volumes, closed forms, and what must not matter."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from closed_meshes import blob, box, rotation, sphere
from hypothesis import given, settings
from hypothesis import strategies as st

from mhbench.errors import ShapeError, UsageError
from mhbench.metrics import collisions
from mhbench.metrics.crmh_collisions import coded_volumes
from mhbench.synthetic import body
from mhbench.volumes import distance_field

GOLDEN = ["collision_cases", "collision_expected"]
MODES = {"crmh-torch11": "torch11", "crmh-now": "torch_now"}


@pytest.fixture(scope="module")
def scenes(golden):
    cases = np.load(golden / "metrics_multi/collision_cases.npz")
    expected = json.loads((golden / "metrics_multi/collision_expected.json").read_text())
    return [
        (cases[f"{scene['name']}_vertices"] + cases[f"{scene['name']}_translation"][:, None], scene)
        for scene in expected["scenes"]
    ], cases["faces"]


@pytest.mark.parametrize("mode", MODES)
def test_coded_volumes(scenes, mode, golden):
    positive = 0
    for vertices, scene in scenes[0]:
        found = collisions(vertices, scenes[1], mode=mode)
        expected = scene[f"volume_{MODES[mode]}_grid64"]
        assert found.overlap_litres == pytest.approx(1000 * expected, rel=1e-6, abs=0), scene["name"]
        coarse = coded_volumes(
            vertices.astype(float), scenes[1].astype(int), current=mode == "crmh-now", grid=32
        )
        assert sum(coarse.values()) == pytest.approx(scene[f"volume_{MODES[mode]}_grid32"], rel=1e-6, abs=0)
        assert found.colliding_vertices is None
        assert math.isnan(found.penetration_mm)
        positive += found.overlap_litres > 0
    expected = json.loads((golden / "metrics_multi/collision_expected.json").read_text())
    assert positive == expected["scenes_with_positive_volume_grid64"][MODES[mode]]


def test_a_bare_crmh_is_the_one_of_its_release(scenes):
    vertices, _ = scenes[0][6]
    assert (
        collisions(vertices, scenes[1], mode="crmh").overlap_litres
        == collisions(vertices, scenes[1], mode="crmh-torch11").overlap_litres
    )


def test_volumes_are_those_of_a_monte_carlo_count(scenes):
    for vertices, scene in scenes[0]:
        found = collisions(vertices, scenes[1])
        volume = dict(zip(found.pairs, found.overlaps / 1000, strict=True))
        counted = {
            (int(i), int(j)): (value, error) for i, j, value, error in scene["monte_carlo_pair_volumes_m3"]
        }
        assert set(volume) == {pair for pair, (value, _) in counted.items() if value > 0}, scene["name"]
        for pair, (value, error) in counted.items():
            if pair in volume:
                # the larger of 2 % and three standard errors: of 17 pairs one is off by more than two
                assert volume[pair] == pytest.approx(value, rel=0.02, abs=3 * error), (scene["name"], pair)


def geman_mcclure(value, scale):
    return value if scale is None else (value / scale) ** 2 / (1 + (value / scale) ** 2)


def trilinear(field, places):
    """Corner-aligned samples of a field (z, y, x) at places x, y, z in -1 .. 1."""
    at = (places + 1) / 2 * (len(field) - 1)
    below = np.clip(np.floor(at).astype(int), 0, len(field) - 2)
    total = np.zeros(len(places))
    for corner in np.ndindex(2, 2, 2):
        weight = np.abs(1 - np.array(corner) - (at - below)).prod(axis=1)
        x, y, z = (below + corner).T
        total += np.where(((at >= 0) & (at <= len(field) - 1)).all(axis=1), weight * field[z, y, x], 0)
    return total


@pytest.mark.parametrize("scale", [None, 0.2])
def test_interpenetration_loss_of_crmh_from_our_fields(scenes, scale):
    """The published loss, from its definition and our distance fields at 32^3."""
    for vertices, scene in scenes[0]:
        low, high = vertices.min(axis=1), vertices.max(axis=1)
        meet = ((low[:, None] <= high) & (low <= high[:, None])).all(axis=2).all(axis=1)
        kept = vertices[meet]
        loss = 0.0
        for i, person in enumerate(kept if len(kept) > 1 else []):
            field, cube = distance_field(person, scenes[1], 32)
            for j, other in enumerate(kept):
                if i != j:
                    unit = (other - cube.corner - cube.side / 2) / (cube.side / 2)
                    loss += geman_mcclure(trilinear(field, unit), scale).sum() / len(kept) ** 2
        assert loss == pytest.approx(scene[f"sdf_loss_torch11_robustifier_{scale}"], rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("distance", [0.2, 0.9, 1.5, 1.9])
def test_two_spheres_in_closed_form(distance):
    vertices, faces = sphere(splits=5)
    found = collisions(np.stack([vertices, vertices + [distance, 0, 0]]), faces)
    lens = math.pi * (4 + distance) * (2 - distance) ** 2 / 12
    # the mesh lies inside the sphere by a fifth of a per cent of the radius at most
    assert found.overlap_litres == pytest.approx(1000 * lens, rel=0.005 + 0.004 / (2 - distance))
    assert found.pairs == [(0, 1)]
    assert found.penetration_max_mm == pytest.approx(1000 * min(distance, 2 - distance), rel=0.01)
    inside = np.linalg.norm(vertices + [distance, 0, 0], axis=1) < 0.998
    assert not (inside & ~found.vertices[1]).any()


def test_two_boxes_in_closed_form():
    vertices, faces = box([0, 0, 0], [0.4, 0.3, 0.2])
    shift = np.array([0.25, 0.1, 0.15])
    found = collisions(np.stack([vertices, vertices + shift]), faces)
    assert found.overlap_litres == pytest.approx(1000 * 0.15 * 0.2 * 0.05, rel=0.02)
    assert found.colliding_vertices == 2
    assert found.penetration_mm == pytest.approx(50, rel=1e-12)
    assert found.vertices.sum(axis=1).tolist() == [1, 1]


def crossed_bars():
    """Two bars that cross like an X: no corner of one is inside the other."""
    first, faces = box([-1, -0.1, -0.1], [1, 0.1, 0.1])
    return np.stack([first, first[:, [1, 0, 2]] * [1, 1, 0.5]]), faces[:, [0, 2, 1]]


def test_strict_finds_bodies_that_cross_without_a_vertex_inside():
    bars, faces = crossed_bars()
    assert collisions(bars, faces).pairs == []
    found = collisions(bars, faces, strict=True)
    assert found.pairs == [(0, 1)]
    assert found.colliding_vertices == 0
    assert found.overlap_litres == pytest.approx(1000 * 0.2 * 0.2 * 0.1, rel=0.02)
    apart = bars + np.array([[[0, 0, 0]], [[0, 0, 0.16]]])
    assert collisions(apart, faces, strict=True).pairs == []


def people(seed, count=4):
    random = np.random.default_rng(seed)
    meshes = [blob(random) for _ in range(count)]
    return np.stack([vertices for vertices, _ in meshes]), meshes[0][1], random


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_place_and_rotation_of_the_camera_do_not_matter(seed):
    vertices, faces, random = people(seed)
    moved = vertices @ rotation(random).T + random.normal(size=3) * 5
    before, after = collisions(vertices, faces), collisions(moved, faces)
    assert before.pairs == after.pairs
    assert np.array_equal(before.vertices, after.vertices)
    assert after.penetration_mm == pytest.approx(before.penetration_mm, rel=1e-9, nan_ok=True)
    assert after.penetration_max_mm == pytest.approx(before.penetration_max_mm, rel=1e-9, nan_ok=True)
    assert after.overlap_litres == pytest.approx(before.overlap_litres, rel=0.05, abs=0.5)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_order_of_people_does_not_matter(seed):
    vertices, faces, random = people(seed)
    order = random.permutation(len(vertices))
    before, after = collisions(vertices, faces), collisions(vertices[order], faces)
    assert {tuple(sorted((order[i], order[j]))) for i, j in after.pairs} == set(before.pairs)
    assert np.array_equal(after.vertices, before.vertices[order])
    assert after.colliding_vertices == before.colliding_vertices
    assert after.penetration_max_mm == pytest.approx(before.penetration_max_mm, rel=1e-12, nan_ok=True)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_engines_agree_on_the_vertices_inside(seed):
    igl = pytest.importorskip("igl")
    trimesh = pytest.importorskip("trimesh")
    pytest.importorskip("embreex")
    vertices, faces, _ = people(seed, count=2)
    found = collisions(vertices, faces)
    for guest, host in ((0, 1), (1, 0)):
        theirs = igl.winding_number(vertices[host], faces, vertices[guest]) > 0.5
        assert np.array_equal(found.vertices[guest], theirs)
        mesh = trimesh.Trimesh(vertices[host], faces, process=False)
        assert np.array_equal(found.vertices[guest], mesh.contains(vertices[guest]))
    depths = [
        igl.point_mesh_squared_distance(vertices[guest][found.vertices[guest]], vertices[host], faces)[0]
        for guest, host in ((0, 1), (1, 0))
        if found.vertices[guest].any()
    ]
    if depths:
        assert found.penetration_mm == pytest.approx(1000 * np.sqrt(np.concatenate(depths)).mean(), rel=1e-9)


def test_people_who_are_not_whole_are_left_out_and_counted():
    vertices, faces = sphere(splits=2)
    four = np.stack([vertices, vertices, vertices + 0.5, vertices + [0, 0.5, 0]])
    four[1, 7, 2] = np.nan
    found = collisions(four, faces)
    assert (found.people, found.excluded) == (3, 1)
    assert found.pairs == [(0, 2), (0, 3), (2, 3)]
    assert not found.vertices[1].any()
    assert [pair for pair in collisions(four, faces, mode="crmh-now").pairs if 1 in pair] == []


def test_one_person_and_nobody():
    vertices, faces = sphere(splits=1)
    for some in (vertices[None], vertices[None][:0]):
        for mode in ("exact", *MODES):
            found = collisions(some, faces, mode=mode)
            assert (found.pairs, found.overlap_litres, found.candidates) == ([], 0.0, 0)
            assert math.isnan(found.penetration_mm)


def test_boxes_that_meet_where_no_body_is():
    """Whoever shares no cell with anybody is the host of nobody."""
    vertices, faces = sphere(0.5)
    found = collisions(np.stack([vertices, vertices + 0.9]), faces)
    assert (found.pairs, found.candidates, found.colliding_vertices) == ([], 1, 0)


def test_a_person_twice():
    vertices, faces = sphere(splits=3)
    found = collisions(np.stack([vertices, vertices]), faces)
    assert found.pairs == [(0, 1)]
    assert found.penetration_max_mm == 0
    assert found.overlap_litres == pytest.approx(1000 * 4.189, rel=0.03)


def test_bodies_kilometres_apart_and_far_from_the_camera():
    vertices, faces = sphere(splits=3)
    near = collisions(np.stack([vertices, vertices + [0.7, 0.1, 0]]), faces)
    far = np.array([3e3, -7e3, 9e4])
    found = collisions(np.stack([vertices, vertices + [0.7, 0.1, 0], vertices + 5000]) + far, faces)
    assert found.candidates == 1
    assert found.colliding_vertices == near.colliding_vertices
    assert found.overlap_litres == pytest.approx(near.overlap_litres, rel=1e-3)


def test_an_open_body_is_closed_where_it_is_cut():
    vertices, faces = sphere(splits=4)
    cut = faces[vertices[faces][:, :, 2].max(axis=1) < 0.8]
    people = np.stack([vertices, vertices + [0.5, 0, 0]])
    whole, opened = collisions(people, faces), collisions(people, cut)
    assert opened.pairs == [(0, 1)]
    assert opened.overlap_litres < whole.overlap_litres
    assert opened.overlap_litres == pytest.approx(whole.overlap_litres, rel=0.1)


def test_flat_and_shrunken_bodies_collide_with_nobody():
    vertices, faces = sphere(splits=2)
    flat = vertices * [1, 1, 0]
    point = np.zeros_like(vertices)
    found = collisions(np.stack([vertices, flat, point]), faces)
    # a body without volume holds nothing, but lies inside the sphere
    assert found.pairs == [(0, 1), (0, 2)]
    assert found.overlap_litres == pytest.approx(0, abs=1e-9)
    assert found.vertices[0].sum() == 0


@pytest.mark.parametrize("mode", ["exact", *MODES])
@pytest.mark.parametrize(
    ("scale", "place"), [(0, 0), (1e-30, 0), (1e30, 0), (2e38, 0), (1, 1e12)],
    ids=["a point", "a mote", "a galaxy", "beyond float32", "far away"],
)  # fmt: skip
def test_bodies_of_any_size_and_place(mode, scale, place):
    """One of these beside a usual one: nothing is lost, nothing overflows, nobody waits for ever."""
    vertices, faces = sphere(splits=3)
    found = collisions(np.stack([vertices + place, scale * vertices + place]), faces, mode=mode)
    assert found.people == 2
    assert np.isfinite(found.overlap_litres)
    if mode == "exact" and scale > 1 and place == 0:
        assert found.overlap_litres == pytest.approx(1000 * 4.189, rel=0.03)


def test_bodies_inside_out_are_read_as_they_are_meant():
    vertices, faces = sphere(splits=3)
    people = np.stack([vertices, vertices + [0.5, 0, 0]])
    right, wrong = collisions(people, faces), collisions(people, faces[:, ::-1])
    assert np.array_equal(right.vertices, wrong.vertices)
    assert right.overlap_litres == pytest.approx(wrong.overlap_litres, rel=1e-3)


def test_a_body_of_smpl_size():
    figure = body()
    found = collisions(np.stack([figure.template, figure.template + [0.1, 0, 0.05]]), figure.triangles)
    assert found.pairs == [(0, 1)]
    assert 20 < found.overlap_litres < 60
    assert 0 < found.penetration_mm < found.penetration_max_mm < 120


def test_refusals():
    vertices, faces = sphere(splits=1)
    with pytest.raises(UsageError, match="crmh-torch12"):
        collisions(vertices[None], faces, mode="crmh-torch12")
    with pytest.raises(ShapeError, match="vertices"):
        collisions(vertices, faces)
    with pytest.raises(ShapeError, match="faces name the vertices"):
        collisions(vertices[None], faces + 1)
    assert collisions(np.stack([vertices, vertices]), faces[:0]).pairs == []
