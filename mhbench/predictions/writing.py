"""Writing predictions: as JSON, packed JSON or HDF5, whole or not at all."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from mhbench.errors import OutputError, PredictionError
from mhbench.predictions.reading import HDF5_SUFFIXES
from mhbench.predictions.schema import FORMAT, HEADER_FIELDS, SIZE_LIMIT
from mhbench.predictions.table import PAYLOADS, PERSON_COLUMNS, PredictionTable
from mhbench.shards.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from mhbench.predictions.table import Columns

_PIXEL_COLUMNS: Final = ("joints2d", "bbox")
_PIXEL_DIGITS: Final = 3  # a pixel is a few millimetres wide: it needs three digits less than a metre
_ROW_COLUMNS: Final = ("joints3d", "joints2d", "rotations")  # null stands for a whole row of NaN
_BODY_KEYS: Final = {"smpl_betas": "betas", "smpl_transl": "transl", "gender": "gender"}


def write_predictions(table: PredictionTable, path: str | Path, *, decimals: int | None = None) -> Path:
    """Write predictions as .json, .json.gz, .h5 or .hdf5; in metres, and back exactly as they are.

    Args:
        table: the predictions.
        path: where to; the suffix decides the form.
        decimals: digits after the point of metres, scores and radians in the JSON forms; pixels get three
            less. None keeps every value exactly; 6 (a micrometre) makes a file half as long.

    Raises:
        OutputError: the suffix is unknown, the JSON would be over the 2 GB a reader takes, or the place
            cannot be written; nothing is left behind.
        PredictionError: a person has no payload, so no reader would take the file.
    """
    path = Path(path)
    check_suffix(path)
    if path.suffix in HDF5_SUFFIXES:
        from mhbench.predictions.hdf5 import hdf5_image  # noqa: PLC0415 - h5py is loaded only for its own form

        write_atomically(path, hdf5_image(table))
        return path
    if "volume" in table.persons:
        raise OutputError(
            f"{path} cannot hold volumes",
            expected="the HDF5 form for predictions with volumes",
            action=f"write {path.with_suffix('.h5').name} instead",
        )
    text = encode_predictions(table, decimals=decimals)
    if len(text) > SIZE_LIMIT:
        raise OutputError(
            f"{path} would hold {len(text) / 1024**3:.1f} GB of JSON",
            expected=f"at most {SIZE_LIMIT // 1024**3} GB, which readers take",
            action=f"write {path.with_suffix('.h5').name} instead",
        )
    write_atomically(path, gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path


def check_suffix(path: Path) -> None:
    """Refuse before hours of work what could not be written after them.

    Raises:
        OutputError: the suffix is none of a predictions file.
    """
    if not path.name.endswith((".json", ".json.gz", *HDF5_SUFFIXES)):
        raise OutputError(
            f"{path} has no suffix of a predictions file",
            expected=f".json, .json.gz, {' or '.join(HDF5_SUFFIXES)}",
            action="choose the form by the suffix",
        )


def encode_predictions(table: PredictionTable, *, decimals: int | None = None) -> bytes:
    """The JSON form of a table (see `write_predictions`)."""
    header: dict[str, Any] = {"format": FORMAT}
    header |= {name: getattr(table, name) for name in HEADER_FIELDS if getattr(table, name) is not None}
    header["units"] = "m"
    encoder = msgspec.json.Encoder()
    head = encoder.encode(header)[:-1] + b',"predictions":[\n'
    frames = (encoder.encode(frame) for frame in _frames(table, decimals))
    return b"".join((head, b",\n".join(frames), b"\n]}\n"))


def _frames(table: PredictionTable, decimals: int | None) -> Iterator[dict[str, Any]]:
    for frame, frame_id in enumerate(table.frame_ids.tolist()):
        people = table.people(frame)
        record: dict[str, Any] = {"frame": frame_id, "persons": _persons(table, people, decimals)}
        if table.loose_start is not None:
            joints = slice(table.loose_start[frame], table.loose_start[frame + 1])
            record["loose_joints"] = _loose(table.loose, joints, decimals)
        yield record


def _persons(table: PredictionTable, people: slice, decimals: int | None) -> list[dict[str, Any]]:
    persons: list[dict[str, Any]] = [{} for _ in range(people.stop - people.start)]
    for name in (name for name in PERSON_COLUMNS if name in table.persons):  # a body's pose comes first
        values = _values(name, table.persons[name][people], decimals)
        for person, value in zip(persons, values, strict=True):
            if value is None:
                continue
            if name == "smpl_pose":
                person["smpl"] = {"model": table.body_model, "pose": value}
            elif name in _BODY_KEYS:
                if "smpl" in person:  # a gender may also be that of a volume
                    person["smpl"][_BODY_KEYS[name]] = value
            else:
                person[name] = value
    for number, person in enumerate(persons):
        _keep_payload(table, people.start + number, person)
    return persons


def _values(name: str, block: npt.NDArray[Any], decimals: int | None) -> Iterator[Any]:
    """The JSON values of some rows of a column, None where a person has none."""
    if PERSON_COLUMNS[name].dtype == "U":
        yield from (text or None for text in block.tolist())
    elif name == "track":
        yield from (None if track < 0 else track for track in block.tolist())
    else:
        missing = np.isnan(block)
        absent = missing.all(axis=tuple(range(1, block.ndim)))
        rows = rounded(block, decimals, pixels=name in _PIXEL_COLUMNS).tolist()
        if name in _ROW_COLUMNS:
            for person, joint in np.argwhere(missing.any(axis=tuple(range(2, block.ndim)))).tolist():
                rows[person][joint] = None
        yield from (None if gone else row for gone, row in zip(absent.tolist(), rows, strict=True))


def _keep_payload(table: PredictionTable, row: int, person: dict[str, Any]) -> None:
    """Give a person without any predicted joint its list of nulls: readers ask for one payload."""
    if "smpl" in person or any(name in person for name in PAYLOADS):
        return
    name = next((name for name in _ROW_COLUMNS if name in table.persons), None)
    if name is None:
        raise PredictionError(
            f"person {row} predicts nothing",
            expected=f"at least one of {', '.join(PAYLOADS)}",
            action="leave the person out of the table",
        )
    person[name] = [None] * table.persons[name].shape[1]


def _loose(loose: Columns, joints: slice, decimals: int | None) -> list[list[Any]]:
    position = rounded(loose["position"][joints], decimals).tolist()
    score = rounded(loose["score"][joints], decimals).tolist()
    return [
        [joint, *place, confidence]
        for joint, place, confidence in zip(loose["joint"][joints].tolist(), position, score, strict=True)
    ]


def rounded(
    values: npt.NDArray[Any], decimals: int | None, *, pixels: bool = False
) -> npt.NDArray[np.float64]:
    """Values with so many digits after the point (pixels get three less); float32 in their shortest form."""
    if decimals is not None:
        digits = max(decimals - _PIXEL_DIGITS, 0) if pixels else decimals
        return np.asarray(np.round(values.astype(np.float64), digits), dtype=np.float64)
    if values.dtype == np.float32:
        # through the text of the float32: widening it would write nine digits that mean nothing
        return values.astype(np.str_).astype(np.float64)
    return values
