"""The frames a result is worst on: whom to look at first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.evaluation.results import WorstFrame
from mhbench.scoring.statistics import Statistic

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.protocols.loading import Protocol
    from mhbench.records import Records
    from mhbench.scoring.scored import FrameCounts, Scored

    Floats = npt.NDArray[np.float64]

WORST_FRAMES: Final = 6


def worst_frames(scored: Scored, protocol: Protocol) -> tuple[WorstFrame, ...]:
    """At most six frames, worst first.

    Where people are matched: by the mean distance of the people of a frame, with each miss and each invented
    person at the matching limit. Where they are only found or not: by the F1 of each frame. Else by its own
    value of a metric that has one, F1 or collisions; average precision has none.
    """
    records = scored.records
    if records is not None:
        return tuple(
            WorstFrame(frame=str(records.frames["id"][row]), about=_people(records, row))
            for row in worst_rows(frame_distances(records, protocol.matching.limit_m))
        )
    if scored.frame_counts is not None:
        return tuple(
            WorstFrame(frame=str(scored.frames["id"][row]), about=_found(scored.frame_counts, row))
            for row in worst_rows(_one_minus_f1(scored.frame_counts))
        )
    found = _value_of_frames(scored)
    if found is None:
        return ()
    name, badness, words = found
    return tuple(
        WorstFrame(frame=str(scored.frames["id"][row]), about=f"{name} {words[row]}")
        for row in worst_rows(badness)
    )


def frame_distances(records: Records, penalty: float) -> Floats:
    """(F,) mean distance of the people of each frame in metres, `penalty` for each miss and each extra."""
    badness = np.where(records.matched, np.nan_to_num(records.distance_m), penalty)
    total = np.bincount(records.frame, weights=badness, minlength=records.frame_count)
    people = np.bincount(records.frame, minlength=records.frame_count)
    return total / np.maximum(people, 1)


def worst_rows(badness: Floats, count: int = WORST_FRAMES) -> list[int]:
    """Rows of the largest values above 0, largest first; equal ones in the order of the frames."""
    order = np.argsort(-badness, kind="stable")[:count]
    return [int(row) for row in order if badness[row] > 0]


def _one_minus_f1(people: FrameCounts) -> Floats:
    """(F,) 1 - F1 of each frame; of equal ones more people are worse."""
    found, missed, false = people.counts.T.astype(np.float64)
    wrong = missed + false
    badness: Floats = wrong / np.maximum(2.0 * found + wrong, 1.0) + 1e-6 * wrong
    return badness


def _found(people: FrameCounts, row: int) -> str:
    found, missed, false = people.counts[row].tolist()
    return f"{found} found {people.how}, {missed} missed, {false} false"


def _people(records: Records, row: int) -> str:
    inside = records.frame == row
    distances = records.distance_m[inside & records.matched]
    far = f" at {1000.0 * distances.mean():.0f} mm" if np.isfinite(distances).any() else ""
    counts = {
        f"matched{far}": int((inside & records.matched).sum()),
        "missed": int((inside & records.missed).sum()),
        "false": int((inside & records.false).sum()),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def _value_of_frames(scored: Scored) -> tuple[str, Floats, list[str]] | None:
    """A metric that has a value of each frame: its name, how bad each frame is, and its values as text."""
    for name, one in scored.measures.items():
        share = name.startswith("f1.")
        if not isinstance(one, Statistic) or not (share or name == "collisions.pairs"):
            continue
        sums = np.zeros((len(scored.frames["id"]), one.parts.shape[1]))
        np.add.at(sums, one.frame, one.parts)
        values = one.finish(sums)
        known = np.nan_to_num(100.0 - values if share else values)
        return name, known, [f"{value:.1f} %" if share else f"{value:.0f}" for value in values]
    return None
