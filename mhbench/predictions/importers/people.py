"""People as dictionaries of columns -> a PredictionTable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import PredictionError
from mhbench.predictions.table import PERSON_COLUMNS, PredictionTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Person = dict[str, Any]
_TEXTS: Final = ("gender", "person")


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
        PredictionError: a frame is there twice, or people have different columns.
    """
    ids = [frame.frame_id for frame in frames]
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise PredictionError(
            f"{source}: frame {twice} is there twice",
            expected="one result per image",
            action="keep the results of one run in a folder",
        )
    people = [person for frame in frames for person in frame.people]
    names = list(people[0]) if people else []
    if any(list(person) != names for person in people):
        raise PredictionError(
            f"{source}: people have different columns",
            expected=f"{', '.join(names)} for everybody, as the first person has",
            action="keep the results of one model in a folder",
        )
    counts = [len(frame.people) for frame in frames]
    return PredictionTable(
        dataset=dataset,
        frame_ids=np.array(ids, dtype=np.str_),
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
