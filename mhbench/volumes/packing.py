"""Volumes as bits: 128^3 voxels in 256 KiB, eight to a byte as numpy packs them, last axis first filled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mhbench.errors import ShapeError

if TYPE_CHECKING:
    import numpy.typing as npt


def pack(volumes: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Bits of the volumes.

    Args:
        volumes: (N, ...) bool, or numbers that are 0 or not.

    Returns:
        (N, B) uint8, B a multiple of 8: the voxels in C order, eight to a byte, then zeros.
    """
    given = np.asarray(volumes)
    bits = np.packbits(given.reshape(len(given), math.prod(given.shape[1:])) != 0, axis=1)
    return np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8)))


def unpack(bits: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Volumes (N, *shape) of their bits.

    Raises:
        ShapeError: these bits are no volumes of this shape.
    """
    voxels = math.prod(shape)
    if bits.ndim != 2 or bits.dtype != np.uint8 or bits.shape[1] != -(-voxels // 64) * 8:
        raise ShapeError(
            f"the bits are {bits.dtype}{list(bits.shape)}",
            expected=f"uint8[N, {-(-voxels // 64) * 8}] for volumes of {shape}",
            action="use the result of mhbench.volumes.pack and the shape of one volume",
        )
    flat = np.unpackbits(bits, axis=1, count=voxels)
    return flat.reshape(len(bits), *shape).astype(np.bool_)
