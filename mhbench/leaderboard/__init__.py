"""Leaderboards: a store of results in files, the pages built from it, a gate, and bridges to platforms.

A function is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

_HOME: Final = {
    "add_entry": "store",
    "read_boards": "store",
    "build_site": "site",
    "check_result": "gate",
    "write_bridge": "bridges",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
