from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from mhbench.cameras import Camera, _fold_back_radii, project, to_camera, to_world, unproject
from mhbench.errors import ShapeError, UsageError

K = np.array([[1427.34, 0.0, 949.618], [0.0, 1423.13, 548.132], [0.0, 0.0, 1.0]])
PANOPTIC_00_16 = np.array([-0.279453, 0.188683, -0.000345265, 0.000583475, -0.0479414, 0, 0, 0])
H36M_54138969 = np.array([-0.20709891, 0.24777518, -0.00142447, -0.00097570, -0.00307515, 0, 0, 0])
H36M_55011271 = np.array([-0.19421363, 0.24040854, -0.00274089, -0.00161903, 0.00681998, 0, 0, 0])
REAL_LENSES = [
    ("opencv", PANOPTIC_00_16),
    ("human36m", H36M_54138969),
    ("human36m", H36M_55011271),
]


def one_by_one(point, K, d, lens):
    """The formulas as each data set's page prints them, for one point."""
    k1, k2, p1, p2, k3 = d[:5]
    x, y = point[0] / point[2], point[1] / point[2]
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    if lens == "human36m":
        factor = radial + p1 * y + p2 * x
        u, v = x * factor + p2 * r2, y * factor + p1 * r2
    else:
        u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        v = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return K[0, 0] * u + K[0, 1] * v + K[0, 2], K[1, 1] * v + K[1, 2]


@pytest.mark.parametrize(("lens", "distortion"), REAL_LENSES)
def test_projection_is_the_published_formula(lens, distortion):
    points = np.random.default_rng(0).normal(size=(50, 3)) * [0.5, 0.4, 0.5] + [0, 0, 3]
    skewed = K + 0.7 * np.eye(3, k=1) * [[1], [0], [0]]
    expected = [one_by_one(point, skewed, distortion, lens) for point in points]
    np.testing.assert_allclose(project(points, skewed, distortion, lens), expected, rtol=0, atol=1e-9)


def test_the_two_lens_models_differ_where_tangential_terms_matter():
    point = [0.4, 0.3, 1.0]
    theirs = project(point, K, H36M_54138969, "human36m")
    opencv = project(point, K, H36M_54138969, "opencv")
    assert 0.05 < np.abs(theirs - opencv).max() < 1.0


def test_pinhole_by_hand_and_ignores_distortion():
    pixels = project([[0.1, -0.2, 2.0]], [[1000, 0, 500], [0, 1100, 400], [0, 0, 1]], PANOPTIC_00_16)
    np.testing.assert_allclose(pixels, [[550.0, 290.0]])


@pytest.mark.parametrize("lens", ["pinhole", "opencv", "human36m"])
def test_nothing_is_seen_behind_the_camera(lens):
    points = [[0.1, 0.1, 0.0], [0.1, 0.1, -2.0], [np.nan, 0.0, 1.0], [0.0, 0.0, np.nan]]
    assert np.isnan(project(points, K, PANOPTIC_00_16, lens)).all()


@pytest.mark.parametrize("lens", ["opencv", "human36m"])
def test_a_point_grazing_the_image_plane_is_beyond_the_fold(lens):
    assert np.isnan(project([0.1, 0.1, 1e-300], K, PANOPTIC_00_16, lens)).all()


def test_fold_back_is_the_first_maximum():
    radius = float(_fold_back_radii(PANOPTIC_00_16))
    k1, k2, _, _, k3 = PANOPTIC_00_16[:5]

    def negative(r):
        return -r * (1 + k1 * r**2 + k2 * r**4 + k3 * r**6)

    numeric = minimize_scalar(negative, bounds=(0.5, 2.0), method="bounded", options={"xatol": 1e-10})
    assert radius == pytest.approx(numeric.x, abs=1e-6)
    beyond = [radius * 1.02, 0.0, 1.0]
    assert np.isnan(project(beyond, K, PANOPTIC_00_16, "opencv")).all()
    assert np.isfinite(project([radius * 0.98, 0.0, 1.0], K, PANOPTIC_00_16, "opencv")).all()


def test_a_point_folded_into_the_image_is_refused():
    strong = np.array([-0.4, 0.0, 0, 0, 0, 0, 0, 0])
    u, v = one_by_one([1.5, 0.0, 1.0], K, strong, "opencv")
    assert 0 <= u <= 1919
    assert 0 <= v <= 1079
    assert np.isnan(project([1.5, 0.0, 1.0], K, strong, "opencv")).all()


@pytest.mark.parametrize(
    ("distortion", "expected"),
    [
        (np.zeros(8), np.inf),
        ([0.1, 0, 0, 0, 0, 0, 0, 0], np.inf),
        ([-1 / 3, 0, 0, 0, 0, 0, 0, 0], 1.0),
        # derivative 1 - 2 s + s^2 = (1 - s)^2 touches zero at 1 and rises again: no maximum
        ([-2 / 3, 1 / 5, 0, 0, 0, 0, 0, 0], np.inf),
    ],
)
def test_fold_back_by_hand(distortion, expected):
    assert _fold_back_radii(np.asarray(distortion, dtype=float)) == pytest.approx(expected)


@given(
    st.sampled_from(REAL_LENSES),
    st.lists(st.tuples(st.floats(-0.5, 1919.5), st.floats(-0.5, 1079.5)), min_size=1, max_size=20),
)
def test_unproject_is_the_inverse_inside_the_image(lens_of, pixels):
    lens, distortion = lens_of
    rays = unproject(pixels, K, distortion, lens)
    assert np.all(rays[:, 2] == 1.0)
    np.testing.assert_allclose(project(rays, K, distortion, lens), pixels, rtol=0, atol=1e-8)


@given(
    st.sampled_from(["pinhole", "opencv", "human36m"]),
    st.lists(st.floats(-0.4, 0.4), min_size=3, max_size=3),
    st.lists(st.floats(-0.002, 0.002), min_size=2, max_size=2),
    st.floats(0, 0.95),
    st.floats(0, 2 * np.pi),
)
def test_unproject_is_the_inverse_for_any_lens_before_its_fold(lens, radial, tangential, share, angle):
    distortion = np.array([radial[0], radial[1], *tangential, radial[2], 0, 0, 0])
    fold = np.inf if lens == "pinhole" else float(_fold_back_radii(distortion))
    radius = share * min(fold, 2.0)
    ray = np.array([radius * np.cos(angle), radius * np.sin(angle), 1.0])
    np.testing.assert_allclose(
        unproject(project(ray, K, distortion, lens), K, distortion, lens), ray, rtol=0, atol=1e-9
    )


def test_pixels_that_no_point_reaches_are_nan():
    strong = np.array([-0.4, 0.0, 0, 0, 0, 0, 0, 0])
    rays = unproject([[950.0, 548.0], [5000.0, 548.0], [np.nan, 1.0]], K, strong, "opencv")
    assert np.isfinite(rays[0]).all()
    assert np.isnan(rays[1:]).all()


def test_stacked_cameras_equal_single_ones():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(4, 5, 3)) * 0.3 + [0, 0, 3]
    matrices = K + rng.normal(size=(4, 1, 1)) * np.diag([1, 1, 0])
    lenses = PANOPTIC_00_16 * rng.uniform(0.9, 1.1, size=(4, 1))
    R = np.linalg.qr(rng.normal(size=(4, 3, 3)))[0]
    t = rng.normal(size=(4, 3))
    stacked = Camera(matrices, lenses, "opencv", R, t)
    pixels = stacked.project(points)
    for i in range(4):
        single = Camera(matrices[i], lenses[i], "opencv", R[i], t[i])
        np.testing.assert_array_equal(pixels[i], single.project(points[i]))
        np.testing.assert_allclose(stacked.unproject(pixels)[i], single.unproject(pixels[i]), atol=1e-12)
        np.testing.assert_array_equal(stacked.to_camera(points)[i], single.to_camera(points[i]))
        np.testing.assert_array_equal(stacked.to_world(points)[i], single.to_world(points[i]))
    flat = project(points[:, 0], matrices, lenses, "opencv")
    np.testing.assert_array_equal(flat, pixels[:, 0])


def test_world_and_camera_are_inverse_and_point_the_right_way():
    turn = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    np.testing.assert_allclose(to_camera([1.0, 2.0, 3.0], turn, [10.0, 0.0, 0.0]), [13.0, 2.0, -1.0])
    np.testing.assert_allclose(to_world([13.0, 2.0, -1.0], turn, [10.0, 0.0, 0.0]), [1.0, 2.0, 3.0])


@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_last_bits_do_not_depend_on_the_batch(batch):
    rng = np.random.default_rng(2)
    points, R = rng.normal(size=(batch, 17, 3)), np.linalg.qr(rng.normal(size=(3, 3)))[0]
    together = to_camera(points, R, np.ones(3))
    np.testing.assert_array_equal(together, [to_camera(one, R, np.ones(3)) for one in points])


def test_single_precision_and_empty_input():
    assert project(np.ones((3, 3), dtype=np.float32), K, PANOPTIC_00_16, "opencv").dtype == np.float64
    for lens in ("pinhole", "opencv", "human36m"):
        assert project(np.zeros((0, 5, 3)), K, PANOPTIC_00_16, lens).shape == (0, 5, 2)
        assert unproject(np.zeros((0, 2)), K, PANOPTIC_00_16, lens).shape == (0, 3)


def test_wrong_arguments_name_what_was_expected():
    with pytest.raises(UsageError, match="human36m"):
        project(np.ones(3), K, np.zeros(8), "fisheye")
    with pytest.raises(ShapeError, match="points has shape"):
        project(np.ones((4, 2)), K, np.zeros(8))
    with pytest.raises(ShapeError, match="K has shape"):
        project(np.ones((4, 3)), np.ones((3, 3, 3)), np.zeros(8))
    with pytest.raises(ShapeError, match="distortion has shape"):
        project(np.ones((4, 3)), K, np.zeros(5), "opencv")
    with pytest.raises(ShapeError, match="last three"):
        project(np.ones((4, 3)), K, np.ones(8), "opencv")


# --- the real data sets ---


def panoptic_camera(samples, sequence, name):
    folder = samples / "panoptic" / sequence
    content = json.loads((folder / f"calibration_{sequence}.json").read_text(encoding="utf-8"))
    raw = next(camera for camera in content["cameras"] if camera["name"] == name)
    return Camera(
        K=np.array(raw["K"], dtype=np.float64),
        distortion=np.array([*raw["distCoef"], 0, 0, 0]),
        lens="opencv",
        R=np.array(raw["R"]),
        t=np.array(raw["t"])[:, 0],
        width=raw["resolution"][0],
        height=raw["resolution"][1],
    )


def test_panoptic_projections_are_opencvs(samples):
    expected = json.loads((samples / "panoptic/expected_projections.json").read_text(encoding="utf-8"))
    compared = 0
    for key, truth in expected.items():
        sequence, frame, name, body = key.split("/")
        scene = samples / f"panoptic/{sequence}/hdPose3d_stage1_coco19/body3DScene_{frame}.json"
        bodies = json.loads(scene.read_text(encoding="utf-8"))["bodies"]
        joints = next(one["joints19"] for one in bodies if one["id"] == int(body))
        camera = panoptic_camera(samples, sequence, name)
        points = camera.to_camera(np.reshape(joints, (19, 4))[:, :3])
        known = [row for row, pixel in enumerate(truth["uv"]) if pixel is not None]
        depths = np.array([truth["depth_cm"][row] for row in known])
        np.testing.assert_allclose(points[known, 2], depths, rtol=0, atol=1e-3)
        wanted = np.array([truth["uv"][row] for row in known])
        np.testing.assert_allclose(camera.project(points)[known], wanted, rtol=0, atol=0.05)
        compared += len(known)
    assert compared == 440


@pytest.mark.parametrize("name", ["00_16", "00_30", "00_03", "01_01"])
def test_panoptic_lenses_invert_over_the_whole_image(samples, name):
    camera = panoptic_camera(samples, "160906_band1", name)
    columns, rows = np.linspace(-0.5, camera.width - 0.5, 97), np.linspace(-0.5, camera.height - 0.5, 55)
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1)
    np.testing.assert_allclose(camera.project(camera.unproject(pixels)), pixels, rtol=0, atol=1e-8)


def test_human36m_projections_are_the_official_ones(samples):
    folder = samples / "human36m"
    lenses = json.loads((folder / "camera-parameters.json").read_text(encoding="utf-8"))["intrinsics"]
    with np.load(folder / "frames/test_h36m_body3d.npz", allow_pickle=False) as sample:
        names, pixels, points = sample["imgname"], sample["part"], sample["S"]
    assert len(names) == 4
    for name, truth, joints in zip(names, pixels, points, strict=True):
        camera = str(name).split(".", maxsplit=1)[1][:8]
        matrix = np.array(lenses[camera]["calibration_matrix"])
        distortion = np.array([*lenses[camera]["distortion"], 0, 0, 0])
        found = project(joints[:, :3], matrix, distortion, "human36m")
        np.testing.assert_allclose(found, truth[:, :2], rtol=0, atol=1e-3)
        columns = np.stack(np.meshgrid(np.linspace(-0.5, 999.5, 51), np.linspace(-0.5, 1001.5, 51)), axis=-1)
        rays = unproject(columns, matrix, distortion, "human36m")
        np.testing.assert_allclose(project(rays, matrix, distortion, "human36m"), columns, rtol=0, atol=1e-8)
