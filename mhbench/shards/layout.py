"""Layout of `mhbench-shard/1`: where a column lies, how it is packed, and what its content hash is.

Whatever is decided here decides bytes: the same table must give the same file on any day, host and engine.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, Any, Final

import h5py
import numpy as np

from mhbench.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from mhbench.frames import FrameTable

FORMAT: Final = "mhbench-shard/1"
UNITS: Final = "m px rad"
FRAMES: Final = "frames"
PERSONS: Final = "persons"
SETS: Final = "sets"
HEATMAPS: Final = "heatmaps"
CENTRES: Final = "heatmaps/centres"
FRAME_PTR: Final = "heatmaps/frame_ptr"
VOXEL_DELTA: Final = "heatmaps/sparse/delta"
VOXEL_VALUES: Final = "heatmaps/sparse/values"
VOXEL_PTR: Final = "heatmaps/sparse/frame_ptr"
DENSE: Final = "heatmaps/dense"
PERSON_START: Final = "frames/person_start"
DISTORTION: Final = "frames/distortion"

CHUNK_ROWS: Final = 1024  # about 200 kB of joints3d: one frame costs one small chunk, not the column
CENTRE_CHUNK_ROWS: Final = 16384  # 128 kB of centres
VOXEL_CHUNK_ROWS: Final = 65536  # 256 kB of differences, a quarter of a crowded frame
WHOLE_BYTES: Final = 4096
GZIP_LEVEL: Final = 1  # measured: level 4 saves 3 % of the bytes for up to a quarter more time
VOXEL_GZIP_LEVEL: Final = (
    4  # measured: a crowded frame takes 75 kB (dense 1.9 MB), with level 1 106 kB (4 MB)
)
ZSTD_LEVEL: Final = 3


def table_columns(table: FrameTable) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """All columns of a table with their paths in a shard, texts packed, sorted by path."""
    columns: dict[str, npt.NDArray[Any]] = {PERSON_START: table.person_start}
    for scope, group in ((FRAMES, table.frames), (PERSONS, table.persons)):
        columns.update({f"{scope}/{name}": column for name, column in group.items()})
    for set_name, joint_set in table.sets.items():
        columns.update({f"{SETS}/{set_name}/{name}": column for name, column in joint_set.columns.items()})
    for path in sorted(columns):
        yield path, packed(columns[path])


def packed(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A column as it is stored: little-endian, contiguous, text as fixed-length UTF-8 bytes."""
    if column.dtype.kind == "U":
        text = np.char.encode(column, "utf-8")
        return text if text.dtype.itemsize else text.astype("S1")
    return np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))


def unpacked(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The inverse of `packed`: text as numpy strings, everything else as it is."""
    return np.char.decode(column, "utf-8") if column.dtype.kind == "S" else column


def content_sha256(columns: Mapping[str, npt.NDArray[Any]]) -> str:
    """sha256 over packed columns: path, type, shape and values, sorted by path.

    It does not depend on the compression, so conversions made on machines with different builds of deflate
    can be compared.
    """
    digest = hashlib.sha256()
    for path in sorted(columns):
        column = columns[path]
        digest.update(f"{path} {column.dtype.str} {column.shape}\n".encode())
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()


def chunk_rows(path: str) -> int:
    """Rows of one chunk of a column."""
    sizes = {CENTRES: CENTRE_CHUNK_ROWS, VOXEL_DELTA: VOXEL_CHUNK_ROWS, VOXEL_VALUES: VOXEL_CHUNK_ROWS}
    return sizes.get(path, CHUNK_ROWS)


def put_column(file: h5py.File, path: str, column: npt.NDArray[Any], *, compression: str) -> None:
    """Write one packed column; a small one stays whole: the index of its chunks alone would be larger."""
    if column.dtype.kind == "S":
        column = column.astype(h5py.string_dtype("utf-8", column.dtype.itemsize))
    if column.nbytes <= WHOLE_BYTES:
        file.create_dataset(path, data=column, track_times=False)
        return
    options = {"chunks": (min(len(column), chunk_rows(path)), *column.shape[1:]), **filters(compression)}
    if compression == "gzip" and column.dtype == np.float32 and column.ndim == 3:
        dataset = file.create_dataset(path, column.shape, column.dtype, track_times=False, **options)
        _put_joints(dataset, column)
    else:
        file.create_dataset(path, data=column, track_times=False, **options)


def _put_joints(dataset: h5py.Dataset, column: npt.NDArray[np.float32]) -> None:
    """Fill a column of coordinates with chunks shuffled and deflated as HDF5 does, but for runs only.

    The lower bytes of coordinates are noise, in which a search for repetitions finds nothing. Looking for
    runs of equal bytes (Z_RLE) takes less than half of the time for 4 to 7 % more bytes; it is gzip to any
    reader.
    """
    for start in range(0, len(column), dataset.chunks[0]):
        # the last chunk is whole, too: HDF5 stores what lies beyond the end
        chunk = np.zeros(dataset.chunks, dtype=column.dtype)
        rows = column[start : start + len(chunk)]
        chunk[: len(rows)] = rows
        planes = np.ascontiguousarray(chunk.view(np.uint8).reshape(-1, chunk.itemsize).T)
        packing = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
        content = packing.compress(planes.data) + packing.flush()
        dataset.id.write_direct_chunk((start, 0, 0), content)


def put_attribute(target: h5py.HLObject, name: str, value: str | float | tuple[str, ...]) -> None:
    """Write an attribute; texts have a fixed length, which any HDF5 program reads."""
    if isinstance(value, str | tuple):
        words = np.char.encode(np.asarray(value, dtype=np.str_), "utf-8")
        kind = h5py.string_dtype("utf-8", max(words.dtype.itemsize, 1))
        target.attrs.create(name, words.astype(kind), dtype=kind)
    else:
        target.attrs.create(name, np.asarray(value))


def attribute(target: h5py.HLObject, name: str) -> Any:
    """Read an attribute: text, a list of texts, or a number; KeyError if there is none."""
    value = target.attrs[name]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray):
        return tuple(word.decode() for word in value.tolist())
    return value.item() if isinstance(value, np.generic) else value


def filters(compression: str, *, gzip_level: int = GZIP_LEVEL) -> dict[str, Any]:
    """Options of a compressed dataset.

    Raises:
        MissingExtraError: zstd is asked for and hdf5plugin is not installed.
    """
    if compression == "gzip":
        return {"compression": "gzip", "compression_opts": gzip_level, "shuffle": True}
    try:
        import hdf5plugin  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError.of("hdf5plugin", "zstd", "compression with zstd") from error
    return {**hdf5plugin.Zstd(clevel=ZSTD_LEVEL), "shuffle": True}
