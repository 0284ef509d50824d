"""Training on synthetic crowds: what they look like, that no set meets another, that it needs no shards."""

from __future__ import annotations

import numpy as np
import pytest

from mhbench.errors import ManifestError, UsageError
from mhbench.heatmaps import locate
from mhbench.models.loco.checkpoints import load_network
from mhbench.models.training_config import CrowdConfig
from mhbench.models.training_crowds import CrowdSource
from mhbench.synthetic.crowd_pictures import draw_picture
from mhbench.synthetic.crowds import KINDS, Crowd, draw_crowd, people_of
from mhbench.training import train

SMALL = {
    "crowds.kind": "jta", "crowds.width": "96", "crowds.height": "64", "crowds.depth_bins": "16",
    "crowds.depth_max": "25.0", "crowds.far": "20.0", "crowds.people": "2.0", "crowds.most": "3",
    "crowds.validation": "2", "epoch_steps": "2", "epochs": "2", "batch": "2", "validate_every": "1",
    "tensorboard": "false",
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_crowds_stand_on_the_floor_within_their_distances(name):
    kind = KINDS[name]
    counts, inside = [], []
    for seed in range(100):
        crowd = draw_crowd(kind, np.random.default_rng(seed))
        counts.append(len(crowd.joints3d))
        distance = np.linalg.norm(crowd.joints3d.mean(axis=1), axis=1)
        assert ((distance > kind.near - 1.5) & (distance < 1.4 * kind.far + 7)).all()
        # heads are up
        assert ((crowd.joints3d[:, 0] - crowd.joints3d[:, 10]) @ crowd.up > 0.5).all()
        pixels = crowd.joints2d
        inside.append(np.mean(np.all((pixels >= 0) & (pixels <= (kind.width, kind.height)), axis=-1)))
        np.testing.assert_allclose(pixels, kind.camera.project(crowd.joints3d))
    assert max(counts) <= kind.most
    assert abs(np.mean(counts) - kind.people) < 0.2 * kind.people
    assert np.mean(inside) > 0.7


def test_people_of_held_out_crowds_are_in_no_other():
    train_people, held_out = people_of(held_out=False), people_of(held_out=True)
    assert len(held_out) * 3 == len(train_people)
    apart = np.abs(train_people[:, None, 5] - held_out[None, ::50, 5]).sum(axis=-1)
    assert apart.min() > 0


def test_a_crowd_is_drawn_where_its_joints_are():
    kind = KINDS["panoptic"]
    random = np.random.default_rng(1)
    crowd = draw_crowd(kind, random)
    picture, other = (draw_picture(kind, crowd, np.random.default_rng(n)) for n in (2, 3))
    assert picture.shape == (1080, 1920, 3)
    assert (picture != other).any()
    nobody = Crowd(crowd.joints3d[:0], crowd.joints2d[:0], crowd.up)
    changed = (draw_picture(kind, nobody, np.random.default_rng(2)) != picture).any(axis=2)
    neck = crowd.joints2d[0, 1]
    rows, columns = np.nonzero(changed)
    assert changed.any()
    assert columns.min() - 200 < neck[0] < columns.max() + 200
    assert rows.max() <= 1079


def test_samples_are_functions_of_their_seed_and_sets_do_not_meet():
    source = CrowdSource(CrowdConfig(kind="jta", validation=3))
    one, same, other = (source.draw(np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.centres(), same.centres())
    assert len(one.centres()) != len(other.centres()) or (one.centres() != other.centres()).any()
    assert (one.seen().image == same.seen().image).all()
    assert one.grid().shape == (14, 316, 135, 240)
    held_out = [sample.centres().tobytes() for sample in source.held_out()]
    assert len(set(held_out)) == 3
    assert not set(held_out) & {sample.centres().tobytes() for sample in source.scenes("test", 3)}


def test_joints_of_a_sample_are_those_of_its_centres():
    sample = CrowdSource(CrowdConfig(kind="human36m")).held_out()[0]
    grid = sample.grid()
    assert (grid.depth_min, grid.depth_max, grid.rows) == (1.8, 8.1, 125)
    joints = sample.joints(grid)
    camera = sample.seen().camera
    again = locate(grid, camera.project(joints[None, :, 1:]), joints[None, :, 1:])
    np.testing.assert_array_equal(again.centres, sample.centres())
    few = sample.centres(("neck", "head_top"))
    assert few[:, 0].max() == 1
    assert len(few) == 2


def test_every_training_runs_on_crowds_without_shards(tmp_path):
    def run(model, **changes):
        outcome = train(
            model, tmp_path / "no shards", tmp_path / model, changes=SMALL | changes, device="cpu"
        )
        assert outcome.finished
        return tmp_path / model

    vha = run("loco-vha", level="2", sigma_start="2.0") / "autoencoder.safetensors"
    assert load_network(vha).config.trained_on == ("synthetic-jta",)
    run("loco-predictor", autoencoder=str(vha), width="0.03125")
    run("loco-uncompressed", width="0.03125")
    run("loco-refiner")


def test_a_training_ends_when_its_minutes_are_over(tmp_path):
    changes = SMALL | {"minutes": "1e-6", "epochs": "100", "sigma_start": "2.0"}
    outcome = train("loco-vha", tmp_path, tmp_path / "a", changes=changes, device="cpu")
    assert (outcome.step, outcome.finished) == (2, True)
    assert outcome.best is not None
    again = train("loco-vha", tmp_path, tmp_path / "a", changes=changes, device="cpu")
    assert again == outcome
    more = train(
        "loco-vha", tmp_path, tmp_path / "a", changes=changes | {"minutes": "0"}, device="cpu", stop_after=1
    )
    assert more.step == 3


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"crowds.kind": "coco"}, ManifestError),
        ({"crowds.people": "70.0"}, UsageError),
        ({"crowds.near": "90.0"}, UsageError),
    ],
)
def test_crowds_that_cannot_be_are_refused(tmp_path, changes, error):
    with pytest.raises(error) as caught:
        train("loco-vha", tmp_path, tmp_path / "a", changes={"crowds.kind": "jta", **changes}, device="cpu")
    assert caught.value.expected
