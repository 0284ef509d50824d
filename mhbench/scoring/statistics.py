"""Every metric as additive statistics: numbers per record row (or frame) and a finish on their sums.

That a metric is a function of sums is what makes one process, many, and a cluster agree, what makes intervals
cheap (sums of resampled units), and what gives any breakdown for free.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from mhbench.metrics.depth_ordering import reversed_neighbours, smap_depth_order
from mhbench.protocols.metric_names import error_name, unknown_metric

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from mhbench.protocols.rules import MetricRule, Protocol
    from mhbench.records import Records

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]
    JointRows = Callable[[], tuple[Floats, Flags]]

BODY_ERRORS: Final = ("pve", "mpjae", "pmpjae")
UNMATCHED_DEPTH_M: Final = 100.0
_NAME: Final = re.compile(
    r"(?P<family>[a-z0-9_]+)(?:\.(?P<what>[a-z]+))?(?:@(?:(?P<low>\d+)-)?(?P<value>[\d.]+)(?P<unit>mm|m))?"
)


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """One metric before it is summed.

    Attributes:
        name: contract name of the metric.
        unit: mm, deg or % of the finished value.
        frame: (N,) frame of each row of `parts`.
        parts: (N, k) additive numbers.
        finish: sums (..., k) -> values (...); NaN where nothing was counted.
        joint_rows: of a metric that is a mean or share over joints: makes the values (N, J) that are averaged
            and whether each counts; else None.
    """

    name: str
    unit: str
    frame: npt.NDArray[np.int64]
    parts: Floats
    finish: Callable[[Floats], Floats]
    joint_rows: JointRows | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Recount:
    """A metric that is no function of sums, such as average precision: counted anew for weights of frames.

    Attributes:
        name: contract name of the metric.
        unit: of the value.
        value: weights of the frames (F,) -> value; NaN where nothing was counted.
    """

    name: str
    unit: str
    value: Callable[[Floats], float]


Measure = Statistic | Recount


def statistic(rule: MetricRule, records: Records, protocol: Protocol) -> Statistic:
    """The additive statistic of one metric of a protocol.

    Raises:
        ManifestError: the metric's name is not one that poses can give.
    """
    name = _NAME.fullmatch(rule.name)
    family = name["family"] if name else ""
    if name is None or family not in _FAMILIES:
        raise unknown_metric(protocol.name, rule, _FAMILIES)
    return _FAMILIES[family](rule, name, records, protocol)


def ratio(scale: float) -> Callable[[Floats], Floats]:
    """Finish of a mean or a share: first sum over second, times `scale`."""

    def finish(sums: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return scale * sums[..., 0] / sums[..., 1]

    return finish


def _mean_error(rule: MetricRule, name: re.Match[str], records: Records, protocol: Protocol) -> Statistic:
    """Mean over the joints of a person, then over people; people without any error are left out."""
    del name
    rows = partial(_error_rows, rule, records, protocol)
    errors, finite = rows()
    joints = finite.sum(axis=1)
    mean = np.divide(errors.sum(axis=1), joints, out=np.zeros(len(errors)), where=joints > 0)
    return Statistic(
        rule.name,
        "deg" if error_name(rule) in {"mpjae", "pmpjae"} else "mm",
        records.frame,
        np.stack([mean, (joints > 0).astype(np.float64)], axis=1),
        ratio(1.0),
        rows if _is_of_all_joints(rule) else None,
    )


def _error_rows(rule: MetricRule, records: Records, protocol: Protocol) -> tuple[Floats, Flags]:
    """(N, J) errors, 0 where they do not count, and where they do."""
    errors = _chosen_errors(rule, records)
    if protocol.matching.missed_mm:
        missed = records.missed[:, None] & np.full(errors.shape, fill_value=True)
        errors = np.where(missed, protocol.matching.missed_mm, errors)
    finite = np.isfinite(errors) & _of_cameras(rule, records)[:, None]
    return np.where(finite, errors, 0.0), finite


def _chosen_errors(rule: MetricRule, records: Records) -> Floats:
    """(N, J) the errors a metric is made of, NaN for joints that are not the metric's."""
    name = error_name(rule)
    if name in BODY_ERRORS:
        return records.body_errors[name]
    errors = records.errors[name]
    if not rule.joints:
        return errors
    return np.where(np.isin(records.joints, rule.joints), errors, np.nan)


def _of_cameras(rule: MetricRule, records: Records) -> Flags:
    """(N,) rows of the cameras of a metric."""
    if not rule.cameras:
        return np.full(len(records.frame), fill_value=True)
    return np.isin(records.frames["camera"], rule.cameras)[records.frame]


def _is_of_all_joints(rule: MetricRule) -> bool:
    """Whether a metric speaks of all scored joints, so that it can be told joint by joint."""
    return not rule.joints and error_name(rule) not in BODY_ERRORS


def _counted_joints(rule: MetricRule, name: re.Match[str], records: Records, protocol: Protocol) -> Flags:
    """(N, J) joints in the denominator of a share: what misses and null joints cost is the protocol's."""
    counted = records.scored & (records.truth >= 0)[:, None] & _of_cameras(rule, records)[:, None]
    if rule.joints:
        counted &= np.isin(records.joints, rule.joints)
    if name["what"]:
        counted &= records.occluded == (name["what"] == "occluded")
    if protocol.matching.missed_person == "out":
        counted &= records.matched[:, None]
    if protocol.prediction.null_joint == "drop":
        counted &= records.present | records.missed[:, None]
    if error_name(rule) == "mpjpe" and not rule.rescale_bones:
        counted &= ~records.rootless[:, None]
    return counted


def _pck(rule: MetricRule, name: re.Match[str], records: Records, protocol: Protocol) -> Statistic:
    """Share of joints under the threshold."""
    return _share(rule, records, partial(_pck_rows, rule, name, records, protocol))


def _pck_rows(
    rule: MetricRule, name: re.Match[str], records: Records, protocol: Protocol
) -> tuple[Floats, Flags]:
    threshold = float(name["value"]) * (1000.0 if name["unit"] == "m" else 1.0)
    errors = records.errors[error_name(rule)]
    counted = _counted_joints(rule, name, records, protocol)
    with np.errstate(invalid="ignore"):
        right = (errors <= threshold if rule.inclusive else errors < threshold) & counted
    return right.astype(np.float64), counted


def _auc(rule: MetricRule, name: re.Match[str], records: Records, protocol: Protocol) -> Statistic:
    """Area under the curve of shares over the thresholds: linear in the shares, hence additive."""
    return _share(rule, records, partial(_auc_rows, rule, name, records, protocol))


def _auc_rows(
    rule: MetricRule, name: re.Match[str], records: Records, protocol: Protocol
) -> tuple[Floats, Flags]:
    thresholds, weights = curve_thresholds(rule, name)
    errors = records.errors[error_name(rule)]
    counted = _counted_joints(rule, name, records, protocol)
    side: Literal["left", "right"] = "left" if rule.inclusive else "right"
    # thresholds an error is under: those from this position on; a NaN error sorts behind all of them
    first = np.searchsorted(thresholds, np.where(np.isfinite(errors), errors, np.inf), side=side)
    area = np.concatenate([np.cumsum(weights[::-1])[::-1], [0.0]])[first]
    return area * counted, counted


def curve_thresholds(rule: MetricRule, name: re.Match[str] | None = None) -> tuple[Floats, Floats]:
    """Thresholds of an AUC in mm, and the weight of each threshold's share (they sum to 1)."""
    match = name or _NAME.fullmatch(rule.name)
    assert match is not None
    low, high = float(match["low"] or 0), float(match["value"])
    thresholds = np.arange(low, high + (rule.step_mm / 2 if rule.closed else -rule.step_mm / 2), rule.step_mm)
    weights = np.full(len(thresholds), 1.0)
    if rule.area == "trapezoid":
        weights[[0, -1]] = 0.5
    return thresholds, weights / weights.sum()


def _share(rule: MetricRule, records: Records, rows: JointRows) -> Statistic:
    right, counted = rows()
    return Statistic(
        rule.name,
        "%",
        records.frame,
        np.stack([right.sum(axis=1), counted.sum(axis=1).astype(np.float64)], axis=1),
        ratio(100.0),
        rows if _is_of_all_joints(rule) else None,
    )


def _detection(rule: MetricRule, name: re.Match[str], records: Records, protocol: Protocol) -> Statistic:
    """Precision, recall or F1 of people within a distance, or of joints within a distance."""
    del protocol
    limit = float(name["value"]) / (1000.0 if name["unit"] == "mm" else 1.0)
    if name["what"] == "person":
        hit = records.matched & (records.distance_m <= limit)
        false = (records.prediction >= 0) & ~hit
        missed = (records.truth >= 0) & ~hit
        counts = np.stack([hit, false, missed], axis=1).astype(np.float64)
        return Statistic(rule.name, "%", records.frame, counts, _DETECTION[name["family"]])
    counts = records.joint_counts[rule.name.partition("@")[2]].astype(np.float64)
    every = np.arange(records.frame_count)
    return Statistic(rule.name, "%", every, counts, _DETECTION[name["family"]])


def _depth_order(rule: MetricRule, name: re.Match[str], records: Records, protocol: Protocol) -> Statistic:
    """SMAP's share of pairs of people in the right order of depth, or of reversed neighbours."""
    count = {("depth_order", "smap"): smap_depth_order, ("depth_reversed", "neighbours"): reversed_neighbours}
    counted = count.get((name["family"], name["what"]))
    if counted is None:
        raise unknown_metric(protocol.name, rule, (".".join(one) for one in count))
    chosen = np.flatnonzero(records.matched if rule.people == "matched" else records.truth >= 0)
    frame, depth = records.frame[chosen], records.root_depth[chosen]
    # whoever met nobody stands far behind everybody
    predicted = np.where(np.isfinite(depth[:, 1]), depth[:, 1], UNMATCHED_DEPTH_M)
    counts = np.zeros((records.frame_count, 2))
    edges = np.searchsorted(frame, np.arange(records.frame_count + 1))
    for one in np.flatnonzero(np.diff(edges) > 1).tolist():
        people = slice(edges[one], edges[one + 1])
        counts[one] = counted(depth[people, 0], predicted[people])
    return Statistic(rule.name, "%", np.arange(records.frame_count), counts, ratio(100.0))


def _detection_finish(kind: Literal["precision", "recall", "f1"]) -> Callable[[Floats], Floats]:
    def finish(sums: Floats) -> Floats:
        hit, false, missed = sums[..., 0], sums[..., 1], sums[..., 2]
        below = {"precision": hit + false, "recall": hit + missed, "f1": hit + (false + missed) / 2}[kind]
        with np.errstate(invalid="ignore", divide="ignore"):
            share: Floats = 100.0 * hit / below
        return share

    return finish


_DETECTION = {
    "precision": _detection_finish("precision"),
    "recall": _detection_finish("recall"),
    "f1": _detection_finish("f1"),
}

_FAMILIES = {
    "mpjpe": _mean_error,
    "mpjpe_abs": _mean_error,
    "pmpjpe": _mean_error,
    "n_mpjpe": _mean_error,
    "pck": _pck,
    "pck_abs": _pck,
    "auc": _auc,
    "auc_abs": _auc,
    "accel": _mean_error,
    "pve": _mean_error,
    "mpjae": _mean_error,
    "pmpjae": _mean_error,
    "depth_order": _depth_order,
    "depth_reversed": _depth_order,
    "precision": _detection,
    "recall": _detection,
    "f1": _detection,
}
