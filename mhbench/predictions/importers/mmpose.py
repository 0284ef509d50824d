"""What mmpose's inferencer writes (`pred_out_dir`, or `--save-predictions` of its demos): JSON.

    <folder>/<image name>.json     list of people:
        keypoints        [[x, y], ...]             px of the original image
        keypoint_scores  [s, ...]
        bbox             [[x0, y0, x1, y1]]        px; the extra brackets are mmpose's
        bbox_score       score of the detector
    demos write {"meta_info": ..., "instance_info": <that list>}

The score of a person is `bbox_score`, or the mean of the keypoints' scores where there is none. For average
precision better take the COCO results that mmpose's own test writes, which are rescored and ranked.
Results of videos ({frame_id, instances}) name no images, and the coordinates of its 3D lifters are turned for
display; neither is read. Source: open-mmlab/mmpose, mmpose/structures/utils.py, apis/inferencers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from mhbench.errors import PredictionError
from mhbench.predictions.importers.people import Frame, Person, numbers, result_files, table_of_frames
from mhbench.predictions.reading import read_text

if TYPE_CHECKING:
    from pathlib import Path

    from mhbench.predictions.importers.naming import KnownFrames
    from mhbench.predictions.table import PredictionTable

SKELETONS: Final = {17: "coco_17", 14: "crowdpose_14"}


class Instance(msgspec.Struct):
    """One person."""

    keypoints: list[list[float]]
    keypoint_scores: list[float]
    bbox: list[list[float]] | None = None
    bbox_score: float | None = None


class _Saved(msgspec.Struct):
    """The form of the demos."""

    instance_info: list[Instance]


_DECODERS: Final = (msgspec.json.Decoder(list[Instance]), msgspec.json.Decoder(_Saved))


def read_mmpose(
    folder: Path, dataset: str, known: KnownFrames, model: str = "", *, skeleton: str | None = None
) -> PredictionTable:
    """Read the results of a folder, or of one file; sub-folders tell images of the same name apart.

    Args:
        folder: it holds one .json per image.
        dataset: whose images these are.
        known: the frames of the shards.
        model: its name.
        skeleton: of the keypoints; by default that of 17 (COCO) or 14 (CrowdPose) keypoints.

    Raises:
        MissingInputError: it is not there.
        PredictionError: a file has another layout, or belongs to no frame.
        InputError: it cannot be read.
    """
    frames, counts = [], set()
    for path, image in result_files(folder, ".json", "results of mmpose's inferencer"):
        instances = _instances(path)
        counts |= {len(one.keypoints) for one in instances}
        people = [_person(one, path) for one in instances]
        frames.append(Frame(known.frame_id(f"{image}.jpg", str(path)), people))
    count = next(iter(counts), 0)
    name = skeleton or SKELETONS.get(count)
    if len(counts) > 1 or (counts and name is None):
        raise PredictionError(
            f"{folder}: people have {', '.join(map(str, sorted(counts)))} keypoints",
            expected=", ".join(f"{number} ({one})" for number, one in SKELETONS.items()),
            action="name the skeleton of the keypoints",
        )
    return table_of_frames(
        frames, dataset=dataset, skeleton=name, space=None, root=None, model=model, source=folder
    )


def _instances(path: Path) -> list[Instance]:
    data = read_text(path)
    try:
        if data.lstrip()[:1] == b"{":
            return _DECODERS[1].decode(data).instance_info
        return _DECODERS[0].decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise PredictionError(
            f"{path}: {error}",
            expected="a list of people with keypoints and keypoint_scores, as for one image",
            action="save predictions image by image; results of videos name no images",
        ) from error


def _person(one: Instance, path: Path) -> Person:
    points = np.array(one.keypoints, dtype=np.float64) if _even(one.keypoints) else np.zeros((0, 0))
    if points.shape != (len(one.keypoint_scores), 2):
        raise PredictionError(
            f"{path}: keypoints and keypoint_scores do not fit each other",
            expected="[x, y] and a score for every keypoint",
            action="3D results are in display axes: export the lifter's own output instead",
        )
    scores = np.array(one.keypoint_scores, dtype=np.float64)
    person: Person = {
        "score": float(scores.mean()) if one.bbox_score is None else one.bbox_score,
        "joints2d": points,
        "joint_scores": scores,
    }
    if one.bbox:
        ((x0, y0, x1, y1),) = numbers(one.bbox, (1, 4), f"{path}: bbox")
        person["bbox"] = np.array([x0, y0, x1 - x0, y1 - y0])
    return person


def _even(rows: list[list[float]]) -> bool:
    return len({len(row) for row in rows}) == 1
