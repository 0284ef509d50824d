"""`mhbench convert`: raw data set -> HDF5 shards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import click

from mhbench.cli.options import HEATMAP_FORMS, dataset_name, names
from mhbench.places import raw_root


@click.command(context_settings={"show_default": True})
@click.argument("dataset", callback=dataset_name)
@click.option(
    "--raw",
    type=click.Path(path_type=Path),
    help="Raw root.  [default: MHBENCH_RAW/<dataset> or raw/<dataset>]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=lambda: Path(os.environ.get("MHBENCH_DATA", "shards")),
    show_default="MHBENCH_DATA or shards",
    help="Folder of all shards.",
)
@click.option("--split", "splits", multiple=True, help="Only this split (may be repeated).")
@click.option("--sequences", multiple=True, help="Only these sequences (repeat, or separate by commas).")
@click.option("--cameras", multiple=True, help="Only these cameras (repeat, or separate by commas).")
@click.option(
    "--every", type=click.IntRange(min=1), default=1, help="Only raw indices divisible by this number."
)
@click.option(
    "--limit", type=click.IntRange(min=0), default=0, help="At most so many frames of each item; 0 = all."
)
@click.option(
    "--frames", type=click.Path(path_type=Path), help="Folder of <sequence>.txt with one index a line."
)
@click.option(
    "--exclude", "exclusions", multiple=True, help="Leave out the frames of this list (may be repeated)."
)
@click.option(
    "--correct", "corrections", multiple=True, help="Mend the frames of this list instead (may be repeated)."
)
@click.option(
    "--images",
    type=click.Choice(["path", "embed", "extract"]),
    default="path",
    help="Store paths, image files, or wanted frames of videos.",
)
@click.option(
    "--heatmaps",
    type=click.Choice(HEATMAP_FORMS),
    default="peaks",
    help="Form of the heatmaps; docs/heatmaps.md describes each.",
)
@click.option(
    "--compression", type=click.Choice(["gzip", "zstd"]), default="gzip", help="zstd needs the extra."
)
@click.option(
    "--check", type=click.Choice(["quick", "full"]), default="quick", help="How finished shards are checked."
)
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Number of workers.  [default: all CPUs]")
@click.option(
    "--engine",
    type=click.Choice(["processes", "dask", "ray"]),
    default="processes",
    help="Who runs the workers.",
)
@click.option("--scheduler", metavar="ADDR", help="A running Dask or Ray cluster.")
@click.option(
    "--shard-index", type=click.IntRange(min=0), default=0, help="Which part of the items this job does."
)
@click.option(
    "--shard-count",
    type=click.IntRange(min=1),
    default=1,
    help="Number of jobs; `mhbench index` follows them.",
)
@click.option(
    "--allow-outside-grid", is_flag=True, help="Accept joints beyond the depths of the heatmap grid."
)
@click.option("--force", is_flag=True, help="Convert everything again, also with other options.")
def command(
    dataset: str,
    raw: Path | None,
    out: Path,
    splits: tuple[str, ...],
    sequences: tuple[str, ...],
    cameras: tuple[str, ...],
    every: int,
    limit: int,
    frames: Path | None,
    exclusions: tuple[str, ...],
    corrections: tuple[str, ...],
    images: str,
    heatmaps: str,
    compression: str,
    check: Literal["quick", "full"],
    jobs: int | None,
    engine: str,
    scheduler: str | None,
    shard_index: int,
    shard_count: int,
    *,
    allow_outside_grid: bool,
    force: bool,
) -> int:
    """Convert a raw data set to shards.

    What is finished and unchanged is kept: after any interruption, run the same command again.

    \b
    mhbench convert panoptic --raw raw/panoptic --out shards
    mhbench convert panoptic --cameras 00_16,00_30 --every 10 -j 8
    mhbench convert panoptic --shard-index $SLURM_ARRAY_TASK_ID --shard-count 32
    """
    import joblib  # noqa: PLC0415 - commands import their work when called

    from mhbench.conversion.pipeline import convert  # noqa: PLC0415
    from mhbench.datasets.items import Selection  # noqa: PLC0415
    from mhbench.protocols.frame_lists import read_frame_lists  # noqa: PLC0415

    report = convert(
        dataset,
        raw_root(dataset, raw),
        out,
        Selection(
            splits=splits,
            sequences=names(sequences),
            cameras=names(cameras),
            every=every,
            limit=limit,
            frame_lists=read_frame_lists(frames) if frames else {},
            exclusions=exclusions,
            corrections=corrections,
        ),
        heatmaps=heatmaps,
        images=images,
        compression=compression,
        engine=engine,
        jobs=jobs or joblib.cpu_count(),
        scheduler=scheduler,
        check=check,
        force=force,
        shard_index=shard_index,
        shard_count=shard_count,
        allow_outside_grid=allow_outside_grid,
        progress=True,
    )
    click.echo(str(report))
    return 1 if report.failures else 0
