"""Does a conversion hold what the data set is known to hold? The answer as a certificate to send back.

The certificate says which version made which shards, what was counted, and the hashes of the content. It
holds nothing of the machine, of paths or of time: the same shards give the same certificate anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping  # noqa: TC003 - msgspec resolves the field types at run time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mhbench import __version__
from mhbench.conversion.known_counts import Count, compare_counts
from mhbench.datasets.manifest import conversion_hash, dataset_manifest
from mhbench.shards.index import read_index
from mhbench.shards.reading import open_shards

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mhbench.shards.tables import ShardInfo

FORMAT: Final = "mhbench-certificate/1"


class SplitContent(msgspec.Struct, frozen=True, kw_only=True):
    """What the shards of one split hold; the hash is over the content hashes of its items by name."""

    items: int
    frames: int
    frames_available: int
    persons: int
    content_sha256: str


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared; printed, it is a table and the JSON that a user sends back.

    Attributes:
        format: `mhbench-certificate/1`.
        dataset: id of the data set.
        tool_version: version of mhbench that compared.
        converted_with: versions that converted.
        converter_version: version of the data set's converter.
        manifest_hash: hash of the manifest the shards were made with.
        manifest_is_current: this version has the same manifest.
        options: what decides the content of a shard.
        failed_items: items without a shard.
        splits: content by split.
        counts: known counts and those found.
        agrees: nothing differs, nothing failed, and the manifest is the current one.
    """

    format: str
    dataset: str
    tool_version: str
    converted_with: tuple[str, ...]
    converter_version: int
    manifest_hash: str
    manifest_is_current: bool
    options: Mapping[str, Any]
    failed_items: int
    splits: Mapping[str, SplitContent]
    counts: tuple[Count, ...]
    agrees: bool

    def __str__(self) -> str:
        lines = [f"{self.dataset}: known counts, and those of the shards", *map(self._row, self.counts)]
        if not self.counts:
            lines.append("  no count of this data set is known")
        if self.failed_items:
            lines.append(f"  {self.failed_items} items failed and have no shard")
        if not self.manifest_is_current:
            lines.append("  the shards were made with another manifest of the data set: convert again")
        text = msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=1).decode()
        return "\n".join(
            [*lines, "--- begin mhbench certificate ---", text, "--- end mhbench certificate ---"]
        )

    def _row(self, one: Count) -> str:
        verdict = "not converted" if one.found is None else "DIFFERS" if one.differs else "agrees"
        found = "-" if one.found is None else str(one.found)
        width = max(len(count.name) for count in self.counts)
        return f"  {one.name:<{width}} {one.expected:>9} {found:>9}  {verdict}"


def check_conversion(name: str, folder: Path) -> Certificate:
    """Compare a conversion with the known counts of its data set.

    Args:
        name: id of the data set.
        folder: its folder of shards, or the folder above it.

    Raises:
        ManifestError: there is no such data set.
        MissingInputError: there are no finished shards.
        UsageError: the shards are of another data set.
        InputError: the index or a shard is damaged.
    """
    manifest, shards = dataset_manifest(name), open_shards(folder, name)
    index = read_index(shards.folder)
    counts = compare_counts(manifest, shards)
    current = index.manifest_hash == conversion_hash(name, index.options.get("corrections", ()))
    return Certificate(
        format=FORMAT,
        dataset=name,
        tool_version=__version__,
        converted_with=index.tool_versions,
        converter_version=index.converter_version,
        manifest_hash=index.manifest_hash,
        manifest_is_current=current,
        options=index.options,
        failed_items=len(index.failed),
        splits={
            split: _content([info for info in shards.infos if info.split == split])
            for split in sorted({info.split for info in shards.infos})
        },
        counts=counts,
        agrees=current and not index.failed and not any(one.differs for one in counts),
    )


def _content(infos: Sequence[ShardInfo]) -> SplitContent:
    digest = hashlib.sha256()
    for info in infos:
        digest.update(f"{info.item} {info.content_sha256}\n".encode())
    return SplitContent(
        items=len(infos),
        frames=sum(info.frames for info in infos),
        frames_available=sum(info.frames_available for info in infos),
        persons=sum(info.persons for info in infos),
        content_sha256=digest.hexdigest(),
    )
