"""Predictions: the format `mhbench-predictions/1` as JSON and HDF5, read, written and validated.

Functions are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

_HOME: Final = {
    "PredictionTable": "table",
    "frame_key": "table",
    "read_predictions": "reading",
    "write_predictions": "writing",
    "validate_file": "validation",
    "ValidationReport": "validation",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
