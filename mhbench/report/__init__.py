"""Looking: pictures of frames, and the page of a result. A function is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import Any, Final

_HOME: Final = {"write_report": "page", "draw_frame": "frame_picture"}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
