"""People as dictionaries of columns -> a PredictionTable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import MissingInputError, PredictionError
from mhbench.predictions.column_checks import checked
from mhbench.predictions.table import PERSON_COLUMNS, PredictionTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

Person = dict[str, Any]
_TEXTS: Final = ("gender", "person")


def numbers(value: object, shape: tuple[int | None, ...], where: str) -> npt.NDArray[np.float64]:
    """What a file holds at a place, as numbers of a shape (None = any size); NaN is missing.

    Raises:
        PredictionError: it is anything else.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # lists of unlike lengths
        array = np.array(None)
    numeric = array.dtype.kind in "fiu"
    fits = array.ndim == len(shape) and all(
        want in (None, have) for have, want in zip(array.shape, shape, strict=True)
    )
    if not numeric or not fits or np.isinf(array).any():
        words = "missing" if value is None else type(value).__name__
        if numeric:
            words = f"{array.dtype}{list(array.shape)}" if not fits else "infinite"
        raise PredictionError(
            f"{where} is {words}",
            expected=f"finite numbers of shape [{', '.join('any' if n is None else str(n) for n in shape)}]",
            action="check that the file was written by the program that is named",
        )
    return array.astype(np.float64)


def number(value: object, where: str) -> float:
    """One finite number, alone or in an array of its own.

    Raises:
        PredictionError: it is anything else.
    """
    alone = value.reshape(()) if isinstance(value, np.ndarray) and value.size == 1 else value
    found = float(numbers(alone, (), where))
    if not np.isfinite(found):
        raise PredictionError(
            f"{where} is {found}", expected="a finite number", action="run the model again on this image"
        )
    return found


def result_files(place: Path, suffix: str, what: str) -> list[tuple[Path, str]]:
    """The files of results at a place and their names below it, without the suffix; sorted.

    Args:
        place: a folder, whose sub-folders tell images of the same name apart, or one file.
        suffix: of the files, with its dot.
        what: what they are, for messages.

    Raises:
        MissingInputError: the place is not there.
        PredictionError: it holds no such file.
    """
    if not place.exists():
        raise MissingInputError(f"{place} is not there", expected=what, action="check the path")
    if place.is_file():
        return [(place, place.stem)]
    paths = sorted(place.rglob(f"*{suffix}"))
    if not paths:
        raise PredictionError(f"{place} holds no {suffix}", expected=what, action="check the path")
    return [(path, path.relative_to(place).with_suffix("").as_posix()) for path in paths]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its id, and its people as column -> value, all with the same columns."""

    frame_id: str
    people: list[Person]


def table_of_frames(
    frames: Sequence[Frame],
    *,
    dataset: str,
    skeleton: str | None,
    space: str | None,
    root: str | None,
    model: str,
    source: Path,
) -> PredictionTable:
    """The table of these frames, in their order.

    Raises:
        PredictionError: a frame is there twice, people have different columns, or a number is infinite.
    """
    people = [person for frame in frames for person in frame.people]
    names = list(people[0]) if people else []
    if any(list(person) != names for person in people):
        raise PredictionError(
            f"{source}: people have different columns",
            expected=f"{', '.join(names)} for everybody, as the first person has",
            action="keep the results of one model in a folder",
        )
    counts = [len(frame.people) for frame in frames]
    table = PredictionTable(
        dataset=dataset,
        frame_ids=np.array([frame.frame_id for frame in frames], dtype=np.str_),
        person_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        persons={
            name: np.array(
                [person[name] for person in people],
                dtype=np.str_ if name in _TEXTS else PERSON_COLUMNS[name].dtype,
            )
            for name in names
        },
        skeleton=skeleton,
        space=space,
        root=root,
        model=model or source.name,
        body_model="smpl" if "smpl_pose" in names else None,
        source=str(source),
    )
    return checked(table)
