"""Kind of scoring `volumes`: one person's body as a solid, a surface and a silhouette (BodyNet).

Every frame has one true person, whom the prediction with the highest score meets. A missed person shares no
cell with anybody and is left out of the errors. What predictions cannot give is left out of the result.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from mhbench.errors import PredictionError, UsageError
from mhbench.scoring import pose_protocols
from mhbench.scoring.placed_bodies import gives_meshes, gives_volumes
from mhbench.scoring.poses import frame_columns
from mhbench.scoring.scored import PeopleCounts, Scored
from mhbench.scoring.volume_measures import measures_of, of_joints, wanted_families
from mhbench.scoring.volume_samples import Samples, join_samples, score_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.columns import Columns
    from mhbench.frames import FrameTable
    from mhbench.predictions.table import PredictionTable
    from mhbench.protocols.rules import Protocol
    from mhbench.scoring.scored import Choices
    from mhbench.scoring.statistics import Measure

    Ints = npt.NDArray[np.int64]

JOINTS: Final = ("joints3d", "smpl_pose")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One shard: its frames, what was measured in each, poses if there are joints to compare."""

    frames: Columns
    samples: Samples
    poses: pose_protocols.Part | None
    no_poses: str
    predicted_people: int


def check(predictions: PredictionTable, protocol: Protocol) -> None:
    """Refuse predictions of which the protocol could tell nothing.

    Raises:
        PredictionError: what is missing.
    """
    if gives_meshes(predictions) or gives_volumes(predictions):
        return
    if of_joints(protocol) and (set(JOINTS) & set(predictions.persons)):
        pose_protocols.check(predictions, _only_joints(protocol))
        return
    raise PredictionError(
        f"{predictions.source}: nobody has a body with a place in the camera's space",
        expected=f"vertices, SMPL parameters with transl, or a volume, in space camera, for {protocol.name}",
        action="write one of them",
    )


def score(
    table: FrameTable, predictions: PredictionTable, rows: Ints, protocol: Protocol, choices: Choices
) -> Part:
    """Bodies and joints of the expected frames of one shard."""
    samples = score_samples(table, predictions, rows, protocol, choices, wanted_families(protocol))
    poses, reason = None, ""
    if of_joints(protocol) and set(JOINTS) & set(predictions.persons):
        try:
            poses = pose_protocols.score(
                table, _without_vertices(predictions), rows, _only_joints(protocol), choices
            )
        except UsageError as error:
            if not samples.given:  # else the bodies can be scored without the joints
                raise
            reason = error.what
    given = np.where(rows >= 0, np.diff(predictions.person_start)[rows], 0)
    return Part(frame_columns(table, rows), samples, poses, reason, int(given.sum()))


def summarise(parts: Sequence[Part], predictions: PredictionTable, protocol: Protocol) -> Scored:
    """Measures of bodies and of joints, as far as the predictions give them."""
    samples = join_samples([part.samples for part in parts])
    measures: dict[str, Measure] = {**measures_of(samples, protocol)}
    poses = [part.poses for part in parts if part.poses is not None]
    frames = {name: np.concatenate([part.frames[name] for part in parts]) for name in parts[0].frames}
    members = _extreme(samples, protocol)
    frames |= {f"subset_{name}": inside.astype(np.uint8) for name, inside in members.items()}
    provenance = {**_words(samples), **_hashes(members, frames)}
    if reasons := {part.no_poses for part in parts if part.no_poses}:
        provenance["without_joints"] = "; ".join(sorted(reasons))
    if poses:
        scored = pose_protocols.summarise(poses, predictions, _only_joints(protocol))
        measures |= scored.measures
        provenance |= scored.provenance
    else:
        found, people = int(samples.met.sum()), int(samples.counted.sum())
        predicted = sum(part.predicted_people for part in parts)
        counts = PeopleCounts(
            true=people, predicted=predicted, matched=found, missed=people - found, false=predicted - found
        )
        scored = Scored(frames=frames, measures={}, counts=counts, joints=())
    ordered = {rule.name: measures[rule.name] for rule in protocol.metric if rule.name in measures}
    return replace(scored, frames=frames, measures=ordered, provenance=provenance)


def _without_vertices(predictions: PredictionTable) -> PredictionTable:
    """The predictions without meshes, of which SMPL's own joints cannot be made."""
    kept = {name: column for name, column in predictions.persons.items() if name != "vertices"}
    return replace(predictions, persons=kept)


def _only_joints(protocol: Protocol) -> Protocol:
    """The protocol of the joints alone, which are the shards' own."""
    truth = msgspec.structs.replace(protocol.truth, body="")
    return msgspec.structs.replace(protocol, truth=truth, metric=of_joints(protocol))


def _extreme(samples: Samples, protocol: Protocol) -> dict[str, npt.NDArray[np.bool_]]:
    """For each percentage of the protocol the frames whose bodies are farthest from the mean shape."""
    rule = protocol.volumes
    assert rule is not None  # held by tests of the protocols
    distance = samples.shape_distance
    known = np.isfinite(distance)
    if not known.any():
        return {}
    return {
        f"s{share}": known & (np.nan_to_num(distance) >= np.percentile(distance[known], 100 - share))
        for share in rule.extreme
    }


def _hashes(members: dict[str, npt.NDArray[np.bool_]], frames: Columns) -> dict[str, str]:
    """Number and hash of the members of each subset: two results with one hash speak of the same frames."""
    told = {}
    for name, inside in members.items():
        ids = "\n".join(sorted(frames["id"][inside].tolist()))
        told[f"{name}_frames"] = str(int(inside.sum()))
        told[f"{name}_sha256"] = hashlib.sha256(ids.encode()).hexdigest()
    return told


def _words(samples: Samples) -> dict[str, str]:
    """What the numbers rest on."""
    told = {"bodies": ", ".join(sorted(samples.given)) or "none given"}
    told |= {name: str(count) for name, count in samples.left_out.items() if count}
    return told
