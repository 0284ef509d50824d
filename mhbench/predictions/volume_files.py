"""Predicted volumes, one person each: the HDF5 form `mhbench-volumes/1`, which any HDF5 program can write.

    attributes   format, dataset; model (text); axes ("z y x"); space ("camera" or "root");
                 occupancy ("centres" or "conservative"); skeleton (of joints3d)
    /frame       (N,) text, frame ids of the data set
    /volumes     (N, D, H, W) occupancies: floats in 0 .. 1, or bool or integers 0 and 1
    /corner      (N, 3) m x, y, z of the corner of the volume's box at the smallest coordinates
    /cell        (N, 3) m, sides of a cell along x, y and z
    /target      (N, D, H, W) the true volumes on the same grid, from which a grid can be told instead
    /joints3d    (N, J, 3) m, predicted joints; NaN = missing
    /person      (N,) text, the track of the annotated person, where a frame has several
    /gender      (N,) text, of the body model

`axes` says how the axes of an array run in the camera's frame (x right, y down, z forward), "-" against it:
a volume of BodyNet is "-z y -x" in the frame of SURREAL's bodies and "-z y x" in that of UP-3D's. In space
"camera" corners and joints are absolute; in space "root" corners are relative to the origin of the body model
and joints to the root of their skeleton. Only format, dataset, frame and volumes are required. Volumes are
read one at a time, so a file may be larger than the memory; chunks of one volume keep that fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import h5py
import msgspec
import numpy as np

from mhbench.errors import PredictionError, UsageError
from mhbench.predictions.hdf5_columns import attributes, column, opened, texts
from mhbench.predictions.schema import Text  # noqa: TC001 - msgspec resolves the field types at run time
from mhbench.predictions.table import PredictionTable
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Singles = npt.NDArray[np.float32]

FORMAT: Final = "mhbench-volumes/1"
LARGEST: Final = 512
"""Cells along a side of a volume; one is held in memory as a whole."""
_OCCUPIED: Final = 0.5
_COLUMNS: Final = ("frame", "volumes", "corner", "cell", "target", "joints3d", "person", "gender")
_ATTRIBUTES: Final = (
    f"format '{FORMAT}' and dataset; if they are wanted model, axes, space (camera, root),"
    " occupancy (centres, conservative), skeleton"
)
_TEXTS: Final = ("frame", "person", "gender")


class VolumeGrid(NamedTuple):
    """Where a volume lies: corner (3,) and sides of a cell (3,), metres along x, y and z."""

    corner: Floats
    cell: Floats


@dataclass(frozen=True)
class VolumeHeader:
    """What stands before the volumes of a file (see the module).

    `frames` are the frame ids of the N volumes, `persons` the tracks of their annotated people, `genders`
    those of their bodies; "" where the file names none.
    """

    dataset: str
    model: str
    axes: str
    space: Literal["camera", "root"]
    occupancy: Literal["centres", "conservative"]
    skeleton: str | None
    frames: tuple[str, ...]
    persons: tuple[str, ...]
    genders: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class VolumeItem:
    """One volume.

    Attributes:
        volume: (X, Y, Z) occupancies, axes along the camera's x, y and z.
        grid: where it lies; None where the file does not say.
        target: (X, Y, Z) bool, the true volume; None where the file has none.
        joints: (J, 3) m; None where the file has none.
        gender: of the body model; "" where none is named.
    """

    volume: Singles
    grid: VolumeGrid | None
    target: npt.NDArray[np.bool_] | None
    joints: Floats | None
    gender: str


class _Words(msgspec.Struct, kw_only=True):
    """The attributes of a file; others are the writer's own."""

    format: Literal["mhbench-volumes/1"]
    dataset: Text
    model: Text = "volumes"
    axes: Text = "z y x"
    space: Literal["camera", "root"] = "camera"
    occupancy: Literal["centres", "conservative"] = "centres"
    skeleton: Text | None = None


def read_volume_header(path: Path) -> VolumeHeader:
    """The header of a file of volumes; shapes of all its columns are checked, no volume is read.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged.
        UnsafeInputError: a column lies in another file.
        PredictionError: it is of another format, or a column does not fit the others.
    """
    with opened(path, FORMAT) as file:
        return _header(file, path)


def read_volume(path: Path, header: VolumeHeader, number: int) -> VolumeItem:
    """One volume of a file whose header was read, with all that belongs to it.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged.
        PredictionError: the volume holds no occupancies, or lies nowhere.
    """
    with opened(path, FORMAT) as file:
        return _item(file, path, header, number)


def _item(file: h5py.File, path: Path, header: VolumeHeader, number: int) -> VolumeItem:
    grid = target = None
    if "cell" in file:
        grid = VolumeGrid(_row(file, "corner", number), _row(file, "cell", number))
        if not (np.isfinite(grid.corner).all() and np.isfinite(grid.cell).all() and (grid.cell > 0).all()):
            raise _wrong(path, f"/corner or /cell of volume {number} is no place", "finite, cells above 0")
    if "target" in file:
        target = _reordered(_occupancies(file, path, "target", number), header.axes) >= _OCCUPIED
    return VolumeItem(
        volume=_reordered(_occupancies(file, path, "volumes", number), header.axes),
        grid=grid,
        target=target,
        joints=_row(file, "joints3d", number) if "joints3d" in file else None,
        gender=header.genders[number] if header.genders else "",
    )


def is_volume_file(path: Path) -> bool:
    """Whether an HDF5 file is one of volumes; False for one that cannot be opened."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            return bool(attributes(file).get("format") == FORMAT)
    except (OSError, KeyError, RuntimeError, UnicodeDecodeError):
        return False


def volumes_as_predictions(path: Path) -> PredictionTable:
    """A file of volumes as predictions: occupied from 0.5 on, with its joints; without a place no volumes.

    Raises:
        MhbenchError: as `read_volume_header` and `read_volume`.
    """
    with opened(path, FORMAT) as file:
        header = _header(file, path)
        items = [_as_person(_item(file, path, header, number)) for number in range(len(header.frames))]
    ids, frame = np.unique(np.array(header.frames, dtype=np.str_), return_inverse=True)
    order = np.argsort(frame, kind="stable")
    names = list(items[0]) if items else []
    return PredictionTable(
        dataset=header.dataset,
        frame_ids=ids,
        person_start=np.searchsorted(frame[order], np.arange(len(ids) + 1)).astype(np.int64),
        persons={
            **{name: np.stack([items[row][name] for row in order.tolist()]) for name in names},
            "person": np.array(header.persons, dtype=np.str_)[order],
        },
        skeleton=header.skeleton,
        model=header.model,
        space=header.space,
        root="skeleton" if header.space == "root" and header.skeleton else None,
        source=str(path),
    )


def _as_person(item: VolumeItem) -> dict[str, npt.NDArray[Any]]:
    columns: dict[str, npt.NDArray[Any]] = {}
    if item.grid is not None:
        columns["volume"] = (item.volume.transpose() >= _OCCUPIED).astype(np.uint8)
        columns |= {"volume_corner": item.grid.corner, "volume_cell": item.grid.cell}
    return columns | ({"joints3d": item.joints} if item.joints is not None else {})


def _header(file: h5py.File, path: Path) -> VolumeHeader:
    try:
        words = msgspec.convert(attributes(file), _Words)
    except msgspec.ValidationError as error:
        raise _wrong(path, f"in its attributes: {error}", _ATTRIBUTES) from error
    _check_columns(file, path, words.skeleton)
    if sorted(words.axes.replace("-", "").split()) != ["x", "y", "z"]:
        raise _wrong(
            path, f"the attribute axes is {words.axes!r}", "x, y and z in some order, such as '-z y x'"
        )
    frames = _texts(file, "frame", path, 0)
    return VolumeHeader(
        dataset=words.dataset,
        model=words.model,
        axes=words.axes,
        space=words.space,
        occupancy=words.occupancy,
        skeleton=words.skeleton,
        frames=frames,
        persons=_texts(file, "person", path, len(frames)),
        genders=_texts(file, "gender", path, len(frames)),
    )


def _check_columns(file: h5py.File, path: Path, skeleton_name: str | None) -> None:
    unknown = sorted(set(file) - set(_COLUMNS))
    if unknown:
        raise _wrong(path, f"it has the unknown column /{unknown[0]}", ", ".join(_COLUMNS))
    columns = {name: column(file, name, str(path)) for name in file}
    missing = [name for name in ("frame", "volumes") if name not in columns]
    if missing or ("corner" in file) != ("cell" in file):
        lacking = missing[0] if missing else "corner and cell together"
        raise _wrong(path, f"it lacks /{lacking}", "frame and volumes, and corner with cell")
    strange = [name for name, one in columns.items() if name not in _TEXTS and one.dtype.kind not in "fbiu"]
    if strange:
        raise _wrong(path, f"/{strange[0]} holds {columns[strange[0]].dtype}", "numbers")
    shape = columns["volumes"].shape
    rows = {"corner": (3,), "cell": (3,), "frame": (), "person": (), "gender": (), "target": shape[1:]}
    if "joints3d" in file:
        if skeleton_name is None:
            raise _wrong(path, "it has joints3d, but no attribute skeleton", "the name of their skeleton")
        rows["joints3d"] = (_joint_count(skeleton_name, path), 3)
    if len(shape) != 4 or not all(0 < side <= LARGEST for side in shape[1:]):
        raise _wrong(path, f"/volumes has the shape {shape}", f"(N, D, H, W), sides of 1 to {LARGEST}")
    for name in columns.keys() & rows.keys():
        if columns[name].shape != (shape[0], *rows[name]):
            raise _wrong(path, f"/{name} has the shape {columns[name].shape}", str((shape[0], *rows[name])))


def _joint_count(name: str, path: Path) -> int:
    try:
        return len(skeleton(name))
    except UsageError as error:
        raise _wrong(path, f"the attribute skeleton is {name!r}", error.expected) from error


def _reordered(volume: Singles, axes: str) -> Singles:
    """A stored volume with its axes along x, y and z."""
    words = axes.split()
    order = [words.index(name) if name in words else words.index(f"-{name}") for name in "xyz"]
    backwards = tuple(axis for axis, place in enumerate(order) if words[place].startswith("-"))
    return np.flip(volume.transpose(order), backwards)


def _occupancies(file: h5py.File, path: Path, name: str, number: int) -> Singles:
    stored: npt.NDArray[Any] = file[name][number]
    if not (stored >= 0).all() or not (stored <= 1).all():
        raise _wrong(
            path, f"/{name} of volume {number} holds numbers beyond 0 and 1, or NaN", "occupancies, 0 .. 1"
        )
    return stored.astype(np.float32)


def _row(file: h5py.File, name: str, number: int) -> Floats:
    return np.asarray(file[name][number], dtype=np.float64)


def _texts(file: h5py.File, name: str, path: Path, count: int) -> tuple[str, ...]:
    """A column of texts; so many empty ones where there is none."""
    return tuple(texts(file, name, str(path)).tolist()) if name in file else ("",) * count


def _wrong(path: Path, what: str, expected: str) -> PredictionError:
    return PredictionError(f"{path}: {what}", expected=expected, action="write the file anew")
