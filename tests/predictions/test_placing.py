"""People placed by their own 2D joints: exact where these are, best in pixels where they are noisy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.optimize import least_squares

from mhbench.cli.main import program
from mhbench.conversion.pipeline import convert
from mhbench.errors import PredictionError
from mhbench.evaluation.options import EvaluationOptions
from mhbench.evaluation.pipeline import evaluate
from mhbench.predictions.placing import place_by_reprojection, translations
from mhbench.predictions.writing import write_predictions
from mhbench.running.ground_truth import run_ground_truth
from mhbench.shards.reading import open_shards
from mhbench.synthetic.raw.panoptic import write
from mhbench.synthetic.scenes import scene

FOCAL = np.array([1400.0, 1380.0])


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("placing")
    made = scene(frames=3, people=1, motion="walk", seed=0, cameras=("00_16", "00_30"), fps=3.0)
    write(made, folder / "raw", seed=0, sequence="solo", images=False)
    convert("panoptic", folder / "raw", folder / "shards", jobs=1, engine="serial")
    return folder / "shards"


@pytest.fixture(scope="module")
def rooted(shards):
    """The ground truth with its own distorted pixels, its positions taken away."""
    truth = run_ground_truth(shards)
    (table,) = [*open_shards(shards).tables()][:1]
    pixels = np.concatenate([one.persons["joints2d"] for one in open_shards(shards).tables()])
    assert table.skeleton == truth.skeleton
    joints = truth.persons["joints3d"] - truth.persons["joints3d"][:, 2:3]
    persons = {"joints3d": joints, "joints2d": pixels.astype(np.float64)}
    return replace(truth, persons=persons, space="root", root="body_center")


def body(count=1, seed=0):
    generator = np.random.default_rng(seed)
    return generator.uniform(-0.6, 0.6, (count, 14, 3)), generator.uniform((-1, -1, 3), (1, 1, 8), (count, 3))


def test_exact_directions_give_the_exact_place():
    joints, place = body(20)
    placed = joints + place[:, None]
    found = translations(joints, placed[..., :2] / placed[..., 2:], FOCAL)
    assert found == pytest.approx(place, abs=1e-9)


def test_noisy_directions_give_the_least_squares_of_pixels():
    joints, place = body(5, seed=1)
    placed = joints + place[:, None]
    noise = np.random.default_rng(2).normal(0.0, 4.0, (5, 14, 2)) / FOCAL
    seen = placed[..., :2] / placed[..., 2:] + noise
    found = translations(joints, seen, FOCAL)
    for one in range(5):

        def residual(shift, one=one):
            points = joints[one] + shift
            return ((points[:, :2] / points[:, 2:] - seen[one]) * FOCAL).ravel()

        best = least_squares(residual, place[one], xtol=1e-14, ftol=1e-14, gtol=1e-14)
        assert found[one] == pytest.approx(best.x, abs=1e-6)


def test_missing_joints_are_left_out_and_too_few_give_no_place():
    joints, place = body(2, seed=3)
    placed = joints + place[:, None]
    seen = placed[..., :2] / placed[..., 2:]
    seen[0, 5:] = np.nan
    joints[0, 0] = np.nan
    seen[1, 2:] = np.nan
    found = translations(joints, seen, FOCAL)
    assert found[0] == pytest.approx(place[0], abs=1e-8)
    assert np.isnan(found[1]).all()


def test_points_all_in_one_place_have_no_depth():
    joints = np.zeros((1, 5, 3))
    assert np.isnan(translations(joints, np.zeros((1, 5, 2)), FOCAL)).all()


def test_the_truth_is_put_back_through_the_real_lens(shards, rooted):
    truth = run_ground_truth(shards)
    placed = place_by_reprojection(rooted, open_shards(shards))
    assert placed.space == "camera"
    known = np.isfinite(placed.persons["joints3d"])
    assert known.any()
    # the pixels of the shards are float32
    assert placed.persons["joints3d"][known] == pytest.approx(truth.persons["joints3d"][known], abs=2e-3)


def test_bodies_and_volumes_move_with_their_joints_and_unknown_frames_get_no_place(shards, rooted):
    count = rooted.person_count
    corner = np.zeros((count, 3))
    persons = {**rooted.persons, "smpl_transl": np.ones((count, 3)), "volume_corner": corner}
    ids = rooted.frame_ids.copy()
    ids[0] = "elsewhere/00_16/1"
    placed = place_by_reprojection(replace(rooted, frame_ids=ids, persons=persons), open_shards(shards))
    shift = placed.persons["joints3d"] - rooted.persons["joints3d"]
    assert np.isnan(shift[placed.people(0)]).all()
    known = np.isfinite(shift).all(axis=2)
    assert known.any()
    person, joint = np.nonzero(known)
    assert placed.persons["volume_corner"][person] == pytest.approx(shift[person, joint])
    assert placed.persons["smpl_transl"][person] == pytest.approx(1.0 + shift[person, joint])
    assert not corner.any()


def test_a_placed_file_enters_absolute_metrics_and_the_result_says_so(shards, rooted, tmp_path):
    path = tmp_path / "preds.json"
    write_predictions(rooted, path)
    plain = evaluate(path, "panoptic/generic", shards, EvaluationOptions(bootstrap=0)).result
    assert "mpjpe_abs" not in plain.metrics
    assert "placed" not in str(plain)
    done = CliRunner(catch_exceptions=False).invoke(
        program,
        ["evaluate", str(path), "--protocol", "generic", "--data", str(shards), "--place", "reprojection"],
    )
    assert done.exit_code == 0, done.output
    assert "mpjpe_abs" in done.output
    assert "placed by reprojection" in done.output


def test_what_cannot_be_placed_is_refused(shards, rooted):
    opened = open_shards(shards)
    with pytest.raises(PredictionError, match="space"):
        place_by_reprojection(replace(rooted, space="camera", root=None), opened)
    bare = replace(rooted, persons={"joints3d": rooted.persons["joints3d"]})
    with pytest.raises(PredictionError, match="joints2d"):
        place_by_reprojection(bare, opened)
