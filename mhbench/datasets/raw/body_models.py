"""Files of body models: SMPL's pickles through the restricted reader, SMPL-H's and SMPL-X's npz, regressors.

The files are licensed and must be fetched by whoever uses them: https://smpl.is.tue.mpg.de (SMPL),
https://mano.is.tue.mpg.de (SMPL-H), https://smpl-x.is.tue.mpg.de (SMPL-X).
"""

from __future__ import annotations

import math
import re
import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.bodies import BodyModel, Gender, body_model
from mhbench.datasets.raw.pickles import read_pickle
from mhbench.datasets.raw.plain_arrays import read_plain_array
from mhbench.errors import InputError, MissingInputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

KEYS: Final = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
SHAPES: Final = 10  # coefficients kept of the up to 400 a file holds, as every benchmark uses
FILE_LIMIT: Final = 1 << 30  # bytes, unpacked; the largest official file has 0.5 GB
# SMPL_MALE.pkl of the smplx library's users, and the two spellings of the official site
_OFFICIAL: Final = r"(?i)basic_?model_{letter}_lbs_10_207_0_v1\.\d\.\d\.pkl|SMPL_{word}\.pkl"
_LETTERS: Final[dict[Gender, str]] = {"female": "f", "male": "m", "neutral": "neutral"}


def read_body_model(path: Path, gender: Gender | None = None) -> BodyModel:
    """Read a model file of the SMPL family: a pickle (SMPL), or an npz without pickles (SMPL-H, SMPL-X).

    Args:
        path: the file.
        gender: whom it was made from; by default what the file's name says.

    Raises:
        MissingInputError: there is no such file; the message says which files are meant.
        UnsafeInputError: the pickle asks for more than arrays; nothing of it was executed.
        InputError: it is damaged, or it is no body model.
    """
    if not path.is_file():
        raise _missing(f"{path} is not there", gender or _gender_of(path))
    arrays = _npz(path) if path.suffix == ".npz" else _pickle(path)
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise InputError(
            f"{path} is no body model: it has no {', '.join(missing)}",
            expected=f"the arrays {', '.join(KEYS)}",
            action="get the file from its official site",
        )
    if arrays["shapedirs"].ndim == 3:
        arrays["shapedirs"] = arrays["shapedirs"][..., :SHAPES]
    made_from = gender or _gender_of(path)
    if made_from is None:
        raise InputError(
            f"{path}: its name does not say whom the model was made from",
            expected=f"one of: {', '.join(_LETTERS)}",
            action="name the gender, or rename the file as the official site names it",
        )
    return body_model(arrays, made_from, str(path))


def body_model_path(folder: Path, gender: Gender) -> Path:
    """The SMPL file of a gender in a folder, by its official names.

    Raises:
        MissingInputError: there is none; the message says which file to get and where.
    """
    pattern = re.compile(_OFFICIAL.format(letter=_LETTERS[gender], word=gender))
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [path for path in files if pattern.fullmatch(path.name)]
    if not found:
        raise _missing(f"{folder} holds no SMPL model of the gender {gender}", gender)
    return found[-1]


def read_regressor(path: Path) -> Floats:
    """A regressor of joints from vertices, such as `J_regressor_h36m.npy`: (J, V) float64.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is no plain array of two axes, or its rows do not sum to one.
    """
    rows: Floats = read_plain_array(path, limit=FILE_LIMIT).astype(np.float64)
    if rows.ndim != 2 or not len(rows) or not np.allclose(rows.sum(axis=1), 1, atol=1e-3):
        raise InputError(
            f"{path} is no regressor of joints: its shape is {rows.shape}",
            expected="(joints, vertices), rows that sum to one",
            action="get the file again",
        )
    return rows


def _gender_of(path: Path) -> Gender | None:
    for gender, letter in _LETTERS.items():
        if re.search(rf"(?i)(?<![a-z])({gender}|{letter})(?![a-z])", path.stem):
            return gender
    return None


def _pickle(path: Path) -> dict[str, npt.NDArray[Any]]:
    content = read_pickle(path, keys=KEYS, limit=FILE_LIMIT)
    return {key: _dense(path, key, value) for key, value in content.items()}


def _dense(path: Path, key: str, value: Any) -> npt.NDArray[Any]:
    """The official regressor is a sparse matrix of SciPy, the rest are arrays."""
    array = value
    if hasattr(value, "toarray") and 8 * math.prod(value.shape) <= FILE_LIMIT:
        array = value.toarray()
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: {key} is no array of numbers",
            expected="an array or a sparse matrix",
            action="get the file from its official site",
        )
    return array


def _npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an npz file; others in it, which may hold pickles, are not touched."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            names = {key: f"{key}.npy" for key in KEYS if f"{key}.npy" in sizes}
            unpacked = sum(sizes[name] for name in names.values())
            if unpacked <= FILE_LIMIT:
                return {key: _dense(path, key, _array(archive, name)) for key, name in names.items()}
    except InputError:
        raise
    except Exception as error:  # zip, deflate and NumPy raise nearly everything on damaged files
        raise _damaged(path, error) from error
    raise InputError(
        f"{path} would unpack to {unpacked} bytes",
        expected=f"at most {FILE_LIMIT} bytes, as a model file of an official site has",
        action="check what the file is",
    )


def _array(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """An array of the archive; ValueError where it would have to be unpickled."""
    with archive.open(name) as content:
        values: npt.NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
    return values


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} cannot be read: {error}",
        expected="plain arrays, without pickles",
        action="get the file again",
    )


def _missing(what: str, gender: Gender | None) -> MissingInputError:
    genders = [gender] if gender else list(_LETTERS)
    names = " or ".join(
        f"SMPL_{one.upper()}.pkl (basicModel_{_LETTERS[one]}_lbs_10_207_0_v1.0.0.pkl)" for one in genders
    )
    return MissingInputError(
        what,
        expected=names,
        action="register and download it at https://smpl.is.tue.mpg.de (its licence forbids to ship it),"
        " and put it into bodies, or into the folder that MHBENCH_BODIES names",
    )
