"""VoxelPose's rule through the evaluation: several cameras are one moment, people live in the world."""

from __future__ import annotations

import numpy as np
import pytest

from mhbench.columns import JointFlag
from mhbench.conversion.pipeline import convert
from mhbench.errors import PredictionError
from mhbench.evaluation.options import EvaluationOptions
from mhbench.evaluation.pipeline import evaluate
from mhbench.predictions.expected import write_expected_frames
from mhbench.predictions.table import PredictionTable
from mhbench.predictions.writing import write_predictions
from mhbench.protocols.loading import load_protocol
from mhbench.scoring.people import joint_columns
from mhbench.shards.reading import open_shards
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw.panoptic import write
from mhbench.synthetic.scenes import scene

CAMERAS = ("00_03", "00_06")
SEQUENCE = "160906_pizza1"
PROTOCOL = load_protocol("panoptic/voxelpose")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    made = scene(frames=25, people=2, motion="walk", seed=1, cameras=CAMERAS, fps=3.0)
    write(made, folder / "raw", seed=1, sequence=SEQUENCE, images=False)
    convert("panoptic", folder / "raw", folder / "shards", jobs=1, engine="serial")
    return folder / "shards"


def truth(shards):
    """The people of every 12th frame in the world with z up, as a model would write them."""
    (table,) = [one for one in open_shards(shards).tables() if one.frames["camera"][0] == CAMERAS[0]]
    chosen = table.select(np.arange(table.frame_count) % 12 == 0)
    joints = joint_columns(chosen, PROTOCOL)["joints3d"].astype(np.float64)
    R, t = (chosen.frames[name][chosen.frame_of_person] for name in ("R", "t"))
    world = np.einsum("pij,pki->pkj", R, joints - t[:, None])
    upright = np.stack([world[..., 0], world[..., 2], -world[..., 1]], axis=-1)
    # people whose hips are doubtful do not count
    centre = chosen.persons["joint_flags"][:, skeleton("panoptic_19").index("body_center")]
    given = PredictionTable(
        dataset="panoptic",
        frame_ids=np.array([f"{SEQUENCE}/world/{index}" for index in chosen.frames["index"]]),
        person_start=chosen.person_start,
        persons={"joints3d": np.nan_to_num(upright), "score": np.ones(len(upright))},
        skeleton="panoptic_19",
        model="truth",
        space="world",
        trained_on=(),
    )
    return given.keep((centre & JointFlag.LABELLED_3D) != 0)


def evaluated(table, shards, folder):
    write_predictions(table, folder / "preds.json")
    return evaluate(folder / "preds.json", PROTOCOL.name, shards, EvaluationOptions(bootstrap=50)).result


def test_every_twelfth_moment_is_one_frame(shards, tmp_path):
    given = truth(shards)
    result = evaluated(given, shards, tmp_path)
    assert (result.counts.frames, result.counts.frames_missing) == (3, 0)
    assert result.counts.gt_persons == given.person_count
    assert result.metrics["ap@25mm"].value == pytest.approx(100.0, abs=1e-3)
    assert result.metrics["recall@500mm"].value == 100.0
    assert result.metrics["mpjpe_abs"].value < 1e-2


def test_a_shift_costs_the_thresholds_it_passes(shards, tmp_path):
    given = truth(shards)
    given.persons["joints3d"][:] += (0.0, 0.0, 0.06)
    metrics = evaluated(given, shards, tmp_path).metrics
    assert metrics["mpjpe_abs"].value == pytest.approx(60.0, abs=1e-2)
    assert metrics["ap@50mm"].value == 0.0
    assert metrics["ap@75mm"].value == pytest.approx(100.0, abs=1e-3)


def test_null_joints_are_refused(shards, tmp_path):
    given = truth(shards)
    given.persons["joints3d"][0, skeleton("panoptic_19").index("left_wrist")] = np.nan
    with pytest.raises(PredictionError, match="null"):
        evaluated(given, shards, tmp_path)


def test_the_expected_frames_are_those_of_the_world(shards, tmp_path):
    written = write_expected_frames(PROTOCOL, shards, tmp_path / "frames.json")
    assert written.frames == 3
    assert f"{SEQUENCE}/world/" in (tmp_path / "frames.json").read_text()
