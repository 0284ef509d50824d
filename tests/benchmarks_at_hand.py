"""Modules of `benchmarks/` for the tests: they import each other by their bare names."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@contextmanager
def benchmark(name: str) -> Iterator[ModuleType]:
    """One of them, imported; afterwards none of them is left among the loaded modules."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(BENCHMARKS))
        for path in BENCHMARKS.glob("*.py"):
            sys.modules.pop(path.stem, None)
