"""Where raw data lie when nobody says where."""

from __future__ import annotations

import os
from pathlib import Path


def raw_root(dataset: str, raw: Path | None = None) -> Path:
    """Raw root of a data set: as given, MHBENCH_RAW/<dataset>, or raw/<dataset>."""
    return raw if raw is not None else Path(os.environ.get("MHBENCH_RAW", "raw")) / dataset
