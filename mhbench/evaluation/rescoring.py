"""The same predictions under many protocols: shards are read once, and equal errors are made once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from mhbench.evaluation.passes import ShardReader
from mhbench.evaluation.pipeline import score_predictions
from mhbench.protocols.metric_names import error_name, needs_root
from mhbench.protocols.rules import AveragingRule
from mhbench.scoring.joint_counts import joint_distances
from mhbench.scoring.scored import kind_of_scoring

if TYPE_CHECKING:
    from pathlib import Path

    from mhbench.evaluation.options import EvaluationOptions
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.loading import Protocol
    from mhbench.protocols.rules import MetricRule
    from mhbench.scoring.scored import Scored

KEPT_PEOPLE: Final = 200_000  # some 200 MB of joints in 2D and 3D


class Rescorer:
    """Scores predictions under a protocol and then under others that differ from it in a few fields.

    Args:
        predictions: people of any number of frames.
        protocol: the chosen protocol; it is scored at once, as `chosen`.
        data: folder of the shards.
        options: what deviates from the defaults.

    Raises:
        MhbenchError: predictions, protocol and shards do not fit each other.
    """

    def __init__(
        self, predictions: PredictionTable, protocol: Protocol, data: Path, options: EvaluationOptions
    ) -> None:
        self._predictions, self._protocol, self._data, self._options = predictions, protocol, data, options
        self._reader = ShardReader(keep=KEPT_PEOPLE)
        self.chosen, self._pass = score_predictions(predictions, protocol, data, options, self._reader)

    def under(self, protocol: Protocol) -> Scored:
        """The predictions under another protocol of the same data set.

        Raises:
            MhbenchError: they do not fit it.
        """
        if records_agree(self._protocol, protocol):
            kind = kind_of_scoring(protocol.scoring)
            return kind.summarise(self._pass.parts, self._predictions, protocol)
        return self.of(self._predictions, protocol)

    def of(self, predictions: PredictionTable, protocol: Protocol) -> Scored:
        """Other predictions, under any protocol of the same data set.

        Raises:
            MhbenchError: they do not fit it.
        """
        scored, _ = score_predictions(predictions, protocol, self._data, self._options, self._reader)
        return scored


def records_agree(first: Protocol, second: Protocol) -> bool:
    """Whether the records of the first protocol hold all that the second one's numbers are made of.

    That is so if they differ only in thresholds, averaging, what a miss or a null joint costs, and in which
    of the same errors they use.
    """
    if first.scoring != "poses" or _basis(first) != _basis(second):
        return False
    have, want = _errors(first), _errors(second)
    if first.matching.rule == "best" and list(have) != list(want):
        return False  # the first error decides who met whom
    return want.items() <= have.items() and joint_distances(second) <= joint_distances(first)


def _basis(protocol: Protocol) -> Protocol:
    """What the records are made by, apart from the errors."""
    refuses = protocol.matching.missed_person == "refuse"
    return msgspec.structs.replace(
        protocol,
        matching=msgspec.structs.replace(
            protocol.matching, missed_person="refuse" if refuses else "out", missed_mm=0.0
        ),
        prediction=msgspec.structs.replace(protocol.prediction, null_joint="drop"),
        averaging=AveragingRule(),
        metric=(),
        option=(),
    )


def _errors(protocol: Protocol) -> dict[str, Any]:
    """How each error is made, and the root."""
    made: dict[str, Any] = {
        error_name(rule) or rule.name.partition("@")[0]: _making(rule) for rule in protocol.metric
    }
    root = next((rule.root for rule in protocol.metric if needs_root(rule)), None)
    return made if root is None else {**made, "root": root}


def _making(rule: MetricRule) -> tuple[object, ...]:
    root = rule.root if error_name(rule) == "pve" else ""
    return (rule.align, rule.fit_also, rule.recentre, rule.rescale_bones, rule.people, root)
