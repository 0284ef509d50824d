"""What every data set tells the conversion: its items, what it found on disk, and which frames are wanted."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec resolves the field types at run time

import msgspec


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One unit of conversion: it becomes one shard `<split>/<name>.h5` and is read by one worker.

    Attributes:
        name: `<sequence>.<camera>`, or a block of image ids.
        split: the official split, else `all`.
        files: annotation files it is read from, relative to the raw root; their content is the fingerprint.
        frames_available: frames the raw data hold for it, before `Selection` and exclusions.
        keys: what `read` needs besides (a sequence, a camera, the first and last image id).
    """

    name: str
    split: str
    files: tuple[str, ...]
    frames_available: int
    keys: Mapping[str, str | int] = {}


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a data set is wanted. Strides refer to raw indices, never to positions in a list.

    Attributes:
        splits, sequences, cameras: names; empty means the data set's default (all, or its named cameras).
        every: keep raw indices divisible by this number (from the data set's first index on).
        limit: at most so many frames of each item; 0 means all.
        frame_lists: for each sequence the raw indices to keep (`--frames DIR`); empty means all.
        exclusions: names of the exclusion manifests whose frames are left out.
        corrections: names of those whose frames are mended.
    """

    splits: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    every: int = 1
    limit: int = 0
    frame_lists: Mapping[str, tuple[int, ...]] = {}
    exclusions: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an inventory: a part of the data set, whether it is there, and what that allows.

    Attributes:
        part: what it is, in the data set's words.
        present: it was found, by content and not by folder name.
        detail: how many, where, or what is missing.
        needed: conversion is impossible without it.
    """

    part: str
    present: bool
    detail: str
    needed: bool = True


class Exclusion(msgspec.Struct, frozen=True, kw_only=True):
    """Frames left out on purpose, with the reason (and its source); one of 0 frames is a note to the user."""

    item: str
    frames: int
    reason: str
