from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mhbench.cameras import Camera
from mhbench.skeletons import skeleton
from mhbench.synthetic import picture, scene
from mhbench.synthetic.camera_rings import looking
from mhbench.synthetic.images import NOBODY

SIZE = (480, 270)


@pytest.fixture(scope="module")
def made():
    return scene(frames=3, people=4, cameras=("a", "b", "c"), size=SIZE, seed=1, absences=False)


def side_by_side(first, second):
    """Two standing people on the line of sight, at `first` and `second` metres from the camera."""
    made = scene(frames=1, people=2, motion="stand", cameras=("a",), size=SIZE, absences=False)
    centre = np.array([0.0, -4.0, 1.0])
    R = looking(centre, np.array([0.0, 0.0, 1.0]))
    camera = Camera(
        K=np.array([[300.0, 0, 239.5], [0, 300, 134.5], [0, 0, 1]]), R=R, t=-R @ centre, width=480, height=270
    )
    pelvis = made.pelvis.copy()
    pelvis[0, :, 0], pelvis[0, :, 1] = 0.0, (first - 4.0, second - 4.0)
    return dataclasses.replace(made, pelvis=pelvis, cameras={"a": camera})


def test_a_picture_has_the_size_of_the_camera(made):
    seen = picture(made, 0, "a")
    assert seen.image.shape == (270, 480, 3)
    assert seen.image.dtype == np.uint8
    assert seen.labels.shape == seen.depth.shape == (270, 480)
    assert set(np.unique(seen.labels)) <= {NOBODY, 0, 1, 2, 3}


@pytest.mark.parametrize(("nearer", "first", "second"), [(0, 2.5, 3.5), (1, 3.5, 2.5)])
def test_who_stands_in_front_hides_who_stands_behind(nearer, first, second):
    scene_ = side_by_side(first, second)
    labels = picture(scene_, 0, "a").labels
    alone = picture(
        dataclasses.replace(scene_, present=np.array([[nearer == 0, nearer == 1]])), 0, "a"
    ).labels
    assert (labels == nearer).sum() == (alone == nearer).sum() > 1000
    other = dataclasses.replace(scene_, present=np.array([[nearer == 1, nearer == 0]]))
    hidden = picture(other, 0, "a").labels != NOBODY
    assert 0 < (labels == 1 - nearer).sum() < 0.8 * hidden.sum()


def test_depth_is_that_of_the_mesh(made):
    seen = picture(made, 1, "a")
    camera = made.cameras["a"]
    vertices = made.vertices(1)
    for person in range(made.people):
        pixels = seen.labels == person
        if pixels.any():
            depths = camera.to_camera(vertices[person])[:, 2]
            assert depths.min() - 1e-3 < seen.depth[pixels].min()
            assert seen.depth[pixels].max() < depths.max() + 1e-3


def test_people_are_where_their_joints_project_to(made):
    # torso joints lie inside the flesh, so the pixel shows that person or somebody nearer
    order = skeleton("smpl_24")
    inner = order.indices(("pelvis", "spine2", "spine3", "left_knee", "right_knee", "left_elbow"))
    joints = made.joints("smpl_24")[2][:, inner]
    checked = 0
    for name, camera in made.cameras.items():
        seen, points = picture(made, 2, name), camera.to_camera(joints)
        for person, pixels in enumerate(np.rint(np.nan_to_num(camera.project(points), nan=-1))):
            for (x, y), depth in zip(pixels.astype(int), points[person, :, 2], strict=True):
                if 0 <= x < SIZE[0] and 0 <= y < SIZE[1]:
                    assert seen.labels[y, x] == person or seen.depth[y, x] < depth
                    assert seen.depth[y, x] < depth + 0.01
                    checked += 1
    assert checked > 20


def test_who_is_absent_is_not_seen(made):
    nobody = dataclasses.replace(made, present=np.zeros_like(made.present))
    assert (picture(nobody, 0, "a").labels == NOBODY).all()


def test_a_scene_without_people_has_a_picture():
    assert (picture(scene(frames=1, people=0, size=SIZE), 0, "0").labels == NOBODY).all()


def test_the_same_picture_every_time(made):
    first, second = picture(made, 0, "b"), picture(made, 0, "b", vertices=made.vertices(0))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.depth, second.depth)


def test_people_have_colours_of_their_own(made):
    seen = picture(made, 0, "a")
    means = [seen.image[seen.labels == n].mean(axis=0) for n in range(4) if (seen.labels == n).any()]
    assert len(means) > 1
    for n, mean in enumerate(means):
        assert all(np.abs(mean - other).max() > 8 for other in means[:n])


def test_a_camera_among_people_draws_no_one_who_is_behind_it():
    made = side_by_side(2.5, -1.0)
    assert set(np.unique(picture(made, 0, "a").labels)) == {NOBODY, 0}
