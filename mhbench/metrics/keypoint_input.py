"""COCO keypoint files and dictionaries to flat arrays, one record at a time.

A result list of 160,000 poses has 6.7 million numbers; as Python objects they are some 200 MB. The file is
therefore split into raw records first, and each record is decoded straight into a row of the arrays.
"""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
import numpy as np

from mhbench.errors import InputError, MissingInputError, PredictionError
from mhbench.metrics import keypoint_kernels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    Source = str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]]

Record = TypeVar("Record")
Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]  # what an array can hold


@dataclass(frozen=True)
class KeypointTruth:
    """Annotated people, grouped by image in ascending image id, file order inside an image.

    Attributes:
        image_ids: (N,) int64, ascending.
        crowd_index: (N,), NaN where the image has none.
        person_start: (N + 1,) offsets into the rest.
        ids: (P,) int64 annotation ids.
        xy: (P, J, 2) px.
        labelled: (P, J) bool, v > 0.
        box: (P, 4) xywh px.
        area: (P,) px^2, NaN where the file has none.
        countable: (P,) bool, the field num_keypoints is above 0 and the person is no crowd.
        crowd: (P,) bool.
    """

    image_ids: npt.NDArray[np.int64]
    crowd_index: npt.NDArray[np.float64]
    person_start: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]
    xy: npt.NDArray[np.float64]
    labelled: npt.NDArray[np.bool_]
    box: npt.NDArray[np.float64]
    area: npt.NDArray[np.float64]
    countable: npt.NDArray[np.bool_]
    crowd: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class KeypointDetections:
    """Detected people in file order.

    Attributes:
        image_ids: (D,) int64.
        scores: (D,), finite.
        xy: (D, J, 2 or more) px, NaN for a joint that was not given; further columns are not read.
        area: (D,) px^2.
    """

    image_ids: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    xy: npt.NDArray[np.float64]
    area: npt.NDArray[np.float64]


class _Image(msgspec.Struct):
    id: Integer
    crowd_index: float | None = msgspec.field(default=None, name="crowdIndex")


class _Annotation(msgspec.Struct):
    id: Integer
    image_id: Integer
    keypoints: list[float]
    num_keypoints: Integer
    bbox: list[float]
    category_id: Integer = 1
    iscrowd: Integer = 0
    area: float | None = None


class _Detection(msgspec.Struct):
    image_id: Integer
    keypoints: list[float | None]
    score: float
    category_id: Integer = 1
    bbox: list[float] = []


class _TruthFile(msgspec.Struct):
    images: list[_Image]
    annotations: list[msgspec.Raw]


PERSON_CATEGORY = 1


def read_truth(source: Source, joints: int) -> KeypointTruth:
    """Read the annotations of category 1.

    Args:
        source: path of a COCO keypoint file, or its content.
        joints: number of joints of a person.

    Raises:
        MissingInputError: the file is not there.
        InputError: a record breaks the format; the message has its JSON path.
    """
    name, text = _text(source, "ground_truth")
    content = _decode(text, _TruthFile, name, InputError)
    decoder = msgspec.json.Decoder(_Annotation)
    count = len(content.annotations)
    keypoints = np.zeros((count, joints * 3))
    box = np.zeros((count, 4))
    area = np.zeros(count)
    # id, image_id, category_id, num_keypoints, iscrowd
    fields = np.zeros((count, 5), dtype=np.int64)
    for row, raw in enumerate(content.annotations):
        person = _record(raw, decoder, f"{name}: annotations", row, InputError)
        fields[row] = person.id, person.image_id, person.category_id, person.num_keypoints, person.iscrowd
        area[row] = _or_nan(person.area)
        _fill(keypoints, row, person.keypoints, f"{name}: annotations.keypoints", InputError)
        _fill(box, row, person.bbox, f"{name}: annotations.bbox", InputError)
    image_ids, first = np.unique(
        np.array([image.id for image in content.images], dtype=np.int64), return_index=True
    )
    people = np.flatnonzero(fields[:, 2] == PERSON_CATEGORY)
    _refuse_unknown(fields[:, 1], image_ids, people, f"{name}: annotations", InputError)
    joint_rows = keypoints.reshape(count, joints, 3)
    order = people[np.argsort(fields[people, 1], kind="stable")]
    ids, images, _, labelled_joints, crowd = fields[order].T
    return KeypointTruth(
        image_ids=image_ids,
        crowd_index=np.array([_or_nan(content.images[row].crowd_index) for row in first], dtype=np.float64),
        person_start=np.append(np.searchsorted(images, image_ids), order.size),
        ids=np.ascontiguousarray(ids),
        xy=np.ascontiguousarray(joint_rows[order, :, :2]),
        labelled=joint_rows[order, :, 2] > 0,
        box=box[order],
        area=area[order],
        countable=(labelled_joints != 0) & (crowd == 0),
        crowd=crowd != 0,
    )


def read_detections(source: Source, joints: int, image_ids: npt.NDArray[np.int64]) -> KeypointDetections:
    """Read the detections of category 1.

    A detection's area is that of its joints, or of its `bbox` if the first detection has one (the published
    tools decide so for the whole file).

    Args:
        source: path of a COCO keypoint result file, or its content, a list.
        joints: number of joints of a person.
        image_ids: (N,) the images of the ground truth, ascending.

    Raises:
        MissingInputError: the file is not there.
        PredictionError: a record breaks the format, has no finite score or names an unknown image.
    """
    name, found, kept, boxes_given = _all_detections(source, joints)
    # only now, when the text is let go: the kernel's machine code needs memory too
    if not boxes_given:
        keypoint_kernels.extents(found.xy, found.area)
    rows = np.flatnonzero(kept)
    _refuse_unknown(found.image_ids, image_ids, rows, f"{name}: ", PredictionError)
    if rows.size == kept.size:
        return found
    return KeypointDetections(found.image_ids[rows], found.scores[rows], found.xy[rows], found.area[rows])


def _all_detections(
    source: Source, joints: int
) -> tuple[str, KeypointDetections, npt.NDArray[np.bool_], bool]:
    """Name of the source, all records, which of them are of category 1, and whether boxes give the areas."""
    name, text = _text(source, "detections")
    records = _decode(text, list[msgspec.Raw], name, PredictionError)
    decoder = msgspec.json.Decoder(_Detection)
    images = np.zeros(len(records), dtype=np.int64)
    scores = np.zeros(len(records))
    keypoints = np.zeros((len(records), joints * 3))
    area = np.zeros(len(records))
    kept = np.zeros(len(records), dtype=np.bool_)
    boxes_given = False
    for row, raw in enumerate(records):
        detection = _record(raw, decoder, f"{name}: ", row, PredictionError)
        boxes_given = bool(detection.bbox) if row == 0 else boxes_given
        images[row] = detection.image_id
        scores[row] = detection.score
        kept[row] = detection.category_id == PERSON_CATEGORY
        _fill(keypoints, row, detection.keypoints, f"{name}: .keypoints", PredictionError)
        if boxes_given:
            _, _, width, height = _four(detection.bbox, f"{name}: [{row}].bbox")
            area[row] = width * height
    return name, KeypointDetections(images, scores, keypoints.reshape(-1, joints, 3), area), kept, boxes_given


def _text(source: Source, argument: str) -> tuple[str, memoryview]:
    if not isinstance(source, str | Path):
        return argument, memoryview(msgspec.json.encode(source, enc_hook=_plain))
    path = Path(source)
    if not path.is_file():
        raise MissingInputError(
            f"{path}: no such file", expected="a COCO keypoint file", action=f"check the path of {argument}"
        )
    if path.stat().st_size == 0:
        return str(path), memoryview(b"")
    with path.open("rb") as file:
        return str(path), memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise InputError(
        f"a value of type {type(value).__name__} stands in a COCO dictionary",
        expected="numbers, texts, lists, dictionaries and numpy arrays",
        action="convert it",
    )


def _decode(
    text: memoryview, kind: type[Record], name: str, error: type[InputError | PredictionError]
) -> Record:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise _unreadable(name, problem, error) from None


def _record(
    raw: msgspec.Raw,
    decoder: msgspec.json.Decoder[Record],
    place: str,
    row: int,
    error: type[InputError | PredictionError],
) -> Record:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise _unreadable(f"{place}[{row}]", problem, error) from None


def _unreadable(
    name: str, problem: Exception, error: type[InputError | PredictionError]
) -> InputError | PredictionError:
    return error(
        f"{name}: {problem}",
        expected="the COCO keypoint format; scores and coordinates are finite numbers, NaN is no JSON",
        action="write null for a joint that was not found, and leave out people without a score",
    )


def _fill(
    table: npt.NDArray[np.float64],
    row: int,
    values: Sequence[float | None],
    place: str,
    error: type[InputError | PredictionError],
) -> None:
    if len(values) != table.shape[1]:
        place, _, field = place.rpartition(".")
        raise error(
            f"{place}[{row}].{field} has {len(values)} numbers",
            expected=f"{table.shape[1]}",
            action="check that the skeleton is the one of the convention",
        )
    table[row] = values


def _four(values: Sequence[float], name: str) -> Sequence[float]:
    if len(values) != 4:
        raise PredictionError(
            f"{name} has {len(values)} numbers",
            expected="4 in every detection, because the first one has a bbox",
            action="give every detection its bbox, or none",
        )
    return values


def _refuse_unknown(
    images: npt.NDArray[np.int64],
    known: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    name: str,
    error: type[InputError | PredictionError],
) -> None:
    unknown = rows[~np.isin(images[rows], known)]
    if unknown.size:
        raise error(
            f"{name}[{unknown[0]}].image_id is {images[unknown[0]]}",
            expected="an image of the ground truth",
            action=f"{unknown.size} records name unknown images: check that both files are of one split",
        )


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
