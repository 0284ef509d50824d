"""The plots of an entry's page, as numbers that a template draws: light enough for a thousand entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mhbench.evaluation.breakdown_tables import breakdown_parts
from mhbench.report.body_layout import bones, place_on_body

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mhbench.evaluation.results import Breakdown

_FEWEST_JOINTS: Final = 4
_SCALE: Final = 100.0  # of a metre of the body to the units of the drawing


@dataclass(frozen=True, slots=True)
class Dot:
    """A joint on the drawing of a body: its place, how bright it is (0 to 1), and what it says."""

    joint: str
    x: float
    y: float
    share: float
    value: float


@dataclass(frozen=True, slots=True)
class BodyPlot:
    """A person facing the reader: joints, and the bones between those that are there (x, y, x, y)."""

    metric: str
    dots: tuple[Dot, ...]
    bones: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class PartTable:
    """A breakdown: its metrics, its parts, where the dot of each number stands (0 to 100), by metric."""

    by: str
    metrics: tuple[str, ...]
    parts: tuple[Breakdown, ...]
    dots: Mapping[str, list[float | None]]
    body: BodyPlot | None


def part_tables(breakdown: Sequence[Breakdown]) -> list[PartTable]:
    """The breakdowns of a result that have more than one part; one part alone is the whole."""
    return [
        PartTable(
            by,
            tuple(parts[0].metrics),
            tuple(parts),
            {name: dot_places([part.metrics.get(name) for part in parts]) for name in parts[0].metrics},
            body_plot(parts) if by == "joint" else None,
        )
        for by, parts in breakdown_parts(breakdown).items()
    ]


def body_plot(parts: Sequence[Breakdown]) -> BodyPlot | None:
    """The first metric of the parts that has a value of every joint; None without a body.

    Args:
        parts: the breakdown by joint.
    """
    names = (name for name in parts[0].metrics if all(one.metrics.get(name) is not None for one in parts))
    metric = next(names, "")
    known = {
        one.key: (place, value)
        for one in parts
        if (place := place_on_body(one.key)) and (value := one.metrics.get(metric)) is not None
    }
    if len(known) < _FEWEST_JOINTS:
        return None
    values = [value for _, value in known.values()]
    low, span = min(values), (max(values) - min(values)) or 1.0
    ends = {joint: (_SCALE * x, -_SCALE * y) for joint, ((x, y), _) in known.items()}
    dots = tuple(
        Dot(joint.replace("_", " "), *ends[joint], (value - low) / span, value)
        for joint, (_, value) in known.items()
    )
    return BodyPlot(metric, dots, tuple((*first, *second) for first, second in bones(ends)))


def dot_places(values: Sequence[float | None]) -> list[float | None]:
    """Where the values of a column are drawn, from 0 to 100: over their range, and from 0 if that is near."""
    known = [value for value in values if value is not None]
    if not known:
        return [None] * len(values)
    low, high = min(known), max(known)
    low = 0.0 if 0.0 <= low <= 0.5 * high else low
    span = (high - low) or 1.0
    return [None if value is None else 100.0 * (value - low) / span for value in values]
