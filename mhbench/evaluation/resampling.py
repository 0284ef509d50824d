"""The value of every metric in every draw of the bootstrap, as numbers and as text inside a result.

All results of a protocol draw the same units by the same numbers, so draw d of one result and draw d of
another speak of the same takes: their difference is a paired difference. That is why a result keeps its draws
(`Result.resampling`), and why comparing two results needs no predictions, whatever a metric is made of.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.errors import InputError
from mhbench.evaluation.results import Resampling
from mhbench.scoring.intervals import SEED, cell_sums, draw_counts, headline
from mhbench.scoring.statistics import Recount, Statistic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from mhbench.scoring.breakdowns import Part
    from mhbench.scoring.intervals import Groups, Units
    from mhbench.scoring.statistics import Measure

    Floats = npt.NDArray[np.float64]

PART_DRAWS: Final = 200  # a part needs no finer interval, and there are hundreds of them
_STORED = np.dtype("<f4")  # a draw needs no more digits than these, and a result stays small


def draw_weights(units: Units, draws: int) -> Floats:
    """(draws, units) how often each unit is drawn; the same numbers in every result of the same units."""
    return draw_counts(units.stratum, draws, np.random.default_rng(SEED))


def resampled_values(
    measures: Mapping[str, Measure], groups: Groups, units: Units, weights: Floats
) -> dict[str, Floats]:
    """(draws,) value of every measure under the weights (draws, units); NaN where nothing was counted."""
    return {
        name: _recounted(one, groups, units, weights)
        if isinstance(one, Recount)
        else _redrawn(one, groups, units, weights)
        for name, one in measures.items()
    }


def _recounted(measure: Recount, groups: Groups, units: Units, weights: Floats) -> Floats:
    def once(of_frame: Floats) -> float:
        return headline(replace(measure, value=lambda member: measure.value(member * of_frame)), groups)

    return np.array([once(row[units.of_frame]) for row in weights], dtype=np.float64)


def _redrawn(measure: Statistic, groups: Groups, units: Units, weights: Floats) -> Floats:
    """The statistic summed to one row per unit and group; a draw is a weight on each of these rows."""
    count = len(groups.names)
    if count == 1:  # everybody pooled: all draws at once
        inside = np.where(groups.of_frame >= 0, units.of_frame, -1)
        sums = cell_sums(measure, inside, len(units.stratum))
        return measure.finish(np.einsum("du,uk->dk", weights, sums))
    unit, group = np.divmod(np.arange(len(units.stratum) * count), count)
    cell = np.where(groups.of_frame >= 0, units.of_frame * count + groups.of_frame, -1)
    small = Statistic(
        measure.name, measure.unit, np.arange(len(unit)), cell_sums(measure, cell, len(unit)), measure.finish
    )
    of_cell = replace(groups, of_frame=group)
    drawn = [headline(replace(small, parts=small.parts * row[unit, None]), of_cell) for row in weights]
    return np.array(drawn, dtype=np.float64)


def part_draws(parts: Iterable[Part], weights: Floats) -> dict[str, dict[str, dict[str, Floats]]]:
    """Breakdown -> key -> metric -> (draws,) its value in the first `PART_DRAWS` draws.

    A part that lies in one unit, such as a sequence where sequences are drawn, has nothing to vary by and is
    left out; so are metrics that are no functions of sums.
    """
    few = weights[:PART_DRAWS]
    drawn: dict[str, dict[str, dict[str, Floats]]] = {}
    for part in parts:
        values = {
            name: finish(np.einsum("du,uk->dk", few, sums))
            for name, (sums, finish) in part.sums.items()
            if np.count_nonzero(sums.any(axis=1)) > 1
        }
        if values:
            drawn.setdefault(part.by, {})[part.key] = values
    return drawn


def percentile_interval(values: Floats) -> tuple[float, float] | None:
    """95 % interval of the draws in which anything was counted; None where there are none."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return (float(low), float(high))


def packed(
    values: Mapping[str, Floats],
    units: Units,
    weights: Floats,
    parts: Mapping[str, Mapping[str, Mapping[str, Floats]]] | None = None,
) -> Resampling:
    """The draws as a result keeps them.

    Args:
        values: from `resampled_values`.
        units: what was drawn.
        weights: how often, from `draw_weights`.
        parts: from `part_draws`.
    """
    digest = hashlib.sha256(units.of_frame.astype("<i8").tobytes())
    digest.update(weights.astype("<i4").tobytes())
    return Resampling(
        unit=units.kind,
        units=len(units.stratum),
        draws=len(weights),
        sha256=digest.hexdigest(),
        values=_texts(values),
        parts={by: {key: _texts(one) for key, one in keys.items()} for by, keys in (parts or {}).items()},
    )


def _texts(values: Mapping[str, Floats]) -> dict[str, str]:
    return {name: base64.b64encode(one.astype(_STORED).tobytes()).decode() for name, one in values.items()}


def unpacked(resampling: Resampling, metric: str) -> Floats:
    """(draws,) values of one metric, as far as float32 keeps them.

    Raises:
        InputError: the result was damaged.
    """
    text = resampling.values.get(metric)
    if text is None:
        raise InputError(
            f"the result keeps no draws of {metric}",
            expected="those of every metric",
            action="evaluate the predictions again",
        )
    return _numbers(text, metric, resampling.draws)


def unpacked_part(resampling: Resampling, by: str, key: str, metric: str) -> Floats | None:
    """(draws,) values of one metric of a part, None where nothing was drawn for it.

    Raises:
        InputError: the result was damaged.
    """
    text = resampling.parts.get(by, {}).get(key, {}).get(metric)
    if text is None:
        return None
    return _numbers(text, f"{metric} of {by} {key}", min(resampling.draws, PART_DRAWS))


def _numbers(text: str, words: str, draws: int) -> Floats:
    try:
        stored = np.frombuffer(base64.b64decode(text, validate=True), dtype=_STORED)
    except (binascii.Error, ValueError) as error:
        raise InputError(
            f"the draws of {words} are no base64 of float32 numbers: {error}",
            expected="a result as `mhbench evaluate` writes it",
            action="evaluate the predictions again",
        ) from error
    if len(stored) != draws:
        raise InputError(
            f"the result has {len(stored)} draws of {words}",
            expected=f"{draws}, as it says itself",
            action="evaluate the predictions again",
        )
    return stored.astype(np.float64)
