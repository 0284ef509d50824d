"""What 4D-Humans (its tracker PHALP) writes: one pickle per video.

    <folder>/<name>.pkl     dictionary: path of the image -> dictionary of lists, one entry per track
        tid                 identity
        tracked_time        0 = seen in this image; more = the tracker's guess since so many images
        conf                score of the detection
        bbox                x y w h, px of the original image
        smpl                {global_orient (1, 3, 3), body_pose (23, 3, 3), betas (10,)}, root in camera frame

Tracks that were not seen are left out: their bodies are guesses from older images. `3d_joints` are in an
order of their own and `camera` in a virtual camera; neither is read: the joints follow from the parameters.

PHALP writes through joblib, whose files mix pickles with raw bytes and which nothing but joblib can read, and
joblib executes what a file tells it. Save them once as plain pickles, where you trust them:

    import joblib, pickle; pickle.dump(joblib.load("demo.pkl"), open("plain.pkl", "wb"))

Source: brjathu/PHALP, phalp/trackers/PHALP.py; shubham-goel/4D-Humans, track.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.bodies import axis_angles_of
from mhbench.datasets.raw.files import FILE_LIMIT, read_bytes
from mhbench.datasets.raw.pickles import decode_pickle
from mhbench.errors import InputError, PredictionError
from mhbench.predictions.importers.people import Frame, Person, number, numbers, result_files, table_of_frames

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.predictions.importers.naming import KnownFrames
    from mhbench.predictions.table import PredictionTable

_JOBLIB: Final = b"joblib.numpy_pickle"
_PARTS: Final = {"global_orient": (1, 3, 3), "body_pose": (23, 3, 3), "betas": (10,)}
_LISTS: Final = ("tid", "tracked_time", "conf", "bbox", "smpl")


def read_humans4d(path: Path, dataset: str, known: KnownFrames, model: str = "") -> PredictionTable:
    """Read one file, or all .pkl files under a folder.

    Raises:
        MissingInputError: it is not there.
        PredictionError: a file has another layout, or an image belongs to no frame.
        InputError: it is written by joblib, damaged, or holds what the restricted reader refuses.
    """
    files = result_files(path, ".pkl", "results of 4D-Humans, as plain pickles")
    frames = [
        Frame(known.frame_id(str(image), str(one)), _people(content, f"{one}: {image}"))
        for one, _ in files
        for image, content in _content(one).items()
    ]
    return table_of_frames(
        frames, dataset=dataset, skeleton=None, space="root", root=None, model=model, source=path
    )


def _content(path: Path) -> Mapping[Any, Any]:
    data = read_bytes(path, limit=FILE_LIMIT)
    if _JOBLIB in data:
        raise InputError(
            f"{path} was written by joblib",
            expected="a plain pickle of the same dictionary",
            action='where you trust it: python -c "import joblib, pickle; pickle.dump(joblib.load('
            f"'{path.name}'), open('plain.pkl', 'wb'))\"",
        )
    content = decode_pickle(data, str(path))
    if not isinstance(content, dict):
        raise PredictionError(
            f"{path} holds {type(content).__name__}",
            expected="a dictionary by image",
            action="give the file that PHALP wrote beside its video",
        )
    return content


def _people(content: Any, where: str) -> list[Person]:
    found = content if isinstance(content, dict) else {}
    lists: dict[str, list[Any]] = {name: found[name] for name in _LISTS if isinstance(found.get(name), list)}
    if len(lists) < len(_LISTS):
        raise PredictionError(
            f"{where} has another layout",
            expected=f"lists {', '.join(_LISTS)}",
            action="give the file that PHALP wrote beside its video",
        )
    if len({len(one) for one in lists.values()}) > 1:
        raise PredictionError(
            f"{where}: the lists have different lengths",
            expected="one entry per track in each",
            action="run the tracker again",
        )
    rows = zip(*(lists[name] for name in _LISTS), strict=True)
    return [
        {
            "score": number(conf, f"{where}: conf"),
            "track": int(number(tid, f"{where}: tid")),
            "bbox": numbers(bbox, (4,), f"{where}: bbox"),
            **_body(smpl, where),
            "gender": "neutral",
        }
        for tid, seen_before, conf, bbox, smpl in rows
        if number(seen_before, f"{where}: tracked_time") == 0
    ]


def _body(smpl: Any, where: str) -> dict[str, npt.NDArray[np.float64]]:
    parts = smpl if isinstance(smpl, dict) else {}
    found = {name: numbers(parts.get(name), shape, f"{where}: smpl.{name}") for name, shape in _PARTS.items()}
    matrices = np.concatenate([found["global_orient"], found["body_pose"]])
    return {"smpl_pose": axis_angles_of(matrices).reshape(72), "smpl_betas": found["betas"]}
