"""`--details`: the record table as a file, one row per person, for the user's own questions."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import UsageError
from mhbench.shards.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.evaluation.pipeline import Evaluation


def write_details(evaluation: Evaluation, path: Path) -> None:
    """Write one row per true person and per false positive as .csv, .parquet (extra) or .h5.

    Raises:
        UsageError: another ending.
        OutputError: the file cannot be written.
    """
    check_ending(path)
    write_atomically(path, _FORMS[path.suffix](detail_columns(evaluation)))


def check_ending(path: Path) -> None:
    """Refuse before the work what could not be written after it.

    Raises:
        UsageError: the ending is none of a table.
    """
    if path.suffix not in _FORMS:
        raise UsageError(
            f"--details {path} has the ending {path.suffix!r}",
            expected=f"one of {', '.join(_FORMS)}",
            action="choose the form by the ending",
        )


def detail_columns(evaluation: Evaluation) -> dict[str, npt.NDArray[Any]]:
    """The columns: frame, who met whom, distance (m), score, and for each error its mean and joints (mm)."""
    records = evaluation.scored.records
    if records is None:
        raise UsageError(
            f"{evaluation.protocol.name} has no row per person",
            expected="a protocol that scores 3D poses",
            action="leave --details out",
        )
    frame_columns = ("id", "sequence", "camera", "index")
    columns: dict[str, npt.NDArray[Any]] = {
        "frame" if name == "id" else name: records.frames[name][records.frame] for name in frame_columns
    }
    kinds = np.select([records.matched, records.missed], ["matched", "missed"], "false")
    columns |= {
        "kind": kinds,
        "truth": records.truth,
        "track": records.track,
        "prediction": records.prediction,
        "score": records.score,
        "distance_m": records.distance_m,
    }
    for name, errors in records.errors.items():
        finite = np.isfinite(errors)
        total = np.where(finite, errors, 0.0).sum(axis=1)
        count = finite.sum(axis=1)
        columns[f"{name}_mm"] = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
        for joint, joint_name in enumerate(records.joints):
            columns[f"{name}_mm.{joint_name}"] = errors[:, joint]
    return columns


def _csv(columns: dict[str, npt.NDArray[Any]]) -> bytes:
    import pandas as pd  # noqa: PLC0415 - tables leave the program here

    text: str = pd.DataFrame(columns).to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return text.encode()


def _parquet(columns: dict[str, npt.NDArray[Any]]) -> bytes:
    from mhbench.errors import MissingExtraError  # noqa: PLC0415 - needed here only

    try:
        import pyarrow as pa  # noqa: PLC0415 - optional package
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError.of("pyarrow", "parquet", "--details with .parquet") from error
    buffer = io.BytesIO()
    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), buffer)
    return buffer.getvalue()


def _hdf5(columns: dict[str, npt.NDArray[Any]]) -> bytes:
    import h5py  # noqa: PLC0415 - with its relatives

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, values in columns.items():
            data = np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values
            file.create_dataset(name, data=data, compression="gzip", shuffle=True)
    return buffer.getvalue()


_FORMS: Final = {".csv": _csv, ".parquet": _parquet, ".h5": _hdf5, ".hdf5": _hdf5}
