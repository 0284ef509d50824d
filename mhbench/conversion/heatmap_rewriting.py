"""The heatmaps of a converted data set in another form: shard by shard, journalled as a conversion is.

A shard is put in place whole and its journal follows; the index is away meanwhile. After any interruption
the same command ends with the same bytes that converting with that form gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from mhbench.conversion.items import check_depths, heatmaps_of
from mhbench.conversion.records import Converted, converted, rebuild_index
from mhbench.datasets.manifest import conversion_hash, dataset_manifest
from mhbench.errors import InputError, MissingInputError, UsageError
from mhbench.jobs.journal import read_journals, write_journal
from mhbench.jobs.scheduling import run_jobs
from mhbench.shards.files import remove_orphans, unwritable
from mhbench.shards.heatmap_forms import get_heatmaps
from mhbench.shards.heatmap_store import FORMS
from mhbench.shards.images import stored_images
from mhbench.shards.index import INDEX_NAME, JOURNAL_FOLDER, dataset_folders
from mhbench.shards.tables import open_file, read_table, shard_info
from mhbench.shards.verification import file_sha256
from mhbench.shards.writing import Origin, write_shard

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mhbench.conversion.records import Recipe
    from mhbench.datasets.manifest import GridManifest
    from mhbench.frames import FrameTable
    from mhbench.jobs.journal import Failure, Journal
    from mhbench.shards.heatmap_store import HeatmapStore


@dataclass(frozen=True, slots=True)
class RewriteTask:
    """One shard with all that a worker needs to rewrite it.

    Attributes:
        folder: the data set's folder.
        before: what the shard's journal says.
        form: the form wanted.
        grid: the data set's grid, for shards that have no heatmaps yet.
        manifest_hash: hash of the manifest the grid is from.
        allow_outside_grid: joints beyond the depths of the grid are no failure.
    """

    folder: Path
    before: Converted
    form: str
    grid: GridManifest | None
    manifest_hash: str
    allow_outside_grid: bool


@dataclass(frozen=True, slots=True)
class RewriteReport:
    """What became of the heatmaps of one data set; printed, it is what the command says."""

    dataset: str
    folder: Path
    form: str
    rewritten: int
    current: int
    megabytes: float
    failures: Mapping[str, Failure]

    def __str__(self) -> str:
        counts = f"{self.rewritten} shards rewritten, {self.current} current, {len(self.failures)} failed"
        lines = [f"{self.dataset}: heatmaps are {self.form}: {counts}; {self.megabytes:.1f} MB"]
        lines += [f"  {item}: {failure.what}" for item, failure in self.failures.items()]
        return "\n".join([*lines, f"next: mhbench verify {self.folder}"])


def rewrite_heatmaps(
    shards: Path,
    form: str,
    *,
    jobs: int = 1,
    engine: str = "processes",
    allow_outside_grid: bool = False,
    progress: bool = False,
) -> list[RewriteReport]:
    """Store the heatmaps of all shards of a folder in another form.

    Args:
        shards: a data set's folder, or the folder above several.
        form: one of `mhbench.shards.heatmap_forms.FORMS`.
        jobs: number of workers.
        engine: as in `convert`.
        allow_outside_grid: as in `convert`, for shards that had no heatmaps.
        progress: show progress on stderr.

    Returns:
        One report for each data set.

    Raises:
        UsageError: there is no such form.
        MissingInputError: nothing was converted there, or the journals of the conversion are missing.
        OutputError: the folder is not writable, or the disk is full; finished shards are intact.
    """
    if form not in FORMS:
        raise UsageError(
            f"heatmaps cannot be stored as {form!r}",
            expected=f"one of: {', '.join(FORMS)}",
            action="check the spelling",
        )
    return [
        _rewrite_dataset(
            folder,
            form,
            jobs=jobs,
            engine=engine,
            allow_outside_grid=allow_outside_grid,
            progress=progress,
        )
        for folder in dataset_folders(shards)
    ]


def rewrite_shard(task: RewriteTask) -> Converted:
    """Rewrite one shard and say what its journal must say now.

    Raises:
        InputError: the shard is missing or damaged, or it has no heatmaps and the manifest has changed.
        OutputError: the disk takes nothing more.
    """
    before, path = task.before, task.folder / task.before.shard.path
    recipe = _recipe(before, task.form)
    with open_file(path) as file:
        store = get_heatmaps(file)
    if store.grid is not None and store.form == task.form:
        # an interrupted run put the shard in place, but not its journal
        size, sha256 = path.stat().st_size, file_sha256(path)
    else:
        table = read_table(path)
        store = _in_other_form(store, table, task)
        origin = Origin(
            item=before.shard.item,
            frames_available=before.shard.frames_available,
            converter_version=recipe.converter_version,
            manifest_hash=recipe.manifest_hash,
            raw_sha256=before.shard.raw_sha256,
        )
        images = stored_images(path)
        written = write_shard(path, table, origin, store, images, compression=recipe.options.compression)
        size, sha256 = written.size, written.sha256
    return msgspec.structs.replace(
        before,
        recipe=recipe,
        shard=msgspec.structs.replace(shard_info(path, sha256=sha256), path=before.shard.path),
        shard_bytes=size,
        drawn=store.drawn,
        outside=store.outside,
    )


def _in_other_form(store: HeatmapStore, table: FrameTable, task: RewriteTask) -> HeatmapStore:
    if store.grid is not None and task.form != "none":
        return replace(store, form=task.form)
    if task.form != "none" and task.manifest_hash != task.before.recipe.manifest_hash:
        raise InputError(
            f"{task.before.shard.path} has no heatmaps, and the data set's manifest has changed since",
            expected="the manifest it was converted with",
            action=f"convert again with --heatmaps {task.form} --force",
        )
    made = heatmaps_of(table, task.grid, task.form)
    if not task.allow_outside_grid:
        check_depths(made)
    return made


def _rewrite_dataset(
    folder: Path, form: str, *, jobs: int, engine: str, allow_outside_grid: bool, progress: bool
) -> RewriteReport:
    before = read_journals(folder / JOURNAL_FOLDER)
    results = _converted_items(folder, before)
    recipe = next(iter(results.values())).recipe
    dataset = recipe.dataset
    grid = dataset_manifest(dataset).grid
    known_hash = conversion_hash(dataset, recipe.options.corrections)
    pending = {
        item: RewriteTask(folder, result, form, grid, known_hash, allow_outside_grid)
        for item, result in results.items()
        if result.recipe != _recipe(result, form)
    }
    try:
        if pending:
            (folder / INDEX_NAME).unlink(missing_ok=True)
        for place in {folder, *((folder / one.shard.path).parent for one in results.values())}:
            remove_orphans(place)
    except OSError as error:
        raise unwritable(folder, error) from error
    journals = run_jobs(
        pending,
        rewrite_shard,
        folder / JOURNAL_FOLDER,
        engine_name=engine,
        jobs=jobs,
        label=f"heatmaps {dataset}" if progress else "",
    )
    failures = {item: one.failure for item, one in journals.items() if one.failure is not None}
    if len(failures) == len(results):
        # nothing has changed, so nothing is lost: the shards stay what their journals said
        for journal in before.values():
            write_journal(folder / JOURNAL_FOLDER, journal)
    rebuild_index(folder)
    return RewriteReport(
        dataset=dataset,
        folder=folder,
        form=form,
        rewritten=len(pending) - len(failures),
        current=len(results) - len(pending),
        megabytes=sum(
            (folder / results[item].shard.path).stat().st_size for item in results if item not in failures
        )
        / 1e6,
        failures=failures,
    )


def _converted_items(folder: Path, journals: Mapping[str, Journal]) -> dict[str, Converted]:
    found = {item: converted(journal) for item, journal in journals.items()}
    results = {item: result for item, result in found.items() if result is not None}
    if not results:
        raise MissingInputError(
            f"{folder} has no journals of converted items",
            expected=f"the folder {folder / JOURNAL_FOLDER} that `mhbench convert` leaves",
            action="copy it together with the shards, or convert again",
        )
    return results


def _recipe(before: Converted, form: str) -> Recipe:
    options = msgspec.structs.replace(before.recipe.options, heatmaps=form)
    return msgspec.structs.replace(before.recipe, options=options)
