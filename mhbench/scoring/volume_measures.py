"""Metrics of bodies from what was measured in each frame: their families, and how each is averaged."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.protocols.metric_names import unknown_metric
from mhbench.scoring.cell_counts import BACKGROUND, BODY, COLUMNS, FOREGROUND, VIEWS
from mhbench.scoring.statistics import Statistic, ratio
from mhbench.scoring.volume_samples import CELLS, FAMILIES, LANDMARKS, MASKS, PARTS, SURFACE
from mhbench.volumes import PARTS as PART_NAMES

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.protocols.rules import MetricRule, Protocol
    from mhbench.scoring.volume_samples import Samples

    Floats = npt.NDArray[np.float64]

OF_CELLS: Final = {
    "voxel_iou": (BODY,),
    **{f"silhouette_iou.{view}": (view,) for view in VIEWS},
    "part_iou": PART_NAMES,
    **{f"part_iou.{name}": (name,) for name in (*PART_NAMES, BACKGROUND, FOREGROUND)},
}
"""Metrics of cells and what they count; of several columns the mean is taken."""
OF_MASKS: Final = ("silhouette_iou", "silhouette_f1", "silhouette_acc")
OF_SURFACES: Final = (SURFACE, LANDMARKS)


def of_joints(protocol: Protocol) -> tuple[MetricRule, ...]:
    """The metrics of a protocol that joints give."""
    return tuple(rule for rule in protocol.metric if _family(rule) == "")


def wanted_families(protocol: Protocol) -> frozenset[str]:
    """The families of the metrics of a protocol; whoever wants parts has the cells besides."""
    wanted = {_family(rule) for rule in protocol.metric} & set(FAMILIES)
    return frozenset(wanted | ({CELLS} if PARTS in wanted else set()))


def measures_of(samples: Samples, protocol: Protocol) -> dict[str, Statistic]:
    """The measures of a protocol that the samples can give."""
    rules = [rule for rule in protocol.metric if _family(rule) in samples.given]
    return {rule.name: _measure(rule, samples, protocol) for rule in rules}


def _family(rule: MetricRule) -> str:
    """The family of a metric; "" for one of joints."""
    if rule.name in OF_CELLS:
        return PARTS if rule.name.startswith("part_iou") else CELLS
    if rule.name in OF_MASKS:
        return MASKS
    if rule.name in OF_SURFACES:
        return rule.name
    if rule.name.startswith(("voxel", "silhouette", "part", "surface", "landmark")):
        raise unknown_metric("the protocol", rule, (*OF_CELLS, *OF_MASKS, *OF_SURFACES))
    return ""


def _measure(rule: MetricRule, samples: Samples, protocol: Protocol) -> Statistic:
    frames = np.arange(len(samples.counted))
    if rule.name in OF_SURFACES:
        return Statistic(rule.name, "mm", frames, _with_count(samples.errors[rule.name]), ratio(1.0))
    if rule.name in OF_MASKS:
        values = samples.masks[:, OF_MASKS.index(rule.name)]
        return Statistic(rule.name, "%", frames, _with_count(values), ratio(100.0))
    columns = [COLUMNS.index(name) for name in OF_CELLS[rule.name]]
    counts = np.nan_to_num(samples.cells[:, columns])
    assert protocol.volumes is not None  # held by tests of the protocols
    if not {rule.name, rule.name.partition(".")[0]} & set(protocol.volumes.pooled):
        shared, either = counts[..., 0], counts[..., 1]
        # of nothing and nothing there is no share
        counts = np.stack([shared / np.maximum(either, 1.0), either > 0], axis=-1)
    return Statistic(
        rule.name, "%", frames, counts.reshape(len(frames), math.prod(counts.shape[1:])), _mean_of_shares
    )


def _with_count(values: Floats) -> Floats:
    """(F, 2) each value and one; zeros for NaN."""
    known = np.isfinite(values)
    return np.stack([np.where(known, values, 0.0), known.astype(np.float64)], axis=-1)


def _mean_of_shares(sums: Floats) -> Floats:
    """Sums (..., 2 n) of n pairs -> percent (...): the mean of the shares that are defined."""
    pairs = sums.reshape(*sums.shape[:-1], -1, 2)
    known = pairs[..., 1] > 0
    shares = np.divide(pairs[..., 0], pairs[..., 1], out=np.zeros(known.shape), where=known)
    count = known.sum(axis=-1)
    total = shares.sum(axis=-1)
    mean: Floats = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return 100.0 * mean
