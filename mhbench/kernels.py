"""The one wrapper around numba: compiled kernels, cached on disk where a folder is writable.

A cached caller does not notice a changed callee in another file, so a kernel calls kernels of its own file
only (held by tests/test_boundaries.py). No `parallel`, no `fastmath`: the same input gives the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., object]")


def kernel(function: Function) -> Function:
    """Compile a function with numba when it is first called; keep the machine code on disk if possible."""
    compiled = numba.njit(function)
    try:
        compiled.enable_caching()
    except RuntimeError:
        # numba found no writable folder (a read-only installation without a home): compile anew each time
        return cast("Function", compiled)
    return cast("Function", compiled)
