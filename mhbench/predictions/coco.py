"""COCO keypoint results: a JSON list of {image_id, category_id, keypoints, score}, read as 2D predictions.

The format names neither data set nor skeleton: the first is an argument, the second follows from the number
of keypoints. The third number of a keypoint is taken as its score; the official scorers ignore it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from mhbench.errors import PredictionError, UsageError
from mhbench.predictions.building import TableBuilder
from mhbench.predictions.faults import syntax_fault, typed_fault
from mhbench.predictions.header_checks import HeaderCheck
from mhbench.predictions.schema import FORMAT, FrameRecord, Header, PersonRecord, Text, Track

if TYPE_CHECKING:
    from mhbench.predictions.table import PredictionTable

PERSON_CATEGORY: Final = 1
SKELETONS: Final = {17: "coco_17", 14: "crowdpose_14"}


class Detection(msgspec.Struct):
    """One entry of COCO results; further keys (bbox, area, id) are what other tools leave there."""

    image_id: Text | Track
    keypoints: list[float]
    score: float
    category_id: int = PERSON_CATEGORY


_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_DETECTION: Final = msgspec.json.Decoder(Detection)


def decode_coco(data: bytes, source: str, dataset: str | None) -> PredictionTable:
    """Decode COCO keypoint results; the frame ids are the image ids, in order of first appearance.

    Args:
        data: the text, UTF-8.
        source: what the file is called in messages.
        dataset: the data set whose image ids these are.

    Raises:
        UsageError: no data set is named.
        PredictionError: an entry breaks the format; the message has the JSON path.
    """
    if dataset is None:
        raise UsageError(
            f"{source} looks like COCO keypoint results, which do not name their data set",
            expected="a data set",
            action="name it: by --dataset, or by the full name of the protocol (crowdpose/test)",
        )
    try:
        raws = _LIST.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise syntax_fault(error, data, source) from error
    images: dict[str, list[PersonRecord]] = {}
    count = 0
    for index, raw in enumerate(raws):
        detection = _decode(raw, source, f"$[{index}]")
        count = count or len(detection.keypoints)
        images.setdefault(str(detection.image_id), []).append(
            _person(detection, count, source, f"$[{index}]")
        )
    header = Header(format=FORMAT, dataset=dataset, skeleton=SKELETONS.get(count // 3))
    builder = TableBuilder(HeaderCheck(header, source))
    for index, (image, persons) in enumerate(images.items()):
        builder.add(index, FrameRecord(image, persons))
    return builder.finish()


def _decode(raw: msgspec.Raw, source: str, path: str) -> Detection:
    try:
        return _DETECTION.decode(raw)
    except msgspec.DecodeError as error:
        raise typed_fault(error, source, path) from error
    except (RecursionError, UnicodeDecodeError) as error:
        raise syntax_fault(error, bytes(raw), f"{source}: {path}") from error


def _person(detection: Detection, count: int, source: str, path: str) -> PersonRecord:
    flat = detection.keypoints
    if detection.category_id != PERSON_CATEGORY:
        raise PredictionError(
            f"{source}: {path}.category_id is {detection.category_id}",
            expected=f"{PERSON_CATEGORY}, a person",
            action="leave other categories out",
        )
    if len(flat) != count or count % 3 or count // 3 not in SKELETONS:
        known = ", ".join(f"3 x {number} ({name})" for number, name in SKELETONS.items())
        raise PredictionError(
            f"{source}: {path}.keypoints has {len(flat)} numbers",
            expected=f"{known}, the same for every person",
            action="give x, y and a score for every keypoint",
        )
    points = list(zip(flat[0::3], flat[1::3], strict=True))
    return PersonRecord(score=detection.score, joints2d=[*points], joint_scores=[*flat[2::3]])
