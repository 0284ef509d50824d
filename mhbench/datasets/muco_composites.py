"""MuCo-3DHP as the authors' scripts write it: chunks of annotations, and where their poses come from.

    augmented_set_001/chunk_00001_annot.mat   version 5: img_names (1, n), joint_loc2, joint_loc3 (d, J, P, n)
    sampled_dataset_info.mat                  version 7.3: composite_info (N, 4) cells of [subject, sequence,
                                              camera, frame], one row for each image number

`joint_loc3` is universal in size and, in the published scripts, without its pelvis. True positions are those
of `annot3` in MPI-INF-3DHP: looked up by composite_info, sorted by depth as the chunks are, and accepted only
if their `annot2` is the chunk's `joint_loc2`.

Source of the layout: the authors' MATLAB scripts as published. No real file was ever seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.datasets.mpi_inf_3dhp_cameras import training_camera
from mhbench.datasets.mpi_inf_3dhp_poses import read_training, training_size
from mhbench.datasets.raw.folders import files_in
from mhbench.datasets.raw.matlab import holds_references, read_matlab5
from mhbench.errors import InputError, MissingInputError
from mhbench.skeletons import conversion

if TYPE_CHECKING:
    from pathlib import Path

    import h5py
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

JOINTS: Final = 21
PELVIS: Final = 14
SOURCES: Final = "sampled_dataset_info.mat"
_SOURCE_NUMBERS: Final = 4  # subject, sequence, camera, frame
_FOLDER: Final = re.compile(r"(un)?augmented_set_\d+")
_FURTHEST: Final = 1e5  # mm or px; no joint is 100 m away
_SAME: Final = 0.5  # px; poses that are another one's differ by far more
_DEPTH: Final = 4  # cells inside each other


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Images of a chunk by name, ascending in number.

    Attributes:
        number: (n,) number of each image.
        pixels: (n, P, 21, 2) px.
        joints: (n, P, 21, 3) mm.
    """

    number: Ints
    pixels: Floats
    joints: Floats


def chunk_files(raw: Path) -> dict[str, list[Path]]:
    """The chunks of each set, by number, under a raw root."""
    folders = sorted(folder for folder in raw.iterdir() if _FOLDER.fullmatch(folder.name))
    found = {folder.name: files_in(folder, "chunk_*_annot.mat") for folder in folders}
    return {name: files for name, files in found.items() if files}


def image_numbers(path: Path) -> Ints:
    """(n,) number of each image of a chunk, as its `img_names` say.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, or a name is no number.
    """
    cells = np.ravel(read_matlab5(path, ("img_names",))["img_names"])
    names = ["".join(str(text) for text in np.ravel(cell)) for cell in cells]
    matches = [re.fullmatch(r"(\d{1,15})\.(?:jpg|png)", name) for name in names]
    for name, match in zip(names, matches, strict=True):
        if match is None:
            raise _unfit(path, f"`img_names` holds {name!r}, which is no image number")
    numbers = np.array([int(match[1]) for match in matches if match], dtype=np.int64)
    if len(np.unique(numbers)) != len(numbers) or not len(numbers):
        raise _unfit(path, "`img_names` is empty, or names an image twice")
    return numbers


def read_chunk(path: Path) -> Chunk:
    """A chunk.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged or of another version, its parts disagree, or it holds a NaN.
    """
    number = image_numbers(path)
    found = read_matlab5(path, ("joint_loc2", "joint_loc3"))
    parts = [_joints(path, found[name], name, size, len(number)) for name, size in _SIZES.items()]
    if parts[0].shape[1] != parts[1].shape[1]:
        raise _unfit(path, "`joint_loc2` and `joint_loc3` differ in the number of people")
    order = np.argsort(number, kind="stable")
    return Chunk(number[order], parts[0][order], parts[1][order])


def is_rooted(joints: Floats) -> bool:
    """Whether joints (..., 21, 3) lack their pelvis: it is exactly at the origin everywhere."""
    return not joints[..., PELVIS, :].any()


def actors(raw: Path) -> dict[str, Path]:
    """Folders S1/Seq1, ... of MPI-INF-3DHP: in the raw root, in `mpi_inf_3dhp` there, or beside it."""
    for root in (raw, raw / "mpi_inf_3dhp", raw.parent / "mpi_inf_3dhp"):
        names = [f"S{s}/Seq{q}" for s in range(1, 9) for q in (1, 2)]
        found = {name: root / name for name in names if (root / name / "annot.mat").is_file()}
        if found:
            return found
    return {}


def read_sources(path: Path, numbers: Ints) -> Ints:
    """(n, 4, 4) subject, sequence, camera and frame of the four people of images, by number from 1.

    Only their rows are read: the file has millions of parts.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged or of another version, or has too few rows.
    """
    if not path.is_file():
        raise MissingInputError(
            f"{path} is not there",
            expected="the file the scripts write beside the sets",
            action="put it back, or convert again without it: joints are then relative to their root",
        )
    import h5py  # noqa: PLC0415 - only this file is HDF5

    try:
        with h5py.File(path, "r", locking=False) as file:
            rows = _source_rows(path, file, numbers)
    except InputError:
        raise
    except Exception as error:  # HDF5 raises nearly everything on damaged files
        raise _unfit(path, f"is no MATLAB file of version 7.3, or damaged: {error}") from error
    return np.array(rows, dtype=np.int64).reshape(len(numbers), -1, _SOURCE_NUMBERS)


def true_joints(
    folders: dict[str, Path], sources: Ints, chunk: Chunk, where: Path
) -> tuple[Floats, Floats, Ints]:
    """Joints in true size and the cameras of composites, from the annotation they were made of.

    Args:
        folders: folders of the sequences (see `actors`).
        sources: (n, P, 4), see `read_sources`.
        chunk: the same images.
        where: the chunks' folder, for messages.

    Returns:
        (n, P, 21, 3) mm in the camera's frame, (n, 3, 3) intrinsics, and the sources; people in the order of
        the chunk.

    Raises:
        InputError: a sequence is not there, a source does not exist, or poses are not those of the images.
    """
    if sources.shape[:2] != chunk.pixels.shape[:2] or np.ptp(sources[..., 2], axis=1).any():
        raise _unfit(where, f"{SOURCES} names other numbers of people, or several cameras for one image")
    metric = np.full((*sources.shape[:2], JOINTS, 3), np.nan)
    annotated = np.full((*sources.shape[:2], JOINTS, 2), np.nan)
    K = np.full((len(sources), 3, 3), np.nan)
    taken = conversion("mpi_28", "mpi_21").indices
    for subject, sequence, number in np.unique(sources[..., :3].reshape(-1, 3), axis=0).tolist():
        place, camera = f"S{subject}/Seq{sequence}", str(number)
        if place not in folders:
            raise MissingInputError(
                f"{where}: {SOURCES} names {place} of MPI-INF-3DHP, which is not there",
                expected=f"{place}/annot.mat and camera.calibration, in or beside the raw root",
                action=f"add them, or take {SOURCES} away: the joints are then relative to their root",
            )
        here = np.all(sources[..., :3] == (subject, sequence, number), axis=-1)
        annotation = folders[place] / "annot.mat"
        length = training_size(annotation)[1]
        rows = sources[..., 3][here]
        if rows.min() < 0 or rows.max() >= length:
            raise _unfit(where, f"{SOURCES} names frame {rows.max()} of {place}, which has {length}")
        poses = read_training(annotation, camera, length)
        metric[here], annotated[here] = poses.metric[rows][:, taken], poses.pixels[rows][:, taken]
        # all sequences share the calibration of a camera (measured for the eight of the default download)
        K[here.any(axis=1)] = training_camera(annotation.with_name("camera.calibration"), camera).K
    order = np.argsort(metric[:, :, PELVIS, 2], axis=1, kind="stable")
    metric, annotated = (
        np.take_along_axis(one, order[..., None, None], axis=1) for one in (metric, annotated)
    )
    off = np.abs(annotated - chunk.pixels).max(axis=(1, 2, 3), initial=0)
    if off.max(initial=0) > _SAME:
        row = int(np.argmax(off > _SAME))
        raise InputError(
            f"{where}: the poses that {SOURCES} names for image {chunk.number[row]} are up to"
            f" {off[row]:.0f} px away from those of its chunk",
            expected="row i of composite_info for the image of the number i",
            action=f"take {SOURCES} of another run away: the joints are then relative to their root",
        )
    return metric, K, np.take_along_axis(sources, order[..., None], axis=1)


_SIZES: Final = {"joint_loc2": 2, "joint_loc3": 3}


def _joints(path: Path, values: Any, name: str, size: int, images: int) -> Floats:
    # MATLAB drops a last axis of length 1
    if values.ndim == 3 and images == 1:
        values = values[..., None]
    fits = values.ndim == 4 and values.shape[:2] == (size, JOINTS) and values.shape[3] == images
    if not fits or values.dtype.kind not in "fiu":
        wanted = f"({size}, {JOINTS}, people, {images})"
        raise _unfit(path, f"`{name}` has the shape {values.shape} and not {wanted}")
    joints = np.ascontiguousarray(values.transpose(3, 2, 1, 0), dtype=np.float64)
    if not np.all(np.abs(joints) < _FURTHEST):
        raise _unfit(path, f"`{name}` holds a NaN or a value of {_FURTHEST:g} or more")
    return joints


def _source_rows(path: Path, file: h5py.File, numbers: Ints) -> list[list[list[int]]]:
    import h5py  # noqa: PLC0415 - as in read_sources

    if not isinstance(file.get("composite_info", getlink=True), h5py.HardLink):
        raise _unfit(path, "has no variable composite_info")
    cells = file["composite_info"]
    if cells.ndim != 2 or not holds_references(cells) or cells.external or cells.is_virtual:
        raise _unfit(path, "`composite_info` is no cell array of images and people")
    if numbers.max(initial=0) > cells.shape[1] or numbers.min(initial=1) < 1:
        raise _unfit(path, f"`composite_info` has {cells.shape[1]} rows, and there is image {numbers.max()}")
    # MATLAB's axes are reversed in HDF5
    return [[_source(path, file, cell) for cell in cells[:, number - 1]] for number in numbers]


def _source(path: Path, file: h5py.File, cell: h5py.Reference) -> list[int]:
    for _ in range(_DEPTH):
        part = file[cell]
        if part.external or part.is_virtual or part.size > _SOURCE_NUMBERS:
            break
        if holds_references(part):
            cell = np.ravel(part[()])[0]
        elif part.size == _SOURCE_NUMBERS and part.dtype.kind in "fiu":
            return [int(number) for number in np.ravel(part[()])]
        else:
            break
    raise _unfit(path, "`composite_info` holds a cell that is not [subject, sequence, camera, frame]")


def _unfit(path: Path, fault: str) -> InputError:
    return InputError(
        f"{path}: {fault}",
        expected="what the scripts of the authors write",
        action="run the scripts again",
    )
