"""Shape checks with symbolic dimensions.

    sizes = check_shape("predicted", predicted, "N J 3")
    check_shape("target", target, "N J 3", sizes)

A pattern is a list of words: a number must match, a name binds a size that later uses must repeat, `*`
matches any size, a leading `...` any number of dimensions. MHBENCH_SKIP_CHECKS=1 turns the checks off.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mhbench.errors import ShapeError

if TYPE_CHECKING:
    import numpy.typing as npt

_SKIP = os.environ.get("MHBENCH_SKIP_CHECKS") == "1"


def check_shape(
    name: str, array: npt.NDArray[Any], pattern: str, sizes: dict[str, int] | None = None
) -> dict[str, int]:
    """Check the shape of an array against a pattern and return the sizes of its named dimensions.

    Args:
        name: what the array is called in messages.
        array: the array.
        pattern: words as described in the module, such as `"N J 3"`.
        sizes: sizes that are already bound; extended and returned.

    Raises:
        ShapeError: the shape does not fit; the message shows the pattern with the sizes bound so far.
    """
    bound = {} if sizes is None else sizes
    if _SKIP:
        return bound
    words = pattern.split()
    shape = array.shape
    if words and words[0] == "...":
        words = words[1:]
        shape = shape[len(shape) - len(words) :] if len(shape) >= len(words) else shape
    if len(shape) != len(words):
        raise _mismatch(name, array, pattern, bound)
    for word, size in zip(words, shape, strict=True):
        if word == "*":
            continue
        known = int(word) if word.isdigit() else bound.setdefault(word, size)
        if known != size:
            raise _mismatch(name, array, pattern, bound)
    return bound


def _mismatch(name: str, array: npt.NDArray[Any], pattern: str, sizes: dict[str, int]) -> ShapeError:
    known = ", ".join(f"{word} = {sizes[word]}" for word in pattern.split() if word in sizes)
    return ShapeError(
        f"{name} has shape {tuple(array.shape)}",
        expected=f"({', '.join(pattern.split())})" + (f" with {known}" if known else ""),
        action="check the order of the axes and the number of joints",
    )
