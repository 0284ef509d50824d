"""What the journals of a conversion say, and the index that follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mhbench.conversion.body_check import BodyCheck  # noqa: TC001 - msgspec resolves the field types at run time
from mhbench.conversion.fingerprints import Fingerprint  # noqa: TC001 - same
from mhbench.conversion.images import ImageRecord  # noqa: TC001 - same
from mhbench.conversion.reprojection import Reprojection  # noqa: TC001 - same
from mhbench.datasets.items import Exclusion  # noqa: TC001 - same
from mhbench.errors import InputError, MissingInputError, OutputError
from mhbench.jobs.journal import Journal, read_journals
from mhbench.shards.index import FORMAT, JOURNAL_FOLDER, FailedItem, Index, write_index
from mhbench.shards.tables import ShardInfo  # noqa: TC001 - same

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class ContentOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options that decide what a shard holds (which items there are is no matter of one shard).

    Attributes:
        every, limit: as in `Selection`.
        frame_lists: hash of the frame lists, empty where there are none.
        exclusions, corrections: names of the lists of frames that are left out, and mended, sorted.
        heatmaps: form of the heatmaps.
        images: what is done about images.
        compression: `gzip` or `zstd`.
    """

    every: int
    limit: int
    frame_lists: str
    exclusions: tuple[str, ...]
    corrections: tuple[str, ...] = ()
    heatmaps: str
    images: str
    compression: str


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How a shard was made; two shards of one data set fit together if their recipes are equal."""

    shard_format: str
    dataset: str
    converter_version: int
    manifest_hash: str
    options: ContentOptions


class Converted(msgspec.Struct, frozen=True, kw_only=True):
    """Result of the conversion of one item, as its journal holds it.

    Attributes:
        recipe: how it was made.
        raw: fingerprints of the raw files.
        shard: the shard, as the index lists it.
        shard_bytes: its size.
        excluded: frames left out on purpose.
        drawn, outside: joints in the heatmaps, and how many of them lie outside the grid's depths.
        reprojection: distance of 3D from 2D joints.
        bodies: size, and left and right, of the 3D people.
        images: where the images in the shard come from, if it has any.
        tool_version: version of mhbench.
        reused: the shard was found to be current and was not written again.
    """

    recipe: Recipe
    raw: Fingerprint
    shard: ShardInfo
    shard_bytes: int
    excluded: tuple[Exclusion, ...] = ()
    drawn: int = 0
    outside: int = 0
    reprojection: Reprojection | None = None
    bodies: BodyCheck | None = None
    images: ImageRecord | None = None
    tool_version: str
    reused: bool = False


def converted(journal: Journal) -> Converted | None:
    """The result in a journal; None if its item failed.

    Raises:
        InputError: the journal is of another version of this format.
    """
    if journal.failure is not None:
        return None
    try:
        return msgspec.json.decode(journal.result, type=Converted)
    except msgspec.DecodeError as error:
        raise InputError(
            f"the journal of {journal.item} cannot be understood: {error}",
            expected="a journal of this version of mhbench",
            action="convert into another folder, or delete the journal and convert again",
        ) from error


def rebuild_index(folder: Path) -> Index:
    """Write the index of a data set's folder from its journals.

    Raises:
        MissingInputError: there are no journals of finished items.
        OutputError: the shards were made in different ways, or the folder cannot be written.
    """
    index = index_of(read_journals(folder / JOURNAL_FOLDER), folder)
    write_index(folder, index)
    return index


def index_of(journals: Mapping[str, Journal], folder: Path) -> Index:
    """The index that follows from journals; `folder` only names them in messages."""
    results = {item: converted(journal) for item, journal in journals.items()}
    done = {item: result for item, result in results.items() if result is not None}
    if not done:
        raise MissingInputError(
            f"{folder} holds no converted item",
            expected=f"journals of finished items in {folder / JOURNAL_FOLDER}",
            action="run `mhbench convert`; if it did, its table of failures says what went wrong",
        )
    first = next(iter(done.values()))
    for item, result in done.items():
        if result.recipe != first.recipe:
            raise mixed(folder, item, difference(first.recipe, result.recipe))
    return Index(
        format=FORMAT,
        dataset=first.recipe.dataset,
        tool_versions=tuple(sorted({result.tool_version for result in done.values()})),
        converter_version=first.recipe.converter_version,
        manifest_hash=first.recipe.manifest_hash,
        options=msgspec.to_builtins(first.recipe.options),
        shards=tuple(
            sorted((one.shard for one in done.values()), key=lambda shard: (shard.split, shard.item))
        ),
        excluded=tuple(entry for _, one in sorted(done.items()) for entry in one.excluded),
        failed=tuple(_failed(journal) for _, journal in sorted(journals.items()) if journal.failure),
    )


def difference(one: Recipe, other: Recipe) -> str:
    """What differs between two recipes, in words."""
    left, right = _flat(one), _flat(other)
    return ", ".join(
        f"{name} {left[name]!r} and {right[name]!r}" for name in left if left[name] != right[name]
    )


def mixed(folder: Path, item: str, what: str) -> OutputError:
    """The error of a folder whose shards were made in different ways."""
    return OutputError(
        f"{folder} holds shards that were made in another way, such as {item}: {what}",
        expected="all shards of a data set made with the same options by the same converter",
        action="convert into another folder (--out), or all of the data set again with --force",
    )


def _flat(recipe: Recipe) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(recipe)
    options = fields.pop("options")
    return {**fields, **{f"--{name.replace('_', '-')}": value for name, value in options.items()}}


def _failed(journal: Journal) -> FailedItem:
    assert journal.failure is not None
    split, _, item = journal.item.partition("/")
    failure = journal.failure
    return FailedItem(
        split=split, item=item, what=failure.what, expected=failure.expected, action=failure.action
    )
