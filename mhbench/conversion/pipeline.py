"""The conversion pipeline: raw tree -> items -> tables -> shards, journals and index.

A shard is current if its recipe (format, converter, manifest, options) and the fingerprint of its raw files
are those in its journal; only what is not current is done. A run may be killed at any time: the next one does
what is missing, and the result is the same bytes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from mhbench.conversion.fingerprints import forget_contents, quick_fingerprint
from mhbench.conversion.images import CHOICES, images_are_current
from mhbench.conversion.items import ItemTask, convert_item, shard_is_there
from mhbench.conversion.records import ContentOptions, Recipe, converted, difference, mixed, rebuild_index
from mhbench.conversion.report import ConversionReport
from mhbench.datasets import dataset
from mhbench.datasets.choosing import exclusion_manifests
from mhbench.datasets.items import Selection
from mhbench.datasets.manifest import conversion_hash, dataset_manifest
from mhbench.datasets.raw.folders import told_if_unreadable
from mhbench.errors import InputError, MissingInputError, OutputError, UsageError
from mhbench.jobs.journal import journal_path, read_journals
from mhbench.jobs.scheduling import run_jobs
from mhbench.shards import layout
from mhbench.shards.files import remove_orphans, unwritable
from mhbench.shards.heatmap_store import FORMS
from mhbench.shards.index import INDEX_NAME, JOURNAL_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mhbench.conversion.items import Check
    from mhbench.conversion.records import Converted
    from mhbench.datasets.items import Item
    from mhbench.datasets.manifest import DatasetManifest


def convert(
    name: str,
    raw: Path,
    out: Path,
    selection: Selection | None = None,
    *,
    heatmaps: str = "peaks",
    images: str = "path",
    compression: str = "gzip",
    engine: str = "processes",
    jobs: int = 1,
    scheduler: str | None = None,
    check: Check = "quick",
    force: bool = False,
    shard_index: int = 0,
    shard_count: int = 1,
    allow_outside_grid: bool = False,
    progress: bool = False,
) -> ConversionReport:
    """Convert a raw data set to shards in `out/<name>`.

    Args:
        name: id of the data set.
        raw: its raw root.
        out: folder of all shards.
        selection: which part of it; by default all.
        heatmaps: form of the heatmaps, one of `mhbench.shards.heatmap_forms.FORMS`.
        images: `path` stores the paths of the images, `embed` also the files themselves, `extract` (extra
            `video`) the frames that are wanted of the data set's videos, as JPEG.
        compression: `gzip`, or `zstd` with the extra of that name.
        engine: `processes`, `dask`, `ray`, or `serial` (in this process).
        jobs: number of workers.
        scheduler: address of a running Dask or Ray cluster.
        check: how a finished shard is recognised: by sizes and times (`quick`) or by hashes (`full`).
        force: convert all items again, also with other options.
        shard_index: which part of the items this job of an array does, from 0.
        shard_count: number of jobs of the array; if there are several, `rebuild_index` follows them.
        allow_outside_grid: accept items with more than 0.1 % of their joints outside the grid's depths.
        progress: show progress on stderr.

    Raises:
        UsageError: an option makes no sense, or the selection names what does not exist.
        InputError: the raw root does not hold the data set.
        OutputError: the folder holds shards of other options, is not writable, or the disk is full.
    """
    _check_options(heatmaps, images, shard_index, shard_count)
    forget_contents()
    chosen = Selection() if selection is None else selection
    source, manifest = dataset(name), dataset_manifest(name)
    exclusion_manifests(chosen.exclusions, name)  # a wrong name is one error, and not one of every item
    with told_if_unreadable(raw, name):
        items = _items(source.items(raw, chosen))
    options = _content_options(chosen, heatmaps, images, compression)
    folder, recipe = out / name, _recipe(manifest, chosen, options)
    before = {item: converted(journal) for item, journal in read_journals(folder / JOURNAL_FOLDER).items()}
    _check_folder(folder, before, recipe, items, force=force)
    _forget_failures(folder, before, items, chosen)
    first, stop = (len(items) * part // shard_count for part in (shard_index, shard_index + 1))
    tasks = {
        key: ItemTask(
            item=item,
            read=source.read,
            raw=raw,
            folder=folder,
            selection=chosen,
            recipe=recipe,
            grid=manifest.grid,
            previous=None if force else _same(before.get(key), recipe),
            check=check,
            allow_outside_grid=allow_outside_grid,
        )
        for key, item in list(items.items())[first:stop]
    }
    current = _current(tasks)
    pending = {key: task for key, task in tasks.items() if key not in current}
    _prepare(folder, tasks.values(), unfinished=bool(pending))
    try:
        journals = run_jobs(
            pending,
            convert_item,
            folder / JOURNAL_FOLDER,
            engine_name=engine,
            jobs=jobs,
            scheduler=scheduler,
            label=f"convert {name}" if progress else "",
            root=raw,
        )
    finally:
        _remove_orphans(folder, tasks.values())
    results = {key: current.get(key) or converted(journals[key]) for key in tasks}
    return ConversionReport(
        dataset=name,
        folder=folder,
        results={key: result for key, result in results.items() if result is not None},
        failures={key: one.failure for key, one in journals.items() if one.failure is not None},
        index=_index(folder, shard_count),
    )


def _recipe(manifest: DatasetManifest, selection: Selection, options: ContentOptions) -> Recipe:
    return Recipe(
        shard_format=layout.FORMAT,
        dataset=manifest.name,
        converter_version=manifest.converter_version,
        manifest_hash=conversion_hash(manifest.name, selection.corrections),
        options=options,
    )


def _check_options(heatmaps: str, images: str, shard_index: int, shard_count: int) -> None:
    if heatmaps not in FORMS:
        raise _no_choice("heatmaps", heatmaps, FORMS)
    if images not in CHOICES:
        raise _no_choice("images", images, CHOICES)
    if not 0 <= shard_index < shard_count:
        raise UsageError(
            f"there is no part {shard_index} of {shard_count}",
            expected=f"a --shard-index from 0 to {shard_count - 1}",
            action="number the jobs of the array from 0",
        )


def _no_choice(what: str, word: str, known: Iterable[str]) -> UsageError:
    return UsageError(
        f"{what} cannot be stored as {word!r}",
        expected=f"one of: {', '.join(known)}",
        action="check the spelling",
    )


def _items(items: Iterable[Item]) -> dict[str, Item]:
    found: dict[str, Item] = {}
    for item in items:
        key = f"{item.split}/{item.name}"
        if key in found or not key.isprintable():
            raise InputError(
                f"the raw data hold the item {key!r}{' twice' if key in found else ', which is no name'}",
                expected="one folder or file for each sequence, named in printable letters",
                action="rename or remove one",
            )
        found[key] = item
    return found


def _content_options(selection: Selection, heatmaps: str, images: str, compression: str) -> ContentOptions:
    lists = msgspec.json.encode(selection.frame_lists, order="deterministic")
    return ContentOptions(
        every=selection.every,
        limit=selection.limit,
        frame_lists=hashlib.sha256(lists).hexdigest() if selection.frame_lists else "",
        exclusions=tuple(sorted(set(selection.exclusions))),
        corrections=tuple(sorted(set(selection.corrections))),
        heatmaps=heatmaps,
        images=images,
        compression=compression,
    )


def _check_folder(
    folder: Path,
    before: Mapping[str, Converted | None],
    recipe: Recipe,
    items: Mapping[str, Item],
    *,
    force: bool,
) -> None:
    """Refuse to mix shards that were made in different ways in one folder."""
    for key, result in before.items():
        if result is None or (force and key in items):
            continue
        if result.recipe.options != recipe.options:
            raise OutputError(
                f"{folder} holds shards of other options, such as {key}: {difference(result.recipe, recipe)}",
                expected="the options of the shards that are there",
                action="choose another folder (--out), or convert all of the data set again with --force",
            )
        if key not in items and result.recipe != recipe:
            raise mixed(folder, key, difference(result.recipe, recipe))


def _forget_failures(
    folder: Path, before: Mapping[str, Converted | None], items: Mapping[str, Item], selection: Selection
) -> None:
    """Remove the failures of items that the raw data no longer have: a file was removed, or put right."""
    if selection.sequences or selection.cameras or selection.frame_lists:
        return
    for key in before.keys() - items.keys():
        if before[key] is None and (not selection.splits or key.partition("/")[0] in selection.splits):
            journal_path(folder / JOURNAL_FOLDER, key).unlink(missing_ok=True)


def _same(before: Converted | None, recipe: Recipe) -> Converted | None:
    return before if before is not None and before.recipe == recipe else None


def _current(tasks: Mapping[str, ItemTask]) -> dict[str, Converted]:
    """The items whose shard is known to be current by sizes and times alone."""
    fingerprints: dict[tuple[str, ...], str] = {}
    current = {}
    for key, task in tasks.items():
        before, files = task.previous, task.item.files
        if before is None or task.check == "full" or not shard_is_there(task):
            continue
        try:
            quick = fingerprints.get(files) or quick_fingerprint(task.raw, files)
        except MissingInputError:
            continue  # the worker will say so, as the failure of this item
        fingerprints[files] = quick
        if quick == before.raw.quick and images_are_current(before.images, task.raw, task.path):
            current[key] = msgspec.structs.replace(before, reused=True)
    return current


def _prepare(folder: Path, tasks: Iterable[ItemTask], *, unfinished: bool) -> None:
    """Make the folders, and take the index away as long as it would promise more than there is."""
    try:
        for place in sorted({folder / JOURNAL_FOLDER, *(task.path.parent for task in tasks)}):
            place.mkdir(parents=True, exist_ok=True)
        if unfinished:
            (folder / INDEX_NAME).unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    _remove_orphans(folder, tasks)


def _remove_orphans(folder: Path, tasks: Iterable[ItemTask]) -> None:
    for place in sorted({folder, *(task.path.parent for task in tasks)}):
        remove_orphans(place)


def _index(folder: Path, shard_count: int) -> Path | None:
    """Write the index, unless other jobs are still at work or there is nothing to list."""
    journals = read_journals(folder / JOURNAL_FOLDER).values()
    if shard_count > 1 or all(journal.failure is not None for journal in journals):
        return None
    rebuild_index(folder)
    return folder / INDEX_NAME
