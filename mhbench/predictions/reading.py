"""Reading predictions: the choice of the reader by what the file is, and the JSON form.

Frames are decoded one by one from the raw text into growing columns, so that beside the text and the columns
only the Python objects of one batch exist.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from mhbench.errors import InputError, MissingInputError, PredictionError
from mhbench.predictions.building import TableBuilder
from mhbench.predictions.coco import decode_coco
from mhbench.predictions.column_checks import checked
from mhbench.predictions.faults import other_format, syntax_fault, typed_fault
from mhbench.predictions.header_checks import HeaderCheck
from mhbench.predictions.schema import FORMAT, SIZE_LIMIT, Document, FrameRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from mhbench.predictions.table import PredictionTable

    Report = Callable[[PredictionError], None]

HDF5_SUFFIXES: Final = (".h5", ".hdf5")

_DOCUMENT: Final = msgspec.json.Decoder(Document)
_FRAME: Final = msgspec.json.Decoder(FrameRecord)


def read_predictions(
    path: str | Path, *, dataset: str | None = None, report: Report | None = None
) -> PredictionTable:
    """Read a predictions file: `mhbench-predictions/1` as .json, .json.gz or .h5, or COCO keypoint results.

    A file of volumes (`mhbench.predictions.volume_files`) is read as predictions too. A folder is read as a
    submission to the 3DPW challenge (`mhbench.predictions.importers.challenge`).

    Args:
        path: the file.
        dataset: data set of COCO keypoint results, which do not name it; must fit where the file names one.
        report: called with the fault of each frame that has one, the frame being left out; by default the
            first fault is raised.

    Raises:
        MissingInputError: the file is not there.
        InputError: it cannot be read (no permission, broken compression), or is over 2 GB of JSON.
        PredictionError: its content breaks the format; the message has the JSON path.
    """
    path = Path(path)
    if path.suffix in HDF5_SUFFIXES:
        table = _read_hdf5(path)
    elif path.is_dir():
        from mhbench.predictions.importers.challenge import read_challenge_tree  # noqa: PLC0415 - seldom met

        table = checked(read_challenge_tree(path))
    else:
        data = read_text(path)
        if data[:64].lstrip()[:1] == b"[":
            return decode_coco(data, str(path), dataset)
        table = decode_predictions(data, str(path), report)
    if dataset is not None and table.dataset != dataset:
        raise PredictionError(
            f"{path}: $.dataset is {table.dataset!r}",
            expected=repr(dataset),
            action="name the data set the file was made for",
        )
    return table


def _read_hdf5(path: Path) -> PredictionTable:
    from mhbench.predictions import hdf5, volume_files  # noqa: PLC0415 - h5py is loaded only for its own form

    if volume_files.is_volume_file(path):
        return checked(volume_files.volumes_as_predictions(path))
    return hdf5.read_hdf5(path)


def decode_predictions(data: bytes, source: str, report: Report | None = None) -> PredictionTable:
    """Decode the text of a predictions file in the JSON form (`read_predictions` for what is in memory).

    Args:
        data: the text, UTF-8.
        source: what the file is called in messages.
        report: as in `read_predictions`.

    Raises:
        PredictionError: the content breaks the format; the message has the JSON path.
    """
    try:
        document = _DOCUMENT.decode(data)
    except msgspec.ValidationError as error:
        raise other_format(data, source) or typed_fault(error, source) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise other_format(data, source) or syntax_fault(error, data, source) from error
    builder = TableBuilder(HeaderCheck(document, source))
    for index, raw in enumerate(document.predictions):
        try:
            builder.add(index, _decode_frame(raw, source, index))
        except PredictionError as fault:
            if report is None:
                raise
            report(fault)
    return builder.finish()


def _decode_frame(raw: msgspec.Raw, source: str, index: int) -> FrameRecord:
    try:
        return _FRAME.decode(raw)
    except msgspec.DecodeError as error:
        raise typed_fault(error, source, f"$.predictions[{index}]") from error
    except (RecursionError, UnicodeDecodeError) as error:
        raise syntax_fault(error, bytes(raw), f"{source}: $.predictions[{index}]") from error


def read_text(path: Path) -> bytes:
    """The bytes of a JSON file, unpacked if it ends in .gz.

    Raises:
        MissingInputError: the file is not there.
        InputError: it cannot be read, or is over the 2 GB a JSON reader can hold.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError as error:
        raise MissingInputError(
            f"{path} is not there", expected="a predictions file", action="check the path"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} cannot be read: {error}",
            expected="a readable predictions file",
            action="check that it is a file, complete, and yours to read",
        ) from error
    if len(data) > SIZE_LIMIT:
        raise InputError(
            f"{path} holds more than {SIZE_LIMIT // 1024**3} GB of JSON",
            expected=f"less, or the HDF5 form of {FORMAT}",
            action="write the predictions with mhbench.write_predictions(table, 'predictions.h5')",
        )
    return data
