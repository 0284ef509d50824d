"""Hypothesis strategies: random poses and motions from drawn seeds."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

seeds = st.integers(0, 2**32 - 1)


@st.composite
def pose_pairs(draw, *, fewest_joints=4, spread=0.3):
    """Predicted and target poses (N, J, 3) in metres, some metres from the camera."""
    generator = np.random.default_rng(draw(seeds))
    shape = (draw(st.integers(1, 40)), draw(st.integers(fewest_joints, 24)), 3)
    target = generator.normal(scale=spread, size=shape) + np.array([0.0, 0.0, 4.0])
    noise = draw(st.sampled_from([0.01, 0.1, 1.0]))
    return target + generator.normal(scale=noise, size=shape), target


@st.composite
def motions(draw):
    """A rigid motion: rotation (3, 3) and translation (3,) in metres."""
    generator = np.random.default_rng(draw(seeds))
    return Rotation.random(rng=generator).as_matrix(), generator.normal(scale=5.0, size=3)


def move(points, motion):
    rotation, translation = motion
    return points @ rotation.T + translation
