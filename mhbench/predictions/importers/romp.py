"""What ROMP and BEV (the package simple_romp) write: one .npz per image.

    <folder>/<image name>.npz       array `results`: a pickled dictionary, per person (N people)
        smpl_thetas  (N, 72)        SMPL pose, axis-angle, root in the camera frame
        smpl_betas   (N, 10 or 11)  shape; BEV's eleventh number blends in a child's body (SMPL+A)
        joints       (N, 71, 3)     m, at the body's origin; the first 24 are SMPL's
        pj2d_org     (N, 71, 2)     px of the original image
        center_confs (N,) or (N, 1) score
        track_ids    (N,)           with temporal filtering only
    <folder>/video_results.npz      the same dictionaries by image name; not read, as it repeats the others

BEV appends its threshold to the name (`image_0.1.npz`). An image without people has no file. `cam_trans` is
in a virtual camera and is not read. Of BEV's bodies only the joints are taken, because SMPL cannot express
them. Source: Arthur151/ROMP, simple_romp/romp (main.py, utils.py, post_parser.py), simple_romp/bev/main.py.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.datasets.raw.files import FILE_LIMIT
from mhbench.datasets.raw.pickles import decode_pickle
from mhbench.errors import InputError, PredictionError
from mhbench.predictions.importers.people import Frame, Person, number, numbers, result_files, table_of_frames

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mhbench.predictions.importers.naming import KnownFrames
    from mhbench.predictions.table import PredictionTable

SKELETON: Final = "smpl_24"
JOINTS: Final = 24
SUMMARY: Final = "video_results"
_ARRAYS: Final = {
    "joints": (None, None, 3),
    "pj2d_org": (None, None, 2),
    "smpl_thetas": (None, 72),
    "smpl_betas": (None, None),
    "track_ids": (None,),
}
_OPTIONAL: Final = ("track_ids",)
_SMPL_BETAS: Final = 10
_THRESHOLD: Final = re.compile(r"(?:__[A-Za-z0-9]*)?_\d*\.\d+$")  # what BEV appends


def read_romp(folder: Path, dataset: str, known: KnownFrames, model: str = "") -> PredictionTable:
    """Read the results of a folder, or of one file; sub-folders tell images of the same name apart.

    Raises:
        MissingInputError: it is not there.
        PredictionError: a file has another layout, or belongs to no frame.
        InputError: a file is damaged, or holds what the restricted reader refuses.
    """
    frames = [
        Frame(known.frame_id(f"{_THRESHOLD.sub('', name)}.png", str(path)), _people(_results(path), path))
        for path, name in result_files(folder, ".npz", "results of ROMP or BEV")
        if path.stem != SUMMARY
    ]
    return table_of_frames(
        frames, dataset=dataset, skeleton=SKELETON, space="root", root="pelvis", model=model, source=folder
    )


def _results(path: Path) -> Mapping[str, Any]:
    """The pickled dictionary inside the archive, read by the restricted reader."""
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo("results.npy")
            if info.file_size > FILE_LIMIT:
                raise InputError(
                    f"{path}: results.npy unpacks to {info.file_size} bytes",
                    expected=f"at most {FILE_LIMIT}",
                    action="check that ROMP or BEV wrote the file",
                )
            content = archive.open(info)
            version = np.lib.format.read_magic(content)
            read_header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read_header(content)
            stored = content.read()
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, OSError),
        RuntimeError,  # a password, or a compression nobody knows
    ) as error:
        raise InputError(
            f"{path} cannot be read: {error}",
            expected="an .npz with the array `results`, as ROMP and BEV write it",
            action="run the model again with its own saving of results",
        ) from error
    if not dtype.hasobject or shape != ():
        raise PredictionError(
            f"{path}: `results` is {dtype}{list(shape)}",
            expected="one pickled dictionary, as ROMP and BEV write it",
            action="run the model again with its own saving of results",
        )
    value = decode_pickle(stored, f"{path}:results")
    value = value.item() if isinstance(value, np.ndarray) else value
    if not isinstance(value, dict):
        raise PredictionError(
            f"{path}: `results` holds {type(value).__name__}",
            expected="a dictionary, as ROMP and BEV write it",
            action="run the model again with its own saving of results",
        )
    return value


def _people(results: Mapping[str, Any], path: Path) -> list[Person]:
    arrays = {
        name: numbers(results.get(name), shape, f"{path}: {name}")
        for name, shape in _ARRAYS.items()
        if name in results or name not in _OPTIONAL
    }
    sure = results.get("center_confs")
    flat = sure.ravel() if isinstance(sure, np.ndarray) else sure  # (N,) or (N, 1)
    score = numbers(flat, (None,), f"{path}: center_confs")
    rows = {len(score), *map(len, arrays.values())}
    if len(rows) > 1 or arrays["joints"].shape[1] < JOINTS or arrays["pj2d_org"].shape[1] < JOINTS:
        raise PredictionError(
            f"{path}: its arrays are of different people, or of less than SMPL's joints",
            expected=f"one row per person in each of {', '.join(_ARRAYS)}, and {JOINTS} joints or more",
            action="run the model with its calculation of the mesh, which is the default",
        )
    joints = arrays["joints"][:, :JOINTS] - arrays["joints"][:, :1]
    columns: dict[str, Any] = {"joints3d": joints, "joints2d": arrays["pj2d_org"][:, :JOINTS], "score": score}
    if arrays["smpl_betas"].shape[1] == _SMPL_BETAS:
        columns |= {"smpl_pose": arrays["smpl_thetas"], "smpl_betas": arrays["smpl_betas"]}
        columns["gender"] = ["neutral"] * len(score)
    if "track_ids" in arrays:
        columns["track"] = [int(number(one, f"{path}: track_ids")) for one in arrays["track_ids"]]
    return [{name: column[row] for name, column in columns.items()} for row in range(len(score))]
