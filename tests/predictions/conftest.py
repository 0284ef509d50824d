"""A small valid predictions document, for tests that break one thing in it."""

from __future__ import annotations

import json

import pytest

JOINTS = 15  # of panoptic_15


def points(width, start=0.0):
    return [[start + joint + axis / 10 for axis in range(width)] for joint in range(JOINTS)]


@pytest.fixture
def document():
    return {
        "format": "mhbench-predictions/1",
        "model": "test",
        "dataset": "panoptic",
        "skeleton": "panoptic_15",
        "units": "m",
        "space": "camera",
        "trained_on": ["coco"],
        "predictions": [
            {
                "frame": "band/00_16/00000168",
                "persons": [
                    {"score": 0.5, "joints3d": points(3), "joints2d": points(2), "track": 7},
                    {"joints3d": points(3, 1.0), "joint_scores": [0.25] * JOINTS, "person": 3},
                ],
            },
            {"frame": "band/00_16/00000169", "persons": []},
            {"frame": "band/00_16/170", "persons": [{"score": 1, "joints3d": [None, *points(3)[1:]]}]},
        ],
    }


@pytest.fixture
def write(tmp_path):
    """Write a document (or bytes) to a file and return its path."""

    def write_file(content, name="predictions.json"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return write_file
