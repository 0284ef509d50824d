from __future__ import annotations

import json

import numpy as np
import pytest

from mhbench.cameras import Camera
from mhbench.errors import ShapeError
from mhbench.heatmaps import Grid, locate, place, to_camera

JTA = Grid(("a",), depth_min=0, depth_max=100, height=1080, width=1920, pixel_rounding="truncate")


def pinhole(focal, width, height):
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    return Camera(K, np.zeros(8))


def millimetres(difference):
    return 1000 * np.linalg.norm(difference, axis=-1)


def quantisation_errors(grid, camera, depths, count=100_000):
    """Errors in mm of points at uniform pixels and uniform depths z."""
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, (grid.width, grid.height), (count, 2))
    points = place(pixels, rng.uniform(*depths, count), camera, depth_axis="z")
    located = locate(grid, pixels[:, None], points[:, None])
    assert len(located.centres) == count
    return millimetres(to_camera(grid, located.centres, camera) - points)


def test_the_worked_example():
    camera = pinhole(1158, 1920, 1080)
    decoded = to_camera(JTA, np.array([[0, 64, 38, 125]], dtype=np.int16), camera)
    np.testing.assert_allclose(decoded, [[0.687283, -4.054968, 19.896836]], atol=1e-6)
    assert millimetres(decoded - [0.690846, -4.145078, 20])[0] == pytest.approx(137.0, abs=0.05)


def test_places_what_the_reference_places(golden):
    case = json.loads((golden / "metrics_multi" / "loco_cases.json").read_text())["to3d"]
    fx, fy, cx, cy = case["fx,fy,cx,cy"]
    rows = np.array(case["rows"])
    camera = Camera(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]), np.zeros(8))
    np.testing.assert_allclose(place(rows[:, :2], rows[:, 2], camera), rows[:, 3:], rtol=0, atol=1e-12 * 100)


@pytest.mark.parametrize(
    ("grid", "focal", "depths", "mean", "within"),
    [
        (Grid(("a",), depth_min=0, depth_max=7, height=1080, width=1920), 1400, (2, 4.5), 9.4, 14.3),
        (Grid(("a",), depth_min=1.8, depth_max=8.1, height=1000, width=1000), 1146, (4, 6.5), 14.9, 23.3),
        (JTA, 1158, (4, 60), 125, 216),
        (JTA, 1158, (4, 85), 151, 285),
    ],
    ids=["panoptic", "human36m", "jta to 60 m", "jta to 85 m"],
)
def test_what_quantisation_costs(grid, focal, depths, mean, within):
    errors = quantisation_errors(grid, pinhole(focal, grid.width, grid.height), depths)
    assert errors.mean() == pytest.approx(mean, rel=0.03)
    assert np.quantile(errors, 0.95) == pytest.approx(within, rel=0.03)


def test_the_published_upper_bound_on_jta():
    errors = quantisation_errors(JTA, pinhole(1158, 1920, 1080), (4, 85))
    assert 100 * np.mean(errors <= 400) == pytest.approx(99.83, abs=0.05)
    assert np.mean(errors <= 800) == 1


def test_depth_along_z_places_on_a_plane():
    grid = Grid(("a",), depth_min=1, depth_max=8, height=1080, width=1920, depth_axis="z", depth_bins=8)
    decoded = to_camera(grid, np.array([[0, 2, 0, 0], [0, 2, 135, 240]]), pinhole(1000, 1920, 1080))
    assert decoded[:, 2].tolist() == [3, 3]
    np.testing.assert_allclose(decoded[:, :2], [[-2.88, -1.62], [2.88, 1.62]])


def test_no_centres_give_no_points():
    assert to_camera(JTA, np.zeros((0, 4), dtype=np.int16), pinhole(1158, 1920, 1080)).shape == (0, 3)
    with pytest.raises(ShapeError, match="centres"):
        to_camera(JTA, np.zeros((1, 3)), pinhole(1158, 1920, 1080))


def panoptic_views(samples):
    """Cameras 00_16 and 00_30 with the joints of every body in every sample frame: (P, 19, 4), metres, c."""
    for path in sorted((samples / "panoptic").glob("*/hdPose3d_stage1_coco19/*.json")):
        sequence = path.parent.parent
        calibration = json.loads((sequence / f"calibration_{sequence.name}.json").read_text())
        bodies = json.loads(path.read_text())["bodies"]
        joints = np.array([body["joints19"] for body in bodies]).reshape(-1, 19, 4)
        joints[..., :3] /= 100
        for view in calibration["cameras"]:
            if view["name"] in {"00_16", "00_30"}:
                distortion = np.concatenate([view["distCoef"], np.zeros(3)])
                R, t = np.array(view["R"]), np.array(view["t"]).ravel() / 100
                yield Camera(np.array(view["K"]), distortion, "opencv", R, t, 1920, 1080), joints


def test_real_panoptic_joints_survive_within_8_8_mm_through_the_true_lens(samples):
    grid = Grid(tuple(f"joint{k}" for k in range(19)), depth_min=0, depth_max=7, height=1080, width=1920)
    through_lens, through_intrinsics = [], []
    for camera, joints in panoptic_views(samples):
        points = camera.to_camera(joints[..., :3])
        pixels = np.where(joints[..., 3:] > 0.1, camera.project(points), np.nan)
        located = locate(grid, pixels, points)
        truth = points[located.person, located.joint]
        bare = Camera(camera.K, np.zeros(8))
        through_lens.append(millimetres(to_camera(grid, located.centres, camera) - truth))
        through_intrinsics.append(millimetres(to_camera(grid, located.centres, bare) - truth))
    assert np.concatenate(through_lens).mean() == pytest.approx(8.8, abs=0.1)
    assert np.concatenate(through_intrinsics).mean() > 17
