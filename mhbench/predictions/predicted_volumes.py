"""Volumes to be fitted, from either file that holds them: `mhbench-volumes/1`, or predictions with volumes.

Predictions hold labels (`volume`, `volume_corner`, `volume_cell`, see `table`): every cell with a label is
occupied. The other form knows probabilities, and true volumes for an oracle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import InputError, PredictionError
from mhbench.predictions.hdf5 import read_header
from mhbench.predictions.hdf5_columns import attributes, column, opened, texts
from mhbench.predictions.schema import FORMAT
from mhbench.predictions.table import check_offsets
from mhbench.predictions.volume_files import (
    VolumeGrid,
    VolumeHeader,
    VolumeItem,
    read_volume,
    read_volume_header,
)
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

    import h5py

_MM: Final = 1000.0
_COLUMNS: Final = ("volume", "volume_corner", "volume_cell")


def holds_predictions(path: Path) -> bool:
    """Whether a file of volumes is a file of predictions.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is no HDF5 file.
    """
    with opened(path, FORMAT) as file:
        return bool(attributes(file).get("format") == FORMAT)


def header_of(path: Path) -> VolumeHeader:
    """The header of the volumes of a file, of either form.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, or of another format.
        PredictionError: the predictions have no volumes in the camera's space.
    """
    if not holds_predictions(path):
        return read_volume_header(path)
    source = str(path)
    with opened(path, FORMAT) as file:
        header = read_header(file, source)[1]
        if header.space != "camera" or any(f"persons/{name}" not in file for name in _COLUMNS):
            raise PredictionError(
                f"{path}: there are no volumes with a place in the camera's space",
                expected=f"/persons/{', '.join(_COLUMNS)}, and the attribute space 'camera'",
                action="write them, or the volumes as mhbench-volumes/1",
            )
        ids = texts(file, "frames/id", source)
        start = column(file, "frames/person_start", source)[()]
        check_offsets("person_start", start, len(ids))
        count = len(column(file, "persons/volume", source))
        return VolumeHeader(
            dataset=header.dataset,
            model=header.model or "volumes",
            axes="z y x",
            space="camera",
            occupancy="centres",
            skeleton=header.skeleton if "persons/joints3d" in file else None,
            frames=tuple(np.repeat(ids, np.diff(start)).tolist()),
            persons=_texts(file, "person", source, count),
            genders=_texts(file, "gender", source, count),
        )


def item_of(path: Path, header: VolumeHeader, number: int) -> VolumeItem:
    """One volume of a file of either form, with all that belongs to it.

    Raises:
        InputError: it is damaged, or the volume holds no occupancies or lies nowhere.
    """
    if not holds_predictions(path):
        return read_volume(path, header, number)
    with opened(path, FORMAT) as file:
        scale = 1 / _MM if attributes(file).get("units") == "mm" else 1.0
        labels = file["persons/volume"][number]
        places = [np.asarray(file[f"persons/{name}"][number], dtype=np.float64) for name in _COLUMNS[1:]]
        grid = VolumeGrid(*(scale * place for place in places))
        if not (np.isfinite(grid.corner).all() and np.isfinite(grid.cell).all() and (grid.cell > 0).all()):
            raise InputError(
                f"{path}: the volume of person {number} lies nowhere",
                expected="a corner, and sides of a cell above 0",
                action="leave the person out, or write them",
            )
        joints = None
        if header.skeleton is not None:
            joints = scale * np.asarray(file["persons/joints3d"][number], dtype=np.float64)
            if joints.shape != (len(skeleton(header.skeleton)), 3):
                raise _damaged(path, "persons/joints3d", joints.shape)
        if labels.ndim != 3 or not labels.size:
            raise _damaged(path, "persons/volume", labels.shape)
        occupied = (labels.transpose() > 0).astype(np.float32)
        return VolumeItem(occupied, grid, None, joints, header.genders[number])


def _texts(file: h5py.File, name: str, source: str, count: int) -> tuple[str, ...]:
    path = f"persons/{name}"
    return tuple(texts(file, path, source).tolist()) if path in file else ("",) * count


def _damaged(path: Path, name: str, shape: tuple[Any, ...]) -> InputError:
    return InputError(
        f"{path}: /{name} has the shape {shape} for one person",
        expected="labels (D, H, W), and the joints of the skeleton",
        action="`mhbench validate` says what is wrong with the file",
    )
