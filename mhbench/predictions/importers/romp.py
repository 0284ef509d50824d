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
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.datasets.raw.files import FILE_LIMIT
from mhbench.datasets.raw.pickles import decode_pickle
from mhbench.errors import InputError, PredictionError
from mhbench.predictions.importers.people import Frame, Person, table_of_frames

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.predictions.importers.naming import KnownFrames
    from mhbench.predictions.table import PredictionTable

SKELETON: Final = "smpl_24"
JOINTS: Final = 24
SUMMARY: Final = "video_results"
_THRESHOLD: Final = re.compile(r"(?:__[A-Za-z0-9]*)?_\d*\.\d+$")  # what BEV appends


def read_romp(folder: Path, dataset: str, known: KnownFrames, model: str = "") -> PredictionTable:
    """Read the results of a folder; sub-folders tell images of the same name apart.

    Raises:
        PredictionError: a file has another layout, or belongs to no frame.
        InputError: a file is damaged, or holds what the restricted reader refuses.
    """
    paths = [path for path in sorted(folder.rglob("*.npz")) if path.stem != SUMMARY]
    if not paths:
        raise PredictionError(f"{folder} holds no .npz", expected="results of ROMP or BEV")
    frames = []
    for path in paths:
        name = path.relative_to(folder).with_suffix("").as_posix()
        image = _THRESHOLD.sub("", name) + ".png"
        frames.append(Frame(known.frame_id(image, str(path)), _people(_results(path), path)))
    return table_of_frames(
        frames, dataset=dataset, skeleton=SKELETON, space="root", root="pelvis", model=model, source=folder
    )


def _results(path: Path) -> Mapping[str, Any]:
    """The pickled dictionary inside the archive, read by the restricted reader."""
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo("results.npy")
            if info.file_size > FILE_LIMIT:
                raise InputError(f"{path}: results.npy unpacks to {info.file_size} bytes", expected="less")
            content = archive.open(info)
            version = np.lib.format.read_magic(content)
            read_header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read_header(content)
            stored = content.read()
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise InputError(
            f"{path} cannot be read: {error}",
            expected="an .npz with the array `results`, as ROMP and BEV write it",
            action="run the model again with its own saving of results",
        ) from error
    if not dtype.hasobject or shape != ():
        raise PredictionError(
            f"{path}: `results` is {dtype}{list(shape)}",
            expected="one pickled dictionary, as ROMP and BEV write it",
        )
    value = decode_pickle(stored, f"{path}:results")
    value = value.item() if isinstance(value, np.ndarray) else value
    if not isinstance(value, dict):
        raise PredictionError(f"{path}: `results` holds {type(value).__name__}", expected="a dictionary")
    return value


def _people(results: Mapping[str, Any], path: Path) -> list[Person]:
    joints, pixels = _rows(results, "joints", path), _rows(results, "pj2d_org", path)
    pose, betas = _rows(results, "smpl_thetas", path), _rows(results, "smpl_betas", path)
    score = _rows(results, "center_confs", path).reshape(len(joints), -1)
    tracks = results.get("track_ids")
    if {len(pixels), len(pose), len(betas)} != {len(joints)} or pose.shape[1:] != (72,):
        raise PredictionError(
            f"{path}: joints, pj2d_org, smpl_thetas and smpl_betas are of different people",
            expected="one row per person in each, poses of 72 numbers",
        )
    plain_smpl = betas.shape[1] == 10
    people = []
    for row in range(len(joints)):
        columns: dict[str, Any] = {
            "joints3d": joints[row, :JOINTS] - joints[row, 0],
            "joints2d": pixels[row, :JOINTS],
            "score": float(score[row, 0]),
        }
        if plain_smpl:
            columns |= {"smpl_pose": pose[row], "smpl_betas": betas[row], "gender": "neutral"}
        if tracks is not None:
            columns["track"] = int(np.asarray(tracks).reshape(-1)[row])
        people.append(columns)
    return people


def _rows(results: Mapping[str, Any], key: str, path: Path) -> npt.NDArray[np.float64]:
    value = results.get(key)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise PredictionError(
            f"{path}: {key} is {'missing' if value is None else type(value).__name__}",
            expected="an array of numbers, one row per person",
            action="run the model with its calculation of the mesh, which is the default",
        )
    return value.astype(np.float64)
