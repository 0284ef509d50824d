"""Which frames and people of a shard a protocol is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.columns import JointFlag
from mhbench.datasets.choosing import exclusion_manifests
from mhbench.errors import InputError
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from mhbench.columns import Columns
    from mhbench.datasets.choosing import FrameRange
    from mhbench.frames import FrameTable
    from mhbench.protocols.rules import FrameRule, Protocol, SeenRule

    Flags = npt.NDArray[np.bool_]


def expected_frames(
    protocol: Protocol, table: FrameTable, frame_lists: Mapping[str, tuple[int, ...]] | None = None
) -> Flags:
    """(F,) which frames of a shard the protocol expects to be predicted.

    Raises:
        InputError: the shard lacks a column the protocol selects by.
    """
    rule = protocol.frames
    wanted = np.full(table.frame_count, fill_value=True)
    if rule.split and table.split != rule.split:
        return ~wanted
    cameras = rule.cameras[:1] if rule.world else rule.cameras
    for column, names in (("sequence", rule.sequences), ("subject", rule.subjects), ("camera", cameras)):
        if names:
            wanted &= np.isin(_column(table.frames, column, protocol), names)
    wanted &= _in_stride(table, rule)
    for column, value in rule.require.items():
        wanted &= _column(table.frames, column, protocol) == value
    for manifest in exclusion_manifests(rule.exclusions, rule.dataset):
        for span in manifest.frames:
            wanted &= ~_in_span(table, span)
    if frame_lists:
        wanted &= _in_lists(table, frame_lists)
    if rule.joints_inside:
        wanted &= ~_any_of_frame(table, _outside(table))
    if rule.with_people:
        wanted &= _any_of_frame(table, counted_people(protocol, table))
    return wanted


def as_one_view(table: FrameTable, protocol: Protocol) -> FrameTable:
    """The shard of a protocol over all cameras: the first camera stands for the moment, under a world id.

    Shards of the other cameras come back empty.
    """
    kept = table.select(np.isin(table.frames["camera"], protocol.frames.cameras[:1]))
    names = zip(kept.frames["sequence"].tolist(), kept.frames["index"].tolist(), strict=True)
    ids = np.array([f"{sequence}/world/{index:08d}" for sequence, index in names], dtype=np.str_)
    # the images are of one camera, so they name no moment
    frames = {name: column for name, column in kept.frames.items() if name not in {"image", "image_id"}}
    return replace(kept, frames={**frames, "id": ids})


def counted_people(protocol: Protocol, table: FrameTable) -> Flags:
    """(P,) who counts as a true person, whatever joints are scored.

    Raises:
        InputError: the shard lacks a column the protocol selects by.
    """
    rule = protocol.truth
    counted = np.full(table.person_count, fill_value=True)
    for column, value in rule.require.items():
        counted &= _column(table.persons, column, protocol) == value
    if rule.seen is not None:
        counted &= _seen(_column(table.persons, rule.seen.column, protocol), rule.seen)
    if rule.fully_occluded == "not scored":
        counted &= ~np.all((table.persons["joint_flags"] & JointFlag.OCCLUDED) != 0, axis=1)
    if rule.windows:
        counted &= _in_whole_windows(table, counted, _column(table.persons, "track", protocol), rule.windows)
    return counted


def _in_whole_windows(table: FrameTable, counted: Flags, track: npt.NDArray[np.int64], size: int) -> Flags:
    """(P,) the people of each track that fill whole windows, from its first frame on.

    Asked again of the frames it chose, it chooses the same people: fewer than a window follow them.
    """
    frame = table.frame_of_person
    _, take = np.unique(table.frames["sequence"][frame], return_inverse=True)
    order = np.lexsort((table.frames["index"][frame], track, take))
    order = order[counted[order]]
    begins = np.diff(take[order], prepend=-1) | np.diff(track[order], prepend=-1)
    first = np.flatnonzero(begins)
    length = np.diff(first, append=len(order))
    place = np.arange(len(order)) - np.repeat(first, length)
    whole = np.full(table.person_count, fill_value=False)
    whole[order[place < np.repeat(length // size * size, length)]] = True
    return whole


def _column(columns: Columns, name: str, protocol: Protocol) -> npt.NDArray[Any]:
    if name not in columns:
        raise InputError(
            f"the shards of {protocol.frames.dataset} have no column {name!r}",
            expected=f"the column by which {protocol.name} selects",
            action="convert the data set again with this version",
        )
    return columns[name]


def _in_stride(table: FrameTable, rule: FrameRule) -> Flags:
    index = table.frames["index"]
    if rule.world:
        # the tool takes every 12th file of the sorted list, whatever its number
        index = np.searchsorted(np.unique(index), index)
    return np.asarray(index % rule.stride == 0)


def _in_span(table: FrameTable, span: FrameRange) -> Flags:
    index, frames = table.frames["index"], table.frames
    inside = (frames["sequence"] == span.sequence) & (index >= span.first) & (index <= span.last)
    return np.asarray(inside & (frames["camera"] == span.camera) if span.camera else inside)


def _in_lists(table: FrameTable, frame_lists: Mapping[str, tuple[int, ...]]) -> Flags:
    wanted = np.full(table.frame_count, fill_value=False)
    for sequence in np.unique(table.frames["sequence"]):
        inside = table.frames["sequence"] == sequence
        wanted |= inside & np.isin(table.frames["index"], frame_lists.get(str(sequence), ()))
    return wanted


def _any_of_frame(table: FrameTable, people: Flags) -> Flags:
    """(F,) whether the mark of any person of the frame is set."""
    return np.bincount(table.frame_of_person[people], minlength=table.frame_count) > 0


def _outside(table: FrameTable) -> Flags:
    """(P,) whether a joint lies outside 0 <= x < width, 0 <= y < height, the bounds of SPIN."""
    pixels = table.persons["joints2d"]
    size = np.stack([table.frames["width"], table.frames["height"]], axis=1)[table.frame_of_person]
    return np.asarray(~np.all((pixels >= 0) & (pixels < size[:, None]), axis=(1, 2)))


def _seen(confidence: npt.NDArray[Any], rule: SeenRule) -> Flags:
    chosen = confidence[:, skeleton(rule.skeleton).indices(rule.joints)]
    return np.asarray((chosen > rule.above).sum(axis=1) > rule.more_than)
