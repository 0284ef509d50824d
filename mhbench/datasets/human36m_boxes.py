"""The boxes of Human3.6M: a mask of the actor in every image, from which everybody takes the box.

    S9/MySegmentsMat/ground_truth_bb/<stem>.<camera>.mat    version 7.3: Masks (F, 1), references to masks

A mask has the size of the image with its axes exchanged. The box reaches from the first to behind the last
pixel of the actor. Some files are missing, and some have other frames than the poses.

Source: nkolot/SPIN, datasets/preprocess/h36m.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.datasets.raw.files import check_file
from mhbench.datasets.raw.matlab import holds_references
from mhbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import h5py
    import numpy.typing as npt

_VARIABLE: Final = "Masks"


def read_boxes(path: Path, rows: Iterable[int], size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The boxes of some frames, whose masks alone are read.

    Args:
        path: the file.
        rows: frames from 0.
        size: width and height of the images.

    Returns:
        (N, 4) x y w h px; NaN where the file has no mask of the frame, or an empty one.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, of another layout, or its masks have another size.
    """
    check_file(path)
    import h5py  # noqa: PLC0415 - slow to import, and not everybody has the boxes

    try:
        with h5py.File(path, "r", locking=False) as file:
            cells = _cells(path, file)
            boxes = [_box(path, file[cells[row, 0]], size) if row < len(cells) else _NONE for row in rows]
    except InputError:
        raise
    except Exception as error:  # HDF5 raises nearly everything on damaged files
        raise _unfit(path, f"{type(error).__name__}: {error}") from error
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


_NONE: Final = (np.nan,) * 4


def _cells(path: Path, file: h5py.File) -> h5py.Dataset:
    import h5py  # noqa: PLC0415 - as in read_boxes

    here = isinstance(file.get(_VARIABLE, getlink=True), h5py.HardLink)
    cells = file[_VARIABLE] if here else None
    if not isinstance(cells, h5py.Dataset) or cells.ndim != 2 or not holds_references(cells):
        raise _unfit(path, f"it has no cells `{_VARIABLE}`")
    return cells


def _box(path: Path, mask: h5py.Dataset, size: tuple[int, int]) -> tuple[float, ...]:
    if mask.shape != size or mask.dtype.kind not in "buif" or mask.external or mask.is_virtual:
        raise _unfit(path, f"a mask has the shape {mask.shape} and not {size}")
    actor = mask[()] == 1
    x, y = np.flatnonzero(actor.any(axis=1)), np.flatnonzero(actor.any(axis=0))
    return (x[0], y[0], x[-1] + 1 - x[0], y[-1] + 1 - y[0]) if len(x) else _NONE


def _unfit(path: Path, fault: str) -> InputError:
    return InputError(
        f"{path} is damaged, or holds no boxes: {fault}",
        expected="one mask of the size of the image for each frame",
        action="extract the archive of the boxes again, or move MySegmentsMat away to convert without them",
    )
