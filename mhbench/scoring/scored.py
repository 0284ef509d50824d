"""What any kind of scoring gives in the end: measures, and the counts they rest on.

A kind of scoring is a module with

    check(predictions, protocol)                            refuse what can never be scored
    score(table, predictions, rows, protocol, choices)      one shard -> part (picklable)
    summarise(parts, predictions, protocol)                 all parts -> Scored

`KINDS` below is all there is to register. `rows` is (F,) the row of each frame in the predictions, -1 = none.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from mhbench.columns import Columns
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols import loading as protocols
    from mhbench.records import Records
    from mhbench.scoring.statistics import Measure

KINDS: Final[Mapping[str, str]] = {
    "poses": "mhbench.scoring.pose_protocols",
    "joints": "mhbench.scoring.joint_protocols",
    "keypoints": "mhbench.scoring.keypoint_protocols",
    "roots": "mhbench.scoring.root_protocols",
    "world": "mhbench.scoring.world_protocols",
    "coherence": "mhbench.scoring.coherence_protocols",
    "volumes": "mhbench.scoring.volume_protocols",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a user may choose besides the protocol and its options.

    Attributes:
        bodies: folder of the licensed body models and of `J_regressor_h36m.npy`, which some protocols need.
    """

    min_score: float | None = None
    allow_approximate: bool = False
    bodies: Path = field(default_factory=lambda: Path(os.environ.get("MHBENCH_BODIES", "bodies")))


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleCounts:
    """How many people the numbers rest on; None where a kind of scoring does not tell them apart."""

    true: int
    predicted: int
    matched: int | None = None
    missed: int | None = None
    false: int | None = None
    joints_dropped: int = 0
    without_root: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Precision against recall, (n,) shares from 0 to 1 each, as predictions of ever lower scores count."""

    recall: npt.NDArray[np.float64]
    precision: npt.NDArray[np.float64]

    @classmethod
    def of(cls, right: npt.NDArray[np.bool_], people: int) -> Curve:
        """The curve of (n,) predictions, best score first, of which some are right; `people` true ones."""
        hits = np.cumsum(right)
        return cls(hits / max(people, 1), hits / np.arange(1, len(right) + 1))


@dataclass(frozen=True, slots=True, eq=False)
class FrameCounts:
    """People of each frame, where there are no records: (F, 3) found, missed, false; and found how."""

    how: str
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls,
        how: str,
        people: npt.NDArray[np.int64],
        frame: npt.NDArray[np.int64],
        right: npt.NDArray[np.bool_],
    ) -> FrameCounts:
        """From the (F,) people of each frame; and (D,) predictions: their frame, and who is right."""
        found = np.bincount(frame[right], minlength=len(people))
        predicted = np.bincount(frame, minlength=len(people))
        return cls(how, np.stack([found, people - found, predicted - found], axis=1))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scored:
    """All expected frames, scored.

    Attributes:
        frames: frame columns (id, sequence, camera, index, ...) and `given`: a prediction names the frame.
        measures: by contract name, in the protocol's order.
        counts: people.
        joints: names of the scored joints.
        joint_coverage: share of the scored joints of matched people that the predictions give.
        approximate: scored joints that are only approximately the predicted ones.
        records: one row per person, where the kind of scoring has them.
        provenance: what else the result should tell of how it came about.
        frame_counts: people found in each frame, where there are no records but people.
        precision_recall: curves by what counts as right, for the report; {} where scores play no part.
    """

    frames: Columns
    measures: Mapping[str, Measure]
    counts: PeopleCounts
    joints: tuple[str, ...]
    joint_coverage: float = 1.0
    approximate: tuple[str, ...] = ()
    records: Records | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    frame_counts: FrameCounts | None = None
    precision_recall: Callable[[], Mapping[str, Curve]] = dict


class Kind(Protocol):
    """The functions of a kind of scoring (see the module)."""

    def check(self, predictions: PredictionTable, protocol: protocols.Protocol) -> None:
        """Refuse predictions that can never enter the protocol."""

    def score(
        self,
        table: FrameTable,
        predictions: PredictionTable,
        rows: npt.NDArray[np.int64],
        protocol: protocols.Protocol,
        choices: Choices,
    ) -> Any:
        """Score the expected frames of one shard."""

    def summarise(
        self, parts: Sequence[Any], predictions: PredictionTable, protocol: protocols.Protocol
    ) -> Scored:
        """Join the parts of all shards, in their order."""


def kind_of_scoring(name: str) -> Kind:
    """The module of a kind of scoring; protocols can name no other."""
    return cast("Kind", importlib.import_module(KINDS[name]))
