"""mhbench: dataset preparation and evaluation for multi-human 3D pose.

    raw tree -> datasets -> FrameTable -> (heatmaps) -> shards                     mhbench convert
    shards + predictions -> matching -> records -> metrics -> result -> report     mhbench evaluate
    shards -> runner(model) -> predictions                                         mhbench run

`import mhbench` loads nothing heavy: rooms and functions are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

__version__ = "0.1.0"

_ROOMS: Final = ("metrics", "heatmaps", "volumes", "cameras", "skeletons", "frames", "predictions", "shards")
_FUNCTIONS: Final = {
    "open_shards": "shards",
    "read_predictions": "predictions",
    "write_predictions": "predictions",
    "convert": "conversion.pipeline",
    "evaluate": "evaluation.pipeline",
}

__all__ = ["__version__", *sorted((*_ROOMS, *_FUNCTIONS))]  # noqa: PLE0604 - the tables are the list


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
