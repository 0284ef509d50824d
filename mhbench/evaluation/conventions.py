"""The same predictions under every convention in use, and with common mistakes undone.

A number without its conventions says nothing: the table shows how far each of them moves it, and which paper
or code it comes from. None of these numbers is ever ranked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from mhbench.errors import MhbenchError
from mhbench.evaluation.audit_table import Audit, AuditRow, MistakeRow
from mhbench.evaluation.directions import lower_is_better
from mhbench.evaluation.options import EvaluationOptions
from mhbench.evaluation.perturbations import PERTURBATIONS
from mhbench.evaluation.rescoring import Rescorer
from mhbench.manifests import read_manifest
from mhbench.predictions.impossible import distance_faults
from mhbench.predictions.reading import read_predictions
from mhbench.protocols.loading import OptionRule, named_dataset, protocol_hash, resolve_protocol, with_options
from mhbench.protocols.metric_names import error_name
from mhbench.protocols.training_rules import broken_rules, training_overlaps
from mhbench.scoring.intervals import Groups, averaging_groups, headline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mhbench.evaluation.perturbations import Perturbation
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.loading import Protocol
    from mhbench.scoring.scored import Scored
    from mhbench.scoring.statistics import Measure

MISSED_MM: Final = 500.0  # what a missed person costs when mistakes are looked for; nothing is scored by it
JUDGES: Final = ("mpjpe", "mpjpe_abs", "pmpjpe")  # the first of them that the protocol has


class Convention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One convention in use (`manifests/conventions.toml`).

    Attributes:
        axis, value: what it decides, and how.
        source: papers or code it comes from.
        against: families of metrics of the chosen protocol it speaks of.
        patch: what it changes in a protocol.
        datasets: where it is in use; empty = every data set with 3D.
    """

    axis: str
    value: str
    source: str
    against: tuple[str, ...]
    patch: dict[str, Any]
    datasets: tuple[str, ...] = ()


class _Conventions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The manifest."""

    convention: tuple[Convention, ...]


def audit(
    path: Path, data: Path, protocol: str = "generic", options: EvaluationOptions | None = None
) -> Audit:
    """Score a predictions file under every convention in use for its data set, and with mistakes undone.

    Args:
        path: predictions in any form `mhbench.read_predictions` reads.
        data: folder of the shards.
        protocol: the chosen protocol, from which every convention changes one thing.
        options: as for `evaluate`.

    Raises:
        MhbenchError: the predictions do not fit the chosen protocol itself.
    """
    chosen = options or EvaluationOptions()
    predictions = read_predictions(path, dataset=named_dataset(protocol))
    rules = with_options(resolve_protocol(protocol, predictions.dataset or None), chosen.options)
    for fault in distance_faults(predictions):
        raise fault
    rescorer = Rescorer(predictions, rules, data, chosen)
    own = _numbers(rescorer.chosen, rules)
    rows, impossible = _conventions(rescorer, rules, own)
    error, judged_by = _badness(rescorer.chosen)
    mistakes = tuple(_mistakes(rescorer, predictions, rules)) if judged_by else ()
    return Audit(
        protocol=f"{rules.name} v{rules.version}",
        chosen=own,
        rows=rows,
        impossible=impossible,
        error=error,
        judged_by=judged_by,
        mistakes=tuple(row for _, row in mistakes),
        contamination=_contamination(rules, predictions),
        warnings=tuple(
            f"{row.suspicion}: {row.error:.0f} instead of {error:.0f} with {row.name}"
            for one, row in mistakes
            if row.error < one.wins_below * error
        ),
    )


def conventions(protocol: Protocol) -> Iterator[tuple[Convention, Protocol]]:
    """Every convention in use for a protocol's data set and every value of its own options, applied to it."""
    listed = read_manifest("conventions", _Conventions).convention if protocol.scoring == "poses" else ()
    for one in listed:
        if not one.datasets or protocol.frames.dataset in one.datasets:
            # a convention is an option that the protocol happens not to have
            option = OptionRule(name=one.axis, default="", values={one.value: one.patch})
            bare = msgspec.structs.replace(protocol, option=(option,))
            yield one, with_options(bare, {one.axis: one.value})
    families = tuple(dict.fromkeys(rule.name.partition("@")[0] for rule in protocol.metric))
    for option in protocol.option:
        for value, patch in option.values.items():
            own = Convention(
                axis=f"option {option.name}",
                value=value,
                source=option.about or protocol.name,
                against=families,
                patch=patch,
            )
            yield own, with_options(protocol, {option.name: value})


def _conventions(
    rescorer: Rescorer, protocol: Protocol, own: Mapping[str, tuple[float | None, str]]
) -> tuple[tuple[AuditRow, ...], tuple[str, ...]]:
    rows: list[AuditRow] = []
    impossible = []
    for one, changed in conventions(protocol):
        try:
            scored = rescorer.under(changed)
        except MhbenchError as error:
            impossible.append(f"{one.axis}: {one.value} ({error.what})")
            continue
        rows += _rows(one, _numbers(scored, changed), own, chosen=_is_own(one, protocol, changed))
    return tuple(rows), tuple(impossible)


def _replaces_metrics(one: Convention) -> bool:
    return not {"metric", "metric_of"}.isdisjoint(one.patch)


def _is_own(one: Convention, protocol: Protocol, changed: Protocol) -> bool:
    """Whether the protocol follows the convention already; of replaced metrics each must be one it has."""
    if not _replaces_metrics(one):
        return protocol_hash(changed) == protocol_hash(protocol)
    rest = msgspec.structs.replace(changed, metric=protocol.metric)
    return all(rule in protocol.metric for rule in changed.metric) and protocol_hash(rest) == protocol_hash(
        protocol
    )


def _rows(
    one: Convention,
    numbers: Mapping[str, tuple[float | None, str]],
    own: Mapping[str, tuple[float | None, str]],
    *,
    chosen: bool,
) -> Iterator[AuditRow]:
    replaced = _replaces_metrics(one)
    for name, (number, unit) in numbers.items():
        family = name.partition("@")[0]
        if not replaced and family not in one.against:
            continue
        reference = own.get(name) if name in own else _reference(one.against, own) if replaced else None
        before = reference[0] if reference else None
        difference = None if number is None or before is None else number - before
        yield AuditRow(one.axis, one.value, one.source, name, unit, number, difference, chosen)


def _reference(
    families: tuple[str, ...], own: Mapping[str, tuple[float | None, str]]
) -> tuple[float | None, str] | None:
    """The chosen protocol's number of the first of the families that it has."""
    return next(
        (value for family in families for name, value in own.items() if name.partition("@")[0] == family),
        None,
    )


def _numbers(scored: Scored, protocol: Protocol) -> dict[str, tuple[float | None, str]]:
    groups = averaging_groups(scored.frames, protocol)

    def number(one: Measure) -> float | None:
        value = headline(one, groups)
        return value if np.isfinite(value) else None

    return {name: (number(one), one.unit) for name, one in scored.measures.items()}


def _mistakes(
    rescorer: Rescorer, predictions: PredictionTable, protocol: Protocol
) -> Iterator[tuple[Perturbation, MistakeRow]]:
    judged = _judged(protocol)
    for one in PERTURBATIONS:
        changed = one.change(predictions)
        if changed is None:
            continue
        try:
            scored = rescorer.of(changed, judged)
        except MhbenchError:  # the changed predictions fit less than the given ones: no mistake undone
            continue
        error, _ = _badness(scored)
        yield one, MistakeRow(one.name, error, one.suspicion)


def _judged(protocol: Protocol) -> Protocol:
    """The protocol with the metric by which mistakes are judged only."""
    rules = {error_name(rule): rule for rule in reversed(protocol.metric)}
    judge = next((rules[name] for name in JUDGES if name in rules), None)
    if protocol.scoring != "poses" or judge is None:
        return protocol
    return msgspec.structs.replace(protocol, metric=(judge,))


def _badness(scored: Scored) -> tuple[float, str]:
    """How wrong predictions are as one number, lower is better, whoever is missed included; and what it is.

    Collisions say nothing of that: people who are elsewhere do not collide. Where there is nothing else, the
    words are empty.
    """
    records = scored.records
    if records is None or not records.errors:
        name = next((one for one in scored.measures if not one.startswith("collisions.")), "")
        if not name:
            return np.nan, ""
        measure = scored.measures[name]
        whole = Groups(np.zeros(len(scored.frames["id"]), dtype=np.int64), ("all",))
        value = headline(measure, whole)
        return (
            (value, f"{name}, {measure.unit}")
            if lower_is_better(name)
            else (100.0 - value, f"100 - {name}, %")
        )
    name = next((judge for judge in JUDGES if judge in records.errors), next(iter(records.errors)))
    errors = records.errors[name]
    people = (records.truth >= 0) & scored.frames["given"][records.frame]
    known = np.isfinite(errors)
    mean = np.where(known, errors, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    cost = np.where(known.any(axis=1), np.minimum(mean, MISSED_MM), MISSED_MM)[people]
    words = f"{name} in mm, missed people and larger errors as {MISSED_MM:.0f} mm"
    return (float(cost.mean()) if cost.size else MISSED_MM), words


def _contamination(protocol: Protocol, predictions: PredictionTable) -> tuple[str, ...]:
    rule, trained_on = protocol.training, predictions.trained_on
    broken = [f"trained on {name}, which the protocol forbids" for name in broken_rules(rule, trained_on)]
    return (*broken, *training_overlaps(rule, trained_on))
