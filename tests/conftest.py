"""Fixtures every test may use: samples of real data, golden numbers, and hypothesis without deadlines."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def _outside_folder(variable: str) -> Path:
    folder = os.environ.get(variable)
    if folder and Path(folder).is_dir():
        return Path(folder)
    if os.environ.get("MHBENCH_REQUIRE_SAMPLES") == "1":
        pytest.fail(f"{variable} does not name a folder, and MHBENCH_REQUIRE_SAMPLES=1")
    pytest.skip(f"{variable} is not set: real data cannot be part of the repository")


@pytest.fixture(scope="session")
def samples() -> Path:
    """Real data of the real datasets, outside the repository for licence reasons (MHBENCH_SAMPLES)."""
    return _outside_folder("MHBENCH_SAMPLES")


@pytest.fixture(scope="session")
def outside_golden() -> Path:
    """Golden cases that contain real annotations and so stay outside the repository (MHBENCH_GOLDEN)."""
    return _outside_folder("MHBENCH_GOLDEN")


@pytest.fixture(scope="session")
def golden() -> Path:
    """Made-up inputs and the numbers official code gives for them."""
    return Path(__file__).parent / "golden"
