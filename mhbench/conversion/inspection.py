"""What data sets there are, and what of one lies on a disk: missing parts, known files, what can be done."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec resolves the field types at run time
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - a field of a dataclass that is shown
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from mhbench.datasets import DATASETS, dataset
from mhbench.datasets.items import Finding, Selection
from mhbench.datasets.manifest import DatasetManifest, dataset_manifest
from mhbench.datasets.raw.folders import told_if_unreadable
from mhbench.errors import InputError, MhbenchError, UsageError
from mhbench.manifests import manifest_names, read_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mhbench.datasets.items import Item

Check = Literal["quick", "full"]
_MOST_SHOWN: Final = 20  # parts that are there, in a listing; what is missing is always listed


class KnownFile(msgspec.Struct, frozen=True, kw_only=True):
    """Size and hash of a file as it is delivered."""

    bytes: int
    sha256: str


class _Sequence(msgspec.Struct, frozen=True, kw_only=True):
    files: Mapping[str, KnownFile] = {}


class _Release(msgspec.Struct, frozen=True, kw_only=True):
    """`manifests/releases/<dataset>.toml`: known files by path, or by name in the folder of a sequence."""

    files: Mapping[str, KnownFile] = {}
    sequences: Mapping[str, _Sequence] = {}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What of a data set lies under a raw root; printed, it is the table of `mhbench doctor`.

    Attributes:
        manifest: the data set.
        raw: the raw root.
        findings: its parts, present or not.
        items: what can be converted, as far as it can be told.
        obstacle: why nothing can be converted; empty if something can.
        annotation_bytes: size of the annotation files of the items.
        genuine: files whose size (with the full check, also the hash) is that of the release.
        strange: files that differ from the release, with what differs.
        protocols: what a conversion can be scored under.
        check: whether known files were hashed (`full`) or only measured (`quick`).
    """

    manifest: DatasetManifest
    raw: Path
    findings: tuple[Finding, ...]
    items: tuple[Item, ...]
    obstacle: str
    annotation_bytes: int
    genuine: tuple[str, ...]
    strange: Mapping[str, str]
    protocols: tuple[str, ...]
    check: Check

    @property
    def missing(self) -> tuple[Finding, ...]:
        """The needed parts that are not there."""
        return tuple(one for one in self.findings if one.needed and not one.present)

    @property
    def complete(self) -> bool:
        """Everything needed is there, can be converted, and is what the release has."""
        return not (self.missing or self.obstacle or self.strange)

    def __str__(self) -> str:
        lines = [f"{self.manifest.name} ({self.manifest.title}) in {self.raw}"]
        return "\n".join([*lines, *self._parts(), *self._files(), *self._possible()])

    def _parts(self) -> list[str]:
        there = [one for one in self.findings if one.present]
        absent = [one for one in self.findings if not one.present]
        width = max((len(one.part) for one in self.findings), default=0)
        lines = [f"  present   {one.part:<{width}}  {one.detail}" for one in there[:_MOST_SHOWN]]
        if len(there) > _MOST_SHOWN:
            lines.append(f"  present   and {len(there) - _MOST_SHOWN} more parts")
        return lines + [
            f"  {'MISSING' if one.needed else 'optional'}{'   ' if one.needed else '  '}"
            f"{one.part:<{width}}  {one.detail}"
            for one in absent
        ]

    def _files(self) -> list[str]:
        known = len(self.genuine) + len(self.strange)
        measured = "sha256" if self.check == "full" else "size"
        lines = [f"  files     {len(self.genuine)} of {known} known files have the {measured} of the release"]
        return (lines if known else []) + [
            f"  DIFFERENT {name}: {what}" for name, what in sorted(self.strange.items())
        ]

    def _possible(self) -> list[str]:
        if self.obstacle:
            needs = [f"    {need}" for need in self.manifest.needs]
            where = f"  needed, from {self.manifest.source} ({self.manifest.licence}):"
            return [f"  nothing can be converted: {self.obstacle}", where, *needs]
        splits: dict[str, list[Item]] = {}
        for item in self.items:
            splits.setdefault(item.split, []).append(item)
        lines = [f"  can be converted ({self.annotation_bytes / 1e6:.1f} MB of annotations):"]
        for split, items in splits.items():
            frames = sum(item.frames_available for item in items)
            lines.append(f"    {split}: {len(items)} items, {frames} frames")
        lines.append(f"  next: mhbench convert {self.manifest.name} --raw {self.raw}")
        if self.protocols:
            lines.append(f"  then: mhbench evaluate, under one of: {', '.join(self.protocols)}")
        return lines


def data_sets_in_words(name: str | None = None) -> str:
    """What every data set is, its licence, where it comes from, what is needed, and whether it can be read.

    Args:
        name: only this one.

    Raises:
        UsageError: there is no such data set.
    """
    names = manifest_names("datasets")
    if name is not None and name not in names:
        raise UsageError(
            f"there is no data set {name!r}",
            expected=f"one of: {', '.join(names)}",
            action="check the spelling",
        )
    return "\n\n".join(_in_words(dataset_manifest(one)) for one in ([name] if name else names))


def inspect(name: str, raw: Path, *, check: Check = "quick") -> Inspection:
    """Look what of a data set lies under a raw root. Nothing is written.

    Args:
        name: id of the data set.
        raw: its raw root.
        check: compare known files by size (`quick`) or by hash (`full`).

    Raises:
        UsageError: there is no such data set, or no reader of it.
    """
    source, manifest = dataset(name), dataset_manifest(name)
    if not raw.is_dir():
        folder = Finding(part="raw folder", present=False, detail=f"there is no folder {raw}")
        return _inspection(manifest, raw, [folder], [], f"there is no folder {raw}", check)
    try:
        with told_if_unreadable(raw, name):
            findings = source.inventory(raw)
    except InputError as error:
        findings = [Finding(part="inventory", present=False, detail=error.what)]
    try:
        with told_if_unreadable(raw, name):
            items = source.items(raw, Selection())
    except MhbenchError as error:
        return _inspection(manifest, raw, findings, [], f"{error.what} ({error.action})", check)
    return _inspection(manifest, raw, findings, items, "" if items else "no item was found", check)


def _inspection(
    manifest: DatasetManifest,
    raw: Path,
    findings: Sequence[Finding],
    items: Sequence[Item],
    obstacle: str,
    check: Check,
) -> Inspection:
    files = sorted({file for item in items for file in item.files})
    verdicts = _verdicts(manifest.name, raw, files, check)
    return Inspection(
        manifest=manifest,
        raw=raw,
        findings=tuple(findings),
        items=tuple(items),
        obstacle=obstacle,
        annotation_bytes=sum(_size(raw / file) for file in files),
        genuine=tuple(file for file, what in verdicts.items() if not what),
        strange={file: what for file, what in verdicts.items() if what},
        protocols=tuple(one for one in manifest_names("protocols") if one.startswith(f"{manifest.name}/")),
        check=check,
    )


def _in_words(manifest: DatasetManifest) -> str:
    readable = "yes" if manifest.name in DATASETS else "no: this version cannot read it"
    rows = [
        ("what", manifest.about),
        ("licence", manifest.licence),
        ("from", manifest.source),
        *(("needs" if number == 0 else "", need) for number, need in enumerate(manifest.needs)),
        ("splits", ", ".join(manifest.splits)),
        ("reader", readable),
        ("cite", manifest.citation),
    ]
    return "\n".join(
        [f"{manifest.name}  {manifest.title}", *(f"  {word:<8} {value}" for word, value in rows)]
    )


def _verdicts(name: str, raw: Path, files: Sequence[str], check: Check) -> dict[str, str]:
    """What differs from the release, for every annotation file that is known; empty where nothing does."""
    if name not in manifest_names("releases"):
        return {}
    release = read_manifest(f"releases/{name}", _Release)
    known = dict(release.files)
    for sequence, listed in release.sequences.items():
        known |= {f"{sequence}/{file}": one for file, one in listed.files.items()}
    found = {}
    for file in files:
        official = next((one for path, one in known.items() if f"/{file}".endswith(f"/{path}")), None)
        if official is not None:
            found[file] = _difference(raw / file, official, check)
    return found


def _difference(path: Path, official: KnownFile, check: Check) -> str:
    size = path.stat().st_size
    if size != official.bytes:
        return f"{size} bytes, the release has {official.bytes}"
    if check == "quick":
        return ""
    from mhbench.shards.verification import file_sha256  # noqa: PLC0415 - loads h5py

    found = file_sha256(path)
    return "" if found == official.sha256 else f"sha256 {found}, the release has {official.sha256}"


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(_size(one) for one in path.iterdir())
    return path.stat().st_size if path.is_file() else 0
