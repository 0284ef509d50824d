from __future__ import annotations

import json

import numpy as np
import pytest

from mhbench.errors import ShapeError
from mhbench.heatmaps.pose_fusion import fuse_poses, pose_similarity

GOLDEN = ["misc_cases"]


def test_results_of_the_public_code(golden):
    recorded = json.loads((golden / "metrics_multi/misc_cases.json").read_text())["pinet_fusion"]
    for case in recorded["cases"]:
        found = fuse_poses(
            np.array(case["poses"]),
            np.array(case["scores"]),
            recorded["sigmas"],
            same_person=recorded["oks_threshold"],
        )
        assert list(found.kept) == case["keep"]
        assert [list(group) for group in found.suppressed] == case["suppressed"]
        assert np.array_equal(found.poses, case["fused_poses"])
        assert np.allclose(found.scores, case["fused_scores"], atol=1e-12, rtol=0)


def test_similarity_by_hand():
    one = np.array([[0.0, 0], [10, 20]])
    moved = one + (0, 2)
    # areas are 200, variances (2 sigma)^2, d^2 = 4
    expected = (np.exp(-4 / (2 * 200 * 0.04)) + np.exp(-4 / (2 * 200 * 0.16))) / 2
    assert pose_similarity(one, moved[None], [0.1, 0.2])[0] == pytest.approx(expected)


def test_nobody_is_nobody():
    found = fuse_poses(np.zeros((0, 14, 3)), np.zeros(0), [0.1] * 14)
    assert found.poses.shape == (0, 14, 3)
    assert found.kept == ()


def test_shapes_are_checked():
    with pytest.raises(ShapeError, match="sigmas"):
        fuse_poses(np.zeros((1, 14, 3)), np.zeros(1), [0.1])
    with pytest.raises(ShapeError):
        fuse_poses(np.zeros((1, 14, 2)), np.zeros(1), [0.1] * 14)
