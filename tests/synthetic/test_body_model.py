from __future__ import annotations

import numpy as np
import pytest

from mhbench.bodies import axis_angles_of, regress
from mhbench.datasets.raw.body_models import body_model_path, read_body_model, read_regressor
from mhbench.scoring.bodies import bone_rotations
from mhbench.skeletons import skeleton
from mhbench.synthetic.body_model import regressor, write_body_models
from mhbench.synthetic.scenes import scene
from mhbench.synthetic.smpl_body import body


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("bodies") / "smpl"
    write_body_models(place, names=["SMPL_MALE.pkl"], chumpy=("shapedirs", "v_template"))
    return place


@pytest.fixture(scope="module")
def model(folder):
    return read_body_model(body_model_path(folder, "male"))


def test_the_model_file_has_smpls_sizes(model):
    assert model.v_template.shape == (6890, 3)
    assert model.shapedirs.shape == (6890, 3, 10)
    assert model.posedirs.shape == (6890, 3, 207)
    assert model.J_regressor.shape == (24, 6890)
    assert model.faces.shape == (13776, 3)
    assert model.parents.tolist() == list(skeleton("smpl_24").parents)


def test_skinning_the_file_gives_the_scenes_meshes_and_joints(model):
    people = scene(frames=4, people=3, seed=5, cameras=("0",), absences=False)
    for frame in (0, 3):
        pose = axis_angles_of(people.rotations[frame])
        transl = people.translation[frame]
        vertices = model.vertices(pose, people.betas, transl)
        np.testing.assert_allclose(vertices, people.vertices(frame), atol=1e-9)
        joints = model.joints(pose, people.betas, transl)
        np.testing.assert_allclose(joints, people.joints("smpl_24")[frame], atol=1e-9)
        np.testing.assert_allclose(
            bone_rotations(pose.reshape(-1, 72), range(24)), people.global_rotations[frame], atol=1e-9
        )


def test_regressors_find_the_joints_of_a_resting_body(folder):
    rows = read_regressor(folder / "J_regressor_h36m.npy")
    assert rows.shape == (17, 6890)
    s = skeleton("h36m_17_regressor")
    joints = regress(body().template, rows)
    for name in ("left_knee", "right_wrist", "pelvis"):
        place = body().regressor[body().points.index(name)] @ body().template
        np.testing.assert_allclose(joints[s.index(name)], place, atol=1e-9)
    assert joints[s.index("left_hip"), 0] > 0 > joints[s.index("right_hip"), 0]
    assert regressor("coco_17").shape == (17, 6890)
