"""LoCO from images to people, with networks that know the answer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from toy_people import DEPTH, DEPTH_BINS, table

from mhbench.errors import InputError, PredictionError, UsageError
from mhbench.heatmaps import locate
from mhbench.models.loco.autoencoder import Autoencoder
from mhbench.models.loco.checkpoints import Config, GridConfig, save_network
from mhbench.models.loco.pipeline import Loco
from mhbench.models.loco.predictor import Predictor
from mhbench.models.loco.refiner import Refiner
from mhbench.models.loco.volumes import found_peaks, rendered
from mhbench.models.protocol import InputFrame, Setup

GRID = GridConfig(depth_bins=DEPTH_BINS, depth_max=DEPTH, pixel_rounding="none")
WIDTH = 1 / 32


def save(folder, *, refiner=False, level=2, grid=GRID):
    predictor = Predictor(level, grid.depth_bins, WIDTH)
    save_network(
        folder / "p.safetensors", predictor, Config(kind="predictor", level=level, width=WIDTH, grid=grid)
    )
    save_network(folder / "a.safetensors", Autoencoder(2, DEPTH_BINS), Config(kind="autoencoder", grid=GRID))
    if refiner:
        save_network(folder / "r.safetensors", Refiner(), Config(kind="refiner", grid=GRID))
    return folder


def loco(folder, skeleton="loco_14", precision="fp32"):
    return Loco(Setup((folder,), "cpu", precision, "toy", skeleton))


def frames(whole):
    image = np.zeros((128, 192, 3), dtype=np.uint8)
    return [
        InputFrame(str(whole.frames["id"][row]), image, whole.camera(row)) for row in range(whole.frame_count)
    ]


@pytest.fixture
def whole():
    # one person each: the published association mixes people who stand close together
    return table(4, seed=3, most=1)


@pytest.fixture
def knowing(tmp_path, whole, monkeypatch):
    """A pipeline whose networks give the true volumes."""
    model = loco(save(tmp_path))
    grid = GRID.grid(128, 192).padded(4)
    people = [whole.people(row) for row in range(whole.frame_count)]
    centres = [
        locate(grid, *(whole.persons[name][rows] for name in ("joints2d", "joints3d"))).centres
        for rows in people
    ]
    volumes = iter([rendered(grid, centres, torch.device("cpu"))])
    monkeypatch.setattr(model, "volumes", lambda _: next(volumes))
    return model


def test_true_volumes_give_the_true_people(knowing, whole):
    for row, poses in enumerate(knowing.predict(frames(whole))):
        truth = whole.persons["joints3d"][whole.people(row)]
        assert poses.joints3d.shape == truth.shape
        assert len(poses.loose) == 0
        order = np.argsort(poses.joints3d[:, 0, 0])
        distance = np.linalg.norm(poses.joints3d[order] - truth[np.argsort(truth[:, 0, 0])], axis=2)
        # half a voxel in depth and in both pixel directions at the farthest person
        step = DEPTH / (DEPTH_BINS - 1)
        assert distance.max() < np.linalg.norm([step / 2, 4 * 7 / 120, 4 * 7 / 120])


def test_untrained_networks_run_in_every_precision(tmp_path, whole):
    for precision in ("fp32", "bf16"):
        poses = loco(save(tmp_path, refiner=True), precision=precision).predict(frames(whole))
        assert len(poses) == 4
        assert poses[0].joints3d.shape[1:] == (14, 3)


def test_the_whole_network_can_be_compiled(tmp_path, monkeypatch):
    # the compiler itself takes a minute: what is tried is that it gets all of the network in one piece
    handed = []
    monkeypatch.setattr(
        torch, "compile", partial(torch.compile, backend=lambda graph, _: handed.append(graph) or graph)
    )
    folder, images = save(tmp_path), torch.rand(2, 3, 64, 128)
    plain, compiled = (
        Loco(Setup((folder,), "cpu", "fp32", "toy", "loco_14", compiled=one)) for one in (False, True)
    )
    assert torch.equal(plain.volumes(images), compiled.volumes(images))
    assert len(handed) == 1


def test_joints_go_to_their_places_in_the_skeleton_of_the_data(knowing, whole):
    knowing.skeleton, knowing._columns = "jta_22", [*range(3, 17)]
    poses = knowing.predict(frames(whole))[0]
    assert poses.joints3d.shape[1:] == (22, 3)
    assert np.isfinite(poses.joints3d[:, 3:17]).all()
    assert np.isnan(poses.joints3d[:, :3]).all()


def test_a_data_set_without_the_joints_gets_the_skeleton_that_has_them(tmp_path):
    assert loco(save(tmp_path), "panoptic_19").skeleton in {"loco_14", "mpi_14"}
    odd = GridConfig(joints=("head_top", "nose", *GRID.joints[2:]), depth_bins=DEPTH_BINS, depth_max=DEPTH)
    save(tmp_path, grid=odd)
    save_network(tmp_path / "a.safetensors", Autoencoder(2, DEPTH_BINS), Config(kind="autoencoder", grid=odd))
    with pytest.raises(UsageError, match="no skeleton has the joints"):
        loco(tmp_path)


def test_networks_that_do_not_belong_together_are_refused(tmp_path):
    with pytest.raises(InputError, match="level 1 and level 2"):
        loco(save(tmp_path, level=1))
    with pytest.raises(InputError, match=r"depth_max: 9\.0 and 8\.0"):
        loco(save(tmp_path, grid=GridConfig(depth_bins=DEPTH_BINS, depth_max=9.0, pixel_rounding="none")))
    other = Config(kind="refiner", grid=GridConfig(joints=GRID.joints[::-1]))
    save_network(save(tmp_path) / "r.safetensors", Refiner(), other)
    with pytest.raises(InputError, match="refines other joints"):
        loco(tmp_path)


def test_numbers_that_are_not_finite_name_the_frame_and_a_way_out(tmp_path, whole):
    model = loco(save(tmp_path))
    torch.nn.init.constant_(model._predictor.main[3].bias, float("nan"))
    with pytest.raises(PredictionError, match="walk3/0/0000") as caught:
        model.predict(frames(whole))
    assert "bf16" in caught.value.action


def test_frames_without_a_camera_are_refused(knowing, whole):
    blind = [replace(frame, camera=None) for frame in frames(whole)]
    with pytest.raises(InputError, match="no intrinsics"):
        knowing.predict(blind)


def test_images_of_several_sizes_share_a_call(tmp_path, whole):
    camera = whole.camera(0)
    images = [np.zeros((*size, 3), dtype=np.uint8) for size in ((64, 64), (64, 128), (64, 128))]
    assert len(loco(save(tmp_path)).predict([InputFrame("a/0/1", image, camera) for image in images])) == 3


def test_both_ways_of_rendering_and_of_finding_peaks_agree(whole):
    from mhbench.heatmaps import PEAK_RULES
    from mhbench.heatmaps.decoding_torch import peaks_batch

    grid = GRID.grid(128, 192)
    centres = [locate(grid, whole.persons["joints2d"], whole.persons["joints3d"]).centres] * 2
    volumes = rendered(grid, centres, torch.device("cpu"))
    for rule in PEAK_RULES.values():
        places, _ = peaks_batch(volumes, **rule._asdict())
        index = np.concatenate(
            [
                np.column_stack([np.full(len(one), n), one])
                for n, (one, _) in enumerate(found_peaks(volumes, rule))
            ]
        )
        np.testing.assert_array_equal(places.numpy(), index)
