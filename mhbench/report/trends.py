"""How the error grows with distance, with occlusion and with the number of people."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.ticker import MaxNLocator

from mhbench.evaluation.results import part_words
from mhbench.report.charts import MOST_ROWS
from mhbench.report.curves import ERROR_WORDS
from mhbench.report.paper_figures import PaperFigure, paper_style, plate
from mhbench.report.style import QUIET, colour
from mhbench.scoring.intervals import draw_counts, sequence_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from mhbench.columns import Columns
    from mhbench.records import Records

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

BINS: Final = 8
FEWEST_PEOPLE: Final = 5
"""People in a bin below which its mean says nothing."""
FEWEST_BINS: Final = 3
DRAWS: Final = 500
SEED: Final = 2026
HIDDEN: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Trend:
    """Means in bins of something: (b,) centres, means, (b, 2) intervals, true people and the share found."""

    centre: Floats
    mean: Floats
    interval: Floats
    people: Ints
    found: Floats


def trend(records: Records, frames: Columns, value: Floats, centre: Floats, code: Ints) -> Trend | None:
    """Mean of a value of each person in bins, with 95 % intervals over blocks of frames.

    Args:
        records: the people, N rows.
        frames: the columns of their frames.
        value: (N,) of each person, NaN where it cannot be said.
        centre: (b,) of each bin.
        code: (N,) the bin of each person, -1 = none.

    Returns:
        the bins with at least five people of known value; None if those are fewer than three.
    """
    bins = len(centre)
    people = np.bincount(code[code >= 0], minlength=bins)
    known = (code >= 0) & np.isfinite(value)
    met = np.bincount(code[known], minlength=bins)
    kept = np.flatnonzero(met >= FEWEST_PEOPLE)
    if kept.size < FEWEST_BINS:
        return None
    units = sequence_blocks(frames)
    shape = (len(units.stratum), bins)
    cell = units.of_frame[records.frame[known]] * bins + code[known]
    total = np.bincount(cell, weights=value[known], minlength=shape[0] * bins).reshape(shape)
    count = np.bincount(cell, minlength=shape[0] * bins).reshape(shape).astype(np.float64)
    draws = draw_counts(units.stratum, DRAWS, np.random.default_rng(SEED))
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = np.einsum("du,ub->db", draws, total) / np.einsum("du,ub->db", draws, count)
        mean = total.sum(axis=0) / count.sum(axis=0)
    interval = np.nanpercentile(drawn[:, kept], [2.5, 97.5], axis=0).T
    found = 100.0 * np.bincount(code[(code >= 0) & records.matched], minlength=bins) / np.maximum(people, 1)
    return Trend(centre[kept], mean[kept], interval, people[kept], found[kept])


def trends(records: Records, frames: Columns, name: str) -> list[PaperFigure]:
    """The figures of an error that the data can give: by distance, occlusion, number of people."""
    value = person_means(records.errors[name])
    words = f"{ERROR_WORDS.get(name, name)} error (mm)"
    asked = [
        ("distance", "distance of the person (m)", *_by_distance(records)),
        ("occlusion", "joints of the person that are hidden (%)", *_by_occlusion(records)),
        ("people", "people in the frame", *_by_people(records)),
    ]
    drawn = []
    for key, axis, centre, code in asked:
        found = trend(records, frames, value, centre, code) if centre.size else None
        if found is not None:
            caption = (
                f"Mean {words.removesuffix(' (mm)')} of matched people against the {axis.partition(' (')[0]},"
                " with 95 % intervals over blocks of frames; below, the share of people who are found."
            )
            drawn.append(_draw(f"error-by-{key}", caption, found, axis, words))
    return drawn


def person_means(errors: Floats) -> Floats:
    """(N,) mean over the joints that have an error; NaN without any."""
    known = np.isfinite(errors)
    count = known.sum(axis=1)
    total = np.where(known, errors, 0.0).sum(axis=1)
    means: Floats = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return means


@paper_style
def _draw(name: str, caption: str, found: Trend, axis: str, words: str) -> PaperFigure:
    figure, (upper, lower) = plate(height=2.7, rows=2, sharex=True, height_ratios=(3, 1.1))
    upper.fill_between(found.centre, *found.interval.T, color=colour(0), alpha=0.18, lw=0)
    upper.plot(found.centre, found.mean, "o-", color=colour(0), ms=3.5)
    upper.set(ylabel=words, ylim=(0, 1.08 * float(found.interval.max()) or 1.0))
    lower.plot(found.centre, found.found, "s--", color=colour(5), ms=3)
    lower.axhline(100.0, color=QUIET, lw=0.5)
    lower.set(xlabel=axis, ylabel="found (%)", ylim=(min(50.0, 0.9 * found.found.min()), 104))
    if name.endswith("people"):
        lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    return PaperFigure(name, caption, figure)


def _by_distance(records: Records) -> tuple[Floats, Ints]:
    """Bins of equal numbers of people."""
    depth = np.where(records.truth >= 0, records.root_depth[:, 0], np.nan)
    known = depth[np.isfinite(depth)]
    if np.unique(known).size < BINS:
        return np.zeros(0), np.zeros(0, dtype=np.int64)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)))
    code = np.clip(np.searchsorted(edges, depth, side="right") - 1, 0, len(edges) - 2)
    centre = np.array([np.median(known[(known >= a) & (known <= b)]) for a, b in itertools.pairwise(edges)])
    return centre, np.where(np.isfinite(depth), code, -1)


def _by_occlusion(records: Records) -> tuple[Floats, Ints]:
    """Nobody hidden, then quarters of the joints."""
    joints = records.scored.sum(axis=1)
    if not records.occluded.any():
        return np.zeros(0), np.zeros(0, dtype=np.int64)
    hidden = (records.occluded & records.scored).sum(axis=1) / np.maximum(joints, 1)
    code = np.searchsorted(HIDDEN, hidden, side="left")
    middles = 50.0 * (np.array(HIDDEN[:-1]) + np.array(HIDDEN[1:]))
    return np.concatenate([[0.0], middles]), np.where((records.truth >= 0) & (joints > 0), code, -1)


def _by_people(records: Records) -> tuple[Floats, Ints]:
    """Each number of people by itself; above some, ranges of equal numbers of frames."""
    true = records.truth >= 0
    number = np.bincount(records.frame[true], minlength=records.frame_count)[records.frame]
    values = np.unique(number[true])
    if values.size > BINS:
        values = np.unique(np.quantile(number[true], np.linspace(0, 1, BINS + 1)[:-1]).astype(np.int64))
    code = np.searchsorted(values, number, side="right") - 1
    centre = np.array([number[true & (code == place)].mean() for place in range(len(values))])
    return centre, np.where(true, code, -1)


def value_trend(parts: Mapping[str, float], by: str, metric: str, unit: str) -> PaperFigure | None:
    """A metric by ordered parts of the data, such as ranges of people, where nobody is matched.

    Args:
        parts: part -> value, in order.
        by: what the parts are of.
        metric: its name.
        unit: of it.
    """
    known = {part_words(by, key): one for key, one in parts.items() if np.isfinite(one)}
    return _draw_parts(known, by, metric, unit) if FEWEST_BINS <= len(known) <= MOST_ROWS else None


@paper_style
def _draw_parts(parts: Mapping[str, float], by: str, metric: str, unit: str) -> PaperFigure:
    figure, axes = plate(height=1.9)
    place: Any = np.arange(len(parts))
    axes.plot(place, list(parts.values()), "o-", color=colour(0), ms=4)
    axes.set_xticks(place, list(parts), rotation=20 if len(parts) > 4 else 0)
    axes.set(xlabel=by, ylabel=f"{metric} ({unit})" if unit else metric)
    axes.margins(y=0.15)
    return PaperFigure(f"by-{by.replace(' ', '-')}", f"{metric} by {by}.", figure)
