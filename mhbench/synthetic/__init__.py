"""Synthetic people, scenes and raw trees: data of every kind without a licence, and with the truth known.

`scene` makes people that move in front of cameras; `raw` writes a scene as the raw tree of a data set.
A function is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

_HOME: Final = {
    "Body": "smpl_body",
    "body": "smpl_body",
    "Scene": "scenes",
    "scene": "scenes",
    "picture": "images",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
