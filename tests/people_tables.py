"""Tables of people of any data set, written out by hand, and protocols put together for one test."""

from __future__ import annotations

import msgspec
import numpy as np

from mhbench.columns import JointFlag
from mhbench.frames import FrameTable
from mhbench.predictions.table import PredictionTable
from mhbench.protocols.loading import Protocol
from mhbench.scoring.scored import Choices, kind_of_scoring
from mhbench.skeletons import skeleton

LABELLED = int(JointFlag.LABELLED_3D | JointFlag.LABELLED_2D | JointFlag.VISIBLE)


def offsets(frames):
    return np.concatenate([[0], np.cumsum([len(people) for people in frames])]).astype(np.int64)


def stacked(frames, *row, dtype=np.float64):
    rows = [one for people in frames for one in people]
    return np.array(rows, dtype=dtype).reshape(-1, *row)


def truth_table(
    dataset, skeleton_name, frames, *, split="all", sequence="a", camera="0", indices=None, **more
):
    """A shard: people (J, 3) of each frame; `more` are person columns, and `frame_columns`, `sets`."""
    joints = stacked(frames, len(skeleton(skeleton_name)), 3, dtype=np.float32)
    count = len(frames)
    index = np.arange(count) if indices is None else np.asarray(indices)
    start = offsets(frames)
    extra = more.pop("frame_columns", {})
    sets = more.pop("sets", {})
    flags = np.where(np.isfinite(joints[..., 0]), LABELLED, 0).astype(np.uint8)
    return FrameTable(
        dataset=dataset,
        split=split,
        skeleton=skeleton_name,
        frames={
            "id": np.array([f"{sequence}/{camera}/{number}" for number in index]),
            "sequence": np.full(count, sequence),
            "camera": np.full(count, camera),
            "index": index.astype(np.int64),
            "width": np.full(count, 1920, dtype=np.int32),
            "height": np.full(count, 1080, dtype=np.int32),
            **extra,
        },
        person_start=start,
        persons={
            "joints3d": joints,
            "joint_flags": flags,
            "track": (np.arange(start[-1]) - np.repeat(start[:-1], np.diff(start))).astype(np.int64),
            **more,
        },
        sets=sets,
    )


def prediction_table(table, skeleton_name, frames, *, space="camera", scores=None, **more):
    """Predictions for the frames of a shard, in its order; `more` are person columns."""
    joints = stacked(frames, len(skeleton(skeleton_name)), 3)
    loose = {name: more.pop(name) for name in ("loose", "loose_start") if name in more}
    header = {name: more.pop(name) for name in ("rotation_set", "body_model", "topology") if name in more}
    return PredictionTable(
        dataset=table.dataset,
        frame_ids=table.frames["id"][: len(frames)],
        person_start=offsets(frames),
        persons={
            "joints3d": joints,
            "score": np.ones(len(joints)) if scores is None else np.array(scores, dtype=np.float64),
            **more,
        },
        skeleton=skeleton_name,
        model="by hand",
        space=space,
        root="skeleton" if space == "root" else None,
        trained_on=(),
        **loose,
        **header,
    )


def changed(protocol: Protocol, **parts) -> Protocol:
    """A protocol with some fields of its parts replaced: `matching={"rule": "best"}`, `metric=[...]`."""
    content = msgspec.to_builtins(protocol)
    for name, fields in parts.items():
        content[name] = {**content[name], **fields} if isinstance(fields, dict) else fields
    return msgspec.convert(content, Protocol)


def scored(protocol, tables, predictions, rows=None, **choices):
    """Score shards by the protocol's kind; one predictions table for all, or one for each."""
    kind = kind_of_scoring(protocol.scoring)
    tables = tables if isinstance(tables, list) else [tables]
    many = predictions if isinstance(predictions, list) else [predictions] * len(tables)
    kind.check(many[0], protocol)
    parts = []
    for number, (table, given) in enumerate(zip(tables, many, strict=True)):
        own = np.arange(table.frame_count) if rows is None else np.asarray(rows[number])
        own = np.where(own < given.frame_count, own, -1)
        parts.append(kind.score(table, given, own, protocol, Choices(**choices)))
    return kind.summarise(parts, many[0], protocol)


def values(result, protocol):
    from mhbench.scoring.intervals import averaging_groups, headline

    groups = averaging_groups(result.frames, protocol)
    return {name: headline(measure, groups) for name, measure in result.measures.items()}
