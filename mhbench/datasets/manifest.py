"""The manifest of a data set: what it is, where it comes from, its skeleton, lens and heatmap grid."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence  # noqa: TC003 - msgspec resolves the field types at run time
from typing import Final, Literal

import msgspec

from mhbench.manifests import manifest_hash, read_manifest


class GridManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Heatmap grid of a data set (depths in metres; `joints` in channel order, by name)."""

    joints: tuple[str, ...]
    depth_min: float
    depth_max: float
    depth_bins: int = 316
    stride: int = 8
    sigma: float = 2.0
    depth_axis: Literal["distance", "z"] = "distance"
    pixel_rounding: Literal["none", "truncate"] = "none"


class ExtraColumn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column of this data set only; `row` is the shape of one row, `J` the number of joints."""

    scope: Literal["frames", "persons"]
    dtype: str
    row: tuple[int | str, ...] = ()
    meaning: str


class DatasetManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a data set is. `converter_version` rises whenever the same raw files give other shards."""

    name: str
    title: str
    about: str
    licence: str
    source: str
    citation: str
    needs: tuple[str, ...]
    skeleton: str
    lens: Literal["pinhole", "opencv", "human36m"] = "pinhole"
    splits: tuple[str, ...] = ("all",)
    converter_version: int
    grid: GridManifest | None = None
    extras: Mapping[str, ExtraColumn] = {}
    joint_sets: Mapping[str, str] = {}
    exclusions: tuple[str, ...] = ()
    known_counts: Mapping[str, int] = {}


# what people read, and counts to compare with: they decide no byte of a shard
TEXTS: Final = ("title", "about", "licence", "source", "citation", "needs", "known_counts")


def conversion_hash(name: str, corrections: Sequence[str] = ()) -> str:
    """Hash of what a data set's manifest and the corrections that are named decide about its shards."""
    from mhbench.datasets.choosing import correction_manifests  # noqa: PLC0415 - loads numpy

    whole = manifest_hash(f"datasets/{name}", TEXTS)
    for one in correction_manifests(corrections, name):
        content = msgspec.json.encode((whole, one.frames, one.correction), order="deterministic")
        whole = hashlib.sha256(content).hexdigest()
    return whole


def dataset_manifest(name: str) -> DatasetManifest:
    """The validated manifest of a data set.

    Raises:
        ManifestError: it is missing or breaks the schema.
    """
    return read_manifest(f"datasets/{name}", DatasetManifest)
