"""The scoring pipeline: predictions + shards -> scored frames -> result.

Shards are read one at a time (passes.py); what stays in memory is the predictions and what each kind of
scoring keeps.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mhbench import __version__
from mhbench.datasets.manifest import dataset_manifest
from mhbench.datasets.names import dataset_id
from mhbench.errors import PredictionError, UsageError
from mhbench.evaluation.options import EvaluationOptions
from mhbench.evaluation.passes import Pass, ShardReader, pass_over_predictions, pass_over_shards
from mhbench.evaluation.result_making import make_result
from mhbench.predictions.impossible import distance_faults, unit_faults
from mhbench.predictions.reading import read_predictions
from mhbench.protocols.loading import ANY, named_dataset, resolve_protocol, with_options
from mhbench.scoring.bodies import SKELETONS
from mhbench.scoring.scored import kind_of_scoring
from mhbench.shards.reading import open_shards
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

    from mhbench.evaluation.results import Result
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.loading import Protocol
    from mhbench.scoring.scored import Scored


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A result and what it was made of (for details, worst frames and the report)."""

    result: Result
    scored: Scored
    protocol: Protocol


def evaluate(
    path: Path,
    protocol: str,
    data: Path,
    options: EvaluationOptions | None = None,
    *,
    progress: bool = False,
) -> Evaluation:
    """Score a predictions file under a protocol.

    Args:
        path: predictions in any form `mhbench.read_predictions` reads.
        protocol: full name, or a bare one that the data set of the predictions completes.
        data: folder of the shards (`shards/`, or a data set's folder in it).
        options: what deviates from the defaults.
        progress: show on stderr how many shards are scored.

    Raises:
        MhbenchError: the predictions, the protocol or the shards do not fit each other, or the people are of
            no possible size (a wrong unit).
    """
    begin = time.perf_counter()
    chosen = options or EvaluationOptions()
    # formats without a data set of their own (COCO results) take that of the full protocol name
    predictions = read_predictions(path, dataset=named_dataset(protocol))
    rules = with_options(resolve_protocol(protocol, predictions.dataset or None), chosen.options)
    for fault in (*unit_faults(predictions), *distance_faults(predictions)):
        raise fault
    predictions = placed(predictions, data, chosen)
    scored, gathered = score_predictions(predictions, rules, data, chosen, progress=progress)
    provenance = {
        "mhbench": __version__,
        "predictions_sha256": _sha256(path),
        "min_score": chosen.min_score,
        "place": chosen.place,
        "seconds": round(time.perf_counter() - begin, 3),
    }
    result = make_result(scored, rules, predictions, gathered, chosen, provenance)
    return Evaluation(result, scored, rules)


def score_predictions(
    predictions: PredictionTable,
    protocol: Protocol,
    data: Path,
    options: EvaluationOptions,
    reader: ShardReader | None = None,
    *,
    progress: bool = False,
) -> tuple[Scored, Pass]:
    """Score predictions that are in memory under any protocol object, such as a changed one.

    Args:
        predictions: people of any number of frames.
        protocol: the rules.
        data: folder of the shards.
        options: what deviates from the defaults.
        reader: keeps what it read, where many passes follow each other.
        progress: show on stderr how many shards are scored.

    Raises:
        MhbenchError: the predictions, the protocol or the shards do not fit each other.
    """
    _check_scorable(protocol)
    kind = kind_of_scoring(protocol.scoring)
    _check_dataset(predictions, protocol)
    predictions = with_columns(predictions, protocol)
    kind.check(predictions, protocol)
    if protocol.frames.dataset == ANY:
        gathered = pass_over_predictions(predictions, protocol, options)
    else:
        gathered = pass_over_shards(predictions, protocol, data, options, reader, progress=progress)
    return kind.summarise(gathered.parts, predictions, protocol), gathered


def placed(predictions: PredictionTable, data: Path, options: EvaluationOptions) -> PredictionTable:
    """The predictions with positions, if the options ask for them.

    Raises:
        PredictionError: they cannot be placed.
    """
    if not options.place:
        return predictions
    from mhbench.predictions.placing import place_by_reprojection  # noqa: PLC0415 - seldom asked for

    return place_by_reprojection(predictions, open_shards(data, dataset=predictions.dataset))


def with_columns(predictions: PredictionTable, protocol: Protocol) -> PredictionTable:
    """Predictions in which nobody is found, with the columns that protocols read; others as they are.

    Such a file is a claim like any other: everybody is missed. It need not say what it would have held.
    """
    if predictions.person_count or predictions.loose_start is not None or protocol.frames.dataset == ANY:
        return predictions
    name = predictions.skeleton or truth_skeleton_name(protocol)
    spaces = [space for space in protocol.prediction.spaces if space != "2d"]
    sizes = {"joints3d": (len(skeleton(name)), 3), "joints2d": (len(skeleton(name)), 2), "score": ()}
    return replace(
        predictions,
        skeleton=name,
        space=predictions.space or next(iter(spaces), None),
        persons={column: np.zeros((0, *row)) for column, row in sizes.items()},
    )


def truth_skeleton_name(protocol: Protocol) -> str:
    """The skeleton of the joints that a protocol scores."""
    manifest, truth = dataset_manifest(protocol.frames.dataset), protocol.truth
    if truth.body:
        return SKELETONS[truth.regressor]
    return manifest.joint_sets[truth.joint_set] if truth.joint_set else manifest.skeleton


def _sha256(path: Path) -> str:
    """sha256 of a file, or of the names and contents of all files of a folder."""
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file())
        lines = [f"{one.relative_to(path).as_posix()} {_sha256(one)}" for one in files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_scorable(protocol: Protocol) -> None:
    if protocol.refused:
        raise UsageError(
            f"{protocol.name} cannot be scored from shards: {protocol.refused}",
            expected="a protocol that the data set alone decides",
            action="`mhbench protocols` lists them",
        )


def _check_dataset(predictions: PredictionTable, protocol: Protocol) -> None:
    if protocol.frames.dataset not in {predictions.dataset, ANY}:
        meant = dataset_id(predictions.dataset) == protocol.frames.dataset
        raise PredictionError(
            f"{predictions.source}: the predictions are of the data set {predictions.dataset!r}",
            expected=f"{protocol.frames.dataset!r}, the data set of {protocol.name}",
            action=f"write the id {protocol.frames.dataset!r} in $.dataset"
            if meant
            else "choose a protocol of that data set; `mhbench protocols` lists them",
        )
